/*
 * json_scan.h - walking over JSON text token by token, without a tree and without memory.
 *
 * For looking up a few members of texts that mostly are not looked into. Broken JSON ends the scan;
 * what was seen before stands. No recursion, nothing read beyond the end.
 */
#ifndef ENGINE_SPAN_JSON_SCAN_H
#define ENGINE_SPAN_JSON_SCAN_H

#include "engine/base/bytes.h"

enum json_token {
    JSON_END,
    JSON_OPEN,
    JSON_CLOSE,
    JSON_TEXT,  /* a string value: text without quotes, escapes as written */
    JSON_KEY,   /* the same, of a member; its value follows */
    JSON_PLAIN, /* a number or a word: text as written */
};

struct json_scan {
    const uint8_t *at, *end;
    unsigned depth;    /* containers open behind the token */
    struct bytes text; /* of TEXT, KEY and PLAIN */
    uint8_t bracket;   /* of OPEN */
};

/* False when the text is no array or object. */
bool json_scan_start(struct bytes text, struct json_scan *scan);
enum json_token json_scan_next(struct json_scan *scan);
const uint8_t *json_scan_space(const uint8_t *at, const uint8_t *end); /* behind white space */
bool json_scan_is_space(uint8_t c);

#endif
