/* dedupe.c - two open-addressing tables of (64-bit id hash, place); the older one is read only. */
#include "engine/flow/dedupe.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"

struct seen {
    uint64_t hash;  /* 0: empty */
    uint64_t place;
};

struct generation {
    struct seen *slots;
    uint32_t capacity, count;
    int64_t start_ms;
    uint64_t first_place;
};

struct dedupe {
    struct generation young, old;
    uint32_t half_max; /* ids per generation */
    int64_t window_ms;
    uint64_t evicted;
};

#define CAPACITY_FIRST 1024

static void generation_start(struct generation *g, int64_t start_ms)
{
    if (g->slots != NULL)
        memset(g->slots, 0, g->capacity * sizeof *g->slots);
    g->count = 0;
    g->start_ms = start_ms;
    g->first_place = UINT64_MAX;
}

struct dedupe *dedupe_create(uint32_t ids_max, int64_t window_ms)
{
    struct dedupe *d = memory_allocate(sizeof *d);
    d->half_max = ids_max / 2 > 0 ? ids_max / 2 : 1;
    d->window_ms = window_ms;
    generation_start(&d->young, INT64_MIN);
    generation_start(&d->old, INT64_MIN);
    return d;
}

void dedupe_destroy(struct dedupe *d)
{
    if (d == NULL)
        return;
    memory_free(d->young.slots);
    memory_free(d->old.slots);
    memory_free(d);
}

static struct seen *find(const struct generation *g, uint64_t hash)
{
    uint32_t mask = g->capacity - 1;
    uint32_t i = (uint32_t)hash & mask;
    while (g->slots[i].hash != 0 && g->slots[i].hash != hash)
        i = (i + 1) & mask;
    return &g->slots[i];
}

static void grow(struct generation *g)
{
    struct generation old = *g;
    g->capacity = old.capacity ? old.capacity * 2 : CAPACITY_FIRST;
    g->slots = memory_allocate_array(g->capacity, sizeof *g->slots);
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.slots[i].hash != 0)
            *find(g, old.slots[i].hash) = old.slots[i];
    memory_free(old.slots);
}

/* The young generation becomes the old one. Between one and two windows of ids are kept. */
static void turn(struct dedupe *d, int64_t time_ms)
{
    struct generation spare = d->old;
    d->old = d->young;
    d->young = spare;
    generation_start(&d->young, time_ms);
}

uint64_t dedupe_hash_span(struct bytes trace_id, struct bytes span_id)
{
    if (trace_id.size != 16 || span_id.size != 8)
        return hash_combine(hash_bytes(trace_id, 0), hash_bytes(span_id, 1));
    return hash_combine(hash_combine(bytes_load64(trace_id.data), bytes_load64(trace_id.data + 8)),
                        bytes_load64(span_id.data));
}

void dedupe_prefetch(const struct dedupe *d, uint64_t hash)
{
    if (d->young.capacity > 0)
        __builtin_prefetch(&d->young.slots[(uint32_t)hash & (d->young.capacity - 1)]);
    if (d->old.count > 0)
        __builtin_prefetch(&d->old.slots[(uint32_t)hash & (d->old.capacity - 1)]);
}

bool dedupe_seen(struct dedupe *d, uint64_t hash, uint64_t place, int64_t time_ms)
{
    hash = hash ? hash : 1; /* 0 is an empty slot */
    if (d->young.start_ms == INT64_MIN)
        d->young.start_ms = time_ms;
    if (d->young.count >= d->half_max) {
        d->evicted += d->old.count;
        turn(d, time_ms);
    } else if (time_ms - d->young.start_ms >= d->window_ms) {
        turn(d, time_ms);
    }
    if (d->old.count > 0) {
        const struct seen *before = find(&d->old, hash);
        if (before->hash == hash)
            return before->place != place;
    }
    if (d->young.count >= d->young.capacity / 2)
        grow(&d->young);
    struct seen *slot = find(&d->young, hash);
    if (slot->hash == hash)
        return slot->place != place;
    *slot = (struct seen){hash, place};
    d->young.count++;
    if (place < d->young.first_place)
        d->young.first_place = place;
    return false;
}

uint64_t dedupe_evicted(const struct dedupe *d) { return d->evicted; }

uint64_t dedupe_oldest_place(const struct dedupe *d)
{
    return d->old.first_place < d->young.first_place ? d->old.first_place : d->young.first_place;
}
