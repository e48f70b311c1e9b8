/* Bins of a metric: edges, ends, nonsense, and the 1 % promise of the logarithmic layout. */
#include "tests/test.h"

#include "engine/state/layout.h"

#include <math.h>

static void flag_has_four_outcomes_and_two_that_count(void **state)
{
    struct layout flag = LAYOUT_OF_FLAG;
    double badness;
    (void)state;
    assert_int_equal(layout_bin(&flag, 0), FLAG_PASS);
    assert_int_equal(layout_bin(&flag, 1), FLAG_FAIL);
    assert_true(layout_badness(&flag, FLAG_PASS, &badness) && badness == 0.0);
    assert_true(layout_badness(&flag, FLAG_FAIL, &badness) && badness == 1.0);
    assert_false(layout_badness(&flag, FLAG_NO_CONTENT, &badness));
    assert_false(layout_badness(&flag, FLAG_UNPARSED, &badness));
    assert_true(layout_value(&flag, FLAG_FAIL) == 1.0 && layout_value(&flag, FLAG_PASS) == 0.0);
}

static void ordinal_takes_the_nearest_score(void **state)
{
    static const struct {
        double value;
        uint16_t bin;
    } cases[] = {{1, 0},  {5, 4}, {4.49, 3}, {4.5, 4},      {1.4999, 0},
                 {-3, 0}, {0, 0}, {99, 4},   {INFINITY, 4}, {-INFINITY, 0}};
    struct layout five = LAYOUT_OF_ORDINAL(5);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(layout_bin(&five, cases[i].value), cases[i].bin);
    assert_int_equal(layout_bin(&five, (double)NAN), 0);
    for (uint16_t bin = 0; bin < 5; bin++) {
        double badness;
        assert_true(layout_value(&five, bin) == 1.0 + bin);
        assert_int_equal(layout_bin(&five, layout_value(&five, bin)), bin);
        assert_true(layout_badness(&five, bin, &badness) && badness == (4 - bin) / 4.0);
    }
    struct layout one = LAYOUT_OF_ORDINAL(1);
    double badness = 7;
    assert_true(layout_badness(&one, 0, &badness) && badness == 0.0);
}

static void linear_clamps_its_ends(void **state)
{
    struct layout linear = {LAYOUT_LINEAR, 20, -1.0f, 1.0f};
    double badness, last = -1;
    (void)state;
    assert_int_equal(layout_bin(&linear, -5), 0);
    assert_int_equal(layout_bin(&linear, -1), 0);
    assert_int_equal(layout_bin(&linear, 0), 10);
    assert_int_equal(layout_bin(&linear, 1), 19);
    assert_int_equal(layout_bin(&linear, 1e300), 19);
    assert_int_equal(layout_bin(&linear, (double)NAN), 0);
    for (uint16_t bin = 0; bin < 20; bin++) {
        assert_int_equal(layout_bin(&linear, layout_value(&linear, bin)), bin);
        assert_true(layout_badness(&linear, bin, &badness) && badness > last && badness > 0 &&
                    badness < 1);
        last = badness;
    }
    struct layout empty = {LAYOUT_LINEAR, 20, 1.0f, 1.0f};
    assert_int_equal(layout_bin(&empty, 3), 0);
}

static void log_values_are_within_one_percent(void **state)
{
    struct layout log_layout = LAYOUT_OF_LOG;
    (void)state;
    for (double value = 1.0; value < 9.9e9; value *= 1.00137) {
        uint16_t bin = layout_bin(&log_layout, value);
        double back = layout_value(&log_layout, bin);
        if (fabs(back / value - 1) > 0.01 + 1e-9)
            fail_msg("%.17g is bin %u is %.17g", value, bin, back);
    }
}

static void log_bins_ascend_and_contain_their_value(void **state)
{
    struct layout log_layout = LAYOUT_OF_LOG;
    double last = -1, badness, last_badness = -1;
    (void)state;
    for (uint16_t bin = 0; bin < LAYOUT_BINS_MAX; bin++) {
        double value = layout_value(&log_layout, bin);
        assert_true(value > last);
        assert_int_equal(layout_bin(&log_layout, value), bin);
        assert_true(layout_badness(&log_layout, bin, &badness) && badness > last_badness &&
                    badness <= 1);
        last = value;
        last_badness = badness;
    }
}

static void log_ends_take_everything(void **state)
{
    static const double low[] = {0, -1, .999999, -INFINITY, (double)NAN, 5e-324};
    static const double high[] = {1e11, 1e300, INFINITY};
    struct layout log_layout = LAYOUT_OF_LOG;
    (void)state;
    for (size_t i = 0; i < sizeof low / sizeof low[0]; i++)
        assert_int_equal(layout_bin(&log_layout, low[i]), 0);
    for (size_t i = 0; i < sizeof high / sizeof high[0]; i++)
        assert_int_equal(layout_bin(&log_layout, high[i]), LAYOUT_BINS_MAX - 1);
    assert_int_equal(layout_bin(&log_layout, 1), 1);
}

/* Bins of values at both sides of edges must never change: they are in changelogs. */
static void log_bins_are_golden(void **state)
{
    static const struct {
        double value;
        uint16_t bin;
    } cases[] = {{1, 1},           {1.0202020202020197, 1},
                 {1.01 / 0.99, 2}, {2, 35},
                 {10, 116},        {800, 335},
                 {1e3, 346},       {123456, 587},
                 {1e6, 691},       {3.5e9, 1099},
                 {9.9e9, 1151}};
    struct layout log_layout = LAYOUT_OF_LOG;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint16_t bin = layout_bin(&log_layout, cases[i].value);
        if (bin != cases[i].bin)
            fail_msg("%.17g: bin %u, wanted %u", cases[i].value, bin, cases[i].bin);
    }
}

static void category_is_its_number_and_has_no_badness(void **state)
{
    struct layout category = {LAYOUT_CATEGORY, 7, 0, 0};
    double badness;
    (void)state;
    assert_int_equal(layout_bin(&category, 3), 3);
    assert_int_equal(layout_bin(&category, 70), 6);
    assert_true(layout_value(&category, 3) == 3.0);
    assert_false(layout_badness(&category, 3, &badness));
}

static void layouts_compare_by_what_matters(void **state)
{
    struct layout a = LAYOUT_OF_ORDINAL(5), b = LAYOUT_OF_ORDINAL(5), c = LAYOUT_OF_ORDINAL(7);
    struct layout linear = {LAYOUT_LINEAR, 5, 0.0f, 1.0f}, wider = {LAYOUT_LINEAR, 5, 0.0f, 2.0f};
    (void)state;
    b.hi = 3; /* means nothing here */
    assert_true(layout_equal(&a, &b));
    assert_false(layout_equal(&a, &c));
    assert_false(layout_equal(&a, &linear));
    assert_false(layout_equal(&linear, &wider));
    assert_true(layout_equal(&wider, &wider));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flag_has_four_outcomes_and_two_that_count),
        cmocka_unit_test(ordinal_takes_the_nearest_score),
        cmocka_unit_test(linear_clamps_its_ends),
        cmocka_unit_test(log_values_are_within_one_percent),
        cmocka_unit_test(log_bins_ascend_and_contain_their_value),
        cmocka_unit_test(log_ends_take_everything),
        cmocka_unit_test(log_bins_are_golden),
        cmocka_unit_test(category_is_its_number_and_has_no_badness),
        cmocka_unit_test(layouts_compare_by_what_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
