/*
 * any_json.c - AnyValue messages as JSON, with a stack of its own instead of recursion.
 *
 * Repeated keys of a map are written as they come; readers take the first or the last as they like.
 */
#include "engine/span/any_json.h"

#include "engine/base/json.h"
#include "engine/span/otlp_span.h"

struct level {
    const uint8_t *at, *end;
    bool map;
};

static void put_base64(struct json_writer *writer, struct bytes b)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct buffer *out = writer->out;
    json_put_raw(writer, BYTES_LITERAL("\""));
    for (size_t i = 0; i < b.size; i += 3) {
        size_t left = b.size - i < 3 ? b.size - i : 3;
        uint32_t three = (uint32_t)b.data[i] << 16;
        three |= left > 1 ? (uint32_t)b.data[i + 1] << 8 : 0;
        three |= left > 2 ? (uint32_t)b.data[i + 2] : 0;
        buffer_put_u8(out, (uint8_t)digits[three >> 18]);
        buffer_put_u8(out, (uint8_t)digits[three >> 12 & 63]);
        buffer_put_u8(out, left > 1 ? (uint8_t)digits[three >> 6 & 63] : '=');
        buffer_put_u8(out, left > 2 ? (uint8_t)digits[three & 63] : '=');
    }
    buffer_put_u8(out, '"');
}

/* True when it is written; false: a container, to be entered. */
static bool put_scalar(struct json_writer *writer, const struct any_value *value)
{
    switch (value->kind) {
    case ANY_EMPTY:
        json_put_null(writer);
        return true;
    case ANY_TEXT:
        json_put_text(writer, value->bytes.size > 0 ? value->bytes : BYTES_LITERAL(""));
        return true;
    case ANY_BOOLEAN:
        json_put_boolean(writer, value->integer != 0);
        return true;
    case ANY_INTEGER:
        json_put_integer(writer, value->integer);
        return true;
    case ANY_REAL:
        json_put_real(writer, value->real);
        return true;
    case ANY_BYTES:
        put_base64(writer, value->bytes);
        return true;
    default:
        return false;
    }
}

static void put_key(struct json_writer *writer, struct bytes key)
{
    json_put_text(writer, key.size > 0 ? key : BYTES_LITERAL(""));
    buffer_put_u8(writer->out, ':');
    writer->comma = false;
}

/* The next element of the level. False: malformed. *none at its end. */
static bool next_element(struct level *level, struct json_writer *writer, struct any_value *value,
                         bool *none)
{
    while (level->at < level->end) {
        uint32_t tag;
        struct bytes body;
        if (!wire_tag(&level->at, level->end, &tag))
            return false;
        if (tag != WIRE_TAG(1, WIRE_BYTES)) {
            if (!wire_skip(&level->at, level->end, tag))
                return false;
            continue;
        }
        if (!wire_bytes(&level->at, level->end, &body))
            return false;
        *none = false;
        if (!level->map)
            return any_value_read(body.data, body.data + body.size, value);
        struct key_value pair;
        if (!key_value_read(body.data, body.data + body.size, &pair))
            return false;
        put_key(writer, pair.key);
        return any_value_read(pair.value.data, pair.value.data + pair.value.size, value);
    }
    *none = true;
    return true;
}

enum refusal any_json_write(const struct any_value *value, uint32_t depth_max, struct buffer *out)
{
    struct json_writer writer = json_writer_on(out);
    struct level levels[ANY_JSON_DEPTH_MAX];
    unsigned depth = 0;
    struct any_value current = *value;
    for (;;) {
        if (!put_scalar(&writer, &current)) {
            if (depth == ANY_JSON_DEPTH_MAX || depth >= depth_max)
                return REFUSAL_TOO_DEEP;
            bool map = current.kind == ANY_MAP;
            levels[depth++] = (struct level){current.bytes.data,
                                             current.bytes.data + current.bytes.size, map};
            if (map)
                json_open_object(&writer);
            else
                json_open_array(&writer);
        }
        bool none = true;
        while (depth > 0) {
            if (!next_element(&levels[depth - 1], &writer, &current, &none))
                return REFUSAL_MALFORMED;
            if (!none)
                break;
            if (levels[--depth].map)
                json_close_object(&writer);
            else
                json_close_array(&writer);
        }
        if (none || out->failed)
            return REFUSAL_NONE;
    }
}
