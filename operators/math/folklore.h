/*
 * folklore.h - how often the rules everybody uses cry wolf: "5 % below the 14-day mean over 7 days",
 * "twice the usual rate in an hour".
 *
 * For the number that stands next to such a rule (DESIGN §1.7). Checked against statistics §3.1.
 */
#ifndef OPERATORS_MATH_FOLKLORE_H
#define OPERATORS_MATH_FOLKLORE_H

#include <stdbool.h>
#include <stdint.h>

struct folklore {
    double per_look; /* share of looks that alarm although nothing changed */
    double within_30, within_90,
        within_365;       /* chance of at least one false alarm in so many days */
    double episodes_year; /* runs of alarming looks a year */
};

/* A series of means: a frozen baseline of baseline_days, then every day the mean of the last window_days
 * against baseline × (1 - drop) (drop < 0: a rise). Values in the metric's own unit with their pmf. By
 * simulation, `runs` series of a year, same seed same answer. */
void folklore_mean(const double *values, const double *pmf, uint32_t bins, double per_day,
                   uint32_t window_days, uint32_t baseline_days, double drop, uint32_t runs,
                   uint64_t seed, struct folklore *out);

/* Chance that a window of n observations at rate `true_rate` shows strictly more than `bar` × n bad ones:
 * exact binomial tail. With true_rate the baseline's it is the false-alarm rate of one window. */
double folklore_rate_exceeds(uint64_t n, double bar, double true_rate);

#endif
