/*
 * otlp_schema.h - the messages of OTLP as tables: what JSON calls a field, its number, and how it is
 * written on the wire. Names of proto3 JSON (lowerCamelCase) and of the .proto files (snake_case).
 *
 * Facts: opentelemetry-proto 1.11, and its specification's "JSON Protobuf Encoding". Fields that nobody
 * here reads are left out; they are skipped like unknown ones.
 */
#ifndef ENGINE_SPAN_OTLP_SCHEMA_H
#define ENGINE_SPAN_OTLP_SCHEMA_H

#include "engine/base/bytes.h"

enum otlp_field_type {
    OTLP_TEXT,
    OTLP_TRACE_ID, /* 16 bytes; in JSON hex or base64 */
    OTLP_SPAN_ID,  /* 8 bytes; the same */
    OTLP_BYTES,    /* base64 */
    OTLP_TIME,     /* fixed64; must be readable where it stands */
    OTLP_INTEGER,  /* int64 or uint32, varint */
    OTLP_BOOLEAN,
    OTLP_REAL,   /* double */
    OTLP_FLAGS,  /* fixed32 */
    OTLP_KIND,   /* enum SpanKind: number or name */
    OTLP_STATUS, /* enum StatusCode */
    OTLP_MESSAGE,
};

struct otlp_message;

struct otlp_field {
    const char *name, *snake_name;
    uint8_t size, snake_size;
    uint8_t number; /* 1 to 16 */
    uint8_t type;   /* enum otlp_field_type */
    bool repeated;
    const struct otlp_message *message;
};

struct otlp_message {
    const struct otlp_field *fields;
    uint32_t count;
    bool nests; /* a list or map within a value */
};

extern const struct otlp_message otlp_resource, otlp_scope, otlp_span, otlp_log_record;

/* NULL when the message has no such field. */
static inline const struct otlp_field *otlp_field_find(const struct otlp_message *message,
                                                       struct bytes name)
{
    for (uint32_t i = 0; i < message->count; i++) {
        const struct otlp_field *field = &message->fields[i];
        if (field->size == name.size && field->name[0] == (char)name.data[0] &&
            memcmp(field->name, name.data, name.size) == 0)
            return field;
    }
    for (uint32_t i = 0; i < message->count; i++) {
        const struct otlp_field *field = &message->fields[i];
        if (field->snake_size == name.size && memcmp(field->snake_name, name.data, name.size) == 0)
            return field;
    }
    return NULL;
}

/* Enum values by number or name, with or without the enum's prefix; -1: neither. */
int otlp_enum_value(enum otlp_field_type type, struct bytes text);

#endif
