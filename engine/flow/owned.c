/* owned.c - restore, parking and the ends of transactions, the same for cells and digests. */
#include "engine/flow/owned.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/flow/position_number.h"

struct owned_set {
    const struct flow_options *options;
    struct bus *bus;
    struct metric_table *metrics;
    struct measure *measure;
    struct outbox *outbox;
    struct owned *all; /* cells 0 … N-1, digests N … 2N-1 */
    uint32_t count;
};

struct owned_set *owned_create(const struct flow_options *options, struct bus *bus, struct metric_table *metrics,
                               struct measure *measure, struct outbox *outbox)
{
    struct owned_set *set = memory_allocate(sizeof *set);
    set->options = options;
    set->bus = bus;
    set->metrics = metrics;
    set->measure = measure;
    set->outbox = outbox;
    set->count = options->exchange_partitions * 2;
    set->all = memory_allocate_array(set->count, sizeof *set->all);
    for (uint32_t i = 0; i < set->count; i++) {
        set->all[i].digests = i >= options->exchange_partitions;
        set->all[i].partition = i % options->exchange_partitions;
    }
    return set;
}

static void drop_state(struct owned *o)
{
    back_destroy(o->back);
    entities_destroy(o->entities);
    if (o->restore != NULL)
        reader_close(o->restore);
    o->back = NULL;
    o->entities = NULL;
    o->restore = NULL;
    o->relearning = false;
    o->phase = OWNED_ABSENT;
}

void owned_destroy(struct owned_set *set)
{
    if (set == NULL)
        return;
    for (uint32_t i = 0; i < set->count; i++)
        drop_state(&set->all[i]);
    memory_free(set->all);
    memory_free(set);
}

struct owned *owned_at(struct owned_set *set, bool digests, uint32_t partition)
{
    CHECK(partition < set->options->exchange_partitions);
    return &set->all[(digests ? set->options->exchange_partitions : 0) + partition];
}

struct store *owned_store(struct owned *o) { return o->digests ? entities_store(o->entities) : back_store(o->back); }

void owned_fold(struct owned *o, const struct exchange_stamp *stamp, struct bytes body, int64_t offset)
{
    if (stamp->wall_ms > o->newest_wall_ms)
        o->newest_wall_ms = stamp->wall_ms;
    if (o->digests)
        entities_fold(o->entities, stamp, body, offset);
    else
        back_fold(o->back, stamp, body);
}

static void rebuild(struct owned *o)
{
    if (o->digests)
        entities_rebuild(o->entities);
    else
        back_rebuild(o->back);
}

int64_t owned_needed(const struct owned *o)
{
    int64_t needed = o->digests && o->phase == OWNED_READY ? entities_needed(o->entities) : -1;
    return needed >= 0 && needed < o->next ? needed : o->next;
}

/* The order is DESIGN §5's: committed offsets first (the caller's), then the changelog's end read
 * uncommitted, then read committed until the position has passed it. */
static bool start_restore(struct owned_set *set, struct owned *o, struct error *error)
{
    drop_state(o);
    if (o->digests)
        o->entities = entities_create(o->partition, set->options, set->metrics, set->measure, set->outbox);
    else
        o->back = back_create(o->partition, &set->options->back, set->metrics, set->options->rules, set->outbox);
    int32_t partition = (int32_t)(o->partition + (o->digests ? set->options->exchange_partitions : 0));
    const char *topic = set->options->topics.changelog;
    if (!bus_watermarks(set->bus, topic, partition, &o->restore_from, &o->restore_end, error))
        return false;
    o->restore = bus_reader_open(set->bus, topic, partition, o->restore_from, o->restore_end, error);
    o->phase = OWNED_RESTORING;
    o->restored_records = 0;
    return o->restore != NULL;
}

bool owned_assign(struct owned_set *set, bool digests, const struct bus_position *committed, struct error *error)
{
    struct owned *o = owned_at(set, digests, (uint32_t)committed->source.partition);
    o->next = o->committed = committed->offset;
    if (o->phase == OWNED_PARKED && strcmp(o->metadata, committed->metadata) == 0) {
        o->phase = OWNED_READY;
        return true;
    }
    memcpy(o->metadata, committed->metadata, sizeof o->metadata);
    return start_restore(set, o, error);
}

void owned_revoke(struct owned_set *set, bool digests, uint32_t partition)
{
    struct owned *o = owned_at(set, digests, partition);
    if (o->phase == OWNED_READY && o->metadata[0] != 0)
        o->phase = OWNED_PARKED;
    else
        drop_state(o);
}

