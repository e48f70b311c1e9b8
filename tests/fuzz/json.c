/*
 * json.c - the JSON reader and the JSON checker must accept the same texts; what was read is walked
 * and written again, and must be read again.
 */
#include "engine/base/check.h"
#include "engine/base/json.h"

#include <stdint.h>

#define DEPTH_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A stack instead of recursion, as in the engine. */
static void write_again(const struct json_value *root, struct buffer *out)
{
    struct json_members objects[DEPTH_MAX + 1];
    const struct json_value *containers[DEPTH_MAX + 1];
    size_t next[DEPTH_MAX + 1];
    size_t depth = 0;
    struct json_writer writer = json_writer_on(out);
    const struct json_value *value = root;
    for (;;) {
        int64_t integer = 0;
        double real = 0;
        if (json_is_object(value) || json_is_array(value)) {
            CHECK(depth < DEPTH_MAX);
            containers[depth] = value;
            objects[depth] = json_members(value);
            next[depth++] = 0;
            if (json_is_object(value))
                json_open_object(&writer);
            else
                json_open_array(&writer);
        } else if (json_is_text(value)) {
            json_put_text(&writer, json_text(value));
        } else if (json_integer(value, &integer)) {
            json_put_integer(&writer, integer);
        } else if (json_real(value, &real)) {
            json_put_real(&writer, real);
        } else {
            json_put_boolean(&writer, json_is_true(value));
        }
        struct bytes key;
        for (;;) {
            if (depth == 0)
                return;
            const struct json_value *container = containers[depth - 1];
            if (json_is_object(container) && json_next(&objects[depth - 1], &key, &value)) {
                json_put_text(&writer, key);
                buffer_put_u8(out, ':');
                writer.comma = false;
                break;
            }
            if (json_is_array(container) && next[depth - 1] < 200 && next[depth - 1] < json_count(container)) {
                value = json_at(container, next[depth - 1]++);
                break;
            }
            depth--;
            if (json_is_object(container))
                json_close_object(&writer);
            else
                json_close_array(&writer);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536)
        return 0;
    struct bytes text = bytes_of(data, size);
    static struct json_document *levels, *document; /* kept: the pool is large */
    if (document == NULL) {
        levels = json_create(1 << 14);
        document = json_create(4 << 20);
    }
    struct error error = {0};
    const struct json_value *root = json_parse(document, text, DEPTH_MAX, &error);
    bool read = root != NULL || error.code == ERROR_LIMIT;
    CHECK(read == json_valid(levels, text));
    CHECK(root != NULL || error.message[0] != 0);
    if (root != NULL) {
        struct buffer out = BUFFER_WITH_LIMIT(1 << 22);
        write_again(root, &out);
        CHECK(!out.failed);
        CHECK(json_valid(levels, buffer_bytes(&out)));
        buffer_free(&out);
    }
    return 0;
}
