/*
 * any_value.h - one attribute value as any OTLP encoding gives it, still lying in the record.
 */
#ifndef ENGINE_SPAN_ANY_VALUE_H
#define ENGINE_SPAN_ANY_VALUE_H

#include "engine/base/bytes.h"

enum any_kind {
    ANY_EMPTY, /* nothing set: legal */
    ANY_TEXT,
    ANY_BOOLEAN,
    ANY_INTEGER,
    ANY_REAL,
    ANY_BYTES,
    ANY_ARRAY, /* bytes: body of the ArrayValue message */
    ANY_MAP,   /* bytes: body of the KeyValueList message */
};

struct any_value {
    enum any_kind kind;
    int64_t integer; /* INTEGER, BOOLEAN */
    double real;
    struct bytes bytes; /* TEXT, BYTES, ARRAY, MAP */
    struct bytes whole; /* the AnyValue message itself */
};

/* One AnyValue message that ends at `end`. False when it is malformed; values below it are not looked at. */
bool any_value_read(const uint8_t *at, const uint8_t *end, struct any_value *out);
/* The first element of an ARRAY; EMPTY when there is none. */
bool any_value_first(struct bytes array, struct any_value *out);

#endif
