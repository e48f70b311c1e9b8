/* json_walk.c - the rarer steps over JSON text: escapes, values to skip, and what scalars say. */
#include "engine/span/json_walk.h"

#include <math.h>
#include <stdlib.h>

#define NUMBER_TEXT_MAX 64

const uint8_t *walk_string_slow(const uint8_t *at, const uint8_t *end, struct walk_string *out)
{
    const uint8_t *start = out->raw.data;
    out->escaped = true;
    while (at < end) {
        if (*at == '\\') {
            if (end - at < 2)
                return NULL;
            at += 2;
            continue;
        }
        if (*at == '"') {
            out->raw = bytes_of(start, (size_t)(at - start));
            return at + 1;
        }
        if (*at < 0x20)
            return NULL;
        at++;
        while (end - at >= 8 && walk_special8(at) == 0)
            at += 8;
    }
    return NULL;
}

/* ---- escapes --------------------------------------------------------------------------------------------- */

static int digit_of(uint8_t c)
{
    uint8_t lower = (uint8_t)(c | 0x20);
    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits behind "\u"; -1 when they are not. */
static int32_t unit_at(const uint8_t *at, const uint8_t *end)
{
    int32_t unit = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = digit_of(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static uint8_t *put_character(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (uint8_t)c;
    } else if (c < 0x800) {
        *out++ = (uint8_t)(0xc0 | c >> 6);
        *out++ = (uint8_t)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (uint8_t)(0xe0 | c >> 12);
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (c & 0x3f));
    } else {
        *out++ = (uint8_t)(0xf0 | c >> 18);
        *out++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (c & 0x3f));
    }
    return out;
}

/* `at` is behind "\u". Six or twelve bytes become at most four: out never passes at. */
static const uint8_t *take_unit(const uint8_t *at, const uint8_t *end, uint8_t **out)
{
    int32_t unit = unit_at(at, end);
    if (unit < 0)
        return NULL;
    at += 4;
    uint32_t character = (uint32_t)unit;
    if (unit >= 0xd800 && unit <= 0xdfff) {
        int32_t low = unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u'
                          ? unit_at(at + 2, end)
                          : -1;
        bool pair = low >= 0xdc00 && low <= 0xdfff;
        character =
            pair ? 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00) : 0xfffd;
        at += pair ? 6 : 0;
    }
    *out = put_character(*out, character);
    return at;
}

