/* Planning numbers: tilts, growth rates and delays of statistics §5, folklore rules of §3.1. */
#include "tests/test.h"

#include "operators/math/folklore.h"
#include "operators/math/power.h"

#include <math.h>

static const double score_values[5] = {1.0, 0.75, 0.5, 0.25, 0.0};
static const double stable[5] = {.01, .02, .12, .46, .39};

static void tilt_is_the_published_alternative(void **state)
{
    static const double wanted[5] = {.02439215, .03658843, .1646489, .4733683, .30100222};
    double tilted[5];
    (void)state;
    power_tilt(score_values, stable, 5, .2525, tilted); /* mean score 3.99 */
    for (int j = 0; j < 5; j++)
        assert_true(fabs(tilted[j] - wanted[j]) < 1e-8);
    power_tilt(score_values, stable, 5, 1.5, tilted);
    assert_true(tilted[0] > .999999);
}

static void growth_is_the_published_rate(void **state)
{
    static const double a1[5] = {.02439215, .03658843, .1646489, .4733683, .30100222};
    static const double a2[5] = {.07496875, .0186875, .112125, .4298125, .36440625};
    static const double flags[2] = {1.0, 0.0}, b[2] = {.1, .9}, c[2] = {.002, .998};
    (void)state;
    assert_true(fabs(power_growth(score_values, a1, 5, .2) - .0306) < 5e-5);
    assert_true(fabs(power_growth(score_values, a2, 5, .2) - .0216) < 5e-5);
    assert_true(fabs(power_growth(flags, b, 2, .05) - .020654) <
                5e-7); /* = KL: nothing is lost on flags */
    assert_true(fabs(power_growth(flags, c, 2, .001) - .00038680) < 5e-9);
    assert_true(power_growth(score_values, stable, 5, .2) < 1e-12 &&
                power_growth(score_values, stable, 5, .3) == 0.0);
}

static void delay_is_near_the_measured_one(void **state)
{
    static const struct {
        double growth, gamma, wanted; /* statistics §5, SR columns */
    } cases[] = {{.0306, 1e4, 191.6},   {.0306, 1e5, 275.9},   {.0306, 1e6, 356.3},
                 {.0216, 1e6, 483},     {.020654, 1e4, 269.8}, {.020654, 1e6, 518.5},
                 {.0003868, 1e6, 17515}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double delay = power_delay(cases[i].growth, cases[i].gamma, 1);
        print_message("delay %.0f, measured %.0f\n", delay, cases[i].wanted);
        assert_true(fabs(delay / cases[i].wanted - 1) < .12);
    }
    assert_true(isinf(power_delay(0.0, 1e6, 1)));
    assert_true(power_delay(5.0, 1e6, 100) == 100.0); /* never before the epoch is over */
    for (double growth = 1e-7; growth < 3; growth *= 1.3)
        assert_true(power_delay(growth * 1.3, 1e4, 1) <= power_delay(growth, 1e4, 1));
}

static void smoothing_keeps_the_mean_almost(void **state)
{
    uint64_t counts[5] = {0, 0, 0, 0, 99};
    double pmf[5];
    (void)state;
    power_smooth(&(struct betting_sample){score_values, counts, 5}, pmf);
    assert_true(fabs(pmf[0] - .002) < 1e-12 && fabs(pmf[4] - .992) < 1e-12);
    assert_true(fabs(power_mean(score_values, pmf, 5) - .005) < 1e-12);
}

static void five_percent_in_seven_days_cries_wolf_as_published(void **state)
{
    static const struct {
        double per_day, per_look, within_30, within_365, episodes;
    } rows[] = {{1, .27, .83, 1.0, 20.6},
                {5, .10, .52, .94, 11.4},
                {10, .036, .28, .78, 5.0},
                {20, .0057, .06, .35, 1.0}};
    static const double scores[5] = {1, 2, 3, 4, 5};
    uint32_t runs = test_is_full() ? 40000 : 4000;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct folklore folklore;
        folklore_mean(scores, stable, 5, rows[i].per_day, 7, 14, .05, runs, 3, &folklore);
        print_message("%.0f a day: %.4f a look; %.3f, %.3f, %.3f; %.2f a year\n", rows[i].per_day,
                      folklore.per_look, folklore.within_30, folklore.within_90,
                      folklore.within_365, folklore.episodes_year);
        assert_true(fabs(folklore.within_30 - rows[i].within_30) < .04);
        assert_true(fabs(folklore.within_365 - rows[i].within_365) < .04);
        assert_true(fabs(folklore.episodes_year / rows[i].episodes - 1) < .15);
        assert_true(fabs(folklore.per_look / rows[i].per_look - 1) < .15);
    }
}

static void twice_in_an_hour_cries_wolf_as_published(void **state)
{
    static const struct {
        uint64_t n;
        double per_hour, power_2x, power_3_percent;
    } rows[] = {{100, .095, .18, .95},
                {1000, .080, .32, 1},
                {5000, .014, .42, 1},
                {10000, .0016, .44, 1},
                {50000, 1.5e-10, .47, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(fabs(folklore_rate_exceeds(rows[i].n, .002, .001) / rows[i].per_hour - 1) <
                    .04);
        assert_true(fabs(folklore_rate_exceeds(rows[i].n, .002, .002) - rows[i].power_2x) < .006);
        assert_true(fabs(folklore_rate_exceeds(rows[i].n, .002, .03) - rows[i].power_3_percent) <
                    .006);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tilt_is_the_published_alternative),
        cmocka_unit_test(growth_is_the_published_rate),
        cmocka_unit_test(delay_is_near_the_measured_one),
        cmocka_unit_test(smoothing_keeps_the_mean_almost),
        cmocka_unit_test(five_percent_in_seven_days_cries_wolf_as_published),
        cmocka_unit_test(twice_in_an_hour_cries_wolf_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
