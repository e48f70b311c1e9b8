/*
 * folklore.c - see folklore.h. Days are drawn as multinomials where they are small and as normals of the
 * same mean and variance from DAY_NORMAL observations on.
 */
#include "operators/math/folklore.h"

#include "operators/math/random.h"
#include "operators/math/special.h"

#include <math.h>
#include <string.h>

#define YEAR_DAYS       365
#define DAY_NORMAL      200.0
#define WINDOW_DAYS_MAX 90
#define BINS_MAX        1152

struct series {
    const double *values, *pmf;
    uint32_t bins;
    double mean, variance, per_day, owed;
    struct random_stream random;
};

/* Sum and number of one day's observations. */
static void draw_day(struct series *series, double *sum, double *count)
{
    uint64_t drawn[BINS_MAX];
    series->owed += series->per_day;
    double n = floor(series->owed);
    series->owed -= n;
    *count = n;
    if (n >= DAY_NORMAL) {
        *sum = n * series->mean + sqrt(n * series->variance) * random_normal(&series->random);
        return;
    }
    *sum = 0.0;
    random_multinomial(&series->random, (uint64_t)n, series->pmf, series->bins, drawn);
    for (uint32_t j = 0; j < series->bins; j++)
        *sum += (double)drawn[j] * series->values[j];
}

/* One year of looks after a frozen baseline; adds to the counters of out. */
static void run_year(struct series *series, uint32_t window_days, uint32_t baseline_days,
                     double drop, struct folklore *out)
{
    double sums[WINDOW_DAYS_MAX] = {0}, counts[WINDOW_DAYS_MAX] = {0}, base_sum = 0.0,
           base_count = 0.0;
    double window_sum = 0.0, window_count = 0.0;
    bool before = false;
    int first = -1;
    uint32_t first_look = baseline_days + window_days - 1; /* the window has left the baseline */
    for (uint32_t day = 0; day < first_look + YEAR_DAYS; day++) {
        uint32_t slot = day % window_days;
        window_sum -= sums[slot];
        window_count -= counts[slot];
        draw_day(series, &sums[slot], &counts[slot]);
        window_sum += sums[slot];
        window_count += counts[slot];
        if (day < baseline_days) {
            base_sum += sums[slot];
            base_count += counts[slot];
        }
        if (day < first_look || !(base_count > 0.0) || !(window_count > 0.0))
            continue;
        double bar = base_sum / base_count * (1.0 - drop), mean = window_sum / window_count;
        bool now = drop > 0.0 ? mean <= bar : mean >= bar;
        out->per_look += now;
        out->episodes_year += now && !before;
        if (now && first < 0)
            first = (int)(day - first_look);
        before = now;
    }
    out->within_30 += first >= 0 && first < 30;
    out->within_90 += first >= 0 && first < 90;
    out->within_365 += first >= 0;
}

void folklore_mean(const double *values, const double *pmf, uint32_t bins, double per_day,
                   uint32_t window_days, uint32_t baseline_days, double drop, uint32_t runs,
                   uint64_t seed, struct folklore *out)
{
    struct series series = {.values = values,
                            .pmf = pmf,
                            .bins = bins < BINS_MAX ? bins : BINS_MAX,
                            .per_day = per_day,
                            .random = random_seed(seed)};
    for (uint32_t j = 0; j < series.bins; j++)
        series.mean += values[j] * pmf[j];
    for (uint32_t j = 0; j < series.bins; j++)
        series.variance += pmf[j] * (values[j] - series.mean) * (values[j] - series.mean);
    window_days = window_days < 1                 ? 1
                  : window_days > WINDOW_DAYS_MAX ? WINDOW_DAYS_MAX
                                                  : window_days;
    memset(out, 0, sizeof *out);
    for (uint32_t run = 0; run < runs; run++)
        run_year(&series, window_days, baseline_days, drop, out);
    double share = runs > 0 ? 1.0 / runs : 0.0;
    out->per_look *= share / YEAR_DAYS;
    out->episodes_year *= share;
    out->within_30 *= share;
    out->within_90 *= share;
    out->within_365 *= share;
}

double folklore_rate_exceeds(uint64_t n, double bar, double true_rate)
{
    double limit = bar * (double)n;
    uint64_t more =
        (uint64_t)floor(limit * (1.0 + 1e-12)) + 1; /* 2 x 0.001 x 1,000 is 2, not 2.0000000001 */
    return special_binomial_tail(n, more, true_rate);
}
