/*
 * otlp_proto.c - walks ExportTraceServiceRequest messages: resource_spans > scope_spans > spans.
 *
 * Nothing is believed before it is checked against the end of its container, and no container is
 * believed beyond the end of the one around it. Resource and scope may stand behind the spans they
 * describe, so each container is looked through once for them, by hopping over lengths.
 *
 * A bad span costs itself only. A broken container costs what lies behind the damage: what could be
 * read before it is kept. All places are kept as offsets, so that a record may fill several batches.
 */
#include "engine/span/otlp_proto.h"

#include "engine/span/otlp_logs.h"

static void damage(struct otlp_cursor *cursor, const uint8_t *at, const char *reason)
{
    otlp_damage(cursor, (size_t)(at - cursor->record.data), REFUSAL_MALFORMED, reason);
}

/* ---- containers ---------------------------------------------------------------------------------------- */

static bool search_body(struct otlp_cursor *cursor, const uint8_t **at, const uint8_t *end,
                        uint32_t number, bool report, struct bytes *body, bool *cut)
{
    while (*at < end) {
        const uint8_t *field = *at;
        uint32_t tag;
        bool ours = false;
        if (wire_tag(at, end, &tag)) {
            ours = tag == WIRE_TAG(number, WIRE_BYTES);
            if (ours && wire_bytes(at, end, body))
                return true;
            if (!ours && wire_skip(at, end, tag))
                continue;
        }
        if (report)
            damage(cursor, field, "a field goes beyond its container, or its tag is illegal");
        uint64_t size;
        const uint8_t *start = *at;
        *at = end;
        if (!ours || !wire_varint(&start, end, &size))
            return false;
        *cut = true;
        *body = bytes_of(start, (size_t)(end - start));
        return true;
    }
    return false;
}

/* Finds the next field of this number; others are skipped. False at the end or at damage (reported
 * when `report` is set; a body that goes beyond its container is handed out cut to it). Mostly the field
 * is there at once. */
static inline bool next_body(struct otlp_cursor *cursor, const uint8_t **at, const uint8_t *end,
                             uint32_t number, bool report, struct bytes *body, bool *cut)
{
    const uint8_t *start = *at;
    size_t size, header;
    *cut = false;
    if (start >= end)
        return false;
    if (end - start < 3 || start[0] != WIRE_TAG(number, WIRE_BYTES) ||
        (header = short_length(start + 1, &size)) == 0 || size > (size_t)(end - start) - 1 - header)
        return search_body(cursor, at, end, number, report, body, cut);
    *body = bytes_of(start + 1 + header, size);
    *at = start + 1 + header + size;
    return true;
}

static void decode_resource_attribute(struct otlp_cursor *cursor, struct bytes attribute,
                                      uint8_t rank[SPAN_COLUMN_COUNT])
{
    struct attribute split;
    struct any_value value;
    const uint8_t *end = attribute.data + attribute.size;
    if (!split_body(attribute.data, end, &split)) {
        struct key_value pair;
        if (!key_value_read(attribute.data, end, &pair)) {
            damage(cursor, attribute.data, "a resource attribute is malformed");
            return;
        }
        split = (struct attribute){pair.key.data, pair.value.data, pair.key.size, pair.value.size};
    }
    const struct dialect_alias *alias = dialect_find(split.key, split.key_size);
    if (alias == NULL || alias->rank == 0 || alias->rank < rank[alias->column])
        return;
    if (!any_value_read(split.value, split.value + split.value_size, &value)) {
        damage(cursor, split.value, "a resource attribute's value is malformed");
        return;
    }
    if (value.kind != ANY_TEXT || value.bytes.size == 0 ||
        value.bytes.size > cursor->limits->string_bytes_max)
        return;
    rank[alias->column] = alias->rank;
    switch ((enum span_column)alias->column) {
    case SPAN_COLUMN_service:
        cursor->state.service = value.bytes;
        break;
    case SPAN_COLUMN_environment:
        cursor->state.environment = value.bytes;
        break;
    case SPAN_COLUMN_app_given:
        cursor->state.app = value.bytes;
        break;
    case SPAN_COLUMN_feature:
        cursor->state.feature = value.bytes;
        break;
    default:
        break; /* the table may name more places than rows take from resources */
    }
}

void otlp_forget_resource(struct otlp_cursor *cursor)
{
    cursor->state.service = cursor->state.environment = BYTES_NONE;
    cursor->state.app = cursor->state.feature = BYTES_NONE;
}

void otlp_read_resource(struct otlp_cursor *cursor, struct bytes message, uint32_t field,
                        uint8_t rank[SPAN_COLUMN_COUNT])
{
    const uint8_t *at = message.data;
    struct bytes attribute;
    bool cut;
    while (next_body(cursor, &at, message.data + message.size, field, true, &attribute, &cut) &&
           !cut)
        decode_resource_attribute(cursor, attribute, rank);
}

