/* indirect.c - one pass over the value; what is fetched is not looked at again. */
#include "engine/config/indirect.h"

#include "engine/base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES_MAX 200

static bool read_file(struct bytes path, struct buffer *out, struct error *error)
{
    char name[4096];
    if (path.size == 0 || path.size >= sizeof name || memchr(path.data, 0, path.size) != NULL)
        return error_set(error, ERROR_INPUT, "file: must be followed by the path of a file");
    memcpy(name, path.data, path.size);
    name[path.size] = 0;
    FILE *file = fopen(name, "rb");
    if (file == NULL)
        return error_set(error, ERROR_INPUT, "file:%s cannot be opened: %s", name, strerror(errno));
    uint8_t *text = memory_allocate_raw(INDIRECT_BYTES_MAX + 1);
    size_t size = fread(text, 1, INDIRECT_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (size > 0 && text[size - 1] == '\n')
        size--;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    if (!failed)
        buffer_append(out, text, size);
    memory_free(text);
    if (failed)
        return error_set(error, ERROR_INPUT, "file:%s cannot be read", name);
    if (out->failed)
        return error_set(error, ERROR_LIMIT, "file:%s is larger than %zu KiB", name, INDIRECT_BYTES_MAX >> 10);
    return true;
}

/* inside: what stands between the braces. */
static bool read_variable(struct bytes inside, struct buffer *out, struct error *error)
{
    char name[NAME_BYTES_MAX];
    size_t size = 0;
    while (size < inside.size && inside.data[size] != ':')
        size++;
    bool otherwise = size + 1 < inside.size && inside.data[size] == ':' && inside.data[size + 1] == '-';
    if (size == 0 || size >= sizeof name || (size < inside.size && !otherwise) || memchr(inside.data, 0, size) != NULL)
        return error_set(error, ERROR_INPUT, "${%.*s} is not the name of a variable; write ${NAME} or ${NAME:-otherwise}",
                         BYTES_FMT(inside));
    memcpy(name, inside.data, size);
    name[size] = 0;
    const char *value = getenv(name);
    if (value != NULL)
        buffer_append_text(out, value);
    else if (otherwise)
        buffer_append(out, inside.data + size + 2, inside.size - size - 2);
    else
        return error_set(error, ERROR_INPUT, "the environment variable %s is not set; set it or write ${%s:-otherwise}", name, name);
    return true;
}

bool indirect_resolve(struct bytes written, struct buffer *out, bool *indirect, struct error *error)
{
    *indirect = false;
    if (written.size >= 5 && memcmp(written.data, "file:", 5) == 0) {
        *indirect = true;
        return read_file(bytes_of(written.data + 5, written.size - 5), out, error);
    }
    size_t at = 0;
    while (at < written.size) {
        struct bytes rest = bytes_of(written.data + at, written.size - at);
        if (rest.size >= 3 && memcmp(rest.data, "$${", 3) == 0) {
            buffer_append_text(out, "${");
            at += 3;
            continue;
        }
        if (rest.size < 2 || memcmp(rest.data, "${", 2) != 0) {
            buffer_put_u8(out, rest.data[0]);
            at++;
            continue;
        }
        const uint8_t *close = memchr(rest.data, '}', rest.size);
        if (close == NULL)
            return error_set(error, ERROR_INPUT, "${ without its }; write $${ for the two characters themselves");
        *indirect = true;
        if (!read_variable(bytes_of(rest.data + 2, (size_t)(close - rest.data) - 2), out, error))
            return false;
        at += (size_t)(close - rest.data) + 1;
    }
    if (out->failed)
        return error_set(error, ERROR_LIMIT, "the value is longer than %zu KiB", INDIRECT_BYTES_MAX >> 10);
    return true;
}
