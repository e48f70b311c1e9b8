/*
 * entities.c - trackers' states in a store, their deadlines in a heap.
 *
 * A timer in the heap may be stale: when it fires, the state's own deadline decides.
 */
#include "engine/flow/entities.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/flow/exchange_digests.h"
#include "engine/flow/timer_heap.h"
#include "engine/flow/traces.h"

enum { KIND_CLOCK = 'C', KIND_TRACKER = 'T' /* slot: number of the tracker; value: name, state */ };

#define TRACKER_STATE_MAX ((size_t)1 << 20)

struct entities {
    uint32_t partition;
    const struct flow_options *options;
    struct outbox *outbox;
    struct store *store;
    struct traces *traces; /* NULL: no tracker takes digests */
    struct log_time *clock;
    struct timer_heap timers;
    struct buffer fresh, outputs, scratch;
    struct entities_counters counters;
};

struct entities *entities_create(uint32_t partition, const struct flow_options *options, struct metric_table *metrics,
                                 struct measure *measure, struct outbox *outbox)
{
    struct entities *e = memory_allocate(sizeof *e);
    e->partition = partition;
    e->options = options;
    e->outbox = outbox;
    e->store = store_create(options->back.store_limit_bytes);
    e->traces = traces_create(options, metrics, measure);
    e->clock = log_time_create(options->back.settle_ms, options->back.inactive_after_ms);
    e->fresh = BUFFER_WITH_LIMIT(TRACKER_STATE_MAX);
    e->outputs = BUFFER_WITH_LIMIT((size_t)16 << 20);
    e->scratch = BUFFER_WITH_LIMIT((size_t)1 << 20);
    return e;
}

void entities_destroy(struct entities *e)
{
    if (e == NULL)
        return;
    store_destroy(e->store);
    traces_destroy(e->traces);
    log_time_destroy(e->clock);
    timer_heap_free(&e->timers);
    buffer_free(&e->fresh);
    buffer_free(&e->outputs);
    buffer_free(&e->scratch);
    memory_free(e);
}

struct store *entities_store(struct entities *e) { return e->store; }
int64_t entities_now(const struct entities *e) { return log_time_now(e->clock); }
const struct entities_counters *entities_counts(const struct entities *e) { return &e->counters; }

/* ---- states: name, padded to 8, then the tracker's flat state -------------------------------------------- */

static size_t name_room(size_t name_size) { return (2 + name_size + 7) & ~(size_t)7; }

static bool split_value(const struct tracker_class *class, uint8_t *data, size_t size, struct bytes *name, void **state)
{
    if (size < 2)
        return false;
    size_t name_size = (size_t)data[0] | (size_t)data[1] << 8;
    if (size != name_room(name_size) + class->state_bytes)
        return false;
    *name = bytes_of(data + 2, name_size);
    *state = data + name_room(name_size);
    return class->valid(*state, class->state_bytes);
}

static struct tracker_call call_for(struct entities *e, uint32_t tracker, struct bytes name)
{
    buffer_clear(&e->outputs);
    return (struct tracker_call){.conf = e->options->trackers[tracker].conf, .entity = name,
                                 .now_ms = entities_now(e), .outputs = &e->outputs};
}

static struct store_key state_key(const struct cell_id *id, uint32_t tracker)
{
    struct store_key key = {.kind = KIND_TRACKER, .slot = tracker};
    memcpy(key.id, id->bytes, sizeof key.id);
    return key;
}

/* A zeroed state put into the store and started. NULL: no room (counted). */
static uint8_t *make_state(struct entities *e, uint32_t tracker, const struct store_key *key, struct bytes name, size_t *size)
{
    const struct tracker_class *class = e->options->trackers[tracker].class;
    *size = name_room(name.size) + class->state_bytes;
    buffer_clear(&e->fresh);
    uint8_t *fresh = buffer_reserve(&e->fresh, *size);
    if (fresh == NULL || name.size > UINT16_MAX)
        return NULL;
    memset(fresh, 0, *size);
    fresh[0] = (uint8_t)name.size;
    fresh[1] = (uint8_t)(name.size >> 8);
    memcpy(fresh + 2, name.data, name.size);
    if (!store_put(e->store, key, bytes_of(fresh, *size))) {
        e->counters.refused++;
        return NULL;
    }
    uint8_t *data = store_edit(e->store, key, size);
    struct tracker_call call = call_for(e, tracker, name);
    class->start(&call, data + name_room(name.size));
    return data;
}

/* ---- outputs ------------------------------------------------------------------------------------------------ */

static void send_outputs(struct entities *e)
{
    struct reader reader = reader_of(buffer_bytes(&e->outputs));
    enum tracker_output kind;
    struct bytes key, value;
    while (tracker_next_output(&reader, &kind, &key, &value)) {
        struct bus_output output = {.partition = -1, .timestamp_ms = entities_now(e), .key = key, .value = value};
        output.topic = kind == OUTPUT_RATES ? e->options->topics.rates : e->options->topics.decisions;
        struct error error;
        CHECK(outbox_send(e->outbox, &output, &error)); /* trackers' outputs are small by contract */
        e->counters.outputs++;
    }
}

static void arm_timer(struct entities *e, uint32_t tracker, const struct cell_id *id, const void *state)
{
    int64_t at_ms = e->options->trackers[tracker].class->deadline(state);
    if (at_ms != TRACKER_NO_TIMER)
        timer_heap_push(&e->timers, (struct timer){at_ms, *id, tracker});
}

