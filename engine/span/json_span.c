/*
 * json_span.c - the objects of a record, one after another or in arrays, into rows. Attributes say where
 * a span comes from as a resource's would.
 */
#include "engine/span/json_span.h"

#include "engine/span/json_span_object.h"
#include "engine/span/otlp_span.h"

#define LIST_DEPTH_MAX    4 /* arrays of arrays of spans: nobody needs more */
#define MESSAGE_BYTES_MIN ((size_t)64 * 1024)
#define MESSAGE_GROWTH                                                                             \
    4 /* a message may be this much larger than its text: names of nested objects repeat */
#define TOO_LARGE "the span is larger than a batch has room for"

enum step { STEP_ON, STEP_FULL, STEP_END };

struct plain_walk {
    struct otlp_walk walk;
    const uint8_t *base, *end;
};

static enum step damaged(struct plain_walk *w, const uint8_t *at, const char *reason)
{
    otlp_damage(w->walk.cursor, (size_t)(at - w->base), REFUSAL_MALFORMED, reason);
    w->walk.cursor->state.at = w->walk.cursor->record.size;
    return STEP_END;
}

/* The scope's name and the message into the arena. False: no room. */
static bool keep(struct plain_walk *w, const struct walk_string *scope, struct bytes *message)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    struct arena *arena = w->walk.span.sink.batch->arena;
    struct bytes name = scope->raw;
    size_t size = name.size;
    if (scope->escaped) {
        uint8_t *room = arena_alloc(arena, name.size);
        if (room == NULL)
            return false;
        name = walk_unescape(scope->raw, room, &size) ? bytes_of(room, size) : BYTES_NONE;
    }
    cursor->state.scope_name = name.size > 0 ? name : BYTES_NONE;
    cursor->state.scope_dialect = (uint8_t)row_sink_scope(&w->walk.span.sink, cursor->state.scope_name);
    *message = arena_copy(arena, *message);
    return bytes_present(*message);
}

/* A message that is well-formed. False: the batch must be worked off first. */
static bool take_message(struct plain_walk *w, const struct json_span_object *object, size_t place)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    struct span_batch *batch = w->walk.span.sink.batch;
    struct bytes message = buffer_bytes(object->out);
    uint8_t rank[SPAN_COLUMN_COUNT] = {0};
    if (batch->rows == 0)
        arena_reset(batch->arena); /* of spans that were bad: nobody needs them */
    if (!keep(w, &object->scope, &message)) {
        if (batch->rows > 0)
            return false;
        otlp_refuse_span(cursor, place, REFUSAL_TOO_LARGE, TOO_LARGE);
        return true;
    }
    otlp_forget_resource(cursor);
    otlp_read_resource(cursor, message, OTLP_SPAN_ATTRIBUTES, rank);
    return otlp_take_span(&w->walk, message, place);
}

static enum step take_span(struct plain_walk *w, const uint8_t *at)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    struct span_batch *batch = w->walk.span.sink.batch;
    size_t place = (size_t)(at - w->base);
    bool much = arena_used_bytes(batch->arena) > batch->text_stop_bytes;
    if (span_batch_full(batch) || (much && batch->rows > 0))
        return STEP_FULL;
    struct json_span_object object = {.end = w->end,
                                      .out = &batch->message,
                                      .nesting_depth_max = cursor->limits->nesting_depth_max};
    const uint8_t *next = NULL;
    buffer_clear(&batch->message);
    batch->message.limit_bytes = MESSAGE_BYTES_MIN + (size_t)(w->end - at) * MESSAGE_GROWTH;
    if (cursor->state.spans >= cursor->limits->spans_per_record_max)
        otlp_refuse_span(cursor, place, REFUSAL_TOO_MANY_SPANS,
                         "more spans than spans_per_record_max");
    else if ((next = json_span_object_read(&object, at)) == NULL)
        otlp_refuse_span(cursor, (size_t)(object.fault - w->base), object.code, object.reason);
    else if (!take_message(w, &object, place))
        return STEP_FULL;
    if (next == NULL && (next = walk_skip(at, w->end)) == NULL)
        return damaged(w, at, "a span without its end");
    cursor->state.at = (size_t)(next - w->base);
    cursor->state.after_value = true;
    return STEP_ON;
}

static enum step pass(struct plain_walk *w, const uint8_t *at, bool after_value)
{
    w->walk.cursor->state.at = (size_t)(at + 1 - w->base);
    w->walk.cursor->state.after_value = after_value;
    return STEP_ON;
}

static enum step step(struct plain_walk *w)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    const uint8_t *at = walk_space(w->base + cursor->state.at, w->end);
    bool listed = cursor->state.open_objects > 0, after_value = cursor->state.after_value;
    if (at == w->end && !listed)
        return STEP_END;
    if (at == w->end)
        return damaged(w, at, "the record ends inside an array");
    if (listed && *at == ']') {
        cursor->state.open_objects--;
        return pass(w, at, true);
    }
    if (listed && after_value)
        return *at == ',' ? pass(w, at, false) : damaged(w, at, "a comma or ] is expected here");
    if (*at == '[' && cursor->state.open_objects < LIST_DEPTH_MAX) {
        cursor->state.open_objects++;
        return pass(w, at, false);
    }
    return *at == '{' ? take_span(w, at) : damaged(w, at, "an object, a span, is expected here");
}

enum decode_result json_span_decode(struct otlp_cursor *cursor, struct span_batch *batch)
{
    if (cursor->record.size == 0)
        return DECODE_DONE;
    struct plain_walk w = {.base = cursor->record.data,
                           .end = cursor->record.data + cursor->record.size};
    otlp_walk_open(&w.walk, cursor, batch);
    enum step result;
    do
        result = step(&w);
    while (result == STEP_ON);
    cursor->cut_strings += w.walk.span.sink.cut_strings;
    if (result == STEP_FULL)
        return DECODE_MORE;
    otlp_settle_damage(cursor);
    return DECODE_DONE;
}
