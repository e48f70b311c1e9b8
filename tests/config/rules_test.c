/* rules_test.c - the shipped rules, the format's every refusal, and what the digest depends on. */
#include "tests/test.h"

#include "engine/config/rules.h"

#include <math.h>

#define GOOD                                                                                                                               \
    "rules:\n"                                                                                                                             \
    "- id: R1\n"                                                                                                                           \
    "  title: t\n"                                                                                                                         \
    "  metric: score.*\n"                                                                                                                  \
    "  watch: [{env: prod, app: \"*\"}]\n"                                                                                                 \
    "  effect: {relative: 5%, window: 7d}\n"                                                                                               \
    "  class: quality\n"                                                                                                                   \
    "  first_action: look\n"                                                                                                               \
    "  owner: us\n"

static struct rule_set *parse(const char *text)
{
    struct error error = {0};
    struct rule_set *rules = rules_parse("r", bytes_from_text(text), &error);
    if (rules == NULL)
        fail_msg("%s", error.message);
    return rules;
}

static void shipped_rules_are_the_seed_rows(void **state)
{
    (void)state;
    struct error error = {0};
    struct rule_set *rules = rules_load(ASSAY_SOURCE_DIR "/config/rules.yaml", &error);
    assert_string_equal(error.message, "");
    const struct rule *score = NULL;
    const struct rule *format = NULL;
    for (uint32_t i = 0; i < rules->count; i++) {
        if (strcmp(rules->rules[i].id, "R090") == 0)
            score = &rules->rules[i];
        if (strcmp(rules->rules[i].id, "R094") == 0)
            format = &rules->rules[i];
    }
    assert_non_null(score);
    assert_string_equal(score->metric, "score.*");
    assert_true(score->effect_relative == 0.05);
    assert_true(isnan(score->effect_ratio) && isnan(score->threshold) && isnan(score->tolerance));
    assert_int_equal(score->window_ms, 7 * 86400000LL);
    assert_int_equal(score->baseline_window_ms, 14 * 86400000LL);
    assert_int_equal(score->budget_period_ms, 30 * 86400000LL);
    assert_true(score->budget_alarms == 1);
    assert_true(score->sure);
    assert_int_equal(score->severity, SEVERITY_PAGE);
    assert_string_equal(score->first_action, "pull traces, check the prompt hash timeline");
    assert_int_equal(score->levels_count, 1);
    assert_int_equal(score->levels[0].labels_count, 5);
    assert_non_null(format);
    assert_string_equal(format->metric, "format");
    assert_string_equal(format->failure_class, "format");
    assert_string_equal(format->first_action, "check provider update, inspect template");
    assert_true(format->effect_ratio == 2 && isnan(format->effect_relative));
    assert_int_equal(format->window_ms, 3600000);
    assert_int_equal(format->levels_count, 2);
    rules_destroy(rules);
}

static void labels_are_sorted_and_defaults_filled(void **state)
{
    (void)state;
    struct rule_set *rules = parse(GOOD);
    const struct rule *rule = &rules->rules[0];
    assert_string_equal(rule->levels[0].labels[0].name, "app");
    assert_string_equal(rule->levels[0].labels[0].value, "*");
    assert_string_equal(rule->levels[0].labels[1].value, "prod");
    assert_int_equal(rule->direction, DIRECTION_WORSE);
    assert_int_equal(rule->severity, SEVERITY_TICKET);
    assert_int_equal(rule->effect_min_count, 30);
    assert_int_equal(rule->baseline_min_count, 1000);
    rules_destroy(rules);
    rules = parse("rules: []\n");
    assert_int_equal(rules->count, 0);
    rules_destroy(rules);
}

