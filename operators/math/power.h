/*
 * power.h - how much a detector can see: exponential tilts, growth of the best bet, expected delay.
 *
 * A pmf is an array of probabilities over the bins of a betting_sample; alternatives are exponential
 * tilts, the member of the family through the baseline that has the wanted mean and is hardest to tell
 * from it. Delays are in observations. Formulas and their measured accuracy: power.c.
 */
#ifndef OPERATORS_MATH_POWER_H
#define OPERATORS_MATH_POWER_H

#include "operators/math/betting.h"

#define POWER_BINS_MAX 1152

/* Frequencies of the sample with one pseudo-observation spread over all bins, so that every mean is within
 * reach; sum 1. */
void power_smooth(const struct betting_sample *sample, double *pmf);
double power_mean(const double *values, const double *pmf, uint32_t bins);
/* out[j] proportional to pmf[j] exp(theta v_j) with mean `target`; targets out of reach give the nearest. */
void power_tilt(const double *values, const double *pmf, uint32_t bins, double target, double *out);

/* K_inf = max over lambda in [0, .95/b0] of E log(1 + lambda (y - b0)), nats per observation; 0 when the
 * mean is at most b0. */
double power_growth(const double *values, const double *pmf, uint32_t bins, double null_mean);

/* Expected observations from the change to the alarm of the mixture of bets; INFINITY without growth. */
double power_delay(double growth, double gamma, double per_epoch);

#endif
