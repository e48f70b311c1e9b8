/*
 * dice.h - the demo's chance: a seeded stream of random numbers, the same for the same seed.
 *
 * Each part of the simulator owns a stream of its own (dice_fork), so that what one part draws does
 * not change what another one sees.
 */
#ifndef ENGINE_DEMO_DICE_H
#define ENGINE_DEMO_DICE_H

#include "engine/base/hash.h"

struct dice {
    uint64_t state;
};

static inline uint64_t dice_u64(struct dice *dice)
{
    dice->state += 0x9e3779b97f4a7c15ULL;
    return hash_mix64(dice->state);
}

/* An independent stream; name it by a number that is used once per seed. */
static inline struct dice dice_fork(uint64_t seed, uint64_t name)
{
    return (struct dice){hash_combine(hash_mix64(seed + 0x9e3779b97f4a7c15ULL), name)};
}

/* In [0, 1). */
static inline double dice_unit(struct dice *dice)
{
    return (double)(dice_u64(dice) >> 11) * 0x1p-53;
}
/* In [0, count). */
static inline uint32_t dice_below(struct dice *dice, uint32_t count)
{
    return (uint32_t)((dice_u64(dice) >> 32) * count >> 32);
}
static inline bool dice_chance(struct dice *dice, double probability)
{
    return dice_unit(dice) < probability;
}
/* Mean 1. */
double dice_exponential(struct dice *dice);
/* Mean 0, standard deviation 1. */
double dice_normal(struct dice *dice);

#endif