static void digest_follows_values_not_layout(void **state)
{
    (void)state;
    static const char *const same[] = {
        "# a comment\nrules:\n  - {id: R1, title: t, metric: score.*, watch: [{app: '*', env: prod}], effect.relative: 0.05, effect.window: 168h,"
        " class: quality, first_action: look, owner: us, sure: true}\n",
        GOOD "  budget: 1 per 30d\n  severity: ticket\n",
    };
    static const char *const different[] = {
        GOOD "  sure: false\n", GOOD "  budget: 2 per 30d\n", GOOD "  tolerance: 0.01\n", GOOD "  direction: better\n",
        GOOD "  baseline: {min_count: 999}\n", "rules: []\n",
    };
    struct rule_set *rules = parse(GOOD);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct rule_set *other = parse(same[i]);
        assert_true(other->digest == rules->digest);
        rules_destroy(other);
    }
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++) {
        struct rule_set *other = parse(different[i]);
        assert_true(other->digest != rules->digest);
        rules_destroy(other);
    }
    struct buffer canonical = BUFFER_WITH_LIMIT(10000);
    rules_write(rules, &canonical);
    buffer_put_u8(&canonical, 0);
    assert_string_equal((const char *)canonical.data,
                        "[{\"id\":\"R1\",\"title\":\"t\",\"metric\":\"score.*\",\"watch\":[{\"app\":\"*\",\"env\":\"prod\"}],\"direction\":\"worse\","
                        "\"effect_relative\":0.05,\"effect_ratio\":null,\"effect_threshold\":null,\"effect_window_ms\":604800000,"
                        "\"effect_min_count\":30,\"baseline_window_ms\":1209600000,\"baseline_min_count\":1000,\"tolerance\":null,"
                        "\"budget_alarms\":1.0,\"budget_period_ms\":2592000000,\"sure\":true,\"severity\":\"ticket\",\"class\":\"quality\","
                        "\"first_action\":\"look\",\"owner\":\"us\"}]");
    assert_true(rules->digest == 0xb514505ba553749bULL); /* sha256sum of that text */
    buffer_free(&canonical);
    rules_destroy(rules);
}

static void refused(const char *text, const char *message)
{
    struct error error = {0};
    struct rule_set *rules = rules_parse("r", bytes_from_text(text), &error);
    if (rules != NULL || strcmp(error.message, message) != 0)
        fail_msg("expected\n  %s\ngot\n  %s", message, rules ? "rules" : error.message);
}

