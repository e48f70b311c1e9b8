/* exchange_digests.c - writing and checked reading of digest blocks. */
#include "engine/flow/exchange_digests.h"

#include "engine/span/span_batch.h"

#define SETS_MAX (1u << 20)
#define TIME_MAX_MS (INT64_MAX / 2000000)

void exchange_write_digests_head(struct metric_table *metrics, const struct digest_metric *list, uint32_t count, uint32_t sets,
                                 struct buffer *out)
{
    buffer_put_u8(out, EXCHANGE_DIGESTS);
    buffer_put_u8(out, DIGEST_VERSION);
    buffer_put_u8(out, (uint8_t)count);
    for (uint32_t i = 0; i < count; i++) {
        metric_encode(metric_at(metrics, list[i].metric), out);
        buffer_put_u8(out, list[i].summed);
    }
    buffer_put_varint(out, sets);
}

void exchange_write_digest_set(struct metric_table *metrics, const struct digest_set *set, struct buffer *out)
{
    buffer_put_u8(out, set->score);
    if (set->score)
        metric_encode(metric_at(metrics, set->metric), out);
    for (int i = 0; i < MEASURE_LABELS; i++)
        buffer_put_bytes(out, set->labels[i]);
}

void exchange_write_digest_rows(struct bytes rows, struct buffer *out)
{
    buffer_put_varint(out, rows.size / DIGEST_BYTES);
    buffer_append(out, rows.data, rows.size);
}

bool exchange_open_digests(struct reader *reader, struct metric_table *metrics, struct digest_block *out)
{
    *out = (struct digest_block){.reader = reader};
    uint8_t mark = reader_u8(reader), version = reader_u8(reader);
    out->metrics_count = reader_u8(reader);
    if (mark != EXCHANGE_DIGESTS || version != DIGEST_VERSION || out->metrics_count > DIGEST_RESULTS)
        reader->failed = true;
    for (uint32_t i = 0; i < out->metrics_count && !reader->failed; i++) {
        out->metrics[i].metric = metric_decode(metrics, reader);
        out->metrics[i].summed = reader_u8(reader) != 0;
    }
    uint64_t sets = reader_varint(reader);
    if (sets > SETS_MAX)
        reader->failed = true;
    out->sets_count = out->sets_left = (uint32_t)sets;
    return !reader->failed;
}

bool exchange_next_digest_set(struct digest_block *block, struct metric_table *metrics, struct digest_set *out)
{
    struct reader *reader = block->reader;
    if (block->sets_left == 0 || reader->failed)
        return false;
    block->sets_left--;
    out->score = reader_u8(reader) != 0;
    out->metric = out->score ? metric_decode(metrics, reader) : METRIC_NONE;
    for (int i = 0; i < MEASURE_LABELS; i++)
        out->labels[i] = reader_bytes(reader);
    return !reader->failed;
}

bool exchange_digest_rows(struct digest_block *block, struct bytes *rows)
{
    uint64_t count = reader_varint(block->reader);
    if (block->sets_left > 0 || count > reader_left(block->reader) / DIGEST_BYTES)
        block->reader->failed = true;
    *rows = reader_take(block->reader, block->reader->failed ? 0 : (size_t)count * DIGEST_BYTES);
    return !block->reader->failed;
}

bool exchange_digest_at(const struct digest_block *block, struct bytes rows, uint32_t number, struct digest *out)
{
    memcpy(out, rows.data + (size_t)number * DIGEST_BYTES, sizeof *out);
    return out->kind >= DIGEST_SPAN && out->kind <= DIGEST_EVALUATION && out->role < ROLE_COUNT &&
           out->labels < block->sets_count && out->log_ms >= 0 && out->log_ms < TIME_MAX_MS && out->event_ms >= 0 &&
           out->event_ms < TIME_MAX_MS;
}
