/*
 * traces.c - traces from their first digest until they are forgotten.
 *
 * States lie in a store of their own, for its undo: nothing of it goes to the changelog. Of the timers in the
 * heap one counts per trace. The clock's part is done after the digests of a record, so that after any record
 * whatever is due is settled: that is what reading again relies on.
 */
#include "engine/flow/traces_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"

#include <stdlib.h>

#define KIND_TRACE     'R'
#define PLACE_BITS     20
#define SETS_MAX       65536
#define RUN_MAX        256 /* digests given to the tracker at once */
#define TRACE_COST     192 /* bytes of memory that a trace takes beside its state */
#define STATE_MAX      ((size_t)1 << 20)
#define OUTPUTS_MAX    ((size_t)16 << 20)

struct traces *traces_create(const struct flow_options *options, struct metric_table *metrics, struct measure *measure)
{
    uint32_t n = 0;
    while (n < options->trackers_count && !options->trackers[n].class->forgets)
        n++;
    if (n == options->trackers_count)
        return NULL;
    struct traces *t = memory_allocate(sizeof *t);
    t->options = options;
    t->class = options->trackers[n].class;
    t->conf = options->trackers[n].conf;
    t->metrics = metrics;
    t->measure = measure;
    t->store = store_create(UINT64_MAX / 2); /* our own limit counts, see make_room */
    t->sets = label_sets_create(SETS_MAX);
    t->payload = BUFFER_WITH_LIMIT(1 + (size_t)RUN_MAX * DIGEST_BYTES);
    t->outputs = BUFFER_WITH_LIMIT(OUTPUTS_MAX);
    t->scratch = BUFFER_WITH_LIMIT(STATE_MAX);
    CHECK(traces_know_results(t));
    return t;
}

void traces_destroy(struct traces *t)
{
    if (t == NULL)
        return;
    store_destroy(t->store);
    label_sets_destroy(t->sets);
    timer_heap_free(&t->timers);
    memory_free(t->order);
    memory_free(t->block_sets);
    buffer_free(&t->payload);
    buffer_free(&t->outputs);
    buffer_free(&t->scratch);
    memory_free(t);
}

/* ---- states ------------------------------------------------------------------------------------------------ */

struct found_trace {
    struct store_key key;
    struct cell_id id;
    struct trace_head *head; /* NULL: not remembered */
    void *state;
    size_t size; /* of head and state */
};

static struct found_trace find_trace(struct traces *t, const struct cell_id *id)
{
    struct found_trace found = {.key = {.kind = KIND_TRACE}, .id = *id};
    memcpy(found.key.id, id->bytes, sizeof found.key.id);
    found.head = store_edit(t->store, &found.key, &found.size);
    if (found.head != NULL)
        found.state = found.head + 1;
    return found;
}

static uint64_t cost_of(size_t size) { return size + TRACE_COST; }

static void forget(struct traces *t, const struct found_trace *trace)
{
    t->bytes -= cost_of(trace->size);
    store_erase(t->store, &trace->key);
}

static void remember_order(struct traces *t, const struct cell_id *id, int64_t place)
{
    if (t->order_first > t->order_capacity / 2) {
        memmove(t->order, t->order + t->order_first, (t->order_count - t->order_first) * sizeof *t->order);
        t->order_count -= t->order_first;
        t->order_first = 0;
    }
    if (t->order_count == t->order_capacity) {
        t->order_capacity = t->order_capacity ? t->order_capacity * 2 : 1024;
        t->order = memory_resize(t->order, t->order_capacity * sizeof *t->order);
    }
    t->order[t->order_count++] = (struct trace_place){*id, place};
}

/* Behind this, the first in the order is remembered, if any is. */
static void pass_over_gone(struct traces *t)
{
    for (; t->order_first < t->order_count; t->order_first++) {
        struct store_key key = {.kind = KIND_TRACE};
        struct trace_head head;
        memcpy(key.id, t->order[t->order_first].id.bytes, sizeof key.id);
        struct bytes value = store_get(t->store, &key);
        if (!bytes_present(value))
            continue;
        memcpy(&head, value.data, sizeof head);
        if (head.place == t->order[t->order_first].place)
            return;
    }
}

static bool oldest(struct traces *t, struct found_trace *out)
{
    pass_over_gone(t);
    if (t->order_first == t->order_count)
        return false;
    *out = find_trace(t, &t->order[t->order_first].id);
    return true;
}

