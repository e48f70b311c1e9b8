/*
 * planner_test.c - rates from counts: who gets how much, when it is published, what it says; read as
 * the flow reads it.
 */
#include "tests/test.h"

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/bus/embedded_log.h"
#include "engine/flow/rates_follow.h"
#include "operators/math/random.h"
#include "operators/registry.h"

#define HOUR_MS ((int64_t)3600000)
#define DAY_ONE ((int64_t)472200) /* an hour */

/* A planner of one app, and the records of its newest planning. */
struct bench {
    const struct tracker_class *class;
    struct registry *registry;
    void *state;
    struct buffer outputs;
    struct json_document *json;
    int64_t now_ms;
};

static struct tracker_call call_of(struct bench *b)
{
    return (struct tracker_call){.conf = b->registry->trackers[0].conf, .entity = BYTES_LITERAL("shop"), .now_ms = b->now_ms, .outputs = &b->outputs};
}

/* options: "name=value" texts, NULL at the end. */
static struct bench open_bench(const char *const *options)
{
    struct bench b = {.class = registry_trackers[0], .registry = registry_create(), .outputs = BUFFER_WITH_LIMIT(16 << 20),
                      .json = json_create(1 << 16), .now_ms = DAY_ONE * HOUR_MS};
    for (; options != NULL && *options != NULL; options++) {
        struct error error = {0};
        const char *equals = strchr(*options, '=');
        if (!registry_set(b.registry, bytes_of(*options, (size_t)(equals - *options)), bytes_from_text(equals + 1), &error))
            fail_msg("%s", error.message);
    }
    b.state = memory_allocate(b.class->state_bytes);
    struct tracker_call call = call_of(&b);
    b.class->start(&call, b.state);
    return b;
}

static void close_bench(struct bench *b)
{
    registry_destroy(b->registry);
    memory_free(b->state);
    buffer_free(&b->outputs);
    json_destroy(b->json);
}

static void tell_env(struct bench *b, int64_t hour, const char *env, const char *intent, const char *prompt, const char *model, uint64_t calls)
{
    uint8_t room[512];
    struct buffer payload = {room, 0, sizeof room, sizeof room, false};
    evidence_write_population(&(struct evidence_population){.hour = hour, .calls = calls, .env = bytes_from_text(env),
                                                            .intent = bytes_from_text(intent), .prompt = bytes_from_text(prompt),
                                                            .model = bytes_from_text(model)}, &payload);
    struct tracker_call call = call_of(b);
    b->class->evidence_in(&call, b->state, buffer_bytes(&payload));
}

static void tell(struct bench *b, int64_t hour, const char *intent, const char *prompt, uint64_t calls)
{
    tell_env(b, hour, "prod", intent, prompt, "m", calls);
}

/* The same calls in each of the last 24 hours up to `hour`. */
static void tell_day(struct bench *b, int64_t hour, const char *intent, const char *prompt, uint64_t calls_a_day)
{
    for (int64_t h = hour - 23; h <= hour; h++)
        tell(b, h, intent, prompt, calls_a_day / 24 + (h == hour ? calls_a_day % 24 : 0));
}

static uint32_t count_outputs(const struct bench *b)
{
    struct reader reader = reader_of(buffer_bytes(&b->outputs));
    enum tracker_output kind;
    struct bytes key, value;
    uint32_t count = 0;
    while (tracker_next_output(&reader, &kind, &key, &value))
        count++;
    return count;
}

/* Goes on to this time; how many records the plannings on the way gave. */
static uint32_t go_to(struct bench *b, int64_t now_ms)
{
    buffer_clear(&b->outputs);
    while (b->class->deadline(b->state) <= now_ms) {
        int64_t deadline_ms = b->class->deadline(b->state);
        b->now_ms = deadline_ms > b->now_ms ? deadline_ms : b->now_ms;
        struct tracker_call call = call_of(b);
        b->class->timer(&call, b->state);
        assert_true(b->class->valid(b->state, b->class->state_bytes));
    }
    b->now_ms = now_ms;
    return count_outputs(b);
}

/* The end of this hour, when its evidence comes. */
static int64_t end_of(int64_t hour) { return (hour + 1) * HOUR_MS + 30000; }

struct published {
    double base, boost, forced;
    int64_t valid_from_ms, published_ms;
    char reason[400];
};

