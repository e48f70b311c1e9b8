/*
 * special.c - incomplete gamma and beta, normal, chi-square, Student; see special.h.
 *
 * Sources: log Gamma by Stirling's series (Abramowitz & Stegun 6.1.40) after shifting x above 12;
 * incomplete gamma by series and continued fraction (A&S 6.5.29, 6.5.31); incomplete beta by the
 * continued fraction of DiDonato & Morris 1992, eq. 9, both fractions evaluated by Lentz's method;
 * normal quantile by Wichura 1988, AS 241 (PPND16). Inverses of gamma and beta: Newton steps kept
 * inside a shrinking bracket, so they always end.
 */
#include "operators/math/special.h"

#include <math.h>

#define FRACTION_STEPS_MAX 100000
#define INVERSE_STEPS_MAX  200
#define EPSILON            1e-16
#define TINY               1e-300
#define HALF_LOG_TWO_PI    0.91893853320467274178

double special_log_gamma(double x)
{
    double shift = 0.0, product = 1.0;
    if (!(x > 0.0))
        return INFINITY;
    for (; x < 12.0; x += 1.0)
        product *= x;
    shift = log(product);
    double inverse = 1.0 / x, square = inverse * inverse;
    double series =
        1.0 / 12 -
        square *
            (1.0 / 360 -
             square * (1.0 / 1260 -
                       square * (1.0 / 1680 - square * (1.0 / 1188 - square * (691.0 / 360360 -
                                                                               square / 156)))));
    return (x - 0.5) * log(x) - x + HALF_LOG_TWO_PI + series * inverse - shift;
}

double special_normal_cdf(double z) { return 0.5 * erfc(-z * 0.70710678118654752440); }

static double polynomial(const double *coefficients, int count, double x)
{
    double sum = coefficients[count - 1];
    for (int i = count - 2; i >= 0; i--)
        sum = sum * x + coefficients[i];
    return sum;
}

double special_normal_quantile(double p)
{
    static const double a[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                               1.9715909503065514427e3, 1.3731693765509461125e4,
                               4.5921953931549871457e4, 6.7265770927008700853e4,
                               3.3430575583588128105e4, 2.5090809287301226727e3};
    static const double b[] = {1.0,
                               4.2313330701600911252e1,
                               6.8718700749205790830e2,
                               5.3941960214247511077e3,
                               2.1213794301586595867e4,
                               3.9307895800092710610e4,
                               2.8729085735721942674e4,
                               5.2264952788528545610e3};
    static const double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                               5.76949722146069140550e0,  3.64784832476320460504e0,
                               1.27045825245236838258e0,  2.41780725177450611770e-1,
                               2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[] = {1.0,
                               2.05319162663775882187e0,
                               1.67638483018380384940e0,
                               6.89767334985100004550e-1,
                               1.48103976427480074590e-1,
                               1.51986665636164571966e-2,
                               5.47593808499534494600e-4,
                               1.05075007164441684324e-9};
    static const double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                               1.78482653991729133580e0,  2.96560571828504891230e-1,
                               2.65321895265761230930e-2, 1.24266094738807843860e-3,
                               2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[] = {1.0,
                               5.99832206555887937690e-1,
                               1.36929880922735805310e-1,
                               1.48753612908506148525e-2,
                               7.86869131145613259100e-4,
                               1.84631831751005468180e-5,
                               1.42151175831644588870e-7,
                               2.04426310338993978564e-15};
    if (!(p > 0.0))
        return -INFINITY;
    if (!(p < 1.0))
        return INFINITY;
    double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * polynomial(a, 8, r) / polynomial(b, 8, r);
    }
    double r = sqrt(-log(q < 0.0 ? p : 1.0 - p)), z;
    if (r <= 5.0)
        z = polynomial(c, 8, r - 1.6) / polynomial(d, 8, r - 1.6);
    else
        z = polynomial(e, 8, r - 5.0) / polynomial(f, 8, r - 5.0);
    return q < 0.0 ? -z : z;
}

/* x^a e^-x / Gamma(a), in logarithms. */
static double gamma_front(double a, double x) { return exp(a * log(x) - x - special_log_gamma(a)); }

static double gamma_series(double a, double x)
{
    double term = 1.0 / a, sum = term;
    for (int i = 1; i < FRACTION_STEPS_MAX && fabs(term) > fabs(sum) * EPSILON; i++) {
        term *= x / (a + i);
        sum += term;
    }
    return sum * gamma_front(a, x);
}

static double gamma_fraction(double a, double x)
{
    double b = x + 1.0 - a, c = 1.0 / TINY, d = 1.0 / b, value = d;
    for (int i = 1; i < FRACTION_STEPS_MAX; i++) {
        double numerator = -i * (i - a);
        b += 2.0;
        d = numerator * d + b;
        d = 1.0 / (fabs(d) < TINY ? TINY : d);
        c = b + numerator / c;
        c = fabs(c) < TINY ? TINY : c;
        value *= d * c;
        if (fabs(d * c - 1.0) < EPSILON * 4)
            break;
    }
    return value * gamma_front(a, x);
}

