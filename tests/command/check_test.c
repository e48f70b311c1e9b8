/*
 * check_test.c - `assay check`: the shipped files are right, the figures are sane and agree with each
 * other, rules that can never fire are refused.
 */
#include "tests/command/program.h"
#include "tests/command/traffic.h"

#include "engine/base/json.h"

#include <math.h>

static int clean(void **state)
{
    (void)state;
    program_clean();
    return 0;
}

static double real_of(const struct json_value *object, const char *key)
{
    double value = NAN;
    (void)json_real(json_get(object, key), &value);
    return value;
}

static const struct json_value *volume(const struct json_value *root, size_t rule, size_t number)
{
    return json_at(json_get(json_at(json_get(root, "rules"), rule), "volumes"), number);
}

static void more_data_and_more_time_show_less(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    struct program_run run = PROGRAM_RUN(ASSAY_SOURCE_DIR, "check", "-c", "config/assay.yaml", "--json");
    program_expect(&run, 0, "\"kind\":\"check\"", "");
    struct json_document *json = json_create((size_t)1 << 20);
    struct error error;
    const struct json_value *root = json_parse(json, bytes_of(run.out.data, run.out.size - 2), 16, &error);
    assert_true(json_is_object(root));
    assert_int_equal(json_count(json_get(root, "phases")), 5);
    size_t rules = json_count(json_get(root, "rules"));
    assert_true(rules >= 2);
    for (size_t r = 0; r < rules; r++) {
        double before[3] = {INFINITY, INFINITY, INFINITY};
        for (size_t v = 0; v < 3; v++) {
            const struct json_value *figures = volume(root, r, v);
            double day = real_of(figures, "smallest_in_a_day"), week = real_of(figures, "smallest_in_a_week"),
                   month = real_of(figures, "smallest_in_a_month");
            assert_true(month > 0 && month < week && week < day);
            assert_true(day < before[0] && week < before[1] && month < before[2]);
            assert_true(real_of(figures, "false_alarm_days") > 365 * 80);
            before[0] = day;
            before[1] = week;
            before[2] = month;
        }
    }
    json_destroy(json);
    program_free(&run);
}

/* R090 at 1,000 scores a day: a 5 % drop within 3 days; at 100 a day 14 days of baseline cannot carry it. */
static void figures_agree_with_what_was_measured(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    struct program_run run = PROGRAM_RUN(ASSAY_SOURCE_DIR, "check", "-c", "config/assay.yaml", "--json");
    struct json_document *json = json_create((size_t)1 << 20);
    struct error error;
    const struct json_value *root = json_parse(json, bytes_of(run.out.data, run.out.size - 2), 16, &error);
    assert_true(json_is_object(root));
    assert_true(bytes_equal_text(json_text(json_get(json_at(json_get(root, "rules"), 0), "id")), "R090"));
    assert_true(json_is_true(json_get(volume(root, 0, 0), "thin_baseline")));
    assert_true(real_of(volume(root, 0, 0), "achievable") > 0.05);
    assert_false(json_is_true(json_get(volume(root, 0, 1), "thin_baseline")));
    assert_true(real_of(volume(root, 0, 1), "days_to_effect") < 3);
    assert_true(real_of(volume(root, 0, 1), "smallest_in_a_week") < 0.05);
    /* The folklore number alone: twice in an hour, at 1,000 calls a day, more than once a week. */
    assert_true(real_of(volume(root, 1, 1), "bare_false_alarm_days") < 7);
    json_destroy(json);
    program_free(&run);
}

static void words_say_the_same(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    struct program_run run = PROGRAM_RUN(ASSAY_SOURCE_DIR, "check", "-c", "config/assay.yaml", "--set", "shards=4");
    program_expect(&run, 0, "config/assay.yaml is right", "");
    program_expect(&run, 0, "its floor here is 1.6 ms (4 writers x 8 exchange partitions / 20,000 a second)", "");
    program_expect(&run, 0, "budget: 1 false alarm in 30 days over all 1000 series together", "");
    program_expect(&run, 0, "You are in phase 4. Next: ", "");
    assert_string_equal(program_err(&run), "");
    program_free(&run);
    run = PROGRAM_RUN(ASSAY_SOURCE_DIR, "check", "--set", "exchange.partitions=1024", "--set", "shards=64", "--set", "commit.interval=50ms");
    program_expect(&run, 0, "TOO SHORT", "");
    program_free(&run);
}

