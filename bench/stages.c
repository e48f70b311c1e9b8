/*
 * stages.c - nanoseconds and allocated bytes per span of every stage of the front, and of the back per
 * delta, on lean spans; no Kafka: records are handed over, outputs go to the embedded log.
 *
 * One line per case, the median of several rounds; --json prints objects instead, --quick fewer rounds.
 */
#include "bench/lean_span.h"
#include "bench/walk.h"
#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/bus/embedded_log.h"
#include "engine/flow/front.h"
#include "engine/flow/digests.h"
#include "engine/flow/measure.h"
#include "engine/flow/pipeline.h"
#include "engine/flow/topics.h"
#include "operators/registry.h"

#include <stdio.h>
#include <stdlib.h>

#define SPANS_PER_ROUND 6400 /* 9 MB of records */
#define RECORDS_MAX SPANS_PER_ROUND
#define POLL_RECORDS_MAX 1000
#define ROUNDS_MAX 31

struct stage_bench {
    struct registry *registry;
    struct annotator_instance annotators[REGISTRY_OPERATORS_MAX];
    struct rule_set rules;
    struct flow_options options;
    struct bus *bus;
    struct member *member;
    struct outbox *outbox;
    struct metric_table *metrics;
    struct front *front;
    struct rates *rates;
    struct lean_template records[RECORDS_MAX];
    uint8_t *block; /* where they lie */
    uint32_t records_count, spans_per_record;
    struct tracker_instance trackers[REGISTRY_OPERATORS_MAX];
    struct buffer digests;
};

struct figures {
    double decode, dedupe, annotate, measure, output, flush, all, allocated;
};

static void make_options(struct stage_bench *b)
{
    b->registry = registry_create();
    for (uint32_t i = 0; i < b->registry->annotators_count; i++)
        b->annotators[i] = (struct annotator_instance){b->registry->annotators[i].class, b->registry->annotators[i].conf};
    b->options = (struct flow_options){
        .app = "bench", .instance = "0", .inputs = {{"otlp_spans", INPUT_SPANS, ENCODING_OTLP_PROTO}}, .inputs_count = 1,
        .topics = {"bench-cells", "bench-digests", "bench-changelog", "bench-rates", "bench.requests", "bench.scores",
                   "bench.alerts", "bench.dlq", "bench.decisions"},
        .exchange_partitions = 8, .future_max_ms = 300000, .dedupe_window_ms = 600000, .dedupe_ids_max = 1000000,
        .leaves_max = 100000, .batch_rows = 256, .record_bytes_max = 8 << 20, .transaction_bytes_max = (size_t)1 << 30,
        .otlp = otlp_limits_default, .annotators = b->annotators, .annotators_count = b->registry->annotators_count,
        .rules = &b->rules,
    };
}

static void open_bench(struct stage_bench *b, uint32_t spans_per_record, double sampled, bool tracked)
{
    struct error error = {0};
    uint32_t created = 0;
    make_options(b);
    for (uint32_t i = 0; tracked && i < b->registry->trackers_count; i++)
        b->trackers[b->options.trackers_count++] = (struct tracker_instance){b->registry->trackers[i].class, b->registry->trackers[i].conf};
    b->options.trackers = b->trackers;
    b->options.track_traces = tracked;
    b->bus = embedded_log_open(NULL);
    CHECK(topics_create(b->bus, &b->options, 4, &created, &error));
    const char *written[] = {b->options.topics.requests, b->options.topics.scores, b->options.topics.dlq};
    struct member_spec spec = {.group = "bench", .transactional_id = "bench", .topics_written = written, .topics_written_count = 3};
    b->member = bus_member_open(b->bus, &spec, &error);
    CHECK(b->member != NULL);
    b->outbox = outbox_create(b->member, 8, (size_t)1 << 30);
    b->metrics = metric_table_create();
    b->front = front_create(&b->options, b->metrics, b->outbox, b->member, &error);
    CHECK(b->front != NULL);
    struct rate rate = {sampled, sampled, 1};
    b->rates = rates_create(&rate);
    struct bus_position start = {.source = {0, 0}, .offset = 0};
    (void)front_assign(b->front, &start);
    b->spans_per_record = spans_per_record;
    b->records_count = SPANS_PER_ROUND / spans_per_record;
    for (uint32_t i = 0; i < b->records_count; i++)
        lean_template_make(&b->records[i], (uint64_t)i * spans_per_record, spans_per_record);
    b->block = lean_templates_pack(b->records, b->records_count);
}

