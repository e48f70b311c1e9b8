/*
 * otlp_json.c - the containers of OTLP JSON: objects around spans, walked forward with one place and a
 * level. Resource and scope may stand behind what they describe, so each object is looked through once
 * for them unless they come first, as everybody writes them.
 */
#include "engine/span/otlp_json.h"

#include "engine/span/json_walk.h"
#include "engine/span/otlp_logs.h"
#include "engine/span/otlp_transcode.h"

/* Open objects: the request, a ResourceSpans, a ScopeSpans. Each has one list that matters. */
enum level { LEVEL_NONE, LEVEL_REQUEST, LEVEL_RESOURCE, LEVEL_SCOPE };

#define NAMES_MAX 3

/* Of traces, then of logs. */
static const char *const list_names[2][4][NAMES_MAX] = {
    {[LEVEL_REQUEST] = {"resourceSpans", "resource_spans", NULL},
     [LEVEL_RESOURCE] = {"scopeSpans", "scope_spans", "instrumentationLibrarySpans"},
     [LEVEL_SCOPE] = {"spans", NULL, NULL}},
    {[LEVEL_REQUEST] = {"resourceLogs", "resource_logs", NULL},
     [LEVEL_RESOURCE] = {"scopeLogs", "scope_logs", "instrumentationLibraryLogs"},
     [LEVEL_SCOPE] = {"logRecords", "log_records", "logs"}},
};
static const char *const owner_names[][NAMES_MAX] = {
    [LEVEL_RESOURCE] = {"resource", NULL, NULL},
    [LEVEL_SCOPE] = {"scope", "instrumentationLibrary", NULL},
};

#define SCRATCH_SLACK ((size_t)64)
#define TOO_LARGE     "the span is larger than a batch has room for"

/* No text of a resource or scope takes more of the arena than this share: it is made again for every
 * batch, which must leave room for many spans. */
#define OWNER_TEXT_SHARE 16

struct json_walk {
    struct otlp_walk walk;
    const uint8_t *base, *end;
    bool resource_read, scope_read; /* their texts are in this batch's arena */
};

enum step { STEP_ON, STEP_FULL, STEP_END };

static bool is_one_of(struct bytes key, const char *const names[NAMES_MAX])
{
    for (int i = 0; i < NAMES_MAX && names[i] != NULL; i++)
        if (bytes_equal_text(key, names[i]))
            return true;
    return false;
}

static enum step damaged(struct json_walk *w, const uint8_t *at, const char *reason)
{
    otlp_damage(w->walk.cursor, (size_t)(at - w->base), REFUSAL_MALFORMED, reason);
    w->walk.cursor->state.at = w->walk.cursor->record.size;
    return STEP_END;
}

/* The object at `at` as a message in the scratch buffer. What stands behind it, or NULL: see `to`. */
static const uint8_t *message_at(struct json_walk *w, const uint8_t *at,
                                 const struct otlp_message *message, struct transcode *to,
                                 struct bytes *out)
{
    struct buffer *scratch = &w->walk.span.sink.batch->message;
    size_t room = (size_t)(w->end - at) + SCRATCH_SLACK;
    buffer_clear(scratch);
    scratch->limit_bytes = room;
    uint8_t *start = buffer_reserve(scratch, room);
    *to = (struct transcode){.end = w->end,
                             .out = start,
                             .room = start + room,
                             .text_bytes_max = w->walk.cursor->limits->string_bytes_max,
                             .nesting_depth_max = w->walk.cursor->limits->nesting_depth_max};
    const uint8_t *next = transcode_message(to, at, message);
    *out = bytes_of(start, (size_t)(to->out - start));
    return next;
}

/* ---- resource and scope -------------------------------------------------------------------------------------- */

/* Moves the text out of the scratch buffer; false: the arena is full. */
static bool keep_text(struct json_walk *w, struct bytes *text)
{
    struct arena *arena = w->walk.span.sink.batch->arena;
    if (text->size > arena_limit_bytes(arena) / OWNER_TEXT_SHARE)
        *text = BYTES_NONE;
    if (!bytes_present(*text))
        return true;
    *text = arena_copy(arena, *text);
    return bytes_present(*text);
}

/* The object at this place as a message; false: there is none. */
static bool owner_at(struct json_walk *w, size_t from, const struct otlp_message *schema,
                     struct bytes *out)
{
    struct transcode to;
    if (from == 0)
        return false;
    if (message_at(w, w->base + from, schema, &to, out) != NULL)
        return true;
    otlp_damage(w->walk.cursor, (size_t)(to.fault - w->base), to.code, to.reason);
    return false;
}

