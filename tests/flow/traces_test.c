/*
 * traces_test.c - the owner of traces: bounded, undone with its transaction, and the same after a take-over.
 */
#include "tests/test.h"

#include "engine/base/memory.h"
#include "engine/base/option.h"
#include "engine/flow/exchange_digests.h"
#include "engine/flow/traces.h"
#include "engine/state/layout.h"
#include "engine/state/summary.h"
#include "operators/track/track.h"

#define NOW_MS   ((int64_t)1700000000000)
#define MINUTE   ((int64_t)60000)
#define BODY_MAX ((size_t)1 << 20)

static const struct metric_spec format = {.name = "format", .layout = {LAYOUT_FLAG, FLAG_BINS, 0, 0}, .levels = LEVELS_TRAFFIC,
                                          .epoch = EPOCH_MINUTE, .bin_column = SPAN_COLUMN_format_bin,
                                          .sum_column = SPAN_COLUMN_COUNT, .name_column = SPAN_COLUMN_COUNT,
                                          .content = METRIC_OF_CONTENT_ASKED};

struct owner {
    struct flow_options options;
    struct tracker_instance tracker;
    void *conf;
    struct metric_table *metrics;
    struct measure *measure;
    struct traces *traces;
};

static struct owner *owner_open(uint64_t bytes_max)
{
    struct owner *o = memory_allocate(sizeof *o);
    const struct metric_spec *const specs[] = {&format, &tracker_trace.metrics[0]};
    o->conf = memory_allocate(tracker_trace.conf_bytes);
    option_set_defaults(tracker_trace.options, o->conf);
    o->tracker = (struct tracker_instance){&tracker_trace, o->conf};
    o->options = (struct flow_options){.traces_bytes_max = bytes_max, .trackers = &o->tracker, .trackers_count = 1};
    o->metrics = metric_table_create();
    o->measure = measure_create(o->metrics, specs, 2, 1000);
    o->traces = traces_create(&o->options, o->metrics, o->measure);
    return o;
}

static void owner_close(struct owner *o)
{
    traces_destroy(o->traces);
    measure_destroy(o->measure);
    metric_table_destroy(o->metrics);
    memory_free(o->conf);
    memory_free(o);
}

static struct digest digest_of(uint32_t trace, uint8_t kind, uint16_t bin, int64_t log_ms)
{
    struct digest d = {.span_id = 7, .link = kind == DIGEST_SPAN ? 0 : 3, .event_ms = NOW_MS, .log_ms = log_ms, .kind = kind,
                       .role = kind == DIGEST_SPAN ? ROLE_CALL : 0, .results = {bin, DIGEST_ABSENT, DIGEST_ABSENT, DIGEST_ABSENT, DIGEST_ABSENT, DIGEST_ABSENT}};
    memcpy(d.trace_id, &trace, sizeof trace);
    return d;
}

/* A record of these digests, all of one label set, from this offset. */
static void take(struct owner *o, const struct digest *digests, uint32_t count, int64_t offset, int64_t now_ms)
{
    struct buffer body = BUFFER_WITH_LIMIT(BODY_MAX);
    struct digest_metric metric = {metric_intern(o->metrics, BYTES_LITERAL("format"), &format.layout, EPOCH_MINUTE), false};
    struct digest_set set = {.metric = METRIC_NONE};
    for (int i = 0; i < MEASURE_LABELS; i++)
        set.labels[i] = BYTES_LITERAL("x");
    exchange_write_digests_head(o->metrics, &metric, 1, 1, &body);
    exchange_write_digest_set(o->metrics, &set, &body);
    exchange_write_digest_rows(bytes_of(digests, count * sizeof *digests), &body);
    struct reader reader = reader_of(buffer_bytes(&body));
    traces_take(o->traces, &reader, offset, now_ms);
    assert_false(reader.failed);
    assert_int_equal(reader_left(&reader), 0);
    buffer_free(&body);
}

/* What was measured of "format" at the finest level since the last look, by bin. */
static void sums_of(struct owner *o, uint64_t bins[FLAG_BINS])
{
    uint32_t count = 0;
    memset(bins, 0, FLAG_BINS * sizeof *bins);
    const struct cell_delta *deltas = measure_flush(o->measure, &count);
    for (uint32_t i = 0; i < count; i++) {
        struct labels labels;
        assert_true(labels_decode(deltas[i].labels, &labels));
        uint32_t number = metric_intern(o->metrics, BYTES_LITERAL("format"), &format.layout, EPOCH_MINUTE);
        if (bytes_present(labels_get(&labels, "prompt")))
            (void)summary_collect(deltas[i].summary, metric_at(o->metrics, number)->id, bins, FLAG_BINS, NULL);
    }
    measure_release(o->measure);
}

