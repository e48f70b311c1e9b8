/* file_cut.c - reads by blocks into one buffer that grows to the longest piece. */
#define _POSIX_C_SOURCE 200809L
#include "engine/bus/file_cut.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)256 * 1024)

struct file_cut {
    int fd;
    enum file_kind kind;
    const char *path;
    const struct file_crc32c *crc;
    size_t limit;  /* of a piece */
    uint8_t *data; /* start … end: read and not handed out */
    size_t capacity;
    size_t start;
    size_t end;
    uint64_t at;      /* position of data[start] in the file */
    uint32_t line;    /* lines begun */
    uint64_t records; /* frames handed out */
    bool ended;       /* the file has no more than is in data */
    bool done;        /* nothing more will be handed out */
};

bool file_kind_of(const char *path, enum file_kind *kind, struct error *error)
{
    static const struct {
        const char *end;
        enum file_kind kind;
    } ends[] = {{".pb", FILE_PROTO},
                {".json", FILE_JSON},
                {".jsonl", FILE_LINES},
                {".ndjson", FILE_LINES},
                {".records", FILE_RECORDS}};
    size_t size = strlen(path);
    *kind = FILE_LINES;
    if (strcmp(path, "-") == 0)
        return true;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t end = strlen(ends[i].end);
        *kind = ends[i].kind;
        if (size > end && strcmp(path + size - end, ends[i].end) == 0)
            return true;
    }
    return error_set(
        error, ERROR_INPUT,
        "%s: what it holds is told by the end of its name: .pb or .json (the file is a "
        "record), .jsonl (each line is one), .records (a record file); rename it, and "
        "unpack it first if it is compressed",
        path);
}

void file_cut_place(const char *path, enum file_kind kind, uint64_t at, uint32_t line, char *out,
                    size_t size)
{
    if (kind == FILE_LINES)
        (void)snprintf(out, size, "%s:%u", path, line);
    else if (kind == FILE_RECORDS)
        (void)snprintf(out, size, "%s@%llu", path, (unsigned long long)at);
    else
        (void)snprintf(out, size, "%s", path);
}

/* ---- the buffer ---------------------------------------------------------------------------------- */

static size_t available(const struct file_cut *cut) { return cut->end - cut->start; }

static void pass(struct file_cut *cut, size_t size)
{
    cut->start += size;
    cut->at += size;
}

static void make_room(struct file_cut *cut)
{
    if (cut->start > 0) {
        memmove(cut->data, cut->data + cut->start, available(cut));
        cut->end -= cut->start;
        cut->start = 0;
    }
    if (cut->capacity - cut->end >= BLOCK_BYTES)
        return;
    cut->capacity = cut->capacity * 2 + BLOCK_BYTES;
    cut->data = memory_resize(cut->data, cut->capacity);
}

/* Reads one more block behind what is there. */
static bool read_more(struct file_cut *cut, struct error *error)
{
    make_room(cut);
    ssize_t got = 0;
    do
        got = read(cut->fd, cut->data + cut->end, cut->capacity - cut->end);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set(error, ERROR_SYSTEM, "%s: cannot be read: %s", cut->path, strerror(errno));
    cut->end += (size_t)got;
    cut->ended = got == 0;
    return true;
}

/* At least size bytes, or all that are left. */
static bool read_up_to(struct file_cut *cut, size_t size, struct error *error)
{
    while (available(cut) < size && !cut->ended)
        if (!read_more(cut, error))
            return false;
    return true;
}

/* ---- pieces ----------------------------------------------------------------------------------------- */

static enum cut_event piece(struct file_cut *cut, size_t size, struct cut_piece *out)
{
    *out = (struct cut_piece){bytes_of(cut->data + cut->start, size), cut->at, cut->line};
    pass(cut, size);
    return CUT_PIECE;
}

static enum cut_event too_long(struct file_cut *cut, struct error *error)
{
    char place[300];
    file_cut_place(cut->path, cut->kind, cut->at, cut->line, place, sizeof place);
    (void)error_set(error, ERROR_LIMIT, "%s: a record of more than %zu bytes, the limit", place,
                    cut->limit);
    return CUT_TOO_LONG;
}

static enum cut_event cut_whole(struct file_cut *cut, struct cut_piece *out, struct error *error)
{
    if (!read_up_to(cut, cut->limit + 1, error))
        return CUT_FAILED;
    cut->done = true;
    if (available(cut) > cut->limit)
        return too_long(cut, error);
    if (available(cut) > 0 || cut->kind == FILE_PROTO) /* no bytes are a protobuf message too */
        return piece(cut, available(cut), out);
    (void)error_set(error, ERROR_INPUT, "%s: the file is empty", cut->path);
    return CUT_FAILED;
}

/* Bytes up to the line's end or the file's; SIZE_MAX when it is longer than the limit. */
static bool find_line_end(struct file_cut *cut, size_t *size, struct error *error)
{
    size_t looked = 0;
    for (;;) {
        const uint8_t *from = cut->data + cut->start;
        const uint8_t *end =
            looked < available(cut) ? memchr(from + looked, '\n', available(cut) - looked) : NULL;
        looked = end ? (size_t)(end - from) : available(cut);
        *size = looked > cut->limit ? SIZE_MAX : looked;
        if (end != NULL || cut->ended || *size == SIZE_MAX)
            return true;
        if (!read_more(cut, error))
            return false;
    }
}

