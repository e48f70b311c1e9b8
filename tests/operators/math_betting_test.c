/*
 * Bets against golden numbers: the SR line of statistics §4.5, the average run lengths of its grids, and
 * the delays of the SR columns of §5 with a known baseline and one observation an epoch.
 */
#include "tests/test.h"

#include "operators/math/betting.h"
#include "operators/math/random.h"

#include <math.h>

static const double score_values[5] = {1.0, 0.75, 0.5, 0.25, 0.0};
static const double flag_values[2] = {1.0, 0.0};
static const double stable[5] = {.01, .02, .12, .46, .39};

static void sr_line_is_golden(void **state)
{
    static const double y[5] = {1, 0, .5, .25, 1}, wanted[5] = {1.8, 2.24, 4.212, 5.4726, 11.65068};
    double wealth = 0.0, cusum = 0.0;
    const uint64_t one = 1;
    (void)state;
    for (int i = 0; i < 5; i++) {
        double growth = betting_log_growth(1.0, 0.2, &(struct betting_sample){&y[i], &one, 1});
        wealth = betting_step(wealth, 1.0, growth);
        cusum = betting_cusum_step(cusum, 1.0, growth);
        if (fabs(wealth - wanted[i]) > 1e-9)
            fail_msg("M after %d: %.10g, wanted %.10g", i + 1, wealth, wanted[i]);
    }
    assert_true(fabs(cusum - 3.53808) < 1e-9);
}

static void grids_have_their_knots(void **state)
{
    static const struct {
        double null_mean;
        uint32_t count;
        double low, high;
    } knots[] = {{.2, 6, .3, 4}, {.05, 8, .25, 16}, {.001, 10, .25, 400}};
    struct betting_grid grid;
    (void)state;
    for (int i = 0; i < 3; i++) {
        betting_grid_flags(knots[i].null_mean, &grid);
        assert_int_equal(grid.count, knots[i].count);
        assert_true(fabs(grid.lambda[0] / knots[i].low - 1) < 1e-9);
        assert_true(fabs(grid.lambda[grid.count - 1] / knots[i].high - 1) < 1e-9);
    }
    betting_grid_scores(.2, &grid);
    assert_int_equal(grid.count, 6);
    assert_true(fabs(grid.lambda[0] - .3) < 1e-12 && fabs(grid.lambda[5] - 4) < 1e-9);
}

static void every_bet_of_every_grid_stays_solvent(void **state)
{
    struct betting_grid grid;
    (void)state;
    for (double b0 = 1e-9; b0 < 1.5; b0 *= 1.09) {
        double null_mean = betting_clamp_null(b0);
        for (int which = 0; which < 2; which++) {
            if (which == 0)
                betting_grid_flags(b0, &grid);
            else
                betting_grid_scores(b0, &grid);
            assert_in_range(grid.count, 6, BETTING_GRID_MAX);
            for (uint32_t k = 0; k < grid.count; k++) {
                assert_true(grid.lambda[k] > 0 && grid.lambda[k] * null_mean <= 0.9500001);
                assert_true(k == 0 || grid.lambda[k] >= grid.lambda[k - 1]);
                assert_true(isfinite(log1p(grid.lambda[k] * (0.0 - null_mean))));
            }
        }
    }
}

