/* encoding.c - see encoding.h. What is recognised by which bytes: span-formats.md 0. */
#include "engine/span/encoding.h"

#include "engine/span/json_span.h"
#include "engine/span/json_walk.h"
#include "engine/span/leaves.h"
#include "engine/span/otlp_json.h"
#include "engine/span/otlp_span.h"
#include "engine/span/otlp_wire.h"

#define KEYS_MAX 32 /* of an object's keys, how many are looked at */

/* What a span is about is settled among the rows of its record (leaves.h), and must not depend on where a
 * batch ends: a record goes into one batch, which grows. A record beyond these bounds is settled in parts,
 * counted from its own beginning. */
#define PART_ROWS_MAX       4096
#define PART_TEXT_BYTES_MAX ((size_t)32 * 1024 * 1024)

const char *const encoding_names[ENCODING_COUNT + 1] = {"auto", "otlp_proto", "otlp_json",
                                                        "json", "avro",       NULL};

/* ---- looking ------------------------------------------------------------------------------------------------- */

static const uint8_t *json_start(struct bytes payload)
{
    const uint8_t *at = payload.data;
    const uint8_t *end = at + payload.size;
    if (payload.size >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    at = walk_space(at, end);
    return at < end && (*at == '{' || *at == '[') ? at : NULL;
}

/* OTLP has its own keys; other objects, and arrays, are plain spans. `at` is at the bracket. */
static enum encoding look_at_json(const uint8_t *at, const uint8_t *end, bool *logs)
{
    static const char *const otlp[] = {"resourceSpans", "resource_spans", "resourceLogs",
                                       "resource_logs"};
    struct walk_string key;
    if (*at == '[')
        return ENCODING_JSON;
    at = walk_space(at + 1, end);
    if (at < end && *at == '}')
        return ENCODING_OTLP_JSON; /* an empty request, of either */
    for (int keys = 0; keys < KEYS_MAX; keys++) {
        const uint8_t *value = walk_key(walk_space(at, end), end, &key);
        if (value == NULL)
            break;
        for (size_t i = 0; i < sizeof otlp / sizeof *otlp; i++)
            if (bytes_equal_text(key.raw, otlp[i])) {
                *logs = i >= 2;
                return ENCODING_OTLP_JSON;
            }
        at = walk_skip(value, end);
        if (at == NULL || (at = walk_space(at, end)) == end || *at != ',')
            break;
        at++;
    }
    return ENCODING_JSON;
}

/* A request begins with resource_spans, whose length must fit. */
static bool looks_like_otlp_proto(struct bytes payload)
{
    const uint8_t *at = payload.data;
    const uint8_t *end = at + payload.size;
    uint32_t tag;
    struct bytes body;
    return payload.size > 0 && wire_tag(&at, end, &tag) && tag == WIRE_TAG(1, WIRE_BYTES) &&
           wire_bytes(&at, end, &body);
}

/* The first ResourceSpans is filled exactly by fields that it may have. */
static bool is_otlp_proto(struct bytes payload)
{
    const uint8_t *at = payload.data + 1;
    struct bytes body, field;
    if (!looks_like_otlp_proto(payload) || !wire_bytes(&at, payload.data + payload.size, &body))
        return false;
    at = body.data;
    while (at < body.data + body.size) {
        uint32_t tag;
        if (!wire_tag(&at, body.data + body.size, &tag) || (tag & 7) != WIRE_BYTES ||
            !wire_bytes(&at, body.data + body.size, &field))
            return false;
    }
    return true;
}

/* The text of JSON; NULL: it is none. Protobuf whose first length is the code of a bracket, 91 or 123,
 * looks like JSON behind a line break. */
static const uint8_t *look_for_json(struct bytes payload)
{
    const uint8_t *json = json_start(payload);
    return json == payload.data + 1 && is_otlp_proto(payload) ? NULL : json;
}

/* Avro begins with any byte: behind a schema id, JSON must also go on and end as it does. */
static bool is_whole_json(const uint8_t *at, const uint8_t *end)
{
    const uint8_t closing = *at == '{' ? '}' : ']';
    at = walk_space(at + 1, end);
    while (end > at && (end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\r' || end[-1] == '\t'))
        end--;
    return at < end && memchr("\"{[}]", *at, 5) != NULL && end[-1] == closing;
}

/* Behind a schema id lies whatever the registry's schema says: JSON and OTLP show themselves. */
static enum encoding look_behind_frame(struct bytes *payload, bool *logs)
{
    struct bytes bare = *payload;
    const uint8_t *json = look_for_json(bare);
    if (json != NULL && is_whole_json(json, bare.data + bare.size))
        return look_at_json(json, bare.data + bare.size, logs);
    if (framing_pass_indexes(&bare) && looks_like_otlp_proto(bare)) {
        *payload = bare;
        return ENCODING_OTLP_PROTO;
    }
    return ENCODING_AVRO;
}

static enum encoding look(struct encoded_record *record, struct bytes *payload, bool *logs)
{
    if (record->framing.kind == FRAMING_FINGERPRINT)
        return ENCODING_AVRO;
    if (record->framing.kind != FRAMING_NONE && !record->framing.in_header)
        return look_behind_frame(payload, logs);
    const uint8_t *json = look_for_json(*payload);
    if (json != NULL)
        return look_at_json(json, payload->data + payload->size, logs);
    if (record->framing.kind != FRAMING_NONE && !record->framing.indexed)
        return ENCODING_AVRO;
    return ENCODING_OTLP_PROTO;
}

/* Body of the first field of this number; false when there is none. */
static bool first_body(struct bytes *message, uint32_t number)
{
    const uint8_t *at = message->data;
    const uint8_t *end = at + message->size;
    uint32_t tag;
    while (at < end && wire_tag(&at, end, &tag)) {
        if (tag == WIRE_TAG(number, WIRE_BYTES))
            return wire_bytes(&at, end, message);
        if (!wire_skip(&at, end, tag))
            return false;
    }
    return false;
}

/* Requests of traces and logs differ in their leaves only: a LogRecord has times as fields 1 and 11, where
 * a Span has its trace id and events. */
static bool holds_logs(struct bytes payload)
{
    struct bytes leaf = payload;
    if (!first_body(&leaf, 1) || !first_body(&leaf, 2) || !first_body(&leaf, 2))
        return false;
    const uint8_t *at = leaf.data;
    const uint8_t *end = at + leaf.size;
    uint32_t tag;
    while (at < end && wire_tag(&at, end, &tag)) {
        if (tag >> 3 == 1 || tag >> 3 == 11)
            return (tag & 7) == WIRE_FIXED64;
        if (!wire_skip(&at, end, tag))
            return false;
    }
    return false;
}

/* ---- starting -------------------------------------------------------------------------------------------------- */

static void refuse(struct encoded_record *record, enum refusal code, const char *reason)
{
    record->encoding = ENCODING_AUTO;
    otlp_note(&record->cursor, 0, code, reason);
    record->cursor.bad_spans = 1;
    record->cursor.refused[code] = 1;
}

/* What the option says, checked against the framing; `auto` looks. False: refused. */
static bool resolve(struct encoded_record *record, struct bytes *payload)
{
    enum encoding encoding = record->options->encoding;
    enum signal_kind signal = record->options->signal;
    bool logs = signal == SIGNAL_LOGS;
    bool framed = record->framing.kind != FRAMING_NONE && !record->framing.in_header;
    if (encoding == ENCODING_AUTO)
        encoding = look(record, payload, &logs);
    else if (encoding == ENCODING_OTLP_PROTO && framed && !framing_pass_indexes(payload)) {
        refuse(record, REFUSAL_FRAMING,
               "Confluent framing without the message indexes of protobuf");
        return false;
    }
    const uint8_t *json = encoding == ENCODING_OTLP_JSON ? json_start(*payload) : NULL;
    if (signal == SIGNAL_ANY && encoding == ENCODING_OTLP_PROTO)
        logs = holds_logs(*payload);
    else if (signal == SIGNAL_ANY && json != NULL)
        (void)look_at_json(json, payload->data + payload->size, &logs);
    if (logs != (signal == SIGNAL_LOGS) && signal != SIGNAL_ANY) {
        refuse(record, REFUSAL_WRONG_SIGNAL,
               logs ? "log records on a topic of spans" : "spans on a topic of log records");
        return false;
    }
    record->encoding = encoding;
    record->cursor.logs = logs;
    if (encoding == ENCODING_JSON && logs) {
        refuse(record, REFUSAL_WRONG_SIGNAL, "log records come as OTLP, this is other JSON");
        return false;
    }
    if (encoding != ENCODING_AVRO || record->options->avro != NULL)
        return true;
    refuse(record, REFUSAL_NO_SCHEMA,
           "Avro: no schemas are at hand; configure the schema registry (registry.url)");
    return false;
}

void encoding_start(struct encoded_record *record, struct bytes value, struct bytes header,
                    uint32_t record_number, const struct encoding_options *options)
{
    const char *reason;
    record->options = options;
    record->framing = (struct framing){.payload = value};
    record->framing_bytes = 0;
    record->encoding = ENCODING_OTLP_PROTO;
    otlp_cursor_start(&record->cursor, value, record_number, options->limits);
    if (value.size == 0)
        return; /* no value, or an empty request: no rows */
    if (options->encoding != ENCODING_AVRO && (reason = framing_compressed(value)) != NULL) {
        refuse(record, REFUSAL_COMPRESSED, reason);
        return;
    }
    if (!framing_read(value, header, &record->framing, &reason)) {
        refuse(record, REFUSAL_FRAMING, reason);
        return;
    }
    struct bytes payload = record->framing.payload;
    if (!resolve(record, &payload))
        return;
    const uint8_t *json =
        record->encoding == ENCODING_OTLP_JSON || record->encoding == ENCODING_JSON
            ? json_start(payload)
            : NULL;
    if (json != NULL)
        payload = bytes_of(json, (size_t)(payload.data + payload.size - json));
    record->framing.payload = payload;
    record->framing_bytes = (size_t)(payload.data - value.data);
    record->cursor.record = payload;
}

static enum decode_result decode_on(struct encoded_record *record, struct span_batch *batch)
{
    struct otlp_cursor *cursor = &record->cursor;
    switch (record->encoding) {
    case ENCODING_OTLP_PROTO:
        return otlp_proto_decode(cursor, batch);
    case ENCODING_OTLP_JSON:
        return otlp_json_decode(cursor, batch);
    case ENCODING_JSON:
        return json_span_decode(cursor, batch);
    case ENCODING_AVRO:
        return record->options->avro->decode(record->options->avro->context, &record->framing,
                                             cursor, batch);
    default: /* refused when it started */
        return DECODE_DONE;
    }
}

enum avro_look encoding_look(const struct encoded_record *record, char reason[AVRO_REASON_BYTES])
{
    const struct avro_decoder *avro = record->options->avro;
    if (record->encoding != ENCODING_AVRO || avro->look == NULL)
        return AVRO_LOOK_READY;
    return avro->look(avro->context, &record->framing, reason);
}

enum decode_result encoding_decode(struct encoded_record *record, struct span_batch *batch)
{
    struct otlp_cursor *cursor = &record->cursor;
    const bool was_good = cursor->bad_reason == NULL;
    const uint32_t first_row = batch->rows;
    const uint32_t rows_max = first_row + PART_ROWS_MAX;
    const size_t text_stop_bytes = arena_used_bytes(batch->arena) + PART_TEXT_BYTES_MAX;
    span_batch_bound(batch, rows_max, text_stop_bytes);
    enum decode_result result;
    while ((result = decode_on(record, batch)) == DECODE_MORE && batch->capacity < rows_max &&
           arena_used_bytes(batch->arena) <= text_stop_bytes)
        span_batch_grow(batch, rows_max);
    span_batch_bound(batch, UINT32_MAX, SIZE_MAX);
    if (was_good && cursor->bad_reason != NULL && record->encoding != ENCODING_AUTO)
        cursor->bad_offset += record->framing_bytes;
    if (!cursor->logs)
        leaves_settle(batch, first_row);
    return result;
}
