/*
 * json_write.c - JSON text, appended in order; a writer knows only whether a comma is due.
 */
#include "engine/base/json_internal.h"

#include "engine/base/utf8.h"

#include <math.h>

static void begin_item(struct json_writer *writer)
{
    if (writer->comma)
        buffer_put_u8(writer->out, ',');
    writer->comma = true;
}

static void open_container(struct json_writer *writer, char bracket)
{
    begin_item(writer);
    buffer_put_u8(writer->out, (uint8_t)bracket);
    writer->comma = false;
}

static void close_container(struct json_writer *writer, char bracket)
{
    buffer_put_u8(writer->out, (uint8_t)bracket);
    writer->comma = true;
}

void json_open_object(struct json_writer *writer) { open_container(writer, '{'); }

void json_close_object(struct json_writer *writer) { close_container(writer, '}'); }

void json_open_array(struct json_writer *writer) { open_container(writer, '['); }

void json_close_array(struct json_writer *writer) { close_container(writer, ']'); }

static void put_escape(struct buffer *out, uint8_t byte)
{
    static const char letters[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (byte >= 0x20)
        buffer_append(out, (const char[]){'\\', (char)byte}, 2);
    else if (letters[byte] != 0)
        buffer_append(out, (const char[]){'\\', letters[byte]}, 2);
    else
        buffer_printf(out, "\\u%04x", byte);
}

static bool is_plain(uint8_t byte) { return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\'; }

static void put_quoted(struct buffer *out, struct bytes text)
{
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.size;
    buffer_put_u8(out, '"');
    while (at < end) {
        const uint8_t *start = at;
        while (at < end && is_plain(*at))
            at++;
        buffer_append(out, start, (size_t)(at - start));
        if (at == end)
            break;
        if (*at < 0x80) {
            put_escape(out, *at++);
            continue;
        }
        bool valid = false;
        size_t length = utf8_step(at, end, &valid);
        if (valid)
            buffer_append(out, at, length);
        else
            buffer_append(out, "\xef\xbf\xbd", 3);
        at += length;
    }
    buffer_put_u8(out, '"');
}

void json_key(struct json_writer *writer, const char *key)
{
    begin_item(writer);
    put_quoted(writer->out, bytes_from_text(key));
    buffer_put_u8(writer->out, ':');
    writer->comma = false;
}

void json_put_text(struct json_writer *writer, struct bytes text)
{
    if (!bytes_present(text)) {
        json_put_null(writer);
        return;
    }
    begin_item(writer);
    put_quoted(writer->out, text);
}

void json_put_raw(struct json_writer *writer, struct bytes json)
{
    begin_item(writer);
    buffer_append(writer->out, json.data, json.size);
}

void json_put_integer(struct json_writer *writer, int64_t value)
{
    begin_item(writer);
    buffer_printf(writer->out, "%lld", (long long)value);
}

void json_put_unsigned(struct json_writer *writer, uint64_t value)
{
    begin_item(writer);
    buffer_printf(writer->out, "%llu", (unsigned long long)value);
}

void json_put_real(struct json_writer *writer, double value)
{
    char text[JSON_REAL_BYTES];
    if (isfinite(value))
        json_put_raw(writer, json_format_real(value, text));
    else
        json_put_null(writer);
}

void json_put_boolean(struct json_writer *writer, bool value)
{
    json_put_raw(writer, value ? BYTES_LITERAL("true") : BYTES_LITERAL("false"));
}

void json_put_null(struct json_writer *writer) { json_put_raw(writer, BYTES_LITERAL("null")); }

void json_put_hex(struct json_writer *writer, struct bytes id)
{
    static const char digits[] = "0123456789abcdef";
    if (!bytes_present(id)) {
        json_put_null(writer);
        return;
    }
    begin_item(writer);
    uint8_t *at = buffer_reserve(writer->out, 2 * id.size + 2);
    if (at == NULL)
        return;
    *at++ = '"';
    for (size_t i = 0; i < id.size; i++) {
        *at++ = (uint8_t)digits[id.data[i] >> 4];
        *at++ = (uint8_t)digits[id.data[i] & 15];
    }
    *at = '"';
    writer->out->size += 2 * id.size + 2;
}
