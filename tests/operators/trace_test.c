/*
 * trace_test.c - the trace tracker by hand: digests in, measurements out, as golden lines.
 *
 * A line per measurement: what, bin[+amount], @label set.
 */
#include "tests/test.h"

#include "engine/base/memory.h"
#include "engine/base/option.h"
#include "engine/span/span_batch.h"
#include "engine/state/layout.h"
#include "operators/track/trace_state.h"
#include "operators/track/track.h"

#include <stdlib.h>

#define START_MS  ((int64_t)1700000000000)
#define QUIET_MS  ((int64_t)180000)
#define HOUR_MS   ((int64_t)3600000)
#define ABSENT    DIGEST_ABSENT
#define STATE_MAX ((size_t)1 << 17)

/* In the order of `results` below. */
enum { FORMAT, TRUNCATED, WORDS };

struct bench {
    struct trace_conf conf;
    void *state;
    uint32_t size;
    struct buffer outputs;
    uint64_t counters[16];
    int64_t now_ms;
    char text[4096];
};

static const struct result_metric results[] = {
    {.flag = true, .asked = true, .amount = DIGEST_AMOUNTS},
    {.flag = true, .amount = DIGEST_AMOUNTS},
    {.amount = 0},
};

static struct tracker_call call_of(struct bench *b)
{
    return (struct tracker_call){.conf = &b->conf,
                                 .entity = BYTES_LITERAL("sixteen bytes id"),
                                 .now_ms = b->now_ms,
                                 .outputs = &b->outputs,
                                 .counters = b->counters,
                                 .results = results,
                                 .results_count = 3};
}

static struct bench bench_open(void)
{
    struct bench b = {.state = memory_allocate(STATE_MAX), .size = tracker_trace.state_bytes, .outputs = BUFFER_WITH_LIMIT(1 << 20), .now_ms = START_MS};
    option_set_defaults(tracker_trace.options, &b.conf);
    assert_int_equal(b.conf.quiet_ms, QUIET_MS);
    assert_int_equal(b.conf.remember_ms, HOUR_MS);
    struct tracker_call call = call_of(&b);
    tracker_trace.start(&call, b.state);
    return b;
}

static void bench_close(struct bench *b)
{
    memory_free(b->state);
    buffer_free(&b->outputs);
}

static void tell(struct bench *b, struct digest digest)
{
    uint8_t bytes[1 + DIGEST_BYTES] = {EVIDENCE_DIGESTS};
    digest.log_ms = b->now_ms;
    memcpy(bytes + 1, &digest, sizeof digest);
    struct bytes payload = bytes_of(bytes, sizeof bytes);
    struct tracker_call call = call_of(b);
    b->size = tracker_trace.room(b->state, payload);
    assert_true(b->size <= STATE_MAX);
    tracker_trace.evidence_in(&call, b->state, payload);
    assert_true(tracker_trace.valid(b->state, b->size));
}

static int compare_lines(const void *left, const void *right) { return strcmp(left, right); }

/* Everything that was measured since the last look, sorted, as text. */
static const char *measured(struct bench *b)
{
    static const char *const names[] = {"format", "truncated", "words"};
    struct reader reader = reader_of(buffer_bytes(&b->outputs));
    enum tracker_output kind;
    struct bytes key, value;
    char lines[64][64];
    size_t count = 0;
    while (tracker_next_output(&reader, &kind, &key, &value)) {
        struct tracker_measurement m;
        assert_true(kind == OUTPUT_MEASUREMENT && value.size == sizeof m && count < 64);
        memcpy(&m, value.data, sizeof m);
        assert_memory_equal(m.trace_id, "sixteen bytes id", 16);
        if (m.measured == MEASURED_SCORE)
            (void)snprintf(lines[count++], 64, "score %u @%u by %u; ", m.bin, m.labels, m.evaluator);
        else if (m.measured == MEASURED_OWN)
            (void)snprintf(lines[count++], 64, "%s %u @%u; ", tracker_trace.metrics[m.which].name, m.bin, m.labels);
        else if (m.amount > 0)
            (void)snprintf(lines[count++], 64, "%s %u+%u @%u; ", names[m.which], m.bin, m.amount, m.labels);
        else
            (void)snprintf(lines[count++], 64, "%s %u @%u; ", names[m.which], m.bin, m.labels);
    }
    assert_false(reader.failed);
    qsort(lines, count, sizeof lines[0], compare_lines);
    size_t at = 0;
    b->text[0] = 0;
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(b->text + at, sizeof b->text - at, "%s", lines[i]);
    assert_true(at < sizeof b->text);
    buffer_clear(&b->outputs);
    return b->text;
}

