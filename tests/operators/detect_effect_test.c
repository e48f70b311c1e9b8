/* The effect gate: every number a rule can give, both directions, zero baselines, resolve. */
#include "tests/operators/detect_world.h"

static struct verdict effect_of(struct world *world, const uint64_t *window)
{
    static const uint64_t none[LAYOUT_BINS_MAX];
    struct detector_epoch epoch = {1, 2, none, window, 1};
    operator_effect.close_epoch(&world->rule, world->state, &epoch, &world->verdict);
    return world->verdict;
}

static void arm_on(struct world *world, const uint64_t *bins)
{
    struct baseline baseline = {0, WORLD_DAY_MS, bins, 0, NULL};
    operator_effect.arm(&world->rule, world->state, &baseline, &world->verdict);
}

static void relative_drop_of_scores_counts_from_the_rules_number(void **state)
{
    static const uint64_t calm[5] = {10, 20, 120, 460, 390}; /* mean 4.2 */
    static const uint64_t less[5] = {0, 0, 202, 597, 201};   /* 3.999 */
    static const uint64_t more[5] = {0, 0, 221, 598, 181};   /* 3.96 */
    struct world world = world_of(&operator_effect, world_rule_scores(.05), 1);
    (void)state;
    arm_on(&world, calm);
    assert_int_equal(world.verdict.kind, VERDICT_OK);
    assert_int_equal(effect_of(&world, less).kind, VERDICT_OK);
    struct verdict verdict = effect_of(&world, more);
    assert_int_equal(verdict.kind, VERDICT_BREACHED);
    assert_true(fabs(verdict.observed - 3.96) < 1e-12 && fabs(verdict.baseline - 4.2) < 1e-12);
    assert_true(fabs(verdict.effect - (3.96 / 4.2 - 1)) < 1e-12 && verdict.count == 1000);
    assert_true(verdict.interval_low > 3.9 && verdict.interval_low < 3.96 &&
                verdict.interval_high < 4.02);
    assert_true(verdict.evidence == 0.0 && verdict.log_increment == 0.0);
    world_reverse(&world);
    assert_int_equal(effect_of(&world, more).kind, VERDICT_OK);
    assert_int_equal(effect_of(&world, less).kind, VERDICT_OK); /* -4.8 % is not half of 5 % yet */
    assert_int_equal(effect_of(&world, calm).kind, VERDICT_BREACHED); /* back */
    world_reverse(&world);
    assert_int_equal(effect_of(&world, calm).kind, VERDICT_OK);
}

static void thin_windows_and_baselines_say_what_they_need(void **state)
{
    static const uint64_t calm[5] = {10, 20, 120, 460, 390}, thin[5] = {29, 0, 0, 0, 0},
                          few[5] = {0, 1, 1, 0, 0};
    struct world world = world_of(&operator_effect, world_rule_scores(.05), 1);
    (void)state;
    arm_on(&world, few);
    assert_true(world.verdict.kind == VERDICT_INSUFFICIENT && world.verdict.needed == 30);
    assert_int_equal(effect_of(&world, calm).kind, VERDICT_INSUFFICIENT);
    arm_on(&world, calm);
    struct verdict verdict = effect_of(&world, thin);
    assert_true(verdict.kind == VERDICT_INSUFFICIENT && verdict.needed == 30 &&
                verdict.count == 29);
}

static void ratio_of_rates_doubles(void **state)
{
    static const uint64_t calm[4] = {9990, 10, 500, 500}, odd[4] = {998, 1, 9000, 9000},
                          twice[4] = {998, 2, 0, 0};
    struct world world = world_of(&operator_effect, world_rule_flags(2), 1);
    (void)state;
    arm_on(&world, calm);
    assert_true(world.verdict.observed == .001 && world.verdict.count == 10000);
    assert_int_equal(effect_of(&world, odd).kind, VERDICT_OK);
    struct verdict verdict = effect_of(&world, twice);
    assert_int_equal(verdict.kind, VERDICT_BREACHED);
    assert_true(fabs(verdict.effect - 1.0) < 1e-12 && verdict.count == 1000);
    assert_true(verdict.interval_low < .002 && verdict.interval_high > .002 &&
                verdict.interval_high < .01);
}

