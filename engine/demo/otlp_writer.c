/* otlp_writer.c - every put moves `at` down and copies above it. */
#include "engine/demo/otlp_writer.h"

#include "engine/base/memory.h"

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct otlp_writer otlp_writer_create(size_t size)
{
    uint8_t *start = memory_allocate_raw(size);
    return (struct otlp_writer){start, start + size, start + size, false};
}

void otlp_writer_free(struct otlp_writer *writer) { memory_free(writer->start); }

void otlp_writer_clear(struct otlp_writer *writer)
{
    writer->at = writer->end;
    writer->full = false;
}

static uint8_t *reserve(struct otlp_writer *writer, size_t size)
{
    if (otlp_writer_room(writer) < size) {
        writer->full = true;
        return NULL;
    }
    writer->at -= size;
    return writer->at;
}

static void put_raw(struct otlp_writer *writer, const void *data, size_t size)
{
    uint8_t *to = reserve(writer, size);
    if (to != NULL && size > 0)
        memcpy(to, data, size);
}

static void put_number(struct otlp_writer *writer, uint64_t value)
{
    uint8_t text[10];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        text[size++] = (uint8_t)(value | 0x80);
    text[size++] = (uint8_t)value;
    put_raw(writer, text, size);
}

static void put_tag(struct otlp_writer *writer, uint32_t field, enum wire wire)
{
    put_number(writer, field << 3 | (uint32_t)wire);
}

void otlp_close(struct otlp_writer *writer, uint32_t field, const uint8_t *open)
{
    put_number(writer, (uint64_t)(open - writer->at));
    put_tag(writer, field, WIRE_BYTES);
}

struct bytes otlp_finish(struct otlp_writer *writer, const uint8_t *open)
{
    return bytes_of(writer->at, (size_t)(open - writer->at));
}

struct bytes otlp_copy(struct otlp_writer *writer, struct bytes record)
{
    const uint8_t *open = otlp_open(writer);
    put_raw(writer, record.data, record.size);
    return otlp_finish(writer, open);
}

void otlp_put_bytes(struct otlp_writer *writer, uint32_t field, struct bytes value)
{
    put_raw(writer, value.data, value.size);
    put_number(writer, value.size);
    put_tag(writer, field, WIRE_BYTES);
}

void otlp_put_varint(struct otlp_writer *writer, uint32_t field, uint64_t value)
{
    put_number(writer, value);
    put_tag(writer, field, WIRE_VARINT);
}

void otlp_put_fixed32(struct otlp_writer *writer, uint32_t field, uint32_t value)
{
    put_raw(writer, &value, sizeof value);
    put_tag(writer, field, WIRE_FIXED32);
}

void otlp_put_fixed64(struct otlp_writer *writer, uint32_t field, uint64_t value)
{
    put_raw(writer, &value, sizeof value);
    put_tag(writer, field, WIRE_FIXED64);
}

void otlp_put_text_attribute(struct otlp_writer *writer, uint32_t field, const char *key,
                             struct bytes value)
{
    uint8_t *pair = otlp_open(writer);
    otlp_put_bytes(writer, 1, bytes_from_text(key));
    uint8_t *any = otlp_open(writer);
    otlp_put_bytes(writer, 1, value);
    otlp_close(writer, 2, any);
    otlp_close(writer, field, pair);
}

void otlp_put_integer_attribute(struct otlp_writer *writer, uint32_t field, const char *key,
                                int64_t value)
{
    uint8_t *pair = otlp_open(writer);
    otlp_put_bytes(writer, 1, bytes_from_text(key));
    uint8_t *any = otlp_open(writer);
    otlp_put_varint(writer, 3, (uint64_t)value);
    otlp_close(writer, 2, any);
    otlp_close(writer, field, pair);
}

void otlp_put_list_attribute(struct otlp_writer *writer, uint32_t field, const char *key,
                             struct bytes element)
{
    uint8_t *pair = otlp_open(writer);
    otlp_put_bytes(writer, 1, bytes_from_text(key));
    uint8_t *any = otlp_open(writer);
    uint8_t *array = otlp_open(writer);
    uint8_t *item = otlp_open(writer);
    otlp_put_bytes(writer, 1, element);
    otlp_close(writer, 1, item);
    otlp_close(writer, 5, array);
    otlp_close(writer, 2, any);
    otlp_close(writer, field, pair);
}
