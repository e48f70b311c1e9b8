/*
 * json_valid.c - a loop over tokens with a stack of bits: object or array.
 *
 * Every scan function takes the place to start and gives the place behind what it read, or NULL.
 */
#include "engine/base/json_valid.h"

#include "engine/base/utf8.h"

struct levels {
    uint8_t *bits; /* 1: object, 0: array */
    size_t limit;
    size_t depth;
};

static bool push(struct levels *levels, bool object)
{
    if (levels->depth == levels->limit)
        return false;
    uint8_t bit = (uint8_t)(1u << (levels->depth % 8));
    uint8_t *byte = &levels->bits[levels->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    levels->depth++;
    return true;
}

static bool inside_object(const struct levels *levels)
{
    size_t top = levels->depth - 1;
    return (levels->bits[top / 8] >> (top % 8) & 1) != 0;
}

static const uint8_t *skip_space(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

static bool is_digit(const uint8_t *at, const uint8_t *end) { return at < end && *at >= '0' && *at <= '9'; }

static const uint8_t *scan_digits(const uint8_t *at, const uint8_t *end)
{
    if (!is_digit(at, end))
        return NULL;
    while (is_digit(at, end))
        at++;
    return at;
}

static const uint8_t *scan_number(const uint8_t *at, const uint8_t *end)
{
    if (at < end && *at == '-')
        at++;
    if (at < end && *at == '0')
        at++;
    else
        at = scan_digits(at, end);
    if (at != NULL && at < end && *at == '.')
        at = scan_digits(at + 1, end);
    if (at != NULL && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        at = scan_digits(at, end);
    }
    return at;
}

/* The four digits behind "\u"; -1 when they are not. */
static int32_t hex4(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = at[i];
        uint8_t lower = (uint8_t)(c | 0x20);
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value * 16 + (lower - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static const uint8_t *scan_escape(const uint8_t *at, const uint8_t *end) /* at: behind the backslash */
{
    if (at >= end)
        return NULL;
    static const bool letters[256] = {['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
                                      ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true};
    if (*at != 'u')
        return letters[*at] ? at + 1 : NULL;
    int32_t unit = hex4(at + 1, end);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return NULL;
    at += 5;
    if (unit < 0xd800 || unit > 0xdbff)
        return at;
    if (end - at < 2 || at[0] != '\\' || at[1] != 'u')
        return NULL;
    int32_t low = hex4(at + 2, end);
    return low >= 0xdc00 && low <= 0xdfff ? at + 6 : NULL;
}

/* Of eight bytes, how many come before the first control, quote, backslash or one that is not ASCII.
 * Subtractions borrow upwards only, so the lowest byte that is marked is marked rightly. */
static unsigned plain_of_eight(const uint8_t *at)
{
    const uint64_t ones = 0x0101010101010101ULL;
    const uint64_t tops = 0x8080808080808080ULL;
    uint64_t word = 0;
    memcpy(&word, at, sizeof word);
    uint64_t quote = word ^ (ones * '"');
    uint64_t slash = word ^ (ones * '\\');
    uint64_t special = word | (word - ones * 0x20) | (quote - ones) | (slash - ones);
    special &= tops;
    return special == 0 ? 8 : (unsigned)__builtin_ctzll(special) / 8;
}

static const uint8_t *scan_string(const uint8_t *at, const uint8_t *end) /* at: behind the opening quote */
{
    for (;;) {
        while (end - at >= 8) {
            unsigned plain = plain_of_eight(at);
            at += plain;
            if (plain < 8)
                break;
        }
        if (at >= end || *at < 0x20)
            return NULL;
        if (*at == '"')
            return at + 1;
        if (*at != '\\' && *at < 0x80) {
            at++; /* among the last seven */
        } else if (*at == '\\') {
            at = scan_escape(at + 1, end);
            if (at == NULL)
                return NULL;
        } else {
            bool valid = false;
            at += utf8_step(at, end, &valid);
            if (!valid)
                return NULL;
        }
    }
}

static const uint8_t *scan_word(const uint8_t *at, const uint8_t *end, const char *word)
{
    size_t size = strlen(word);
    return (size_t)(end - at) >= size && memcmp(at, word, size) == 0 ? at + size : NULL;
}

static const uint8_t *scan_scalar(const uint8_t *at, const uint8_t *end)
{
    switch (*at) {
    case '"':
        return scan_string(at + 1, end);
    case 't':
        return scan_word(at, end, "true");
    case 'f':
        return scan_word(at, end, "false");
    case 'n':
        return scan_word(at, end, "null");
    default:
        return scan_number(at, end);
    }
}

/* "key" : and the spaces around; at is where the key should start. */
static const uint8_t *scan_key(const uint8_t *at, const uint8_t *end)
{
    at = skip_space(at, end);
    if (at == end || *at != '"')
        return NULL;
    at = scan_string(at + 1, end);
    if (at == NULL)
        return NULL;
    at = skip_space(at, end);
    return at < end && *at == ':' ? at + 1 : NULL;
}

/* Behind a value: closes what closes and steps over one comma (and the key that must follow it).
 * NULL: wrong. At the end of the whole value the depth is 0. */
static const uint8_t *after_value(const uint8_t *at, const uint8_t *end, struct levels *levels)
{
    while (levels->depth > 0) {
        at = skip_space(at, end);
        if (at == end)
            return NULL;
        bool object = inside_object(levels);
        if (*at == ',')
            return object ? scan_key(at + 1, end) : at + 1;
        if (*at != (object ? '}' : ']'))
            return NULL;
        levels->depth--;
        at++;
    }
    return at;
}

bool json_check(struct bytes text, uint8_t *memory, size_t memory_bytes)
{
    if (text.size == 0)
        return false;
    struct levels levels = {memory, memory_bytes * 8, 0};
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.size;
    do {
        at = skip_space(at, end);
        if (at == end)
            return false;
        if (*at == '{' || *at == '[') {
            bool object = *at == '{';
            if (!push(&levels, object))
                return false;
            const uint8_t *inside = skip_space(at + 1, end);
            if (inside == end)
                return false;
            if (*inside != (object ? '}' : ']')) { /* not empty: its first value comes next */
                at = object ? scan_key(inside, end) : inside;
                if (at == NULL)
                    return false;
                continue;
            }
            at = inside; /* after_value closes it */
        } else {
            at = scan_scalar(at, end);
        }
        if (at == NULL)
            return false;
        at = after_value(at, end, &levels);
        if (at == NULL)
            return false;
    } while (levels.depth > 0);
    return skip_space(at, end) == end;
}
