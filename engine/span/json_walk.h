/*
 * json_walk.h - one step at a time over JSON text that is read only once: spaces, strings, values to skip.
 *
 * Every function takes the place and the end, reads nothing at or beyond the end, and gives the place
 * behind what it read or NULL. Nothing recurses and nothing is stored.
 */
#ifndef ENGINE_SPAN_JSON_WALK_H
#define ENGINE_SPAN_JSON_WALK_H

#include "engine/base/bytes.h"

static inline const uint8_t *walk_space(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* Of eight bytes, the marks of those that are a quote, a backslash or a control character. The lowest
 * mark is always right; above it a byte may be marked wrongly. */
static inline uint64_t walk_special8(const uint8_t *at)
{
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t word;
    memcpy(&word, at, sizeof word);
    uint64_t quote = word ^ (ones * '"');
    uint64_t slash = word ^ (ones * '\\');
    uint64_t marks =
        ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
    return marks & (ones << 7);
}

struct walk_string {
    struct bytes raw; /* without the quotes, escapes as written */
    bool escaped;     /* there are some */
};

/* The rest of a string with escapes; `at` is at the first of them. */
const uint8_t *walk_string_slow(const uint8_t *at, const uint8_t *end, struct walk_string *out);

/* `at` is behind the opening quote. NULL: it does not end, or holds a control character. */
static inline const uint8_t *walk_string(const uint8_t *at, const uint8_t *end,
                                         struct walk_string *out)
{
    const uint8_t *start = at;
    uint64_t marks = 0;
    while (end - at >= 8 && (marks = walk_special8(at)) == 0)
        at += 8;
    if (marks != 0)
        at += (unsigned)__builtin_ctzll(marks) / 8;
    else
        while (at < end && *at != '"' && *at != '\\' && *at >= 0x20)
            at++;
    out->raw = bytes_of(start, (size_t)(at - start));
    out->escaped = false;
    if (at < end && *at == '"')
        return at + 1;
    return at < end && *at == '\\' ? walk_string_slow(at, end, out) : NULL;
}

/* The text of a raw string into out, which has room for raw.size bytes; a lone surrogate becomes
 * U+FFFD. False: an illegal escape. */
bool walk_unescape(struct bytes raw, uint8_t *out, size_t *size);

/* One value of any kind, spaces before it included. Brackets are counted, not matched: a value nobody
 * wants is not checked. */
const uint8_t *walk_skip(const uint8_t *at, const uint8_t *end);
/* The same, for a list or object at `at`. NULL with *too_deep: there are more than depth_max inside each other. */
const uint8_t *walk_skip_within(const uint8_t *at, const uint8_t *end, size_t depth_max,
                                bool *too_deep);

/* A number, true, false or null: the bytes up to the next space, comma, bracket or colon. */
const uint8_t *walk_word(const uint8_t *at, const uint8_t *end, struct bytes *out);

/* The quoted key and the colon, spaces between them included; behind it, at the value or a space. */
static inline const uint8_t *walk_key(const uint8_t *at, const uint8_t *end,
                                      struct walk_string *key)
{
    if (at >= end || *at != '"' || (at = walk_string(at + 1, end, key)) == NULL)
        return NULL;
    if (at < end && *at != ':')
        at = walk_space(at, end);
    return at < end && *at == ':' ? at + 1 : NULL;
}

/* ---- what scalars say ------------------------------------------------------------------------------------ */

/* Decimal digits, a sign, or a number with fraction and exponent that is whole. False: none of these, or
 * beyond 64 bits. */
bool walk_unsigned(struct bytes text, uint64_t *out);
bool walk_integer(struct bytes text, int64_t *out);
/* Also NaN, Infinity, -Infinity. */
bool walk_real(struct bytes text, double *out);
/* Hexadecimal digits of either case into size bytes; there must be exactly twice as many. */
bool walk_hex(struct bytes text, uint8_t *out, size_t size);
/* Base64 of either alphabet, padded or not; out has room for 3/4 of it. False: not base64. */
bool walk_base64(struct bytes text, uint8_t *out, size_t *size);

#endif