static bool read_resource(struct json_walk *w)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    uint8_t rank[SPAN_COLUMN_COUNT] = {0};
    struct bytes message;
    otlp_forget_resource(cursor);
    if (owner_at(w, cursor->state.resource_from, &otlp_resource, &message))
        otlp_read_resource(cursor, message, OTLP_RESOURCE_ATTRIBUTES, rank);
    return keep_text(w, &cursor->state.service) && keep_text(w, &cursor->state.environment) &&
           keep_text(w, &cursor->state.app) && keep_text(w, &cursor->state.feature);
}

static bool read_scope(struct json_walk *w)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    struct bytes message;
    cursor->state.scope_name = BYTES_NONE;
    cursor->state.scope_dialect = DIALECT_UNKNOWN;
    if (owner_at(w, cursor->state.scope_from, &otlp_scope, &message))
        otlp_read_scope(&w->walk, message);
    return keep_text(w, &cursor->state.scope_name);
}

/* Only when a span needs them, and again for every batch. False: the arena is full. */
static bool read_owners(struct json_walk *w)
{
    w->resource_read = w->resource_read || read_resource(w);
    w->scope_read = w->scope_read || (w->resource_read && read_scope(w));
    return w->resource_read && w->scope_read;
}

/* Where the member of these names has its object; 0: there is none. `at` is behind the '{'. */
static size_t find_owner(struct json_walk *w, const uint8_t *at, enum level level)
{
    struct walk_string key;
    for (;;) {
        at = walk_space(at, w->end);
        const uint8_t *value = walk_key(at, w->end, &key);
        if (value == NULL)
            return 0;
        value = walk_space(value, w->end);
        if (is_one_of(key.raw, owner_names[level]) && value < w->end && *value == '{')
            return (size_t)(value - w->base);
        at = walk_skip(value, w->end);
        if (at == NULL || (at = walk_space(at, w->end)) == w->end || *at != ',')
            return 0;
        at++;
    }
}

static void enter(struct json_walk *w, const uint8_t *at)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    enum level level = (enum level)++ cursor->state.open_objects;
    cursor->state.in_list = cursor->state.after_value = false;
    if (level == LEVEL_RESOURCE) {
        cursor->state.resource_from = find_owner(w, at, level);
        w->resource_read = false;
    } else if (level == LEVEL_SCOPE) {
        cursor->state.scope_from = find_owner(w, at, level);
        w->scope_read = false;
    }
}

/* ---- spans ----------------------------------------------------------------------------------------------------- */

/* The span's text in the arena, where it stays as long as its row; absent: no room. Nothing of a batch
 * without rows is needed any more, so that only one span alone can be too large. */
static struct bytes keep_message(struct json_walk *w, struct bytes message)
{
    struct span_batch *batch = w->walk.span.sink.batch;
    struct bytes kept = arena_copy(batch->arena, message);
    if (bytes_present(kept) || batch->rows > 0)
        return kept;
    arena_reset(batch->arena);
    w->resource_read = w->scope_read = false;
    return arena_copy(batch->arena, message);
}

/* Room for a row, and for more text than one span usually has; resource and scope are there. */
static bool make_room(struct json_walk *w)
{
    struct span_batch *batch = w->walk.span.sink.batch;
    bool much = arena_used_bytes(batch->arena) > batch->text_stop_bytes;
    if (span_batch_full(batch) || (much && batch->rows > 0))
        return false;
    if (much) {
        arena_reset(batch->arena);
        w->resource_read = w->scope_read = false;
    }
    return read_owners(w);
}