/* Goes on to this time, as the engine does; what was measured on the way. */
static const char *go_to(struct bench *b, int64_t now_ms)
{
    b->now_ms = now_ms;
    while (tracker_trace.deadline(b->state) <= now_ms) {
        struct tracker_call call = call_of(b);
        int64_t before = tracker_trace.deadline(b->state);
        tracker_trace.timer(&call, b->state);
        assert_true(tracker_trace.deadline(b->state) > before);
    }
    return measured(b);
}

/* ---- digests ---------------------------------------------------------------------------------- */

/* A call that asked for JSON and has no answer on it, unless told otherwise. */
static struct digest span(uint64_t id, uint64_t parent, uint32_t labels)
{
    struct digest d = {.span_id = id, .link = parent, .event_ms = START_MS + (int64_t)id, .labels = labels,
                       .kind = DIGEST_SPAN, .role = ROLE_CALL, .flags = DIGEST_LEAF,
                       .results = {FLAG_NO_CONTENT, FLAG_PASS, ABSENT, ABSENT, ABSENT, ABSENT}};
    return d;
}

static struct digest answered(uint64_t id, uint64_t parent, uint32_t labels)
{
    struct digest d = span(id, parent, labels);
    d.results[FORMAT] = FLAG_PASS;
    d.results[WORDS] = 40;
    d.amounts[0] = 3;
    return d;
}

static struct digest as(struct digest d, enum span_role role, uint8_t flags)
{
    d.role = (uint8_t)role;
    d.flags = flags;
    return d;
}

static struct digest content(uint64_t span_id, uint64_t link, uint16_t format, uint32_t words)
{
    struct digest d = {.span_id = span_id, .link = link, .event_ms = START_MS + (int64_t)link, .labels = 9, .kind = DIGEST_CONTENT,
                       .results = {format, FLAG_FAIL, (uint16_t)(30 + words), ABSENT, ABSENT, ABSENT}, .amounts = {words}};
    return d;
}

static struct digest evaluation(uint64_t span_id, uint64_t link, uint16_t score)
{
    struct digest d = {.span_id = span_id, .link = link, .event_ms = START_MS + 5, .labels = 8, .kind = DIGEST_EVALUATION,
                       .results = {score, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT}};
    return d;
}

/* ---- halves that meet ------------------------------------------------------------------------- */

static void nothing_is_measured_before_the_quiet_time_ends(void **state)
{
    (void)state;
    struct bench b = bench_open();
    tell(&b, span(1, 0, 7));
    assert_string_equal(go_to(&b, START_MS + QUIET_MS - 1), "");
    tell(&b, answered(2, 0, 7)); /* quiet no more */
    assert_string_equal(go_to(&b, START_MS + QUIET_MS), "");
    assert_string_equal(go_to(&b, START_MS + 2 * QUIET_MS - 1), "format 2 @7; ");
    assert_int_equal(b.counters[TRACE_MISSING], 1);
    bench_close(&b);
}

static void content_stands_in_where_the_span_has_none(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct bench b = bench_open();
        tell(&b, order ? span(1, 0, 7) : content(1, 4, FLAG_FAIL, 5));
        tell(&b, order ? content(1, 4, FLAG_FAIL, 5) : span(1, 0, 7));
        /* truncated is the span's own, under its labels in front */
        assert_string_equal(go_to(&b, START_MS + QUIET_MS), "format 1 @7; words 35+5 @7; ");
        assert_int_equal(b.counters[TRACE_JOINED], 1);
        assert_int_equal(b.counters[TRACE_MISSING], 0);
        assert_string_equal(go_to(&b, START_MS + 2 * HOUR_MS), "");
        assert_int_equal(tracker_trace.deadline(b.state), TRACKER_NO_TIMER);
        bench_close(&b);
    }
}

static void what_a_span_did_not_ask_for_content_does_not_decide(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct digest prose = span(1, 0, 7);
    prose.results[FORMAT] = ABSENT;
    prose.results[TRUNCATED] = FLAG_NO_CONTENT;
    tell(&b, prose);
    tell(&b, content(1, 4, FLAG_FAIL, 5));
    tell(&b, answered(2, 0, 7)); /* has all of its own */
    tell(&b, content(2, 4, FLAG_FAIL, 6));
    assert_string_equal(go_to(&b, START_MS + QUIET_MS), "truncated 1 @7; words 35+5 @7; ");
    bench_close(&b);
}