static void close_bench(struct stage_bench *b)
{
    front_destroy(b->front);
    member_close(b->member);
    outbox_destroy(b->outbox);
    metric_table_destroy(b->metrics);
    rates_destroy(b->rates);
    bus_close(b->bus);
    registry_destroy(b->registry);
    buffer_free(&b->digests);
    lean_templates_free(b->records, b->records_count, b->block);
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

/* As a commit does, but for the sending. */
static void write_digests(struct stage_bench *b)
{
    struct digests *digests = front_digests(b->front);
    b->digests.limit_bytes = (size_t)64 << 20;
    for (uint32_t p = 0; digests != NULL && p < b->options.exchange_partitions; p++) {
        uint32_t at = 0;
        do
            buffer_clear(&b->digests);
        while (digests_write(digests, b->metrics, p, &at, (size_t)512 << 10, &b->digests));
    }
}

/* New ids for all records, several polls of them, then a flush, as a commit does. */
static struct figures run_round(struct stage_bench *b, uint64_t *number, int64_t *offset)
{
    struct error error = {0};
    for (uint32_t i = 0; i < b->records_count; i++, *number += b->spans_per_record)
        lean_template_stamp(&b->records[i], *number, LEAN_START_NS + *number * 1000);
    struct front_counters before = *front_counts(b->front);
    uint64_t allocated = memory_thread_allocated_bytes();
    int64_t start_ns = clock_monotonic_ns();
    for (uint32_t first = 0, count; first < b->records_count; first += count) {
        struct bus_record records[POLL_RECORDS_MAX];
        count = b->records_count - first < POLL_RECORDS_MAX ? b->records_count - first : POLL_RECORDS_MAX;
        for (uint32_t i = 0; i < count; i++)
            records[i] = (struct bus_record){.offset = (*offset)++, .timestamp_ms = (int64_t)(LEAN_START_NS / 1000000),
                                             .value = buffer_bytes(&b->records[first + i].record)};
        CHECK(front_take(b->front, records, count, b->rates, (int64_t)(LEAN_START_NS / 1000000), &error));
    }
    int64_t taken_ns = clock_monotonic_ns();
    double taken_bytes = (double)(memory_thread_allocated_bytes() - allocated);
    uint32_t deltas = 0;
    (void)measure_flush(front_measure(b->front), &deltas);
    write_digests(b);
    measure_release(front_measure(b->front));
    int64_t flushed_ns = clock_monotonic_ns();
    if (outbox_begun(b->outbox))
        (void)member_abort(b->member, &error);
    outbox_reset(b->outbox);
    front_committed(b->front);
    const struct front_counters *after = front_counts(b->front);
    double spans = (double)(after->spans - before.spans);
    return (struct figures){(double)(after->decode_ns - before.decode_ns) / spans,
                            (double)(after->dedupe_ns - before.dedupe_ns) / spans,
                            (double)(after->annotate_ns - before.annotate_ns) / spans,
                            (double)(after->measure_ns - before.measure_ns) / spans,
                            (double)(after->output_ns - before.output_ns) / spans,
                            (double)(flushed_ns - taken_ns),
                            (double)(taken_ns - start_ns) / spans, taken_bytes / spans};
}

static void print_annotators(struct stage_bench *b)
{
    for (uint32_t i = 0; i < pipeline_count(front_pipeline(b->front)); i++) {
        struct pipeline_stage stage = pipeline_stage_at(front_pipeline(b->front), i);
        printf("  %-10s %6.1f ns\n", stage.class->name, (double)stage.nanoseconds / (double)stage.rows);
    }
}

static void run_case(const char *name, uint32_t spans_per_record, double sampled, bool tracked, int rounds, bool json)
{
    struct stage_bench *b = memory_allocate(sizeof *b);
    open_bench(b, spans_per_record, sampled, tracked);
    double values[8][ROUNDS_MAX];
    uint64_t number = 0;
    int64_t offset = 0;
    for (int round = -3; round < rounds; round++) {
        struct figures f = run_round(b, &number, &offset);
        const double all[8] = {f.decode, f.dedupe, f.annotate, f.measure, f.output, f.flush, f.all, f.allocated};
        for (int v = 0; v < 8 && round >= 0; v++)
            values[v][round] = all[v];
    }
    double m[8];
    for (int v = 0; v < 8; v++)
        m[v] = median(values[v], rounds);
    if (json)
        printf("{\"case\":\"%s\",\"decode_ns\":%.1f,\"dedupe_ns\":%.1f,\"annotate_ns\":%.1f,\"measure_ns\":%.1f,\"output_ns\":%.1f,\"flush_ns\":%.0f,"
               "\"front_ns\":%.1f,\"allocated_bytes\":%.2f}\n", name, m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7]);
    else
        printf("%-28s decode %6.1f  dedupe %6.1f  annotate %6.1f  measure %6.1f  output %6.1f  all %6.1f ns/span; flush %8.0f ns; allocated %.2f B/span\n",
               name, m[0], m[1], m[2], m[3], m[4], m[6], m[5], m[7]);
    if (!json)
        print_annotators(b);
    close_bench(b);
    memory_free(b);
}

/* The walk alone, with the columns that the annotators of the shipped configuration declare. */
static void run_walk(int rounds, bool json)
{
    struct error error = {0};
    struct registry *registry = registry_create();
    struct annotator_instance annotators[REGISTRY_OPERATORS_MAX];
    for (uint32_t i = 0; i < registry->annotators_count; i++)
        annotators[i] = (struct annotator_instance){registry->annotators[i].class, registry->annotators[i].conf};
    struct pipeline *pipeline = pipeline_create(annotators, registry->annotators_count, &error);
    CHECK(pipeline != NULL);
    walk_bench(pipeline_columns(pipeline), 100, rounds, json);
    walk_bench(pipeline_columns(pipeline), 1, rounds, json);
    alias_bench(rounds, json);
    pipeline_destroy(pipeline);
    registry_destroy(registry);
}

int main(int argc, char **argv)
{
    bool json = false;
    int rounds = ROUNDS_MAX;
    for (int i = 1; i < argc; i++) {
        json = json || strcmp(argv[i], "--json") == 0;
        rounds = strcmp(argv[i], "--quick") == 0 ? 5 : rounds;
    }
    run_walk(rounds, json);
    run_case("100 spans a record", 100, 0, false, rounds, json);
    run_case("100 spans, traces tracked", 100, 0, true, rounds, json);
    run_case("100 spans, 1 % requests", 100, 0.01, false, rounds, json);
    run_case("1 span a record", 1, 0, false, rounds, json);
    return 0;
}
