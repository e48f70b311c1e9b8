/*
 * quality.c - scores are drawn from one shape that is tilted to the mean of the moment: the mix of
 * ones to fives changes as it does when quality changes, and not by a shift of the scale.
 */
#include "engine/demo/quality.h"

#include "engine/base/memory.h"

#include <math.h>

#define SCORES     5
#define WOBBLE_SD  0.005 /* of the mean, between days */
#define WOBBLE_RHO 0.8   /* from one day to the next */
#define MEAN_STEP  0.01
#define MEAN_FIRST 1.50
#define MEAN_STEPS 341 /* up to 4.90 */

struct quality {
    const struct script *script;
    uint32_t days;
    double *wobble;                        /* [intent][dimension][day], relative */
    double cumulative[MEAN_STEPS][SCORES]; /* of the shape tilted to each mean */
};

static double tilted_mean(double theta, double *pmf)
{
    static const double shape[SCORES] = {0.01, 0.02, 0.12, 0.46, 0.39};
    double sum = 0.0, mean = 0.0;
    for (int i = 0; i < SCORES; i++) {
        pmf[i] = shape[i] * exp(theta * (i - 2));
        sum += pmf[i];
    }
    for (int i = 0; i < SCORES; i++) {
        pmf[i] /= sum;
        mean += pmf[i] * (i + 1);
    }
    return mean;
}

static void fill_tilts(struct quality *quality)
{
    double pmf[SCORES];
    for (int step = 0; step < MEAN_STEPS; step++) {
        double low = -8.0, high = 8.0;
        for (int i = 0; i < 50; i++) {
            double middle = (low + high) / 2.0;
            if (tilted_mean(middle, pmf) < MEAN_FIRST + step * MEAN_STEP)
                low = middle;
            else
                high = middle;
        }
        double sum = 0.0;
        for (int i = 0; i < SCORES; i++)
            quality->cumulative[step][i] = sum += pmf[i];
    }
}

struct quality *quality_create(uint64_t seed, const struct script *script)
{
    struct quality *quality = memory_allocate(sizeof *quality);
    struct dice dice = dice_fork(seed, 0x7175616c);
    quality->script = script;
    quality->days = (uint32_t)((script->end_ms - script->start_ms) / WORLD_DAY_MS) + 2;
    quality->wobble = memory_allocate_array(
        (size_t)WORLD_INTENTS * WORLD_DIMENSIONS * quality->days, sizeof(double));
    for (uint32_t series = 0; series < WORLD_INTENTS * WORLD_DIMENSIONS; series++) {
        double now = WOBBLE_SD * dice_normal(&dice);
        for (uint32_t day = 0; day < quality->days; day++) {
            quality->wobble[(size_t)series * quality->days + day] = now;
            now = WOBBLE_RHO * now +
                  WOBBLE_SD * sqrt(1.0 - WOBBLE_RHO * WOBBLE_RHO) * dice_normal(&dice);
        }
    }
    fill_tilts(quality);
    return quality;
}

void quality_destroy(struct quality *quality)
{
    if (quality == NULL)
        return;
    memory_free(quality->wobble);
    memory_free(quality);
}

static double mean_at(const struct quality *quality, uint32_t intent, uint32_t dimension,
                      int64_t at_ms)
{
    int64_t since_ms = at_ms > quality->script->start_ms ? at_ms - quality->script->start_ms : 0;
    size_t day = (size_t)(since_ms / WORLD_DAY_MS);
    if (day >= quality->days)
        day = quality->days - 1;
    double wobble =
        quality->wobble[((size_t)intent * WORLD_DIMENSIONS + dimension) * quality->days + day];
    return world_intents[intent].score[dimension] * (1.0 + wobble) +
           script_score_change(quality->script, intent, dimension, at_ms);
}

uint32_t quality_score(const struct quality *quality, uint32_t intent, uint32_t dimension,
                       int64_t at_ms, struct dice *dice)
{
    /* The step above or below with the chance that keeps the mean exact between the steps. */
    double place = (mean_at(quality, intent, dimension, at_ms) - MEAN_FIRST) / MEAN_STEP;
    place = place < 0.0 ? 0.0 : place > MEAN_STEPS - 2 ? MEAN_STEPS - 2 : place;
    uint32_t step = (uint32_t)place;
    step += dice_chance(dice, place - step);
    double u = dice_unit(dice);
    uint32_t score = 0;
    while (score < SCORES - 1 && u >= quality->cumulative[step][score])
        score++;
    return score + 1;
}
