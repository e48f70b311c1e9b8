/* Distribution functions against published values (R 4.2, Abramowitz & Stegun) and identities. */
#include "tests/test.h"

#include "operators/math/random.h"
#include "operators/math/special.h"

#include <math.h>

static void assert_near(double value, double wanted, double relative, const char *what)
{
    if (!(fabs(value - wanted) <= relative * (fabs(wanted) > 1e-300 ? fabs(wanted) : 1.0)))
        fail_msg("%s: %.15g, wanted %.15g", what, value, wanted);
}

static void log_gamma_is_log_of_factorials(void **state)
{
    double sum = 0.0;
    (void)state;
    for (int n = 1; n <= 170; n++) {
        assert_near(exp(special_log_gamma(n) - sum), 1.0, 1e-12, "Gamma(n)/(n-1)!");
        sum += log(n);
    }
    assert_near(special_log_gamma(0.5), 0.57236494292470008707, 1e-14, "log sqrt(pi)");
    assert_near(special_log_gamma(1e-3), 6.9071788853838537, 1e-13, "Gamma(0.001)");
}

static void normal_matches_tables_and_inverts(void **state)
{
    static const double points[][2] = {{0.5, 0.0},
                                       {0.975, 1.959963984540054},
                                       {0.99, 2.3263478740408408},
                                       {0.995, 2.5758293035489004},
                                       {1e-10, -6.3613409024040557}};
    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        assert_near(special_normal_quantile(points[i][0]) + 1.0, points[i][1] + 1.0, 1e-13,
                    "normal quantile");
    for (double p = 1e-12; p < 1.0; p += 0.0137)
        assert_near(special_normal_cdf(special_normal_quantile(p)), p, 1e-11, "normal round trip");
}

static void chi_square_matches_tables_and_inverts(void **state)
{
    /* R: qchisq. The first is the 14-day between-day limit. */
    static const double points[][3] = {{13, 0.10, 7.04150458009155},
                                       {1, 0.10, 0.0157907740934312},
                                       {10, 0.95, 18.3070380532751},
                                       {100, 0.99, 135.806723265550},
                                       {2, 0.5, 1.38629436111989}};
    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        assert_near(special_chi2_quantile(points[i][0], points[i][1]), points[i][2], 1e-9,
                    "chi-square quantile");
    for (double df = 0.5; df < 2000; df *= 1.7) {
        for (double p = 0.001; p < 1.0; p += 0.083)
            assert_near(special_chi2_cdf(df, special_chi2_quantile(df, p)), p, 1e-9,
                        "chi-square round trip");
    }
    assert_near(special_gamma_lower(3, 2.5) + special_gamma_upper(3, 2.5), 1.0, 1e-14, "P + Q");
}

static void student_matches_tables(void **state)
{
    static const double points[][3] = {{1, 0.975, 12.7062047361747},
                                       {5, 0.975, 2.57058183563631},
                                       {30, 0.95, 1.69726088659396},
                                       {100, 0.99, 2.36421736623852},
                                       {13, 0.025, -2.16036865646279}};
    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        assert_near(special_student_quantile(points[i][0], points[i][1]), points[i][2], 1e-9,
                    "t quantile");
        assert_near(special_student_cdf(points[i][0], points[i][2]), points[i][1], 1e-9, "t cdf");
    }
}

static void beta_is_the_binomial_tail(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 40; n += 3) {
        for (double p = 0.01; p < 1.0; p += 0.11) {
            double mass = pow(1.0 - p, (double)n), below = 0.0;
            for (uint64_t k = 0; k <= n; k++) {
                assert_near(special_binomial_tail(n, k, p) + 1.0, 2.0 - below, 1e-12,
                            "binomial tail");
                below += mass;
                mass *= p / (1.0 - p) * (double)(n - k) / (double)(k + 1);
            }
        }
    }
    /* statistics §3.1: "strictly above twice 0.1 % in an hour of 1,000 requests". */
    assert_near(special_binomial_tail(1000, 3, 0.001), 0.0802093428, 1e-8, "2x rule");
    assert_near(special_beta_quantile(1, 14000, 0.99), -expm1(log(0.01) / 14000), 1e-10,
                "0 of 14,000");
    for (double a = 0.5; a < 1e7; a *= 9.7)
        for (double p = 0.0005; p < 1.0; p += 0.0931)
            assert_near(special_beta_cdf(a, 3 * a + 1, special_beta_quantile(a, 3 * a + 1, p)), p,
                        1e-6, "beta round trip");
}

static void nonsense_is_clamped(void **state)
{
    (void)state;
    assert_true(special_normal_quantile(0.0) < -1e300 && special_normal_quantile(1.0) > 1e300);
    assert_true(special_beta_quantile(2, 3, -1) == 0.0 && special_beta_quantile(2, 3, 2) == 1.0);
    assert_true(special_chi2_quantile(3, 0) == 0.0 && special_binomial_tail(5, 6, 0.5) == 0.0);
}

static void binomial_draws_have_the_right_moments(void **state)
{
    static const double cases[][2] = {
        {20, 0.1}, {1000, 0.003}, {4000, 0.46}, {100000, 0.97}, {50, 0.5}};
    struct random_stream stream = random_seed(5);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double n = cases[i][0], p = cases[i][1], sum = 0.0, squares = 0.0;
        int draws = 20000;
        for (int d = 0; d < draws; d++) {
            double k = (double)random_binomial(&stream, (uint64_t)n, p) - n * p;
            sum += k;
            squares += k * k;
        }
        double variance = n * p * (1 - p);
        assert_true(fabs(sum / draws) < 4.5 * sqrt(variance / draws));
        assert_true(fabs(squares / draws / variance - 1.0) < 0.06);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_gamma_is_log_of_factorials),
        cmocka_unit_test(normal_matches_tables_and_inverts),
        cmocka_unit_test(chi_square_matches_tables_and_inverts),
        cmocka_unit_test(student_matches_tables),
        cmocka_unit_test(beta_is_the_binomial_tail),
        cmocka_unit_test(nonsense_is_clamped),
        cmocka_unit_test(binomial_draws_have_the_right_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
