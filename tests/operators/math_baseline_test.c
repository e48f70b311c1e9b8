/*
 * Limits and intervals: identities with exact methods, then coverage by simulation, because "99 %" is a
 * promise that the tails of skewed scores break first.
 */
#include "tests/test.h"

#include "operators/math/baseline.h"
#include "operators/math/random.h"
#include "operators/math/special.h"

#include <math.h>

static const double score_values[5] = {1.0, 0.75, 0.5, 0.25, 0.0};

static void rates_have_clopper_pearson_limits(void **state)
{
    (void)state;
    assert_true(fabs(baseline_upper_rate(0, 14000, .99) + expm1(log(.01) / 14000)) < 1e-12);
    /* P(X <= 3 | n, U) = 1 %. */
    assert_true(fabs(1 - special_binomial_tail(50, 4, baseline_upper_rate(3, 50, .99)) - .01) <
                1e-10);
    assert_true(baseline_upper_rate(0, 0, .99) == 1.0 && baseline_upper_rate(5, 5, .99) == 1.0);
}

static void mean_limit_is_clopper_pearson_on_nearly_binary_data(void **state)
{
    const double values[3] = {1.0, 1.0 - 1e-12, 0.0};
    (void)state;
    for (uint64_t n = 2; n <= 200000; n *= 7) {
        for (uint64_t hits = 1; hits < n; hits = hits * 3 + 1) {
            uint64_t counts[3] = {0, hits, n - hits};
            double own = baseline_upper_mean(&(struct betting_sample){values, counts, 3}, .9975);
            double exact = baseline_upper_rate((double)hits, (double)n, .9975);
            if (fabs(own / exact - 1) > 1e-7)
                fail_msg("%llu of %llu: %.12g, exact %.12g", (unsigned long long)hits,
                         (unsigned long long)n, own, exact);
        }
    }
}

static void mean_limit_becomes_the_normal_one(void **state)
{
    uint64_t counts[5] = {14000, 28000, 168000, 644000, 546000};
    struct betting_sample sample = {score_values, counts, 5};
    double normal = .2 + 2.3263478740408408 * .2 / sqrt(1.4e6);
    (void)state;
    assert_true(fabs((baseline_upper_mean(&sample, .99) - .2) / (normal - .2) - 1) < 0.01);
}

static void mean_limit_is_within_reach_of_its_ends(void **state)
{
    uint64_t none[5] = {0}, best[5] = {0, 0, 0, 0, 20}, worst[5] = {20}, one[5] = {0, 0, 1};
    (void)state;
    assert_true(baseline_upper_mean(&(struct betting_sample){score_values, none, 5}, .99) == 1.0);
    assert_true(fabs(baseline_upper_mean(&(struct betting_sample){score_values, best, 5}, .99) -
                     (1 - pow(.01, 1.0 / 20))) < 1e-9);
    assert_true(baseline_upper_mean(&(struct betting_sample){score_values, worst, 5}, .99) == 1.0);
    double limit = baseline_upper_mean(&(struct betting_sample){score_values, one, 5}, .99);
    assert_true(fabs(limit - .995) < 1e-9); /* .5 + .5 * 99 % quantile of a uniform */
}

static void mean_limit_is_sane_on_any_histogram(void **state)
{
    static const double confidences[4] = {.9, .99, .9975, .9999};
    struct random_stream stream = random_seed(test_seed(17));
    int rounds = test_is_full() ? 20000 : 1500;
    (void)state;
    for (int round = 0; round < rounds; round++) {
        double size = pow(10, 6.5 * random_uniform(&stream)), last;
        uint64_t counts[5];
        for (int j = 0; j < 5; j++)
            counts[j] = (uint64_t)(size * pow(10, -6 * random_uniform(&stream)));
        struct betting_sample sample = {score_values, counts, 5};
        struct baseline_moments moments;
        baseline_moments(&sample, &moments);
        if (moments.count < 1)
            continue;
        last = moments.mean;
        for (int c = 0; c < 4; c++) {
            double limit = baseline_upper_mean(&sample, confidences[c]);
            double binary =
                baseline_upper_rate(moments.mean * moments.count, moments.count, confidences[c]);
            if (!(limit > last || limit == 1.0) || limit > binary + 1e-7)
                fail_msg("%llu %llu %llu %llu %llu at %g: limit %.9g, before %.9g, as a rate %.9g",
                         (unsigned long long)counts[0], (unsigned long long)counts[1],
                         (unsigned long long)counts[2], (unsigned long long)counts[3],
                         (unsigned long long)counts[4], confidences[c], limit, last, binary);
            last = limit;
        }
    }
}

