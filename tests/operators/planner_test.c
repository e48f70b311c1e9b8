/*
 * planner_test.c - rates from counts: who gets how much, when it is published, what it says; read
 * as the flow reads it.
 */
#include "tests/test.h"

#include "engine/bus/embedded_log.h"
#include "engine/flow/rates_follow.h"
#include "operators/math/random.h"
#include "tests/operators/planner_bench.h"

/* ---- who gets how much ----------------------------------------------------------------------- */

static void intents_share_the_target_equally_and_small_ones_leave_the_rest(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(NULL);
    b.now_ms = planner_end_of(DAY_ONE);
    planner_tell_day(&b, DAY_ONE, "refund", "v1", 1240);
    planner_tell_day(&b, DAY_ONE, "order", "v1", 100000);
    planner_tell_day(&b, DAY_ONE, "faq", "v1", 48000);
    planner_tell_day(&b, DAY_ONE, "rare", "v1", 30);
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE) + HOUR_MS), 4);
    /* 2,000 = 30 + 3 × 656.7 */
    planner_assert_rate(&b, "refund", "v1", 0.53, 0.53,
                        "refund: 1,240 calls a day, 657 requests a day wanted: 53 %");
    planner_assert_rate(&b, "order", "v1", 0.00657, 0.00657,
                        "order: 100,000 calls a day, 657 requests a day wanted: 0.657 %");
    planner_assert_rate(&b, "faq", "v1", 0.0137, 0.0137, NULL);
    planner_assert_rate(&b, "rare", "v1", 1, 1,
                        "rare: 30 calls a day, 657 requests a day wanted: 100 %");
    planner_close(&b);
}

static void a_short_history_is_extrapolated_and_says_so(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(NULL);
    b.now_ms = planner_end_of(DAY_ONE);
    planner_tell(&b, DAY_ONE, "refund", "v1", 1000);
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE) + HOUR_MS), 1);
    planner_assert_rate(
        &b, "refund", "v1", 0.0833, 0.0833,
        "refund: about 24,000 calls a day (from 1 hour), 2,000 requests a day wanted: 8.33 %");
    planner_close(&b);
}

static void bounds_win_over_the_target_and_say_so(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(
        (const char *const[]){"planner.probability_min=1%", "planner.probability_max=5%", NULL});
    b.now_ms = planner_end_of(DAY_ONE);
    planner_tell_day(&b, DAY_ONE, "large", "v1", 9000000);
    planner_tell_day(&b, DAY_ONE, "small", "v1", 2400);
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE) + HOUR_MS), 2);
    struct published p;
    planner_assert_rate(&b, "large", "v1", 0.01, 0.01, NULL);
    assert_true(planner_find(&b, "large", "v1", &p) &&
                strstr(p.reason, ": 1 %, the least allowed") != NULL);
    planner_assert_rate(&b, "small", "v1", 0.0001 * 100, 0.01,
                        NULL); /* the target is spent: the floor */
    planner_close(&b);
    b = planner_open((const char *const[]){"planner.probability_max=5%", NULL});
    b.now_ms = planner_end_of(DAY_ONE);
    planner_tell_day(&b, DAY_ONE, "small", "v1", 2400);
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE) + HOUR_MS), 1);
    planner_assert_rate(
        &b, "small", "v1", 0.05, 0.05,
        "small: 2,400 calls a day, 2,000 requests a day wanted: 5 %, the most allowed");
    planner_close(&b);
}

