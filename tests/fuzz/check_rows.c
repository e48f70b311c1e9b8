/* check_rows.c - see check_rows.h. */
#include "tests/fuzz/check_rows.h"

#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/span/canonical_json.h"

static volatile uint8_t touched;

void check_rows_touch(const struct span_batch *batch)
{
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++) {
        if (span_column_type(column) != SPAN_TYPE_bytes)
            continue;
        const struct bytes *values = span_batch_column(batch, column);
        for (uint32_t row = 0; row < batch->rows; row++) {
            CHECK(values[row].data != NULL || values[row].size == 0);
            if (values[row].size > 0)
                touched = (uint8_t)(values[row].data[0] ^ values[row].data[values[row].size - 1]);
        }
    }
}

void check_rows_refusals(const struct otlp_cursor *cursor)
{
    uint32_t refused = 0;
    for (int code = 0; code < REFUSAL_COUNT; code++)
        refused += cursor->refused[code];
    CHECK(refused == cursor->bad_spans && cursor->refused[REFUSAL_NONE] == 0);
    CHECK((cursor->bad_spans == 0) == (cursor->bad_reason == NULL));
    CHECK((cursor->bad_spans == 0) == (cursor->bad_code == REFUSAL_NONE));
}

static uint32_t decode(struct encoded_record *record, struct span_batch *batch, struct buffer *out)
{
    uint32_t rows = 0;
    for (enum decode_result result = DECODE_MORE; result == DECODE_MORE;) {
        span_batch_reset(batch);
        result = encoding_decode(record, batch);
        CHECK(result == DECODE_DONE || batch->rows > 0); /* else it would never end */
        check_rows_touch(batch);
        for (uint32_t row = 0; row < batch->rows; row++)
            canonical_json_row(batch, row, NULL, out);
        rows += batch->rows;
    }
    check_rows_refusals(&record->cursor);
    return rows;
}

void check_rows(struct bytes value, struct bytes header, enum encoding encoding,
                enum signal_kind signal)
{
    static struct span_batch *one, *many;
    static struct buffer out, again;
    if (one == NULL) {
        one = span_batch_create(1);
        many = span_batch_create(64);
        out = again = BUFFER_WITH_LIMIT((size_t)64 << 20);
        for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++) {
            span_columns_add(&one->wanted, column);
            span_columns_add(&many->wanted, column);
        }
    }
    const struct encoding_options options = {encoding, signal, &otlp_limits_default, NULL};
    struct encoded_record a, b;
    encoding_start(&a, value, header, 0, &options);
    encoding_start(&b, value, header, 0, &options);
    buffer_clear(&out);
    buffer_clear(&again);
    uint32_t rows = decode(&a, many, &out);
    CHECK(decode(&b, one, &again) == rows);
    CHECK(a.cursor.bad_spans == b.cursor.bad_spans && a.cursor.bad_offset == b.cursor.bad_offset &&
          a.cursor.cut_strings == b.cursor.cut_strings);
    CHECK(a.cursor.bad_offset <= value.size);
    CHECK(!out.failed && !again.failed && bytes_equal(buffer_bytes(&out), buffer_bytes(&again)));
}
