/*
 * utf8.h - one step over UTF-8 text, shared by the JSON writer and the JSON validator.
 *
 * Valid is what RFC 3629 says: shortest form, no surrogates, at most U+10FFFF.
 */
#ifndef ENGINE_BASE_UTF8_H
#define ENGINE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the sequence at `at` (at < end): *valid, or else the length of the broken piece that one
 * U+FFFD stands for (the maximal subpart of Unicode 15, section 3.9). Always at least 1. */
static inline size_t utf8_step(const uint8_t *at, const uint8_t *end, bool *valid)
{
    uint8_t lead = at[0];
    *valid = lead < 0x80;
    if (lead < 0xc2 || lead > 0xf4)
        return 1;
    size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < length; i++) {
        if (at + i >= end || at[i] < low || at[i] > high)
            return i;
        low = 0x80;
        high = 0xbf;
    }
    *valid = true;
    return length;
}

#endif
