/* decode_lines.c - one batch for many records; lines are handed over a megabyte at a time. */
#include "engine/span/decode_lines.h"

#include "engine/base/memory.h"
#include "engine/span/canonical_json.h"
#include "engine/span/decode_join.h"
#include "engine/span/leaves.h"

#define BATCH_ROWS      8192
#define LINES_BYTES     ((size_t)1024 * 1024)
#define LINES_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define CONTENT_BYTES                                                                              \
    ((size_t)32 * 1024 * 1024) /* one string is at most 1 MiB, its values 16 times that */

struct decode_lines {
    struct span_batch *batch;
    struct json_document *content;
    struct encoding_options options;
    struct buffer text;
    decode_flush *flush;
    void *context;
    uint32_t records;
};

struct decode_lines *decode_lines_open(enum encoding encoding, bool content, decode_flush *flush,
                                       void *context)
{
    struct decode_lines *lines = memory_allocate(sizeof *lines);
    lines->batch = span_batch_create(BATCH_ROWS);
    lines->batch->wanted = canonical_json_columns();
    lines->options = (struct encoding_options){encoding, SIGNAL_ANY, &otlp_limits_default, NULL};
    lines->content = content ? json_create(CONTENT_BYTES) : NULL;
    lines->text = BUFFER_WITH_LIMIT(LINES_BYTES_MAX);
    lines->flush = flush;
    lines->context = context;
    return lines;
}

void decode_lines_close(struct decode_lines *lines)
{
    span_batch_destroy(lines->batch);
    json_destroy(lines->content);
    buffer_free(&lines->text);
    memory_free(lines);
}

void decode_lines_use_avro(struct decode_lines *lines, const struct avro_decoder *avro)
{
    lines->options.avro = avro;
}

static bool hand_over(struct decode_lines *lines, struct error *error)
{
    bool good = lines->text.failed
                    ? error_set(error, ERROR_LIMIT, "one span as JSON needs more than %zu bytes",
                                LINES_BYTES_MAX)
                    : lines->flush(lines->context, buffer_bytes(&lines->text), error);
    buffer_clear(&lines->text);
    return good;
}

bool decode_lines_finish(struct decode_lines *lines, struct error *error)
{
    struct span_batch *batch = lines->batch;
    bool good = true;
    if (lines->records > 1)
        leaves_settle(batch, 0);
    decode_join(batch);
    for (uint32_t row = 0; good && row < batch->rows; row++) {
        if (batch->kind[row] == ROW_SPAN) {
            canonical_json_row(batch, row, lines->content, &lines->text);
            buffer_put_u8(&lines->text, '\n');
        }
        if (lines->text.size >= LINES_BYTES || lines->text.failed || row + 1 == batch->rows)
            good = hand_over(lines, error);
    }
    span_batch_reset(batch);
    lines->records = 0;
    return good;
}

bool decode_lines_take(struct decode_lines *lines, struct bytes record,
                       struct decode_report *report, struct error *error)
{
    struct encoded_record encoded;
    const struct otlp_cursor *cursor = &encoded.cursor;
    *report = (struct decode_report){0};
    if (record.size == 0)
        return error_set(error, ERROR_INPUT, "byte 0: the record is empty; nothing to decode");
    if (span_batch_enough(lines->batch) && !decode_lines_finish(lines, error))
        return false;
    encoding_start(&encoded, record, BYTES_NONE, lines->records, &lines->options);
    if (encoded.encoding == ENCODING_AUTO)
        return error_set(error, ERROR_INPUT, "byte 0: %s", cursor->bad_reason);
    lines->records++;
    bool good = true;
    for (enum decode_result result = DECODE_MORE; good && result == DECODE_MORE;) {
        uint32_t row = lines->batch->rows;
        result = encoding_decode(&encoded, lines->batch);
        for (; row < lines->batch->rows; row++)
            report->spans += lines->batch->kind[row] == ROW_SPAN;
        if (result == DECODE_MORE) { /* a huge record */
            good = decode_lines_finish(lines, error);
            lines->records = 1; /* the rest of this one */
        }
    }
    report->bad_spans = cursor->bad_spans;
    report->bad_index = cursor->bad_index;
    report->bad_offset = cursor->bad_offset;
    report->bad_reason = cursor->bad_reason;
    report->cut_strings = cursor->cut_strings;
    return good;
}

bool decode_to_json(struct bytes record, enum encoding encoding, decode_flush *flush, void *context,
                    struct decode_report *report, struct error *error)
{
    struct decode_lines *lines = decode_lines_open(encoding, false, flush, context);
    bool good =
        decode_lines_take(lines, record, report, error) && decode_lines_finish(lines, error);
    decode_lines_close(lines);
    return good;
}
