/* referee_test.c - the referee believes nobody: alerts written by hand, right, late, false, unresolved. */
#include "tests/test.h"

#include "engine/base/buffer.h"
#include "engine/bus/embedded_log.h"
#include "engine/demo/referee.h"
#include "engine/demo/sender.h"

#include <time.h>

#define END_MS INT64_C(1795000000000)

struct court {
    struct bus *bus;
    struct script script;
    struct sender *sender;
    struct referee *referee;
    struct buffer text[64]; /* borrowed by the sender until it commits */
    uint32_t texts;
};

static void open_court(struct court *court)
{
    struct error error;
    *court =
        (struct court){.bus = embedded_log_open(NULL), .script = script_make(END_MS, 35, 30000)};
    static const char *const topics[] = {"alerts", "requests", "dlq"};
    for (int i = 0; i < 3; i++) {
        struct topic_spec spec = {topics[i], 1, TOPIC_DELETE, -1};
        assert_true(bus_create(court->bus, &spec, &error));
    }
    struct referee_options options = {"alerts", "requests", "dlq", 1, 1, 1};
    court->sender = sender_open(court->bus, "writer", "alerts", &error);
    court->referee = referee_open(&options, &court->script, court->bus, &error);
    assert_true(court->sender != NULL && court->referee != NULL);
}

static void close_court(struct court *court)
{
    referee_close(court->referee);
    sender_close(court->sender);
    bus_close(court->bus);
    for (uint32_t i = 0; i < court->texts; i++)
        buffer_free(&court->text[i]);
}

static void put_time(struct buffer *out, int64_t at_ms)
{
    char text[40];
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    assert_non_null(gmtime_r(&seconds, &parts));
    assert_true(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) > 0);
    buffer_printf(out, "\"%s.%03dZ\"", text, (int)(at_ms % 1000));
}

struct saying {
    const char *id, *state, *rule, *metric, *app, *intent;
    int64_t opened_ms, at_ms;
};

static void say(struct court *court, const struct saying *s)
{
    struct buffer *out = &court->text[court->texts++];
    *out = BUFFER_WITH_LIMIT(4096);
    buffer_printf(out,
                  "{\"kind\":\"alert\",\"id\":\"%s\",\"state\":\"%s\",\"rule\":\"%s\",\"metric\":"
                  "\"%s\",\"labels\":{\"app\":\"%s\"",
                  s->id, s->state, s->rule, s->metric, s->app);
    if (s->intent != NULL)
        buffer_printf(out, ",\"intent\":\"%s\"", s->intent);
    buffer_append_text(out, "},\"at\":");
    put_time(out, s->at_ms);
    buffer_append_text(out, ",\"opened_at\":");
    put_time(out, s->opened_ms);
    buffer_append_text(out, ",\"text\":\"something\"}");
    sender_put(court->sender, 0, s->at_ms, BYTES_NONE, buffer_bytes(out));
}

/* Opens and resolves an alert for each incident, as it should be. */
static void say_what_is_right(struct court *court, int64_t delay_ms)
{
    const struct incident *cleanup = &court->script.incidents[0],
                          *slide = &court->script.incidents[1];
    int64_t first_ms = cleanup->start_ms + delay_ms, second_ms = slide->bottom_ms;
    say(court,
        &(struct saying){"a", "open", "R094", "format", "storefront", NULL, first_ms, first_ms});
    say(court, &(struct saying){"a", "update", "R094", "format", "storefront", NULL, first_ms,
                                first_ms + WORLD_HOUR_MS});
    say(court, &(struct saying){"a", "resolve", "R094", "format", "storefront", NULL, first_ms,
                                cleanup->end_ms + 600000});
    say(court, &(struct saying){"b", "open", "R090", "score.relevance", "support-desk",
                                "troubleshooting", second_ms, second_ms});
    say(court, &(struct saying){"b", "resolve", "R090", "score.relevance", "support-desk",
                                "troubleshooting", second_ms, slide->end_ms});
}

static struct referee_result decide(struct court *court, const struct referee_engine *engine,
                                    uint64_t heard)
{
    struct error error;
    struct traffic_counts sent = {.spans = 100, .repeated_spans = 10};
    struct judge_counts judged = {0};
    struct referee_result result;
    assert_true(sender_commit(court->sender, &error));
    assert_true(referee_read(court->referee, 0, NULL, NULL, &error));
    referee_judge(court->referee, engine, &sent, &judged, &result);
    assert_int_equal(result.alerts, heard);
    assert_int_equal(result.expected, 2);
    return result;
}

static const struct referee_engine honest = {.spans = 100, .measured = 90, .duplicates = 10};

static void what_is_right_passes(void **state)
{
    (void)state;
    struct court court;
    open_court(&court);
    say_what_is_right(&court, 119000);
    struct referee_result result = decide(&court, &honest, 2);
    assert_true(result.missed == 0 && result.false_alarms == 0 && result.unreconciled == 0);
    assert_int_equal(result.incidents[0].opened_ms - court.script.incidents[0].start_ms, 119000);
    assert_int_equal(referee_open_alerts(court.referee), 0);
    close_court(&court);
}

