/*
 * captured.h - records of real producers and what is known about their spans, for tests. The data is found
 * by ASSAY_DATA and described in its captured/README.md.
 */
#ifndef TESTS_SPAN_CAPTURED_H
#define TESTS_SPAN_CAPTURED_H

#include "engine/base/json.h"
#include "tests/span/rows.h"

#define CAPTURED_ROWS_MAX 4096
#define CAPTURED_DEPTH    64

extern const char *const captured_folders[];
extern const size_t captured_folders_count;

/* One decoded file at a time. */
struct captured_file {
    char name[2048];
    struct buffer bytes;
    struct span_batch *batch;
    struct otlp_cursor cursor;
};
/* Decodes root/folder/file with every column, unless it is the one already there. */
void captured_load(struct captured_file *d, const char *root, const char *folder, struct bytes file);
void captured_unload(struct captured_file *d);

struct captured_place {
    const char *folder;
    int64_t index;
    char span[40];
};

/* Calls `each` for every line of a folder's expected.jsonl, with its row decoded; the sum of its answers. */
unsigned captured_each(const char *root, const char *folder, void *context,
                       unsigned (*each)(void *context, const struct captured_place *,
                                        const struct json_value *expected, const struct span_batch *,
                                        uint32_t row));

#endif
