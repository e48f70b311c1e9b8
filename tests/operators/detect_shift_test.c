/*
 * The shift detector: what it promises (false alarms, delays, three verdicts, resolve) on every layout.
 * Its wobble test, day by day over years, is bench/statistics.c.
 */
#include "tests/operators/detect_world.h"

/* A baseline so large, and a rule so plain, that only the mixture of bets is left. */
static struct world known_baseline(double gamma, uint64_t seed)
{
    static uint64_t pooled[5] = {1000000000, 2000000000, 12000000000, 46000000000, 39000000000};
    struct detector_rule rule = world_rule_scores(NAN);
    rule.tolerance = 0.0;
    rule.gamma = gamma;
    struct world world = world_of(&operator_shift, rule, seed);
    struct baseline baseline = {0, WORLD_DAY_MS, pooled, 0, NULL};
    operator_shift.arm(&world.rule, world.state, &baseline, &world.verdict);
    assert_int_equal(world.verdict.kind, VERDICT_OK);
    return world;
}

static void delays_with_cuts_are_within_3_percent_of_the_published(void **state)
{
    static const struct {
        const char *name;
        double pmf[5], wanted[3]; /* statistics §5, "cuts", at gamma 10^4, 10^5, 10^6 */
    } cases[] = {
        {"A1", {.02439215, .03658843, .1646489, .4733683, .30100222}, {201.3, 289.3, 374.0}},
        {"A2", {.07496875, .0186875, .112125, .4298125, .36440625}, {106.8, 136.8, 164.3}}};
    int runs = test_is_full() ? 3000 : 250;
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        for (int g = 0; g < (test_is_full() ? 3 : 2); g++) {
            struct world world = known_baseline(pow(10, 4 + g), 31 + c);
            uint64_t armed[2048];
            double sum = 0.0, squares = 0.0;
            memcpy(armed, world.state, sizeof armed);
            for (int run = 0; run < runs; run++) {
                memcpy(world.state, armed, sizeof armed);
                double delay = world_run(&world, cases[c].pmf, 1, 1000000);
                sum += delay;
                squares += delay * delay;
            }
            double mean = sum / runs, error = sqrt((squares / runs - mean * mean) / runs),
                   wanted = cases[c].wanted[g];
            print_message("%s, gamma 10^%d: %.1f +- %.1f, wanted %.1f\n", cases[c].name, 4 + g,
                          mean, error, wanted);
            if (fabs(mean - wanted) > .03 * wanted + 3 * error)
                fail_msg("%s, gamma 10^%d: %.1f, wanted %.1f", cases[c].name, 4 + g, mean, wanted);
        }
    }
}

/* P(alarm within T epochs) <= T / gamma, baseline noise included: statistics §6, test 3. */
static void false_alarms_stay_within_the_budget_on_finite_baselines(void **state)
{
    static const uint64_t per_day[3] = {20, 100, 357};
    int runs = test_is_full() ? 1500 : 60, alarms = 0;
    const uint32_t epochs = 5000;
    (void)state;
    for (int b = 0; b < 3; b++) {
        for (int run = 0; run < runs; run++) {
            struct detector_rule rule = world_rule_scores(.05);
            rule.gamma = 50000;
            struct world world = world_of(&operator_shift, rule, (uint64_t)(run * 3 + b));
            world_arm(&world, world_stable, 14, per_day[b]);
            alarms += world_run(&world, world_stable, 1, epochs) != 0;
        }
    }
    double allowed = 3.0 * runs * epochs / 50000.0;
    print_message("%d false alarms, budget %.1f\n", alarms, allowed);
    assert_true(alarms <= allowed + 3 * sqrt(allowed));
}

static void thin_baseline_is_insufficient_with_a_lever_and_still_sees_a_disaster(void **state)
{
    static const double disaster[5] = {.4, .2, .1, .2, .1};
    struct world world = world_of(&operator_shift, world_rule_scores(.05), 5);
    (void)state;
    world_arm(&world, world_stable, 14, 20);
    assert_int_equal(world.verdict.kind, VERDICT_INSUFFICIENT);
    assert_true(world.verdict.needed > 1000 && world.verdict.needed < 20000);
    assert_true(world.verdict.achievable < -.07 && world.verdict.achievable > -.4);
    assert_int_equal(world_run(&world, world_stable, 1, 500), 0);
    assert_int_equal(world.verdict.kind, VERDICT_INSUFFICIENT);
    uint32_t epochs = world_run(&world, disaster, 1, 200);
    print_message("disaster seen after %u scores\n", epochs);
    assert_in_range(epochs, 1, 60);
    assert_int_equal(world.verdict.kind, VERDICT_BREACHED);
}

