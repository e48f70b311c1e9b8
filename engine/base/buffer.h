/*
 * buffer.h - a growable run of bytes with a stated maximum, and a reader that cannot overrun.
 *
 * Writing past the maximum sets `failed` and drops the write: check once at the end. Reading past
 * the end sets `failed` and gives zeros. Varints are protobuf's (LEB128, at most 10 bytes).
 */
#ifndef ENGINE_BASE_BUFFER_H
#define ENGINE_BASE_BUFFER_H

#include "engine/base/bytes.h"

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t limit_bytes;
    bool failed;
};

/* Zero-initialise, then give it a limit. */
#define BUFFER_WITH_LIMIT(limit) ((struct buffer){NULL, 0, 0, (limit), false})

void buffer_free(struct buffer *buffer);
/* Keeps the memory, forgets contents and failure. */
void buffer_clear(struct buffer *buffer);
/* Room for `size` more bytes at the end; NULL (and failed) past the limit. Does not change size. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t size);
void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_put_u8(struct buffer *buffer, uint8_t value);
void buffer_put_u32(struct buffer *buffer, uint32_t value); /* little endian */
void buffer_put_u64(struct buffer *buffer, uint64_t value); /* little endian */
void buffer_put_varint(struct buffer *buffer, uint64_t value);
void buffer_put_zigzag(struct buffer *buffer, int64_t value);
/* varint length, then the bytes; absent is written like empty. */
void buffer_put_bytes(struct buffer *buffer, struct bytes value);
static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
    return bytes_of(buffer->data ? buffer->data : (const uint8_t *)"", buffer->size);
}

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct reader reader_of(struct bytes b)
{
    return (struct reader){b.data, b.size > 0 ? b.data + b.size : b.data, false};
}
static inline size_t reader_left(const struct reader *reader)
{
    return reader->failed ? 0 : (size_t)(reader->end - reader->at);
}
uint8_t reader_u8(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
uint64_t reader_varint(struct reader *reader);
int64_t reader_zigzag(struct reader *reader);
/* Borrowed from the reader's bytes. */
struct bytes reader_take(struct reader *reader, size_t size);
struct bytes reader_bytes(struct reader *reader);

#endif
