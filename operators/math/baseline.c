/*
 * baseline.c - see baseline.h.
 *
 * Gaffke's bound solves P(sum_j v_j D_j + D_* > u) = 1 - confidence. With independent gammas G_j of shape
 * n_j the event is Q = sum_j (v_j - u) G_j > 0. With K(s) = -sum_j n_j log(1 - a_j s), a_j = v_j - u, the
 * cumulant function of Q (G_* counts as n = 1, a = 1 - u), inversion gives
 *     P(Q > 0) = 1/(2 pi i) int exp(F(s)) ds,     F(s) = K(s) - log s,
 * along any path from -i inf to +i inf that cuts the real axis between 0 and 1/max a (Daniels 1987). F is
 * convex there; the path starts at its minimum c, bends to the side of the longer tail of Q as the path of
 * steepest descent does, so that the integrand hardly oscillates, and turns into a straight ray of slope 2.
 * Where a heavy atom close to u makes that side grow, the straight path or the other side is taken. t = sinh(x)/sqrt(F''(c)) makes the trapezoid rule converge geometrically for one observation
 * as well as for 10^8. Relative error below 1e-9 up to 10^5 observations, 1e-5 at 10^8 (rounding of F).
 */
#include "operators/math/baseline.h"

#include "operators/math/special.h"

#include <math.h>

#define INVERSION_STEP       0.06
#define INVERSION_DROP       30.0 /* stop where the integrand has fallen by e^-30 */
#define INVERSION_POINTS_MAX 1000
#define SADDLE_STEPS_MAX     200
#define ROOT_STEPS_MAX       60
#define PI                   3.14159265358979323846

void baseline_moments(const struct betting_sample *sample, struct baseline_moments *out)
{
    double count = 0.0, sum = 0.0, squares = 0.0;
    for (uint32_t j = 0; j < sample->bins; j++) {
        count += (double)sample->counts[j];
        sum += (double)sample->counts[j] * sample->values[j];
    }
    *out = (struct baseline_moments){.count = count, .mean = count > 0.0 ? sum / count : 0.0};
    for (uint32_t j = 0; j < sample->bins; j++) {
        double off = sample->values[j] - out->mean;
        squares += (double)sample->counts[j] * off * off;
    }
    if (count > 1.0)
        out->variance = squares / (count - 1.0);
}

double baseline_upper_rate(double hits, double count, double confidence)
{
    if (!(count > 0.0) || hits >= count)
        return 1.0;
    return special_beta_quantile(hits + 1.0, count - hits, confidence);
}

/* F', F'' and K''' at a real s in (0, 1/(1 - u)); see the top of the file. */
struct saddle {
    double at, first, second, skew;
};

static void saddle_derivatives(const struct betting_sample *sample, double u, double s,
                               struct saddle *out)
{
    double own = (1.0 - u) / (1.0 - (1.0 - u) * s), inverse = 1.0 / s;
    *out = (struct saddle){.at = s,
                           .first = own - inverse,
                           .second = own * own + inverse * inverse,
                           .skew = 2.0 * own * own * own};
    for (uint32_t j = 0; j < sample->bins; j++) {
        double a = sample->values[j] - u, q = a / (1.0 - a * s), count = (double)sample->counts[j];
        out->first += count * q;
        out->second += count * q * q;
        out->skew += 2.0 * count * q * q * q;
    }
}

/* The minimum of F: Newton on F', inside a shrinking bracket. */
static void find_saddle(const struct betting_sample *sample, double u, struct saddle *out)
{
    double low = 0.0, high = 1.0 / (1.0 - u), s = high / 2;
    for (int i = 0; i < SADDLE_STEPS_MAX; i++) {
        saddle_derivatives(sample, u, s, out);
        if (out->first > 0.0)
            high = s;
        else
            low = s;
        double next = s - out->first / out->second;
        if (!(next > low && next < high))
            next = low + (high - low) / 2;
        if (fabs(next - s) < 1e-9 * s)
            break;
        s = next;
    }
}

