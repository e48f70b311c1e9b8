/*
 * official_reader.c - records from a file through the decoder, as lines that official_damage_test.py compares
 * with what the official classes say. Not a test by itself.
 *
 *   official_reader FILE   records: one byte, t (traces) or l (logs), four of size (little-endian), the value
 *
 * Per row "R" and its columns, texts in hex, "-" where there is none; then per record
 * "= BAD_SPANS CODE SKIPPED".
 */
#include "engine/base/file.h"
#include "engine/span/encoding.h"

#include <inttypes.h>
#include <stdio.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)

static void put_hex(struct bytes text)
{
    (void)putchar(' ');
    if (text.size == 0)
        (void)putchar('-');
    for (size_t i = 0; i < text.size; i++)
        (void)printf("%02x", text.data[i]);
}

static void put_number(int64_t number)
{
    if (number == SPAN_I64_ABSENT)
        (void)printf(" -");
    else
        (void)printf(" %" PRId64, number);
}

static void put_row(const struct span_batch *b, uint32_t row)
{
    (void)printf("R %d", (int)b->kind[row]);
    put_hex(b->trace_id[row]);
    put_hex(b->span_id[row]);
    put_hex(b->parent_span_id[row]);
    put_hex(b->name[row]);
    put_number(b->span_kind[row]);
    put_number(b->start_ns[row]);
    put_number(b->end_ns[row]);
    put_number(b->status[row]);
    put_hex(b->status_message[row]);
    put_hex(b->response_id[row]);
    put_hex(b->conversation_id[row]);
    put_number(b->output_tokens[row]);
    put_hex(b->service[row]);
    put_hex(b->scope[row]);
    (void)putchar('\n');
}

static void take(struct bytes value, bool logs, struct span_batch *batch)
{
#define NAME_OF(name, code) code,
    static const char *const codes[] = {"-", REFUSALS(NAME_OF)};
#undef NAME_OF
    struct encoded_record record;
    const struct encoding_options options = {ENCODING_OTLP_PROTO, logs ? SIGNAL_LOGS : SIGNAL_SPANS,
                                             &otlp_limits_default, NULL};
    enum decode_result result;
    encoding_start(&record, value, BYTES_NONE, 0, &options);
    do {
        result = encoding_decode(&record, batch);
        for (uint32_t row = 0; row < batch->rows; row++)
            put_row(batch, row);
        span_batch_reset(batch);
    } while (result == DECODE_MORE);
    (void)printf("= %u %s %u\n", record.cursor.bad_spans, codes[record.cursor.bad_code],
                 record.cursor.skipped);
}

int main(int count, char **arguments)
{
    struct buffer file = BUFFER_WITH_LIMIT(FILE_BYTES_MAX);
    struct error error = {0};
    if (count != 2 || !file_read_all(arguments[1], &file, &error)) {
        (void)fprintf(stderr, "official_reader FILE: %s\n", error.message);
        return 2;
    }
    struct span_batch *batch = span_batch_create(64);
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
        span_columns_add(&batch->wanted, column);
    for (size_t at = 0; at + 5 <= file.size;) {
        uint32_t size;
        bool logs = file.data[at] == 'l';
        memcpy(&size, file.data + at + 1, sizeof size);
        take(bytes_of(file.data + at + 5, size), logs, batch);
        at += 5 + (size_t)size;
    }
    span_batch_destroy(batch);
    buffer_free(&file);
    return 0;
}
