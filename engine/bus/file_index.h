/*
 * file_index.h - the first pass: every record of every file, in the order of replay.
 */
#ifndef ENGINE_BUS_FILE_INDEX_H
#define ENGINE_BUS_FILE_INDEX_H

#include "engine/base/table.h"
#include "engine/bus/file_source.h"

struct file_entry {
    int64_t timestamp_ms;
    int64_t offset;
    uint64_t at;
    uint32_t file;
    uint32_t size;   /* of the piece */
    uint32_t crc;    /* of a frame as it says, of another piece as computed */
    uint32_t stream; /* after sorting by its rank */
    uint32_t line;
    uint32_t unused;
};
_Static_assert(sizeof(struct file_entry) == 48, "file_source.h says 48 bytes");

/* A topic and partition. */
struct file_stream {
    const char *topic; /* "": plain records without one */
    int32_t partition;
};

struct file_input {
    const char *path; /* what messages name */
    enum file_kind kind;
    int kept_fd; /* a copy of standard input; -1: open the path */
};

struct file_index {
    struct file_source_options options;
    struct file_crc32c crc;
    struct file_input *inputs;
    uint32_t inputs_count;
    struct file_entry *entries;
    uint64_t count;
    uint64_t capacity;
    struct file_stream *streams;
    uint32_t streams_count;
    struct table streams_table;
    char **names; /* topic names that record files have brought */
    uint32_t names_count;
    int64_t plain_count; /* running number */
    struct file_totals totals;
};

/* Zero-initialised, options set. On false file_index_free is still due. */
bool file_index_build(struct file_index *index, const char *const *paths, uint32_t count,
                      struct error *error);
/* file_order.c: the last step of build. */
bool file_index_sort(struct file_index *index, struct error *error);
void file_index_free(struct file_index *index);

#endif
