/*
 * shift_explain.c - what a rule under the shift detector amounts to on a series like this baseline.
 *
 * False alarms: gamma non-empty epochs apart. Delays: the formula of power.h for the part that shows the
 * change first, from the moment of the change; at high volume tempering (shift_freeze.c) makes them longer,
 * by up to half a day. More observations a day shrink the baseline's margin with their square root; the
 * tolerance is taken to stay as it is.
 */
#include "operators/detect/shift_freeze.h"
#include "operators/detect/shift_plan.h"

#include <math.h>
#include <stddef.h>

#define WEEK_DAYS 7.0
#define DAY_MS    86400000.0

/* Days to a multiple of the rule's drop with `volume` times the baseline's observations a day. */
static double days_to(const struct detector_rule *rule, const struct shift_part *part,
                      const struct shift_freeze *freeze, double per_day, double factor,
                      double volume)
{
    double margin = (freeze->limit - freeze->moments.mean) / sqrt(volume);
    if (isnan(freeze->drop))
        return NAN;
    return shift_part_delay(rule, part, freeze, margin, factor * freeze->drop) / (per_day * volume);
}

static double smaller(double a, double b) { return isnan(a) || b < a ? b : a; }

static void explain_part(const struct detector_rule *rule, const struct shift_part *part,
                         const struct shift_freeze *freeze, struct detector_explanation *out)
{
    double per_day = out->per_day, low = 0.0, high = (0.999 - freeze->moments.mean) / freeze->drop,
           volume = 1.0 / 64;
    if (isnan(freeze->drop))
        return;
    out->days_to_half_effect =
        smaller(out->days_to_half_effect, days_to(rule, part, freeze, per_day, 0.5, 1.0));
    out->days_to_effect =
        smaller(out->days_to_effect, days_to(rule, part, freeze, per_day, 1.0, 1.0));
    out->days_to_double_effect =
        smaller(out->days_to_double_effect, days_to(rule, part, freeze, per_day, 2.0, 1.0));
    bool reachable = days_to(rule, part, freeze, per_day, high, 1.0) <= WEEK_DAYS;
    for (int i = 0; i < 40 && reachable; i++) {
        double factor = (low + high) / 2;
        if (days_to(rule, part, freeze, per_day, factor, 1.0) <= WEEK_DAYS)
            high = factor;
        else
            low = factor;
    }
    double effect = shift_rule_effect(rule) * high;
    if (reachable && !(fabs(out->smallest_in_a_week) <= fabs(effect)))
        out->smallest_in_a_week = effect;
    while (volume < 1e9 && days_to(rule, part, freeze, per_day, 1.0, volume) > WEEK_DAYS)
        volume *= 1.1;
    if (volume < 1e9)
        out->per_day_for_a_week = smaller(out->per_day_for_a_week, per_day * volume);
}

void shift_explain(const struct detector_rule *rule, const struct baseline *baseline,
                   int64_t window_ms, struct detector_explanation *out)
{
    struct shift_header header = {0};
    struct shift_part parts[SHIFT_CATEGORIES_MAX + SHIFT_CUTS_MAX];
    struct shift_view view = {
        .header = &header, .parts = parts, .parts_max = shift_parts_max(&rule->layout)};
    struct shift_freeze freeze;
    double days = baseline != NULL ? (double)(baseline->end_ms - baseline->start_ms) / DAY_MS : 0.0;
    bool any_part = rule->layout.kind == LAYOUT_LOG || rule->layout.kind == LAYOUT_CATEGORY;
    (void)window_ms;
    *out = (struct detector_explanation){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (!(days > 0.0))
        return;
    shift_plan_parts(rule, baseline->bins, &view);
    for (uint32_t i = 0; i < header.parts && (i == 0 || any_part); i++) {
        shift_freeze_part(rule, baseline, &parts[i], &freeze);
        if (!(freeze.moments.count > 0.0))
            return;
        out->per_day = freeze.moments.count / days;
        double epochs = rule->epoch_ms > 0 ? DAY_MS / rule->epoch_ms : 1.0;
        out->false_alarm_days = rule->gamma / (epochs * -expm1(-out->per_day / epochs));
        if (isnan(rule->threshold))
            explain_part(rule, &parts[i], &freeze, out);
    }
}
