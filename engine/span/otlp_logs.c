/*
 * otlp_logs.c - see otlp_logs.h. The name of the event decides; it stands in event_name or, from older
 * writers, in the attribute event.name. Messages are made in the scratch buffer and kept in the arena.
 */
#include "engine/span/otlp_logs.h"

#include "engine/span/content.h"
#include "engine/span/log_body.h"

#include <math.h>

enum log_event { LOG_INPUT, LOG_CHOICE, LOG_DETAILS, LOG_EVALUATION };

static const struct event_name {
    const char *name;
    enum log_event event;
    const char *role; /* of the message */
} event_names[] = {
    {"gen_ai.system.message", LOG_INPUT, "system"},
    {"gen_ai.user.message", LOG_INPUT, "user"},
    {"gen_ai.assistant.message", LOG_INPUT, "assistant"},
    {"gen_ai.tool.message", LOG_INPUT, "tool"},
    {"gen_ai.choice", LOG_CHOICE, "assistant"},
    {"gen_ai.client.inference.operation.details", LOG_DETAILS, NULL},
    {"gen_ai.evaluation.result", LOG_EVALUATION, NULL},
};

struct log {
    uint64_t time_ns, observed_ns;
    struct bytes trace_id, span_id, body, name;
    const struct event_name *event; /* NULL: none of ours */
    /* of an evaluation */
    struct bytes evaluation, evaluator;
    double score;
    struct bytes content; /* gen_ai.event.content: the whole body as JSON text */
    enum refusal refusal; /* when it is bad */
};

/* ---- reading ------------------------------------------------------------------------------------------------- */

static const struct event_name *find_event(struct bytes name)
{
    for (size_t i = 0; i < sizeof event_names / sizeof *event_names; i++)
        if (bytes_equal_text(name, event_names[i].name))
            return &event_names[i];
    return NULL;
}

static bool read_field(const uint8_t **at, const uint8_t *end, uint32_t tag, struct log *log)
{
    switch (tag) {
    case WIRE_TAG(1, WIRE_FIXED64):
        return wire_fixed64(at, end, &log->time_ns);
    case WIRE_TAG(11, WIRE_FIXED64):
        return wire_fixed64(at, end, &log->observed_ns);
    case WIRE_TAG(5, WIRE_BYTES):
        return wire_bytes(at, end, &log->body);
    case WIRE_TAG(9, WIRE_BYTES):
        return wire_bytes(at, end, &log->trace_id);
    case WIRE_TAG(10, WIRE_BYTES):
        return wire_bytes(at, end, &log->span_id);
    case WIRE_TAG(12, WIRE_BYTES):
        return wire_bytes(at, end, &log->name);
    default:
        return wire_skip(at, end, tag);
    }
}

/* Attributes that are no columns of spans. */
static void note_attribute(struct log *log, struct bytes key, const struct any_value *value)
{
    if (value->kind == ANY_REAL && bytes_equal_text(key, "gen_ai.evaluation.score.value"))
        log->score = value->real;
    else if (value->kind == ANY_INTEGER && bytes_equal_text(key, "gen_ai.evaluation.score.value"))
        log->score = (double)value->integer;
    if (value->kind != ANY_TEXT)
        return;
    if (bytes_equal_text(key, "event.name"))
        log->name = bytes_present(log->name) && log->name.size > 0 ? log->name : value->bytes;
    else if (bytes_equal_text(key, "gen_ai.evaluation.name"))
        log->evaluation = value->bytes;
    else if (bytes_equal_text(key, "gen_ai.evaluator.name"))
        log->evaluator = value->bytes;
    else if (bytes_equal_text(key, "gen_ai.event.content"))
        log->content = value->bytes;
}

/* Into the row's columns, or only looked at. */
static bool read_attribute(struct otlp_walk *walk, struct log *log, struct bytes attribute,
                           bool store)
{
    struct key_value pair;
    struct any_value value;
    if (!key_value_read(attribute.data, attribute.data + attribute.size, &pair) ||
        !any_value_read(pair.value.data, pair.value.data + pair.value.size, &value))
        return false;
    if (!store) {
        note_attribute(log, pair.key, &value);
        return true;
    }
    struct row_sink *sink = &walk->span.sink;
    const struct dialect_alias *alias = dialect_find(pair.key.data, pair.key.size);
    if (alias != NULL && row_sink_wants(sink, alias))
        row_sink_store(sink, alias, &value);
    else if (alias == NULL && row_sink_may_be_flat(sink, pair.key.data, pair.key.size))
        row_sink_flat(sink, pair.key, &value);
    return true;
}

