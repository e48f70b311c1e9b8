/* rows.c - text dumps of batches. */
#include "tests/span/rows.h"

#include "engine/base/check.h"

#include <stdio.h>

struct span_column_set rows_all_columns(void)
{
    struct span_column_set set = {{0, 0}};
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
        span_columns_add(&set, column);
    return set;
}

static void dump_value(const struct span_batch *batch, unsigned column, uint32_t row,
                       struct buffer *out)
{
    const void *values = span_batch_column(batch, column);
    switch (span_column_type(column)) {
    case SPAN_TYPE_bytes: {
        struct bytes value = ((const struct bytes *)values)[row];
        if (!bytes_present(value))
            return;
        buffer_printf(out, " %s=", span_column_name(column));
        for (size_t i = 0; i < value.size; i++) {
            uint8_t c = value.data[i];
            if (c > 0x20 && c < 0x7f && c != '%')
                buffer_put_u8(out, c);
            else
                buffer_printf(out, "%%%02x", c);
        }
        return;
    }
    case SPAN_TYPE_i64: {
        int64_t value = ((const int64_t *)values)[row];
        if (value != SPAN_I64_ABSENT)
            buffer_printf(out, " %s=%lld", span_column_name(column), (long long)value);
        return;
    }
    case SPAN_TYPE_f64: {
        double value = ((const double *)values)[row];
        if (value == value)
            buffer_printf(out, " %s=%.17g", span_column_name(column), value);
        return;
    }
    case SPAN_TYPE_bin: {
        uint16_t value = ((const uint16_t *)values)[row];
        if (value != SPAN_BIN_ABSENT)
            buffer_printf(out, " %s=%u", span_column_name(column), value);
        return;
    }
    }
}

/* One line a row, behind its place in the record; `kinds` also says what each is. */
static void dump_rows(const struct span_batch *batch, bool kinds, struct buffer *out)
{
    for (uint32_t row = 0; row < batch->rows; row++) {
        CHECK(batch->origin[row].record == 7);
        buffer_printf(out, "%u", batch->origin[row].span);
        if (kinds)
            buffer_printf(out, "/%u", batch->kind[row]);
        buffer_put_u8(out, ':');
        for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
            dump_value(batch, column, row, out);
        buffer_put_u8(out, '\n');
    }
}

void rows_dump(struct bytes record, uint32_t capacity, const struct otlp_limits *limits,
               struct otlp_cursor *cursor, struct buffer *out)
{
    struct span_batch *batch = span_batch_create(capacity);
    batch->wanted = rows_all_columns();
    otlp_cursor_start(cursor, record, 7, limits != NULL ? limits : &otlp_limits_default);
    for (enum decode_result result = DECODE_MORE; result == DECODE_MORE;) {
        span_batch_reset(batch);
        result = otlp_proto_decode(cursor, batch);
        dump_rows(batch, false, out);
    }
    span_batch_destroy(batch);
    buffer_put_u8(out, '\0');
    CHECK(!out->failed);
}

void rows_dump_encoded(struct bytes value, const struct encoding_options *options,
                       uint32_t capacity, struct encoded_record *record, struct buffer *out)
{
    struct span_batch *batch = span_batch_create(capacity);
    batch->wanted = rows_all_columns();
    encoding_start(record, value, BYTES_NONE, 7, options);
    for (enum decode_result result = DECODE_MORE; result == DECODE_MORE;) {
        span_batch_reset(batch);
        result = encoding_decode(record, batch);
        dump_rows(batch, true, out);
    }
    span_batch_destroy(batch);
    buffer_put_u8(out, '\0');
    CHECK(!out->failed);
}

static volatile uint8_t touched;

uint32_t rows_check(struct bytes record, struct span_batch *batch, struct otlp_cursor *cursor)
{
    uint32_t rows = 0;
    batch->wanted = rows_all_columns();
    otlp_cursor_start(cursor, record, 0, &otlp_limits_default);
    for (enum decode_result result = DECODE_MORE; result == DECODE_MORE;) {
        span_batch_reset(batch);
        result = otlp_proto_decode(cursor, batch);
        rows += batch->rows;
        for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++) {
            if (span_column_type(column) != SPAN_TYPE_bytes)
                continue;
            const struct bytes *values = span_batch_column(batch, column);
            for (uint32_t row = 0; row < batch->rows; row++) {
                if (!bytes_present(values[row]) || values[row].size == 0)
                    continue;
                /* The sanitizer sees a string that is not where it should be. */
                touched = (uint8_t)(values[row].data[0] ^ values[row].data[values[row].size - 1]);
            }
        }
    }
    CHECK(cursor->bad_spans == 0 ||
          (cursor->bad_reason != NULL && cursor->bad_offset <= record.size));
    CHECK((cursor->bad_spans == 0) == (cursor->bad_reason == NULL));
    return rows;
}

bool rows_read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    *out = BUFFER_WITH_LIMIT((size_t)64 << 20);
    for (;;) {
        uint8_t *room = buffer_reserve(out, 65536);
        size_t got = room != NULL ? fread(room, 1, 65536, file) : 0;
        if (got == 0)
            break;
        out->size += got;
    }
    fclose(file);
    return !out->failed;
}