void otlp_read_scope(struct otlp_walk *walk, struct bytes scope)
{
    struct otlp_cursor *cursor = walk->cursor;
    const uint8_t *at = scope.data;
    struct bytes name;
    bool cut;
    while (next_body(cursor, &at, scope.data + scope.size, 1, true, &name, &cut) && !cut) {
        if (name.size <= cursor->limits->string_bytes_max)
            cursor->state.scope_name = name.size > 0 ? name : BYTES_NONE;
    }
    cursor->state.scope_dialect = (uint8_t)row_sink_scope(&walk->span.sink, cursor->state.scope_name);
}

/* The resource may stand anywhere in its ResourceSpans. */
static void enter_resource(struct otlp_cursor *cursor, struct bytes resource_spans)
{
    const uint8_t *base = cursor->record.data;
    uint8_t rank[SPAN_COLUMN_COUNT] = {0};
    const uint8_t *at = resource_spans.data;
    const uint8_t *end = at + resource_spans.size;
    struct bytes resource;
    bool cut;
    otlp_forget_resource(cursor);
    while (next_body(cursor, &at, end, 1, false, &resource, &cut))
        otlp_read_resource(cursor, resource, OTLP_RESOURCE_ATTRIBUTES, rank);
    cursor->state.in_resource = true;
    cursor->state.scope_at = (size_t)(resource_spans.data - base);
    cursor->state.resource_end = (size_t)(end - base);
}

/* So may the scope in its ScopeSpans. */
static void enter_scope(struct otlp_walk *walk, struct bytes scope_spans)
{
    struct otlp_cursor *cursor = walk->cursor;
    const uint8_t *base = cursor->record.data;
    const uint8_t *at = scope_spans.data;
    const uint8_t *end = at + scope_spans.size;
    struct bytes scope;
    bool cut;
    cursor->state.scope_name = BYTES_NONE;
    cursor->state.scope_dialect = DIALECT_UNKNOWN;
    while (next_body(cursor, &at, end, 1, false, &scope, &cut))
        otlp_read_scope(walk, scope);
    cursor->state.in_scope = true;
    cursor->state.span_at = (size_t)(scope_spans.data - base);
    cursor->state.scope_end = (size_t)(end - base);
}

/* The bodies of log records are made into text, which the arena must have room for. */
static bool no_room(const struct otlp_walk *walk)
{
    const struct span_batch *batch = walk->span.sink.batch;
    return span_batch_full(batch) || (walk->cursor->logs && batch->rows > 0 &&
                                      arena_used_bytes(batch->arena) > batch->text_stop_bytes);
}

/* False when the batch is full. */
static bool decode_spans(struct otlp_walk *walk)
{
    struct otlp_cursor *cursor = walk->cursor;
    const uint8_t *base = cursor->record.data;
    const uint8_t *at = base + cursor->state.span_at;
    const uint8_t *end = base + cursor->state.scope_end;
    struct bytes span;
    bool cut;
    for (;;) {
        cursor->state.span_at = (size_t)(at - base);
        if (no_room(walk))
            return false;
        if (!next_body(cursor, &at, end, 2, true, &span, &cut))
            break;
        if (cut) {
            cursor->bad_spans++;
            cursor->refused[REFUSAL_MALFORMED]++;
            cursor->state.spans++;
        } else if (cursor->logs) {
            otlp_take_log(walk, span, OTLP_PLACE_UNKNOWN);
        } else if (!otlp_take_span(walk, span, OTLP_PLACE_UNKNOWN)) {
            return false;
        }
    }
    cursor->state.in_scope = false;
    return true;
}

enum decode_result otlp_proto_decode(struct otlp_cursor *cursor, struct span_batch *batch)
{
    if (cursor->record.size == 0)
        return DECODE_DONE; /* an empty envelope, or no value at all: legal */
    struct otlp_walk walk;
    otlp_walk_open(&walk, cursor, batch);
    const uint8_t *base = cursor->record.data;
    const uint8_t *record_end = base + cursor->record.size;
    struct bytes body;
    bool cut, full = false;
    while (!full) {
        if (cursor->state.in_scope) {
            full = !decode_spans(&walk);
        } else if (cursor->state.in_resource) {
            const uint8_t *at = base + cursor->state.scope_at;
            cursor->state.in_resource =
                next_body(cursor, &at, base + cursor->state.resource_end, 2, true, &body, &cut);
            cursor->state.scope_at = (size_t)(at - base);
            if (cursor->state.in_resource)
                enter_scope(&walk, body);
        } else {
            const uint8_t *at = base + cursor->state.resource_at;
            if (!next_body(cursor, &at, record_end, 1, true, &body, &cut))
                break;
            cursor->state.resource_at = (size_t)(at - base);
            enter_resource(cursor, body);
        }
    }
    cursor->cut_strings += walk.span.sink.cut_strings;
    if (full)
        return DECODE_MORE;
    if (cursor->state.resource_at == 0) {
        otlp_damage(cursor, 0, REFUSAL_UNRECOGNISED,
                    "no resource_spans or resource_logs: not an OTLP record");
        cursor->bad_code = REFUSAL_UNRECOGNISED; /* whatever was wrong first */
    }
    otlp_settle_damage(cursor);
    return DECODE_DONE;
}
