/* embedded_log.c - the bus itself: opening, closing, clock, chance, and what outsiders may ask. */
#define _POSIX_C_SOURCE 200809L
#include "engine/bus/embedded_log_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"

#include <time.h>

#define POLL_RECORDS_DEFAULT 1024u
#define RECORD_BYTES_DEFAULT (16u * 1024u * 1024u)
#define RECORD_BYTES_MAX     (512u * 1024u * 1024u)

/* ---- clock -------------------------------------------------------------------------------------- */

static int64_t embedded_now_ms(const struct clock *clock)
{
    const struct embedded_clock *embedded = (const struct embedded_clock *)(const void *)clock;
    return atomic_load_explicit(&embedded->now_ms, memory_order_relaxed);
}

void embedded_clock_init(struct embedded_clock *embedded, int64_t now_ms)
{
    embedded->clock.now_ms = embedded_now_ms;
    atomic_init(&embedded->now_ms, now_ms);
}

void embedded_clock_set(struct embedded_clock *embedded, int64_t now_ms)
{
    atomic_store_explicit(&embedded->now_ms, now_ms, memory_order_relaxed);
}

/* ---- lock, wait, chance ---------------------------------------------------------------------------- */

void log_lock(struct embedded_log *log) { CHECK(pthread_mutex_lock(&log->mutex) == 0); }

void log_unlock(struct embedded_log *log) { CHECK(pthread_mutex_unlock(&log->mutex) == 0); }

bool log_wait_locked(struct embedded_log *log, int64_t deadline_ns)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                             .tv_nsec = (long)(deadline_ns % 1000000000)};
    return pthread_cond_timedwait(&log->changed, &log->mutex, &until) == 0;
}

uint64_t log_random_locked(struct embedded_log *log)
{
    log->random += 0x9e3779b97f4a7c15ULL;
    return hash_mix64(log->random);
}

bool log_chance_locked(struct embedded_log *log, double probability)
{
    if (probability <= 0)
        return false;
    return (double)(log_random_locked(log) >> 11) * 0x1p-53 < probability;
}

/* ---- questions ------------------------------------------------------------------------------------------------ */

int64_t embedded_log_largest_timestamp_ms(struct bus *bus, const char *name)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    const struct log_topic *topic = name ? log_topic_find_locked(log, name) : NULL;
    int64_t largest = topic ? topic->largest_timestamp_ms : name ? -1 : log->largest_timestamp_ms;
    log_unlock(log);
    return largest;
}

bool embedded_log_position(struct bus *bus, const char *group_name, const char *name,
                           int32_t partition, struct bus_position *out, struct error *error)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    const struct log_group *group = log_group_find(log, group_name);
    bool ok = log_partition_get_locked(log, name, partition, error) != NULL;
    const struct log_topic *topic = ok ? log_topic_find_locked(log, name) : NULL;
    uint32_t slot = ok && group ? log_group_slot(group, topic) : UINT32_MAX;
    if (ok && slot == UINT32_MAX)
        ok = error_set(error, ERROR_INPUT, "group \"%s\" does not read topic \"%s\"", group_name,
                       name);
    if (ok) {
        const struct log_slot *found = &group->slots[slot + (uint32_t)partition];
        out->source.partition = partition;
        out->offset = found->offset;
        memcpy(out->metadata, found->metadata, sizeof out->metadata);
    }
    log_unlock(log);
    return ok;
}

uint64_t embedded_log_bytes(struct bus *bus)
{
    struct embedded_log *log = log_of(bus);
    uint64_t bytes = 0;
    log_lock(log);
    for (uint32_t i = 0; i < log->topics_count; i++)
        for (int32_t k = 0; k < log->topics[i]->partitions_count; k++)
            bytes += log->topics[i]->partitions[k].bytes;
    log_unlock(log);
    return bytes;
}

void embedded_log_rebalance(struct bus *bus, const char *group_name)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    struct log_group *group = log_group_find(log, group_name);
    if (group != NULL)
        log_group_rebalance(log, group);
    log_unlock(log);
}

struct embedded_log_counts embedded_log_count(struct bus *bus)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    struct embedded_log_counts counts = log->counts;
    log_unlock(log);
    return counts;
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static void log_close(struct bus *bus)
{
    struct embedded_log *log = log_of(bus);
    CHECK(log->members_count == 0);
    CHECK(log->readers_count == 0);
    for (uint32_t i = 0; i < log->topics_count; i++)
        log_topic_free(log->topics[i]);
    for (uint32_t i = 0; i < log->groups_count; i++)
        log_group_free(log->groups[i]);
    table_free(&log->topics_by_name);
    memory_free(log->topics);
    memory_free(log->groups);
    memory_free(log->members);
    memory_free(log->readers);
    CHECK(pthread_cond_destroy(&log->changed) == 0);
    CHECK(pthread_mutex_destroy(&log->mutex) == 0);
    memory_free(log);
}

static const struct bus_ops log_bus_ops = {
    .member_open = log_member_open,
    .reader_open = log_reader_open,
    .describe = log_topic_describe,
    .create = log_topic_create,
    .watermarks = log_topic_watermarks,
    .purge = log_topic_purge,
    .close = log_close,
};

void embedded_log_set_faults(struct bus *bus, const struct embedded_log_faults *faults)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    log->options.faults = *faults;
    log->random = hash_mix64(faults->seed);
    log_unlock(log);
}

struct bus *embedded_log_open(const struct embedded_log_options *options)
{
    struct embedded_log *log = memory_allocate(sizeof *log);
    log->bus.ops = &log_bus_ops;
    if (options != NULL)
        log->options = *options;
    if (log->options.poll_records_max == 0)
        log->options.poll_records_max = POLL_RECORDS_DEFAULT;
    if (log->options.record_bytes_max == 0)
        log->options.record_bytes_max = RECORD_BYTES_DEFAULT;
    CHECK(log->options.record_bytes_max <= RECORD_BYTES_MAX);
    log->random = hash_mix64(log->options.faults.seed);
    log->largest_timestamp_ms = -1;
    pthread_condattr_t monotonic;
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&log->changed, &monotonic) == 0);
    CHECK(pthread_condattr_destroy(&monotonic) == 0);
    CHECK(pthread_mutex_init(&log->mutex, NULL) == 0);
    return &log->bus;
}
