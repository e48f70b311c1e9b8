/*
 * avro_record.c - a schema, a zero byte, and any bytes as a record of it: nothing outside is read, every
 * text can be touched, and a refusal names a place in the record; as events and as a row of spans.
 */
#include "engine/base/check.h"
#include "engine/span/avro_event.h"
#include "engine/span/avro_span.h"
#include "engine/span/avro_to_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t touched;

static void touch(struct bytes text)
{
    CHECK(text.data != NULL || text.size == 0);
    if (text.size > 0)
        touched = (uint8_t)(text.data[0] ^ text.data[text.size - 1]);
}

static void take(void *context, const struct avro_event *event)
{
    uint64_t *events = context;
    touch(event->bytes);
    ++*events;
}

/* Small, so that the fuzzer sees the bounds and stays fast. */
static const struct avro_limits limits = {
    .depth_max = 40, .steps_max = 20000, .string_bytes_max = 1000, .attributes_per_span_max = 50};

static void as_events(struct bytes text, struct bytes record)
{
    struct error error;
    struct avro_fault fault = {0};
    uint64_t events = 0;
    struct avro_compile_options options = avro_compile_options_default;
    struct avro_schema *schema = avro_schema_parse(&text, 1, &avro_schema_limits_default, &error);
    if (schema == NULL)
        return;
    options.marks = true;
    struct avro_program *program = avro_compile(schema, schema, &options, &error);
    if (program != NULL && !avro_events(program, record, &limits, take, &events, &fault))
        CHECK(fault.reason != NULL && fault.offset <= record.size);
    CHECK(events <= limits.steps_max * 2);
    avro_program_destroy(program);
    avro_schema_destroy(schema);
}

/* Every other type inside another, as verdicts are read. */
static const char answer[] =
    "{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":\"string\"},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"double\"}},"
    "{\"name\":\"l\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"bytes\",\"A\"]}}]}";

/* What comes out is one JSON value, or a refusal with a place. */
static void as_json(struct bytes text, struct bytes wanted, bool loose, struct bytes record,
                    struct json_document *document)
{
    struct error error;
    struct avro_fault fault = {0};
    struct buffer out = BUFFER_WITH_LIMIT(100000);
    struct avro_compile_options options = avro_compile_options_default;
    struct avro_schema *writer = avro_schema_parse(&text, 1, &avro_schema_limits_default, &error);
    struct avro_schema *reader = avro_schema_parse(&wanted, 1, &avro_schema_limits_default, &error);
    options.marks = true;
    options.loose = loose;
    struct avro_program *program =
        writer && reader ? avro_compile(writer, reader, &options, &error) : NULL;
    if (program != NULL && avro_to_json(program, reader, record, &limits, &out, &fault))
        CHECK(out.size == 0 || json_valid(document, buffer_bytes(&out)));
    else
        CHECK(program == NULL || out.failed || fault.reason != NULL);
    buffer_free(&out);
    avro_program_destroy(program);
    avro_schema_destroy(writer);
    avro_schema_destroy(reader);
}

static void as_row(struct bytes text, struct bytes record, struct span_batch *batch)
{
    struct error error;
    struct avro_fault fault = {0};
    uint32_t cut = 0;
    struct avro_span_reader *reader =
        avro_span_reader_create(&text, 1, &avro_schema_limits_default, &error);
    if (reader == NULL)
        return;
    span_batch_reset(batch);
    bool good =
        avro_span_decode(reader, record, (struct row_origin){0, 0}, &limits, batch, &cut, &fault);
    CHECK(batch->rows == (good ? 1 : 0));
    CHECK(good || (fault.reason != NULL && fault.offset <= record.size));
    for (unsigned column = 0; good && column < SPAN_COLUMN_COUNT; column++)
        if (span_column_type(column) == SPAN_TYPE_bytes)
            touch(((struct bytes *)span_batch_column(batch, column))[0]);
    avro_span_reader_destroy(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct span_batch *batch;
    static struct json_document *document;
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    if (batch == NULL) {
        document = json_create((size_t)1 << 20);
        batch = span_batch_create(1);
        for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
            span_columns_add(&batch->wanted, column);
    }
    if (zero == NULL)
        return 0;
    struct bytes text = bytes_of(data, (size_t)(zero - data));
    struct bytes record = bytes_of(zero + 1, size - text.size - 1);
    as_events(text, record);
    as_json(text, text, false, record, document);
    as_json(text, bytes_from_text(answer), true, record, document);
    as_row(text, record, batch);
    return 0;
}
