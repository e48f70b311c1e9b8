/*
 * otlp_writer.h - OTLP protobuf written back to front, which gives the Collector's layout: values
 * before keys, fields of a message in descending order, repeated fields in their order.
 *
 * Whoever writes goes backwards: the last repeated element first, field 1 before field 2, and a
 * message is closed after its fields were written. Records lie one below the other in fixed memory
 * and stay where they are until the writer is cleared. Past its end `full` is set and nothing is
 * written: check once per record.
 */
#ifndef ENGINE_DEMO_OTLP_WRITER_H
#define ENGINE_DEMO_OTLP_WRITER_H

#include "engine/base/bytes.h"

struct otlp_writer {
    uint8_t *start, *at, *end; /* [at, end) is written */
    bool full;
};

struct otlp_writer otlp_writer_create(size_t size);
void otlp_writer_free(struct otlp_writer *writer);
void otlp_writer_clear(struct otlp_writer *writer);
static inline size_t otlp_writer_room(const struct otlp_writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

/* Where a message ends: take it before its first (last) field, give it to otlp_close. */
static inline uint8_t *otlp_open(const struct otlp_writer *writer) { return writer->at; }
void otlp_close(struct otlp_writer *writer, uint32_t field, const uint8_t *open);
/* The same for the outermost message, which has no tag: its bytes. */
struct bytes otlp_finish(struct otlp_writer *writer, const uint8_t *open);
/* Bytes that were written before, once more; empty when there is no room. */
struct bytes otlp_copy(struct otlp_writer *writer, struct bytes record);

void otlp_put_bytes(struct otlp_writer *writer, uint32_t field, struct bytes value);
void otlp_put_varint(struct otlp_writer *writer, uint32_t field, uint64_t value);
void otlp_put_fixed32(struct otlp_writer *writer, uint32_t field, uint32_t value);
void otlp_put_fixed64(struct otlp_writer *writer, uint32_t field, uint64_t value);

/* KeyValue in `field`: 9 in spans, 1 in resources. */
void otlp_put_text_attribute(struct otlp_writer *writer, uint32_t field, const char *key,
                             struct bytes value);
void otlp_put_integer_attribute(struct otlp_writer *writer, uint32_t field, const char *key,
                                int64_t value);
/* An array of one text. */
void otlp_put_list_attribute(struct otlp_writer *writer, uint32_t field, const char *key,
                             struct bytes element);

#endif