/* For `more` bytes; the trace `keep` stays. */
static void make_room(struct traces *t, uint64_t more, const struct cell_id *keep, int64_t now_ms)
{
    struct found_trace trace;
    while (t->bytes + more > t->options->traces_bytes_max && oldest(t, &trace) &&
           memcmp(trace.id.bytes, keep->bytes, sizeof keep->bytes) != 0) {
        struct tracker_call call = traces_call(t, &trace.id, now_ms);
        t->class->end(&call, trace.state);
        traces_send(t, &trace.id);
        forget(t, &trace);
        t->counters.forgotten += !t->muted;
    }
    pass_over_gone(t);
}

/* With room for the payload at hand. */
static struct found_trace open_trace(struct traces *t, const struct cell_id *id, int64_t place, int64_t now_ms)
{
    struct found_trace trace = find_trace(t, id);
    bool fresh = trace.head == NULL;
    buffer_clear(&t->scratch);
    if (fresh) {
        struct trace_head head = {place, INT64_MAX};
        buffer_append(&t->scratch, &head, sizeof head);
        uint8_t *state = buffer_reserve(&t->scratch, t->class->state_bytes);
        memset(state, 0, t->class->state_bytes);
        struct tracker_call call = traces_call(t, id, now_ms);
        t->class->start(&call, state);
        t->scratch.size += t->class->state_bytes;
    }
    const void *state = fresh ? t->scratch.data + sizeof(struct trace_head) : trace.state;
    size_t need = sizeof(struct trace_head) + t->class->room(state, buffer_bytes(&t->payload));
    if (!fresh && need <= trace.size)
        return trace;
    size_t old_size = fresh ? 0 : trace.size;
    make_room(t, (fresh ? cost_of(need) : need - old_size), id, now_ms);
    if (!fresh)
        buffer_append(&t->scratch, trace.head, trace.size);
    size_t grown = need - t->scratch.size;
    uint8_t *rest = buffer_reserve(&t->scratch, grown);
    CHECK(rest != NULL);
    memset(rest, 0, grown);
    store_write(t->store, &trace.key, bytes_of(t->scratch.data, need));
    t->bytes += fresh ? cost_of(need) : need - old_size;
    if (fresh)
        remember_order(t, id, place);
    return find_trace(t, id);
}

/* ---- digests ---------------------------------------------------------------------------------------------- */

static void arm(struct traces *t, const struct found_trace *trace)
{
    int64_t at_ms = t->class->deadline(trace->state);
    trace->head->armed_ms = at_ms;
    timer_heap_push(&t->timers, (struct timer){at_ms, trace->id, 0});
}

/* The payload at hand, all of one trace. */
static void give(struct traces *t, const uint8_t *trace_id, int64_t place, int64_t now_ms)
{
    struct cell_id id;
    memcpy(id.bytes, trace_id, sizeof id.bytes);
    struct found_trace trace = open_trace(t, &id, place, now_ms);
    struct tracker_call call = traces_call(t, &id, now_ms);
    t->class->evidence_in(&call, trace.state, buffer_bytes(&t->payload));
    traces_send(t, &id);
    if (t->class->deadline(trace.state) < trace.head->armed_ms)
        arm(t, &trace);
}

/* Digests of one trace mostly stand together. */
static void take_rows(struct traces *t, const struct digest_block *block, struct bytes rows, int64_t offset, int64_t now_ms)
{
    uint32_t count = (uint32_t)(rows.size / DIGEST_BYTES), run = 0;
    uint8_t trace_id[16];
    int64_t place = 0;
    buffer_clear(&t->payload);
    for (uint32_t i = 0; i < count; i++) {
        struct digest digest;
        if (!exchange_digest_at(block, rows, i, &digest)) {
            t->counters.bad += !t->muted;
            continue;
        }
        digest.labels = t->block_sets[digest.labels];
        traces_translate(t, block, &digest);
        if (run > 0 && (run == RUN_MAX || memcmp(digest.trace_id, trace_id, sizeof trace_id) != 0)) {
            give(t, trace_id, place, now_ms);
            run = 0;
        }
        if (run++ == 0) {
            buffer_clear(&t->payload);
            buffer_put_u8(&t->payload, EVIDENCE_DIGESTS);
            memcpy(trace_id, digest.trace_id, sizeof trace_id);
            place = (int64_t)((uint64_t)offset << PLACE_BITS) + (i & ((1 << PLACE_BITS) - 1));
        }
        buffer_append(&t->payload, &digest, sizeof digest);
    }
    if (run > 0)
        give(t, trace_id, place, now_ms);
}

