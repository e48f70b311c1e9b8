/*
 * avro_input.c - a table of compiled schemas by (what it is for, id): filled under a lock, read without one.
 *
 * Slots only ever go from empty to full, and the table is made at least twice as large as it can get, so a
 * search ends at the first empty slot.
 */
#include "engine/flow/avro_input.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/flow/schema_texts.h"
#include "engine/span/avro_span.h"
#include "engine/span/avro_to_json.h"
#include "engine/span/otlp_span.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define AWAIT_MS 1000

enum purpose { FOR_SPANS, FOR_VERDICTS };

/* Zero-filled where it does not count: keys compare as bytes. */
struct key {
    uint32_t purpose;
    uint32_t kind; /* enum framing_kind; NONE: the local schema */
    uint32_t id;
    uint8_t guid[SCHEMA_GUID_BYTES];
};

/* A schema as it is read; neither reader nor program: unfit, and why. */
struct known {
    struct key key;
    struct avro_span_reader *spans;
    struct avro_program *verdicts;
    char reason[AVRO_REASON_BYTES];
};

struct avro_input {
    struct avro_input_options options;
    struct avro_decoder decoder;
    struct avro_schema *verdict; /* the reader's */
    uint8_t *local;
    pthread_mutex_t lock; /* of filling slots */
    _Atomic(struct known *) *slots;
    uint32_t mask;
    char last_reason[AVRO_REASON_BYTES]; /* patient: why decode refused */
};

/* ---- the table ------------------------------------------------------------------------------------------ */

static struct known *find(const struct avro_input *input, const struct key *key, uint32_t *slot)
{
    uint32_t at = (uint32_t)hash_bytes(bytes_of(key, sizeof *key), 0) & input->mask;
    struct known *known;
    while ((known = atomic_load_explicit(&input->slots[at], memory_order_acquire)) != NULL &&
           memcmp(&known->key, key, sizeof *key) != 0)
        at = (at + 1) & input->mask;
    *slot = at;
    return known;
}

static struct avro_program *compile_verdicts(const struct avro_input *input, const struct bytes *texts,
                                             uint32_t count, struct error *error)
{
    struct avro_compile_options options = avro_compile_options_default;
    options.marks = true;
    options.loose = true; /* as spans are: names of types need not agree, what is unknown is skipped */
    struct avro_schema *writer = avro_schema_parse(texts, count, &avro_schema_limits_default, error);
    if (writer == NULL)
        return NULL;
    struct avro_program *program = NULL;
    if (writer->nodes[writer->root].type == AVRO_RECORD)
        program = avro_compile(writer, input->verdict, &options, error);
    else
        error_set(error, ERROR_INPUT, "a verdict is a record; see schemas/verdict.avsc");
    avro_schema_destroy(writer);
    return program;
}

static struct known *compile(const struct avro_input *input, const struct key *key,
                             const struct bytes *texts, uint32_t count)
{
    struct error error = {0};
    struct known *known = memory_allocate(sizeof *known);
    known->key = *key;
    if (key->purpose == FOR_SPANS)
        known->spans =
            avro_span_reader_create(texts, count, &avro_schema_limits_default, &error);
    else
        known->verdicts = compile_verdicts(input, texts, count, &error);
    (void)snprintf(known->reason, sizeof known->reason, "%.310s", error.message);
    return known;
}

static struct known *add(struct avro_input *input, const struct key *key, const struct bytes *texts,
                         uint32_t count)
{
    uint32_t slot;
    CHECK(pthread_mutex_lock(&input->lock) == 0);
    struct known *known = find(input, key, &slot);
    if (known == NULL) {
        known = compile(input, key, texts, count);
        atomic_store_explicit(&input->slots[slot], known, memory_order_release);
    }
    CHECK(pthread_mutex_unlock(&input->lock) == 0);
    return known;
}

/* ---- looking --------------------------------------------------------------------------------------------- */