/* Real and imaginary part of F at re + i im, im >= 0. */
static void cumulant(const struct betting_sample *sample, double u, double re, double im,
                     double *real, double *angle)
{
    double x = 1.0 - (1.0 - u) * re, y = -(1.0 - u) * im;
    *real = -0.5 * log((x * x + y * y) * (re * re + im * im));
    *angle = -atan2(y, x) - atan2(im, re);
    for (uint32_t j = 0; j < sample->bins; j++) {
        if (sample->counts[j] == 0)
            continue;
        double a = sample->values[j] - u, count = (double)sample->counts[j];
        x = 1.0 - a * re;
        y = -a * im;
        *real -= 0.5 * count * log(x * x + y * y);
        *angle -= count * atan2(y, x);
    }
}

/* Trapezoid rule along the path that leaves the saddle with curvature `bend`. False where the path does not
 * work for this sample: the integrand grows along it, turns faster than the step can follow, or does not end. */
static bool integrate_path(const struct betting_sample *sample, double u,
                           const struct saddle *saddle, double bend, double *tail)
{
    double unit = 1.0 / sqrt(saddle->second), peak, angle, integral = 0.0, last_height = 0.0,
           last_angle = 0.0;
    cumulant(sample, u, saddle->at, 0.0, &peak, &angle);
    for (int i = 0; i < INVERSION_POINTS_MAX; i++) {
        double x = INVERSION_STEP * i, t = unit * sinh(x), real;
        double turn = bend * t, stretch = sqrt(1.0 + 4.0 * turn * turn);
        double slope = (2.0 * turn + 4.0 * turn * turn * turn) / (stretch * stretch * stretch);
        cumulant(sample, u, saddle->at + turn * t / stretch, t, &real, &angle);
        double height = real - peak + x;
        if (height > last_height + 1.0 || (height > -14.0 && fabs(angle - last_angle) > 2.0))
            return false;
        /* Imaginary part of exp(F) ds/dt with ds/dt = slope + i; half weight at the start. */
        double size = exp(real - peak) * unit * cosh(x) * (i == 0 ? 0.5 : 1.0);
        integral += size * (cos(angle) + slope * sin(angle));
        if (height < -INVERSION_DROP) {
            *tail = exp(peak) * integral * INVERSION_STEP / PI;
            return true;
        }
        last_height = height;
        last_angle = angle;
    }
    return false;
}

/* P(sum_j (v_j - u) G_j + (1 - u) G_* > 0), shapes n_j and 1; 0 < u < 1. */
static double tail_above(const struct betting_sample *sample, double u)
{
    struct saddle saddle;
    double tail = 0.0, peak, angle;
    find_saddle(sample, u, &saddle);
    double bend = saddle.skew / (6.0 * saddle.second);
    if (integrate_path(sample, u, &saddle, bend, &tail) ||
        integrate_path(sample, u, &saddle, 0.0, &tail) ||
        integrate_path(sample, u, &saddle, -bend, &tail))
        return tail;
    /* Laplace's approximation at the saddle, within a few per cent: never needed in the tests. */
    cumulant(sample, u, saddle.at, 0.0, &peak, &angle);
    return exp(peak) / sqrt(2.0 * PI * saddle.second);
}

static bool is_binary(const struct betting_sample *sample, double *hits)
{
    *hits = 0.0;
    for (uint32_t j = 0; j < sample->bins; j++) {
        if (sample->counts[j] == 0 || sample->values[j] == 0.0)
            continue;
        if (sample->values[j] != 1.0)
            return false;
        *hits += (double)sample->counts[j];
    }
    return true;
}

double baseline_upper_mean(const struct betting_sample *sample, double confidence)
{
    struct baseline_moments moments;
    double hits, alpha = 1.0 - confidence;
    baseline_moments(sample, &moments);
    if (!(moments.count > 0.0))
        return 1.0;
    if (is_binary(sample, &hits))
        return baseline_upper_rate(hits, moments.count, confidence);
    /* Start at the posterior mean and walk up in growing steps until the tail is below alpha. */
    double low = (moments.count * moments.mean + 1.0) / (moments.count + 1.0), high = low;
    double step = sqrt(moments.variance / moments.count) + 0.5 / moments.count;
    double tail_low = tail_above(sample, low), tail_high = tail_low;
    while (tail_high > alpha && high < 1.0) {
        low = high;
        tail_low = tail_high;
        high = high + step < 1.0 ? high + step : 1.0;
        tail_high = high < 1.0 ? tail_above(sample, high) : 0.0;
        step *= 1.5;
    }
    /* Illinois variant of regula falsi on tail - alpha: bracketed, superlinear. */
    double f_low = tail_low - alpha, f_high = tail_high - alpha;
    for (int i = 0; i < ROOT_STEPS_MAX && high - low > 1e-12 && f_low > 0.0; i++) {
        double next = low + (high - low) * f_low / (f_low - f_high);
        if (!(next > low && next < high))
            next = low + (high - low) / 2;
        double f = tail_above(sample, next) - alpha;
        if (fabs(f) < 1e-9 * alpha)
            return next;
        if (f > 0.0) {
            low = next;
            f_low = f;
            f_high /= 2;
        } else {
            high = next;
            f_high = f;
            f_low /= 2;
        }
    }
    return high;
}