/* Whatever the mix: the target is met to within rounding, or everything is at a bound. */
static void requests_add_up_to_the_target(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(81));
    for (int n = 0; n < 300; n++) {
        struct planner_bench b = planner_open(NULL);
        double calls[40], requests = 0, all = 0;
        int intents = 1 + (int)(random_u64(&random) % 40);
        b.now_ms = planner_end_of(DAY_ONE);
        for (int i = 0; i < intents; i++) {
            char name[16];
            snprintf(name, sizeof name, "i%d", i);
            uint64_t a_day = 24 + (random_u64(&random) >> (44 + random_u64(&random) % 16));
            calls[i] = (double)a_day;
            all += calls[i];
            planner_tell_day(&b, DAY_ONE, name, "v1", a_day);
        }
        assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE) + HOUR_MS), intents);
        bool at_floor = false;
        for (int i = 0; i < intents; i++) {
            char name[16];
            struct published p;
            snprintf(name, sizeof name, "i%d", i);
            assert_true(planner_find(&b, name, "v1", &p));
            requests += p.base * calls[i];
            at_floor |= p.base <= 0.0001;
        }
        double target = all < 2000 ? all : 2000;
        assert_true(requests > 0.99 * target && (requests < 1.01 * target || at_floor));
        planner_close(&b);
    }
}

/* ---- one base for an intent ------------------------------------------------------------------ */

static void strata_of_an_intent_share_the_base_and_newcomers_take_it_over(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(NULL);
    b.now_ms = planner_end_of(DAY_ONE);
    planner_tell_day(&b, DAY_ONE, "order", "v1", 9600);
    planner_tell_env(&b, DAY_ONE, "prod", "order", "v1", "other", 400);
    planner_tell_env(&b, DAY_ONE, "test", "order", "v1", "m", 0);
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE) + HOUR_MS - 60000), 2);
    planner_assert_rate(&b, "order", "v1", 0.2, 0.2, NULL);
    /* 15 % more traffic with a new version: its base is the published one, and nothing else
     * changes */
    planner_tell(&b, DAY_ONE + 1, "order", "v2", 1500);
    planner_tell(&b, DAY_ONE + 1, "order", "v1", 400);
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE + 1) + HOUR_MS - 60000), 1);
    planner_assert_rate(&b, "order", "v2", 0.2, 0.2 * 2, NULL);
    /* far more: everything of the intent, together */
    planner_tell(&b, DAY_ONE + 2, "order", "v2", 20000);
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE + 2) + HOUR_MS - 60000), 3);
    struct published one, other;
    assert_true(planner_find(&b, "order", "v1", &one) && planner_find(&b, "order", "v2", &other));
    assert_true(one.base == other.base && one.valid_from_ms == other.valid_from_ms);
    assert_true(other.boost > 1.98 * other.base && other.boost < 2.02 * other.base &&
                one.boost == one.base);
    planner_close(&b);
}

static void small_changes_are_not_published_and_large_ones_once_an_hour(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(NULL);
    b.now_ms = planner_end_of(DAY_ONE);
    planner_tell_day(&b, DAY_ONE, "order", "v1", 24000);
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE) + HOUR_MS - 60000), 1);
    for (int64_t h = 1; h < 5; h++) { /* 10 % more in each hour, at most 1.7 % of the day */
        planner_tell(&b, DAY_ONE + h, "order", "v1", 1100);
        assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE + h) + HOUR_MS - 60000), 0);
    }
    for (int i = 0; i < 10; i++)
        planner_tell(&b, DAY_ONE + 5, "order", "v1", 1000);
    int64_t planning_ms = b.class->deadline(b.state);
    assert_int_equal(planning_ms % HOUR_MS, 600000);
    assert_int_equal(planner_go_to(&b, planning_ms - 1), 0);
    assert_int_equal(planner_go_to(&b, planning_ms), 1);
    planner_tell(&b, DAY_ONE + 5, "order", "v1", 50000); /* late, in the same hour */
    assert_true(b.class->deadline(b.state) == planning_ms + HOUR_MS);
    planner_close(&b);
}

/* ---- new prompts ----------------------------------------------------------------------------- */

