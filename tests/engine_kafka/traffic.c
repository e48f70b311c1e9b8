/* traffic.c - spans, repeats, late ones and poison, in small transactions; see traffic.h. */
#include "tests/engine_kafka/traffic.h"
#include "tests/engine_kafka/material.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define TICK_MS 40
#define RECORDS_PER_TICK_MAX 400
#define ATTEMPTS_MAX 100
#define GIANT_BYTES ((size_t)10 << 20)

struct traffic {
    struct bus *bus;
    char id[96];
    char topic[96];
    int32_t partitions;
    struct traffic_options options;
    struct material *material;
    struct member *member;
    pthread_t thread;
    int64_t clock_ms;  /* timestamp of the next record, with start_ms */
    uint64_t made;     /* records, committed or not */
    uint64_t key;
    struct buffer values[RECORDS_PER_TICK_MAX]; /* of the open transaction */
    char keys[RECORDS_PER_TICK_MAX][24];
    uint32_t count, count_poison;
    atomic_bool stop, ended;
    atomic_uint_fast64_t sent, poison;
    _Atomic double fail_share;
};

static void nap(int64_t ms)
{
    struct timespec step = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&step, NULL);
}

static int64_t next_timestamp(struct traffic *t)
{
    if (t->options.start_ms == 0)
        return clock_system.now_ms(&clock_system);
    int64_t now_ms = t->clock_ms;
    t->clock_ms += t->options.step_ms;
    return now_ms;
}

/* value NULL: a tombstone. */
static void put(struct traffic *t, int32_t partition, int64_t timestamp_ms, const struct bytes *value)
{
    struct error error = {0};
    if (t->count == RECORDS_PER_TICK_MAX)
        return;
    struct buffer *copy = &t->values[t->count];
    buffer_clear(copy);
    if (value != NULL)
        buffer_append(copy, value->data, value->size);
    CHECK(!copy->failed);
    (void)snprintf(t->keys[t->count], sizeof t->keys[0], "k%llu", (unsigned long long)t->key++);
    struct bus_output output = {.topic = t->topic, .partition = partition, .timestamp_ms = timestamp_ms,
                                .key = bytes_from_text(t->keys[t->count]),
                                .value = value == NULL ? BYTES_NONE : value->size == 0 ? BYTES_LITERAL("") : buffer_bytes(copy)};
    if (!member_produce(t->member, &output, &error))
        (void)fprintf(stderr, "traffic: %s\n", error.message);
    t->count++;
}

static void put_poison(struct traffic *t, int32_t partition, int64_t timestamp_ms)
{
    struct bytes value = BYTES_NONE;
    enum poison kind = material_poison(t->material, &value);
    if (kind == POISON_TOMBSTONE)
        put(t, partition, timestamp_ms, NULL);
    else
        put(t, partition, timestamp_ms, &value);
    t->count_poison += kind == POISON_BYTES;
}

static void put_record(struct traffic *t)
{
    const struct traffic_options *o = &t->options;
    int32_t partition = (int32_t)(material_chance(t->material) * t->partitions);
    int64_t timestamp_ms = next_timestamp(t);
    struct bytes value;
    bool captured = o->captured && t->made % 4 == 3 && material_captured(t->material, &value);
    if (!captured)
        value = material_spans(t->material, timestamp_ms, atomic_load(&t->fail_share), o->late_share);
    put(t, partition, timestamp_ms, &value);
    if (material_chance(t->material) < o->duplicate_share)
        put(t, partition, timestamp_ms, &value);
    if (material_chance(t->material) < o->poison_share)
        put_poison(t, partition, timestamp_ms);
    if (o->every_poison) {
        value = material_every_poison(t->material, timestamp_ms);
        put(t, partition, timestamp_ms, &value);
        t->count_poison++;
    }
    if (o->noise_bytes > 0) {
        value = material_noise(t->material, o->noise_bytes);
        put(t, partition, timestamp_ms, &value);
        t->count_poison++;
    }
    if (o->giants > 0 && t->made % 50 == 20 && t->made / 50 < o->giants) {
        value = material_noise(t->material, GIANT_BYTES);
        put(t, partition, timestamp_ms, &value);
        t->count_poison++;
    }
    t->made++;
}

