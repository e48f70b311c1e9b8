/*
 * embedded_log_topic.c - topics: creating, describing, appending, and deleting what is too much.
 */
#include "engine/bus/embedded_log_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"

#define PARTITIONS_MAX      10000
#define COMPACT_SLACK_BYTES (256u * 1024u)

/* ---- topics -------------------------------------------------------------------------------------------- */

static uint64_t name_hash(const char *name) { return hash_bytes(bytes_from_text(name), 0); }

struct log_topic *log_topic_find_locked(struct embedded_log *log, const char *name)
{
    uint64_t hash = name_hash(name);
    uint32_t cursor = 0;
    uint32_t number = table_first(&log->topics_by_name, hash, &cursor);
    while (number != TABLE_NONE && strcmp(log->topics[number]->name, name) != 0)
        number = table_next(&log->topics_by_name, hash, &cursor);
    return number == TABLE_NONE ? NULL : log->topics[number];
}

struct log_topic *log_topic_get_locked(struct embedded_log *log, const char *name,
                                       struct error *error)
{
    struct log_topic *topic = log_topic_find_locked(log, name);
    if (topic == NULL)
        (void)error_set(error, ERROR_INPUT, "topic \"%s\" is not there: create it first", name);
    return topic;
}

static bool partition_check(const struct log_topic *topic, int32_t partition, struct error *error)
{
    if (partition >= 0 && partition < topic->partitions_count)
        return true;
    return error_set(error, ERROR_INPUT, "topic \"%s\" has no partition %d, only 0 to %d",
                     topic->name, (int)partition, (int)topic->partitions_count - 1);
}

struct log_partition *log_partition_get_locked(struct embedded_log *log, const char *name,
                                               int32_t partition, struct error *error)
{
    struct log_topic *topic = log_topic_get_locked(log, name, error);
    if (topic == NULL || !partition_check(topic, partition, error))
        return NULL;
    return &topic->partitions[partition];
}

static bool topic_add_locked(struct embedded_log *log, const struct topic_spec *spec,
                             struct error *error)
{
    if (log_topic_find_locked(log, spec->name) != NULL)
        return true;
    if (spec->name[0] == 0 || spec->partitions < 1 || spec->partitions > PARTITIONS_MAX)
        return error_set(error, ERROR_INPUT, "topic \"%s\": %d partitions, must be 1 to %d",
                         spec->name, (int)spec->partitions, PARTITIONS_MAX);
    struct log_topic *topic = memory_allocate(sizeof *topic);
    topic->name = memory_copy_text(spec->name);
    topic->partitions_count = spec->partitions;
    topic->cleanup = spec->cleanup;
    topic->retention_ms = spec->retention_ms;
    topic->largest_timestamp_ms = -1;
    topic->partitions = memory_allocate_array((size_t)spec->partitions, sizeof *topic->partitions);
    log->topics = memory_resize(log->topics, (log->topics_count + 1) * sizeof(struct log_topic *));
    log->topics[log->topics_count] = topic;
    table_insert(&log->topics_by_name, name_hash(spec->name), log->topics_count++);
    return true;
}

bool log_topic_create(struct bus *bus, const struct topic_spec *spec, struct error *error)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    bool ok = topic_add_locked(log, spec, error);
    log_unlock(log);
    return ok;
}

bool log_topic_describe(struct bus *bus, const char *name, struct topic_info *out,
                        struct error *error)
{
    (void)error;
    struct embedded_log *log = log_of(bus);
    *out = (struct topic_info){0};
    log_lock(log);
    const struct log_topic *topic = log_topic_find_locked(log, name);
    if (topic != NULL)
        *out = (struct topic_info){topic->partitions_count, topic->cleanup, topic->retention_ms};
    log_unlock(log);
    return true;
}

bool log_topic_watermarks(struct bus *bus, const char *name, int32_t partition, int64_t *low,
                          int64_t *high, struct error *error)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    const struct log_partition *found = log_partition_get_locked(log, name, partition, error);
    if (found != NULL) {
        *low = found->low;
        *high = found->next;
    }
    log_unlock(log);
    return found != NULL;
}

bool log_topic_purge(struct bus *bus, const char *name, int32_t partition, int64_t before,
                     struct error *error)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    struct log_partition *found = log_partition_get_locked(log, name, partition, error);
    bool ok = found != NULL;
    if (ok && (before < 0 || before > found->next))
        ok = error_set(error, ERROR_INPUT,
                       "%s/%d: cannot purge before offset %lld, the log ends at %lld", name,
                       (int)partition, (long long)before, (long long)found->next);
    if (ok)
        log_partition_purge(found, before);
    log_unlock(log);
    return ok;
}

/* ---- appending ------------------------------------------------------------------------------------------- */

bool log_output_check(const struct embedded_log *log, const struct log_topic *topic,
                      const struct bus_output *output, struct error *error)
{
    uint64_t bytes = log_output_bytes(output);
    if (output->headers_count > BUS_HEADERS_MAX)
        return error_set(error, ERROR_LIMIT,
                         "a record for topic \"%s\" has %u headers, at most %d are allowed",
                         topic->name, output->headers_count, BUS_HEADERS_MAX);
    if (bytes > log->options.record_bytes_max)
        return error_set(error, ERROR_LIMIT,
                         "a record for topic \"%s\" has %llu bytes, at most %u are allowed",
                         topic->name, (unsigned long long)bytes, log->options.record_bytes_max);
    if (topic->cleanup == TOPIC_COMPACT && !bytes_present(output->key))
        return error_set(error, ERROR_INPUT, "topic \"%s\" is compacted: its records need a key",
                         topic->name);
    return output->partition == -1 || partition_check(topic, output->partition, error);
}