static void a_new_prompt_is_boosted_for_two_days(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(NULL);
    uint32_t changes = 0;
    for (int64_t h = 0; h < 100; h++) {
        b.now_ms = planner_end_of(DAY_ONE + h);
        planner_tell(&b, DAY_ONE + h, "order", "v1", h < 30 ? 1000 : 500);
        if (h >= 30)
            planner_tell(&b, DAY_ONE + h, "order", "v2", 500);
        uint32_t records = planner_go_to(&b, planner_end_of(DAY_ONE + h) + HOUR_MS - 60000);
        changes += records;
        if (h == 30)
            planner_assert_rate(&b, "order", "v2", 0.0833, 0.167,
                                "order: 24,000 calls a day, 2,000 requests a day wanted: 8.33 %; "
                                "prompt v2 is new: 16.7 % for 48 h");
        else if (h == 78)
            planner_assert_rate(&b, "order", "v2", 0.0833, 0.0833,
                                "order: 24,000 calls a day, 2,000 requests a day wanted: 8.33 %");
    }
    assert_int_equal(changes, 3); /* v1 once, v2 at its start and at the end of its boost */
    planner_close(&b);
}

static void what_was_there_on_the_first_day_is_not_new(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(NULL);
    for (int64_t h = 0; h < 24; h++) {
        b.now_ms = planner_end_of(DAY_ONE + h);
        planner_tell(&b, DAY_ONE + h, "order", h % 2 ? "v1" : "v2", 1000);
        planner_tell(&b, DAY_ONE + h, "order", h < 12 ? "none" : "unknown", 100);
        struct published p;
        (void)planner_go_to(&b, planner_end_of(DAY_ONE + h) + HOUR_MS - 60000);
        static const char *const prompts[] = {"v1", "v2", "none", "unknown"};
        for (int i = 0; i < 4; i++)
            assert_true(!planner_find(&b, "order", prompts[i], &p) || p.boost == p.base);
    }
    planner_close(&b);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void strata_beyond_the_limit_are_counted_together(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(NULL), reversed = planner_open(NULL);
    b.now_ms = reversed.now_ms = planner_end_of(DAY_ONE);
    for (int i = 0; i < 300; i++) {
        char prompt[16];
        snprintf(prompt, sizeof prompt, "p%d", i);
        planner_tell(&b, DAY_ONE, "order", prompt, 10);
        snprintf(prompt, sizeof prompt, "p%d", 299 - i);
        planner_tell(&reversed, DAY_ONE, "order", prompt, 10);
    }
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE) + HOUR_MS), 256);
    assert_int_equal(planner_go_to(&reversed, planner_end_of(DAY_ONE) + HOUR_MS), 256);
    assert_true(bytes_equal(buffer_bytes(&b.outputs), buffer_bytes(&reversed.outputs)));
    const char *said = "; 440 calls of strata beyond the first 256 keep the default";
    bool found = false;
    for (size_t i = 0; i + strlen(said) <= b.outputs.size; i++)
        found |= memcmp(b.outputs.data + i, said, strlen(said)) == 0;
    assert_true(found);
    planner_close(&b);
    planner_close(&reversed);
}

static void strata_without_calls_for_a_week_make_room(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(NULL);
    b.now_ms = planner_end_of(DAY_ONE);
    planner_tell(&b, DAY_ONE, "order", "old", 100);
    for (int64_t h = 0; h < 24 * 8; h++) {
        b.now_ms = planner_end_of(DAY_ONE + h);
        planner_tell(&b, DAY_ONE + h, "order", "v1", 1000);
        uint32_t records = planner_go_to(&b, planner_end_of(DAY_ONE + h) + HOUR_MS - 60000);
        assert_true(h == 0 ? records == 2 : records == 0);
    }
    planner_tell(&b, DAY_ONE + 24 * 8, "order", "old", 100); /* forgotten, so it is a newcomer */
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE + 24 * 8) + HOUR_MS - 60000), 1);
    planner_close(&b);
}