static bool find(struct bench *b, const char *intent, const char *prompt, struct published *out)
{
    struct reader reader = reader_of(buffer_bytes(&b->outputs));
    enum tracker_output kind;
    struct bytes key, value;
    struct error error;
    while (tracker_next_output(&reader, &kind, &key, &value)) {
        const struct json_value *root = json_parse(b->json, value, 4, &error);
        assert_non_null(root);
        assert_int_equal(kind, OUTPUT_RATES);
        assert_true(bytes_equal_text(json_text(json_get(root, "app")), "shop"));
        if (!bytes_equal_text(json_text(json_get(root, "intent")), intent) || !bytes_equal_text(json_text(json_get(root, "prompt")), prompt))
            continue;
        assert_true(json_real(json_get(root, "base"), &out->base) && json_real(json_get(root, "boost"), &out->boost));
        assert_true(json_real(json_get(root, "forced"), &out->forced));
        assert_true(json_integer(json_get(root, "valid_from_ms"), &out->valid_from_ms));
        assert_true(json_integer(json_get(root, "published_ms"), &out->published_ms));
        snprintf(out->reason, sizeof out->reason, "%.*s", BYTES_FMT(json_text(json_get(root, "reason"))));
        return true;
    }
    return false;
}

static void assert_rate(struct bench *b, const char *intent, const char *prompt, double base, double boost, const char *reason)
{
    struct published p;
    if (!find(b, intent, prompt, &p))
        fail_msg("nothing published for %s %s", intent, prompt);
    if (p.base != base || p.boost != boost || (reason != NULL && strcmp(p.reason, reason) != 0))
        fail_msg("%s %s: base %g boost %g, %s", intent, prompt, p.base, p.boost, p.reason);
    assert_true(p.forced == 1.0);
    assert_true(p.valid_from_ms >= p.published_ms + 60000 && p.valid_from_ms < p.published_ms + 120000);
    assert_int_equal(p.valid_from_ms % 60000, 0);
}

/* ---- who gets how much ------------------------------------------------------------------------------------ */

static void intents_share_the_target_equally_and_small_ones_leave_the_rest(void **state)
{
    (void)state;
    struct bench b = open_bench(NULL);
    b.now_ms = end_of(DAY_ONE);
    tell_day(&b, DAY_ONE, "refund", "v1", 1240);
    tell_day(&b, DAY_ONE, "order", "v1", 100000);
    tell_day(&b, DAY_ONE, "faq", "v1", 48000);
    tell_day(&b, DAY_ONE, "rare", "v1", 30);
    assert_int_equal(go_to(&b, end_of(DAY_ONE) + HOUR_MS), 4);
    /* 2,000 = 30 + 3 × 656.7 */
    assert_rate(&b, "refund", "v1", 0.53, 0.53, "refund: 1,240 calls a day, 657 requests a day wanted: 53 %");
    assert_rate(&b, "order", "v1", 0.00657, 0.00657, "order: 100,000 calls a day, 657 requests a day wanted: 0.657 %");
    assert_rate(&b, "faq", "v1", 0.0137, 0.0137, NULL);
    assert_rate(&b, "rare", "v1", 1, 1, "rare: 30 calls a day, 657 requests a day wanted: 100 %");
    close_bench(&b);
}

static void a_short_history_is_extrapolated_and_says_so(void **state)
{
    (void)state;
    struct bench b = open_bench(NULL);
    b.now_ms = end_of(DAY_ONE);
    tell(&b, DAY_ONE, "refund", "v1", 1000);
    assert_int_equal(go_to(&b, end_of(DAY_ONE) + HOUR_MS), 1);
    assert_rate(&b, "refund", "v1", 0.0833, 0.0833, "refund: about 24,000 calls a day (from 1 hour), 2,000 requests a day wanted: 8.33 %");
    close_bench(&b);
}