static void ask(struct schema_registry *registry, const struct framing *framing,
                struct schema_lookup *found)
{
    if (framing->kind == FRAMING_GUID)
        schema_registry_lookup_guid(registry, framing->guid.data, found);
    else
        schema_registry_lookup(registry, framing->id, found);
}

static enum avro_look say(char *reason, enum avro_look look, const char *why, const char *more)
{
    (void)snprintf(reason, AVRO_REASON_BYTES, "%s%s%.200s", why, more[0] != 0 ? ": " : "", more);
    return look;
}

/* What is not compiled yet. */
static enum avro_look fetch(struct avro_input *input, const struct framing *framing,
                            const struct key *key, struct known **out, char *reason)
{
    const struct avro_input_options *o = &input->options;
    struct schema_lookup found;
    ask(o->registry, framing, &found);
    while (o->patient && found.state == SCHEMA_FETCHING && found.waited_ms < o->wait_ms) {
        schema_registry_await(o->registry, o->wait_ms < AWAIT_MS ? o->wait_ms : AWAIT_MS);
        ask(o->registry, framing, &found);
    }
    if (found.state == SCHEMA_FAILED)
        return say(reason, AVRO_LOOK_UNKNOWN, "Avro: the registry has no schema for this record", found.reason);
    if (found.state == SCHEMA_FETCHING && found.waited_ms < o->wait_ms)
        return say(reason, AVRO_LOOK_WAIT, "Avro: its schema is being fetched", found.reason);
    if (found.state == SCHEMA_FETCHING)
        return say(reason, AVRO_LOOK_UNAVAILABLE, "Avro: its schema did not come within registry.wait", found.reason);
    *out = add(input, key, found.texts, found.texts_count);
    return AVRO_LOOK_READY;
}

/* *out is set when READY. */
static enum avro_look look_for(struct avro_input *input, const struct framing *framing,
                               enum purpose purpose, struct known **out, char *reason)
{
    struct key key = {.purpose = purpose, .kind = framing->kind};
    uint32_t slot;
    if (framing->kind == FRAMING_FINGERPRINT)
        return say(reason, AVRO_LOOK_UNKNOWN, "Avro: schemas are not looked up by fingerprint; use Confluent framing", "");
    if (framing->kind == FRAMING_NONE || input->options.registry == NULL)
        key.kind = FRAMING_NONE;
    else if (framing->kind == FRAMING_GUID)
        memcpy(key.guid, framing->guid.data, sizeof key.guid);
    else
        key.id = framing->id;
    enum avro_look look = AVRO_LOOK_READY;
    *out = find(input, &key, &slot);
    if (*out == NULL && key.kind != FRAMING_NONE)
        look = fetch(input, framing, &key, out, reason);
    else if (*out == NULL && input->local == NULL)
        return say(reason, AVRO_LOOK_UNKNOWN, "Avro: the record names no schema, and topics.spans_schema is not set", "");
    else if (*out == NULL)
        *out = add(input, &key, &input->options.local, 1);
    if (look != AVRO_LOOK_READY || (*out)->spans != NULL || (*out)->verdicts != NULL)
        return look;
    return say(reason, AVRO_LOOK_UNFIT, (*out)->reason, "");
}

static enum avro_look look_spans(void *context, const struct framing *framing,
                                 char reason[AVRO_REASON_BYTES])
{
    struct known *known;
    return look_for(context, framing, FOR_SPANS, &known, reason);
}