bool walk_unescape(struct bytes raw, uint8_t *out, size_t *size)
{
    static const uint8_t letters[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                         ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    const uint8_t *at = raw.data;
    const uint8_t *end = at + raw.size;
    uint8_t *to = out;
    while (at < end) {
        while (end - at >= 8 && walk_special8(at) == 0) {
            memcpy(to, at, 8);
            at += 8;
            to += 8;
        }
        while (at < end && *at != '\\')
            *to++ = *at++;
        if (at == end)
            break;
        if (end - at < 2)
            return false;
        uint8_t letter = at[1];
        at += 2;
        if (letter == 'u') {
            at = take_unit(at, end, &to);
            if (at == NULL)
                return false;
        } else if (letters[letter] != 0) {
            *to++ = letters[letter];
        } else {
            return false;
        }
    }
    *size = (size_t)(to - out);
    return true;
}

/* ---- skipping -------------------------------------------------------------------------------------------- */

static bool ends_word(uint8_t c)
{
    return c <= ' ' || c == ',' || c == ']' || c == '}' || c == ':' || c == '[' || c == '{' ||
           c == '"';
}

const uint8_t *walk_word(const uint8_t *at, const uint8_t *end, struct bytes *out)
{
    const uint8_t *start = at;
    while (at < end && !ends_word(*at))
        at++;
    *out = bytes_of(start, (size_t)(at - start));
    return at > start ? at : NULL;
}

const uint8_t *walk_skip_within(const uint8_t *at, const uint8_t *end, size_t depth_max,
                                bool *too_deep)
{
    size_t depth = 0;
    struct walk_string unused;
    while (at < end) {
        switch (*at++) {
        case '"':
            at = walk_string(at, end, &unused);
            if (at == NULL)
                return NULL;
            break;
        case '{':
        case '[':
            if (++depth > depth_max) {
                *too_deep = true;
                return NULL;
            }
            break;
        case '}':
        case ']':
            if (--depth == 0)
                return at;
            break;
        default:
            break;
        }
    }
    return NULL;
}

const uint8_t *walk_skip(const uint8_t *at, const uint8_t *end)
{
    at = walk_space(at, end);
    if (at == end)
        return NULL;
    struct walk_string text;
    struct bytes word;
    bool unused;
    if (*at == '{' || *at == '[')
        return walk_skip_within(at, end, SIZE_MAX, &unused);
    return *at == '"' ? walk_string(at + 1, end, &text) : walk_word(at, end, &word);
}

/* ---- what scalars say ------------------------------------------------------------------------------------ */

/* Powers of ten that a double holds exactly: with a mantissa below 2^53 one division or multiplication
 * is rounded rightly (Clinger 1990). */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Digits with at most one point, at most 15 of them. */
static bool short_real(struct bytes text, double *out)
{
    size_t at = text.size > 0 && text.data[0] == '-' ? 1 : 0;
    bool negative = at == 1;
    uint64_t mantissa = 0;
    size_t digits = 0, fraction = 0;
    bool point = false;
    for (; at < text.size; at++) {
        unsigned digit = (unsigned)text.data[at] - '0';
        if (digit > 9) {
            if (text.data[at] != '.' || point || digits == 0)
                return false;
            point = true;
            continue;
        }
        if (++digits > 15)
            return false;
        mantissa = mantissa * 10 + digit;
        fraction += point;
    }
    if (digits == 0 || (point && fraction == 0))
        return false;
    double real = (double)mantissa / powers[fraction];
    *out = negative ? -real : real;
    return true;
}

bool walk_real(struct bytes text, double *out)
{
    if (short_real(text, out))
        return true;
    char copy[NUMBER_TEXT_MAX];
    if (bytes_equal_text(text, "NaN")) {
        *out = (double)NAN;
        return true;
    }
    bool infinite = bytes_equal_text(text, "Infinity"), less = bytes_equal_text(text, "-Infinity");
    if (infinite || less) {
        *out = less ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
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

/* A fraction or an exponent: 5.0 and 1.7e18 are whole numbers, too. */
static bool whole_of_real(struct bytes text, double *out)
{
    return walk_real(text, out) && *out == floor(*out) && fabs(*out) < 18446744073709551616.0;
}

bool walk_unsigned(struct bytes text, uint64_t *out)
{
    uint64_t number = 0;
    size_t at = 0;
    for (; at < text.size; at++) {
        unsigned digit = (unsigned)text.data[at] - '0';
        if (digit > 9)
            break;
        if (number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *out = number;
    if (at == text.size)
        return at > 0;
    double real;
    if (!whole_of_real(text, &real) || real < 0)
        return false;
    *out = (uint64_t)real;
    return true;
}

bool walk_integer(struct bytes text, int64_t *out)
{
    bool negative = text.size > 1 && text.data[0] == '-';
    uint64_t magnitude;
    if (!walk_unsigned(negative ? bytes_of(text.data + 1, text.size - 1) : text, &magnitude) ||
        magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool walk_hex(struct bytes text, uint8_t *out, size_t size)
{
    if (text.size != size * 2)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = digit_of(text.data[2 * i]), low = digit_of(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int sextet_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool walk_base64(struct bytes text, uint8_t *out, size_t *size)
{
    if (text.size > 0 && text.size % 4 == 0 && text.data[text.size - 1] == '=')
        text.size -= text.data[text.size - 2] == '=' ? 2 : 1;
    if (text.size % 4 == 1)
        return false;
    uint32_t bits = 0;
    unsigned count = 0;
    uint8_t *to = out;
    for (size_t i = 0; i < text.size; i++) {
        int sextet = sextet_of(text.data[i]);
        if (sextet < 0)
            return false;
        bits = bits << 6 | (uint32_t)sextet;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *to++ = (uint8_t)(bits >> count);
        }
    }
    *size = (size_t)(to - out);
    return true;
}