static void late_is_missed(void **state)
{
    (void)state;
    struct court court;
    open_court(&court);
    say_what_is_right(&court, 120001);
    struct referee_result result = decide(&court, &honest, 2);
    assert_int_equal(result.missed, 1);
    assert_false(result.incidents[0].in_time);
    close_court(&court);
}

static void silence_is_missed(void **state)
{
    (void)state;
    struct court court;
    open_court(&court);
    assert_int_equal(decide(&court, &honest, 0).missed, 2);
    close_court(&court);
}

static void an_alert_that_stays_open_is_missed(void **state)
{
    (void)state;
    struct court court;
    open_court(&court);
    say_what_is_right(&court, 60000);
    int64_t at_ms = court.script.incidents[0].start_ms + 90000;
    say(&court, &(struct saying){"c", "open", "R094", "format", "storefront", "order_status", at_ms,
                                 at_ms});
    struct referee_result result = decide(&court, &honest, 3);
    assert_true(result.missed == 1 && result.false_alarms == 0);
    assert_int_equal(referee_open_alerts(court.referee), 1);
    close_court(&court);
}

static void what_nothing_explains_is_false(void **state)
{
    (void)state;
    const struct script script = script_make(END_MS, 35, 30000);
    int64_t during_ms = script.incidents[0].start_ms + 60000,
            calm_ms = script.start_ms + WORLD_DAY_MS;
    const struct saying wrong[] = {
        {"x", "open", "R094", "format", "storefront", NULL, calm_ms, calm_ms}, /* the wrong time */
        {"x", "open", "R094", "format", "support-desk", NULL, during_ms, during_ms}, /* app */
        {"x", "open", "R094", "format", "storefront", "small_talk", during_ms,
         during_ms},                                                               /* intent */
        {"x", "open", "R090", "format", "storefront", NULL, during_ms, during_ms}, /* rule */
        {"x", "open", "R094", "words", "storefront", NULL, during_ms, during_ms},  /* metric */
        {"x", "open", "R094", "format", "storefront", NULL, during_ms - 60001,
         during_ms}, /* before it began */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct court court;
        open_court(&court);
        say_what_is_right(&court, 60000);
        say(&court, &wrong[i]);
        assert_int_equal(decide(&court, &honest, 3).false_alarms, 1);
        close_court(&court);
    }
}

static void records_out_of_order_do_not_reconcile(void **state)
{
    (void)state;
    struct court court;
    open_court(&court);
    int64_t at_ms = court.script.start_ms;
    say_what_is_right(&court, 60000);
    say(&court, &(struct saying){"a", "resolve", "R094", "format", "storefront", NULL, at_ms,
                                 at_ms}); /* a second time */
    say(&court, &(struct saying){"z", "update", "R094", "format", "storefront", NULL, at_ms,
                                 at_ms}); /* never opened */
    say(&court, &(struct saying){"b", "open", "R094", "format", "storefront", NULL, at_ms,
                                 at_ms}); /* opened again */
    say(&court, &(struct saying){"y", "opened", "R094", "format", "storefront", NULL, at_ms,
                                 at_ms}); /* no such state */
    assert_int_equal(decide(&court, &honest, 2).unreconciled, 4);
    close_court(&court);
}

static void sums_that_differ_are_added_up(void **state)
{
    (void)state;
    struct court court;
    open_court(&court);
    const struct referee_engine wrong = {
        .spans = 99, .measured = 92, .duplicates = 10, .requests = 4, .dead_letters = 1};
    /* 1 span, 2 measured, 4 requests that are not on the topic, a dead letter that is not there nor was sent */
    assert_int_equal(decide(&court, &wrong, 0).unreconciled, 1 + 2 + 4 + 1 + 1);
    close_court(&court);
}

static void times_are_read_strictly(void **state)
{
    (void)state;
    int64_t at_ms = 0;
    assert_true(referee_read_time(BYTES_LITERAL("2026-03-01T12:34:56.789Z"), &at_ms));
    assert_int_equal(at_ms, INT64_C(1772368496789));
    assert_true(referee_read_time(BYTES_LITERAL("1970-01-01T00:00:00Z"), &at_ms) && at_ms == 0);
    assert_true(referee_read_time(BYTES_LITERAL("2000-02-29T00:00:00Z"), &at_ms) &&
                at_ms == INT64_C(951782400000));
    assert_false(referee_read_time(BYTES_LITERAL("2026-03-01"), &at_ms));
    assert_false(referee_read_time(BYTES_LITERAL("2026-xx-01T12:34:56Z"), &at_ms));
    assert_false(referee_read_time(BYTES_NONE, &at_ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_passes),
        cmocka_unit_test(late_is_missed),
        cmocka_unit_test(silence_is_missed),
        cmocka_unit_test(an_alert_that_stays_open_is_missed),
        cmocka_unit_test(what_nothing_explains_is_false),
        cmocka_unit_test(records_out_of_order_do_not_reconcile),
        cmocka_unit_test(sums_that_differ_are_added_up),
        cmocka_unit_test(times_are_read_strictly),
    };
    return cmocka_run_group_tests_name("demo referee", tests, NULL, NULL);
}