static void a_rule_without_sure_is_named_for_what_it_is(void **state)
{
    (void)state;
    char path[300], setting[340];
    if (!program_is_there())
        return;
    program_file("bare.yaml", BYTES_LITERAL("rules:\n  - id: B\n    title: format failures\n    metric: format\n    watch: [{app: '*', env: '*'}]\n"
                                            "    effect: {ratio: 2, window: 1h}\n    baseline: {window: 14d, min_count: 100}\n    budget: 1 per 30d\n"
                                            "    sure: false\n    class: c\n    first_action: f\n    owner: o\n"), path);
    snprintf(setting, sizeof setting, "rules.file=%s", path);
    struct program_run run = PROGRAM_RUN(NULL, "check", "--set", setting);
    program_expect(&run, 0, "no budget: the effect alone opens the alert (sure: false)", "");
    program_free(&run);
}

static void rules_that_can_never_fire_are_refused(void **state)
{
    static const char *const rows[][3] = {
        {"metric: format\n", "metric: formt\n", "rule R094: nothing measures 'formt'; there are: format, "},
        {"{app: '*', env: '*', intent: '*'}\n    effect: {ratio", "{app: '*', intent: '*'}\n    effect: {ratio",
         "rule R094: no series of format carries exactly the labels"},
        {"evaluator: '*', revision: '*'}", "evaluator: '*'}", "rule R090: no series of score.* carries exactly the labels"},
    };
    (void)state;
    if (!program_is_there())
        return;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[300], setting[340];
        struct buffer text = BUFFER_WITH_LIMIT(1 << 16);
        const char *at = strstr(traffic_rules, rows[i][0]);
        assert_non_null(at);
        buffer_append(&text, traffic_rules, (size_t)(at - traffic_rules));
        buffer_append_text(&text, rows[i][1]);
        buffer_append_text(&text, at + strlen(rows[i][0]));
        program_file("wrong.yaml", buffer_bytes(&text), path);
        buffer_free(&text);
        snprintf(setting, sizeof setting, "rules.file=%s", path);
        struct program_run run = PROGRAM_RUN(NULL, "check", "--set", setting);
        program_expect(&run, 2, "", rows[i][2]);
        assert_string_equal(program_out(&run), "");
        program_free(&run);
    }
}

static void schema_settings_are_checked(void **state)
{
    (void)state;
    char path[300], setting[340];
    if (!program_is_there())
        return;
    struct program_run run = PROGRAM_RUN(ASSAY_SOURCE_DIR, "check", "-c", "config/assay.yaml", "--set", "registry.url=nonsense");
    program_expect(&run, 2, "", "registry.url: must begin with http:// or https://");
    program_free(&run);
    run = PROGRAM_RUN(ASSAY_SOURCE_DIR, "check", "-c", "config/assay.yaml", "--set", "topics.spans_schema=/nowhere/x.avsc");
    program_expect(&run, 2, "", "topics.spans_schema: /nowhere/x.avsc: ");
    program_free(&run);
    program_file("int.avsc", BYTES_LITERAL("\"int\""), path);
    snprintf(setting, sizeof setting, "topics.spans_schema=%s", path);
    run = PROGRAM_RUN(ASSAY_SOURCE_DIR, "check", "-c", "config/assay.yaml", "--set", setting);
    program_expect(&run, 2, "", "no spans can be read with it");
    program_free(&run);
    snprintf(setting, sizeof setting, "topics.spans_schema=%s", ASSAY_SOURCE_DIR "/schemas/span.avsc");
    run = PROGRAM_RUN(ASSAY_SOURCE_DIR, "check", "-c", "config/assay.yaml", "--set", setting, "--set", "registry.url=http://127.0.0.1:1");
    program_expect(&run, 0, "", "");
    program_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_settings_are_checked),
        cmocka_unit_test(more_data_and_more_time_show_less),
        cmocka_unit_test(figures_agree_with_what_was_measured),
        cmocka_unit_test(words_say_the_same),
        cmocka_unit_test(a_rule_without_sure_is_named_for_what_it_is),
        cmocka_unit_test(rules_that_can_never_fire_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
