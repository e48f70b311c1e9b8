/* annotate_labels_test.c - who and prompt: whose call, which prompt, as labels of at most 64 bytes. */
#include "tests/operators/annotate_help.h"

#include "engine/operator/label.h"

#define TEXT(literal) BYTES_LITERAL(literal)

static void who_prefers_what_the_span_says(void **state)
{
    (void)state;
    struct bench b = bench_open(&annotator_who, 8);
    uint32_t full = bench_row(&b, ROW_SPAN, ROLE_CALL), thin = bench_row(&b, ROW_SPAN, ROLE_CALL);
    b.batch->app_given[full] = TEXT("assistant");
    b.batch->service[full] = TEXT("shop");
    b.batch->environment[full] = TEXT("prod");
    b.batch->intent[full] = TEXT("refund");
    b.batch->request_model[full] = TEXT("gpt-4o");
    b.batch->response_model[full] = TEXT("gpt-4o-2024-08-06");
    b.batch->service[thin] = TEXT("shop");
    b.batch->request_model[thin] = TEXT("gpt-4o");
    bench_run(&b);
    expect_text(b.batch->app[full], "assistant");
    expect_text(b.batch->env[full], "prod");
    expect_text(b.batch->intent_label[full], "refund");
    expect_text(b.batch->model_label[full], "gpt-4o-2024-08-06");
    expect_text(b.batch->app[thin], "shop");
    expect_text(b.batch->env[thin], "unknown");
    expect_text(b.batch->intent_label[thin], "unknown");
    expect_text(b.batch->model_label[thin], "gpt-4o");
    assert_int_equal(b.counters[0], 0); /* no_app */
    assert_int_equal(b.counters[1], 1); /* no_intent */
    bench_close(&b);
}

static void who_leaves_echoed_labels_alone(void **state)
{
    (void)state;
    struct bench b = bench_open(&annotator_who, 8);
    uint32_t row = bench_row(&b, ROW_VERDICT, ROLE_OTHER);
    b.batch->app[row] = TEXT("echoed");
    bench_run(&b);
    expect_text(b.batch->app[row], "echoed");
    expect_text(b.batch->env[row], NULL);
    bench_close(&b);
}

static void long_labels_are_cut_and_hashed(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 16);
    char text[200];
    memset(text, 'a', sizeof text);
    struct bytes fits = bytes_of(text, 64), too_long = bytes_of(text, 65);
    assert_ptr_equal(label_fit(fits, arena).data, fits.data);
    struct bytes cut = label_fit(too_long, arena);
    assert_int_equal(cut.size, 64);
    assert_memory_equal(cut.data, text, 47);
    assert_int_equal(cut.data[47], '~');
    assert_memory_equal(cut.data + 48, "d020eae0d55edf21",
                        16); /* the same everywhere and for ever */
    struct bytes other = label_fit(bytes_of(text, 66), arena);
    assert_false(bytes_equal(cut, other));
    text[46] = (char)0xc3; /* no half characters */
    text[47] = (char)0xa4;
    cut = label_fit(too_long, arena);
    assert_int_equal(cut.size, 63);
    assert_int_equal(cut.data[46], '~');
    assert_null(label_fit(BYTES_NONE, arena).data);
    arena_destroy(arena);
}

static void prompt_by_version_hash_content_or_none(void **state)
{
    (void)state;
    struct bench b = bench_open(&annotator_prompt, 16);
    for (int i = 0; i < 6; i++)
        bench_row(&b, ROW_SPAN, ROLE_CALL);
    b.batch->prompt_version_given[0] = TEXT("v7");
    b.batch->prompt_hash_given[0] = TEXT("abc");
    b.batch->prompt_hash_given[1] =
        TEXT("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    b.batch->system_instructions[1] = TEXT("Be brief.");
    b.batch->system_instructions[2] = TEXT("[{\"type\":\"text\",\"content\":\"Reply as JSON.\"}]");
    b.batch->system_instructions[3] = TEXT("Be brief.");
    b.batch->system_instructions[4] = TEXT("Be brief.");
    bench_run(&b);
    expect_text(b.batch->prompt_label[0], "v7");
    expect_text(b.batch->prompt_label[1],
                "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    expect_text(b.batch->prompt_label[2], "b2efc3572c4fd565");
    expect_text(b.batch->prompt_label[3], "213c22ed7234eb11");
    expect_text(b.batch->prompt_label[4], "213c22ed7234eb11");
    expect_text(b.batch->prompt_label[5], "none");
    assert_int_equal(b.counters[0], 2); /* hashed: equal contents once */
    assert_int_equal(b.counters[1], 1); /* none */
    bench_close(&b);
}

static void prompt_from_messages_only_where_told(void **state)
{
    (void)state;
    struct bench b = bench_open(&annotator_prompt, 4);
    uint32_t row = bench_row(&b, ROW_SPAN, ROLE_CALL);
    b.batch->input_messages[row] = TEXT("[{\"role\":\"system\",\"parts\":[]},{\"role\":\"user\"}]");
    bench_run(&b);
    expect_text(b.batch->prompt_label[row], "none");
    bench_set(&b, "prompt.from_messages", "true");
    bench_run(&b);
    expect_text(b.batch->prompt_label[row], "e1730f07badab339");
    bench_close(&b);
}

static void prompt_labels_outlive_their_cache_entry(void **state)
{
    (void)state;
    struct bench b = bench_open(&annotator_prompt, 8192);
    static char texts[8192][24];
    for (unsigned i = 0; i < 8192; i++) {
        uint32_t row = bench_row(&b, ROW_SPAN, ROLE_CALL);
        snprintf(texts[i], sizeof texts[i], "prompt %u", i % 4096);
        b.batch->system_instructions[row] = bytes_from_text(texts[i]);
    }
    bench_run(&b);
    for (unsigned i = 0; i < 4096; i++) {
        assert_true(bytes_equal(b.batch->prompt_label[i], b.batch->prompt_label[i + 4096]));
        assert_true(i == 0 || !bytes_equal(b.batch->prompt_label[i], b.batch->prompt_label[i - 1]));
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_prefers_what_the_span_says),
        cmocka_unit_test(who_leaves_echoed_labels_alone),
        cmocka_unit_test(long_labels_are_cut_and_hashed),
        cmocka_unit_test(prompt_by_version_hash_content_or_none),
        cmocka_unit_test(prompt_from_messages_only_where_told),
        cmocka_unit_test(prompt_labels_outlive_their_cache_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
