/*
 * hash.h - 64-bit mixing for tables and sampling. Not for adversaries: where outsiders choose the
 * keys the table's growth is bounded by a limit instead.
 *
 * hash_mix64 is the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014); its values are part
 * of the sampling contract and asserted by tests.
 */
#ifndef ENGINE_BASE_HASH_H
#define ENGINE_BASE_HASH_H

#include "engine/base/bytes.h"

static inline uint64_t hash_mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    x ^= x >> 31;
    return x;
}

/* wyhash-style multiply-fold over 8-byte words. Little-endian hosts only (static-asserted in arena.c). */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_bytes(struct bytes b, uint64_t seed)
{
    uint64_t h = seed ^ 0x9e3779b97f4a7c15ULL;
    const uint8_t *p = b.data;
    size_t left = b.size;
    while (left >= 8) {
        h = hash_fold(h ^ bytes_load64(p), 0xa0761d6478bd642fULL);
        p += 8;
        left -= 8;
    }
    uint64_t tail = 0;
    if (b.size < 8)
        tail = bytes_load_short(p, left);
    else if (left > 0) /* the last `left` bytes of the last eight */
        tail = bytes_load64(p + left - 8) >> (8 * (8 - left));
    h = hash_fold(h ^ tail, 0xe7037ed1a0b428dbULL ^ b.size);
    return hash_mix64(h);
}

static inline uint64_t hash_combine(uint64_t a, uint64_t b)
{
    return hash_fold(a ^ 0x8ebc6af09c88c6e3ULL, b ^ 0x589965cc75374cc3ULL);
}

#endif
