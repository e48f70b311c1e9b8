/* annotate_sampler_test.c - sampling numbers for ever, rates, purposes; scores into populations. */
#include "tests/operators/annotate_help.h"

#define TEXT(literal) BYTES_LITERAL(literal)

static void unhex(const char *hex, uint8_t out[16])
{
    for (int i = 0; i < 16; i++) {
        unsigned byte = 0;
        sscanf(hex + 2 * i, "%2x", &byte);
        out[i] = (uint8_t)byte;
    }
}

/* These numbers decide who was sampled, in every process and every replay: they never change. */
static void sampling_numbers_never_change(void **state)
{
    (void)state;
    static const struct {
        const char *trace_id;
        double u;
    } golden[] = {
        {"00000000000000000000000000000000", 0.55846634512892079},
        {"000102030405060708090a0b0c0d0e0f", 0.41919605590875153},
        {"ffffffffffffffffffffffffffffffff", 0.0030527653215959294},
        {"4bf92f3577b34da6a3ce929d0e0e4736", 0.36644334513969368},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        uint8_t id[16];
        unhex(golden[i].trace_id, id);
        double u = sample_u(bytes_of(id, 16));
        assert_memory_equal(&u, &golden[i].u, sizeof u);
    }
    assert_true(rates_stratum(TEXT("shop"), TEXT("refund"), TEXT("v7"), TEXT("gpt-4o-mini")) ==
                0x6cedc14b33bd10e5ULL);
    assert_true(rates_stratum(TEXT(""), TEXT(""), TEXT(""), TEXT("")) == 0x995ce8818d67c670ULL);
    assert_true(rates_stratum(TEXT("ab"), TEXT("c"), TEXT(""), TEXT("")) !=
                rates_stratum(TEXT("a"), TEXT("bc"), TEXT(""), TEXT("")));
}

/* Counters as trace ids, the worst there is: still uniform (chi-square over 100 bins, 99.9 %: 148.2). */
static void sampling_numbers_are_uniform(void **state)
{
    (void)state;
    enum { BINS = 100, DRAWS = 200000 };
    uint32_t counts[BINS] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t id[2] = {i, 0};
        double u = sample_u(bytes_of(id, sizeof id));
        assert_true(u >= 0 && u < 1);
        counts[(size_t)(u * (double)BINS)]++;
    }
    double chi_square = 0, expected = (double)DRAWS / (double)BINS;
    for (int i = 0; i < BINS; i++)
        chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    assert_true(chi_square < 148.2);
}

static void rates_are_found_copied_and_tidied(void **state)
{
    (void)state;
    struct rates *rates = rates_create(&(struct rate){.base = 0.01, .boost = 0, .forced = 2});
    assert_true(rates_find(rates, 5).base == 0.01);
    assert_true(rates_find(rates, 5).boost == 0.01); /* never below base */
    assert_true(rates_find(rates, 5).forced == 1);
    for (uint64_t i = 0; i < 1000; i++)
        rates_set(rates, i, &(struct rate){.base = (double)i / 1000, .boost = 1, .forced = 1});
    rates_set(rates, 7, &(struct rate){.base = 0.5, .boost = 0.75, .forced = -1});
    rates_set_version(rates, 12);
    struct rates *copy = rates_copy(rates);
    rates_destroy(rates);
    assert_int_equal(rates_version(copy), 12);
    assert_true(rates_find(copy, 7).boost == 0.75 && rates_find(copy, 7).forced == 0);
    assert_true(rates_find(copy, 999).base == 0.999);
    assert_true(rates_find(copy, 1001).base == 0.01);
    rates_destroy(copy);
    rates_destroy(NULL);
}

static uint32_t call_row(struct bench *b, const uint8_t *trace_id)
{
    uint32_t row = bench_row(b, ROW_SPAN, ROLE_CALL);
    b->batch->trace_id[row] = bytes_of(trace_id, 16);
    b->batch->app[row] = TEXT("shop");
    b->batch->intent_label[row] = TEXT("refund");
    b->batch->prompt_label[row] = TEXT("v7");
    b->batch->model_label[row] = TEXT("m");
    b->batch->status[row] = 0;
    return row;
}