static void bounds_win_over_the_target_and_say_so(void **state)
{
    (void)state;
    struct bench b = open_bench((const char *const[]){"planner.probability_min=1%", "planner.probability_max=5%", NULL});
    b.now_ms = end_of(DAY_ONE);
    tell_day(&b, DAY_ONE, "large", "v1", 9000000);
    tell_day(&b, DAY_ONE, "small", "v1", 2400);
    assert_int_equal(go_to(&b, end_of(DAY_ONE) + HOUR_MS), 2);
    struct published p;
    assert_rate(&b, "large", "v1", 0.01, 0.01, NULL);
    assert_true(find(&b, "large", "v1", &p) && strstr(p.reason, ": 1 %, the least allowed") != NULL);
    assert_rate(&b, "small", "v1", 0.0001 * 100, 0.01, NULL); /* the target is spent: the floor */
    close_bench(&b);
    b = open_bench((const char *const[]){"planner.probability_max=5%", NULL});
    b.now_ms = end_of(DAY_ONE);
    tell_day(&b, DAY_ONE, "small", "v1", 2400);
    assert_int_equal(go_to(&b, end_of(DAY_ONE) + HOUR_MS), 1);
    assert_rate(&b, "small", "v1", 0.05, 0.05, "small: 2,400 calls a day, 2,000 requests a day wanted: 5 %, the most allowed");
    close_bench(&b);
}

/* Whatever the mix: the target is met to within rounding, or everything is at a bound. */
static void requests_add_up_to_the_target(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(81));
    for (int n = 0; n < 300; n++) {
        struct bench b = open_bench(NULL);
        double calls[40], requests = 0, all = 0;
        int intents = 1 + (int)(random_u64(&random) % 40);
        b.now_ms = end_of(DAY_ONE);
        for (int i = 0; i < intents; i++) {
            char name[16];
            snprintf(name, sizeof name, "i%d", i);
            uint64_t a_day = 24 + (random_u64(&random) >> (44 + random_u64(&random) % 16));
            calls[i] = (double)a_day;
            all += calls[i];
            tell_day(&b, DAY_ONE, name, "v1", a_day);
        }
        assert_int_equal(go_to(&b, end_of(DAY_ONE) + HOUR_MS), intents);
        bool at_floor = false;
        for (int i = 0; i < intents; i++) {
            char name[16];
            struct published p;
            snprintf(name, sizeof name, "i%d", i);
            assert_true(find(&b, name, "v1", &p));
            requests += p.base * calls[i];
            at_floor |= p.base <= 0.0001;
        }
        double target = all < 2000 ? all : 2000;
        assert_true(requests > 0.99 * target && (requests < 1.01 * target || at_floor));
        close_bench(&b);
    }
}

/* ---- one base for an intent --------------------------------------------------------------------------------- */

static void strata_of_an_intent_share_the_base_and_newcomers_take_it_over(void **state)
{
    (void)state;
    struct bench b = open_bench(NULL);
    b.now_ms = end_of(DAY_ONE);
    tell_day(&b, DAY_ONE, "order", "v1", 9600);
    tell_env(&b, DAY_ONE, "prod", "order", "v1", "other", 400);
    tell_env(&b, DAY_ONE, "test", "order", "v1", "m", 0);
    assert_int_equal(go_to(&b, end_of(DAY_ONE) + HOUR_MS - 60000), 2);
    assert_rate(&b, "order", "v1", 0.2, 0.2, NULL);
    /* 15 % more traffic with a new version: its base is the published one, and nothing else changes */
    tell(&b, DAY_ONE + 1, "order", "v2", 1500);
    tell(&b, DAY_ONE + 1, "order", "v1", 400);
    assert_int_equal(go_to(&b, end_of(DAY_ONE + 1) + HOUR_MS - 60000), 1);
    assert_rate(&b, "order", "v2", 0.2, 0.2 * 2, NULL);
    /* far more: everything of the intent, together */
    tell(&b, DAY_ONE + 2, "order", "v2", 20000);
    assert_int_equal(go_to(&b, end_of(DAY_ONE + 2) + HOUR_MS - 60000), 3);
    struct published one, other;
    assert_true(find(&b, "order", "v1", &one) && find(&b, "order", "v2", &other));
    assert_true(one.base == other.base && one.valid_from_ms == other.valid_from_ms);
    assert_true(other.boost > 1.98 * other.base && other.boost < 2.02 * other.base && one.boost == one.base);
    close_bench(&b);
}

