/*
 * front_records.c - from polled records to sums and outputs. A batch fills across records and is
 * worked off when it is full and at the end of the poll, so rows never outlive their records.
 */
#include "engine/flow/front_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/flow/request.h"
#include "engine/operator/rates.h"

#include <stdio.h>

/* ---- working off a batch --------------------------------------------------------------------------------- */

/* A log record has no id. What it says, of which span and when: two events of a span differ in it, the same
 * record sent again does not. */
static uint64_t log_id_hash(const struct span_batch *batch, uint32_t row)
{
    const struct bytes texts[] = {batch->input_messages[row], batch->output_messages[row], batch->system_instructions[row],
                                  batch->finish_reason[row],  batch->response_id[row],     batch->evaluator[row],
                                  batch->dimension[row]};
    uint64_t hash = hash_combine(dedupe_hash_span(batch->trace_id[row], batch->span_id[row]), (uint64_t)batch->end_ns[row]);
    uint64_t score = 0;
    memcpy(&score, &batch->score[row], sizeof score);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        hash = hash_combine(hash, hash_bytes(texts[i], i));
    return hash_combine(hash, score);
}

/* One id per span; per verdict dimension the request, revision and dimension. */
static uint64_t row_id_hash(const struct span_batch *batch, uint32_t row)
{
    if (batch->kind[row] == ROW_SPAN)
        return dedupe_hash_span(batch->trace_id[row], batch->span_id[row]);
    if (batch->kind[row] == ROW_CONTENT || !bytes_present(batch->request_id[row]))
        return log_id_hash(batch, row);
    uint64_t hash = hash_combine(hash_bytes(batch->request_id[row], 0), hash_bytes(batch->evaluator_revision[row], 1));
    return hash_combine(hash, hash_bytes(batch->dimension[row], 2));
}

#define PREFETCH_ROWS 24 /* long enough for memory to answer, short enough for the first cache to keep it */

static void prefetch_row(struct front *front, uint32_t row)
{
    front->id_hashes[row] = row_id_hash(front->batch, row);
    dedupe_prefetch(front->record_facts[front->batch->origin[row].record].source->dedupe, front->id_hashes[row]);
}

static void mark_duplicates(struct front *front)
{
    struct span_batch *batch = front->batch;
    for (uint32_t row = 0; row < batch->rows && row < PREFETCH_ROWS; row++)
        prefetch_row(front, row);
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (row + PREFETCH_ROWS < batch->rows)
            prefetch_row(front, row + PREFETCH_ROWS);
        const struct record_facts *facts = &front->record_facts[batch->origin[row].record];
        uint64_t place = (uint64_t)facts->record->offset << PLACE_SPAN_BITS | (batch->origin[row].span & 0xFFFFF);
        bool seen = dedupe_seen(facts->source->dedupe, front->id_hashes[row], place, facts->time_ms);
        front->include[row] = !seen && !facts->quiet;
        front->counters.duplicates += seen && !facts->quiet;
        int64_t latest_ns = (facts->time_ms + front->options->future_max_ms) * 1000000, end_ns = batch->end_ns[row];
        if (end_ns == SPAN_I64_ABSENT || end_ns <= 0 || (batch->kind[row] == ROW_SPAN && end_ns > latest_ns))
            batch->end_ns[row] = facts->time_ms * 1000000; /* no end, or a clock that runs ahead: when it was written */
    }
}

static bool send_row_outputs(struct front *front, uint32_t row, struct error *error)
{
    const struct span_batch *batch = front->batch;
    const struct record_facts *facts = &front->record_facts[batch->origin[row].record];
    struct row_source source = {front->options->inputs[facts->source->at.topic].name, facts->source->at.partition,
                                facts->record->offset, batch->origin[row].span};
    struct bus_output output = {.partition = -1, .timestamp_ms = facts->time_ms};
    if (score_wanted(batch, row)) {
        struct buffer *value = outbox_scratch(front->outbox);
        score_write(batch, row, &source, value);
        output.topic = front->options->topics.scores;
        output.key = batch->trace_id[row];
        output.value = buffer_bytes(value);
        if (!outbox_send_record(front->outbox, SCHEMA_SCORE, &output, error))
            return false;
        front->counters.scores++;
    }
    int64_t purposes = batch->sample_purpose[row];
    if (purposes == SPAN_I64_ABSENT || purposes == 0)
        return true;
    char id[REQUEST_ID_CHARS];
    request_make_id(batch, row, front->sha, id);
    struct buffer *value = outbox_scratch(front->outbox);
    request_write(batch, row, &source, bytes_of(id, sizeof id), value);
    output.topic = front->options->topics.requests;
    output.key = bytes_of(id, sizeof id);
    output.value = buffer_bytes(value);
    front->counters.requests++;
    return outbox_send_record(front->outbox, SCHEMA_REQUEST, &output, error);
}

