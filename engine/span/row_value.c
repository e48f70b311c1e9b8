/*
 * row_value.c - values from whatever they were written as.
 *
 * Types are taken as they come: a count may arrive as an integer, a double or decimal text, messages as
 * text or as a tree. Nothing here fails: what is no such value is absent.
 */
#include "engine/span/row_sink.h"

#include "engine/span/any_json.h"
#include "engine/span/json_walk.h"
#include "engine/span/row_scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_TEXT_MAX 40
#define SECONDS_MAX     1e7 /* no answer takes longer; larger numbers are something else */

bool row_value_real(const struct any_value *value, double *out)
{
    switch (value->kind) {
    case ANY_INTEGER:
        *out = (double)value->integer;
        return true;
    case ANY_REAL:
        *out = value->real;
        return isfinite(*out);
    case ANY_TEXT:
        return walk_real(value->bytes, out) && isfinite(*out);
    default:
        return false;
    }
}

int64_t row_value_count(const struct any_value *value)
{
    if (value->kind == ANY_INTEGER)
        return value->integer >= 0 ? value->integer : SPAN_I64_ABSENT;
    double real;
    if (!row_value_real(value, &real) || real < 0 || real > 9e15)
        return SPAN_I64_ABSENT;
    return (int64_t)(real + 0.5);
}

int64_t row_value_nanoseconds(const struct any_value *value, double unit_ns)
{
    double real;
    if (!row_value_real(value, &real) || real < 0 || real * unit_ns > SECONDS_MAX * 1e9)
        return SPAN_I64_ABSENT;
    return (int64_t)(real * unit_ns + 0.5);
}

int64_t row_value_boolean(const struct any_value *value)
{
    switch (value->kind) {
    case ANY_BOOLEAN:
    case ANY_INTEGER:
        return value->integer != 0;
    case ANY_TEXT:
        if (dialect_same_word(value->bytes, BYTES_LITERAL("true")) || dialect_same_word(value->bytes, BYTES_LITERAL("1")))
            return 1;
        if (dialect_same_word(value->bytes, BYTES_LITERAL("false")) || dialect_same_word(value->bytes, BYTES_LITERAL("0")))
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

struct bytes row_value_text(struct row_sink *sink, const struct any_value *value)
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

struct bytes row_value_first(struct row_sink *sink, const struct any_value *value)
{
    struct any_value first = *value;
    if (value->kind == ANY_ARRAY && !any_value_first(value->bytes, &first))
        return BYTES_NONE;
    struct bytes text = row_value_text(sink, &first);
    return value->kind == ANY_TEXT ? first_of_text(text) : text;
}

bool row_value_tree(struct row_sink *sink, const struct any_value *value, struct buffer *out)
{
    size_t before = out->size;
    enum refusal refusal = any_json_write(value, sink->nesting_depth_max, out);
    if (refusal == REFUSAL_NONE && !out->failed)
        return true;
    sink->too_deep |= refusal == REFUSAL_TOO_DEEP;
    sink->cut_strings += refusal != REFUSAL_TOO_DEEP;
    out->size = before;
    return false;
}

/* A tree as JSON in the arena; everything else as its text. */
struct bytes row_value_json(struct row_sink *sink, const struct any_value *value)
{
    if (value->kind != ANY_ARRAY && value->kind != ANY_MAP)
        return row_value_text(sink, value);
    struct buffer *text = &row_sink_scratch(sink)->text;
    buffer_clear(text);
    if (!row_value_tree(sink, value, text))
        return BYTES_NONE;
    return arena_copy(sink->batch->arena, buffer_bytes(text));
}

/* "stop" without the quotes: some write every text as JSON. Escapes stay as written. */
struct bytes row_value_unquoted(struct bytes text)
{
    if (text.size < 2 || text.data[0] != '"' || text.data[text.size - 1] != '"')
        return text;
    return bytes_of(text.data + 1, text.size - 2);
}
