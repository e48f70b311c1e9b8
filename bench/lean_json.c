/* lean_json.c - the tables of otlp_schema.h read the other way round. The request is our own: CHECKs do. */
#include "bench/lean_json.h"

#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/span/otlp_schema.h"
#include "engine/span/otlp_wire.h"

#include <stdio.h>

/* Containers, which the transcoder does not need. */
static const struct otlp_field scope_spans_fields[] = {
    {"scope", "scope", 5, 5, 1, OTLP_MESSAGE, false, &otlp_scope},
    {"spans", "spans", 5, 5, 2, OTLP_MESSAGE, true, &otlp_span},
};
static const struct otlp_message scope_spans = {scope_spans_fields, 2, false};
static const struct otlp_field resource_spans_fields[] = {
    {"resource", "resource", 8, 8, 1, OTLP_MESSAGE, false, &otlp_resource},
    {"scopeSpans", "scope_spans", 10, 11, 2, OTLP_MESSAGE, true, &scope_spans},
};
static const struct otlp_message resource_spans = {resource_spans_fields, 2, false};
static const struct otlp_field request_fields[] = {
    {"resourceSpans", "resource_spans", 13, 14, 1, OTLP_MESSAGE, true, &resource_spans},
};
static const struct otlp_message request_message = {request_fields, 1, false};

static void put_message(struct json_writer *writer, const struct otlp_message *message, struct bytes body);

static void put_number(struct json_writer *writer, const struct otlp_field *field, uint64_t number)
{
    double real;
    char text[24];
    switch ((enum otlp_field_type)field->type) {
    case OTLP_REAL:
        memcpy(&real, &number, sizeof real);
        json_put_real(writer, real);
        break;
    case OTLP_BOOLEAN:
        json_put_boolean(writer, number != 0);
        break;
    case OTLP_KIND:
    case OTLP_STATUS:
    case OTLP_FLAGS:
        json_put_unsigned(writer, number);
        break;
    default:
        snprintf(text, sizeof text, field->type == OTLP_TIME ? "%llu" : "%lld", (unsigned long long)number);
        json_put_text(writer, bytes_from_text(text));
    }
}

static void put_value(struct json_writer *writer, const struct otlp_field *field, const uint8_t **at, const uint8_t *end, uint32_t type)
{
    struct bytes body;
    uint64_t number = 0;
    if (type != WIRE_BYTES) {
        bool read = type == WIRE_VARINT ? wire_varint(at, end, &number) : wire_fixed64(at, end, &number);
        CHECK(read);
        put_number(writer, field, number);
        return;
    }
    CHECK(wire_bytes(at, end, &body));
    if (field->type == OTLP_MESSAGE)
        put_message(writer, field->message, body);
    else if (field->type == OTLP_TRACE_ID || field->type == OTLP_SPAN_ID)
        json_put_hex(writer, body);
    else
        json_put_text(writer, body);
}

/* Fields of one message, in the order of the table; those of a list together. */
static void put_message(struct json_writer *writer, const struct otlp_message *message, struct bytes body)
{
    json_open_object(writer);
    for (uint32_t i = 0; i < message->count; i++) {
        const struct otlp_field *field = &message->fields[i];
        const uint8_t *at = body.data;
        const uint8_t *end = at + body.size;
        bool open = false;
        while (at < end) {
            uint32_t tag;
            CHECK(wire_tag(&at, end, &tag));
            if (tag >> 3 != field->number) {
                CHECK(wire_skip(&at, end, tag));
                continue;
            }
            if (!open)
                json_key(writer, field->name);
            if (!open && field->repeated)
                json_open_array(writer);
            open = true;
            put_value(writer, field, &at, end, tag & 7);
        }
        if (open && field->repeated)
            json_close_array(writer);
    }
    json_close_object(writer);
}

void lean_json(struct bytes request, struct buffer *out)
{
    struct json_writer writer = json_writer_on(out);
    put_message(&writer, &request_message, request);
    CHECK(!out->failed);
}
