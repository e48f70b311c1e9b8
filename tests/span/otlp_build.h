/*
 * otlp_build.h - writes OTLP protobuf for tests and benches, and rewrites it in other field orders.
 *
 * Messages are built inside out: a body in a buffer of its own, then otlp_put_message into the one
 * around it.
 */
#ifndef TESTS_SPAN_OTLP_BUILD_H
#define TESTS_SPAN_OTLP_BUILD_H

#include "engine/base/buffer.h"

void otlp_put_varint_field(struct buffer *out, uint32_t field, uint64_t value);
void otlp_put_fixed64_field(struct buffer *out, uint32_t field, uint64_t value);
void otlp_put_message(struct buffer *out, uint32_t field,
                      struct bytes body); /* strings and bytes too */
void otlp_put_text_field(struct buffer *out, uint32_t field, const char *text);

/* A KeyValue in a field of `out` (9 in spans, 1 in resources), key first. */
void otlp_put_text(struct buffer *out, uint32_t field, const char *key, const char *value);
void otlp_put_integer(struct buffer *out, uint32_t field, const char *key, int64_t value);
void otlp_put_real(struct buffer *out, uint32_t field, const char *key, double value);
void otlp_put_boolean(struct buffer *out, uint32_t field, const char *key, bool value);
void otlp_put_texts(struct buffer *out, uint32_t field, const char *key,
                    const char *const *values); /* NULL-ended */
/* Any AnyValue message, already encoded. */
void otlp_put_value(struct buffer *out, uint32_t field, const char *key, struct bytes any_value);

/* Ids made of number, name, kind and times; then attributes may be added with field 9. */
void otlp_put_span_core(struct buffer *span, uint64_t number, const char *name, uint64_t start_ns,
                        uint64_t end_ns);

enum otlp_order {
    ORDER_ASCENDING,
    ORDER_DESCENDING, /* as the Collector writes: all messages back to front, repeats in their order */
    ORDER_RANDOM, /* fields of one number keep their order; other numbers land anywhere between them */
};

/* The same ExportTraceServiceRequest with the fields of every known message in this order. False when
 * the record is malformed. rng is moved on. */
bool otlp_reorder(struct bytes record, enum otlp_order order, uint64_t *rng, struct buffer *out);

/* A small generator for tests (SplitMix64). */
uint64_t otlp_random(uint64_t *state);

#endif
