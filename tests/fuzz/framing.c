/*
 * framing.c - any bytes as a value whose encoding must be found out, with any bytes as the header that may
 * name its schema: the first byte says how long that is.
 */
#include "tests/fuzz/check_rows.h"

#include "engine/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t touched;

/* Whatever a schema registry would be asked for lies in the value or the header. */
static enum decode_result look(void *context, const struct framing *framing,
                               struct otlp_cursor *cursor, struct span_batch *batch)
{
    const struct bytes *value = context;
    (void)batch;
    CHECK(framing->kind != FRAMING_GUID || framing->guid.size == FRAMING_GUID_BYTES);
    for (size_t i = 0; i < framing->guid.size; i++)
        touched += framing->guid.data[i];
    CHECK(framing->payload.size <= value->size);
    CHECK(cursor->record.data == framing->payload.data);
    touched += framing->id + framing->fingerprint;
    return DECODE_DONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes header = BYTES_NONE, value = bytes_of(data, size);
    if (size > 0 && data[0] < 32 && data[0] < size) {
        header = bytes_of(data + 1, data[0]);
        value = bytes_of(data + 1 + data[0], size - 1 - data[0]);
    }
    check_rows(value, header, ENCODING_AUTO, SIGNAL_ANY);
    check_rows(value, BYTES_NONE, ENCODING_AUTO, SIGNAL_ANY);
    check_rows(value, BYTES_NONE, ENCODING_OTLP_PROTO, SIGNAL_SPANS);
    const struct avro_decoder avro = {&value, look, NULL};
    const struct encoding_options options = {ENCODING_AVRO, SIGNAL_SPANS, &otlp_limits_default,
                                             &avro};
    struct encoded_record record;
    encoding_start(&record, value, header, 0, &options);
    static struct span_batch *batch;
    if (batch == NULL)
        batch = span_batch_create(1);
    span_batch_reset(batch);
    (void)encoding_decode(&record, batch);
    return 0;
}
