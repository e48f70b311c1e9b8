/*
 * special.h - the distribution functions behind limits, intervals and explanations.
 *
 * For planning, arming and reports, not for the per-epoch path. All functions are pure and reentrant
 * (libm's lgamma is not: it writes signgam). Relative accuracy is about 1e-12 in the ranges named,
 * tested in tests/operators/math_special_test.c. Arguments out of range are clamped, never trapped.
 */
#ifndef OPERATORS_MATH_SPECIAL_H
#define OPERATORS_MATH_SPECIAL_H

#include <stdint.h>

/* log Gamma(x), x > 0. */
double special_log_gamma(double x);

/* Standard normal: P(Z <= z), and its inverse for 0 < p < 1. */
double special_normal_cdf(double z);
double special_normal_quantile(double p);

/* Regularised incomplete beta I_x(a, b), a, b > 0, 0 <= x <= 1, and its inverse in x. */
double special_beta_cdf(double a, double b, double x);
double special_beta_quantile(double a, double b, double p);

/* Regularised incomplete gamma: P(a, x) and Q(a, x) = 1 - P(a, x); a > 0, x >= 0. */
double special_gamma_lower(double a, double x);
double special_gamma_upper(double a, double x);

/* Chi-square with df > 0 degrees of freedom. */
double special_chi2_cdf(double df, double x);
double special_chi2_quantile(double df, double p);

/* Student's t with df > 0. */
double special_student_cdf(double df, double t);
double special_student_quantile(double df, double p);

/* P(X >= k) for X ~ Binomial(n, p): exact, through the incomplete beta. */
double special_binomial_tail(uint64_t n, uint64_t k, double p);

#endif