/* ---- fold ---------------------------------------------------------------------------------------------------- */

static void give_evidence(struct entities *e, uint32_t tracker, const struct entity_message *message)
{
    const struct tracker_class *class = e->options->trackers[tracker].class;
    struct store_key key = state_key(&message->entity, tracker);
    size_t size = 0;
    uint8_t *data = store_edit(e->store, &key, &size);
    struct bytes name = message->name;
    void *state = NULL;
    if (data == NULL || !split_value(class, data, size, &name, &state)) {
        data = make_state(e, tracker, &key, message->name, &size);
        if (data == NULL || !split_value(class, data, size, &name, &state))
            return;
    }
    int64_t before = class->deadline(state);
    struct tracker_call call = call_for(e, tracker, name);
    class->evidence_in(&call, state, message->payload);
    if (class->deadline(state) != before || before == TRACKER_NO_TIMER)
        arm_timer(e, tracker, &message->entity, state);
    send_outputs(e);
}

static void take_message(struct entities *e, const struct entity_message *message)
{
    e->counters.messages++;
    uint32_t evidence = message->payload.size > 0 ? message->payload.data[0] : 0;
    for (uint32_t t = 0; t < e->options->trackers_count; t++) {
        const struct tracker_class *class = e->options->trackers[t].class;
        if (!class->forgets && class->entity == message->kind && evidence < 32 && (class->evidence >> evidence & 1))
            give_evidence(e, t, message);
    }
}

static void fire_timer(struct entities *e, const struct timer *timer, int64_t now_ms)
{
    if (timer->tag >= e->options->trackers_count)
        return;
    const struct tracker_class *class = e->options->trackers[timer->tag].class;
    struct store_key key = state_key(&timer->id, timer->tag);
    size_t size = 0;
    uint8_t *data = store_edit(e->store, &key, &size);
    struct bytes name;
    void *state = NULL;
    if (data == NULL || !split_value(class, data, size, &name, &state) || class->deadline(state) > now_ms)
        return;
    int64_t before = class->deadline(state);
    struct tracker_call call = call_for(e, timer->tag, name);
    class->timer(&call, state);
    CHECK(class->deadline(state) > before); /* or it would fire for ever */
    arm_timer(e, timer->tag, &timer->id, state);
    send_outputs(e);
    e->counters.timers++;
}

static void save_clock(struct entities *e)
{
    struct store_key key = {.kind = KIND_CLOCK};
    buffer_clear(&e->scratch);
    log_time_encode(e->clock, &e->scratch);
    store_write(e->store, &key, buffer_bytes(&e->scratch));
}

/* Blocks of digests, where anyone takes them. False: the rest of the record cannot be read. */
static bool take_digests(struct entities *e, struct reader *reader, int64_t offset)
{
    while (e->traces != NULL && exchange_has_digests(reader))
        traces_take(e->traces, reader, offset, entities_now(e));
    return !reader->failed && !exchange_has_digests(reader);
}

void entities_fold(struct entities *e, const struct exchange_stamp *stamp, struct bytes body, int64_t offset)
{
    e->counters.records++;
    int64_t now_ms = log_time_advance(e->clock, stamp);
    struct timer timer;
    while (now_ms != LOG_TIME_NONE && timer_heap_pop_due(&e->timers, now_ms, &timer))
        fire_timer(e, &timer, now_ms);
    struct reader reader = reader_of(body);
    struct entity_message message;
    bool ok = take_digests(e, &reader, offset);
    while (ok && exchange_next_message(&reader, &message))
        take_message(e, &message);
    e->counters.bad_records += !ok || reader.failed;
    if (e->traces != NULL)
        traces_fire(e->traces, now_ms);
    save_clock(e);
}

void entities_relearn(struct entities *e, struct bytes body, int64_t offset)
{
    struct reader reader = reader_of(body);
    if (e->traces == NULL)
        return;
    traces_relearn(e->traces);
    (void)take_digests(e, &reader, offset);
    traces_commit(e->traces); /* nothing of it will be undone */
}

void entities_relearned(struct entities *e)
{
    if (e->traces != NULL)
        traces_relearned(e->traces, entities_now(e));
}

int64_t entities_needed(const struct entities *e) { return e->traces != NULL ? traces_needed(e->traces) : -1; }

const struct trace_counters *entities_trace_counts(const struct entities *e)
{
    return e->traces != NULL ? traces_counts(e->traces) : NULL;
}

void entities_commit(struct entities *e)
{
    store_commit(e->store);
    if (e->traces != NULL)
        traces_commit(e->traces);
}

void entities_rollback(struct entities *e)
{
    store_rollback(e->store);
    if (e->traces != NULL)
        traces_rollback(e->traces);
    entities_rebuild(e);
}

void entities_rebuild(struct entities *e)
{
    e->timers.count = 0;
    log_time_reset(e->clock);
    uint32_t cursor = 0;
    struct store_key key;
    struct bytes value;
    while (store_walk(e->store, &cursor, &key, &value)) {
        struct bytes name;
        void *state = NULL;
        if (key.kind == KIND_CLOCK) {
            CHECK(log_time_decode(e->clock, value));
        } else if (key.kind == KIND_TRACKER && key.slot < e->options->trackers_count &&
                   split_value(e->options->trackers[key.slot].class, (uint8_t *)(uintptr_t)value.data, value.size, &name, &state)) {
            struct cell_id id;
            memcpy(id.bytes, key.id, sizeof id.bytes);
            arm_timer(e, key.slot, &id, state);
        }
    }
}
