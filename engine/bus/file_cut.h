/*
 * file_cut.h - one pass over an input file, cut into pieces: a whole file, a line, a frame.
 */
#ifndef ENGINE_BUS_FILE_CUT_H
#define ENGINE_BUS_FILE_CUT_H

#include "engine/bus/file_records.h"

enum file_kind {
    FILE_PROTO,   /* .pb: the file is a record */
    FILE_JSON,    /* .json: the file is a record */
    FILE_LINES,   /* .jsonl, .ndjson: each line that is not blank is a record */
    FILE_RECORDS, /* .records: see file_records.h */
};

/* By the end of the name ("-" is FILE_LINES); an unknown one is an error that says what is known. */
bool file_kind_of(const char *path, enum file_kind *kind, struct error *error);

enum cut_event {
    CUT_PIECE,
    CUT_END,
    CUT_TOO_LONG, /* *error says so; the next call goes on behind it */
    CUT_FAILED,   /* *error says why; nothing more comes out of this file */
};

struct cut_piece {
    struct bytes bytes; /* a frame with its two words; borrowed until the next call */
    uint64_t at;        /* position in the file */
    uint32_t line;      /* from 1; 0: not of a FILE_LINES */
};

struct file_cut;

/* Reads fd from its current position, which must be the file's beginning; does not close it. path
 * is what errors name. */
struct file_cut *file_cut_open(int fd, const char *path, enum file_kind kind,
                               size_t record_bytes_max, const struct file_crc32c *crc);
enum cut_event file_cut_next(struct file_cut *cut, struct cut_piece *out, struct error *error);
void file_cut_close(struct file_cut *cut);

/* "path", "path:line" or "path@byte", for messages. */
void file_cut_place(const char *path, enum file_kind kind, uint64_t at, uint32_t line, char *out,
                    size_t size);

#endif
