/*
 * betting.c - see betting.h.
 *
 * Order of every sum is fixed (bins ascending, bets ascending) and products are never contracted, so the
 * same counts give the same bits on one libm.
 *
 * Tempering. Over a day of n observations with conditional mean m + D, the tempered wealth L^eta grows by
 * n (a + g D) to first order in D, where, under the baseline sample,
 *     a = E[L^eta] - 1 < 0,        g = Cov(L^eta, y) / Var(y)
 * (g is exact for the exponential family through the sample: d E[f] / d E[y] = Cov(f, y) / Var(y)). For D
 * normal with sd s, cut off at z = 4 sd, with h = n g s,
 *     E exp(n (a + g D)) <= min( exp(n a + h^2 / 2),  exp(n a + z h - z^2 / 2) / 2 for h > z )
 * so eta is admissible when either exponent is <= 0. For small bets and no tolerance the first one gives
 * eta = 1 / (1 + n s^2 / Var(y)) = 1/VIF.
 */
#include "operators/math/betting.h"

#include <math.h>

#define LAMBDA_CAP    0.95 /* of 1/b0: log1p's argument stays >= -0.95 */
#define TEMPER_CUT_SD 4.0
#define TEMPER_STEPS  15

double betting_clamp_null(double null_mean)
{
    if (!(null_mean > BETTING_NULL_MIN))
        return BETTING_NULL_MIN;
    return null_mean < 1.0 - BETTING_NULL_MIN ? null_mean : 1.0 - BETTING_NULL_MIN;
}

/* `count` values from low to high, geometric, each capped at 0.95 / b0. */
static void fill_grid(struct betting_grid *out, double null_mean, uint32_t count, double low,
                      double high)
{
    double step = pow(high / low, 1.0 / (double)(count - 1)), cap = LAMBDA_CAP / null_mean;
    out->count = count;
    double lambda = low;
    for (uint32_t k = 0; k < count; k++, lambda *= step)
        out->lambda[k] = lambda < cap ? lambda : cap;
}

void betting_grid_scores(double null_mean, struct betting_grid *out)
{
    double b0 = betting_clamp_null(null_mean);
    fill_grid(out, b0, BETTING_GRID_SCORES, 0.06 / b0, 0.8 / b0);
}

void betting_grid_flags(double null_mean, struct betting_grid *out)
{
    /* Knots of statistics §2.1; below the last one lambda's range goes on to 0.4 / b0. */
    static const struct {
        double null_mean, low, high;
        double count;
    } knots[] = {{0.2, 0.3, 4.0, 6.0},
                 {0.05, 0.25, 16.0, 8.0},
                 {0.001, 0.25, 400.0, 10.0},
                 {1e-5, 0.25, 40000.0, 12.0}};
    double b0 = betting_clamp_null(null_mean);
    if (b0 >= knots[0].null_mean) {
        fill_grid(out, b0, BETTING_GRID_SCORES, 0.06 / b0, 0.8 / b0);
        return;
    }
    uint32_t i = 1;
    while (i < 3 && b0 < knots[i].null_mean)
        i++;
    double at = log(b0 / knots[i - 1].null_mean) / log(knots[i].null_mean / knots[i - 1].null_mean);
    double low = knots[i - 1].low * pow(knots[i].low / knots[i - 1].low, at);
    double high = knots[i - 1].high * pow(knots[i].high / knots[i - 1].high, at);
    double count = knots[i - 1].count + at * (knots[i].count - knots[i - 1].count);
    uint32_t rounded = (uint32_t)(count + 0.5);
    fill_grid(out, b0, rounded < BETTING_GRID_MAX ? rounded : BETTING_GRID_MAX, low, high);
}

double betting_log_growth(double lambda, double null_mean, const struct betting_sample *sample)
{
    double growth = 0.0;
    for (uint32_t j = 0; j < sample->bins; j++) {
        if (sample->counts[j] != 0)
            growth += (double)sample->counts[j] * log1p(lambda * (sample->values[j] - null_mean));
    }
    return growth;
}

static double clamp_wealth(double wealth)
{
    return wealth < BETTING_WEALTH_MAX ? wealth : BETTING_WEALTH_MAX;
}

double betting_step(double wealth, double weight, double growth)
{
    return clamp_wealth((wealth + weight) * exp(growth));
}

double betting_cusum_step(double wealth, double weight, double growth)
{
    return clamp_wealth((wealth > weight ? wealth : weight) * exp(growth));
}

/* Mean and slope of L^eta under the sample: *drift = 1 - E[L^eta], *slope = Cov(L^eta, y) / Var(y). */
static void tempered_payoff(double lambda, double null_mean, double eta,
                            const struct betting_sample *sample, double mean, double variance,
                            double *drift, double *slope)
{
    double total = 0.0, payoff = 0.0, cross = 0.0;
    for (uint32_t j = 0; j < sample->bins; j++) {
        double count = (double)sample->counts[j], y = sample->values[j];
        if (sample->counts[j] == 0)
            continue;
        double excess = expm1(eta * log1p(lambda * (y - null_mean)));
        total += count;
        payoff += count * excess;
        cross += count * excess * (y - mean);
    }
    *drift = -payoff / total;
    *slope = cross / total / variance;
}

static bool temper_admits(double drift, double slope, double day_sd, double per_day)
{
    double pull = per_day * slope * day_sd, loss = per_day * drift;
    if (pull * pull / 2 <= loss)
        return true;
    return pull > TEMPER_CUT_SD && TEMPER_CUT_SD * pull - TEMPER_CUT_SD * TEMPER_CUT_SD / 2 <= loss;
}

double betting_temper(double lambda, double null_mean, const struct betting_sample *baseline,
                      double day_sd, double per_day)
{
    double total = 0.0, sum = 0.0, squares = 0.0, drift, slope;
    for (uint32_t j = 0; j < baseline->bins; j++) {
        double count = (double)baseline->counts[j], y = baseline->values[j];
        total += count;
        sum += count * y;
        squares += count * y * y;
    }
    if (!(total > 0.0) || !(day_sd > 0.0) || !(per_day > 0.0))
        return 1.0;
    double mean = sum / total, variance = squares / total - mean * mean;
    if (!(variance > 1e-12))
        return 1.0;
    tempered_payoff(lambda, null_mean, 1.0, baseline, mean, variance, &drift, &slope);
    if (temper_admits(drift, slope, day_sd, per_day))
        return 1.0;
    double low = 0.0, high = 1.0; /* low is admissible, or so small that it does not matter */
    for (int i = 0; i < TEMPER_STEPS; i++) {
        double eta = (low + high) / 2;
        tempered_payoff(lambda, null_mean, eta, baseline, mean, variance, &drift, &slope);
        if (temper_admits(drift, slope, day_sd, per_day))
            low = eta;
        else
            high = eta;
    }
    return low;
}

void betting_walk_step(struct betting_walk *walk, double growth, uint32_t stamp, double count,
                       double badness)
{
    if (!(walk->height > 0.0)) {
        walk->since = stamp;
        walk->count = 0.0f;
        walk->badness = 0.0f;
    }
    walk->count += (float)count;
    walk->badness += (float)badness;
    walk->height += growth;
    if (!(walk->height > 0.0))
        walk->height = 0.0;
    if (walk->height > 1e9)
        walk->height = 1e9;
}
