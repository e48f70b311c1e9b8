/*
 * otlp_proto.c - any bytes as an OTLP record: nothing outside is read, every string can be touched,
 * batches of one row and of many give the same rows, and every row can be printed as JSON.
 */
#include "engine/span/otlp_proto.h"
#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/span/canonical_json.h"
#include "tests/fuzz/check_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Text in `out` only when it is given. */
static uint32_t decode(struct bytes record, struct span_batch *batch, struct otlp_cursor *cursor,
                       struct buffer *out)
{
    uint32_t rows = 0;
    otlp_cursor_start(cursor, record, 0, &otlp_limits_default);
    for (enum decode_result result = DECODE_MORE; result == DECODE_MORE;) {
        span_batch_reset(batch);
        result = otlp_proto_decode(cursor, batch);
        CHECK(result == DECODE_DONE || span_batch_full(batch));
        check_rows_touch(batch);
        for (uint32_t row = 0; out != NULL && row < batch->rows; row++)
            canonical_json_row(batch, row, NULL, out);
        rows += batch->rows;
    }
    check_rows_refusals(cursor);
    CHECK(cursor->bad_offset <= record.size);
    return rows;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct span_batch *one, *many;
    static struct buffer out;
    if (one == NULL) {
        one = span_batch_create(1);
        many = span_batch_create(64);
        out = BUFFER_WITH_LIMIT((size_t)64 << 20);
        for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++) {
            span_columns_add(&one->wanted, column);
            span_columns_add(&many->wanted, column);
        }
    }
    struct otlp_cursor a, b;
    struct bytes record = bytes_of(data, size);
    buffer_clear(&out);
    uint32_t rows = decode(record, many, &a, &out);
    CHECK(decode(record, one, &b, NULL) == rows);
    CHECK(a.bad_spans == b.bad_spans && a.bad_offset == b.bad_offset &&
          a.cut_strings == b.cut_strings);
    CHECK(a.state.spans == b.state.spans);
    CHECK(!out.failed);
    return 0;
}