static bool finished(const struct traffic *t)
{
    return t->options.records_max > 0 && t->made >= t->options.records_max;
}

/* One transaction. What was aborted is gone for good; the next one holds new records. */
static bool send_tick(struct traffic *t, uint32_t records)
{
    struct error error = {0};
    t->count = t->count_poison = 0;
    if (!member_begin(t->member, &error))
        return false;
    for (uint32_t i = 0; i < records && t->count < RECORDS_PER_TICK_MAX && !finished(t); i++)
        put_record(t);
    enum commit_outcome outcome = member_commit(t->member, NULL, 0, &error);
    if (outcome == COMMIT_DONE) {
        atomic_fetch_add(&t->sent, t->count);
        atomic_fetch_add(&t->poison, t->count_poison);
    }
    return outcome == COMMIT_DONE || outcome == COMMIT_ABORTED;
}

static struct member *open_member(struct traffic *t)
{
    const char *written[] = {t->topic};
    struct member_spec spec = {.group = t->id, .transactional_id = t->id, .topics_written = written, .topics_written_count = 1};
    struct error error = {0};
    struct member *member = NULL;
    for (int i = 0; i < ATTEMPTS_MAX && member == NULL && !atomic_load(&t->stop); i++) {
        member = bus_member_open(t->bus, &spec, &error);
        if (member == NULL)
            nap(200);
    }
    return member;
}

static void *run(void *argument)
{
    struct traffic *t = argument;
    int64_t start_ns = clock_monotonic_ns();
    t->member = open_member(t);
    while (t->member != NULL && !atomic_load(&t->stop) && !finished(t)) {
        int64_t due = (clock_monotonic_ns() - start_ns) / 1000000 * t->options.records_per_second / 1000 - (int64_t)t->made;
        if (due > (int64_t)t->options.records_per_second) { /* the broker was away: do not make up for it */
            start_ns += (due - t->options.records_per_second) * 1000000000 / t->options.records_per_second;
            continue;
        }
        if (due > 0 && !send_tick(t, (uint32_t)due)) {
            member_close(t->member);
            t->member = open_member(t);
        }
        nap(TICK_MS);
    }
    if (t->member != NULL)
        member_close(t->member);
    atomic_store(&t->ended, true);
    return NULL;
}

struct traffic *traffic_start(struct bus *bus, const char *app, const char *topic, int32_t partitions,
                              const struct traffic_options *options)
{
    struct traffic *t = memory_allocate(sizeof *t);
    t->bus = bus;
    t->options = *options;
    t->partitions = partitions;
    t->clock_ms = options->start_ms;
    (void)snprintf(t->id, sizeof t->id, "%s-traffic", app);
    (void)snprintf(t->topic, sizeof t->topic, "%s", topic);
    t->material = material_create(options->seed);
    atomic_store(&t->fail_share, options->fail_share);
    for (int i = 0; i < RECORDS_PER_TICK_MAX; i++)
        t->values[i] = BUFFER_WITH_LIMIT((size_t)16 << 20);
    CHECK(pthread_create(&t->thread, NULL, run, t) == 0);
    return t;
}

uint64_t traffic_sent(const struct traffic *t) { return atomic_load(&t->sent); }
bool traffic_ended(const struct traffic *t) { return atomic_load(&t->ended); }
void traffic_set_fail_share(struct traffic *t, double share) { atomic_store(&t->fail_share, share); }

uint64_t traffic_stop(struct traffic *t)
{
    if (t == NULL)
        return 0;
    atomic_store(&t->stop, true);
    (void)pthread_join(t->thread, NULL);
    uint64_t poison = atomic_load(&t->poison);
    for (int i = 0; i < RECORDS_PER_TICK_MAX; i++)
        buffer_free(&t->values[i]);
    material_destroy(t->material);
    memory_free(t);
    return poison;
}
