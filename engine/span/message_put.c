/*
 * message_put.c - see message_put.h. Nothing here looks at what it is given but for its size; the buffer
 * says when it is too much.
 */
#include "engine/span/message_put.h"

#include "engine/span/otlp_wire.h"

#define AROUND_BYTES ((size_t)64) /* tags and lengths of an attribute or field */

void message_put_field(struct buffer *out, uint32_t number, struct bytes body)
{
    buffer_put_varint(out, (uint64_t)number << 3 | WIRE_BYTES);
    buffer_put_bytes(out, body);
}

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

/* Key and AnyValue around `size` bytes of a value whose tag is there; the bytes follow. */
static void open_attribute(struct buffer *out, struct bytes key, uint8_t tag, size_t size,
                           bool sized)
{
    size_t any = 1 + (sized ? varint_size(size) : 0) + size;
    size_t pair = 1 + varint_size(key.size) + key.size + 1 + varint_size(any) + any;
    buffer_put_u8(out, WIRE_TAG(9, WIRE_BYTES));
    buffer_put_varint(out, pair);
    message_put_field(out, 1, key);
    buffer_put_u8(out, WIRE_TAG(2, WIRE_BYTES));
    buffer_put_varint(out, any);
    buffer_put_u8(out, tag);
    if (sized)
        buffer_put_varint(out, size);
}

void message_put_integer(struct buffer *out, struct bytes key, uint64_t integer, bool boolean)
{
    uint8_t tag = boolean ? WIRE_TAG(2, WIRE_VARINT) : WIRE_TAG(3, WIRE_VARINT);
    open_attribute(out, key, tag, varint_size(integer), false);
    buffer_put_varint(out, integer);
}

void message_put_real(struct buffer *out, struct bytes key, double real)
{
    open_attribute(out, key, WIRE_TAG(4, WIRE_FIXED64), sizeof real, false);
    buffer_append(out, &real, sizeof real);
}

void message_put_json(struct buffer *out, struct bytes key, struct bytes text)
{
    open_attribute(out, key, WIRE_TAG(1, WIRE_BYTES), text.size, true);
    buffer_append(out, text.data, text.size);
}

/* The text without its escapes, borrowed from the end of the buffer until something is written that is
 * longer than `before`; false: an illegal escape or no room. */
static bool unescaped(struct buffer *out, const struct walk_string *text, size_t before,
                      struct bytes *plain)
{
    *plain = text->raw;
    if (!text->escaped)
        return true;
    uint8_t *room = buffer_reserve(out, text->raw.size * 2 + before);
    if (room == NULL)
        return false;
    uint8_t *to = room + before + text->raw.size;
    size_t size;
    if (!walk_unescape(text->raw, to, &size))
        return false;
    *plain = bytes_of(to, size);
    return true;
}

/* Writing went on up to the room in which the text was unescaped: it is moved down. */
static bool append_text(struct buffer *out, struct bytes plain)
{
    uint8_t *to = buffer_reserve(out, plain.size);
    if (to == NULL)
        return false;
    if (plain.size > 0)
        memmove(to, plain.data, plain.size);
    out->size += plain.size;
    return true;
}

bool message_put_text(struct buffer *out, struct bytes key, const struct walk_string *text)
{
    struct bytes plain;
    if (!unescaped(out, text, key.size + AROUND_BYTES, &plain))
        return false;
    open_attribute(out, key, WIRE_TAG(1, WIRE_BYTES), plain.size, true);
    return append_text(out, plain);
}

bool message_put_text_field(struct buffer *out, uint32_t number, const struct walk_string *text)
{
    struct bytes plain;
    if (!bytes_present(text->raw))
        return true;
    if (!unescaped(out, text, AROUND_BYTES, &plain))
        return false;
    buffer_put_varint(out, (uint64_t)number << 3 | WIRE_BYTES);
    buffer_put_varint(out, plain.size);
    return append_text(out, plain);
}

bool message_put_status(struct buffer *out, int code, const struct walk_string *message)
{
    struct bytes plain = BYTES_NONE;
    if (bytes_present(message->raw) && !unescaped(out, message, AROUND_BYTES, &plain))
        return false;
    buffer_put_u8(out, WIRE_TAG(15, WIRE_BYTES));
    buffer_put_varint(out, 2 + 1 + varint_size(plain.size) + plain.size);
    buffer_put_u8(out, WIRE_TAG(3, WIRE_VARINT));
    buffer_put_u8(out, (uint8_t)code);
    buffer_put_u8(out, WIRE_TAG(2, WIRE_BYTES));
    buffer_put_varint(out, plain.size);
    return append_text(out, plain);
}
