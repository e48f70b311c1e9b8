/* decode_join.c - see decode_join.h. Texts are put together in the batch's arena. */
#include "engine/span/decode_join.h"

#define TEXT_BYTES_MAX ((size_t)16 << 20)

static bool is_content_of(const struct span_batch *batch, uint32_t row, uint32_t span)
{
    return batch->kind[row] == ROW_CONTENT && bytes_present(batch->span_id[row]) &&
           bytes_equal(batch->span_id[row], batch->span_id[span]) &&
           bytes_equal(batch->trace_id[row], batch->trace_id[span]);
}

static bool is_list(const uint8_t *text, size_t size)
{
    return size > 2 && text[0] == '[' && text[size - 1] == ']';
}

/* "[a]" and "[b]" become "[a,b]"; what is no list stays what it is, alone. */
static void append(struct buffer *out, struct bytes text)
{
    if (out->size == 0) {
        buffer_append(out, text.data, text.size);
    } else if (is_list(out->data, out->size) && is_list(text.data, text.size)) {
        out->data[out->size - 1] = ',';
        buffer_append(out, text.data + 1, text.size - 1);
    }
}

static void join_column(struct span_batch *batch, uint32_t span, enum span_column column)
{
    struct bytes *texts = span_batch_column(batch, column);
    struct buffer *joined = &batch->message;
    if (bytes_present(texts[span]))
        return;
    buffer_clear(joined);
    joined->limit_bytes = TEXT_BYTES_MAX;
    for (uint32_t row = 0; row < batch->rows; row++)
        if (bytes_present(texts[row]) && is_content_of(batch, row, span))
            append(joined, texts[row]);
    if (joined->size > 0 && !joined->failed)
        texts[span] = arena_copy(batch->arena, buffer_bytes(joined));
}

static void join_finish(struct span_batch *batch, uint32_t span)
{
    for (uint32_t row = 0; row < batch->rows && !bytes_present(batch->finish_reason[span]); row++)
        if (is_content_of(batch, row, span))
            batch->finish_reason[span] = batch->finish_reason[row];
}

void decode_join(struct span_batch *batch)
{
    bool any = false;
    for (uint32_t row = 0; row < batch->rows; row++)
        any |= batch->kind[row] == ROW_CONTENT;
    for (uint32_t row = 0; any && row < batch->rows; row++) {
        if (batch->kind[row] != ROW_SPAN)
            continue;
        join_column(batch, row, SPAN_COLUMN_system_instructions);
        join_column(batch, row, SPAN_COLUMN_input_messages);
        join_column(batch, row, SPAN_COLUMN_output_messages);
        join_finish(batch, row);
    }
}