/* One pass over a LogRecord. False: *fault is where it is malformed. */
static bool read_log(struct otlp_walk *walk, struct bytes message, struct log *log, bool store,
                     const uint8_t **fault)
{
    const uint8_t *at = message.data;
    const uint8_t *end = at + message.size;
    uint32_t attributes = 0;
    while (at < end) {
        uint32_t tag;
        struct bytes attribute;
        *fault = at;
        if (!wire_tag(&at, end, &tag))
            return false;
        if (tag != WIRE_TAG(6, WIRE_BYTES)) {
            if (!read_field(&at, end, tag, log))
                return false;
        } else if (++attributes > walk->span.attributes_max) {
            log->refusal = REFUSAL_TOO_MANY_ATTRIBUTES;
            return false;
        } else if (!wire_bytes(&at, end, &attribute) ||
                   !read_attribute(walk, log, attribute, store)) {
            return false;
        }
    }
    return true;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* The body counts, not an attribute of that name. */
#define RANK_BODY (RANK_NEVER - 1)

enum outcome { LOG_TAKEN, LOG_SKIPPED, LOG_BAD };

static enum outcome fill_messages(struct otlp_walk *walk, struct log *log)
{
    struct row_sink *sink = &walk->span.sink;
    struct span_batch *batch = sink->batch;
    uint32_t count = 0;
    const struct log_body body = {log->body, log->content, log->event->role,
                                  log->event->event == LOG_CHOICE, sink->nesting_depth_max};
    struct buffer *scratch = &batch->message;
    buffer_clear(scratch);
    scratch->limit_bytes = sink->string_bytes_max;
    enum refusal refusal = log_body_put(scratch, &body, &count);
    if (refusal != REFUSAL_NONE && !scratch->failed) {
        log->refusal = refusal;
        return LOG_BAD;
    }
    if (scratch->failed) {
        sink->cut_strings++; /* half a message is no message */
        return LOG_TAKEN;
    }
    if (count == 0)
        return LOG_SKIPPED;
    bool output = log->event->event == LOG_CHOICE;
    enum span_column column = output ? SPAN_COLUMN_output_messages : SPAN_COLUMN_input_messages;
    if (!span_columns_have(&sink->wanted, column))
        return LOG_TAKEN;
    struct bytes kept = arena_copy(batch->arena, buffer_bytes(scratch));
    sink->cut_strings += !bytes_present(kept);
    (output ? batch->output_messages : batch->input_messages)[sink->row] = kept;
    sink->rank[column] = RANK_BODY;
    return LOG_TAKEN;
}

static enum outcome fill_evaluation(struct otlp_walk *walk, const struct log *log)
{
    struct span_batch *batch = walk->span.sink.batch;
    const struct span_column_set *wanted = &walk->span.sink.wanted;
    uint32_t row = walk->span.sink.row;
    if (log->evaluation.size == 0 || !isfinite(log->score))
        return LOG_SKIPPED; /* a label or an explanation alone is no measurement */
    if (span_columns_have(wanted, SPAN_COLUMN_dimension))
        batch->dimension[row] = row_sink_cut(&walk->span.sink, log->evaluation);
    if (span_columns_have(wanted, SPAN_COLUMN_evaluator))
        batch->evaluator[row] = row_sink_cut(
            &walk->span.sink, log->evaluator.size > 0 ? log->evaluator : log->evaluation);
    if (span_columns_have(wanted, SPAN_COLUMN_evaluator_revision))
        batch->evaluator_revision[row] = BYTES_LITERAL("in-log");
    if (span_columns_have(wanted, SPAN_COLUMN_in_population))
        batch->in_population[row] = 1; /* as those on spans: nobody sampled them */
    if (span_columns_have(wanted, SPAN_COLUMN_score))
        batch->score[row] = log->score;
    return LOG_TAKEN;
}

static bool all_zero(struct bytes id)
{
    for (size_t i = 0; i < id.size; i++)
        if (id.data[i] != 0)
            return false;
    return true;
}

/* Ids of other sizes than these, or zero, are none: some writers leave them out so. */
static void fill_ids(struct otlp_walk *walk, const struct log *log)
{
    struct span_batch *batch = walk->span.sink.batch;
    const struct span_column_set *wanted = &walk->span.sink.wanted;
    uint32_t row = walk->span.sink.row;
    uint64_t time_ns = log->time_ns != 0 ? log->time_ns : log->observed_ns;
    if (span_columns_have(wanted, SPAN_COLUMN_trace_id) && !all_zero(log->trace_id))
        batch->trace_id[row] = log->trace_id;
    if (span_columns_have(wanted, SPAN_COLUMN_span_id) && !all_zero(log->span_id))
        batch->span_id[row] = log->span_id;
    if (span_columns_have(wanted, SPAN_COLUMN_end_ns) && time_ns != 0 && time_ns <= INT64_MAX)
        batch->end_ns[row] = (int64_t)time_ns;
}

/* Without an operation nothing says that this is a call, whose answer is looked into. */
static void fill_finish(struct row_sink *sink)
{
    struct span_batch *batch = sink->batch;
    struct bytes *finish = &batch->finish_reason[sink->row];
    struct bytes answer = batch->output_messages[sink->row];
    if (span_columns_have(&sink->wanted, SPAN_COLUMN_finish_reason) && !bytes_present(*finish) &&
        bytes_present(answer))
        *finish = content_finish_reason(answer);
}

static enum outcome fill_row(struct otlp_walk *walk, struct bytes message, struct log *log)
{
    const uint8_t *unused;
    enum outcome outcome = LOG_TAKEN;
    otlp_start_row(walk, log->event->event == LOG_EVALUATION ? ROW_VERDICT : ROW_CONTENT);
    fill_ids(walk, log);
    if (!read_log(walk, message, log, true, &unused))
        return LOG_BAD;
    if (log->event->event == LOG_EVALUATION)
        outcome = fill_evaluation(walk, log);
    else if (log->event->event != LOG_DETAILS)
        outcome = fill_messages(walk, log);
    row_sink_finish(&walk->span.sink, walk->cursor->state.scope_dialect);
    fill_finish(&walk->span.sink);
    if (!walk->span.sink.too_deep)
        return outcome;
    log->refusal = REFUSAL_TOO_DEEP;
    return LOG_BAD;
}

static const char *what_is_wrong(enum refusal refusal)
{
    switch (refusal) {
    case REFUSAL_BAD_ID:
        return "trace_id of a log record is not 16 bytes, or span_id not 8";
    case REFUSAL_TOO_MANY_ATTRIBUTES:
        return "a log record with more attributes than attributes_per_span_max";
    case REFUSAL_TOO_DEEP:
        return "a value of a log record is nested deeper than nesting_depth_max";
    default:
        return "a log record is malformed";
    }
}

void otlp_take_log(struct otlp_walk *walk, struct bytes message, size_t place)
{
    struct otlp_cursor *cursor = walk->cursor;
    struct log log = {.score = (double)NAN, .refusal = REFUSAL_MALFORMED};
    const uint8_t *fault = message.data;
    bool inside = place == OTLP_PLACE_UNKNOWN;
    size_t start = inside ? (size_t)(message.data - cursor->record.data) : place;
    if (cursor->state.spans >= cursor->limits->spans_per_record_max) {
        otlp_refuse_span(cursor, start, REFUSAL_TOO_MANY_SPANS,
                         "more log records than spans_per_record_max");
        return;
    }
    enum outcome outcome = LOG_BAD;
    bool started = false;
    if (read_log(walk, message, &log, false, &fault)) {
        log.event = find_event(log.name);
        bool ids = (log.trace_id.size == 16 || log.trace_id.size == 0) &&
                   (log.span_id.size == 8 || log.span_id.size == 0);
        started = log.event != NULL && ids;
        if (!ids)
            log.refusal = REFUSAL_BAD_ID;
        outcome = log.event == NULL ? LOG_SKIPPED : ids ? fill_row(walk, message, &log) : LOG_BAD;
    }
    if (started && outcome != LOG_TAKEN)
        span_batch_drop_last(walk->span.sink.batch);
    if (outcome == LOG_BAD) {
        otlp_refuse_span(cursor, inside ? (size_t)(fault - cursor->record.data) : start,
                         log.refusal, what_is_wrong(log.refusal));
        return;
    }
    cursor->skipped += outcome == LOG_SKIPPED;
    cursor->state.spans++;
}