int32_t embedded_log_partition_of_key(struct bytes key, int32_t partitions)
{
    const uint32_t m = 0x5bd1e995;
    uint32_t hash = 0x9747b28c ^ (uint32_t)key.size;
    size_t whole = key.size & ~(size_t)3;
    for (size_t i = 0; i < whole; i += 4) {
        uint32_t k;
        memcpy(&k, key.data + i, sizeof k);
        k *= m;
        k ^= k >> 24;
        hash = (hash * m) ^ (k * m);
    }
    for (size_t i = key.size; i > whole; i--)
        hash ^= (uint32_t)key.data[i - 1] << 8 * (i - 1 - whole);
    if (key.size > whole)
        hash *= m;
    hash ^= hash >> 13;
    hash *= m;
    hash ^= hash >> 15;
    return (int32_t)((hash & 0x7fffffff) % (uint32_t)partitions);
}

int32_t log_output_partition(const struct log_topic *topic, const struct bus_output *output,
                             uint32_t *turn)
{
    if (output->partition >= 0)
        return output->partition;
    if (bytes_present(output->key))
        return embedded_log_partition_of_key(output->key, topic->partitions_count);
    return (int32_t)((*turn)++ % (uint32_t)topic->partitions_count);
}

void log_append_locked(struct embedded_log *log, struct log_topic *topic, int32_t partition,
                       const struct bus_output *output)
{
    log_partition_append(&topic->partitions[partition], output, log->sequence++);
    if (output->timestamp_ms > topic->largest_timestamp_ms)
        topic->largest_timestamp_ms = output->timestamp_ms;
    if (output->timestamp_ms > log->largest_timestamp_ms)
        log->largest_timestamp_ms = output->timestamp_ms;
    log->counts.records_appended++;
}

static bool append_outside(struct bus *bus, const struct bus_output *output, int64_t at,
                           int64_t *offset, struct error *error)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    struct log_topic *topic = log_topic_get_locked(log, output->topic, error);
    bool ok = topic != NULL && log_output_check(log, topic, output, error);
    if (ok) {
        int32_t partition = log_output_partition(topic, output, &topic->turn);
        struct log_partition *log_partition = &topic->partitions[partition];
        if (at > log_partition->next)
            log_partition->next = at;
        if (offset != NULL)
            *offset = log_partition->next;
        log_append_locked(log, topic, partition, output);
        log_tidy_locked(log, topic, partition);
        pthread_cond_broadcast(&log->changed);
    }
    log_unlock(log);
    return ok;
}

bool embedded_log_append(struct bus *bus, const struct bus_output *output, int64_t *offset,
                         struct error *error)
{
    return append_outside(bus, output, -1, offset, error);
}

bool embedded_log_append_at(struct bus *bus, const struct bus_output *output, int64_t at,
                            struct error *error)
{
    return append_outside(bus, output, at, NULL, error);
}

/* ---- tidying ------------------------------------------------------------------------------------------------ */

/* Nothing at or after this offset may be deleted for size: some subscribed group still needs it. */
static int64_t committed_floor(const struct embedded_log *log, const struct log_topic *topic,
                               int32_t partition)
{
    int64_t floor = topic->partitions[partition].next;
    for (uint32_t i = 0; i < log->groups_count; i++) {
        uint32_t slot = log_group_slot(log->groups[i], topic);
        if (slot == UINT32_MAX)
            continue;
        int64_t committed = log->groups[i]->slots[slot + (uint32_t)partition].offset;
        if (committed < floor)
            floor = committed;
    }
    return floor;
}

/* A reader on its way must still meet the tombstone of a key whose old value it has seen. */
static int64_t slowest_reader(const struct embedded_log *log, const struct log_topic *topic,
                              int32_t partition)
{
    int64_t position = topic->partitions[partition].next;
    for (uint32_t i = 0; i < log->readers_count; i++) {
        const struct log_reader *reader = log->readers[i];
        if (reader->topic == topic && reader->partition == partition && reader->position < position)
            position = reader->position;
    }
    for (uint32_t i = 0; i < log->members_count; i++)
        for (uint32_t k = 0; k < log->members[i]->owned_count; k++) {
            const struct log_owned *owned = &log->members[i]->owned[k];
            if (owned->topic == topic && owned->source.partition == partition &&
                owned->position < position)
                position = owned->position;
        }
    return position;
}

void log_tidy_locked(struct embedded_log *log, struct log_topic *topic, int32_t number)
{
    struct log_partition *partition = &topic->partitions[number];
    if (topic->cleanup == TOPIC_COMPACT) {
        if (partition->bytes > 2 * partition->bytes_compacted + COMPACT_SLACK_BYTES) {
            log_partition_compact(partition, slowest_reader(log, topic, number));
            log->counts.compactions++;
        }
        return;
    }
    if (topic->bytes_max > 0 && partition->bytes > topic->bytes_max)
        log_partition_shrink(partition, topic->bytes_max, committed_floor(log, topic, number));
    if (topic->retention_ms >= 0 && log->options.clock != NULL)
        log_partition_expire(partition,
                             log->options.clock->now_ms(log->options.clock) - topic->retention_ms);
}

bool embedded_log_limit_topic(struct bus *bus, const char *name, uint64_t bytes_max_per_partition,
                              struct error *error)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    struct log_topic *topic = log_topic_get_locked(log, name, error);
    if (topic != NULL)
        topic->bytes_max = bytes_max_per_partition;
    log_unlock(log);
    return topic != NULL;
}

void log_topic_free(struct log_topic *topic)
{
    for (int32_t i = 0; i < topic->partitions_count; i++)
        log_partition_free(&topic->partitions[i]);
    memory_free(topic->partitions);
    memory_free(topic->name);
    memory_free(topic);
}