static void mistakes_are_refused_with_their_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "r:1:1: no rules; write \"rules: []\" to run without any"},
        {"rules:\n", "r:1:1: write one list, \"rules:\", and nothing beside it"},
        {"rules: []\nother: 1\n", "r:1:1: write one list, \"rules:\", and nothing beside it"},
        {"rules: [a]\n", "r:1:9: a rule is a mapping that starts with its id"},
        {GOOD "  windw: 3d\n", "r:10:3: unknown rule option \"windw\"; did you mean \"effect.window\"?"},
        {GOOD "  sevrity: page\n", "r:10:3: unknown rule option \"sevrity\"; did you mean \"severity\"?"},
        {GOOD "  severity: [page]\n", "r:10:13: severity: a list; write one value"},
        {GOOD "  severity: loud\n", "r:10:13: severity: \"loud\" is not one of the choices (allowed: page, ticket, investigate)"},
        {GOOD "  effect.window: 3d\n", "r:10:3: effect.window is here twice; remove one"},
        {GOOD "  effect.ratio: 2\n", "r:2:3: rule R1 has 2 effects; write one of effect.relative, effect.ratio, effect.threshold"},
        {GOOD "  tolerance: -1\n", "r:10:14: tolerance: \"-1\" is too small (allowed: 0 to 1)"},
        {GOOD "  budget: often\n", "r:2:3: budget: \"often\" is not like \"1 per 30d\""},
        {GOOD "  budget: x per 30d\n", "r:2:3: budget: \"x\" is not a number; write it like 0.05 or 5% (allowed: 0.001 to 1000000); write it like 1 per 30d"},
        {GOOD "  budget: 1 per month\n",
         "r:2:3: budget: \"month\" is not a duration; write a number and ms, s, m, h or d, like 500ms (allowed: 1h to 3660d); write it like 1 per 30d"},
        {GOOD "  baseline: {window: 3d}\n", "r:2:3: rule R1 compares a window that is longer than its baseline; lengthen baseline.window"},
        {GOOD "  baseline: {kind: pinned}\n", "r:10:20: baseline.kind: \"pinned\" is not one of the choices (allowed: trailing)"},
        {GOOD "- id: R1\n  title: t\n  metric: m\n  watch: [{app: a}]\n  effect: {ratio: 2, window: 1h}\n  class: c\n  first_action: f\n  owner: o\n",
         "r:10:3: a second rule with id R1; ids name alerts for ever, choose another"},
        {"rules:\n- title: t\n", "r:2:3: this rule has no id: Stable name of the rule: part of alert ids."},
        {"rules:\n- {id: a b, title: t, metric: m, watch: [{app: a}], effect: {ratio: 2, window: 1h}, class: c, first_action: f, owner: o}\n",
         "r:2:3: id: \"a b\" has other characters than A-Z a-z 0-9 . _ -"},
        {"rules:\n- {id: a, title: t, metric: 'm*x', watch: [{app: a}], effect: {ratio: 2, window: 1h}, class: c, first_action: f, owner: o}\n",
         "r:2:3: metric: \"m*x\" may have one *, at its end"},
        {"rules:\n- {id: a, title: t, metric: m, watch: [{app: a}], effect: {threshold: 2%, window: 1h}, baseline: {window: 3d}, class: c, "
         "first_action: f, owner: o}\n",
         "r:2:3: rule a has a threshold, which stands in place of a baseline; remove one"},
        {"rules:\n- {id: a, title: t, metric: m, effect: {ratio: 2, window: 1h}, class: c, first_action: f, owner: o}\n",
         "r:2:3: rule a watches nothing; add watch: [{app: \"*\", env: \"*\"}]"},
        {"rules:\n- {id: a, watch: {app: x}}\n", "r:2:19: watch: write a list of label sets, like [{app: \"*\", env: \"*\"}]"},
        {"rules:\n- {id: a, watch: []}\n", "r:2:18: watch: write a list of label sets, like [{app: \"*\", env: \"*\"}]"},
        {"rules:\n- {id: a, watch: [{}]}\n", "r:2:19: watch: write labels, like {app: \"*\", env: \"*\"}"},
        {"rules:\n- {id: a, watch: [{team: x}]}\n",
         "r:2:20: watch: \"team\" is no label; there are app, env, intent, prompt, model, evaluator, revision"},
        {"rules:\n- {id: a, watch: [{app: }]}\n", "r:2:20: watch: write a value of at most 71 bytes, or \"*\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refused(rows[i][0], rows[i][1]);
}

static void too_many_of_anything_is_refused(void **state)
{
    (void)state;
    struct buffer text = BUFFER_WITH_LIMIT(1 << 20);
    buffer_append_text(&text, "rules:\n");
    for (int i = 0; i <= RULES_MAX; i++)
        buffer_printf(&text, "- {id: r%d, title: t, metric: m, watch: [{app: a}], effect: {ratio: 2, window: 1h}, class: c, first_action: f, owner: o}\n", i);
    buffer_put_u8(&text, 0);
    refused((const char *)text.data, "r:66:3: more than 64 rules");
    buffer_free(&text);
    refused("rules:\n- {id: a, watch: [{app: a}, {app: b}, {app: c}, {app: d}, {app: e}]}\n", "r:2:18: watch: more than 4 label sets");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_rules_are_the_seed_rows),
        cmocka_unit_test(labels_are_sorted_and_defaults_filled),
        cmocka_unit_test(digest_follows_values_not_layout),
        cmocka_unit_test(mistakes_are_refused_with_their_place),
        cmocka_unit_test(too_many_of_anything_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