static void small_changes_are_not_published_and_large_ones_once_an_hour(void **state)
{
    (void)state;
    struct bench b = open_bench(NULL);
    b.now_ms = end_of(DAY_ONE);
    tell_day(&b, DAY_ONE, "order", "v1", 24000);
    assert_int_equal(go_to(&b, end_of(DAY_ONE) + HOUR_MS - 60000), 1);
    for (int64_t h = 1; h < 5; h++) { /* 10 % more in each hour, at most 1.7 % of the day */
        tell(&b, DAY_ONE + h, "order", "v1", 1100);
        assert_int_equal(go_to(&b, end_of(DAY_ONE + h) + HOUR_MS - 60000), 0);
    }
    for (int i = 0; i < 10; i++)
        tell(&b, DAY_ONE + 5, "order", "v1", 1000);
    int64_t planning_ms = b.class->deadline(b.state);
    assert_int_equal(planning_ms % HOUR_MS, 600000);
    assert_int_equal(go_to(&b, planning_ms - 1), 0);
    assert_int_equal(go_to(&b, planning_ms), 1);
    tell(&b, DAY_ONE + 5, "order", "v1", 50000); /* late, in the same hour */
    assert_true(b.class->deadline(b.state) == planning_ms + HOUR_MS);
    close_bench(&b);
}

/* ---- new prompts ----------------------------------------------------------------------------------------------- */

static void a_new_prompt_is_boosted_for_two_days(void **state)
{
    (void)state;
    struct bench b = open_bench(NULL);
    uint32_t changes = 0;
    for (int64_t h = 0; h < 100; h++) {
        b.now_ms = end_of(DAY_ONE + h);
        tell(&b, DAY_ONE + h, "order", "v1", h < 30 ? 1000 : 500);
        if (h >= 30)
            tell(&b, DAY_ONE + h, "order", "v2", 500);
        uint32_t records = go_to(&b, end_of(DAY_ONE + h) + HOUR_MS - 60000);
        changes += records;
        if (h == 30)
            assert_rate(&b, "order", "v2", 0.0833, 0.167, "order: 24,000 calls a day, 2,000 requests a day wanted: 8.33 %; "
                                                           "prompt v2 is new: 16.7 % for 48 h");
        else if (h == 78)
            assert_rate(&b, "order", "v2", 0.0833, 0.0833, "order: 24,000 calls a day, 2,000 requests a day wanted: 8.33 %");
    }
    assert_int_equal(changes, 3); /* v1 once, v2 at its start and at the end of its boost */
    close_bench(&b);
}

static void what_was_there_on_the_first_day_is_not_new(void **state)
{
    (void)state;
    struct bench b = open_bench(NULL);
    for (int64_t h = 0; h < 24; h++) {
        b.now_ms = end_of(DAY_ONE + h);
        tell(&b, DAY_ONE + h, "order", h % 2 ? "v1" : "v2", 1000);
        tell(&b, DAY_ONE + h, "order", h < 12 ? "none" : "unknown", 100);
        struct published p;
        (void)go_to(&b, end_of(DAY_ONE + h) + HOUR_MS - 60000);
        static const char *const prompts[] = {"v1", "v2", "none", "unknown"};
        for (int i = 0; i < 4; i++)
            assert_true(!find(&b, "order", prompts[i], &p) || p.boost == p.base);
    }
    close_bench(&b);
}

/* ---- bounds --------------------------------------------------------------------------------------------------------- */

static void strata_beyond_the_limit_are_counted_together(void **state)
{
    (void)state;
    struct bench b = open_bench(NULL), reversed = open_bench(NULL);
    b.now_ms = reversed.now_ms = end_of(DAY_ONE);
    for (int i = 0; i < 300; i++) {
        char prompt[16];
        snprintf(prompt, sizeof prompt, "p%d", i);
        tell(&b, DAY_ONE, "order", prompt, 10);
        snprintf(prompt, sizeof prompt, "p%d", 299 - i);
        tell(&reversed, DAY_ONE, "order", prompt, 10);
    }
    assert_int_equal(go_to(&b, end_of(DAY_ONE) + HOUR_MS), 256);
    assert_int_equal(go_to(&reversed, end_of(DAY_ONE) + HOUR_MS), 256);
    assert_true(bytes_equal(buffer_bytes(&b.outputs), buffer_bytes(&reversed.outputs)));
    const char *said = "; 440 calls of strata beyond the first 256 keep the default";
    bool found = false;
    for (size_t i = 0; i + strlen(said) <= b.outputs.size; i++)
        found |= memcmp(b.outputs.data + i, said, strlen(said)) == 0;
    assert_true(found);
    close_bench(&b);
    close_bench(&reversed);
}