/* One-observation epochs: mean number of observations until E >= gamma. */
static double mean_run(const struct betting_grid *grid, double null_mean, const double *values,
                       const double *pmf, uint32_t bins, double gamma, int runs, uint64_t seed,
                       double *standard_error)
{
    double growth[BETTING_GRID_MAX][5], sum = 0.0, squares = 0.0;
    struct random_stream stream = random_seed(seed);
    const uint64_t one = 1;
    for (uint32_t k = 0; k < grid->count; k++)
        for (uint32_t j = 0; j < bins; j++)
            growth[k][j] = betting_log_growth(grid->lambda[k], null_mean,
                                              &(struct betting_sample){&values[j], &one, 1});
    for (int run = 0; run < runs; run++) {
        double wealth[BETTING_GRID_MAX] = {0}, total = 0.0, steps = 0.0;
        while (total < gamma) {
            double u = random_uniform(&stream);
            uint32_t j = 0;
            while (j + 1 < bins && u >= pmf[j])
                u -= pmf[j++];
            total = 0.0;
            for (uint32_t k = 0; k < grid->count; k++) {
                wealth[k] = betting_step(wealth[k], 1.0 / grid->count, growth[k][j]);
                total += wealth[k];
            }
            steps++;
        }
        sum += steps;
        squares += steps * steps;
    }
    double mean = sum / runs;
    *standard_error = sqrt((squares / runs - mean * mean) / runs);
    return mean;
}

/* wanted +- band is a published simulation; ours has its own noise: 3 standard errors of it are allowed. */
static void assert_run(const char *what, double mean, double error, double wanted, double band)
{
    print_message("%s: %.1f +- %.1f, wanted %.1f +- %.1f\n", what, mean, error, wanted, band);
    if (fabs(mean - wanted) > band + 3.0 * error)
        fail_msg("%s: %.1f, wanted %.1f +- %.1f", what, mean, wanted, band);
}

static void run_length_to_false_alarm_is_as_published(void **state)
{
    struct betting_grid grid;
    double error, mean, flags[2] = {.05, .95};
    int runs = test_is_full() ? 8000 : 1500;
    (void)state;
    betting_grid_scores(.2, &grid);
    mean = mean_run(&grid, .2, score_values, stable, 5, 1e4, runs, 1, &error);
    assert_run("ARL, scores, K = 6, gamma 10^4", mean, error, 11717, 240);
    betting_grid_flags(.05, &grid);
    mean = mean_run(&grid, .05, flag_values, flags, 2, 1e4, runs, 2, &error);
    assert_run("ARL, flags at 5 %, K = 8, gamma 10^4", mean, error, 14926, 317);
    if (test_is_full()) {
        betting_grid_scores(.2, &grid);
        mean = mean_run(&grid, .2, score_values, stable, 5, 1e5, 1000, 3, &error);
        assert_run("ARL, scores, gamma 10^5", mean, error, 1.15e5, .07e5);
    }
}

