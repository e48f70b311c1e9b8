/* outputs.c - see outputs.h. */
#include "tests/contract/outputs.h"
#include "tests/test.h"

#include "engine/span/avro_to_json.h"
#include "engine/span/framing.h"
#include "tests/schemas/files.h"
#include "tests/schemas/strict.h"

#define ANSWER_NS ((int64_t)30000000000)

struct reading {
    const char *topic;
    struct schema_registry *registry;
    struct bytes text;
    struct avro_schema *schema;
    struct avro_program *program; /* of the newest writer's schema */
    uint32_t id;
    struct json_document *json;
    struct buffer value;
    void (*take)(void *context, const struct json_value *record);
    void *context;
};

static void find_program(struct reading *r, uint32_t id)
{
    struct schema_lookup found;
    struct error error;
    int64_t until_ns = clock_monotonic_ns() + ANSWER_NS;
    if (r->program != NULL && r->id == id)
        return;
    for (;;) {
        schema_registry_lookup(r->registry, id, &found);
        if (found.state != SCHEMA_FETCHING)
            break;
        assert_true(clock_monotonic_ns() < until_ns);
        schema_registry_await(r->registry, 1000);
    }
    if (found.state != SCHEMA_READY)
        fail_msg("%s: schema %u: %s", r->topic, id, found.reason);
    struct avro_schema *writer = avro_schema_parse(found.texts, found.texts_count, &avro_schema_limits_default, &error);
    assert_non_null(writer);
    struct avro_compile_options options = avro_compile_options_default;
    options.marks = true;
    avro_program_destroy(r->program);
    r->program = avro_compile(writer, r->schema, &options, &error);
    r->id = id;
    assert_true(r->program != NULL && r->program->misfits == 0);
    avro_schema_destroy(writer);
}

static struct bytes json_of(struct reading *r, struct bytes value)
{
    struct framing framing;
    const char *reason;
    struct avro_fault fault = {0, "?", REFUSAL_NONE};
    if (r->registry == NULL)
        return value;
    if (!framing_read(value, BYTES_NONE, &framing, &reason) || framing.kind != FRAMING_ID)
        fail_msg("%s: a record without Confluent framing", r->topic);
    find_program(r, framing.id);
    buffer_clear(&r->value);
    if (!avro_to_json(r->program, r->schema, framing.payload, &avro_limits_default, &r->value, &fault))
        fail_msg("%s: byte %zu: %s", r->topic, fault.offset, fault.reason);
    return buffer_bytes(&r->value);
}

static void take_record(struct reading *r, struct bytes value)
{
    struct error error = {0};
    struct buffer why = BUFFER_WITH_LIMIT(1 << 16);
    struct bytes json = json_of(r, value);
    const struct json_value *record = json_parse(r->json, json, 16, &error);
    if (record == NULL || !strict_fits(r->schema, record, &why))
        fail_msg("%s: %s %.*s in %.*s", r->topic, error.message, BYTES_FMT(buffer_bytes(&why)), BYTES_FMT(json));
    if (r->take != NULL)
        r->take(r->context, record);
    buffer_free(&why);
}

/* Calls back for every committed record of every partition. */
static uint32_t read_topic(struct bus *bus, const char *topic, void (*take)(void *context, struct bus_reader *reader, const struct bus_record *record),
                           void *context)
{
    struct error error = {0};
    struct topic_info info;
    uint32_t count = 0;
    assert_true(bus_describe(bus, topic, &info, &error));
    for (int32_t p = 0; p < info.partitions; p++) {
        int64_t low = 0, high = 0;
        struct bus_record record;
        assert_true(bus_watermarks(bus, topic, p, &low, &high, &error));
        if (low == high)
            continue;
        struct bus_reader *reader = bus_reader_open(bus, topic, p, -2, high, &error);
        assert_non_null(reader);
        enum reader_event event;
        while ((event = reader_next(reader, 20000, &record, &error)) == READER_RECORD) {
            take(context, reader, &record);
            count++;
        }
        assert_int_equal(event, READER_END);
        assert_true(reader_position(reader) >= high);
        reader_close(reader);
    }
    return count;
}

static void hold_record(void *context, struct bus_reader *reader, const struct bus_record *record)
{
    (void)reader;
    take_record(context, record->value);
}

uint32_t outputs_read(struct bus *bus, const char *topic, const char *file, struct schema_registry *registry,
                      void (*take)(void *context, const struct json_value *record), void *context)
{
    struct error error;
    struct buffer text;
    struct reading r = {.topic = topic, .registry = registry, .take = take, .context = context};
    assert_true(schema_file_read(file, &text));
    r.text = buffer_bytes(&text);
    r.schema = avro_schema_parse(&r.text, 1, &avro_schema_limits_default, &error);
    r.json = json_create(1 << 20);
    r.value = BUFFER_WITH_LIMIT(1 << 20);
    uint32_t count = read_topic(bus, topic, hold_record, &r);
    avro_program_destroy(r.program);
    avro_schema_destroy(r.schema);
    json_destroy(r.json);
    buffer_free(&r.value);
    buffer_free(&text);
    return count;
}

struct letters {
    char header[100];
    const char *code;
    uint32_t found;
};

static void count_letter(void *context, struct bus_reader *reader, const struct bus_record *record)
{
    struct letters *letters = context;
    struct bus_header headers[BUS_HEADERS_MAX];
    uint32_t count = reader_headers(reader, headers, BUS_HEADERS_MAX);
    (void)record;
    for (uint32_t i = 0; i < count; i++)
        letters->found += bytes_equal_text(headers[i].name, letters->header) && bytes_equal_text(headers[i].value, letters->code);
}

uint32_t outputs_letters(struct bus *bus, const char *topic, const char *app, const char *code)
{
    struct letters letters = {.code = code};
    snprintf(letters.header, sizeof letters.header, "__%s.errors.code", app);
    (void)read_topic(bus, topic, count_letter, &letters);
    return letters.found;
}