void traces_take(struct traces *t, struct reader *reader, int64_t offset, int64_t now_ms)
{
    struct digest_block block;
    struct digest_set set;
    struct bytes rows;
    if (!exchange_open_digests(reader, t->metrics, &block))
        return;
    if (block.sets_count > reader_left(reader)) { /* a set has a byte at least */
        reader->failed = true;
        return;
    }
    if (block.sets_count > t->block_sets_capacity) {
        t->block_sets_capacity = block.sets_count;
        t->block_sets = memory_resize(t->block_sets, block.sets_count * sizeof *t->block_sets);
    }
    for (uint32_t i = 0; exchange_next_digest_set(&block, t->metrics, &set); i++)
        t->block_sets[i] = set.score && set.metric == METRIC_NONE ? 0 : label_sets_intern(t->sets, &set);
    if (exchange_digest_rows(&block, &rows))
        take_rows(t, &block, rows, offset, now_ms);
}

/* ---- time --------------------------------------------------------------------------------------------------- */

void traces_fire(struct traces *t, int64_t now_ms)
{
    struct timer timer;
    while (now_ms != LOG_TIME_NONE && timer_heap_pop_due(&t->timers, now_ms, &timer)) {
        struct found_trace trace = find_trace(t, &timer.id);
        if (trace.head == NULL || trace.head->armed_ms != timer.at_ms)
            continue;
        if (t->class->deadline(trace.state) <= now_ms) {
            struct tracker_call call = traces_call(t, &timer.id, now_ms);
            t->class->timer(&call, trace.state);
            traces_send(t, &timer.id);
            CHECK(t->class->deadline(trace.state) > timer.at_ms); /* or it would fire for ever */
        }
        if (t->class->deadline(trace.state) == TRACKER_NO_TIMER)
            forget(t, &trace);
        else
            arm(t, &trace);
    }
    pass_over_gone(t);
}

/* ---- reading again -------------------------------------------------------------------------------------------- */

void traces_relearn(struct traces *t) { t->muted = true; }

void traces_relearned(struct traces *t, int64_t now_ms)
{
    traces_fire(t, now_ms);
    store_commit(t->store);
    t->muted = false;
}

int64_t traces_needed(const struct traces *t)
{
    return t->order_first < t->order_count ? t->order[t->order_first].place >> PLACE_BITS : -1;
}

/* ---- ends of transactions -------------------------------------------------------------------------------------- */

static void copy_tracker_counters(struct traces *t)
{
    static const struct {
        const char *name;
        size_t at;
    } known[] = {
        {"digests", offsetof(struct trace_counters, digests)},   {"duplicates", offsetof(struct trace_counters, duplicates)},
        {"joined", offsetof(struct trace_counters, joined)},     {"late", offsetof(struct trace_counters, late)},
        {"missing", offsetof(struct trace_counters, missing)},   {"unjoined", offsetof(struct trace_counters, unjoined)},
        {"recounted", offsetof(struct trace_counters, recounted)}, {"overflow", offsetof(struct trace_counters, overflow)},
    };
    for (uint32_t n = 0; t->class->counter_names != NULL && t->class->counter_names[n] != NULL; n++)
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if (strcmp(t->class->counter_names[n], known[i].name) == 0)
                memcpy((uint8_t *)&t->counters + known[i].at, &t->tracker_counters[n], sizeof(uint64_t));
}

void traces_commit(struct traces *t)
{
    copy_tracker_counters(t);
    store_commit(t->store);
    t->counters.remembered = store_count(t->store);
    t->counters.bytes = t->bytes;
    t->committed = t->counters;
    memcpy(t->committed_tracker, t->tracker_counters, sizeof t->committed_tracker);
}

static int compare_places(const void *left, const void *right)
{
    const struct trace_place *a = left, *b = right;
    return a->place < b->place ? -1 : a->place > b->place;
}

void traces_rollback(struct traces *t)
{
    store_rollback(t->store);
    t->counters = t->committed;
    memcpy(t->tracker_counters, t->committed_tracker, sizeof t->tracker_counters);
    t->timers.count = t->order_first = t->order_count = 0;
    t->bytes = 0;
    uint32_t cursor = 0;
    struct store_key key;
    struct bytes value;
    while (store_walk(t->store, &cursor, &key, &value)) {
        struct trace_head head;
        struct cell_id id;
        memcpy(&head, value.data, sizeof head);
        memcpy(id.bytes, key.id, sizeof id.bytes);
        t->bytes += cost_of(value.size);
        remember_order(t, &id, head.place);
        timer_heap_push(&t->timers, (struct timer){head.armed_ms, id, 0});
    }
    if (t->order_count > 0)
        qsort(t->order, t->order_count, sizeof *t->order, compare_places);
}

const struct trace_counters *traces_counts(const struct traces *t) { return &t->committed; }