static void enough_baseline_sees_the_rules_drop_and_dates_it(void **state)
{
    struct world world = world_of(&operator_shift, world_rule_scores(.05), 6);
    (void)state;
    world_arm(&world, world_stable, 14, 1000);
    assert_int_equal(world.verdict.kind, VERDICT_OK);
    assert_true(world.verdict.needed == 0.0 && isnan(world.verdict.achievable));
    assert_int_equal(world_run(&world, world_stable, 42, 24 * 30), 0);
    int64_t change_ms = world.now_ms;
    uint32_t hours = world_run(&world, world_tilted, 42, 24 * 30);
    print_message("alarm after %u hours, onset %+.1f hours from the change, since then %.3f\n",
                  hours, (double)(world.verdict.onset_ms - change_ms) / 3.6e6,
                  world.verdict.since_onset);
    assert_in_range(hours, 6, 24 * 9);
    assert_true(fabs((double)(world.verdict.onset_ms - change_ms)) < 36 * 3.6e6);
    assert_true(fabs(world.verdict.since_onset - 3.99) < .06);
    assert_true(world.verdict.evidence >= world.verdict.threshold &&
                world.verdict.threshold == 720000);
    assert_true(fabs(world.verdict.baseline - 4.2) < .03);
    assert_true(world.verdict.interval_low < world.verdict.observed &&
                world.verdict.observed < world.verdict.interval_high);
}

static void alarm_holds_until_reversed_and_fades_when_the_change_goes_away(void **state)
{
    struct world world = world_of(&operator_shift, world_rule_scores(.05), 7);
    uint32_t still = 0;
    (void)state;
    world_arm(&world, world_stable, 14, 1000);
    assert_true(world_run(&world, world_tilted, 42, 24 * 30) > 0);
    for (int e = 0; e < 24 * 20; e++)
        still += world_run(&world, world_tilted, 42, 1) != 0;
    assert_true(still > 24 * 18);
    assert_true(world.verdict.evidence <= 1000 * world.rule.gamma * 1.000001);
    uint32_t fading = 0;
    while (world_run(&world, world_stable, 42, 1) != 0)
        fading++;
    print_message("faded after %u hours\n", fading);
    assert_in_range(fading, 1, 24 * 8);
}

static void recovery_resolves_and_lasting_trouble_does_not(void **state)
{
    struct world world = world_of(&operator_shift, world_rule_scores(.05), 8);
    (void)state;
    world_arm(&world, world_stable, 14, 1000);
    assert_true(world_run(&world, world_tilted, 42, 24 * 30) > 0);
    world_reverse(&world);
    assert_int_equal(world_run(&world, world_tilted, 42, 24 * 100), 0);
    assert_true(world.verdict.kind == VERDICT_OK && world.verdict.threshold == 1000.0);
    uint32_t hours = world_run(&world, world_stable, 42, 24 * 30);
    print_message("resolved after %u hours\n", hours);
    assert_in_range(hours, 2, 24 * 4);
    world_reverse(&world);
    assert_int_equal(world_run(&world, world_stable, 42, 24 * 60), 0);
    assert_true(world_run(&world, world_tilted, 42, 24 * 30) > 0); /* watches on as before */
}

static void rate_that_exploded_resolves_within_a_thousand_good_ones(void **state)
{
    static const double good[4] = {.997, .001, .001, .001}, bad[4] = {.68, .3, .01, .01},
                        half[4] = {.93, .05, .01, .01};
    struct world world = world_of(&operator_shift, world_rule_flags(2), 9);
    (void)state;
    world_arm(&world, good, 14, 3000);
    uint32_t minutes = world_run(&world, bad, 2, 600);
    print_message("JSON failures 0.1 %% -> 30 %% at 2 a minute: alarm after %u minutes\n", minutes);
    assert_in_range(minutes, 1, 40);
    world_run(&world, bad, 2, 120);
    world_reverse(&world);
    assert_int_equal(world_run(&world, bad, 2, 5000), 0);
    assert_int_equal(world_run(&world, half, 2, 3000), 0); /* 5 % is not 0.1 % */
    minutes = world_run(&world, good, 2, 5000);
    print_message("resolved after %u minutes\n", minutes);
    assert_in_range(minutes, 60, 1200);
}

static void no_content_and_unparsed_do_not_count(void **state)
{
    static const double good[4] = {.99, .01, 0, 0};
    static const uint64_t odd[4] = {0, 0, 500, 500}, none[4] = {0};
    struct world world = world_of(&operator_shift, world_rule_flags(2), 10);
    uint64_t before[2048];
    (void)state;
    world_arm(&world, good, 14, 1000);
    world_run(&world, good, 5, 10);
    memcpy(before, world.state, sizeof before);
    double evidence = world.verdict.evidence;
    world_close(&world, odd);
    assert_memory_equal(before, world.state, sizeof before);
    assert_true(world.verdict.count == 0 && world.verdict.log_increment == 0.0 &&
                world.verdict.evidence == evidence);
    world_close(&world, none);
    assert_memory_equal(before, world.state, sizeof before);
}

