/*
 * avro_json.c - the kinds of JSON values that Avro types may be written as (specification 1.11, "Complex
 * Types", table of defaults).
 */
#include "engine/span/avro_json.h"

static bool is_boolean(const struct json_value *json)
{
    return json != NULL && !json_is_null(json) && !json_is_number(json) && !json_is_text(json) &&
           !json_is_object(json) && !json_is_array(json);
}

bool avro_json_could_be(const struct json_value *given, const struct avro_node *node)
{
    int64_t integer;
    switch ((enum avro_type)node->type) {
    case AVRO_NULL:
        return json_is_null(given);
    case AVRO_BOOLEAN:
        return is_boolean(given);
    case AVRO_INT:
        return json_is_number(given) && json_integer(given, &integer) && integer >= INT32_MIN &&
               integer <= INT32_MAX;
    case AVRO_LONG:
        return json_is_number(given) && json_integer(given, &integer);
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return json_is_number(given);
    case AVRO_ARRAY:
        return json_is_array(given);
    case AVRO_RECORD:
    case AVRO_MAP:
        return json_is_object(given);
    default:
        return json_is_text(given);
    }
}

struct bytes avro_json_bytes(struct bytes text, struct arena *arena)
{
    uint8_t *out = arena_alloc(arena, text.size + 1);
    size_t size = 0;
    for (size_t i = 0; out != NULL && i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c < 0x80) {
            out[size++] = c;
        } else if ((c == 0xc2 || c == 0xc3) && i + 1 < text.size) {
            out[size++] = (uint8_t)((unsigned)(c & 3) << 6 | (text.data[++i] & 0x3f));
        } else {
            return BYTES_NONE;
        }
    }
    return out == NULL ? BYTES_NONE : bytes_of(out, size);
}
