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

/* Values that nobody wants are not looked into. */
static bool take_pair(struct row_sink *sink, struct bytes key, struct bytes body)
{
    struct any_value value;
    if (!row_sink_event_wants(sink, key))
        return true;
    if (!any_value_read(body.data, body.data + body.size, &value))
        return false;
    row_sink_event_attribute(sink, key, &value);
    return true;
}

/* `at` is behind the tag. */
static bool take_attribute(struct row_sink *sink, const uint8_t **at, const uint8_t *end)
{
    struct attribute split;
    const uint8_t *next = split_short(*at, end, &split);
    if (next != NULL) {
        *at = next;
        return take_pair(sink, bytes_of(split.key, split.key_size),
                         bytes_of(split.value, split.value_size));
    }
    struct bytes body;
    struct key_value pair;
    return wire_bytes(at, end, &body) && key_value_read(body.data, body.data + body.size, &pair) &&
           take_pair(sink, pair.key, pair.value);
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
        if (!wire_tag(&at, end, &tag))
            return false;
        bool ours = tag == WIRE_TAG(3, WIRE_BYTES);
        if (ours ? !take_attribute(sink, &at, end) : !wire_skip(&at, end, tag))
            return false;
    }
    return true;
}
