/* any_json.c - see any_json.h. */
#include "engine/span/any_json.h"

#include "engine/span/otlp_span.h"
#include "engine/span/otlp_wire.h"

#define BASE64_BYTES_MAX ((size_t)1 << 20) /* of what bytes become as text */

/* An open array or map. */
struct level {
    const uint8_t *at, *end;
    bool map;
};

/* The next message of field 1; false at the end or at damage (*at is then not the end). */
static bool next_value(const uint8_t **at, const uint8_t *end, struct bytes *out)
{
    while (*at < end) {
        const uint8_t *field = *at;
        uint32_t tag;
        bool ours = false;
        if (wire_tag(at, end, &tag)) {
            ours = tag == WIRE_TAG(1, WIRE_BYTES);
            if (ours ? wire_bytes(at, end, out) : wire_skip(at, end, tag)) {
                if (ours)
                    return true;
                continue;
            }
        }
        *at = field;
        return false;
    }
    return false;
}

bool any_map_next(struct bytes map, const uint8_t **at, struct bytes *key, struct any_value *value)
{
    struct bytes member;
    struct key_value pair;
    const uint8_t *start = *at;
    if (!next_value(at, map.data + map.size, &member))
        return false;
    if (key_value_read(member.data, member.data + member.size, &pair) &&
        any_value_read(pair.value.data, pair.value.data + pair.value.size, value)) {
        *key = pair.key;
        return true;
    }
    *at = start;
    return false;
}

static void put_base64(struct json_writer *writer, struct bytes bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = (bytes.size + 2) / 3 * 4;
    if (size > BASE64_BYTES_MAX) {
        json_put_null(writer);
        return;
    }
    json_put_raw(writer, BYTES_LITERAL("\"")); /* opens the value: the comma before it is right */
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t three = (uint32_t)bytes.data[i] << 16 |
                         (left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) |
                         (left > 2 ? bytes.data[i + 2] : 0u);
        char four[4] = {letters[three >> 18], letters[three >> 12 & 63],
                        left > 1 ? letters[three >> 6 & 63] : '=',
                        left > 2 ? letters[three & 63] : '='};
        buffer_append(writer->out, four, sizeof four);
    }
    buffer_put_u8(writer->out, '"');
}

static void put_scalar(struct json_writer *writer, const struct any_value *value)
{
    switch (value->kind) {
    case ANY_TEXT:
        json_put_text(writer, value->bytes);
        break;
    case ANY_BOOLEAN:
        json_put_boolean(writer, value->integer != 0);
        break;
    case ANY_INTEGER:
        json_put_integer(writer, value->integer);
        break;
    case ANY_REAL:
        json_put_real(writer, value->real);
        break;
    case ANY_BYTES:
        put_base64(writer, value->bytes);
        break;
    default:
        json_put_null(writer);
        break;
    }
}

static void put_key(struct json_writer *writer, struct bytes key)
{
    json_put_text(writer, key);
    buffer_put_u8(writer->out, ':');
    writer->comma = false;
}

static bool open_level(struct json_writer *writer, const struct any_value *value,
                       struct level *levels, uint32_t *depth)
{
    if (*depth == ANY_JSON_DEPTH_MAX)
        return false;
    bool map = value->kind == ANY_MAP;
    levels[(*depth)++] =
        (struct level){value->bytes.data, value->bytes.data + value->bytes.size, map};
    if (map)
        json_open_object(writer);
    else
        json_open_array(writer);
    return true;
}

/* The next element or member of the level; false at its end, and at damage (*good). */
static bool level_next(struct json_writer *writer, struct level *level, struct any_value *value,
                       bool *good)
{
    struct bytes key, element;
    bool found;
    if (level->map) {
        found = any_map_next(bytes_of(level->at, (size_t)(level->end - level->at)), &level->at,
                             &key, value);
        if (found)
            put_key(writer, key);
    } else {
        found = next_value(&level->at, level->end, &element);
        if (found)
            *good = any_value_read(element.data, element.data + element.size, value);
    }
    *good = *good && (found || level->at == level->end);
    return found && *good;
}

bool any_json_put(struct json_writer *writer, const struct any_value *value)
{
    struct level levels[ANY_JSON_DEPTH_MAX];
    uint32_t depth = 0;
    struct any_value current = *value;
    bool good = true;
    for (;;) {
        if (current.kind != ANY_ARRAY && current.kind != ANY_MAP)
            put_scalar(writer, &current);
        else if (!open_level(writer, &current, levels, &depth))
            return false;
        while (depth > 0 && !level_next(writer, &levels[depth - 1], &current, &good)) {
            if (!good || writer->out->failed)
                return false;
            if (levels[--depth].map)
                json_close_object(writer);
            else
                json_close_array(writer);
        }
        if (depth == 0)
            return !writer->out->failed;
    }
}
