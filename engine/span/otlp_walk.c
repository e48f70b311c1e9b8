/*
 * otlp_walk.c - what the walkers of containers share, whatever the encoding: the next span of a record as
 * its rows, and what is noted about what is wrong.
 */
#include "engine/span/otlp_span.h"
#include "engine/span/row_evaluation.h"

const struct otlp_limits otlp_limits_default = {
    .spans_per_record_max = 100000,
    .attributes_per_span_max = 4096,
    .string_bytes_max = 1024 * 1024,
    .nesting_depth_max = 32,
};

void otlp_cursor_start(struct otlp_cursor *cursor, struct bytes record, uint32_t record_number,
                       const struct otlp_limits *limits)
{
    *cursor =
        (struct otlp_cursor){.record = record, .record_number = record_number, .limits = limits};
}

/* ---- damage -------------------------------------------------------------------------------------------- */

void otlp_note(struct otlp_cursor *cursor, size_t offset, enum refusal code, const char *reason)
{
    if (cursor->bad_reason != NULL)
        return;
    cursor->bad_reason = reason;
    cursor->bad_code = code;
    cursor->bad_offset = offset;
    cursor->bad_index = cursor->state.spans;
}

void otlp_damage(struct otlp_cursor *cursor, size_t offset, enum refusal code, const char *reason)
{
    otlp_note(cursor, offset, code, reason);
    cursor->state.damaged = true;
}

void otlp_settle_damage(struct otlp_cursor *cursor)
{
    if (!cursor->state.damaged || cursor->bad_spans > 0)
        return;
    cursor->bad_spans = 1;
    cursor->refused[cursor->bad_code] = 1;
}

/* ---- spans ---------------------------------------------------------------------------------------------- */

void otlp_walk_open(struct otlp_walk *walk, struct otlp_cursor *cursor, struct span_batch *batch)
{
    walk->cursor = cursor;
    walk->span.attributes_max = cursor->limits->attributes_per_span_max;
    row_sink_open(&walk->span.sink, batch, cursor->limits->string_bytes_max,
                  cursor->limits->nesting_depth_max);
}

void otlp_start_row(struct otlp_walk *walk, enum row_kind kind)
{
    struct otlp_cursor *cursor = walk->cursor;
    struct span_batch *batch = walk->span.sink.batch;
    const struct span_column_set *wanted = &walk->span.sink.wanted;
    uint32_t row = span_batch_add(batch, kind,
                                  (struct row_origin){cursor->record_number, cursor->state.spans});
    row_sink_start(&walk->span.sink, row);
    if (kind == ROW_SPAN && span_columns_have(wanted, SPAN_COLUMN_status))
        batch->status[row] = 0;
    if (span_columns_have(wanted, SPAN_COLUMN_service))
        batch->service[row] = cursor->state.service;
    if (span_columns_have(wanted, SPAN_COLUMN_environment))
        batch->environment[row] = cursor->state.environment;
    if (span_columns_have(wanted, SPAN_COLUMN_app_given))
        batch->app_given[row] = cursor->state.app;
    if (span_columns_have(wanted, SPAN_COLUMN_feature))
        batch->feature[row] = cursor->state.feature;
    if (span_columns_have(wanted, SPAN_COLUMN_scope))
        batch->scope[row] = cursor->state.scope_name;
}

/* The span's row and those of its evaluations. False: the batch is full before all are written; the span
 * will be read again, and what was written before is then left out. */
static bool write_rows(struct otlp_walk *walk)
{
    struct otlp_cursor *cursor = walk->cursor;
    struct row_sink *sink = &walk->span.sink;
    if (sink->flats == 0)
        return true;
    struct evaluated_span span = row_evaluated_span(sink->batch, sink->row);
    if (cursor->state.span_written)
        span_batch_drop_last(sink->batch);
    cursor->state.span_written = true;
    return row_evaluations_write(sink, &span, &cursor->state.evaluations);
}

static void next_span(struct otlp_cursor *cursor)
{
    cursor->state.spans++;
    cursor->state.evaluations = 0;
    cursor->state.span_written = false;
}

void otlp_refuse_span(struct otlp_cursor *cursor, size_t place, enum refusal code,
                      const char *reason)
{
    otlp_note(cursor, place, code, reason);
    cursor->bad_spans++;
    cursor->refused[code]++;
    next_span(cursor);
}

/* The whole span into its row. False: it is bad. */
static bool read_span(struct otlp_walk *walk, struct bytes span)
{
    struct span_walk *into = &walk->span;
    if (!otlp_span_decode(into, span))
        return false;
    row_sink_finish(&into->sink, walk->cursor->state.scope_dialect);
    if (!into->sink.too_deep)
        return true;
    into->fault = span.data;
    into->code = REFUSAL_TOO_DEEP;
    into->reason = "a value is nested deeper than nesting_depth_max";
    return false;
}

bool otlp_take_span(struct otlp_walk *walk, struct bytes span, size_t place)
{
    struct otlp_cursor *cursor = walk->cursor;
    uint32_t cut_strings = walk->span.sink.cut_strings;
    size_t start = place;
    if (place == OTLP_PLACE_UNKNOWN)
        start = (size_t)(span.data - cursor->record.data);
    if (cursor->state.spans >= cursor->limits->spans_per_record_max) {
        otlp_refuse_span(cursor, start, REFUSAL_TOO_MANY_SPANS,
                         "more spans than spans_per_record_max");
        return true;
    }
    walk->span.reason = NULL;
    otlp_start_row(walk, ROW_SPAN);
    if (!read_span(walk, span)) {
        span_batch_drop_last(walk->span.sink.batch);
        if (place == OTLP_PLACE_UNKNOWN)
            start = (size_t)(walk->span.fault - cursor->record.data);
        otlp_refuse_span(cursor, start, walk->span.code, walk->span.reason);
        return true;
    }
    if (!write_rows(walk)) {
        walk->span.sink.cut_strings = cut_strings; /* counted when it is done */
        return false;
    }
    next_span(cursor);
    return true;
}
