/* label_sets.c - texts in an arena, found by hash. */
#include "engine/flow/label_sets.h"

#include "engine/base/arena.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/table.h"

#define BYTES_PER_SET ((size_t)512) /* labels have at most 64 bytes each */

struct label_sets {
    struct table table;
    struct digest_set *sets;
    uint32_t count, capacity, max;
    struct arena *arena;
};

struct label_sets *label_sets_create(uint32_t sets_max)
{
    struct label_sets *s = memory_allocate(sizeof *s);
    s->max = sets_max;
    s->arena = arena_create(sets_max * BYTES_PER_SET);
    s->capacity = 64;
    s->sets = memory_allocate_array(s->capacity, sizeof *s->sets);
    s->sets[s->count++] = (struct digest_set){
        .metric = METRIC_NONE,
        .labels = {BYTES_LITERAL("other"), BYTES_LITERAL("other"), BYTES_LITERAL("other"), BYTES_LITERAL("other"), BYTES_LITERAL("other")}};
    return s;
}

void label_sets_destroy(struct label_sets *s)
{
    if (s == NULL)
        return;
    arena_destroy(s->arena);
    table_free(&s->table);
    memory_free(s->sets);
    memory_free(s);
}

static bool equal(const struct digest_set *a, const struct digest_set *b)
{
    bool same = a->score == b->score && a->metric == b->metric;
    for (int i = 0; same && i < MEASURE_LABELS; i++)
        same = bytes_equal(a->labels[i], b->labels[i]);
    return same;
}

static bool keep(struct label_sets *s, const struct digest_set *set)
{
    struct digest_set kept = *set;
    for (int i = 0; i < MEASURE_LABELS; i++) {
        kept.labels[i] = arena_copy(s->arena, set->labels[i]);
        if (!bytes_present(kept.labels[i]))
            return false;
    }
    if (s->count == s->capacity) {
        s->capacity *= 2;
        s->sets = memory_resize(s->sets, s->capacity * sizeof *s->sets);
    }
    s->sets[s->count++] = kept;
    return true;
}

uint32_t label_sets_intern(struct label_sets *s, const struct digest_set *set)
{
    uint64_t hash = hash_combine(set->score, set->metric);
    for (int i = 0; i < MEASURE_LABELS; i++)
        hash = hash_combine(hash, hash_bytes(set->labels[i], 0));
    uint32_t cursor = 0;
    for (uint32_t n = table_first(&s->table, hash, &cursor); n != TABLE_NONE; n = table_next(&s->table, hash, &cursor))
        if (equal(&s->sets[n], set))
            return n;
    if (s->count >= s->max || !keep(s, set))
        return 0;
    table_insert(&s->table, hash, s->count - 1);
    return s->count - 1;
}

const struct digest_set *label_sets_at(const struct label_sets *s, uint32_t number)
{
    return number < s->count ? &s->sets[number] : NULL;
}
