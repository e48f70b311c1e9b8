/*
 * baseline.h - what a frozen window says: mean, upper confidence limit of the mean, day-to-day
 * variation net of sampling noise; and 95 % intervals of what is observed now.
 *
 * Everything is a function of integer histograms. A limit is one-sided at the stated confidence and
 * holds for the sample's underlying mean; it never leaves [0, 1].
 */
#ifndef OPERATORS_MATH_BASELINE_H
#define OPERATORS_MATH_BASELINE_H

#include "operators/math/betting.h"

struct baseline_moments {
    double count;
    double mean,
        variance; /* of one observation; variance with divisor count - 1, 0 for count < 2 */
};
void baseline_moments(const struct betting_sample *sample, struct baseline_moments *out);

/* Upper limit of a rate, `hits` of `count`: exact (Clopper & Pearson 1934). count 0 gives 1. */
double baseline_upper_rate(double hits, double count, double confidence);

/*
 * Upper limit of the mean of a [0,1] variable: the `confidence` quantile of sum_j v_j D_j + 1 D_*, with
 * (D_1 …, D_*) ~ Dirichlet(n_1, …, 1): Gaffke's bound (Gaffke 2005; Learned-Miller & Thomas 2019). On a
 * 0/1 sample it is Clopper-Pearson to the digit, for large samples mean + z sd/sqrt(n), in between it
 * knows that the unseen tail may be as bad as 1. Coverage is proven for 0/1 data and conjectured, never
 * contradicted, for others; tests/operators/math_baseline_test.c simulates it. Student's t and the
 * bootstrap are not used because on skewed scores (99 % fives) they miss by an order of magnitude;
 * proven alternatives (Hoeffding, empirical Bernstein, fixed betting mixtures) are 1.4 to 3 times wider.
 */
double baseline_upper_mean(const struct betting_sample *sample, double confidence);

/* Day-to-day variation of the mean, from one-way random effects over days. */
struct baseline_days {
    uint32_t days;
    double per_day; /* effective observations a day: n0 of the ANOVA */
    double sd;      /* between-day standard deviation net of sampling noise, point estimate, >= 0 */
    double sd_upper; /* its upper 90 % limit; INFINITY with fewer than 2 days */
    double vif,
        vif_upper; /* variance of a day's mean over its sampling variance, and upper 90 % limit */
};
struct baseline_day {
    double count, sum, squares; /* observations, sum of badness, sum of its squares */
};
void baseline_days(const struct baseline_day *days, uint32_t days_count, struct baseline_days *out);

/* 95 % intervals of an observed mean: Wilson 1927 for rates, Student's t for other means. count 0 gives
 * the whole range. The t interval is clipped to [low_end, high_end]. */
struct interval {
    double low, high;
};
struct interval baseline_interval_rate(double hits, double count);
struct interval baseline_interval_mean(const struct baseline_moments *moments, double low_end,
                                       double high_end);

#endif
