/*
 * row_sink.c - transforms of attribute values, and the last look over a row.
 *
 * Types are taken as they come: a count may arrive as an integer, a double or decimal text. What
 * cannot be a value of its column leaves the column absent; it never makes the span bad.
 */
#include "engine/span/row_sink.h"

#include "engine/span/content.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(offsetof(struct span_batch, content_is_tree) ==
                   offsetof(struct span_batch, trace_id) + (SPAN_COLUMN_COUNT - 1) * sizeof(void *),
               "columns are consecutive pointers, and content_is_tree is the last one");

#define NUMBER_TEXT_MAX 40
#define SECONDS_MAX     1e7 /* no answer takes longer; larger numbers are something else */

static void complete_wanted(struct span_column_set *wanted)
{
#define NEEDS(column, needed)                                                                      \
    if (span_columns_have(wanted, SPAN_COLUMN_##column))                                           \
    span_columns_add(wanted, SPAN_COLUMN_##needed)
    NEEDS(role, operation);
    NEEDS(ttft_ns, stream);
    NEEDS(ttft_ns, start_ns);
    NEEDS(ttft_ns, end_ns);
    NEEDS(input_tokens, cache_read_tokens);
    NEEDS(input_tokens, cache_write_tokens);
    NEEDS(finish_reason, output_messages);
    NEEDS(system_instructions, content_is_tree);
    NEEDS(input_messages, content_is_tree);
    NEEDS(output_messages, content_is_tree);
#undef NEEDS
}

void row_sink_open(struct row_sink *sink, struct span_batch *batch, uint32_t string_bytes_max)
{
    complete_wanted(&batch->wanted);
    sink->batch = batch;
    sink->wanted = batch->wanted;
    sink->string_bytes_max = string_bytes_max;
    sink->cut_strings = 0;
    bool made = batch->first_rank[SPAN_COLUMN_COUNT] == RANK_NONE;
    if (made && batch->ranked.bits[0] == batch->wanted.bits[0] &&
        batch->ranked.bits[1] == batch->wanted.bits[1])
        return; /* records of one span should not pay for this */
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
        batch->first_rank[column] =
            span_columns_have(&batch->wanted, column) ? RANK_NONE : RANK_NEVER;
    batch->first_rank[SPAN_COLUMN_COUNT] = RANK_NONE;
    batch->ranked = batch->wanted;
}

struct bytes row_sink_cut(struct row_sink *sink, struct bytes text)
{
    if (text.size <= sink->string_bytes_max)
        return text;
    sink->cut_strings++;
    text.size = sink->string_bytes_max;
    while (text.size > 0 && (text.data[text.size] & 0xc0) == 0x80)
        text.size--;
    return text;
}

/* ---- numbers from whatever they were written as ------------------------------------------------------ */

static bool real_of_text(struct bytes text, double *out)
{
    char copy[NUMBER_TEXT_MAX];
    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (strspn(copy, "0123456789.+-eE") != text.size)
        return false;
    char *end;
    *out = strtod(copy, &end);
    return end == copy + text.size && isfinite(*out);
}

static bool real_of(const struct any_value *value, double *out)
{
    switch (value->kind) {
    case ANY_INTEGER:
        *out = (double)value->integer;
        return true;
    case ANY_REAL:
        *out = value->real;
        return isfinite(*out);
    case ANY_TEXT:
        return real_of_text(value->bytes, out);
    default:
        return false;
    }
}

static int64_t count_of(const struct any_value *value)
{
    if (value->kind == ANY_INTEGER)
        return value->integer >= 0 ? value->integer : SPAN_I64_ABSENT;
    double real;
    if (!real_of(value, &real) || real < 0 || real > 9e15)
        return SPAN_I64_ABSENT;
    return (int64_t)(real + 0.5);
}

static int64_t nanoseconds_of(const struct any_value *value, double unit_ns)
{
    double real;
    if (!real_of(value, &real) || real < 0 || real * unit_ns > SECONDS_MAX * 1e9)
        return SPAN_I64_ABSENT;
    return (int64_t)(real * unit_ns + 0.5);
}

static bool text_is(struct bytes text, const char *lower)
{
    size_t size = strlen(lower);
    if (text.size != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != lower[i])
            return false;
    }
    return true;
}

static int64_t boolean_of(const struct any_value *value)
{
    switch (value->kind) {
    case ANY_BOOLEAN:
    case ANY_INTEGER:
        return value->integer != 0;
    case ANY_TEXT:
        if (text_is(value->bytes, "true") || text_is(value->bytes, "1"))
            return 1;
        if (text_is(value->bytes, "false") || text_is(value->bytes, "0"))
            return 0;
        return SPAN_I64_ABSENT;
    default:
        return SPAN_I64_ABSENT;
    }
}

/* ---- text -------------------------------------------------------------------------------------------- */

static struct bytes print_in_arena(struct row_sink *sink, const struct any_value *value)
{
    char text[NUMBER_TEXT_MAX];
    int size = value->kind == ANY_INTEGER
                   ? snprintf(text, sizeof text, "%lld", (long long)value->integer)
                   : snprintf(text, sizeof text, "%.15g", value->real);
    return arena_copy(sink->batch->arena, bytes_of(text, (size_t)size));
}

static struct bytes text_of(struct row_sink *sink, const struct any_value *value)
{
    switch (value->kind) {
    case ANY_TEXT:
    case ANY_BYTES:
        return value->bytes;
    case ANY_BOOLEAN:
        return value->integer ? BYTES_LITERAL("true") : BYTES_LITERAL("false");
    case ANY_INTEGER:
    case ANY_REAL:
        return print_in_arena(sink, value);
    default:
        return BYTES_NONE;
    }
}

/* ["stop", …] or stop. Reasons are plain words: a first element with escapes is taken as written. */
static struct bytes first_of_text(struct bytes text)
{
    const uint8_t *at = text.data;
    const uint8_t *end = at + text.size;
    while (at < end && (*at == ' ' || *at == '['))
        at++;
    if (at == text.data || at == end || *at != '"')
        return text.size > 0 && *text.data == '[' ? BYTES_NONE : text;
    const uint8_t *start = ++at;
    while (at < end && *at != '"')
        at++;
    return at < end ? bytes_of(start, (size_t)(at - start)) : BYTES_NONE;
}

static struct bytes first_of(struct row_sink *sink, const struct any_value *value)
{
    struct any_value first = *value;
    if (value->kind == ANY_ARRAY && !any_value_first(value->bytes, &first))
        return BYTES_NONE;
    struct bytes text = text_of(sink, &first);
    return value->kind == ANY_TEXT ? first_of_text(text) : text;
}

static void store_content(struct row_sink *sink, const struct dialect_alias *alias,
                          const struct any_value *value)
{
    int64_t bit = alias->column == SPAN_COLUMN_system_instructions ? TREE_SYSTEM_INSTRUCTIONS
                  : alias->column == SPAN_COLUMN_input_messages    ? TREE_INPUT_MESSAGES
                                                                   : TREE_OUTPUT_MESSAGES;
    int64_t *trees = &sink->batch->content_is_tree[sink->row];
    int64_t others = *trees == SPAN_I64_ABSENT ? 0 : *trees & ~bit;
    if (value->kind != ANY_ARRAY && value->kind != ANY_MAP) {
        struct bytes text = text_of(sink, value);
        if (text.size == 0 && sink->rank[alias->column] != alias->span_rank)
            return; /* nothing: what another name gave stays, and may be a tree */
        if (*trees != SPAN_I64_ABSENT)
            *trees = others;
        row_sink_store_text(sink, alias, text);
        return;
    }
    if (value->whole.size > sink->string_bytes_max) { /* half a tree is no tree */
        sink->cut_strings++;
        return;
    }
    row_sink_store_text(sink, alias, value->whole);
    *trees = others | bit;
}

void row_sink_store(struct row_sink *sink, const struct dialect_alias *alias,
                    const struct any_value *value)
{
    switch (alias->transform) {
    case TRANSFORM_TEXT:
        row_sink_store_text(sink, alias, text_of(sink, value));
        break;
    case TRANSFORM_TOKENS:
        row_sink_store_integer(sink, alias, count_of(value));
        break;
    case TRANSFORM_BOOLEAN:
        row_sink_store_integer(sink, alias, boolean_of(value));
        break;
    case TRANSFORM_SECONDS:
        row_sink_store_integer(sink, alias, nanoseconds_of(value, 1e9));
        break;
    case TRANSFORM_MILLIS:
        row_sink_store_integer(sink, alias, nanoseconds_of(value, 1e6));
        break;
    case TRANSFORM_FIRST:
        row_sink_store_text(sink, alias, first_of(sink, value));
        break;
    case TRANSFORM_CONTENT:
        store_content(sink, alias, value);
        break;
    case TRANSFORM_MARK:
        sink->mark = alias->dialect;
        break;
    default:
        CHECK_HOT(!"a transform of spans");
        break;
    }
}

/* ---- the last look ------------------------------------------------------------------------------------ */

/* 0 <= time to first token <= duration. A little more is two clocks; a thousand times the truth is
 * milliseconds under a name that says seconds; anything else is not believed. */
static int64_t plausible_ttft(int64_t ttft, int64_t stream, int64_t start, int64_t end)
{
    if (stream == 0)
        return SPAN_I64_ABSENT; /* not streamed: what stands there is the duration */
    if (start == SPAN_I64_ABSENT || end == SPAN_I64_ABSENT || end < start)
        return ttft;
    int64_t duration = end - start;
    if (ttft <= duration)
        return ttft;
    int64_t slack = duration / 100 > 5000000 ? duration / 100 : 5000000;
    if (ttft - duration <= slack)
        return duration;
    return ttft / 1000 <= duration ? ttft / 1000 : SPAN_I64_ABSENT;
}

/* Cached tokens are part of the total; where they exceed it, the total was written without them. */
static void include_cached(struct span_batch *batch, uint32_t row)
{
    int64_t input = batch->input_tokens[row];
    int64_t read = batch->cache_read_tokens[row], write = batch->cache_write_tokens[row];
    if (input == SPAN_I64_ABSENT || (read == SPAN_I64_ABSENT && write == SPAN_I64_ABSENT))
        return;
    read = read == SPAN_I64_ABSENT ? 0 : read;
    write = write == SPAN_I64_ABSENT ? 0 : write;
    const int64_t most = INT64_MAX / 4; /* counts beyond it are nonsense and stay as they are */
    if (input < most && read < most && write < most && read + write > input)
        batch->input_tokens[row] = input + read + write;
}

void row_sink_finish(struct row_sink *sink, enum dialect scope)
{
    struct span_batch *batch = sink->batch;
    uint32_t row = sink->row;
    enum dialect dialect = dialect_decide(sink->generations, sink->mark, scope);
    if (span_columns_have(&sink->wanted, SPAN_COLUMN_dialect))
        batch->dialect[row] = dialect;
    if (span_columns_have(&sink->wanted, SPAN_COLUMN_role))
        batch->role[row] = dialect_role(dialect, batch->operation[row]);
    if (batch->ttft_ns[row] != SPAN_I64_ABSENT)
        batch->ttft_ns[row] = plausible_ttft(batch->ttft_ns[row], batch->stream[row],
                                             batch->start_ns[row], batch->end_ns[row]);
    include_cached(batch, row);
    if (span_columns_have(&sink->wanted, SPAN_COLUMN_finish_reason) &&
        !bytes_present(batch->finish_reason[row]) && bytes_present(batch->output_messages[row]) &&
        (batch->content_is_tree[row] == SPAN_I64_ABSENT ||
         !(batch->content_is_tree[row] & TREE_OUTPUT_MESSAGES)))
        batch->finish_reason[row] = content_finish_reason(batch->output_messages[row]);
}
