/*
 * front.c - the sources' side of a shard. Positions, log times and seen ids are per source partition,
 * so that what a record becomes does not depend on which shard reads it.
 */
#include "engine/flow/front_internal.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/flow/position_number.h"

#include <stdio.h>

#define JSON_MEMORY_BYTES ((size_t)4 << 20)
#define SPECS_MAX 64
#define VERDICT_WINDOW_MS ((int64_t)86400000)
#define VERDICT_JSON_BYTES_MAX ((size_t)1 << 20) /* more than is read of one */

struct measure *front_open_measure(const struct flow_options *options, const struct pipeline *pipeline, struct metric_table *metrics)
{
    const struct metric_spec *specs[2 * SPECS_MAX];
    uint32_t count = 0;
    const struct metric_spec *const *pipelines = pipeline_metrics(pipeline, &count);
    CHECK(count <= SPECS_MAX);
    memcpy(specs, pipelines, count * sizeof *specs);
    for (uint32_t t = 0; t < options->trackers_count; t++) {
        const struct tracker_class *class = options->trackers[t].class;
        for (uint32_t i = 0; i < class->metrics_count && count < 2 * SPECS_MAX; i++)
            specs[count++] = &class->metrics[i];
    }
    return measure_create(metrics, specs, count, options->leaves_max);
}

static bool start_tracking(struct front *front, struct error *error)
{
    front->digests = digests_create(front->measure, front->options->exchange_partitions, error);
    return front->digests != NULL;
}

struct front *front_create(const struct flow_options *options, struct metric_table *metrics, struct outbox *outbox,
                           struct member *member, struct error *error)
{
    struct front *front = memory_allocate(sizeof *front);
    front->options = options;
    front->outbox = outbox;
    front->member = member;
    front->pipeline = pipeline_create(options->annotators, options->annotators_count, error);
    if (front->pipeline == NULL) {
        memory_free(front);
        return NULL;
    }
    front->measure = front_open_measure(options, front->pipeline, metrics);
    if (options->track_traces && !start_tracking(front, error)) {
        measure_destroy(front->measure);
        pipeline_destroy(front->pipeline);
        memory_free(front);
        return NULL;
    }
    front->batch = span_batch_create(options->batch_rows);
    front->batch->wanted = *pipeline_columns(front->pipeline);
    front->json = json_create(JSON_MEMORY_BYTES);
    front->verdict_json = BUFFER_WITH_LIMIT(VERDICT_JSON_BYTES_MAX);
    front->sha = sha256_create();
    for (uint32_t i = 0; i < options->inputs_count; i++)
        front->encodings[i] = (struct encoding_options){options->inputs[i].encoding,
                                                        options->inputs[i].kind == INPUT_LOGS ? SIGNAL_LOGS : SIGNAL_SPANS,
                                                        &options->otlp, options->avro};
    return front;
}

void front_destroy(struct front *front)
{
    if (front == NULL)
        return;
    for (uint32_t i = 0; i < front->sources_count; i++)
        dedupe_destroy(front->sources[i].dedupe);
    memory_free(front->sources);
    memory_free(front->include);
    memory_free(front->id_hashes);
    memory_free(front->sets);
    digests_destroy(front->digests);
    memory_free(front->record_facts);
    span_batch_destroy(front->batch);
    measure_destroy(front->measure);
    pipeline_destroy(front->pipeline);
    json_destroy(front->json);
    buffer_free(&front->verdict_json);
    sha256_destroy(front->sha);
    memory_free(front);
}

struct measure *front_measure(struct front *front) { return front->measure; }
struct digests *front_digests(struct front *front) { return front->digests; }
struct pipeline *front_pipeline(struct front *front) { return front->pipeline; }
const struct front_counters *front_counts(const struct front *front) { return &front->counters; }

/* ---- sources -------------------------------------------------------------------------------------------- */

static bool relearning(const struct source *source) { return source->relearn_next < source->relearn_until; }

struct source *front_find_source(struct front *front, struct bus_partition p)
{
    for (uint32_t i = 0; i < front->sources_count; i++)
        if (front->sources[i].at.topic == p.topic && front->sources[i].at.partition == p.partition)
            return &front->sources[i];
    return NULL;
}

/* Metadata: "1 s=<sequence> t=<log time> d=<offset to see ids again from> r=<rates version>". */
int64_t front_assign(struct front *front, const struct bus_position *committed)
{
    if (front->sources_count == front->sources_capacity) {
        front->sources_capacity = front->sources_capacity ? front->sources_capacity * 2 : 16;
        front->sources = memory_resize(front->sources, front->sources_capacity * sizeof *front->sources);
    }
    struct source *source = &front->sources[front->sources_count++];
    bool verdicts = front->options->inputs[committed->source.topic].kind == INPUT_VERDICTS;
    *source = (struct source){.at = committed->source,
                              .next = committed->offset,
                              .committed = committed->offset,
                              .log_time_ms = position_number(committed->metadata, " t=", LOG_TIME_NONE),
                              .progress_wall_ms = LOG_TIME_NONE};
    source->committed_log_time_ms = source->log_time_ms;
    source->dedupe = dedupe_create(front->options->dedupe_ids_max,
                                   verdicts ? VERDICT_WINDOW_MS : front->options->dedupe_window_ms);
    int64_t from = position_number(committed->metadata, " d=", committed->offset);
    if (committed->offset < 0 || from < 0 || from > committed->offset)
        from = committed->offset;
    source->relearn_from = source->relearn_next = from;
    source->relearn_until = committed->offset;
    return from;
}

