/* otlp_schema.c - the tables of otlp_schema.h; fields that come most often stand first. */
#include "engine/span/otlp_schema.h"

#define FIELD(camel, snake, number, type)                                                          \
    {                                                                                              \
        camel, snake, sizeof(camel) - 1, sizeof(snake) - 1, number, type, false, NULL              \
    }
#define CHILD(camel, snake, number, child)                                                         \
    {                                                                                              \
        camel, snake, sizeof(camel) - 1, sizeof(snake) - 1, number, OTLP_MESSAGE, false, child     \
    }
#define CHILDREN(camel, snake, number, child)                                                      \
    {                                                                                              \
        camel, snake, sizeof(camel) - 1, sizeof(snake) - 1, number, OTLP_MESSAGE, true, child      \
    }
#define MESSAGE(table, nests)                                                                      \
    {                                                                                              \
        table, sizeof(table) / sizeof *(table), nests                                              \
    }
#define MESSAGE_OF(table) MESSAGE(table, false)

static const struct otlp_message any_value, key_value, array_value, list_value, event, link, status;

static const struct otlp_field any_value_fields[] = {
    FIELD("stringValue", "string_value", 1, OTLP_TEXT),
    FIELD("intValue", "int_value", 3, OTLP_INTEGER),
    FIELD("doubleValue", "double_value", 4, OTLP_REAL),
    FIELD("boolValue", "bool_value", 2, OTLP_BOOLEAN),
    CHILD("arrayValue", "array_value", 5, &array_value),
    CHILD("kvlistValue", "kvlist_value", 6, &list_value),
    FIELD("bytesValue", "bytes_value", 7, OTLP_BYTES),
};
static const struct otlp_message any_value = MESSAGE_OF(any_value_fields);

static const struct otlp_field key_value_fields[] = {
    FIELD("key", "key", 1, OTLP_TEXT),
    CHILD("value", "value", 2, &any_value),
};
static const struct otlp_message key_value = MESSAGE_OF(key_value_fields);

static const struct otlp_field array_value_fields[] = {
    CHILDREN("values", "values", 1, &any_value),
};
static const struct otlp_message array_value = MESSAGE(array_value_fields, true);

static const struct otlp_field list_value_fields[] = {
    CHILDREN("values", "values", 1, &key_value),
};
static const struct otlp_message list_value = MESSAGE(list_value_fields, true);

static const struct otlp_field resource_fields[] = {
    CHILDREN("attributes", "attributes", 1, &key_value),
};
const struct otlp_message otlp_resource = MESSAGE_OF(resource_fields);

static const struct otlp_field scope_fields[] = {
    FIELD("name", "name", 1, OTLP_TEXT),
    FIELD("version", "version", 2, OTLP_TEXT),
    CHILDREN("attributes", "attributes", 3, &key_value),
};
const struct otlp_message otlp_scope = MESSAGE_OF(scope_fields);

static const struct otlp_field span_fields[] = {
    FIELD("traceId", "trace_id", 1, OTLP_TRACE_ID),
    FIELD("spanId", "span_id", 2, OTLP_SPAN_ID),
    FIELD("parentSpanId", "parent_span_id", 4, OTLP_SPAN_ID),
    FIELD("name", "name", 5, OTLP_TEXT),
    FIELD("kind", "kind", 6, OTLP_KIND),
    FIELD("startTimeUnixNano", "start_time_unix_nano", 7, OTLP_TIME),
    FIELD("endTimeUnixNano", "end_time_unix_nano", 8, OTLP_TIME),
    CHILDREN("attributes", "attributes", 9, &key_value),
    CHILD("status", "status", 15, &status),
    CHILDREN("events", "events", 11, &event),
    CHILDREN("links", "links", 13, &link),
    FIELD("flags", "flags", 16, OTLP_FLAGS),
    FIELD("traceState", "trace_state", 3, OTLP_TEXT),
    FIELD("droppedAttributesCount", "dropped_attributes_count", 10, OTLP_INTEGER),
    FIELD("droppedEventsCount", "dropped_events_count", 12, OTLP_INTEGER),
    FIELD("droppedLinksCount", "dropped_links_count", 14, OTLP_INTEGER),
};
const struct otlp_message otlp_span = MESSAGE_OF(span_fields);

static const struct otlp_field event_fields[] = {
    FIELD("timeUnixNano", "time_unix_nano", 1, OTLP_TIME),
    FIELD("name", "name", 2, OTLP_TEXT),
    CHILDREN("attributes", "attributes", 3, &key_value),
    FIELD("droppedAttributesCount", "dropped_attributes_count", 4, OTLP_INTEGER),
};
static const struct otlp_message event = MESSAGE_OF(event_fields);

static const struct otlp_field link_fields[] = {
    FIELD("traceId", "trace_id", 1, OTLP_TRACE_ID),
    FIELD("spanId", "span_id", 2, OTLP_SPAN_ID),
    FIELD("traceState", "trace_state", 3, OTLP_TEXT),
    CHILDREN("attributes", "attributes", 4, &key_value),
    FIELD("droppedAttributesCount", "dropped_attributes_count", 5, OTLP_INTEGER),
    FIELD("flags", "flags", 6, OTLP_FLAGS),
};
static const struct otlp_message link = MESSAGE_OF(link_fields);

static const struct otlp_field status_fields[] = {
    FIELD("code", "code", 3, OTLP_STATUS),
    FIELD("message", "message", 2, OTLP_TEXT),
};
static const struct otlp_message status = MESSAGE_OF(status_fields);

static const struct otlp_field log_record_fields[] = {
    FIELD("timeUnixNano", "time_unix_nano", 1, OTLP_TIME),
    FIELD("observedTimeUnixNano", "observed_time_unix_nano", 11, OTLP_TIME),
    FIELD("traceId", "trace_id", 9, OTLP_TRACE_ID),
    FIELD("spanId", "span_id", 10, OTLP_SPAN_ID),
    CHILD("body", "body", 5, &any_value),
    CHILDREN("attributes", "attributes", 6, &key_value),
    FIELD("eventName", "event_name", 12, OTLP_TEXT),
    FIELD("flags", "flags", 8, OTLP_FLAGS),
};
const struct otlp_message otlp_log_record = MESSAGE_OF(log_record_fields);

/* ---- enums ------------------------------------------------------------------------------------------------- */

static const char *const kind_names[] = {"UNSPECIFIED", "INTERNAL", "SERVER",
                                         "CLIENT",      "PRODUCER", "CONSUMER"};
static const char *const status_names[] = {"UNSET", "OK", "ERROR"};

static uint8_t upper(uint8_t c) { return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c; }

/* The last word of the text, whatever its case: SPAN_KIND_CLIENT, SpanKind.CLIENT and client are one. */
static bool last_word_is(struct bytes text, const char *name)
{
    size_t size = strlen(name);
    if (text.size < size)
        return false;
    const uint8_t *word = text.data + text.size - size;
    for (size_t i = 0; i < size; i++)
        if (upper(word[i]) != (uint8_t)name[i])
            return false;
    return text.size == size || word[-1] == '_' || word[-1] == '.';
}

int otlp_enum_value(enum otlp_field_type type, struct bytes text)
{
    const char *const *names = type == OTLP_KIND ? kind_names : status_names;
    int count = type == OTLP_KIND ? 6 : 3;
    if (text.size == 1 && text.data[0] >= '0' && text.data[0] <= '9')
        return text.data[0] - '0';
    for (int i = 0; i < count; i++)
        if (last_word_is(text, names[i]))
            return i;
    return -1;
}
