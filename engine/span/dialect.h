/*
 * dialect.h - from attribute names to canonical columns: the alias table of schemas/dialects.def
 * behind a perfect hash made at build time (dialect_generate.c).
 *
 * A lookup is one multiplication and, for names that are known, one comparison of bytes. Unknown
 * names mostly end at an empty slot.
 */
#ifndef ENGINE_SPAN_DIALECT_H
#define ENGINE_SPAN_DIALECT_H

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/span/span_batch.h"

enum dialect_transform {
    TRANSFORM_TEXT,
    TRANSFORM_TOKENS,
    TRANSFORM_BOOLEAN,
    TRANSFORM_SECONDS,
    TRANSFORM_MILLIS,
    TRANSFORM_FIRST,
    TRANSFORM_CONTENT,
    TRANSFORM_MARK,  /* no value: only says the dialect */
    TRANSFORM_SCOPE, /* no attribute: an instrumentation scope's name */
};

/* What the attributes of one span say about its convention, a bit set; foreign dialects shift it. */
enum dialect_generation {
    GENERATION_NONE = 0,
    GENERATION_ANY = 1,
    GENERATION_NEW = 2,
    GENERATION_OLD = 4
};

#define DIALECT_NAME_MAX 55

struct dialect_alias {
    char name[DIALECT_NAME_MAX + 1];
    uint8_t size;
    uint8_t column;
    uint8_t transform;
    uint8_t rank;      /* on resources; 0: not looked for there */
    uint8_t span_rank; /* on spans; 0: not looked for there */
    uint8_t generation;
    uint8_t dialect; /* of a mark or scope; DIALECT_UNKNOWN otherwise */
    uint8_t unused;
};
_Static_assert(sizeof(struct dialect_alias) == 64,
               "one cache line, and no multiplication to find it");

#define DIALECT_SLOT_BITS 11

extern const struct dialect_alias dialect_aliases[];
extern const uint32_t dialect_aliases_count;
extern const uint64_t dialect_hash_seed;
extern const uint8_t dialect_slots[1u << DIALECT_SLOT_BITS]; /* alias number + 1; 0: empty */

/* The generator and the lookup share this. It looks at the first, middle and
 * last 8 bytes and the length: enough to tell known names apart. */
static inline uint32_t dialect_hash(const uint8_t *name, size_t size, uint64_t seed)
{
    uint64_t first = 0, middle = 0, last = 0;
    if (size >= 8) {
        first = bytes_load64(name);
        middle = bytes_load64(name + size / 2 - 4);
        last = bytes_load64(name + size - 8);
    } else {
        for (size_t i = 0; i < size; i++)
            last = last << 8 | name[i];
    }
    uint64_t mixed =
        (last ^ (middle << 29 | middle >> 35)) + (first ^ size) * 0x9e3779b97f4a7c15ULL;
    return (uint32_t)((mixed * seed) >> (64 - DIALECT_SLOT_BITS));
}

/* Differing bits of 8 or 16 bytes. */
static inline uint64_t dialect_differ8(const uint8_t *a, const uint8_t *b)
{
    return bytes_load64(a) ^ bytes_load64(b);
}
static inline uint64_t dialect_differ16(const uint8_t *a, const uint8_t *b)
{
    return dialect_differ8(a, b) | dialect_differ8(a + 8, b + 8);
}

/* Overlapping pieces of constant size, so that no call is made. */
static inline bool dialect_same_name(const char *known, const uint8_t *name, size_t size)
{
    const uint8_t *k = (const uint8_t *)known;
    if (size > 32)
        return (dialect_differ16(k, name) | dialect_differ16(k + 16, name + 16) |
                dialect_differ16(k + size - 32, name + size - 32) |
                dialect_differ16(k + size - 16, name + size - 16)) == 0;
    if (size >= 16)
        return (dialect_differ16(k, name) | dialect_differ16(k + size - 16, name + size - 16)) == 0;
    if (size >= 8)
        return (dialect_differ8(k, name) | dialect_differ8(k + size - 8, name + size - 8)) == 0;
    return memcmp(known, name, size) == 0;
}

/* NULL when the name is not in the table. */
static inline __attribute__((always_inline)) const struct dialect_alias *
dialect_find(const uint8_t *name, size_t size)
{
    if (size == 0 || size > DIALECT_NAME_MAX)
        return NULL;
    uint8_t slot = dialect_slots[dialect_hash(name, size, dialect_hash_seed)];
    if (slot == 0)
        return NULL;
    const struct dialect_alias *alias = &dialect_aliases[slot - 1];
    if (alias->size != size)
        return NULL;
    return dialect_same_name(alias->name, name, size) ? alias : NULL;
}

/* DIALECT_UNKNOWN when the scope says nothing. */
enum dialect dialect_of_scope(struct bytes scope);
/* What generation bits, a foreign mark (or DIALECT_UNKNOWN) and the scope's dialect amount to. */
enum dialect dialect_decide(unsigned generations, enum dialect mark, enum dialect scope);
enum span_role dialect_role(enum dialect dialect, struct bytes operation);

/* "otel-genai" for both generations, "openinference", …; "unknown". */
const char *dialect_name(enum dialect dialect);
const char *span_role_name(enum span_role role);

/* stop, length, tool_calls or content_filter from any provider's word; absent when it is none of them. */
struct bytes dialect_finish(struct bytes reason);
/* True when the reason says that a token limit cut the answer. */
static inline bool dialect_finish_truncated(struct bytes reason)
{
    return bytes_equal_text(dialect_finish(reason), "length");
}

#endif