void baseline_days(const struct baseline_day *days, uint32_t days_count, struct baseline_days *out)
{
    double total = 0.0, sum = 0.0, count_squares = 0.0, between = 0.0, within = 0.0;
    uint32_t used = 0;
    *out =
        (struct baseline_days){.sd = 0.0, .sd_upper = INFINITY, .vif = 1.0, .vif_upper = INFINITY};
    for (uint32_t d = 0; d < days_count; d++) {
        if (!(days[d].count > 0.0))
            continue;
        used++;
        total += days[d].count;
        sum += days[d].sum;
        count_squares += days[d].count * days[d].count;
    }
    out->days = used;
    if (used < 2) {
        out->per_day = total;
        return;
    }
    double grand = sum / total, df = (double)(used - 1);
    for (uint32_t d = 0; d < days_count; d++) {
        if (!(days[d].count > 0.0))
            continue;
        double mean = days[d].sum / days[d].count,
               spread = days[d].squares - days[d].count * mean * mean;
        between += days[d].count * (mean - grand) * (mean - grand);
        within += spread > 0.0 ? spread : 0.0;
    }
    out->per_day = (total - count_squares / total) / df;
    /* Method of moments: E[between/df] = within variance + n0 sd^2 (Searle, Casella & McCulloch 1992, §3.6).
     * Upper limit: df * MSB / E[MSB] is chi-square to good approximation, as in Tukey-Williams limits. */
    double mean_square = between / df;
    double noise = total > (double)used ? within / (total - (double)used) : mean_square;
    double upper = between / special_chi2_quantile(df, 0.10);
    out->sd = mean_square > noise ? sqrt((mean_square - noise) / out->per_day) : 0.0;
    out->sd_upper = upper > noise ? sqrt((upper - noise) / out->per_day) : 0.0;
    if (noise > 0.0) {
        out->vif = mean_square / noise;
        out->vif_upper = upper / noise;
    } else {
        out->vif_upper = upper > 0.0 ? INFINITY : 1.0;
    }
}

struct interval baseline_interval_rate(double hits, double count)
{
    const double z = 1.959963984540054;
    if (!(count > 0.0))
        return (struct interval){0.0, 1.0};
    double rate = hits / count, shrink = 1.0 + z * z / count;
    double centre = (rate + z * z / (2 * count)) / shrink;
    double half = z / shrink * sqrt(rate * (1.0 - rate) / count + z * z / (4 * count * count));
    return (struct interval){hits > 0.0 ? fmax(centre - half, 0.0) : 0.0,
                             hits < count ? fmin(centre + half, 1.0) : 1.0};
}

/* 97.5 % point of Student's t: Fisher's expansion (Abramowitz & Stegun 26.7.5), good to 1e-7 from 30
 * degrees on, because reports ask for it once per epoch. */
static double student_point(double df)
{
    const double z = 1.959963984540054, z2 = z * z;
    if (df < 30.0)
        return special_student_quantile(df, 0.975);
    double g1 = z * (z2 + 1) / 4, g2 = z * ((5 * z2 + 16) * z2 + 3) / 96;
    double g3 = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
    double g4 = z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160;
    return z + (g1 + (g2 + (g3 + g4 / df) / df) / df) / df;
}

struct interval baseline_interval_mean(const struct baseline_moments *moments, double low_end,
                                       double high_end)
{
    if (!(moments->count > 1.0))
        return (struct interval){low_end, high_end};
    double half = student_point(moments->count - 1.0) * sqrt(moments->variance / moments->count);
    return (struct interval){fmax(moments->mean - half, low_end),
                             fmin(moments->mean + half, high_end)};
}
