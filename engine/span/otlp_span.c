/*
 * otlp_span.c - one Span message into one row: fields in any order, attributes by the alias table.
 *
 * What the row does not want is hopped over by its length and not looked into.
 */
#include "engine/span/otlp_span.h"

#define TRACE_ID_BYTES 16
#define SPAN_ID_BYTES  8

bool key_value_read(const uint8_t *at, const uint8_t *end, struct key_value *out)
{
    *out = (struct key_value){bytes_of(end, 0), bytes_of(end, 0)};
    while (at < end) {
        uint32_t tag;
        if (!wire_tag(&at, end, &tag))
            return false;
        bool read = tag == WIRE_TAG(1, WIRE_BYTES)   ? wire_bytes(&at, end, &out->key)
                    : tag == WIRE_TAG(2, WIRE_BYTES) ? wire_bytes(&at, end, &out->value)
                                                     : wire_skip(&at, end, tag);
        if (!read)
            return false;
    }
    return true;
}

static bool refuse(struct span_walk *walk, const uint8_t *at, enum refusal code, const char *reason)
{
    walk->fault = at;
    walk->code = code;
    walk->reason = reason;
    return false;
}

static bool bad(struct span_walk *walk, const uint8_t *at, const char *reason)
{
    return refuse(walk, at, REFUSAL_MALFORMED, reason);
}

/* ---- attributes ------------------------------------------------------------------------------------------ */

static bool store_value(struct span_walk *walk, const struct dialect_alias *alias,
                        const uint8_t *at, size_t size)
{
    struct any_value value;
    if (!any_value_read(at, at + size, &value))
        return bad(walk, at, "an attribute's value is malformed");
    row_sink_store(&walk->sink, alias, &value);
    return true;
}

/* Values in the form that everybody writes them in: a count, an array of one short text. False: not in
 * that form. size is below 130 and at least 2. */
static bool take_plain_value(struct row_sink *sink, const struct dialect_alias *alias,
                             const uint8_t *value, size_t size)
{
    switch (alias->transform) {
    case TRANSFORM_TOKENS: {
        uint64_t count;
        const uint8_t *at = value + 1;
        if (value[0] != WIRE_TAG(3, WIRE_VARINT) || !wire_varint(&at, value + size, &count) ||
            at != value + size)
            return false;
        row_sink_store_integer(sink, alias, count <= INT64_MAX ? (int64_t)count : SPAN_I64_ABSENT);
        return true;
    }
    case TRANSFORM_FIRST:
        if (size < 6 || value[0] != WIRE_TAG(5, WIRE_BYTES) || value[1] != size - 2 ||
            value[2] != WIRE_TAG(1, WIRE_BYTES) || value[3] != size - 4 ||
            value[4] != WIRE_TAG(1, WIRE_BYTES) || value[5] != size - 6)
            return false;
        row_sink_store_text(sink, alias, bytes_of(value + 6, size - 6));
        return true;
    default:
        return false;
    }
}

static bool take_flat(struct span_walk *walk, struct bytes key, struct bytes value)
{
    struct any_value any;
    if (!any_value_read(value.data, value.data + value.size, &any))
        return bad(walk, value.data, "an attribute's value is malformed");
    row_sink_flat(&walk->sink, key, &any);
    return true;
}

/* Values that are not wanted are not looked at. Inline, and numbers instead of structs: a struct would
 * go through memory twice for every attribute. */
static inline __attribute__((always_inline)) bool take_attribute(struct span_walk *walk,
                                                                 const uint8_t *key,
                                                                 size_t key_size,
                                                                 const uint8_t *value, size_t size)
{
    const struct dialect_alias *alias = row_sink_find(&walk->sink, key, key_size);
    if (alias == NULL)
        return !row_sink_may_be_flat(&walk->sink, key, key_size) ||
               take_flat(walk, bytes_of(key, key_size), bytes_of(value, size));
    if (!row_sink_wants(&walk->sink, alias))
        return true;
    bool is_short = size - 2 < 0x80;
    if (is_short && alias->transform == TRANSFORM_TEXT && value[0] == WIRE_TAG(1, WIRE_BYTES) &&
        value[1] == size - 2) {
        row_sink_store_text(&walk->sink, alias, bytes_of(value + 2, size - 2));
        return true;
    }
    return (is_short && take_plain_value(&walk->sink, alias, value, size)) ||
           store_value(walk, alias, value, size);
}

