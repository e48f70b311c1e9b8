/*
 * States read back from a changelog are bytes from outside: whatever `valid` lets through must compute
 * without undefined behaviour and give finite numbers. Run under the sanitizers too.
 */
#include "tests/operators/detect_world.h"

static const struct layout layouts[] = {
    {LAYOUT_FLAG, FLAG_BINS, 0, 0}, {LAYOUT_ORDINAL, 5, 0, 0},  {LAYOUT_ORDINAL, 2, 0, 0},
    {LAYOUT_ORDINAL, 1, 0, 0},      {LAYOUT_ORDINAL, 40, 0, 0}, {LAYOUT_LINEAR, 20, 0.0f, 1.0f},
    {LAYOUT_LOG, 1152, 0, 0},       {LAYOUT_CATEGORY, 6, 0, 0}, {LAYOUT_CATEGORY, 300, 0, 0}};
#define LAYOUTS (sizeof layouts / sizeof layouts[0])

static struct detector_rule rule_of(const struct layout *layout)
{
    struct detector_rule rule = world_rule_flags(2);
    rule.layout = *layout;
    rule.effect_relative = .05;
    return rule;
}

static void use_state(struct world *world)
{
    uint64_t bins[LAYOUT_BINS_MAX];
    for (int round = 0; round < 3; round++) {
        for (uint32_t j = 0; j < world->rule.layout.bins; j++)
            bins[j] = random_u64(&world->random) % 50;
        world_close(world, bins);
        const struct verdict *verdict = &world->verdict;
        assert_true(isfinite(verdict->evidence) && verdict->evidence >= 0.0 &&
                    isfinite(verdict->log_increment));
        assert_true(isfinite(verdict->effect) && isfinite(verdict->observed) &&
                    isfinite(verdict->baseline));
        assert_true(world->detector->valid(&world->rule.layout, world->state,
                                           world->detector->state_bytes(&world->rule.layout)));
        world_reverse(world);
    }
}

static void mutated_states_are_refused_or_harmless(void **state)
{
    const struct detector_class *classes[2] = {&operator_shift, &operator_effect};
    struct random_stream stream = random_seed(test_seed(21));
    int refused = 0, used = 0, rounds = test_is_full() ? 20000 : 800;
    double flat[LAYOUT_BINS_MAX];
    (void)state;
    for (size_t which = 0; which < 2 * LAYOUTS; which++) {
        const struct layout *layout = &layouts[which / 2];
        struct world armed = world_of(classes[which % 2], rule_of(layout), which);
        uint32_t size = armed.detector->state_bytes(layout);
        for (uint32_t j = 0; j < layout->bins; j++)
            flat[j] = 1.0 / layout->bins;
        world_arm(&armed, flat, 7, 500);
        use_state(&armed);
        for (int round = 0; round < rounds; round++) {
            struct world world = armed;
            uint8_t *bytes = (uint8_t *)world.state;
            for (uint64_t hits = 1 + random_u64(&stream) % 3; hits > 0; hits--) {
                uint64_t at = random_u64(&stream) % size;
                if (random_u64(&stream) % 2)
                    bytes[at] ^= (uint8_t)(1u << (random_u64(&stream) % 8));
                else
                    bytes[at] = (uint8_t)random_u64(&stream);
            }
            if (!world.detector->valid(layout, world.state, size)) {
                refused++;
                continue;
            }
            used++;
            use_state(&world);
        }
    }
    print_message("%d mutated states refused, %d used\n", refused, used);
    assert_true(refused > 100 && used > 100);
}

static void noise_and_wrong_sizes_are_refused(void **state)
{
    struct random_stream stream = random_seed(test_seed(22));
    uint64_t noise[2048];
    (void)state;
    for (size_t i = 0; i < LAYOUTS; i++) {
        struct world armed = world_of(&operator_shift, rule_of(&layouts[i]), i);
        uint32_t size = operator_shift.state_bytes(&layouts[i]);
        assert_true(size == operator_shift.state_bytes(&layouts[i]) && size <= 12000);
        for (int round = 0; round < 200; round++) {
            for (size_t word = 0; word < 2048; word++)
                noise[word] = random_u64(&stream);
            assert_false(operator_shift.valid(&layouts[i], noise, size));
            assert_false(operator_effect.valid(&layouts[i], noise,
                                               operator_effect.state_bytes(&layouts[i])));
        }
        memset(noise, 0, sizeof noise);
        assert_false(operator_shift.valid(&layouts[i], noise, size));
        (void)armed;
        assert_false(operator_shift.valid(&layouts[i], noise, size - 1));
        assert_false(operator_shift.valid(&layouts[i], noise, size + 1));
    }
}

static void state_of_another_layout_is_refused(void **state)
{
    static const double flat[5] = {.2, .2, .2, .2, .2};
    struct world world = world_of(&operator_shift, rule_of(&layouts[1]), 1);
    (void)state;
    world_arm(&world, flat, 7, 500);
    for (size_t i = 0; i < LAYOUTS; i++) {
        bool own = i == 1;
        assert_true(operator_shift.valid(&layouts[i], world.state,
                                         operator_shift.state_bytes(&layouts[i])) == own);
    }
}

static void unaligned_bytes_can_be_checked(void **state)
{
    static const double flat[5] = {.2, .2, .2, .2, .2};
    struct world world = world_of(&operator_shift, rule_of(&layouts[1]), 1);
    uint32_t size = operator_shift.state_bytes(&layouts[1]);
    uint8_t bytes[4096];
    (void)state;
    world_arm(&world, flat, 7, 500);
    memcpy(bytes + 3, world.state, size);
    assert_true(operator_shift.valid(&layouts[1], bytes + 3, size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutated_states_are_refused_or_harmless),
        cmocka_unit_test(noise_and_wrong_sizes_are_refused),
        cmocka_unit_test(state_of_another_layout_is_refused),
        cmocka_unit_test(unaligned_bytes_can_be_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