static bool send_outputs(struct front *front, struct error *error)
{
    const struct span_batch *batch = front->batch;
    for (uint32_t row = 0; row < batch->rows; row++)
        if (front->include[row] && batch->kind[row] == ROW_SPAN && batch->role[row] == ROLE_CALL &&
            !send_row_outputs(front, row, error))
            return false;
    return true;
}

/* The batch grows with its largest record. */
static void make_row_facts(struct front *front)
{
    const uint32_t rows = front->batch->allocated;
    if (front->rows_allocated == rows)
        return;
    front->include = memory_resize(front->include, rows * sizeof *front->include);
    front->id_hashes = memory_resize(front->id_hashes, rows * sizeof *front->id_hashes);
    if (front->digests != NULL)
        front->sets = memory_resize(front->sets, rows * sizeof *front->sets);
    front->rows_allocated = rows;
}

/* Content, or a score that no request asked for: only log records bring them. */
static bool is_of_log(const struct span_batch *batch, uint32_t row)
{
    return batch->kind[row] == ROW_CONTENT ||
           (batch->kind[row] == ROW_VERDICT && !bytes_present(batch->request_id[row]) && batch->score_bin[row] != SPAN_BIN_ABSENT);
}

/* Digests of the rows that are new, to the owners of their traces; what nobody will join is counted here. */
static void add_digests(struct front *front)
{
    const struct span_batch *batch = front->batch;
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (!front->include[row])
            continue;
        if (front->sets != NULL && front->sets[row] != MEASURE_NO_SET)
            digests_add(front->digests, batch, row, front->sets[row], front->record_facts[batch->origin[row].record].time_ms);
        else
            front->counters.unjoined += is_of_log(batch, row);
    }
}

bool front_work_off(struct front *front, const struct rates *rates, int64_t wall_ms, struct error *error)
{
    struct span_batch *batch = front->batch;
    if (batch->rows == 0)
        return true;
    int64_t t0 = clock_monotonic_ns();
    make_row_facts(front);
    mark_duplicates(front);
    int64_t deduped_ns = clock_monotonic_ns();
    pipeline_run(front->pipeline, batch, rates);
    int64_t t1 = clock_monotonic_ns();
    measure_rows(front->measure, batch, front->include, wall_ms, front->sets);
    add_digests(front);
    int64_t t2 = clock_monotonic_ns();
    bool ok = send_outputs(front, error);
    int64_t t3 = clock_monotonic_ns();
    front->counters.rows += batch->rows;
    front->counters.dedupe_ns += (uint64_t)(deduped_ns - t0);
    front->counters.annotate_ns += (uint64_t)(t1 - deduped_ns);
    front->counters.measure_ns += (uint64_t)(t2 - t1);
    front->counters.output_ns += (uint64_t)(t3 - t2);
    for (uint32_t row = 0; row < batch->rows; row++) {
        bool quiet = front->record_facts[batch->origin[row].record].quiet; /* counted when it was read first */
        front->counters.measured += front->include[row];
        front->counters.spans += batch->kind[row] == ROW_SPAN && !quiet;
        front->counters.verdict_rows += batch->kind[row] == ROW_VERDICT && !quiet;
        front->counters.content_rows += batch->kind[row] == ROW_CONTENT && !quiet;
    }
    span_batch_reset(batch);
    front->work_ns += (uint64_t)(clock_monotonic_ns() - t0);
    return ok;
}

/* ---- taking records ---------------------------------------------------------------------------------------- */

void front_settle_time(struct front *front, struct record_facts *facts, uint32_t first_row, int64_t wall_ms)
{
    int64_t time_ms = facts->record->timestamp_ms;
    if (time_ms < 0) {
        time_ms = LOG_TIME_NONE;
        for (uint32_t row = first_row; row < front->batch->rows; row++)
            if (front->batch->end_ns[row] != SPAN_I64_ABSENT && front->batch->end_ns[row] / 1000000 > time_ms)
                time_ms = front->batch->end_ns[row] / 1000000;
        if (time_ms == LOG_TIME_NONE)
            time_ms = facts->source->log_time_ms != LOG_TIME_NONE ? facts->source->log_time_ms : 0;
    } else if (time_ms > wall_ms + front->options->future_max_ms) {
        time_ms = wall_ms + front->options->future_max_ms;
    }
    facts->time_ms = time_ms;
}

struct bytes front_schema_header(struct front *front, const struct bus_record *record)
{
    struct bus_header headers[BUS_HEADERS_MAX];
    uint32_t count = member_headers(front->member, record, headers, BUS_HEADERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal_text(headers[i].name, FRAMING_HEADER))
            return headers[i].value;
    return BYTES_NONE;
}