static bool take_attribute_slow(struct span_walk *walk, const uint8_t *at, const uint8_t *end,
                                const uint8_t **next)
{
    struct bytes body;
    struct key_value pair;
    if (!wire_bytes(&at, end, &body) || !key_value_read(body.data, body.data + body.size, &pair))
        return bad(walk, at, "an attribute is malformed or goes beyond its span");
    *next = at;
    return take_attribute(walk, pair.key.data, pair.key.size, pair.value.data, pair.value.size);
}

/* ---- everything else ------------------------------------------------------------------------------------- */

static bool decode_status(struct span_walk *walk, struct bytes status)
{
    const uint8_t *at = status.data;
    const uint8_t *end = at + status.size;
    struct span_batch *batch = walk->sink.batch;
    uint32_t row = walk->sink.row;
    while (at < end) {
        uint32_t tag;
        uint64_t code;
        struct bytes message;
        if (!wire_tag(&at, end, &tag))
            return bad(walk, at, "the status is malformed");
        bool read;
        if (tag == WIRE_TAG(3, WIRE_VARINT)) {
            read = wire_varint(&at, end, &code);
            if (read && span_columns_have(&walk->sink.wanted, SPAN_COLUMN_status))
                batch->status[row] = (uint32_t)code <= 2 ? (uint32_t)code : 0;
        } else if (tag == WIRE_TAG(2, WIRE_BYTES)) {
            read = wire_bytes(&at, end, &message);
            if (read && message.size > 0 &&
                span_columns_have(&walk->sink.wanted, SPAN_COLUMN_status_message))
                batch->status_message[row] = row_sink_cut(&walk->sink, message);
        } else {
            read = wire_skip(&at, end, tag);
        }
        if (!read)
            return bad(walk, at, "the status is malformed");
    }
    return true;
}

static bool decode_event(struct span_walk *walk, struct bytes event)
{
    return otlp_event_decode(&walk->sink, event) ||
           bad(walk, event.data, "a span event is malformed");
}

/* size 8 or 16 */
static inline bool all_zero(struct bytes id)
{
    return (bytes_load64(id.data) | bytes_load64(id.data + id.size - 8)) == 0;
}

struct span_core {
    struct bytes trace_id, span_id, parent_span_id, name;
    uint64_t kind, start_ns, end_ns;
};

static int64_t time_of(uint64_t nanoseconds)
{
    return nanoseconds == 0 || nanoseconds > INT64_MAX ? SPAN_I64_ABSENT : (int64_t)nanoseconds;
}

static bool store_core(struct span_walk *walk, const struct span_core *core, const uint8_t *span)
{
    struct span_batch *batch = walk->sink.batch;
    const struct span_column_set *wanted = &walk->sink.wanted;
    uint32_t row = walk->sink.row;
    if (core->trace_id.size != TRACE_ID_BYTES || all_zero(core->trace_id))
        return refuse(walk, core->trace_id.size ? core->trace_id.data : span, REFUSAL_BAD_ID,
                      "trace_id is not 16 bytes that are not all zero");
    if (core->span_id.size != SPAN_ID_BYTES || all_zero(core->span_id))
        return refuse(walk, core->span_id.size ? core->span_id.data : span, REFUSAL_BAD_ID,
                      "span_id is not 8 bytes that are not all zero");
    if (core->parent_span_id.size != SPAN_ID_BYTES && core->parent_span_id.size != 0)
        return refuse(walk, core->parent_span_id.data, REFUSAL_BAD_ID,
                      "parent_span_id is neither 8 bytes nor empty");
    if (span_columns_have(wanted, SPAN_COLUMN_trace_id))
        batch->trace_id[row] = core->trace_id;
    if (span_columns_have(wanted, SPAN_COLUMN_span_id))
        batch->span_id[row] = core->span_id;
    if (span_columns_have(wanted, SPAN_COLUMN_parent_span_id) && core->parent_span_id.size > 0 &&
        !all_zero(core->parent_span_id))
        batch->parent_span_id[row] = core->parent_span_id;
    if (span_columns_have(wanted, SPAN_COLUMN_name) && core->name.size > 0)
        batch->name[row] = row_sink_cut(&walk->sink, core->name);
    if (span_columns_have(wanted, SPAN_COLUMN_span_kind))
        batch->span_kind[row] = (uint32_t)core->kind <= 5 ? (uint32_t)core->kind : 0;
    if (span_columns_have(wanted, SPAN_COLUMN_start_ns))
        batch->start_ns[row] = time_of(core->start_ns);
    if (span_columns_have(wanted, SPAN_COLUMN_end_ns))
        batch->end_ns[row] = time_of(core->end_ns);
    return true;
}

