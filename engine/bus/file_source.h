/*
 * file_source.h - files as records, in the order of replay: (timestamp, topic, partition, offset).
 *
 * A first pass finds every record and keeps 48 bytes of it; after sorting, records are read again one
 * by one when they are due. So files may be larger than memory and in any order. Record files
 * (.records, see file_records.h) say topic, partition, offset and time themselves. A plain file
 * (.pb, .json) or line (.jsonl) is a record of partition 0, whose offset is its place on the
 * command line: a running number over all of them. The bus knows neither its topic nor its time;
 * `examine` may tell both. A plain record without a time takes that of the plain one before it, else
 * of the one behind it; if none has one it is -1, before everything.
 *
 * The same record twice (equal to the byte, as where two recordings overlap) is read once; two
 * different ones of one topic, partition, offset and time are an error.
 *
 * Replay = a source feeding an embedded log (opened with poll_in_append_order, so that members see
 * the same order), on which everything else runs.
 */
#ifndef ENGINE_BUS_FILE_SOURCE_H
#define ENGINE_BUS_FILE_SOURCE_H

#include "engine/bus/file_cut.h"

struct file_source;

struct file_source_options {
    size_t record_bytes_max; /* 0: 64 MiB; a larger record is refused, or passed over: complain */
    uint64_t records_max;    /* 0: 32 Mi, of which the index takes 1.5 GiB */
    void *context;           /* for the callbacks */
    /* First pass, each plain record: may set topic (which must outlive the source; NULL: the topic
     * that feed is given) and timestamp_ms. */
    void (*examine)(void *context, enum file_kind kind, struct file_record *record);
    /* NULL: whatever is wrong with a piece of a file makes open fail. Otherwise it is told here and
     * the piece passed over: a line, a plain file, or the rest of a damaged record file. */
    void (*complain)(void *context, const struct error *error);
};

struct file_totals {
    uint64_t records;  /* to hand out */
    uint64_t bytes;    /* of these, in their files */
    uint64_t repeated; /* left out: the same record again */
    uint64_t unread;   /* complained of */
    int64_t first_ms;  /* of the records that have a time; -1: none has */
    int64_t last_ms;
};

/* First pass over everything; "-" is standard input, lines of JSON. options may be NULL. The paths
 * must outlive the source. */
struct file_source *file_source_open(const char *const *paths, uint32_t count,
                                     const struct file_source_options *options,
                                     struct error *error);
void file_source_close(struct file_source *source);
struct file_totals file_source_totals(const struct file_source *source);

/* The i-th topic (NULL: there are no more) and how many partitions it needs. "": plain records that
 * have none. */
const char *file_source_topic(const struct file_source *source, uint32_t i, int32_t *partitions);

/* Time of the record that comes next; false at the end. */
bool file_source_peek(const struct file_source *source, int64_t *timestamp_ms);

enum file_event {
    FILE_RECORD,
    FILE_END,
    FILE_FAILED, /* a file has changed or gone since the first pass: *error */
};

/* Borrowed until the next call. The offset is the recorded one, or the next free one of its
 * partition where an earlier record of the order had taken it: offsets ascend. */
enum file_event file_source_next(struct file_source *source, struct file_record *out,
                                 struct error *error);
/* Where the record stands that next (or feed) handed out last. */
void file_source_place(const struct file_source *source, char *out, size_t size);
/* The same of any record by its coordinates as handed out; false: there is none. */
bool file_source_find(const struct file_source *source, const char *topic, int32_t partition,
                      int64_t offset, char *out, size_t size);

/* Appends at most records_max to the embedded log; plain records without topic go to `topic`.
 * *fed < records_max: that was all. */
bool file_source_feed(struct file_source *source, struct bus *bus, const char *topic,
                      uint32_t records_max, uint32_t *fed, struct error *error);

struct file_progress {
    uint64_t records_done;
    uint64_t records_total;
    uint64_t bytes_done;
    uint64_t bytes_total;
};
struct file_progress file_source_progress(const struct file_source *source);

#endif
