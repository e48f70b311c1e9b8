/*
 * table.h - open addressing from a 64-bit hash to a 32-bit number; the caller compares keys.
 *
 * The table stores (hash, number) pairs only: entries live in the caller's array, so growth moves
 * nothing of theirs. Linear probing, load at most 5/8, backward-shift deletion (no tombstones).
 */
#ifndef ENGINE_BASE_TABLE_H
#define ENGINE_BASE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

struct table_slot {
    uint64_t hash;
    uint32_t number; /* TABLE_NONE: empty */
    uint32_t unused;
};

struct table {
    struct table_slot *slots;
    uint32_t capacity; /* power of two, or 0 */
    uint32_t count;
};

void table_free(struct table *table);
void table_clear(struct table *table);
/* number must not be TABLE_NONE. The caller has made sure that the key is not there yet. */
void table_insert(struct table *table, uint64_t hash, uint32_t number);
/* Removes the pair; it must be there. */
void table_remove(struct table *table, uint64_t hash, uint32_t number);
/* Changes the number of a pair that is there: for callers who move entries. */
void table_renumber(struct table *table, uint64_t hash, uint32_t old_number, uint32_t new_number);

/* Walks the numbers stored under hash: for (n = table_first(t, h, &i); n != TABLE_NONE; n = table_next(t, h, &i)). */
static inline uint32_t table_next(const struct table *table, uint64_t hash, uint32_t *cursor)
{
    uint32_t mask = table->capacity - 1;
    for (;;) {
        *cursor = (*cursor + 1) & mask;
        const struct table_slot *slot = &table->slots[*cursor];
        if (slot->number == TABLE_NONE || slot->hash == hash)
            return slot->number;
    }
}

static inline uint32_t table_first(const struct table *table, uint64_t hash, uint32_t *cursor)
{
    if (table->capacity == 0)
        return TABLE_NONE;
    *cursor = (uint32_t)((hash & (table->capacity - 1)) - 1);
    return table_next(table, hash, cursor);
}

#endif