void front_unassign(struct front *front, struct bus_partition p)
{
    struct source *source = front_find_source(front, p);
    if (source == NULL)
        return;
    dedupe_destroy(source->dedupe);
    *source = front->sources[--front->sources_count];
}

/* Time spent was spent; everything else is counted again when it is read again. */
static void roll_back_counters(struct front *front)
{
    struct front_counters kept = front->committed_counters;
    kept.decode_ns = front->counters.decode_ns;
    kept.dedupe_ns = front->counters.dedupe_ns;
    kept.annotate_ns = front->counters.annotate_ns;
    kept.measure_ns = front->counters.measure_ns;
    kept.output_ns = front->counters.output_ns;
    front->counters = kept;
}

void front_rollback(struct front *front)
{
    measure_discard(front->measure);
    if (front->digests != NULL)
        digests_clear(front->digests);
    roll_back_counters(front);
    for (uint32_t i = 0; i < front->sources_count; i++) {
        front->sources[i].next = front->sources[i].committed;
        front->sources[i].log_time_ms = front->sources[i].committed_log_time_ms;
        front->sources[i].held = front->sources[i].held_new = false; /* reading goes on before that record */
    }
}

void front_committed(struct front *front)
{
    front->committed_counters = front->counters;
    if (front->digests != NULL)
        digests_clear(front->digests);
    for (uint32_t i = 0; i < front->sources_count; i++) {
        front->sources[i].committed = front->sources[i].next;
        front->sources[i].committed_log_time_ms = front->sources[i].log_time_ms;
    }
}

/* Active: there is more to read, or there was until `inactive_after` ago. One that waits for a schema is not, at
 * once: else the clock would stand, and the others would soon be too far ahead of it and wait, too. */
static bool source_active(const struct front *front, const struct source *source, int64_t wall_ms)
{
    if (source->held)
        return false;
    if (!member_at_end(front->member, source->at))
        return true;
    return source->progress_wall_ms != LOG_TIME_NONE &&
           wall_ms - source->progress_wall_ms <= front->options->back.inactive_after_ms;
}

uint32_t front_marks(struct front *front, int64_t wall_ms, struct source_mark *marks, uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < front->sources_count && count < max; i++) {
        const struct source *source = &front->sources[i];
        marks[count++] = (struct source_mark){.topic = (uint32_t)source->at.topic,
                                              .partition = source->at.partition,
                                              .from = source->committed,
                                              .to = source->next,
                                              .log_time_ms = source->log_time_ms,
                                              .active = source_active(front, source, wall_ms)};
    }
    return count;
}

/* The first record whose ids whoever reads this partition next must have seen. While they are still being
 * seen again here, that is where our predecessor said so. */
static int64_t oldest_needed(const struct source *source)
{
    uint64_t place = dedupe_oldest_place(source->dedupe);
    int64_t oldest = place == UINT64_MAX ? source->next : (int64_t)(place >> PLACE_SPAN_BITS);
    return relearning(source) && source->relearn_from < oldest ? source->relearn_from : oldest;
}

int64_t front_resume(const struct front *front, struct bus_partition p, int64_t position)
{
    for (uint32_t i = 0; i < front->sources_count; i++)
        if (front->sources[i].at.topic == p.topic && front->sources[i].at.partition == p.partition)
            return relearning(&front->sources[i]) ? front->sources[i].relearn_next : position;
    return position;
}

uint32_t front_positions(struct front *front, uint64_t sequence, uint64_t rates_version, struct bus_position *positions, uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < front->sources_count && count < max; i++) {
        const struct source *source = &front->sources[i];
        if (source->next < 0)
            continue; /* nothing was ever read or committed there */
        struct bus_position *p = &positions[count++];
        p->source = source->at;
        p->offset = source->next;
        (void)snprintf(p->metadata, sizeof p->metadata, "1 s=%llu t=%lld d=%lld r=%llu", (unsigned long long)sequence,
                       (long long)source->log_time_ms, (long long)oldest_needed(source),
                       (unsigned long long)rates_version);
    }
    return count;
}

int64_t front_log_time(const struct front *front)
{
    int64_t slowest = LOG_TIME_NONE;
    for (uint32_t i = 0; i < front->sources_count; i++) {
        int64_t t = front->sources[i].log_time_ms;
        if (t != LOG_TIME_NONE && (slowest == LOG_TIME_NONE || t < slowest))
            slowest = t;
    }
    return slowest;
}

bool front_source(const struct front *front, uint32_t index, struct bus_partition *partition, int64_t *next_offset, int64_t *log_time_ms)
{
    if (index >= front->sources_count)
        return false;
    *partition = front->sources[index].at;
    *next_offset = front->sources[index].next;
    *log_time_ms = front->sources[index].log_time_ms;
    return true;
}

bool front_set_paused(struct front *front, uint32_t index, bool paused)
{
    CHECK(index < front->sources_count);
    bool changed = front->sources[index].paused != paused;
    front->sources[index].paused = paused;
    return changed;
}
