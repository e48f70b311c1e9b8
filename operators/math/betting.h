/*
 * betting.h - betting against a bounded mean: grids of bets, growth of wealth, Shiryaev-Roberts.
 *
 * A signal is a badness y in [0,1], larger = worse, met as a histogram: counts n_j at values v_j. The
 * null says E[y | past] <= b0. A bet lambda in [0, 1/b0) pays L(y) = 1 + lambda (y - b0) >= 0, whose
 * conditional mean is at most 1 under the null (Waudby-Smith & Ramdas 2024, §4). Per epoch and bet
 *
 *     l = eta * sum_j n_j log1p(lambda (v_j - b0))        M <- (M + w) exp(l)        E = sum M
 *
 * E[E_e | past] <= E_(e-1) + 1, so alarms at E >= gamma come at most once in gamma epochs on average,
 * whatever the distribution and dependence (Shin, Ramdas & Rinaldo 2024, E-detectors). Input is integer
 * counts, so any split or order of the events of an epoch gives the same bits.
 */
#ifndef OPERATORS_MATH_BETTING_H
#define OPERATORS_MATH_BETTING_H

#include <stdbool.h>
#include <stdint.h>

#define BETTING_GRID_MAX    12   /* bets of a flag grid at the rarest rates */
#define BETTING_GRID_SCORES 6    /* bets of every other grid */
#define BETTING_NULL_MIN    1e-6 /* b0 is kept inside [1e-6, 1 - 1e-6] */
#define BETTING_WEALTH_MAX  1e280

struct betting_grid {
    uint32_t count;
    double lambda[BETTING_GRID_MAX]; /* ascending, each <= 0.95 / b0 */
};

/* The same histogram everywhere here: values in [0,1], counts, `bins` of each. */
struct betting_sample {
    const double *values;
    const uint64_t *counts;
    uint32_t bins;
};

double betting_clamp_null(double null_mean);

/* Bounded scores and cut indicators: 6 bets, lambda = r / b0, r geometric in [.06, .8]. */
void betting_grid_scores(double null_mean, struct betting_grid *out);
/* Flags: from 6 bets as above at b0 >= .2 over 8 at .05 (lambda .25 … 16) and 10 at .001 (lambda .25 … 400)
 * to 12 at 1e-5; between these points logarithmically in b0. */
void betting_grid_flags(double null_mean, struct betting_grid *out);

/* sum_j n_j log1p(lambda (v_j - b0)); 0 for an empty sample. */
double betting_log_growth(double lambda, double null_mean, const struct betting_sample *sample);

/* (wealth + weight) exp(growth), kept inside [0, BETTING_WEALTH_MAX]. */
double betting_step(double wealth, double weight, double growth);
/* e-CUSUM, kept as an oracle: max(wealth, weight) exp(growth). */
double betting_cusum_step(double wealth, double weight, double growth);

/*
 * Tempering: the largest eta in (0, 1] for which the bet's wealth stays a supermartingale over a day when
 * the conditional mean itself wanders from day to day with standard deviation day_sd around the baseline
 * mean, normally distributed and cut off at 4 of them, `per_day` observations a day. Where the tolerance
 * inside null_mean covers 4 day_sd it is 1; with no tolerance and a small bet it is 1/VIF with
 * VIF = 1 + per_day day_sd^2 / variance, the rule of statistics §2.5. Derivation in betting.c.
 */
double betting_temper(double lambda, double null_mean, const struct betting_sample *baseline,
                      double day_sd, double per_day);

/*
 * Onset: for each bet a random walk of its growth that restarts at 0; the start of the current excursion
 * is the exact argmax over start epochs of the log-wealth suffix sum, in constant memory.
 */
struct betting_walk {
    double height;        /* suffix sum from `since` to now, >= 0 */
    float count, badness; /* observations, and their badness, since then */
    uint32_t since;       /* caller's epoch stamp */
};
void betting_walk_step(struct betting_walk *walk, double growth, uint32_t stamp, double count,
                       double badness);

#endif
