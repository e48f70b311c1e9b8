/* replay_files.c - reading by blocks; a line is handed out from the block buffer, which grows to the longest. */
#include "engine/command/replay_files.h"

#include "engine/base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <sys/types.h>

#define BLOCK_BYTES ((size_t)256 * 1024)

struct replay_file {
    FILE *stream;
    enum replay_file_kind kind;
    struct buffer block; /* bytes [block_at, block_at + size) of the file */
    uint64_t block_at;
    size_t next; /* in block: what was not handed out yet */
    uint32_t line;
    bool ended;
};

enum replay_file_kind replay_file_kind_of(const char *path)
{
    static const struct {
        const char *end;
        enum replay_file_kind kind;
    } ends[] = {{".pb", REPLAY_FILE_PROTO}, {".json", REPLAY_FILE_JSON}, {".jsonl", REPLAY_FILE_LINES},
                {".ndjson", REPLAY_FILE_LINES}, {".records", REPLAY_FILE_RECORDS}};
    size_t size = strlen(path);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t end = strlen(ends[i].end);
        if (size > end && strcmp(path + size - end, ends[i].end) == 0)
            return ends[i].kind;
    }
    return REPLAY_FILE_UNKNOWN;
}

struct replay_file *replay_file_open(const char *path, enum replay_file_kind kind, struct error *error)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        (void)error_set(error, ERROR_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    struct replay_file *file = memory_allocate(sizeof *file);
    file->stream = stream;
    file->kind = kind;
    file->block = BUFFER_WITH_LIMIT(REPLAY_RECORD_BYTES_MAX + BLOCK_BYTES);
    return file;
}

void replay_file_close(struct replay_file *file)
{
    if (file == NULL)
        return;
    (void)fclose(file->stream);
    buffer_free(&file->block);
    memory_free(file);
}

/* One more block behind what is there; what was handed out is forgotten first. */
static bool read_block(struct replay_file *file, struct error *error)
{
    if (file->next > 0) {
        memmove(file->block.data, file->block.data + file->next, file->block.size - file->next);
        file->block.size -= file->next;
        file->block_at += file->next;
        file->next = 0;
    }
    size_t got = fread(buffer_reserve(&file->block, BLOCK_BYTES), 1, BLOCK_BYTES, file->stream);
    file->block.size += got;
    file->ended = got < BLOCK_BYTES;
    return !ferror(file->stream) || error_set(error, ERROR_INPUT, "cannot be read: %s", strerror(errno));
}

/* From `next` to the end of the line, or of the file; too_long: only its end is in the block. */
static bool find_line(struct replay_file *file, size_t *size, bool *too_long, struct error *error)
{
    size_t looked = 0;
    *too_long = false;
    for (;;) {
        const uint8_t *from = file->block.data + file->next;
        size_t there = file->block.size - file->next;
        const uint8_t *end = looked < there ? memchr(from + looked, '\n', there - looked) : NULL;
        if (end != NULL || file->ended) {
            *size = end != NULL ? (size_t)(end - from) : there;
            return true;
        }
        looked = there;
        if (there > REPLAY_RECORD_BYTES_MAX) {
            *too_long = true;
            file->next = file->block.size;
            looked = 0;
        }
        if (!read_block(file, error))
            return false;
    }
}

static enum replay_piece next_line(struct replay_file *file, struct bytes *value, uint64_t *at_byte, struct error *error)
{
    for (;;) {
        size_t size = 0;
        bool too_long = false;
        if (!find_line(file, &size, &too_long, error))
            return REPLAY_PIECE_FAILED;
        if (file->next == file->block.size && !too_long)
            return REPLAY_PIECE_END;
        uint8_t *line = file->block.data + file->next;
        *at_byte = file->block_at + file->next;
        file->next += size + (file->next + size < file->block.size); /* over the line end */
        file->line++;
        if (too_long || size > REPLAY_RECORD_BYTES_MAX)
            return REPLAY_PIECE_TOO_LONG;
        if (size > 0 && line[size - 1] == '\r')
            size--;
        *value = bytes_of(line, size);
        if (size > 0)
            return REPLAY_PIECE_RECORD;
    }
}

static enum replay_piece whole_file(struct replay_file *file, struct bytes *value, uint64_t *at_byte, struct error *error)
{
    if (file->ended)
        return REPLAY_PIECE_END;
    while (!file->ended)
        if (file->block.size > REPLAY_RECORD_BYTES_MAX)
            file->ended = true;
        else if (!read_block(file, error))
            return REPLAY_PIECE_FAILED;
    *at_byte = 0;
    *value = buffer_bytes(&file->block);
    return file->block.size > REPLAY_RECORD_BYTES_MAX ? REPLAY_PIECE_TOO_LONG : REPLAY_PIECE_RECORD;
}

enum replay_piece replay_file_next(struct replay_file *file, struct bytes *value, uint64_t *at_byte, uint32_t *line,
                                   struct error *error)
{
    enum replay_piece piece = file->kind == REPLAY_FILE_LINES ? next_line(file, value, at_byte, error)
                                                              : whole_file(file, value, at_byte, error);
    *line = file->line;
    return piece;
}

bool replay_file_read(struct replay_file *file, uint64_t at_byte, size_t size, struct bytes *value, struct error *error)
{
    buffer_clear(&file->block);
    file->next = 0;
    if (fseeko(file->stream, (off_t)at_byte, SEEK_SET) != 0 ||
        fread(buffer_reserve(&file->block, size + 1), 1, size, file->stream) != size)
        return error_set(error, ERROR_INPUT, "has changed since it was looked through; replay files that stay as they are");
    file->block.size = size;
    *value = buffer_bytes(&file->block);
    return true;
}