static void a_full_owner_gives_up_the_oldest_with_its_last_words(void **state)
{
    (void)state;
    struct owner *o = owner_open(8192);
    uint64_t bins[FLAG_BINS];
    for (uint32_t i = 0; i < 200; i++) {
        struct digest span = digest_of(i, DIGEST_SPAN, FLAG_NO_CONTENT, NOW_MS);
        take(o, &span, 1, i, NOW_MS);
        traces_commit(o->traces);
        assert_true(traces_counts(o->traces)->bytes <= 8192);
    }
    const struct trace_counters *counts = traces_counts(o->traces);
    assert_int_equal(counts->forgotten + counts->remembered, 200);
    assert_true(counts->remembered > 5 && counts->remembered < 50);
    assert_int_equal(traces_needed(o->traces), (int64_t)counts->forgotten);
    sums_of(o, bins);
    assert_int_equal(bins[FLAG_NO_CONTENT], counts->forgotten);
    traces_fire(o->traces, NOW_MS + 3 * MINUTE);
    sums_of(o, bins);
    assert_int_equal(bins[FLAG_NO_CONTENT], 200 - counts->forgotten);
    traces_fire(o->traces, NOW_MS + 60 * MINUTE);
    traces_commit(o->traces);
    assert_int_equal(traces_counts(o->traces)->remembered, 0);
    assert_int_equal(traces_counts(o->traces)->bytes, 0);
    assert_int_equal(traces_needed(o->traces), -1);
    owner_close(o);
}

static void an_abort_leaves_nothing(void **state)
{
    (void)state;
    struct owner *o = owner_open(1 << 20);
    uint64_t bins[FLAG_BINS];
    struct digest known = digest_of(1, DIGEST_SPAN, FLAG_NO_CONTENT, NOW_MS), fresh = digest_of(2, DIGEST_SPAN, FLAG_NO_CONTENT, NOW_MS);
    struct digest half = digest_of(1, DIGEST_CONTENT, FLAG_PASS, NOW_MS);
    take(o, &known, 1, 0, NOW_MS);
    traces_commit(o->traces);
    uint64_t bytes = traces_counts(o->traces)->bytes;
    for (int i = 0; i < 3; i++) {
        take(o, &half, 1, 1, NOW_MS);
        take(o, &fresh, 1, 2, NOW_MS);
        traces_fire(o->traces, NOW_MS + 3 * MINUTE);
        measure_discard(o->measure);
        traces_rollback(o->traces);
        assert_int_equal(traces_counts(o->traces)->bytes, bytes);
        assert_int_equal(traces_counts(o->traces)->joined, 0);
    }
    traces_fire(o->traces, NOW_MS + 3 * MINUTE);
    traces_commit(o->traces);
    sums_of(o, bins);
    assert_int_equal(bins[FLAG_NO_CONTENT], 1);
    assert_int_equal(bins[FLAG_PASS], 0);
    assert_int_equal(traces_counts(o->traces)->digests, 1);
    owner_close(o);
}

static void a_new_owner_reads_again_and_goes_on(void **state)
{
    (void)state;
    struct owner *old = owner_open(1 << 20), *new = owner_open(1 << 20);
    uint64_t bins[2][FLAG_BINS];
    int64_t later_ms = NOW_MS + 10 * MINUTE;
    for (uint32_t i = 0; i < 20; i++) { /* ten are forgotten, ten have settled */
        struct digest span = digest_of(i, DIGEST_SPAN, FLAG_NO_CONTENT, i < 10 ? NOW_MS - 55 * MINUTE : NOW_MS);
        take(old, &span, 1, i, NOW_MS);
    }
    traces_fire(old->traces, later_ms);
    traces_commit(old->traces);
    sums_of(old, bins[0]);
    assert_int_equal(bins[0][FLAG_NO_CONTENT], 20);
    assert_int_equal(traces_needed(old->traces), 10);
    traces_relearn(new->traces);
    for (uint32_t i = 10; i < 20; i++) {
        struct digest span = digest_of(i, DIGEST_SPAN, FLAG_NO_CONTENT, NOW_MS);
        take(new, &span, 1, i, LOG_TIME_NONE);
    }
    traces_relearned(new->traces, later_ms);
    traces_commit(new->traces);
    assert_int_equal(traces_needed(new->traces), 10);
    assert_int_equal(traces_counts(new->traces)->bytes, traces_counts(old->traces)->bytes);
    assert_int_equal(traces_counts(new->traces)->digests, 0); /* counted by its predecessor */
    assert_true(measure_empty(new->measure));
    struct digest late[] = {digest_of(12, DIGEST_CONTENT, FLAG_FAIL, later_ms), digest_of(3, DIGEST_CONTENT, FLAG_FAIL, later_ms)};
    struct owner *const both[] = {old, new};
    for (int i = 0; i < 2; i++) {
        take(both[i], late, 2, 20, later_ms);
        traces_fire(both[i]->traces, later_ms + 3 * MINUTE);
        traces_commit(both[i]->traces);
        sums_of(both[i], bins[i]);
        assert_int_equal(bins[i][FLAG_FAIL], 1);
        assert_int_equal(bins[i][FLAG_NO_CONTENT], 0);
    }
    assert_int_equal(traces_counts(new->traces)->late, 1);
    owner_close(old);
    owner_close(new);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_owner_gives_up_the_oldest_with_its_last_words),
        cmocka_unit_test(an_abort_leaves_nothing),
        cmocka_unit_test(a_new_owner_reads_again_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
