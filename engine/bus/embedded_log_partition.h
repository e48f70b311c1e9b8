/*
 * embedded_log_partition.h - the storage of one partition: entries in segments that never move.
 *
 *   partition: [segment][segment][segment]     offsets ascend, with holes
 *   segment:   entry entry entry …             grows from 4 KB to 256 KB; larger records sit alone
 *   entry:     struct log_entry | headers | key | value | padding to 8
 *
 * A segment lives while the partition or a borrower holds a reference. Under AddressSanitizer each
 * entry is a segment of its own, so overruns are seen. All functions here need the log's mutex; bytes
 * of an entry may be read without it while a reference is held, since they never change.
 */
#ifndef ENGINE_BUS_EMBEDDED_LOG_PARTITION_H
#define ENGINE_BUS_EMBEDDED_LOG_PARTITION_H

#include "engine/bus/ports.h"

#define LOG_ABSENT UINT32_MAX

struct log_entry {
    int64_t offset;
    int64_t timestamp_ms;
    uint64_t sequence; /* order of arrival over the whole log */
    uint32_t size;     /* with payload and padding */
    uint32_t headers_size;
    uint32_t key_size;   /* LOG_ABSENT: null */
    uint32_t value_size; /* LOG_ABSENT: tombstone */
};

struct log_segment {
    uint32_t references;
    uint32_t used;
    uint32_t capacity;
    uint32_t unused;
    int64_t first_offset;
    int64_t last_offset;
    int64_t largest_timestamp_ms;
    uint8_t data[];
};

struct log_partition {
    struct log_segment **segments; /* first … first + count - 1 are live */
    uint32_t first;
    uint32_t count;
    uint32_t capacity;
    uint64_t dropped; /* segments ever dropped at the head: numbers segments for cursors */
    uint64_t epoch;   /* raised when compaction rewrites the segments */
    int64_t low;      /* oldest offset that may be asked for */
    int64_t next;     /* offset of the next record: where the log ends */
    uint64_t bytes;
    uint64_t bytes_compacted; /* size after the last compaction */
    uint64_t transaction;     /* the last that touched it: one marker each */
};

/* A remembered place; wrong ones are found out and looked up again. Zero-initialise. */
struct log_cursor {
    uint64_t segment; /* number: dropped + index */
    uint64_t epoch;
    int64_t position; /* the offset this place is good for */
    uint32_t at;
    bool known;
};

struct bytes log_entry_key(const struct log_entry *entry);
struct bytes log_entry_value(const struct log_entry *entry);
uint32_t log_entry_headers(const struct log_entry *entry, struct bus_header *out, uint32_t max);
/* Bytes of key, value and headers; UINT64_MAX when there are too many headers. */
uint64_t log_output_bytes(const struct bus_output *output);

void log_partition_free(struct log_partition *partition);
/* Copies the record in at offset partition->next, which grows by one. */
void log_partition_append(struct log_partition *partition, const struct bus_output *output,
                          uint64_t sequence);
/* First entry at or after position, and the segment it is in; NULL: none. Moves the cursor to it. */
const struct log_entry *log_partition_find(const struct log_partition *partition, int64_t position,
                                           struct log_cursor *cursor, struct log_segment **segment);
/* Moves the cursor over the entry that find has just returned. */
void log_cursor_pass(struct log_cursor *cursor, const struct log_entry *entry);
/* Deletes what is before the offset. */
void log_partition_purge(struct log_partition *partition, int64_t before);
/* Deletes whole segments, oldest first, while larger than bytes_max, none that reaches `floor`. */
void log_partition_shrink(struct log_partition *partition, uint64_t bytes_max, int64_t floor);
/* Deletes leading segments whose records are all older; those without timestamps stay. */
void log_partition_expire(struct log_partition *partition, int64_t oldest_timestamp_ms);
void log_segment_release(struct log_segment *segment);

/* embedded_log_compact.c: keeps the latest record of each key; a tombstone goes too if it is
 * before tombstones_before. Offsets stay. */
void log_partition_compact(struct log_partition *partition, int64_t tombstones_before);
/* Appends a copy of an entry under its own offset and sequence. */
void log_partition_append_entry(struct log_partition *partition, const struct log_entry *entry);

#endif