static void a_constant_needs_no_baseline(void **state)
{
    static const double under[4] = {.985, .015, 0, 0}, over[4] = {.96, .04, 0, 0};
    struct detector_rule rule = world_rule_flags(NAN);
    rule.threshold = .02;
    struct world world = world_of(&operator_shift, rule, 11);
    (void)state;
    operator_shift.arm(&world.rule, world.state, NULL, &world.verdict);
    assert_int_equal(world.verdict.kind, VERDICT_OK);
    assert_int_equal(world_run(&world, under, 10, 20000), 0);
    uint32_t minutes = world_run(&world, over, 10, 5000);
    assert_in_range(minutes, 20, 1000);
    assert_true(world.verdict.baseline == .02);
    world_reverse(&world);
    assert_int_equal(world_run(&world, over, 10, 20000), 0);
    assert_true(world_run(&world, under, 10, 20000) > 0);
}

static void no_baseline_is_insufficient(void **state)
{
    static const double good[4] = {1, 0, 0, 0};
    uint64_t empty[4] = {0};
    struct world world = world_of(&operator_shift, world_rule_flags(2), 12);
    struct baseline baseline = {0, WORLD_DAY_MS, empty, 0, NULL};
    (void)state;
    operator_shift.arm(&world.rule, world.state, &baseline, &world.verdict);
    assert_true(world.verdict.kind == VERDICT_INSUFFICIENT && world.verdict.needed == 30);
    assert_int_equal(world_run(&world, good, 10, 100), 0);
    assert_int_equal(world.verdict.kind, VERDICT_INSUFFICIENT);
    world_reverse(&world);
    assert_true(operator_shift.valid(&world.rule.layout, world.state,
                                     operator_shift.state_bytes(&world.rule.layout)));
}

static void improvement_is_a_direction(void **state)
{
    static const double better[5] = {.002, .005, .04, .35, .603};
    struct detector_rule rule = world_rule_scores(.05);
    rule.direction = DIRECTION_BETTER;
    struct world world = world_of(&operator_shift, rule, 13);
    (void)state;
    world_arm(&world, world_stable, 14, 2000);
    assert_int_equal(world_run(&world, world_tilted, 80, 24 * 20), 0);
    uint32_t hours = world_run(&world, better, 80, 24 * 20);
    assert_in_range(hours, 1, 24 * 6);
    assert_true(world.verdict.since_onset > 4.4);
}

/* Latency, log-normal: median 800, sd of the logarithm .5. */
static void log_pmf(const struct layout *layout, double median, double *pmf)
{
    double sum = 0.0;
    for (uint32_t j = 0; j < layout->bins; j++) {
        double z = (log(fmax(layout_value(layout, (uint16_t)j), 1)) - log(median)) / .5;
        pmf[j] = exp(-z * z / 2);
        sum += pmf[j];
    }
    for (uint32_t j = 0; j < layout->bins; j++)
        pmf[j] /= sum;
}

static void latency_quantiles_are_watched_on_the_log_layout(void **state)
{
    double calm[LAYOUT_BINS_MAX], slow[LAYOUT_BINS_MAX];
    struct detector_rule rule = world_rule_flags(NAN);
    rule.layout = LAYOUT_OF_LOG;
    rule.effect_relative = .3;
    struct world world = world_of(&operator_shift, rule, 14);
    (void)state;
    log_pmf(&rule.layout, 800, calm);
    log_pmf(&rule.layout, 1100, slow);
    world_arm(&world, calm, 14, 5000);
    assert_int_equal(world.verdict.kind, VERDICT_OK);
    assert_int_equal(world_run(&world, calm, 4, 1440 * 3), 0);
    uint32_t minutes = world_run(&world, slow, 4, 1440);
    print_message("latency + 37 %%: alarm after %u minutes at 4 a minute\n", minutes);
    assert_in_range(minutes, 2, 400);
    world_reverse(&world);
    assert_int_equal(world_run(&world, slow, 4, 1440), 0);
    assert_true(world_run(&world, calm, 4, 1440 * 2) > 0);
}