static void strata_without_calls_for_a_week_make_room(void **state)
{
    (void)state;
    struct bench b = open_bench(NULL);
    b.now_ms = end_of(DAY_ONE);
    tell(&b, DAY_ONE, "order", "old", 100);
    for (int64_t h = 0; h < 24 * 8; h++) {
        b.now_ms = end_of(DAY_ONE + h);
        tell(&b, DAY_ONE + h, "order", "v1", 1000);
        uint32_t records = go_to(&b, end_of(DAY_ONE + h) + HOUR_MS - 60000);
        assert_true(h == 0 ? records == 2 : records == 0);
    }
    tell(&b, DAY_ONE + 24 * 8, "order", "old", 100); /* forgotten, so it is a newcomer */
    assert_int_equal(go_to(&b, end_of(DAY_ONE + 24 * 8) + HOUR_MS - 60000), 1);
    close_bench(&b);
}

static void evidence_that_cannot_be_is_left_out(void **state)
{
    (void)state;
    struct bench b = open_bench(NULL);
    char longer[66] = "";
    memset(longer, 'x', 65);
    b.now_ms = end_of(DAY_ONE);
    tell(&b, -1, "order", "v1", 100);
    tell(&b, INT64_MAX, "order", "v1", 100);
    tell(&b, DAY_ONE + 100, "order", "v1", 100); /* days ahead of our clock */
    tell(&b, DAY_ONE, longer, "v1", 100);
    tell(&b, DAY_ONE, "order", longer, 100);
    tell(&b, DAY_ONE, "order", "v1", 0);
    struct tracker_call call = call_of(&b);
    b.class->evidence_in(&call, b.state, BYTES_LITERAL(""));
    b.class->evidence_in(&call, b.state, BYTES_LITERAL("\1\1\1"));
    assert_true(b.class->deadline(b.state) == TRACKER_NO_TIMER);
    tell(&b, DAY_ONE, "order", "v1", 1000);
    tell(&b, DAY_ONE - 24, "faq", "v1", 1000); /* a day late: too late */
    tell(&b, DAY_ONE - 23, "rare", "v1", 1000);
    assert_int_equal(go_to(&b, end_of(DAY_ONE) + HOUR_MS), 2);
    close_bench(&b);
}

/* ---- as the flow reads it --------------------------------------------------------------------------------------------- */

static void the_flow_reads_what_is_published(void **state)
{
    (void)state;
    struct bench b = open_bench(NULL);
    struct bus *bus = embedded_log_open(NULL);
    struct error error = {0};
    const struct topic_spec topic = {"rates", 1, TOPIC_COMPACT, -1};
    assert_true(bus_create(bus, &topic, &error));
    b.now_ms = end_of(DAY_ONE);
    tell_day(&b, DAY_ONE, "order \"x\"\n", "v1", 9600);
    tell_day(&b, DAY_ONE, "", "v1", 100);
    assert_int_equal(go_to(&b, end_of(DAY_ONE) + HOUR_MS), 2);
    struct published p;
    assert_true(find(&b, "order \"x\"\n", "v1", &p));
    struct reader reader = reader_of(buffer_bytes(&b.outputs));
    struct bus_output output = {.topic = "rates", .partition = 0};
    enum tracker_output kind;
    while (tracker_next_output(&reader, &kind, &output.key, &output.value))
        assert_true(embedded_log_append(bus, &output, NULL, &error));
    const struct rate defaults = {.base = 0.01, .boost = 0.01, .forced = 0.5};
    struct rates_follow *follow = rates_follow_open(bus, "rates", &defaults, &error);
    assert_non_null(follow);
    uint64_t stratum = rates_stratum(BYTES_LITERAL("shop"), BYTES_LITERAL("order \"x\"\n"), BYTES_LITERAL("v1"), BYTES_LITERAL("m"));
    assert_true(rates_find(rates_follow_at(follow, p.valid_from_ms - 1), stratum).base == 0.01);
    const struct rates *rates = rates_follow_at(follow, p.valid_from_ms);
    assert_true(rates_find(rates, stratum).base == p.base && rates_find(rates, stratum).forced == 1.0);
    assert_true(rates_find(rates, rates_stratum(BYTES_LITERAL("shop"), BYTES_LITERAL(""), BYTES_LITERAL("v1"), BYTES_LITERAL("m"))).base == 1.0);
    assert_int_equal(rates_version(rates), p.valid_from_ms);
    assert_int_equal(rates_follow_bad(follow), 0);
    rates_follow_close(follow);
    bus_close(bus);
    close_bench(&b);
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