static void baseline_of_zero_counts_with_its_upper_limit(void **state)
{
    static const uint64_t calm[4] = {1000, 0, 0, 0}, one[4] = {999, 1, 0, 0},
                          ten[4] = {990, 10, 0, 0};
    struct world world = world_of(&operator_effect, world_rule_flags(2), 1);
    (void)state;
    arm_on(&world, calm); /* limit 0.46 %: twice that is 0.92 % */
    assert_int_equal(effect_of(&world, one).kind, VERDICT_OK);
    struct verdict verdict = effect_of(&world, ten);
    assert_int_equal(verdict.kind, VERDICT_BREACHED);
    assert_true(verdict.baseline == 0.0 && isfinite(verdict.effect) && verdict.effect > 1.0);
}

static void constant_threshold_needs_no_baseline(void **state)
{
    static const uint64_t under[4] = {981, 19, 0, 0}, over[4] = {980, 20, 0, 0};
    struct detector_rule rule = world_rule_flags(NAN);
    rule.threshold = .02;
    struct world world = world_of(&operator_effect, rule, 1);
    (void)state;
    operator_effect.arm(&world.rule, world.state, NULL, &world.verdict);
    assert_int_equal(world.verdict.kind, VERDICT_OK);
    assert_int_equal(effect_of(&world, under).kind, VERDICT_OK);
    assert_int_equal(effect_of(&world, over).kind, VERDICT_BREACHED);
    world_reverse(&world);
    assert_int_equal(effect_of(&world, over).kind, VERDICT_OK);
    assert_int_equal(effect_of(&world, under).kind, VERDICT_BREACHED);
}

static void improvement_has_the_other_sign(void **state)
{
    static const uint64_t calm[5] = {10, 20, 120, 460, 390}, better[5] = {0, 0, 0, 500, 500},
                          best[5] = {0, 0, 0, 300, 700};
    struct detector_rule rule = world_rule_scores(.10);
    rule.direction = DIRECTION_BETTER;
    struct world world = world_of(&operator_effect, rule, 1);
    (void)state;
    arm_on(&world, calm);
    assert_int_equal(effect_of(&world, better).kind, VERDICT_OK);
    assert_int_equal(effect_of(&world, best).kind, VERDICT_BREACHED);
    rule = world_rule_flags(2);
    rule.direction = DIRECTION_BETTER;
    world = world_of(&operator_effect, rule, 1);
    arm_on(&world, (const uint64_t[4]){900, 100, 0, 0});
    assert_int_equal(effect_of(&world, (const uint64_t[4]){940, 60, 0, 0}).kind, VERDICT_OK);
    assert_int_equal(effect_of(&world, (const uint64_t[4]){950, 50, 0, 0}).kind, VERDICT_BREACHED);
}

static void all_numbers_of_a_rule_must_be_reached(void **state)
{
    struct detector_rule rule = world_rule_flags(2);
    rule.threshold = .01;
    struct world world = world_of(&operator_effect, rule, 1);
    (void)state;
    arm_on(&world, (const uint64_t[4]){9990, 10, 0, 0});
    assert_int_equal(effect_of(&world, (const uint64_t[4]){995, 5, 0, 0}).kind, VERDICT_OK);
    assert_int_equal(effect_of(&world, (const uint64_t[4]){990, 10, 0, 0}).kind, VERDICT_BREACHED);
    rule = world_rule_flags(NAN);
    world = world_of(&operator_effect, rule, 1); /* no number: never */
    arm_on(&world, (const uint64_t[4]){9990, 10, 0, 0});
    assert_int_equal(effect_of(&world, (const uint64_t[4]){0, 1000, 0, 0}).kind, VERDICT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relative_drop_of_scores_counts_from_the_rules_number),
        cmocka_unit_test(thin_windows_and_baselines_say_what_they_need),
        cmocka_unit_test(ratio_of_rates_doubles),
        cmocka_unit_test(baseline_of_zero_counts_with_its_upper_limit),
        cmocka_unit_test(constant_threshold_needs_no_baseline),
        cmocka_unit_test(improvement_has_the_other_sign),
        cmocka_unit_test(all_numbers_of_a_rule_must_be_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