static void purposes_by_threshold(void **state)
{
    (void)state;
    struct bench b = bench_open(&annotator_sampler, 16);
    uint8_t id[16]; /* u = 0.366 */
    unhex("4bf92f3577b34da6a3ce929d0e0e4736", id);
    static const struct {
        struct rate rate;
        bool failed;
        int64_t purpose;
        double probability; /* 0: absent */
    } cases[] = {
        {{.4, .4, 1}, false, PURPOSE_BASE, .4},
        {{.3, .3, 1}, false, 0, .3},
        {{.3, .5, 1}, false, PURPOSE_BOOST, .5},
        {{.4, .5, 1}, false, PURPOSE_BASE | PURPOSE_BOOST, .5},
        {{.3, .3, 1}, true, PURPOSE_FORCED, 1},
        {{.4, .4, 1}, true, PURPOSE_BASE | PURPOSE_FORCED, 1},
        {{.3, .3, .35}, true, 0, .35},
        {{.4, .4, .1}, true, PURPOSE_BASE, .4},
        {{0, 0, 0}, true, 0, 0},
        {{1, 1, 1}, false, PURPOSE_BASE, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        span_batch_reset(b.batch);
        uint32_t row = call_row(&b, id);
        rates_set(b.rates, rates_stratum(TEXT("shop"), TEXT("refund"), TEXT("v7"), TEXT("m")),
                  &cases[i].rate);
        b.batch->status[row] = cases[i].failed ? 2 : 1;
        bench_run(&b);
        assert_int_equal(b.batch->sample_purpose[row], cases[i].purpose);
        if (cases[i].purpose == 0 && !cases[i].failed)
            continue; /* passed over: probabilities may be absent */
        if (cases[i].probability > 0)
            assert_true(b.batch->sample_probability[row] == cases[i].probability);
        else
            assert_true(b.batch->sample_probability[row] != b.batch->sample_probability[row]);
        if (cases[i].rate.base > 0)
            assert_true(b.batch->base_probability[row] == cases[i].rate.base);
    }
    bench_close(&b);
}

static void what_is_kept_by_force(void **state)
{
    (void)state;
    struct bench b = bench_open(&annotator_sampler, 16);
    uint8_t id[16];
    unhex("00000000000000000000000000000000", id);
    uint32_t error_type = call_row(&b, id), format = call_row(&b, id),
             tool = bench_row(&b, ROW_SPAN, ROLE_TOOL);
    b.batch->error_type[error_type] = TEXT("timeout");
    b.batch->format_bin[format] = FLAG_FAIL;
    b.batch->status[tool] = 2;
    bench_run(&b);
    assert_int_equal(b.batch->sample_purpose[error_type], PURPOSE_FORCED);
    assert_int_equal(b.batch->sample_purpose[format], 0);
    assert_int_equal(b.batch->sample_purpose[tool], SPAN_I64_ABSENT); /* calls only */
    bench_set(&b, "sampler.force_format_failures", "true");
    bench_run(&b);
    assert_int_equal(b.batch->sample_purpose[format], PURPOSE_FORCED);
    bench_close(&b);
}

static void share_of_a_large_stream_is_the_probability(void **state)
{
    (void)state;
    enum { ROWS = 1000, ROUNDS = 100 };
    struct bench b = bench_open(&annotator_sampler, ROWS);
    static uint64_t ids[ROWS][2];
    uint64_t selected = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        span_batch_reset(b.batch);
        for (uint64_t i = 0; i < ROWS; i++) {
            ids[i][0] = round * ROWS + i;
            ids[i][1] = 1;
            call_row(&b, (const uint8_t *)ids[i]);
        }
        bench_run(&b);
        for (uint32_t row = 0; row < ROWS; row++)
            selected += b.batch->sample_purpose[row] != 0;
    }
    assert_in_range(selected, 10000 - 300, 10000 + 300); /* pi = 10 %, 3 sigma = 285 */
    bench_close(&b);
}

static void scores_count_in_their_population_only(void **state)
{
    (void)state;
    struct bench b = bench_open(&annotator_score, 16);
    static const struct {
        double score;
        int64_t in_population;
        uint16_t bin;
    } cases[] = {
        {1, 1, 0},
        {5, 1, 4},
        {3.4, 1, 2},
        {4.6, 1, 4},
        {3, 0, SPAN_BIN_ABSENT},
        {3, SPAN_I64_ABSENT, SPAN_BIN_ABSENT},
        {0, 1, SPAN_BIN_ABSENT},
        {6, 1, SPAN_BIN_ABSENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t row = bench_row(&b, ROW_VERDICT, ROLE_OTHER);
        b.batch->score[row] = cases[i].score;
        b.batch->in_population[row] = cases[i].in_population;
    }
    uint32_t unscored = bench_row(&b, ROW_VERDICT, ROLE_OTHER),
             span = bench_row(&b, ROW_SPAN, ROLE_CALL);
    b.batch->in_population[unscored] = 1;
    b.batch->in_population[span] = 1;
    b.batch->score[span] = 3;
    bench_run(&b);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(b.batch->score_bin[i], cases[i].bin);
    assert_int_equal(b.batch->score_bin[unscored], SPAN_BIN_ABSENT);
    assert_int_equal(b.batch->score_bin[span], SPAN_BIN_ABSENT);
    assert_int_equal(b.counters[0], 4);
    assert_int_equal(b.counters[1], 5);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampling_numbers_never_change),
        cmocka_unit_test(sampling_numbers_are_uniform),
        cmocka_unit_test(rates_are_found_copied_and_tidied),
        cmocka_unit_test(purposes_by_threshold),
        cmocka_unit_test(what_is_kept_by_force),
        cmocka_unit_test(share_of_a_large_stream_is_the_probability),
        cmocka_unit_test(scores_count_in_their_population_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
