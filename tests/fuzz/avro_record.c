/*
 * avro_record.c - a schema, a zero byte, and any bytes as a record of it: nothing outside is read, every
 * text can be touched, and a refusal names a place in the record; as events and as a row of spans.
 */
#include "engine/base/check.h"
#include "engine/span/avro_event.h"
#include "engine/span/avro_span.h"

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
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    if (batch == NULL) {
        batch = span_batch_create(1);
        for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
            span_columns_add(&batch->wanted, column);
    }
    if (zero == NULL)
        return 0;
    struct bytes text = bytes_of(data, (size_t)(zero - data));
    struct bytes record = bytes_of(zero + 1, size - text.size - 1);
    as_events(text, record);
    as_row(text, record, batch);
    return 0;
}