/* Share of samples whose limit lies below the true mean. */
static void misses_stay_below_one_minus_confidence(void **state)
{
    static const struct {
        const char *name;
        double pmf[5];
    } shapes[] = {{"scores", {.01, .02, .12, .46, .39}},
                  {"nearly all fives", {.002, .001, .002, .005, .99}},
                  {"two-sided", {.3, .1, .1, .1, .4}},
                  {"rare disasters", {.03, 0, 0, 0, .97}},
                  {"never the worst", {0, 0, 0, .5, .5}}};
    static const uint64_t sizes[] = {4, 25, 280, 1400};
    const double alphas[2] = {.05, .01};
    int runs = test_is_full() ? 10000 : 400;
    struct random_stream stream = random_seed(test_seed(11));
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        double mean = 0.0;
        for (int j = 0; j < 5; j++)
            mean += shapes[s].pmf[j] * score_values[j];
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            int misses[2] = {0, 0};
            for (int run = 0; run < runs; run++) {
                uint64_t counts[5];
                random_multinomial(&stream, sizes[i], shapes[s].pmf, 5, counts);
                struct betting_sample sample = {score_values, counts, 5};
                for (int a = 0; a < 2; a++)
                    misses[a] += baseline_upper_mean(&sample, 1 - alphas[a]) < mean;
            }
            for (int a = 0; a < 2; a++) {
                double allowed = alphas[a] * runs;
                if (test_is_full())
                    print_message("%s, n %llu: %.4f missed of %.2f\n", shapes[s].name,
                                  (unsigned long long)sizes[i], (double)misses[a] / runs,
                                  alphas[a]);
                if (misses[a] > allowed + 3.5 * sqrt(allowed) + 1)
                    fail_msg("%s, n = %llu: %d misses of %d at %.2f", shapes[s].name,
                             (unsigned long long)sizes[i], misses[a], runs, alphas[a]);
            }
        }
    }
}

static void between_day_limit_covers_the_true_wobble(void **state)
{
    const double sd = .00525, within = .2;
    struct random_stream stream = random_seed(test_seed(13));
    int runs = 4000, misses = 0;
    double sum = 0.0;
    (void)state;
    for (int run = 0; run < runs; run++) {
        struct baseline_day days[14];
        struct baseline_days out;
        for (int d = 0; d < 14; d++) {
            double n = d % 7 < 5 ? 5000 : 2500, mean = .2 + sd * random_normal(&stream) +
                                                       within / sqrt(n) * random_normal(&stream);
            days[d] = (struct baseline_day){n, n * mean, n * (mean * mean + within * within)};
        }
        baseline_days(days, 14, &out);
        misses += out.sd_upper < sd;
        sum += out.sd * out.sd;
        assert_true(out.vif_upper >= out.vif && out.days == 14);
    }
    print_message("between-day sd: %.4f of 0.10 missed, mean variance %.3f of the true one\n",
                  (double)misses / runs, sum / runs / (sd * sd));
    assert_true(misses < .125 * runs && misses > .07 * runs);
    assert_true(fabs(sum / runs / (sd * sd) - 1) < .05);
}

static void few_days_give_no_between_day_limit(void **state)
{
    struct baseline_day day = {100, 20, 8}, days[2] = {{100, 20, 8}, {100, 21, 8.4}};
    struct baseline_days out;
    (void)state;
    baseline_days(NULL, 0, &out);
    assert_true(isinf(out.sd_upper) && out.days == 0);
    baseline_days(&day, 1, &out);
    assert_true(isinf(out.sd_upper) && out.sd == 0.0 && out.days == 1);
    baseline_days(days, 2, &out);
    assert_true(out.days == 2 && out.sd_upper > 0.05);
}

static void intervals_match_closed_forms(void **state)
{
    struct interval wilson = baseline_interval_rate(15, 50);
    struct baseline_moments moments = {10, 4.2, .64};
    struct interval t = baseline_interval_mean(&moments, 1, 5);
    (void)state;
    assert_true(fabs(wilson.low - .19103554) < 1e-6 && fabs(wilson.high - .43750364) < 1e-6);
    assert_true(baseline_interval_rate(0, 30).low == 0.0 &&
                baseline_interval_rate(30, 30).high == 1.0);
    assert_true(fabs(t.low - (4.2 - 2.262157 * .8 / sqrt(10))) < 1e-6);
    moments.count = 101;
    t = baseline_interval_mean(&moments, 1, 5); /* expansion against t(100) = 1.983971518 */
    assert_true(fabs(t.high - (4.2 + 1.983971518 * .8 / sqrt(101))) < 1e-8);
    moments.count = 1;
    t = baseline_interval_mean(&moments, 1, 5);
    assert_true(t.low == 1 && t.high == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_have_clopper_pearson_limits),
        cmocka_unit_test(mean_limit_is_clopper_pearson_on_nearly_binary_data),
        cmocka_unit_test(mean_limit_becomes_the_normal_one),
        cmocka_unit_test(mean_limit_is_within_reach_of_its_ends),
        cmocka_unit_test(mean_limit_is_sane_on_any_histogram),
        cmocka_unit_test(misses_stay_below_one_minus_confidence),
        cmocka_unit_test(between_day_limit_covers_the_true_wobble),
        cmocka_unit_test(few_days_give_no_between_day_limit),
        cmocka_unit_test(intervals_match_closed_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