static void of_several_contents_the_first_counts(void **state)
{
    (void)state;
    struct bench b = bench_open();
    tell(&b, content(1, 5, FLAG_FAIL, 2));
    tell(&b, content(1, 4, FLAG_PASS, 1));
    tell(&b, content(1, 4, FLAG_PASS, 1)); /* a repeat */
    tell(&b, span(1, 0, 7));
    assert_string_equal(go_to(&b, START_MS + QUIET_MS), "format 0 @7; words 31+1 @7; ");
    assert_int_equal(b.counters[TRACE_JOINED], 2);
    assert_int_equal(b.counters[TRACE_DUPLICATES], 1);
    bench_close(&b);
}

static void content_may_name_the_answer_instead_of_the_span(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct digest call = span(1, 0, 7), other = content(0, 4, FLAG_PASS, 2);
    call.response = other.response = 77;
    tell(&b, call);
    tell(&b, other);
    assert_string_equal(go_to(&b, START_MS + QUIET_MS), "format 0 @7; words 32+2 @7; ");
    bench_close(&b);
}

static void evaluations_take_the_labels_of_their_span_or_of_the_trace(void **state)
{
    (void)state;
    struct bench b = bench_open();
    tell(&b, as(span(3, 0, 5), ROLE_AGENT, 0));
    tell(&b, answered(1, 3, 6));
    tell(&b, answered(2, 3, 7));
    tell(&b, evaluation(2, 1, 4));
    tell(&b, evaluation(3, 2, 3));
    tell(&b, evaluation(0, 3, 2));  /* of the trace: its first call */
    tell(&b, evaluation(99, 4, 1)); /* of a span that has no digest */
    /* the agent has an open flag of its own */
    assert_string_equal(go_to(&b, START_MS + QUIET_MS), "format 2 @5; score 1 @6 by 8; score 2 @6 by 8; score 3 @5 by 8; score 4 @7 by 8; ");
    assert_int_equal(b.counters[TRACE_JOINED], 4);
    bench_close(&b);
}

/* ---- one call, one leaf ------------------------------------------------------------------------ */

static void wrappers_and_copies_of_other_records_are_taken_back_once(void **state)
{
    (void)state;
    struct bench b = bench_open();
    tell(&b, as(answered(1, 0, 6), ROLE_CALL, DIGEST_LEAF | DIGEST_TOKENS));
    tell(&b, as(answered(2, 5, 7), ROLE_CALL, DIGEST_LEAF | DIGEST_TOKENS));
    tell(&b, as(answered(5, 1, 7), ROLE_HTTP, 0)); /* between them */
    tell(&b, as(answered(3, 2, 8), ROLE_CALL, DIGEST_LEAF)); /* below one that has the tokens */
    assert_string_equal(go_to(&b, START_MS + QUIET_MS), "spans.recounted 1 @6; spans.recounted 1 @8; ");
    tell(&b, as(answered(4, 1, 7), ROLE_TOOL, 0));
    assert_string_equal(go_to(&b, START_MS + HOUR_MS), "");
    assert_int_equal(b.counters[TRACE_RECOUNTED], 2);
    assert_int_equal(b.counters[TRACE_LATE], 1);
    bench_close(&b);
}

static void a_tool_between_two_calls_keeps_both(void **state)
{
    (void)state;
    struct bench b = bench_open();
    tell(&b, answered(1, 0, 6));
    tell(&b, as(answered(2, 1, 6), ROLE_TOOL, 0));
    tell(&b, answered(3, 2, 6));
    assert_string_equal(go_to(&b, START_MS + QUIET_MS), "");
    bench_close(&b);
}

static void a_span_of_two_partitions_is_taken_back_once_for_each_repeat(void **state)
{
    (void)state;
    struct bench b = bench_open();
    tell(&b, span(1, 0, 7));
    tell(&b, span(1, 0, 7));
    tell(&b, span(1, 0, 7));
    assert_string_equal(go_to(&b, START_MS + QUIET_MS), "format 2 @7; spans.recounted 1 @7; spans.recounted 1 @7; ");
    tell(&b, span(1, 0, 7));
    assert_string_equal(go_to(&b, START_MS + HOUR_MS), "spans.recounted 1 @7; ");
    bench_close(&b);
}