enum avro_look avro_input_look_verdict(struct avro_input *input, const struct framing *framing,
                                       char reason[AVRO_REASON_BYTES])
{
    struct known *known;
    return look_for(input, framing, FOR_VERDICTS, &known, reason);
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

static struct avro_limits limits_of(const struct otlp_limits *limits)
{
    struct avro_limits out = avro_limits_default;
    out.string_bytes_max = limits->string_bytes_max;
    out.attributes_per_span_max = limits->attributes_per_span_max;
    out.depth_max = limits->nesting_depth_max;
    return out;
}

static enum decode_result decode(void *context, const struct framing *framing,
                                 struct otlp_cursor *cursor, struct span_batch *batch)
{
    struct avro_input *input = context;
    struct known *known;
    struct avro_fault fault;
    char reason[AVRO_REASON_BYTES];
    if (batch->rows > 0 && batch->capacity - batch->rows < AVRO_SPAN_ROWS_MAX)
        return DECODE_MORE;
    struct avro_limits limits = limits_of(cursor->limits);
    if (look_for(input, framing, FOR_SPANS, &known, reason) != AVRO_LOOK_READY) {
        if (input->options.patient)
            (void)snprintf(input->last_reason, sizeof input->last_reason, "%s", reason);
        otlp_refuse_span(cursor, 0, REFUSAL_NO_SCHEMA, input->options.patient ? input->last_reason : "Avro: its schema is not at hand");
    } else if (!avro_span_decode(known->spans, cursor->record,
                                 (struct row_origin){cursor->record_number, 0}, &limits, batch,
                                 &cursor->cut_strings, &fault)) {
        otlp_refuse_span(cursor, fault.offset, fault.code, fault.reason);
    }
    return DECODE_DONE;
}

const struct avro_decoder *avro_input_decoder(const struct avro_input *input)
{
    return &input->decoder;
}

bool avro_input_verdict(struct avro_input *input, const struct framing *framing, struct buffer *out,
                        struct error *error)
{
    struct known *known;
    struct avro_fault fault = {0, "it is longer than a verdict may be", REFUSAL_MALFORMED};
    char reason[AVRO_REASON_BYTES];
    if (look_for(input, framing, FOR_VERDICTS, &known, reason) != AVRO_LOOK_READY)
        return error_set(error, ERROR_INPUT, "%s", reason);
    if (avro_to_json(known->verdicts, input->verdict, framing->payload, &avro_limits_default, out,
                     &fault))
        return true;
    return error_set(error, ERROR_INPUT, "verdict: byte %zu of the Avro record: %s", fault.offset,
                     fault.reason);
}

/* ---- making -------------------------------------------------------------------------------------------------- */

/* Both ways of use for the local schema, so that a bad file ends the start. */
static bool check_local(struct avro_input *input, struct error *error)
{
    struct framing none = {.kind = FRAMING_NONE};
    char reason[AVRO_REASON_BYTES];
    if (input->local == NULL || look_spans(input, &none, reason) == AVRO_LOOK_READY)
        return true;
    return error_set(error, ERROR_INPUT, "%s", reason);
}

struct avro_input *avro_input_create(const struct avro_input_options *options, struct error *error)
{
    struct bytes own = schema_text(SCHEMA_VERDICT);
    struct avro_input *input = memory_allocate(sizeof *input);
    uint32_t capacity = 64;
    while (capacity / 4 < options->schemas_max + 2)
        capacity *= 2;
    input->options = *options;
    input->decoder = (struct avro_decoder){input, decode, look_spans};
    input->verdict = avro_schema_parse(&own, 1, &avro_schema_limits_default, error);
    CHECK(input->verdict != NULL); /* it is ours, and a test reads it */
    CHECK(pthread_mutex_init(&input->lock, NULL) == 0);
    input->slots = memory_allocate_array(capacity, sizeof *input->slots);
    input->mask = capacity - 1;
    if (options->local.size > 0) {
        input->local = memory_allocate_raw(options->local.size);
        memcpy(input->local, options->local.data, options->local.size);
        input->options.local.data = input->local;
    }
    if (check_local(input, error))
        return input;
    avro_input_destroy(input);
    return NULL;
}

void avro_input_destroy(struct avro_input *input)
{
    if (input == NULL)
        return;
    for (uint32_t i = 0; i <= input->mask; i++) {
        struct known *known = atomic_load(&input->slots[i]);
        if (known == NULL)
            continue;
        avro_span_reader_destroy(known->spans);
        avro_program_destroy(known->verdicts);
        memory_free(known);
    }
    memory_free(input->slots);
    avro_schema_destroy(input->verdict);
    (void)pthread_mutex_destroy(&input->lock);
    memory_free(input->local);
    memory_free(input);
}
