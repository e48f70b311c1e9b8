/* annotate_format_test.c - golden rows of format: outcome, truncation, length. */
#include "tests/operators/annotate_help.h"

#define MESSAGE(text)                                                                              \
    "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"" text                   \
    "\"}],\"finish_reason\":\"stop\"}]"
#define TOOL_CALL                                                                                  \
    "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"name\":\"f\",\"arguments\":{}}" \
    "]}]"
#define ABSENT   SPAN_BIN_ABSENT
#define NO_WORDS SPAN_I64_ABSENT

struct golden {
    const char *expect, *fence; /* options; NULL: the default */
    const char *output_type, *finish, *messages;
    uint16_t format, truncated;
    int64_t words;
};

static const struct golden table[] = {
    /* asked for JSON */
    {NULL, NULL, "json", "stop", MESSAGE("{\\\"a\\\": 1}"), FLAG_PASS, FLAG_PASS, 2},
    {NULL, NULL, "json", "stop", MESSAGE("Sure! {\\\"a\\\": 1}"), FLAG_FAIL, FLAG_PASS, 3},
    {NULL, NULL, "json", "stop", MESSAGE("[1, 2]"), FLAG_PASS, FLAG_PASS, 2},
    {NULL, NULL, "json", "stop", MESSAGE("{\\\"a\\\": 1,}"), FLAG_FAIL, FLAG_PASS, 2},
    {NULL, NULL, "json", "length", MESSAGE("{\\\"a\\\": [1, 2"), FLAG_FAIL, FLAG_FAIL, 3},
    {NULL, NULL, "json_object", "stop", MESSAGE("{}"), FLAG_PASS, FLAG_PASS, 1},
    {NULL, NULL, "json_schema", "stop", MESSAGE("nope"), FLAG_FAIL, FLAG_PASS, 1},
    {NULL, NULL, "json", "stop", "{\"a\": 1}", FLAG_PASS, FLAG_PASS,
     2}, /* plain text, no messages */
    {NULL, NULL, "json", "stop", "plain prose", FLAG_FAIL, FLAG_PASS, 2},
    /* not asked */
    {NULL, NULL, "text", "stop", MESSAGE("hello there"), ABSENT, FLAG_PASS, 2},
    {NULL, NULL, NULL, "end_turn", MESSAGE("hello"), ABSENT, FLAG_PASS, 1},
    {NULL, NULL, NULL, NULL, NULL, ABSENT, FLAG_NO_CONTENT, NO_WORDS},
    /* nothing to check */
    {NULL, NULL, "json", "stop", NULL, FLAG_NO_CONTENT, FLAG_PASS, NO_WORDS},
    {NULL, NULL, "json", "stop", "[]", FLAG_NO_CONTENT, FLAG_PASS, NO_WORDS},
    {NULL, NULL, "json", "tool_calls", TOOL_CALL, ABSENT, FLAG_PASS, NO_WORDS},
    {NULL, NULL, "json", "tool_call", NULL, ABSENT, FLAG_PASS, NO_WORDS},
    {NULL, NULL, "json", "stop", "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"te",
     FLAG_UNPARSED, FLAG_PASS, NO_WORDS},
    /* options */
    {"json", NULL, NULL, "stop", MESSAGE("words"), FLAG_FAIL, FLAG_PASS, 1},
    {"json", NULL, NULL, "MAX_TOKENS", MESSAGE("{}"), FLAG_PASS, FLAG_FAIL, 1},
    {"any", NULL, "json", "stop", MESSAGE("words"), FLAG_PASS, FLAG_PASS, 1},
    {"any", NULL, NULL, "stop", NULL, FLAG_NO_CONTENT, FLAG_PASS, NO_WORDS},
    {NULL, NULL, "json", "stop", MESSAGE("```json\\n{\\\"a\\\":1}\\n```"), FLAG_FAIL, FLAG_PASS, 3},
    {NULL, "true", "json", "stop", MESSAGE("```json\\n{\\\"a\\\":1}\\n```"), FLAG_PASS, FLAG_PASS,
     3},
    {NULL, "true", "json", "stop", MESSAGE("```\\n[]\\n``` done"), FLAG_FAIL, FLAG_PASS, 4},
    {NULL, "true", "json", "stop", MESSAGE("``````"), FLAG_FAIL, FLAG_PASS, 1},
    {NULL, "true", "json", "stop", MESSAGE("{\\\"a\\\":1}"), FLAG_PASS, FLAG_PASS, 1},
};

static void golden_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct golden *g = &table[i];
        struct bench b = bench_open(&annotator_format, 2);
        if (g->expect != NULL)
            bench_set(&b, "format.expect", g->expect);
        if (g->fence != NULL)
            bench_set(&b, "format.allow_fence", g->fence);
        uint32_t row = bench_row(&b, ROW_SPAN, ROLE_CALL);
        b.batch->output_type[row] = bytes_from_text(g->output_type);
        b.batch->finish_reason[row] = bytes_from_text(g->finish);
        b.batch->output_messages[row] = bytes_from_text(g->messages);
        bench_run(&b);
        if (b.batch->format_bin[row] != g->format || b.batch->truncated_bin[row] != g->truncated ||
            b.batch->words[row] != g->words)
            fail_msg("row %zu: format %u, truncated %u, words %lld", i, b.batch->format_bin[row],
                     b.batch->truncated_bin[row], (long long)b.batch->words[row]);
        assert_int_equal(b.batch->words_bin[row] == ABSENT, g->words == NO_WORDS);
        if (g->words != NO_WORDS)
            assert_int_equal(b.batch->words_bin[row], layout_bin(&LAYOUT_OF_LOG, (double)g->words));
        bench_close(&b);
    }
}

static void only_calls_are_checked(void **state)
{
    (void)state;
    struct bench b = bench_open(&annotator_format, 8);
    bench_set(&b, "format.expect", "json");
    static const enum span_role roles[] = {ROLE_TOOL, ROLE_AGENT, ROLE_EMBEDDINGS, ROLE_OTHER};
    for (size_t i = 0; i < 4; i++) {
        uint32_t row = bench_row(&b, ROW_SPAN, roles[i]);
        b.batch->output_messages[row] = BYTES_LITERAL("words");
    }
    bench_row(&b, ROW_VERDICT, ROLE_OTHER);
    bench_run(&b);
    for (uint32_t row = 0; row < b.batch->rows; row++) {
        assert_int_equal(b.batch->format_bin[row], ABSENT);
        assert_int_equal(b.batch->truncated_bin[row], ABSENT);
        assert_int_equal(b.batch->words_bin[row], ABSENT);
    }
    bench_close(&b);
}

/* A column written twice, or a metric over a column that nobody fills, would be a bug of the plug. */
static void metrics_stand_on_written_columns(void **state)
{
    (void)state;
    static const struct annotator_class *const classes[] = {
        &annotator_who, &annotator_prompt, &annotator_format, &annotator_sampler, &annotator_score};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        for (uint32_t m = 0; m < classes[i]->metrics_count; m++) {
            bool written = false;
            for (const enum span_column *c = classes[i]->writes; *c != SPAN_COLUMN_COUNT; c++)
                written = written || *c == classes[i]->metrics[m].bin_column;
            assert_true(written);
        }
    }
    assert_int_equal(annotator_format.metrics_count, 3);
    assert_string_equal(annotator_format.metrics[0].name, "format");
    assert_string_equal(annotator_score.metrics[0].name, "score.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_rows),
        cmocka_unit_test(only_calls_are_checked),
        cmocka_unit_test(metrics_stand_on_written_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
