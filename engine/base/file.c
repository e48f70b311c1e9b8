/* file.c - reading by blocks until the end or the limit. */
#include "engine/base/file.h"

#include <errno.h>
#include <stdio.h>

#define BLOCK_BYTES ((size_t)64 * 1024)

static bool read_blocks(FILE *file, struct buffer *out, struct error *error)
{
    for (;;) {
        size_t room = out->limit_bytes - out->size < BLOCK_BYTES ? out->limit_bytes - out->size : BLOCK_BYTES;
        if (room == 0)
            return fgetc(file) == EOF || error_set(error, ERROR_LIMIT, "larger than %zu bytes", out->limit_bytes);
        uint8_t *at = buffer_reserve(out, room);
        size_t got = fread(at, 1, room, file);
        out->size += got;
        if (got < room)
            return !ferror(file) || error_set(error, ERROR_SYSTEM, "cannot be read: %s", strerror(errno));
    }
}

bool file_read_all(const char *path, struct buffer *out, struct error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return error_set(error, ERROR_SYSTEM, "cannot be opened: %s", strerror(errno));
    bool ok = read_blocks(file, out, error);
    (void)fclose(file);
    return ok;
}