/* What traces remember of records before the committed offset; false: fatal. *none: nothing. */
static bool start_relearning(struct owned_set *set, struct owned *o, bool *none, struct error *error)
{
    int64_t low = 0, high = 0, from = position_number(o->metadata, " d=", o->committed);
    *none = from < 0 || from >= o->committed;
    if (*none)
        return true;
    if (!bus_watermarks(set->bus, set->options->topics.digests, (int32_t)o->partition, &low, &high, error))
        return false;
    o->restore_from = from > low ? from : low;
    o->restore_end = o->committed;
    *none = o->restore_from >= o->restore_end;
    if (*none)
        return true;
    o->relearning = true;
    o->restore = bus_reader_open(set->bus, set->options->topics.digests, (int32_t)o->partition, o->restore_from, o->restore_end, error);
    return o->restore != NULL;
}

static bool finish_restore(struct owned_set *set, struct owned *o, struct error *error)
{
    bool none = true;
    reader_close(o->restore);
    o->restore = NULL;
    if (!o->relearning) {
        rebuild(o);
        if (o->digests && !start_relearning(set, o, &none, error))
            return error_prefix(error, "reading the digests of partition %u again", o->partition);
        if (!none)
            return true;
    }
    o->relearning = false;
    if (o->digests)
        entities_relearned(o->entities);
    o->phase = OWNED_READY;
    return true;
}

static bool take_restored(struct owned *o, const struct bus_record *record, struct error *error)
{
    struct store_key key;
    o->restored_records++;
    if (o->relearning) {
        entities_relearn(o->entities, record->value, record->offset);
        return true;
    }
    if (!store_key_decode(record->key, &key))
        return error_set(error, ERROR_INPUT, "changelog partition %u offset %lld: key of %zu bytes is not Assay's; was something else written there?",
                         o->partition, (long long)record->offset, record->key.size);
    store_load(owned_store(o), &key, record->value);
    return true;
}

static bool restore_some(struct owned_set *set, struct owned *o, uint32_t max_records, struct error *error)
{
    for (uint32_t i = 0; i < max_records; i++) {
        if (reader_position(o->restore) >= o->restore_end)
            return finish_restore(set, o, error);
        struct bus_record record;
        enum reader_event event = reader_next(o->restore, 100, &record, error);
        if (event == READER_FAILED)
            return error_prefix(error, "restoring %s partition %u", o->digests ? "entities" : "cells", o->partition);
        if (event == READER_END)
            return reader_position(o->restore) >= o->restore_end ? finish_restore(set, o, error) : true;
        if (!take_restored(o, &record, error))
            return false;
    }
    return true;
}

bool owned_restore_step(struct owned_set *set, uint32_t max_records, struct owned **became_ready, struct error *error)
{
    *became_ready = NULL;
    for (uint32_t i = 0; i < set->count; i++) {
        struct owned *o = &set->all[i];
        if (o->phase != OWNED_RESTORING)
            continue;
        if (!restore_some(set, o, max_records, error))
            return false;
        if (o->phase == OWNED_READY)
            *became_ready = o;
        return true;
    }
    return true;
}

bool owned_restoring(const struct owned_set *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (set->all[i].phase == OWNED_RESTORING)
            return true;
    return false;
}

void owned_progress(const struct owned_set *set, int64_t *done, int64_t *total)
{
    *done = *total = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct owned *o = &set->all[i];
        if (o->phase != OWNED_RESTORING)
            continue;
        *total += o->restore_end - o->restore_from;
        *done += reader_position(o->restore) - o->restore_from;
    }
}

struct owned *owned_next_ready(struct owned_set *set, uint32_t *index)
{
    while (*index < set->count) {
        struct owned *o = &set->all[(*index)++];
        if (o->phase == OWNED_READY)
            return o;
    }
    return NULL;
}

void owned_commit_all(struct owned_set *set)
{
    uint32_t index = 0;
    for (struct owned *o; (o = owned_next_ready(set, &index)) != NULL;) {
        if (o->digests)
            entities_commit(o->entities);
        else
            store_commit(owned_store(o));
        o->committed = o->next;
    }
}

void owned_rollback_all(struct owned_set *set)
{
    uint32_t index = 0;
    for (struct owned *o; (o = owned_next_ready(set, &index)) != NULL;) {
        if (o->digests) {
            entities_rollback(o->entities);
        } else {
            store_rollback(owned_store(o));
            rebuild(o);
        }
        o->next = o->committed;
    }
}