static bool take_spans(struct front *front, uint32_t number, const struct rates *rates, int64_t wall_ms, struct error *error)
{
    struct record_facts *facts = &front->record_facts[number];
    const struct encoding_options *options = &front->encodings[facts->record->source.topic];
    struct encoded_record record;
    char reason[AVRO_REASON_BYTES];
    struct bytes header = encoding_wants_header(options->encoding) ? front_schema_header(front, facts->record) : BYTES_NONE;
    encoding_start(&record, facts->record->value, header, number, options);
    enum avro_look look = encoding_look(&record, reason);
    if (look == AVRO_LOOK_WAIT) {
        front_hold(front, facts->source, &record.framing, false);
        return true;
    }
    if (look != AVRO_LOOK_READY) {
        front_settle_time(front, facts, front->batch->rows, wall_ms);
        struct dead_letter letter = {front_schema_reason(look), reason, -1, 0, STAGE_DECODE};
        return front_bury(front, facts, &letter, error);
    }
    enum decode_result result = DECODE_DONE;
    do {
        if ((result == DECODE_MORE || span_batch_enough(front->batch)) && !front_work_off(front, rates, wall_ms, error))
            return false;
        uint32_t first_row = front->batch->rows;
        result = encoding_decode(&record, front->batch);
        front_settle_time(front, facts, first_row, wall_ms);
    } while (result == DECODE_MORE);
    const struct otlp_cursor *cursor = &record.cursor;
    if (facts->quiet)
        return true;
    front->counters.cut_strings += cursor->cut_strings;
    front->counters.logs_skipped += cursor->skipped;
    if (cursor->bad_spans == 0)
        return true;
    for (int code = 0; code < REFUSAL_COUNT; code++)
        front->counters.bad_spans[code] += cursor->refused[code];
    struct dead_letter letter = {cursor->bad_code, cursor->bad_reason, (int64_t)cursor->bad_offset, cursor->bad_spans, STAGE_DECODE};
    return front_bury(front, facts, &letter, error);
}

static bool take_record(struct front *front, uint32_t number, const struct rates *rates, int64_t wall_ms, struct error *error)
{
    struct record_facts *facts = &front->record_facts[number];
    const struct bus_record *record = facts->record;
    bool ok = true;
    facts->time_ms = record->timestamp_ms >= 0 ? record->timestamp_ms : 0;
    if (record->value.size == 0) {
        front->counters.empty += !facts->quiet;
        front_settle_time(front, facts, front->batch->rows, wall_ms);
    } else if (record->value.size > front->options->record_bytes_max) {
        char why[96];
        (void)snprintf(why, sizeof why, "record has %zu bytes, limits.record_bytes is %zu", record->value.size,
                       front->options->record_bytes_max);
        front_settle_time(front, facts, front->batch->rows, wall_ms);
        struct dead_letter letter = {DEAD_OVERSIZED, why, -1, 0, STAGE_DECODE};
        ok = front_bury(front, facts, &letter, error);
    } else if (front->options->inputs[record->source.topic].kind == INPUT_VERDICTS) {
        ok = front_take_verdict(front, number, rates, wall_ms, error);
    } else {
        ok = take_spans(front, number, rates, wall_ms, error);
    }
    struct source *source = facts->source;
    if (source->held)
        return ok; /* as if it had not been read */
    if (facts->time_ms > source->log_time_ms && !facts->quiet)
        source->log_time_ms = facts->time_ms;
    if (!facts->quiet)
        source->next = record->offset + 1;
    source->relearn_next = record->offset + 1;
    source->progress_wall_ms = wall_ms;
    front->counters.records += !facts->quiet;
    front->counters.bytes += facts->quiet ? 0 : record->value.size;
    return ok;
}

bool front_take(struct front *front, const struct bus_record *records, uint32_t count, const struct rates *rates,
                int64_t wall_ms, struct error *error)
{
    if (count > front->record_facts_capacity) {
        front->record_facts_capacity = count;
        front->record_facts = memory_resize(front->record_facts, count * sizeof *front->record_facts);
    }
    int64_t start_ns = clock_monotonic_ns();
    uint64_t work_before_ns = front->work_ns;
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++) {
        struct source *source = front_find_source(front, records[i].source);
        CHECK(source != NULL);
        if (source->held)
            continue; /* read again when it is let go */
        front->record_facts[i] = (struct record_facts){.record = &records[i], .source = source,
                                                       .quiet = records[i].offset < source->relearn_until};
        ok = take_record(front, i, rates, wall_ms, error);
    }
    ok = ok && front_work_off(front, rates, wall_ms, error);
    front->counters.decode_ns += (uint64_t)(clock_monotonic_ns() - start_ns) - (front->work_ns - work_before_ns);
    return ok;
}
