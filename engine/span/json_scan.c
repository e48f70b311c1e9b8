/* json_scan.c - one token at a time. */
#include "engine/span/json_scan.h"

bool json_scan_is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

const uint8_t *json_scan_space(const uint8_t *at, const uint8_t *end)
{
    while (at < end && json_scan_is_space(*at))
        at++;
    return at;
}

/* `at` is behind the opening quote; the closing one, or end. */
static const uint8_t *string_end(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *from = at;
    while (from < end) {
        const uint8_t *quote = memchr(from, '"', (size_t)(end - from));
        if (quote == NULL)
            return end;
        const uint8_t *slash = quote;
        while (slash > at && slash[-1] == '\\')
            slash--;
        if ((quote - slash) % 2 == 0)
            return quote;
        from = quote + 1;
    }
    return end;
}

static enum json_token stop(struct json_scan *scan)
{
    scan->at = scan->end;
    return JSON_END;
}

static enum json_token take_string(struct json_scan *scan)
{
    const uint8_t *start = scan->at + 1;
    const uint8_t *close = string_end(start, scan->end);
    if (close == scan->end)
        return stop(scan);
    scan->text = bytes_of(start, (size_t)(close - start));
    scan->at = json_scan_space(close + 1, scan->end);
    if (scan->at == scan->end || *scan->at != ':')
        return JSON_TEXT;
    scan->at = json_scan_space(scan->at + 1, scan->end);
    return JSON_KEY;
}

static bool is_plain(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '+' || c == '.';
}

enum json_token json_scan_next(struct json_scan *scan)
{
    for (; scan->at < scan->end; scan->at++) {
        uint8_t c = *scan->at;
        if (c == '[' || c == '{') {
            scan->depth++;
            scan->at++;
            scan->bracket = c;
            return JSON_OPEN;
        }
        if (c == ']' || c == '}') {
            if (scan->depth == 0)
                return stop(scan);
            scan->depth--;
            scan->at++;
            return JSON_CLOSE;
        }
        if (c == '"')
            return take_string(scan);
        if (is_plain(c)) {
            const uint8_t *start = scan->at;
            while (scan->at < scan->end && is_plain(*scan->at))
                scan->at++;
            scan->text = bytes_of(start, (size_t)(scan->at - start));
            return JSON_PLAIN;
        }
    }
    return JSON_END;
}

bool json_scan_start(struct bytes text, struct json_scan *scan)
{
    if (text.size == 0)
        return false;
    const uint8_t *end = text.data + text.size;
    *scan = (struct json_scan){.at = json_scan_space(text.data, end), .end = end};
    return scan->at < end && (*scan->at == '[' || *scan->at == '{');
}
