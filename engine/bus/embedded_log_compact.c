/*
 * embedded_log_compact.c - rewrites a partition so that each key keeps its latest record.
 *
 * Two passes: find the latest entry of each key, then copy those into new segments in offset order.
 * Old segments live on as long as a borrower holds them; cursors notice by the epoch.
 */
#include "engine/bus/embedded_log_partition.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/table.h"

struct latest {
    struct table table; /* hash of the key → number in entries */
    const struct log_entry **entries;
    uint32_t count;
    uint32_t capacity;
};

static uint32_t latest_find(const struct latest *latest, uint64_t hash, struct bytes key)
{
    uint32_t cursor = 0;
    uint32_t number = table_first(&latest->table, hash, &cursor);
    while (number != TABLE_NONE && !bytes_equal(log_entry_key(latest->entries[number]), key))
        number = table_next(&latest->table, hash, &cursor);
    return number;
}

static void latest_note(struct latest *latest, const struct log_entry *entry)
{
    struct bytes key = log_entry_key(entry);
    uint64_t hash = hash_bytes(key, 0);
    uint32_t number = latest_find(latest, hash, key);
    if (number != TABLE_NONE) {
        latest->entries[number] = entry;
        return;
    }
    if (latest->count == latest->capacity) {
        latest->capacity = latest->capacity ? latest->capacity * 2 : 256;
        latest->entries =
            memory_resize(latest->entries, latest->capacity * sizeof *latest->entries);
    }
    latest->entries[latest->count] = entry;
    table_insert(&latest->table, hash, latest->count++);
}

static bool latest_keeps(const struct latest *latest, const struct log_entry *entry,
                         int64_t tombstones_before)
{
    if (entry->value_size == LOG_ABSENT && entry->offset < tombstones_before)
        return false;
    struct bytes key = log_entry_key(entry);
    return latest->entries[latest_find(latest, hash_bytes(key, 0), key)] == entry;
}

void log_partition_compact(struct log_partition *partition, int64_t tombstones_before)
{
    struct latest latest = {0};
    struct log_cursor cursor = {0};
    struct log_segment *segment = NULL;
    const struct log_entry *entry = NULL;
    int64_t position = partition->low;
    while ((entry = log_partition_find(partition, position, &cursor, &segment)) != NULL) {
        latest_note(&latest, entry);
        log_cursor_pass(&cursor, entry);
        position = cursor.position;
    }
    struct log_partition compacted = {.epoch = partition->epoch + 1,
                                      .low = partition->low,
                                      .next = partition->next,
                                      .transaction = partition->transaction};
    cursor = (struct log_cursor){0};
    position = partition->low;
    while ((entry = log_partition_find(partition, position, &cursor, &segment)) != NULL) {
        if (latest_keeps(&latest, entry, tombstones_before))
            log_partition_append_entry(&compacted, entry);
        log_cursor_pass(&cursor, entry);
        position = cursor.position;
    }
    compacted.bytes_compacted = compacted.bytes;
    log_partition_free(partition);
    *partition = compacted;
    table_free(&latest.table);
    memory_free(latest.entries);
}