static void the_call_around_a_call_leaves_its_open_flags_to_it(void **state)
{
    (void)state;
    struct bench b = bench_open();
    tell(&b, span(1, 0, 6));
    tell(&b, span(2, 1, 7));
    assert_string_equal(go_to(&b, START_MS + QUIET_MS), "format 2 @7; spans.recounted 1 @6; ");
    bench_close(&b);
}

/* ---- late, never, too much ----------------------------------------------------------------------- */

static void late_halves_amend(void **state)
{
    (void)state;
    struct bench b = bench_open();
    tell(&b, span(1, 0, 7));
    assert_string_equal(go_to(&b, START_MS + QUIET_MS), "format 2 @7; ");
    b.now_ms += 600000;
    tell(&b, content(1, 4, FLAG_PASS, 5));
    tell(&b, evaluation(1, 4, 2));
    assert_string_equal(go_to(&b, b.now_ms + QUIET_MS), "format 0 @7; score 2 @7 by 8; words 35+5 @7; ");
    assert_int_equal(b.counters[TRACE_LATE], 2);
    tell(&b, content(1, 6, FLAG_FAIL, 6)); /* the call has its answer */
    assert_string_equal(go_to(&b, START_MS + HOUR_MS), "");
    bench_close(&b);
}

static void what_never_finds_its_span_is_measured_as_it_stands_when_forgotten(void **state)
{
    (void)state;
    struct bench b = bench_open();
    tell(&b, content(1, 4, FLAG_FAIL, 5));
    tell(&b, evaluation(1, 4, 2));
    assert_string_equal(go_to(&b, START_MS + HOUR_MS - 1), "");
    assert_string_equal(go_to(&b, START_MS + HOUR_MS), "score 2 @8 by 8; truncated 1 @9; words 35+5 @9; ");
    assert_int_equal(b.counters[TRACE_UNJOINED], 2);
    assert_int_equal(tracker_trace.deadline(b.state), TRACKER_NO_TIMER);
    bench_close(&b);
}

static void given_up_early_it_settles_first(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct tracker_call call = call_of(&b);
    tell(&b, span(1, 0, 7));
    tell(&b, content(1, 4, FLAG_PASS, 1));
    tell(&b, content(2, 4, FLAG_PASS, 2));
    tracker_trace.end(&call, b.state);
    assert_string_equal(measured(&b), "format 0 @7; truncated 1 @9; words 31+1 @7; words 32+2 @9; ");
    bench_close(&b);
}

static void beyond_the_most_items_nothing_is_lost(void **state)
{
    (void)state;
    struct bench b = bench_open();
    for (uint64_t id = 1; id <= TRACE_ITEMS_MAX; id++)
        tell(&b, as(answered(id, 0, 7), ROLE_TOOL, 0));
    tell(&b, span(5000, 0, 6));
    tell(&b, evaluation(5000, 1, 3));
    tell(&b, content(5000, 1, FLAG_PASS, 2));
    assert_string_equal(measured(&b), "format 2 @6; score 3 @8 by 8; truncated 1 @9; words 32+2 @9; ");
    assert_int_equal(b.counters[TRACE_OVERFLOW], 3);
    assert_int_equal(b.size, sizeof(struct trace_state) + TRACE_ITEMS_MAX * sizeof(struct trace_item));
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_measured_before_the_quiet_time_ends),
        cmocka_unit_test(content_stands_in_where_the_span_has_none),
        cmocka_unit_test(what_a_span_did_not_ask_for_content_does_not_decide),
        cmocka_unit_test(of_several_contents_the_first_counts),
        cmocka_unit_test(content_may_name_the_answer_instead_of_the_span),
        cmocka_unit_test(evaluations_take_the_labels_of_their_span_or_of_the_trace),
        cmocka_unit_test(wrappers_and_copies_of_other_records_are_taken_back_once),
        cmocka_unit_test(a_tool_between_two_calls_keeps_both),
        cmocka_unit_test(a_span_of_two_partitions_is_taken_back_once_for_each_repeat),
        cmocka_unit_test(the_call_around_a_call_leaves_its_open_flags_to_it),
        cmocka_unit_test(late_halves_amend),
        cmocka_unit_test(what_never_finds_its_span_is_measured_as_it_stands_when_forgotten),
        cmocka_unit_test(given_up_early_it_settles_first),
        cmocka_unit_test(beyond_the_most_items_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
