/*
 * power.c - see power.h.
 *
 * Delay: D ~ (log(gamma_n I) - 1) / I * c with I the growth rate and gamma_n the threshold counted in
 * observations (statistics §5, refined form of Pollak 1985), at least the n of one epoch. c = 1.22 is the
 * measured cost of the mixture over unknown effect sizes; tests/operators/detect_explain_test.c holds it to
 * the delays of the shipped detector.
 */
#include "operators/math/power.h"

#include <math.h>

#define MIXTURE_COST    1.22
#define TILT_MAX        700.0 /* |theta|: exp stays finite */
#define BISECTION_STEPS 60

void power_smooth(const struct betting_sample *sample, double *pmf)
{
    double total = 1.0;
    for (uint32_t j = 0; j < sample->bins; j++)
        total += (double)sample->counts[j];
    for (uint32_t j = 0; j < sample->bins; j++)
        pmf[j] = ((double)sample->counts[j] + 1.0 / sample->bins) / total;
}

double power_mean(const double *values, const double *pmf, uint32_t bins)
{
    double mean = 0.0;
    for (uint32_t j = 0; j < bins; j++)
        mean += values[j] * pmf[j];
    return mean;
}

/* Values are in [0,1]; shifting by the end that is enlarged keeps every exponent <= 0. */
static void tilt_by(const double *values, const double *pmf, uint32_t bins, double theta,
                    double *out)
{
    double sum = 0.0, end = theta > 0.0 ? 1.0 : 0.0;
    for (uint32_t j = 0; j < bins; j++) {
        out[j] = pmf[j] * exp(theta * (values[j] - end));
        sum += out[j];
    }
    for (uint32_t j = 0; j < bins; j++)
        out[j] = sum > 0.0 ? out[j] / sum : pmf[j];
}

void power_tilt(const double *values, const double *pmf, uint32_t bins, double target, double *out)
{
    double low = -TILT_MAX, high = TILT_MAX;
    for (int i = 0; i < BISECTION_STEPS; i++) {
        double theta = (low + high) / 2;
        tilt_by(values, pmf, bins, theta, out);
        if (power_mean(values, out, bins) < target)
            low = theta;
        else
            high = theta;
    }
    tilt_by(values, pmf, bins, (low + high) / 2, out);
}

/* Slope in lambda of E log(1 + lambda (y - b0)); falling, so its zero is the maximum. */
static double growth_slope(const double *values, const double *pmf, uint32_t bins, double null_mean,
                           double lambda)
{
    double slope = 0.0;
    for (uint32_t j = 0; j < bins; j++) {
        double off = values[j] - null_mean;
        slope += pmf[j] * off / (1.0 + lambda * off);
    }
    return slope;
}

double power_growth(const double *values, const double *pmf, uint32_t bins, double null_mean)
{
    double b0 = betting_clamp_null(null_mean), low = 0.0, high = 0.95 / b0, growth = 0.0;
    if (!(power_mean(values, pmf, bins) > b0))
        return 0.0;
    if (growth_slope(values, pmf, bins, b0, high) > 0.0)
        low = high;
    for (int i = 0; i < BISECTION_STEPS && low < high; i++) {
        double lambda = (low + high) / 2;
        if (growth_slope(values, pmf, bins, b0, lambda) > 0.0)
            low = lambda;
        else
            high = lambda;
    }
    for (uint32_t j = 0; j < bins; j++)
        growth += pmf[j] * log1p(low * (values[j] - b0));
    return growth;
}

double power_delay(double growth, double gamma, double per_epoch)
{
    if (!(growth > 0.0))
        return INFINITY;
    double batch = per_epoch > 1.0 ? per_epoch : 1.0;
    double bar = log(gamma * batch * growth) - 1.0;
    bar = bar > 1.0 ? bar : 1.0; /* the refined form is poor where gamma I is small */
    double delay = MIXTURE_COST * bar / growth;
    return delay > batch ? delay : batch;
}
