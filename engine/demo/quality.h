/*
 * quality.h - how good answers really are: what a judge would say on average, per intent, dimension and
 * time. Means wander a little from day to day, as real ones do; incidents come from the script.
 */
#ifndef ENGINE_DEMO_QUALITY_H
#define ENGINE_DEMO_QUALITY_H

#include "engine/demo/dice.h"
#include "engine/demo/script.h"

struct quality;

/* script is borrowed. */
struct quality *quality_create(uint64_t seed, const struct script *script);
void quality_destroy(struct quality *quality);
/* A judge's score, 1 to 5, of one answer that was given at this time. */
uint32_t quality_score(const struct quality *quality, uint32_t intent, uint32_t dimension,
                       int64_t at_ms, struct dice *dice);

#endif
