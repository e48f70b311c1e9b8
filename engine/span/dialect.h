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
    TRANSFORM_QUOTED,
    TRANSFORM_PROVIDER,
    TRANSFORM_TOKENS,
    TRANSFORM_APART, /* inside JSON only */
    TRANSFORM_BOOLEAN,
    TRANSFORM_SECONDS,
    TRANSFORM_MILLIS,
    TRANSFORM_SERVER,
    TRANSFORM_FIRST,
    TRANSFORM_PRICE,
    TRANSFORM_CONTENT,
    TRANSFORM_SLOT,
    TRANSFORM_MARK,  /* no value: only says the dialect */
    TRANSFORM_SCOPE, /* no attribute: an instrumentation scope's name */
};

/* What the attributes of one span say about it, a bit set; foreign dialects shift it. */
enum dialect_generation {
    GENERATION_NONE = 0,
    GENERATION_ANY = 1,
    GENERATION_NEW = 2,
    GENERATION_OLD = 4,
    GENERATION_MODEL = 8,   /* a model was asked: without any other word, this is a call */
    GENERATION_TOKENS = 16, /* it carries token counts */
    GENERATION_CLIENT = 32, /* by its scope: a library that traces itself */
};

#define DIALECT_NAME_MAX    55
#define DIALECT_ALIASES_MAX 1024

struct dialect_alias {
    char name[DIALECT_NAME_MAX + 1];
    uint8_t size;
    uint8_t column; /* or SLOTS_FROM + enum row_slot */
    uint8_t transform;
    uint8_t rank;      /* on resources; 0: not looked for there */
    uint8_t span_rank; /* on spans; 0: not looked for there */
    uint8_t generation;
    uint8_t dialect; /* of a mark, scope or kind; DIALECT_UNKNOWN otherwise */
    uint8_t json;    /* enum row_slot that takes the value too; SLOT_NONE: none */
};
_Static_assert(sizeof(struct dialect_alias) == 64,
               "one cache line, and no multiplication to find it");

#define DIALECT_SLOT_BITS 12

extern const struct dialect_alias dialect_aliases[]; /* the first one is an attribute's */
extern const uint32_t dialect_aliases_count;
extern const uint64_t dialect_hash_seed;
extern const uint16_t dialect_slots[1u << DIALECT_SLOT_BITS]; /* alias number + 1; 0: empty */
extern const uint64_t dialect_scope_hash_seed;
extern const uint16_t dialect_scope_slots[1u << DIALECT_SLOT_BITS];

/* The generator and the lookup share this. It looks at the first and last 8
 * bytes, those behind the middle, and the length: enough to tell known names apart. */
static inline uint32_t dialect_hash(const uint8_t *name, size_t size, uint64_t seed)
{
    uint64_t first = 0, middle = 0, last = 0;
    if (size >= 8) {
        first = bytes_load64(name);
        middle = bytes_load64(name + (size * 5 >> 3) - 5);
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

static inline __attribute__((always_inline)) const struct dialect_alias *
dialect_find_in(const uint16_t *slots, uint64_t seed, const uint8_t *name, size_t size)
{
    if (size == 0 || size > DIALECT_NAME_MAX)
        return NULL;
    uint16_t slot = slots[dialect_hash(name, size, seed)];
    if (slot == 0)
        return NULL;
    const struct dialect_alias *alias = &dialect_aliases[slot - 1];
    if (alias->size != size)
        return NULL;
    return dialect_same_name(alias->name, name, size) ? alias : NULL;
}

/* An attribute's name; NULL when it is not in the table. */
static inline __attribute__((always_inline)) const struct dialect_alias *
dialect_find(const uint8_t *name, size_t size)
{
    return dialect_find_in(dialect_slots, dialect_hash_seed, name, size);
}

/* DIALECT_UNKNOWN when the scope says nothing. */
enum dialect dialect_of_scope(struct bytes scope);
/* What generation bits, a foreign mark (or DIALECT_UNKNOWN) and the scope's dialect amount to. */
enum dialect dialect_decide(unsigned generations, enum dialect mark, enum dialect scope);

/* What a span says it is: in its dialect's own word, and as an operation of the GenAI conventions. */
struct dialect_claim {
    enum dialect dialect;  /* as decided */
    enum dialect kind_of;  /* whose word `kind` is; DIALECT_UNKNOWN: there is none */
    struct bytes kind, operation, name;
    unsigned generations;
};
/* The role, before other spans of the record are looked at. *operation becomes the convention's word
 * where the span has none of its own. */
enum span_role dialect_role(const struct dialect_claim *claim, struct bytes *operation);
/* What an operation of the convention is; not empty. ROLE_OTHER: not known. */
enum span_role dialect_role_of_operation(struct bytes operation);

/* "otel-genai" for both generations, "openinference", …; "unknown". */
const char *dialect_name(enum dialect dialect);
const char *span_role_name(enum span_role role);

/* Equal but for capitals; `word` is in lower case. */
bool dialect_same_word(struct bytes text, struct bytes word);

/* A vendor's name in the convention's spelling; BYTES_NONE for frameworks; itself when it is not known. */
struct bytes dialect_provider(struct bytes word);

/* What a span event is looked into for. */
enum dialect_event {
    EVENT_NONE,
    EVENT_FIRST_TOKEN, /* its time */
    EVENT_ATTRIBUTES,  /* attributes as if they were the span's */
    EVENT_SYSTEM,      /* one message of this role */
    EVENT_USER,
    EVENT_ASSISTANT,
    EVENT_TOOL,
    EVENT_CHOICE, /* one answer */
    EVENT_EVALUATION,
    EVENT_DOCUMENT,
};
enum dialect_event dialect_event_of(struct bytes name);

/* Attributes of the form prefix + number + ".field", or prefix + name (FLAT_SCORES). */
enum dialect_flat {
    FLAT_NONE,
    FLAT_INPUT,
    FLAT_OUTPUT,
    FLAT_DOCUMENTS,
    FLAT_EVALUATIONS,
    FLAT_SCORES,
};
/* *rest is what follows the prefix. */
enum dialect_flat dialect_flat_of(struct bytes name, struct bytes *rest);
/* Names that are not in the table and cannot be flat ones: most of them, told apart by 8 bytes. */
extern const uint64_t dialect_flat_seed;
extern const uint64_t dialect_flat_heads[64];
static inline bool dialect_may_be_flat(const uint8_t *name, size_t size)
{
    if (size < 9)
        return false;
    uint64_t head = bytes_load64(name);
    return dialect_flat_heads[(head * dialect_flat_seed) >> 58] == head;
}

/* Values inside JSON text: rows of DIALECT_JSON. */
enum dialect_roles { ROLES_ANY, ROLES_CALLS, ROLES_TOOLS };
struct dialect_json {
    struct bytes path;
    struct dialect_alias target; /* column, transform and span_rank of it */
    uint8_t slot, roles;
};
extern const struct dialect_json dialect_json_rows[];
extern const uint32_t dialect_json_rows_count;

/* stop, length, tool_calls, content_filter or error from any provider's word; absent when it is none. */
struct bytes dialect_finish(struct bytes reason);
/* True when the reason says that a token limit cut the answer. */
static inline bool dialect_finish_truncated(struct bytes reason)
{
    return bytes_equal_text(dialect_finish(reason), "length");
}

#endif