static enum step take_span(struct json_walk *w, const uint8_t *at)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    size_t place = (size_t)(at - w->base);
    if (!make_room(w))
        return STEP_FULL;
    struct transcode to;
    struct bytes message, kept;
    const uint8_t *next = NULL;
    if (cursor->state.spans >= cursor->limits->spans_per_record_max) {
        otlp_refuse_span(cursor, place, REFUSAL_TOO_MANY_SPANS,
                         "more spans than spans_per_record_max");
    } else if ((next = message_at(w, at, cursor->logs ? &otlp_log_record : &otlp_span, &to,
                                  &message)) == NULL) {
        otlp_refuse_span(cursor, (size_t)(to.fault - w->base), to.code, to.reason);
    } else if (bytes_present(kept = keep_message(w, message))) {
        if (!read_owners(w))
            otlp_refuse_span(cursor, place, REFUSAL_TOO_LARGE, TOO_LARGE);
        else if (cursor->logs)
            otlp_take_log(&w->walk, kept, place);
        else if (!otlp_take_span(&w->walk, kept, place))
            return STEP_FULL; /* the same span again: state.at stays */
    } else if (w->walk.span.sink.batch->rows > 0) {
        return STEP_FULL;
    } else {
        otlp_refuse_span(cursor, place, REFUSAL_TOO_LARGE, TOO_LARGE);
    }
    if (next == NULL && (next = walk_skip(at, w->end)) == NULL)
        return damaged(w, at, "a span without its end");
    cursor->state.at = (size_t)(next - w->base);
    cursor->state.after_value = true;
    return STEP_ON;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static enum step step_member(struct json_walk *w, const uint8_t *at)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    struct walk_string key;
    const uint8_t *value = walk_key(at, w->end, &key);
    if (value == NULL || (value = walk_space(value, w->end)) == w->end)
        return damaged(w, at, "a key in quotes, a colon and a value are expected here");
    bool ours = is_one_of(key.raw, list_names[cursor->logs][cursor->state.open_objects]);
    cursor->state.found_list |= ours;
    if (ours && *value == '[') {
        cursor->state.in_list = true;
        cursor->state.at = (size_t)(value + 1 - w->base);
        return STEP_ON;
    }
    if (ours && *value != 'n')
        return damaged(w, value,
                       "resourceSpans, scopeSpans and spans (resourceLogs, …) must be arrays");
    const uint8_t *next = walk_skip(value, w->end);
    if (next == NULL)
        return damaged(w, value, "a value without its end");
    cursor->state.after_value = true;
    cursor->state.at = (size_t)(next - w->base);
    return STEP_ON;
}

static enum step step_element(struct json_walk *w, const uint8_t *at)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    if (*at == '{' && cursor->state.open_objects == LEVEL_SCOPE)
        return take_span(w, at);
    if (*at == '{') {
        cursor->state.at = (size_t)(at + 1 - w->base);
        enter(w, at + 1);
        return STEP_ON;
    }
    return damaged(w, at, "an object is expected here");
}

static enum step step_close(struct json_walk *w, const uint8_t *at)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    if (cursor->state.in_list) {
        cursor->state.in_list = false;
    } else {
        cursor->state.found_list |= !cursor->state.after_value; /* {}: empty, legal */
        cursor->state.open_objects--;
        cursor->state.in_list = cursor->state.open_objects != LEVEL_NONE;
    }
    cursor->state.after_value = true;
    cursor->state.at = (size_t)(at + 1 - w->base);
    return STEP_ON;
}

/* Between the objects of JSON lines. */
static enum step step_outside(struct json_walk *w, const uint8_t *at)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    if (*at != '{')
        return damaged(w, at, "an object with resourceSpans is expected here");
    cursor->state.at = (size_t)(at + 1 - w->base);
    enter(w, at + 1);
    return STEP_ON;
}

static enum step step(struct json_walk *w)
{
    struct otlp_cursor *cursor = w->walk.cursor;
    const uint8_t *at = walk_space(w->base + cursor->state.at, w->end);
    if (at == w->end && cursor->state.open_objects == LEVEL_NONE)
        return STEP_END;
    if (at == w->end)
        return damaged(w, at, "the record ends inside an object or array");
    if (cursor->state.open_objects == LEVEL_NONE)
        return step_outside(w, at);
    if (*at == (cursor->state.in_list ? ']' : '}'))
        return step_close(w, at);
    if (cursor->state.after_value) {
        if (*at != ',')
            return damaged(w, at, "a comma or a closing bracket is expected here");
        cursor->state.after_value = false;
        cursor->state.at = (size_t)(at + 1 - w->base);
        return STEP_ON;
    }
    return cursor->state.in_list ? step_element(w, at) : step_member(w, at);
}

enum decode_result otlp_json_decode(struct otlp_cursor *cursor, struct span_batch *batch)
{
    if (cursor->record.size == 0)
        return DECODE_DONE;
    struct json_walk w = {.base = cursor->record.data,
                          .end = cursor->record.data + cursor->record.size};
    otlp_walk_open(&w.walk, cursor, batch);
    enum step result;
    do
        result = step(&w);
    while (result == STEP_ON);
    cursor->cut_strings += w.walk.span.sink.cut_strings;
    if (result == STEP_FULL)
        return DECODE_MORE;
    if (!cursor->state.found_list) {
        otlp_damage(cursor, 0, REFUSAL_UNRECOGNISED,
                    "no resourceSpans or resourceLogs: not an OTLP JSON record");
        cursor->bad_code = REFUSAL_UNRECOGNISED; /* whatever was wrong first */
    }
    otlp_settle_damage(cursor);
    return DECODE_DONE;
}
