/* log_body.c - see log_body.h. Roles and positions are left out of what counts as said. */
#include "engine/span/log_body.h"

#include "engine/base/json.h"
#include "engine/span/any_json.h"
#include "engine/span/json_walk.h"
#include "engine/span/otlp_span.h"

/* The next member of a map's body; start with its first byte. False at the end, or where it is malformed
 * (*at is then not the end). */
static bool next_member(struct bytes map, const uint8_t **at, struct bytes *key,
                        struct any_value *value)
{
    const uint8_t *end = map.data + map.size;
    while (*at < end) {
        const uint8_t *field = *at;
        uint32_t tag;
        struct bytes body;
        struct key_value pair;
        bool tagged = wire_tag(at, end, &tag);
        if (tagged && tag != WIRE_TAG(1, WIRE_BYTES) && wire_skip(at, end, tag))
            continue;
        if (tagged && tag == WIRE_TAG(1, WIRE_BYTES) && wire_bytes(at, end, &body) &&
            key_value_read(body.data, body.data + body.size, &pair) &&
            any_value_read(pair.value.data, pair.value.data + pair.value.size, value)) {
            *key = pair.key;
            return true;
        }
        *at = field;
        return false;
    }
    return false;
}

static enum refusal put_member(struct json_writer *writer, struct bytes key,
                               const struct any_value *value, uint32_t depth_max)
{
    json_put_text(writer, key);
    buffer_put_u8(writer->out, ':');
    writer->comma = false;
    writer->comma = true;
    return any_json_write(value, depth_max, writer->out);
}

/* What a message says besides who says it, into the open object; counts. A choice wraps its message. */
static enum refusal put_members(struct json_writer *writer, struct bytes map,
                                const struct log_body *log, uint32_t *count)
{
    const uint8_t *at = map.data;
    struct bytes key;
    struct any_value value;
    enum refusal refusal;
    while (next_member(map, &at, &key, &value)) {
        if (value.kind == ANY_EMPTY || bytes_equal_text(key, "role") ||
            bytes_equal_text(key, "index"))
            continue;
        if (log->wrapped && value.kind == ANY_MAP && bytes_equal_text(key, "message")) {
            const uint8_t *inner = value.bytes.data;
            struct bytes message = value.bytes;
            while (next_member(message, &inner, &key, &value)) {
                if (value.kind == ANY_EMPTY || bytes_equal_text(key, "role"))
                    continue;
                (*count)++;
                if ((refusal = put_member(writer, key, &value, log->nesting_depth_max)) !=
                    REFUSAL_NONE)
                    return refusal;
            }
            if (inner != message.data + message.size)
                return REFUSAL_MALFORMED;
            continue;
        }
        (*count)++;
        if ((refusal = put_member(writer, key, &value, log->nesting_depth_max)) != REFUSAL_NONE)
            return refusal;
    }
    return at == map.data + map.size ? REFUSAL_NONE : REFUSAL_MALFORMED;
}

/* The raw value of this member of a JSON object; absent when there is none. */
static struct bytes json_member(struct bytes object, const char *name)
{
    struct walk_string key;
    const uint8_t *end = object.data + object.size;
    const uint8_t *at = walk_space(object.data, end);
    if (at == end || *at != '{')
        return BYTES_NONE;
    for (at++;;) {
        const uint8_t *value = walk_key(walk_space(at, end), end, &key);
        const uint8_t *next = value != NULL ? walk_skip(value, end) : NULL;
        if (next == NULL)
            return BYTES_NONE;
        value = walk_space(value, end);
        if (bytes_equal_text(key.raw, name))
            return bytes_of(value, (size_t)(next - value));
        at = walk_space(next, end);
        if (at == end || *at++ != ',')
            return BYTES_NONE;
    }
}

/* A body that is JSON text already. */
static void put_text_body(struct json_writer *writer, bool wrapped, struct bytes text)
{
    struct bytes inner = wrapped ? json_member(text, "message") : BYTES_NONE;
    json_put_raw(writer, bytes_present(inner) ? inner : text);
}

/* People say things in braces, too: only an object with members of a message is one. */
static bool is_message_text(struct bytes text)
{
    static const char *const members[] = {"content", "message", "tool_calls", "role", "parts"};
    if (text.size == 0 || text.data[0] != '{')
        return false;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (bytes_present(json_member(text, members[i])))
            return true;
    return false;
}

enum refusal log_body_put(struct buffer *out, const struct log_body *log, uint32_t *count)
{
    struct json_writer writer = json_writer_on(out);
    struct any_value body = {.kind = ANY_EMPTY};
    if (bytes_present(log->body) &&
        !any_value_read(log->body.data, log->body.data + log->body.size, &body))
        return REFUSAL_MALFORMED;
    struct bytes text = body.kind == ANY_TEXT ? body.bytes : log->text;
    bool is_json = is_message_text(text);
    json_open_array(&writer);
    if (body.kind != ANY_MAP && is_json) {
        *count = 1;
        put_text_body(&writer, log->wrapped, text);
        json_close_array(&writer);
        return REFUSAL_NONE;
    }
    json_open_object(&writer);
    json_key(&writer, "role");
    json_put_text(&writer, bytes_from_text(log->role));
    if (body.kind == ANY_MAP) {
        enum refusal refusal = put_members(&writer, body.bytes, log, count);
        if (refusal != REFUSAL_NONE)
            return refusal;
    } else if (text.size > 0) {
        *count = 1;
        json_key(&writer, "content");
        json_put_text(&writer, text);
    }
    json_close_object(&writer);
    json_close_array(&writer);
    return REFUSAL_NONE;
}