static void retrieval_scores_fall_on_the_linear_layout(void **state)
{
    double calm[50], poor[50], sums[2] = {0, 0};
    struct detector_rule rule = world_rule_scores(.10);
    rule.layout = (struct layout){LAYOUT_LINEAR, 50, 0.0f, 1.0f};
    rule.direction =
        DIRECTION_BETTER; /* smaller is worse here: "better" in the layout's sense falls */
    struct world world = world_of(&operator_shift, rule, 15);
    (void)state;
    for (int j = 0; j < 50; j++) {
        double y = (j + .5) / 50;
        calm[j] = pow(y, 8) * pow(1 - y, 2);
        poor[j] = pow(y, 6) * pow(1 - y, 2.6);
        sums[0] += calm[j];
        sums[1] += poor[j];
    }
    for (int j = 0; j < 50; j++) {
        calm[j] /= sums[0];
        poor[j] /= sums[1];
    }
    world_arm(&world, calm, 14, 1000);
    assert_int_equal(world.verdict.kind, VERDICT_OK);
    assert_int_equal(world_run(&world, calm, 42, 24 * 20), 0);
    uint32_t hours = world_run(&world, poor, 42, 24 * 20);
    print_message("retrieval score -10 %%: alarm after %u hours\n", hours);
    assert_in_range(hours, 1, 60);
}

static void a_category_that_grows_is_seen(void **state)
{
    static const double calm[6] = {.4, .3, .15, .1, .04, .01},
                        moved[6] = {.3, .25, .13, .1, .04, .18};
    struct detector_rule rule = world_rule_flags(2);
    rule.layout = (struct layout){LAYOUT_CATEGORY, 6, 0, 0};
    struct world world = world_of(&operator_shift, rule, 16);
    (void)state;
    world_arm(&world, calm, 14, 2000);
    assert_int_equal(world_run(&world, calm, 3, 3000), 0);
    assert_in_range(world_run(&world, moved, 3, 3000), 2, 200);
}

static void increments_add_up_to_the_evidence(void **state)
{
    struct world world = world_of(&operator_shift, world_rule_scores(.05), 17);
    double evidence = 0.0;
    uint64_t bins[5];
    (void)state;
    world_arm(&world, world_stable, 14, 1000);
    for (int e = 0; e < 500; e++) {
        random_multinomial(&world.random, 20, world_stable, 5, bins);
        world_close(&world, bins);
        evidence = (evidence + 1.0) * exp(world.verdict.log_increment);
        assert_true(fabs(evidence / world.verdict.evidence - 1.0) < 1e-9);
        evidence = world.verdict.evidence;
    }
}

static void state_moves_and_shards_merge_to_the_same_bits(void **state)
{
    struct world a = world_of(&operator_shift, world_rule_scores(.05), 18), b;
    uint64_t shards[4][5], merged[5], bins[5];
    (void)state;
    world_arm(&a, world_stable, 14, 1000);
    b = a;
    for (int e = 0; e < 300; e++) {
        memset(merged, 0, sizeof merged);
        random_multinomial(&a.random, 40, world_tilted, 5, bins);
        memset(shards, 0, sizeof shards);
        for (int j = 0; j < 5; j++)
            for (uint64_t i = 0; i < bins[j]; i++)
                shards[random_u64(&b.random) % 4][j]++;
        for (int s = 3; s >= 0; s--)
            for (int j = 0; j < 5; j++)
                merged[j] += shards[s][j];
        struct world moved = b; /* a copy by memcpy goes on as if nothing had happened */
        world_close(&a, bins);
        world_close(&moved, merged);
        b = moved;
        assert_memory_equal(a.state, b.state, sizeof a.state);
        assert_memory_equal(&a.verdict.evidence, &b.verdict.evidence, sizeof a.verdict.evidence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_with_cuts_are_within_3_percent_of_the_published),
        cmocka_unit_test(false_alarms_stay_within_the_budget_on_finite_baselines),
        cmocka_unit_test(thin_baseline_is_insufficient_with_a_lever_and_still_sees_a_disaster),
        cmocka_unit_test(enough_baseline_sees_the_rules_drop_and_dates_it),
        cmocka_unit_test(alarm_holds_until_reversed_and_fades_when_the_change_goes_away),
        cmocka_unit_test(recovery_resolves_and_lasting_trouble_does_not),
        cmocka_unit_test(rate_that_exploded_resolves_within_a_thousand_good_ones),
        cmocka_unit_test(no_content_and_unparsed_do_not_count),
        cmocka_unit_test(a_constant_needs_no_baseline),
        cmocka_unit_test(no_baseline_is_insufficient),
        cmocka_unit_test(improvement_is_a_direction),
        cmocka_unit_test(latency_quantiles_are_watched_on_the_log_layout),
        cmocka_unit_test(retrieval_scores_fall_on_the_linear_layout),
        cmocka_unit_test(a_category_that_grows_is_seen),
        cmocka_unit_test(increments_add_up_to_the_evidence),
        cmocka_unit_test(state_moves_and_shards_merge_to_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