/* One field of a span that is no attribute, from its tag on; what follows it, or NULL: it is malformed. */
static inline const uint8_t *decode_span_field(struct span_walk *walk, const uint8_t *at,
                                               const uint8_t *end, struct span_core *core)
{
    struct bytes body;
    uint64_t lost;
    uint32_t tag;
    bool read;
    if (!wire_tag(&at, end, &tag)) {
        (void)bad(walk, at, "an illegal field tag in a span");
        return NULL;
    }
    switch (tag) {
    case WIRE_TAG(1, WIRE_BYTES):
        read = wire_bytes(&at, end, &core->trace_id);
        break;
    case WIRE_TAG(2, WIRE_BYTES):
        read = wire_bytes(&at, end, &core->span_id);
        break;
    case WIRE_TAG(4, WIRE_BYTES):
        read = wire_bytes(&at, end, &core->parent_span_id);
        break;
    case WIRE_TAG(5, WIRE_BYTES):
        read = wire_bytes(&at, end, &core->name);
        break;
    case WIRE_TAG(6, WIRE_VARINT):
        read = wire_varint(&at, end, &core->kind);
        break;
    case WIRE_TAG(7, WIRE_FIXED64):
        read = wire_fixed64(&at, end, &core->start_ns);
        break;
    case WIRE_TAG(8, WIRE_FIXED64):
        read = wire_fixed64(&at, end, &core->end_ns);
        break;
    case WIRE_TAG(15, WIRE_BYTES):
        read = wire_bytes(&at, end, &body) && decode_status(walk, body);
        break;
    case WIRE_TAG(11, WIRE_BYTES):
        read = wire_bytes(&at, end, &body) &&
               (!walk->sink.events_wanted || decode_event(walk, body));
        break;
    case WIRE_TAG(12, WIRE_VARINT):
        read = wire_varint(&at, end, &lost);
        walk->sink.lost_events = read ? lost != 0 : walk->sink.lost_events;
        break;
    default:
        read = wire_skip(&at, end, tag);
        break;
    }
    return read ? at : NULL;
}

bool otlp_span_decode(struct span_walk *walk, struct bytes span)
{
    const uint8_t *at = span.data;
    const uint8_t *end = at + span.size;
    struct span_core core;
    core.trace_id = core.span_id = core.parent_span_id = core.name = BYTES_NONE;
    core.kind = core.start_ns = core.end_ns = 0;
    uint32_t attributes_left = walk->attributes_max;
    while (at < end) {
        const uint8_t *field = at;
        if (*at != WIRE_TAG(9, WIRE_BYTES)) {
            at = decode_span_field(walk, field, end, &core);
            if (at == NULL)
                return walk->reason ? false : bad(walk, field, "a field goes beyond its span");
            continue;
        }
        struct attribute attribute;
        if (attributes_left-- == 0)
            return refuse(walk, field, REFUSAL_TOO_MANY_ATTRIBUTES, "more attributes than attributes_per_span_max");
        at = split_plain(field, end, &attribute);
        if (at == NULL)
            at = split_short(field + 1, end, &attribute);
        bool taken = at != NULL ? take_attribute(walk, attribute.key, attribute.key_size,
                                                 attribute.value, attribute.value_size)
                                : take_attribute_slow(walk, field + 1, end, &at);
        if (!taken)
            return false;
    }
    return store_core(walk, &core, span.data);
}
