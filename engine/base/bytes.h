/*
 * bytes.h - a borrowed run of bytes, passed by value.
 *
 * data == NULL means "absent"; data != NULL with size 0 means "present and empty". Nothing here
 * owns memory. Strings inside a record stay in the record: copying one is always a visible call.
 */
#ifndef ENGINE_BASE_BYTES_H
#define ENGINE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t size;
};

#define BYTES_NONE ((struct bytes){NULL, 0})
#define BYTES_LITERAL(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})
/* For printf's %.*s, after bounding the length. */
#define BYTES_FMT(b) (int)((b).size > 4096 ? 4096 : (b).size), (const char *)((b).data ? (b).data : (const uint8_t *)"")

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){(const uint8_t *)data, size};
}

/* text may be NULL: then absent. */
static inline struct bytes bytes_from_text(const char *text)
{
    return text ? (struct bytes){(const uint8_t *)text, strlen(text)} : BYTES_NONE;
}

static inline bool bytes_present(struct bytes b) { return b.data != NULL; }

static inline uint64_t bytes_load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t bytes_load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint16_t bytes_load16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The size < 8 bytes at p as a little-endian number, without a byte-wise loop or a call. */
static inline uint64_t bytes_load_short(const uint8_t *p, size_t size)
{
    if (size >= 4)
        return bytes_load32(p) | (uint64_t)bytes_load32(p + size - 4) << (8 * (size - 4));
    if (size == 0)
        return 0;
    return p[0] | (uint64_t)p[size / 2] << (8 * (size / 2)) | (uint64_t)p[size - 1] << (8 * (size - 1));
}

/* Labels and names are short: a call of memcmp would cost more than the comparison. */
static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    if (a.size != b.size)
        return false;
    if (a.data == b.data)
        return true;
    if (a.size < 8)
        return bytes_load_short(a.data, a.size) == bytes_load_short(b.data, b.size);
    if (a.size > 64)
        return memcmp(a.data, b.data, a.size) == 0;
    uint64_t differ = bytes_load64(a.data + a.size - 8) ^ bytes_load64(b.data + b.size - 8);
    for (size_t at = 0; at + 8 <= a.size; at += 8)
        differ |= bytes_load64(a.data + at) ^ bytes_load64(b.data + at);
    return differ == 0;
}

static inline bool bytes_equal_text(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_from_text(text));
}

/* Order by unsigned bytes, shorter first on a tie: the order of every sorted encoding here. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    if (order != 0)
        return order;
    return a.size < b.size ? -1 : a.size > b.size ? 1 : 0;
}

#endif
