/*
 * What `explain` tells people against what the detectors do: predicted days to a change are compared with
 * measured ones, predicted false alarms of folklore rules with the published table.
 */
#include "tests/operators/detect_world.h"

#include "operators/math/power.h"

#define SERIES 40

static const double score_values[5] = {1.0, 0.75, 0.5, 0.25, 0.0};

/* A baseline of 14 days from pmf, explained by the detector's class. */
static struct detector_explanation explain(struct world *world, const double *pmf, uint64_t per_day,
                                           int64_t window_ms)
{
    static uint64_t pooled[LAYOUT_BINS_MAX], day_bins[14][LAYOUT_BINS_MAX];
    const uint64_t *pointers[14];
    struct detector_explanation out;
    memset(pooled, 0, sizeof pooled);
    for (uint32_t d = 0; d < 14; d++) {
        random_multinomial(&world->random, per_day, pmf, world->rule.layout.bins, day_bins[d]);
        pointers[d] = day_bins[d];
        for (uint32_t j = 0; j < world->rule.layout.bins; j++)
            pooled[j] += day_bins[d][j];
    }
    struct baseline baseline = {world->now_ms - 14 * WORLD_DAY_MS, world->now_ms, pooled, 14,
                                pointers};
    world->detector->explain(&world->rule, &baseline, window_ms, &out);
    memset(world->state, 0, sizeof world->state);
    world->detector->arm(&world->rule, world->state, &baseline, &world->verdict);
    return out;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Median over series of measured days / predicted days. */
static double measured_over_predicted(struct detector_rule rule, const double *calm,
                                      const double *changed, uint64_t per_day, bool twice)
{
    double ratios[SERIES];
    uint64_t per_epoch = per_day * rule.epoch_ms / (uint64_t)WORLD_DAY_MS;
    for (int s = 0; s < SERIES; s++) {
        struct world world = world_of(&operator_shift, rule, (uint64_t)s);
        struct detector_explanation x = explain(&world, calm, per_day, WORLD_DAY_MS);
        uint32_t epochs = world_run(&world, changed, per_epoch, 200000);
        double days = epochs * (rule.epoch_ms / (double)WORLD_DAY_MS);
        ratios[s] = days / (twice ? x.days_to_double_effect : x.days_to_effect);
    }
    qsort(ratios, SERIES, sizeof ratios[0], by_size);
    return ratios[SERIES / 2];
}

static void predicted_days_are_the_measured_ones(void **state)
{
    double five[5], ten[5], flags[4] = {.99, .01, 0, 0}, doubled[4] = {.98, .02, 0, 0};
    (void)state;
    power_tilt(score_values, world_stable, 5, .2 + .0525, five);
    power_tilt(score_values, world_stable, 5, .2 + .105, ten);
    struct {
        const char *name;
        double ratio;
    } rows[] = {{"5 %, 1,000 a day",
                 measured_over_predicted(world_rule_scores(.05), world_stable, five, 1008, false)},
                {"10 % where 5 % counts, 240 a day",
                 measured_over_predicted(world_rule_scores(.05), world_stable, ten, 240, true)},
                {"10 %, 240 a day",
                 measured_over_predicted(world_rule_scores(.10), world_stable, ten, 240, false)},
                {"doubled failures, 2,880 a day",
                 measured_over_predicted(world_rule_flags(2), flags, doubled, 2880, false)}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s: measured / predicted %.2f\n", rows[i].name, rows[i].ratio);
        assert_true(rows[i].ratio > .5 && rows[i].ratio < 1.6);
    }
}

static void explanation_of_thin_data_has_a_lever(void **state)
{
    struct world world = world_of(&operator_shift, world_rule_scores(.05), 3);
    struct detector_explanation x = explain(&world, world_stable, 30, 7 * WORLD_DAY_MS);
    (void)state;
    assert_true(x.per_day == 30 && x.days_to_effect > 14 &&
                x.days_to_double_effect < x.days_to_effect);
    assert_true(x.days_to_half_effect >= x.days_to_effect);
    assert_true(x.smallest_in_a_week < -.05 && x.smallest_in_a_week > -.25);
    assert_true(x.per_day_for_a_week > 60 && x.per_day_for_a_week < 2000);
    double epochs_a_day = 24 * -expm1(-30.0 / 24);
    assert_true(fabs(x.false_alarm_days * epochs_a_day / 720000 - 1) < 1e-9);
}

static void folklore_false_alarms_stand_beside_the_rule(void **state)
{
    static const double flags[4] = {.999, .001, 0, 0};
    struct world world = world_of(&operator_effect, world_rule_scores(.05), 4);
    struct detector_explanation x = explain(&world, world_stable, 10, 7 * WORLD_DAY_MS);
    (void)state;
    print_message("5 %% in 7 days at 10 a day: a false alarm every %.0f days\n",
                  x.false_alarm_days);
    assert_true(x.false_alarm_days > 25 &&
                x.false_alarm_days < 180); /* about 73 on an average baseline */
    world = world_of(&operator_effect, world_rule_flags(2), 5);
    x = explain(&world, flags, 240000, WORLD_DAY_MS / 24);
    print_message("2x in an hour at 10,000: a false alarm every %.1f days\n", x.false_alarm_days);
    assert_true(x.false_alarm_days > 3 && x.false_alarm_days < 100); /* 633 h at exactly 0.1 % */
}

static void nothing_to_go_by_is_nan(void **state)
{
    uint64_t none[5] = {0};
    struct world world = world_of(&operator_shift, world_rule_scores(.05), 6);
    struct baseline baseline = {0, WORLD_DAY_MS, none, 0, NULL};
    struct detector_explanation x;
    (void)state;
    operator_shift.explain(&world.rule, &baseline, WORLD_DAY_MS, &x);
    assert_true(isnan(x.per_day) && isnan(x.days_to_effect) && isnan(x.false_alarm_days));
    operator_shift.explain(&world.rule, NULL, WORLD_DAY_MS, &x);
    assert_true(isnan(x.per_day));
    operator_effect.explain(&world.rule, &baseline, WORLD_DAY_MS, &x);
    assert_true(isnan(x.per_day) && isnan(x.false_alarm_days));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predicted_days_are_the_measured_ones),
        cmocka_unit_test(explanation_of_thin_data_has_a_lever),
        cmocka_unit_test(folklore_false_alarms_stand_beside_the_rule),
        cmocka_unit_test(nothing_to_go_by_is_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
