/*
 * otlp_event.c - Event messages of spans, in two looks: the name and the time may stand behind the
 * attributes (the Collector writes back to front).
 */
#include "engine/span/otlp_span.h"

static bool read_head(struct bytes event, struct bytes *name, uint64_t *time_ns)
{
    const uint8_t *at = event.data;
    const uint8_t *end = at + event.size;
    while (at < end) {
        uint32_t tag;
        if (!wire_tag(&at, end, &tag))
            return false;
        bool read = tag == WIRE_TAG(1, WIRE_FIXED64) ? wire_fixed64(&at, end, time_ns)
                    : tag == WIRE_TAG(2, WIRE_BYTES) ? wire_bytes(&at, end, name)
                                                     : wire_skip(&at, end, tag);
        if (!read)
            return false;
    }
    return true;
}

static bool read_attribute(struct row_sink *sink, struct bytes attribute)
{
    struct key_value pair;
    struct any_value value;
    if (!key_value_read(attribute.data, attribute.data + attribute.size, &pair) ||
        !any_value_read(pair.value.data, pair.value.data + pair.value.size, &value))
        return false;
    row_sink_event_attribute(sink, pair.key, &value);
    return true;
}

bool otlp_event_decode(struct row_sink *sink, struct bytes event)
{
    struct bytes name = BYTES_LITERAL("");
    uint64_t time_ns = 0;
    if (!read_head(event, &name, &time_ns))
        return false;
    int64_t time = time_ns == 0 || time_ns > INT64_MAX ? SPAN_I64_ABSENT : (int64_t)time_ns;
    if (!row_sink_event(sink, name, time))
        return true;
    const uint8_t *at = event.data;
    const uint8_t *end = at + event.size;
    while (at < end) {
        uint32_t tag;
        struct bytes attribute;
        if (!wire_tag(&at, end, &tag))
            return false;
        if (tag != WIRE_TAG(3, WIRE_BYTES)) {
            if (!wire_skip(&at, end, tag))
                return false;
        } else if (!wire_bytes(&at, end, &attribute) || !read_attribute(sink, attribute)) {
            return false;
        }
    }
    return true;
}
