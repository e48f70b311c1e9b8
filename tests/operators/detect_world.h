/*
 * detect_world.h - a synthetic series for detector tests: frozen baselines and epochs drawn from a pmf,
 * and a detector's state with its rule. Header-only; one test program each.
 */
#ifndef TESTS_OPERATORS_DETECT_WORLD_H
#define TESTS_OPERATORS_DETECT_WORLD_H

#include "tests/test.h"

#include "operators/detect/detect.h"
#include "operators/math/random.h"

#include <math.h>

#define WORLD_DAY_MS   INT64_C(86400000)
#define WORLD_START_MS INT64_C(1700000000000)

static const double world_stable[5] = {.01, .02, .12, .46, .39};
static const double world_tilted[5] = {.02439215, .03658843, .1646489, .4733683,
                                       .30100222}; /* mean 3.99 */

struct world {
    struct detector_rule rule;
    const struct detector_class *detector;
    uint64_t state[2048]; /* aligned, larger than any state of the tests */
    uint64_t *pooled;     /* of the last baseline */
    struct random_stream random;
    int64_t now_ms;
    struct verdict verdict;
};

static inline struct detector_rule world_rule_scores(double drop)
{
    return (struct detector_rule){.layout = LAYOUT_OF_ORDINAL(5),
                                  .direction = DIRECTION_WORSE,
                                  .effect_relative = drop,
                                  .effect_ratio = NAN,
                                  .threshold = NAN,
                                  .tolerance = NAN,
                                  .gamma = 720000,
                                  .effect_min_count = 30,
                                  .epoch_ms = 3600000};
}

static inline struct detector_rule world_rule_flags(double ratio)
{
    return (struct detector_rule){.layout = LAYOUT_OF_FLAG,
                                  .direction = DIRECTION_WORSE,
                                  .effect_relative = NAN,
                                  .effect_ratio = ratio,
                                  .threshold = NAN,
                                  .tolerance = NAN,
                                  .gamma = 720000,
                                  .effect_min_count = 30,
                                  .epoch_ms = 60000};
}

static inline struct world world_of(const struct detector_class *detector,
                                    struct detector_rule rule, uint64_t seed)
{
    struct world world = {
        .rule = rule, .detector = detector, .random = random_seed(seed), .now_ms = WORLD_START_MS};
    assert_true(detector->state_bytes(&rule.layout) <= sizeof world.state);
    return world;
}

/* Arms on days × per_day observations from pmf (layout->bins of it). */
static inline void world_arm(struct world *world, const double *pmf, uint32_t days,
                             uint64_t per_day)
{
    static uint64_t pooled[LAYOUT_BINS_MAX], day_bins[BASELINE_DAYS_MAX][LAYOUT_BINS_MAX];
    const uint64_t *pointers[BASELINE_DAYS_MAX];
    uint32_t bins = world->rule.layout.bins;
    memset(pooled, 0, sizeof pooled);
    for (uint32_t d = 0; d < days; d++) {
        random_multinomial(&world->random, per_day, pmf, bins, day_bins[d]);
        pointers[d] = day_bins[d];
        for (uint32_t j = 0; j < bins; j++)
            pooled[j] += day_bins[d][j];
    }
    struct baseline baseline = {world->now_ms - (int64_t)days * WORLD_DAY_MS, world->now_ms, pooled,
                                days, pointers};
    memset(world->state, 0, sizeof world->state);
    world->detector->arm(&world->rule, world->state, &baseline, &world->verdict);
    world->pooled = pooled;
    assert_true(world->detector->valid(&world->rule.layout, world->state,
                                       world->detector->state_bytes(&world->rule.layout)));
}

/* Closes an epoch with these bins; the window is the epoch. */
static inline void world_close(struct world *world, const uint64_t *bins)
{
    struct detector_epoch epoch = {world->now_ms, world->now_ms + world->rule.epoch_ms, bins, bins,
                                   world->rule.epoch_ms};
    world->detector->close_epoch(&world->rule, world->state, &epoch, &world->verdict);
    world->now_ms += world->rule.epoch_ms;
}

/* Up to `epochs` epochs of per_epoch observations; the number of epochs until BREACHED, or 0. */
static inline uint32_t world_run(struct world *world, const double *pmf, uint64_t per_epoch,
                                 uint32_t epochs)
{
    static uint64_t bins[LAYOUT_BINS_MAX];
    for (uint32_t e = 1; e <= epochs; e++) {
        random_multinomial(&world->random, per_epoch, pmf, world->rule.layout.bins, bins);
        world_close(world, bins);
        if (world->verdict.kind == VERDICT_BREACHED)
            return e;
    }
    return 0;
}

static inline void world_reverse(struct world *world)
{
    world->detector->reverse(&world->rule, world->state);
}

#endif