double special_gamma_lower(double a, double x)
{
    if (!(x > 0.0))
        return 0.0;
    return x < a + 1.0 ? gamma_series(a, x) : 1.0 - gamma_fraction(a, x);
}

double special_gamma_upper(double a, double x)
{
    if (!(x > 0.0))
        return 1.0;
    return x < a + 1.0 ? 1.0 - gamma_series(a, x) : gamma_fraction(a, x);
}

double special_chi2_cdf(double df, double x) { return special_gamma_lower(df / 2, x / 2); }

double special_chi2_quantile(double df, double p)
{
    if (!(p > 0.0))
        return 0.0;
    if (!(p < 1.0))
        return INFINITY;
    double low = 0.0, high = df + 10.0;
    while (special_chi2_cdf(df, high) < p)
        high *= 2.0;
    /* Wilson & Hilferty 1931 as the first guess. */
    double spread = 2.0 / (9.0 * df),
           cube = 1.0 - spread + special_normal_quantile(p) * sqrt(spread);
    double x = cube > 0.0 ? df * cube * cube * cube : high / 2;
    for (int i = 0; i < INVERSE_STEPS_MAX; i++) {
        double error = special_chi2_cdf(df, x) - p;
        if (error > 0.0)
            high = x;
        else
            low = x;
        double density = gamma_front(df / 2, x / 2) / x, next = x - error / density;
        if (!(next > low && next < high))
            next = low + (high - low) / 2;
        if (fabs(next - x) <= 4 * EPSILON * x)
            break;
        x = next;
    }
    return x;
}

/* Continued fraction of I_x(a, b) without its front factor; converges fast for x < (a+1)/(a+b+2). */
static double beta_fraction(double a, double b, double x)
{
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (fabs(d) < TINY ? TINY : d);
    double value = d;
    for (int i = 1; i < FRACTION_STEPS_MAX; i++) {
        double even = i * (b - i) * x / ((a + 2.0 * i - 1.0) * (a + 2.0 * i));
        double odd = -(a + i) * (a + b + i) * x / ((a + 2.0 * i) * (a + 2.0 * i + 1.0));
        d = 1.0 + even * d;
        d = 1.0 / (fabs(d) < TINY ? TINY : d);
        c = 1.0 + even / c;
        c = fabs(c) < TINY ? TINY : c;
        value *= d * c;
        d = 1.0 + odd * d;
        d = 1.0 / (fabs(d) < TINY ? TINY : d);
        c = 1.0 + odd / c;
        c = fabs(c) < TINY ? TINY : c;
        value *= d * c;
        if (fabs(d * c - 1.0) < EPSILON * 4)
            break;
    }
    return value;
}

/* x^a (1-x)^b / B(a, b). */
static double beta_front(double a, double b, double x)
{
    return exp(a * log(x) + b * log1p(-x) + special_log_gamma(a + b) - special_log_gamma(a) -
               special_log_gamma(b));
}

double special_beta_cdf(double a, double b, double x)
{
    if (!(x > 0.0))
        return 0.0;
    if (!(x < 1.0))
        return 1.0;
    if (x < (a + 1.0) / (a + b + 2.0))
        return beta_front(a, b, x) * beta_fraction(a, b, x) / a;
    return 1.0 - beta_front(a, b, x) * beta_fraction(b, a, 1.0 - x) / b;
}

double special_beta_quantile(double a, double b, double p)
{
    if (!(p > 0.0))
        return 0.0;
    if (!(p < 1.0))
        return 1.0;
    double low = 0.0, high = 1.0, mean = a / (a + b);
    double x = mean + special_normal_quantile(p) * sqrt(mean * (1.0 - mean) / (a + b + 1.0));
    if (!(x > 0.0 && x < 1.0))
        x = mean;
    for (int i = 0; i < INVERSE_STEPS_MAX; i++) {
        double error = special_beta_cdf(a, b, x) - p;
        if (error > 0.0)
            high = x;
        else
            low = x;
        double density = beta_front(a, b, x) / (x * (1.0 - x)), next = x - error / density;
        if (!(next > low && next < high))
            next = low + (high - low) / 2;
        if (fabs(next - x) <= 4 * EPSILON * x)
            break;
        x = next;
    }
    return x;
}

double special_student_cdf(double df, double t)
{
    double tail = 0.5 * special_beta_cdf(df / 2, 0.5, df / (df + t * t));
    return t > 0.0 ? 1.0 - tail : tail;
}

double special_student_quantile(double df, double p)
{
    if (!(p > 0.0))
        return -INFINITY;
    if (!(p < 1.0))
        return INFINITY;
    double tail = p < 0.5 ? p : 1.0 - p;
    /* P(|T| > t) = I_{df/(df+t^2)}(df/2, 1/2): solve for the argument of the beta. */
    double x = special_beta_quantile(df / 2, 0.5, 2.0 * tail);
    double t = sqrt(df * (1.0 - x) / x);
    return p < 0.5 ? -t : t;
}

double special_binomial_tail(uint64_t n, uint64_t k, double p)
{
    if (k == 0)
        return 1.0;
    if (k > n)
        return 0.0;
    return special_beta_cdf((double)k, (double)(n - k) + 1.0, p);
}