/* Passes over the rest of a line that is too long. */
static bool skip_line(struct file_cut *cut, struct error *error)
{
    for (;;) {
        const uint8_t *from = cut->data + cut->start;
        const uint8_t *end = available(cut) > 0 ? memchr(from, '\n', available(cut)) : NULL;
        pass(cut, end ? (size_t)(end - from) + 1 : available(cut));
        if (end != NULL || cut->ended)
            return true;
        if (!read_more(cut, error))
            return false;
    }
}

static bool is_blank(struct bytes line)
{
    for (size_t i = 0; i < line.size; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    return true;
}

static enum cut_event cut_line(struct file_cut *cut, struct cut_piece *out, struct error *error)
{
    for (;;) {
        size_t size = 0;
        if (!read_up_to(cut, 1, error))
            return CUT_FAILED;
        if (available(cut) == 0)
            return CUT_END;
        cut->line++;
        if (!find_line_end(cut, &size, error))
            return CUT_FAILED;
        if (size == SIZE_MAX) {
            enum cut_event event = too_long(cut, error);
            return skip_line(cut, error) ? event : CUT_FAILED;
        }
        (void)piece(cut, size, out);
        if (available(cut) > 0)
            pass(cut, 1);
        if (out->bytes.size > 0 && out->bytes.data[size - 1] == '\r')
            out->bytes.size--;
        if (!is_blank(out->bytes))
            return CUT_PIECE;
    }
}

static enum cut_event bad_frame(const struct file_cut *cut, const char *what, struct error *error)
{
    (void)error_set(error, ERROR_INPUT,
                    "%s@%llu: %s; the %llu records before it are good: keep those with "
                    "truncate -s %llu, or get the file again",
                    cut->path, (unsigned long long)cut->at, what, (unsigned long long)cut->records,
                    (unsigned long long)cut->at);
    return CUT_FAILED;
}

static enum cut_event cut_header(struct file_cut *cut, struct error *error)
{
    if (!read_up_to(cut, FILE_RECORDS_HEADER_BYTES, error))
        return CUT_FAILED;
    size_t size =
        available(cut) < FILE_RECORDS_HEADER_BYTES ? available(cut) : FILE_RECORDS_HEADER_BYTES;
    if (!file_records_check_header(cut->crc, bytes_of(cut->data + cut->start, size), error)) {
        (void)error_prefix(error, "%s", cut->path);
        return CUT_FAILED;
    }
    pass(cut, size);
    return CUT_PIECE;
}

static enum cut_event cut_frame(struct file_cut *cut, struct cut_piece *out, struct error *error)
{
    if (cut->at == 0) {
        enum cut_event event = cut_header(cut, error);
        if (event != CUT_PIECE)
            return event;
    }
    if (!read_up_to(cut, FILE_RECORDS_FRAME_BYTES, error))
        return CUT_FAILED;
    if (available(cut) == 0)
        return CUT_END;
    if (available(cut) < FILE_RECORDS_FRAME_BYTES)
        return bad_frame(cut, "the file ends within a record", error);
    uint32_t body = 0;
    memcpy(&body, cut->data + cut->start, sizeof body);
    size_t size = (size_t)body + FILE_RECORDS_FRAME_BYTES;
    if (body > cut->limit + FILE_RECORDS_OVERHEAD_MAX)
        return bad_frame(cut, "a record claims to be larger than the limit, or its size is damaged",
                         error);
    if (!read_up_to(cut, size, error))
        return CUT_FAILED;
    if (available(cut) < size)
        return bad_frame(cut, "the file ends within a record", error);
    if (!file_records_check_frame(cut->crc, bytes_of(cut->data + cut->start, size)))
        return bad_frame(cut, "a record is damaged (its checksum differs)", error);
    cut->records++;
    return piece(cut, size, out);
}

enum cut_event file_cut_next(struct file_cut *cut, struct cut_piece *out, struct error *error)
{
    if (cut->done)
        return CUT_END;
    enum cut_event event = CUT_END;
    if (cut->kind == FILE_RECORDS)
        event = cut_frame(cut, out, error);
    else if (cut->kind == FILE_LINES)
        event = cut_line(cut, out, error);
    else
        event = cut_whole(cut, out, error);
    if (event == CUT_END || event == CUT_FAILED)
        cut->done = true;
    return event;
}

struct file_cut *file_cut_open(int fd, const char *path, enum file_kind kind,
                               size_t record_bytes_max, const struct file_crc32c *crc)
{
    CHECK(fd >= 0);
    struct file_cut *cut = memory_allocate(sizeof *cut);
    *cut = (struct file_cut){
        .fd = fd, .kind = kind, .path = path, .crc = crc, .limit = record_bytes_max};
    return cut;
}

void file_cut_close(struct file_cut *cut)
{
    memory_free(cut->data);
    memory_free(cut);
}
