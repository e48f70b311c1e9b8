/*
 * embedded_log_reader.c - reading one partition by hand: restore, referee, tests.
 */
#include "engine/bus/embedded_log_internal.h"

#include "engine/base/memory.h"

static struct log_partition *reader_partition(const struct log_reader *reader)
{
    return &reader->topic->partitions[reader->partition];
}

static void reader_unpin_locked(struct log_reader *reader)
{
    if (reader->pin != NULL)
        log_segment_release(reader->pin);
    reader->pin = NULL;
    reader->entry = NULL;
}

static enum reader_event reader_once_locked(struct log_reader *reader, struct bus_record *out,
                                            struct error *error)
{
    struct log_partition *partition = reader_partition(reader);
    if (reader->position < partition->low) {
        (void)error_set(error, ERROR_INPUT,
                        "%s/%d: offset %lld was deleted, the oldest kept is %lld",
                        reader->topic->name, (int)reader->partition, (long long)reader->position,
                        (long long)partition->low);
        return READER_FAILED;
    }
    struct log_segment *segment = NULL;
    const struct log_entry *entry =
        log_partition_find(partition, reader->position, &reader->cursor, &segment);
    if (entry == NULL || (reader->end >= 0 && entry->offset >= reader->end)) {
        int64_t reached = entry == NULL ? partition->next : entry->offset;
        if (reader->end >= 0 && reached > reader->end)
            reached = reader->end;
        if (reached > reader->position)
            reader->position = reached;
        return READER_END;
    }
    segment->references++;
    reader->pin = segment;
    reader->entry = entry;
    *out = (struct bus_record){.source = {0, reader->partition},
                               .offset = entry->offset,
                               .timestamp_ms = entry->timestamp_ms,
                               .key = log_entry_key(entry),
                               .value = log_entry_value(entry)};
    log_cursor_pass(&reader->cursor, entry);
    reader->position = entry->offset + 1;
    return READER_RECORD;
}

static bool reader_is_done(const struct log_reader *reader)
{
    return reader->end >= 0 && reader->position >= reader->end;
}

static enum reader_event log_reader_next(struct bus_reader *r, int timeout_ms,
                                         struct bus_record *out, struct error *error)
{
    struct log_reader *reader = (struct log_reader *)(void *)r;
    struct embedded_log *log = reader->log;
    int64_t deadline = timeout_ms > 0 ? clock_monotonic_ns() + (int64_t)timeout_ms * 1000000 : 0;
    log_lock(log);
    reader_unpin_locked(reader);
    enum reader_event event = reader_once_locked(reader, out, error);
    while (event == READER_END && timeout_ms > 0 && !reader_is_done(reader) &&
           log_wait_locked(log, deadline))
        event = reader_once_locked(reader, out, error);
    log_unlock(log);
    return event;
}

static uint32_t log_reader_headers(struct bus_reader *r, struct bus_header *out, uint32_t max)
{
    const struct log_reader *reader = (const struct log_reader *)(const void *)r;
    return reader->entry ? log_entry_headers(reader->entry, out, max) : 0;
}

static int64_t log_reader_position(struct bus_reader *r)
{
    return ((const struct log_reader *)(const void *)r)->position;
}

static void log_reader_close(struct bus_reader *r)
{
    struct log_reader *reader = (struct log_reader *)(void *)r;
    struct embedded_log *log = reader->log;
    log_lock(log);
    reader_unpin_locked(reader);
    uint32_t place = 0;
    while (log->readers[place] != reader)
        place++;
    log->readers[place] = log->readers[--log->readers_count];
    log_unlock(log);
    memory_free(reader);
}

static const struct bus_reader_ops log_reader_ops = {
    .next = log_reader_next,
    .headers = log_reader_headers,
    .position = log_reader_position,
    .close = log_reader_close,
};

static struct log_reader *reader_create_locked(struct embedded_log *log, const char *topic,
                                               int32_t partition, int64_t from, struct error *error)
{
    struct log_partition *found = log_partition_get_locked(log, topic, partition, error);
    if (found == NULL)
        return NULL;
    int64_t start = from == -2 ? found->low : from;
    if (start < found->low || start > found->next) {
        (void)error_set(error, ERROR_INPUT, "%s/%d: offset %lld is not kept, only %lld to %lld are",
                        topic, (int)partition, (long long)from, (long long)found->low,
                        (long long)found->next);
        return NULL;
    }
    struct log_reader *reader = memory_allocate(sizeof *reader);
    reader->reader.ops = &log_reader_ops;
    reader->log = log;
    reader->topic = log_topic_find_locked(log, topic);
    reader->partition = partition;
    reader->position = start;
    log->readers =
        memory_resize(log->readers, (log->readers_count + 1) * sizeof(struct log_reader *));
    log->readers[log->readers_count++] = reader;
    return reader;
}

struct bus_reader *log_reader_open(struct bus *bus, const char *topic, int32_t partition,
                                   int64_t from, int64_t end, struct error *error)
{
    struct embedded_log *log = log_of(bus);
    log_lock(log);
    struct log_reader *reader = reader_create_locked(log, topic, partition, from, error);
    if (reader != NULL)
        reader->end = end;
    log_unlock(log);
    return reader ? &reader->reader : NULL;
}