static void delays_are_within_3_percent_of_the_published(void **state)
{
    static const struct {
        const char *name;
        double null_mean, pmf[5];
        uint32_t bins;
        double wanted[3]; /* at gamma 10^4, 10^5, 10^6 */
        bool full;
    } cases[] = {{"A1",
                  .2,
                  {.02439215, .03658843, .1646489, .4733683, .30100222},
                  5,
                  {191.6, 275.9, 356.3},
                  false},
                 {"A2",
                  .2,
                  {.0749687, .0186875, .112125, .4298125, .3644063},
                  5,
                  {248.7, 365.8, 483.0},
                  false},
                 {"B", .05, {.1, .9}, 2, {269.8, 393.1, 518.5}, false},
                 {"C'", .001, {.03, .97}, 2, {102, 138, 169}, false},
                 {"C", .001, {.002, .998}, 2, {4367, 10671, 17515}, true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct betting_grid grid;
        if (cases[i].bins == 5)
            betting_grid_scores(cases[i].null_mean, &grid);
        else
            betting_grid_flags(cases[i].null_mean, &grid);
        for (int g = 0; g < 3; g++) {
            if ((g == 2 || cases[i].full) && !test_is_full() && !(cases[i].full && g == 0))
                continue;
            char what[80];
            double error, gamma = pow(10, 4 + g);
            double mean = mean_run(
                &grid, cases[i].null_mean, cases[i].bins == 5 ? score_values : flag_values,
                cases[i].pmf, cases[i].bins, gamma, test_is_full() ? 6000 : 800, 10 + i, &error);
            snprintf(what, sizeof what, "delay %s, gamma 10^%d", cases[i].name, 4 + g);
            assert_run(what, mean, error, cases[i].wanted[g], 0.03 * cases[i].wanted[g]);
        }
    }
}

static void any_split_of_events_gives_the_same_bits(void **state)
{
    uint64_t seed = test_seed(7), whole[5] = {0}, parts[7][5] = {{0}}, merged[5];
    struct random_stream stream = random_seed(seed);
    (void)state;
    for (int event = 0; event < 5000; event++) {
        uint32_t bin = (uint32_t)(random_u64(&stream) % 5);
        whole[bin]++;
        parts[random_u64(&stream) % 7][bin]++;
    }
    for (int order = 0; order < 7; order++) {
        memset(merged, 0, sizeof merged);
        for (int part = 0; part < 7; part++)
            for (int j = 0; j < 5; j++)
                merged[j] += parts[(part + order) % 7][j];
        double a = betting_log_growth(1.3, .21, &(struct betting_sample){score_values, whole, 5});
        double b = betting_log_growth(1.3, .21, &(struct betting_sample){score_values, merged, 5});
        assert_memory_equal(&a, &b, sizeof a);
        a = betting_step(12.5, .1, a / 100);
        b = betting_step(12.5, .1, b / 100);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

static void wealth_is_clamped(void **state)
{
    (void)state;
    assert_true(betting_step(1e279, 1.0, 700.0) == BETTING_WEALTH_MAX);
    assert_true(betting_step(BETTING_WEALTH_MAX, 1.0, 1e9) == BETTING_WEALTH_MAX);
    assert_true(betting_step(1.0, 1.0, -1e9) == 0.0);
}

static void tempering_is_one_over_vif_without_tolerance_and_none_where_covered(void **state)
{
    uint64_t counts[5] = {140, 280, 1680, 6440, 5460};
    struct betting_sample sample = {score_values, counts, 5};
    (void)state;
    for (double sd = .003; sd < .02; sd += .003) {
        double vif = 1.0 + 1000 * sd * sd / 0.04, eta = betting_temper(0.1, .2, &sample, sd, 1000);
        assert_true(fabs(eta * vif - 1.0) < 0.03);
        assert_true(betting_temper(1.0, .2 + 4 * sd, &sample, sd, 1000) == 1.0);
        assert_true(betting_temper(1.0, .2 + 2 * sd, &sample, sd, 1000) >= eta);
    }
    assert_true(betting_temper(1.0, .25, &sample, 0.0, 1000) == 1.0);
}

static void onset_is_the_argmax_of_the_suffix_sum(void **state)
{
    struct random_stream stream = random_seed(test_seed(3));
    (void)state;
    for (int round = 0; round < 200; round++) {
        double growth[120], best = 0.0, sum = 0.0;
        struct betting_walk walk = {0};
        uint32_t onset = 0;
        for (uint32_t e = 0; e < 120; e++) {
            growth[e] = random_normal(&stream) + (e > 70 ? .5 : -.3);
            betting_walk_step(&walk, growth[e], e, 3, 1);
        }
        for (int e = 119; e >= 0; e--) {
            sum += growth[e];
            if (sum > best) {
                best = sum;
                onset = (uint32_t)e;
            }
        }
        assert_true(fabs(walk.height - best) < 1e-9);
        if (best > 0.0) {
            assert_int_equal(walk.since, onset);
            assert_true(walk.count == 3.0f * (float)(120 - onset));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sr_line_is_golden),
        cmocka_unit_test(grids_have_their_knots),
        cmocka_unit_test(every_bet_of_every_grid_stays_solvent),
        cmocka_unit_test(run_length_to_false_alarm_is_as_published),
        cmocka_unit_test(delays_are_within_3_percent_of_the_published),
        cmocka_unit_test(any_split_of_events_gives_the_same_bits),
        cmocka_unit_test(wealth_is_clamped),
        cmocka_unit_test(tempering_is_one_over_vif_without_tolerance_and_none_where_covered),
        cmocka_unit_test(onset_is_the_argmax_of_the_suffix_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
