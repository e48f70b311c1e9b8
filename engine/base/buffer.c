/* buffer.c - growth by doubling up to the limit; bounds are checked before every read and write. */
#include "engine/base/buffer.h"

#include "engine/base/memory.h"

#include <stdarg.h>
#include <stdio.h>

void buffer_free(struct buffer *buffer)
{
    memory_free(buffer->data);
    buffer->data = NULL;
    buffer->size = buffer->capacity = 0;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (size > buffer->limit_bytes || buffer->size > buffer->limit_bytes - size) {
        buffer->failed = true;
        return NULL;
    }
    size_t needed = buffer->size + size;
    if (needed > buffer->capacity || buffer->data == NULL) {
        size_t capacity = buffer->capacity ? buffer->capacity : 256;
        while (capacity < needed)
            capacity *= 2;
        buffer->data = memory_resize(buffer->data, capacity);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    uint8_t *at = buffer_reserve(buffer, size);
    if (at == NULL || size == 0)
        return;
    memcpy(at, data, size);
    buffer->size += size;
}

void buffer_append_text(struct buffer *buffer, const char *text) { buffer_append(buffer, text, strlen(text)); }

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    size_t room = buffer->capacity - buffer->size; /* most texts fit what is there */
    int size = vsnprintf(room > 0 ? (char *)buffer->data + buffer->size : NULL, room, format, arguments);
    va_end(arguments);
    uint8_t *at = size < 0 ? NULL : buffer_reserve(buffer, (size_t)size + 1);
    if (at != NULL) {
        if ((size_t)size >= room)
            (void)vsnprintf((char *)at, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
}

void buffer_put_u8(struct buffer *buffer, uint8_t value)
{
    if (buffer->size < buffer->capacity && buffer->size < buffer->limit_bytes)
        buffer->data[buffer->size++] = value;
    else
        buffer_append(buffer, &value, 1);
}

void buffer_put_u32(struct buffer *buffer, uint32_t value) { buffer_append(buffer, &value, sizeof value); }

void buffer_put_u64(struct buffer *buffer, uint64_t value) { buffer_append(buffer, &value, sizeof value); }

void buffer_put_varint(struct buffer *buffer, uint64_t value)
{
    uint8_t out[10];
    size_t used = 0;
    while (value >= 0x80) {
        out[used++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[used++] = (uint8_t)value;
    buffer_append(buffer, out, used);
}

void buffer_put_zigzag(struct buffer *buffer, int64_t value)
{
    buffer_put_varint(buffer, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void buffer_put_bytes(struct buffer *buffer, struct bytes value)
{
    buffer_put_varint(buffer, value.size);
    buffer_append(buffer, value.data, value.size);
}

struct bytes reader_take(struct reader *reader, size_t size)
{
    if (reader->failed || (size_t)(reader->end - reader->at) < size) {
        reader->failed = true;
        return bytes_of("", 0);
    }
    struct bytes taken = bytes_of(reader->at, size);
    reader->at += size;
    return taken;
}

uint8_t reader_u8(struct reader *reader)
{
    struct bytes b = reader_take(reader, 1);
    return reader->failed ? 0 : b.data[0];
}

uint32_t reader_u32(struct reader *reader)
{
    uint32_t value = 0;
    struct bytes b = reader_take(reader, sizeof value);
    if (!reader->failed)
        memcpy(&value, b.data, sizeof value);
    return value;
}

uint64_t reader_u64(struct reader *reader)
{
    uint64_t value = 0;
    struct bytes b = reader_take(reader, sizeof value);
    if (!reader->failed)
        memcpy(&value, b.data, sizeof value);
    return value;
}

uint64_t reader_varint(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = reader_u8(reader);
        if (reader->failed)
            return 0;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    reader->failed = true;
    return 0;
}

int64_t reader_zigzag(struct reader *reader)
{
    uint64_t raw = reader_varint(reader);
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

struct bytes reader_bytes(struct reader *reader)
{
    uint64_t size = reader_varint(reader);
    if (size > reader_left(reader)) {
        reader->failed = true;
        return bytes_of("", 0);
    }
    return reader_take(reader, (size_t)size);
}