static void evidence_that_cannot_be_is_left_out(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(NULL);
    char longer[66] = "";
    memset(longer, 'x', 65);
    b.now_ms = planner_end_of(DAY_ONE);
    planner_tell(&b, -1, "order", "v1", 100);
    planner_tell(&b, INT64_MAX, "order", "v1", 100);
    planner_tell(&b, DAY_ONE + 100, "order", "v1", 100); /* days ahead of our clock */
    planner_tell(&b, DAY_ONE, longer, "v1", 100);
    planner_tell(&b, DAY_ONE, "order", longer, 100);
    planner_tell(&b, DAY_ONE, "order", "v1", 0);
    struct tracker_call call = planner_call(&b);
    b.class->evidence_in(&call, b.state, BYTES_LITERAL(""));
    b.class->evidence_in(&call, b.state, BYTES_LITERAL("\1\1\1"));
    assert_true(b.class->deadline(b.state) == TRACKER_NO_TIMER);
    planner_tell(&b, DAY_ONE, "order", "v1", 1000);
    planner_tell(&b, DAY_ONE - 24, "faq", "v1", 1000); /* a day late: too late */
    planner_tell(&b, DAY_ONE - 23, "rare", "v1", 1000);
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE) + HOUR_MS), 2);
    planner_close(&b);
}

/* ---- as the flow reads it -------------------------------------------------------------------- */

static void the_flow_reads_what_is_published(void **state)
{
    (void)state;
    struct planner_bench b = planner_open(NULL);
    struct bus *bus = embedded_log_open(NULL);
    struct error error = {0};
    const struct topic_spec topic = {"rates", 1, TOPIC_COMPACT, -1};
    assert_true(bus_create(bus, &topic, &error));
    b.now_ms = planner_end_of(DAY_ONE);
    planner_tell_day(&b, DAY_ONE, "order \"x\"\n", "v1", 9600);
    planner_tell_day(&b, DAY_ONE, "", "v1", 100);
    assert_int_equal(planner_go_to(&b, planner_end_of(DAY_ONE) + HOUR_MS), 2);
    struct published p;
    assert_true(planner_find(&b, "order \"x\"\n", "v1", &p));
    struct reader reader = reader_of(buffer_bytes(&b.outputs));
    struct bus_output output = {.topic = "rates", .partition = 0};
    enum tracker_output kind;
    while (tracker_next_output(&reader, &kind, &output.key, &output.value))
        assert_true(embedded_log_append(bus, &output, NULL, &error));
    const struct rate defaults = {.base = 0.01, .boost = 0.01, .forced = 0.5};
    struct rates_follow *follow = rates_follow_open(bus, "rates", &defaults, &error);
    assert_non_null(follow);
    uint64_t stratum = rates_stratum(BYTES_LITERAL("shop"), BYTES_LITERAL("order \"x\"\n"),
                                     BYTES_LITERAL("v1"), BYTES_LITERAL("m"));
    assert_true(rates_find(rates_follow_at(follow, p.valid_from_ms - 1), stratum).base == 0.01);
    const struct rates *rates = rates_follow_at(follow, p.valid_from_ms);
    assert_true(rates_find(rates, stratum).base == p.base &&
                rates_find(rates, stratum).forced == 1.0);
    assert_true(rates_find(rates, rates_stratum(BYTES_LITERAL("shop"), BYTES_LITERAL(""),
                                                BYTES_LITERAL("v1"), BYTES_LITERAL("m")))
                    .base == 1.0);
    assert_int_equal(rates_version(rates), p.valid_from_ms);
    assert_int_equal(rates_follow_bad(follow), 0);
    rates_follow_close(follow);
    bus_close(bus);
    planner_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intents_share_the_target_equally_and_small_ones_leave_the_rest),
        cmocka_unit_test(a_short_history_is_extrapolated_and_says_so),
        cmocka_unit_test(bounds_win_over_the_target_and_say_so),
        cmocka_unit_test(requests_add_up_to_the_target),
        cmocka_unit_test(strata_of_an_intent_share_the_base_and_newcomers_take_it_over),
        cmocka_unit_test(small_changes_are_not_published_and_large_ones_once_an_hour),
        cmocka_unit_test(a_new_prompt_is_boosted_for_two_days),
        cmocka_unit_test(what_was_there_on_the_first_day_is_not_new),
        cmocka_unit_test(strata_beyond_the_limit_are_counted_together),
        cmocka_unit_test(strata_without_calls_for_a_week_make_room),
        cmocka_unit_test(evidence_that_cannot_be_is_left_out),
        cmocka_unit_test(the_flow_reads_what_is_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
