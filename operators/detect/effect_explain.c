/*
 * effect_explain.c - what a rule that looks at the effect alone amounts to: how often it cries wolf.
 *
 * Rates: the exact binomial tail of one window against the baseline's rate, one independent look a window.
 * Means over windows of a day and more: simulation with the baseline's own length (folklore.h). Means over
 * shorter windows and thresholds: the normal tail of one window. The rule sits on the effect itself, so at
 * the rule's effect it fires with about even chances once the window is full, at any volume; that is what
 * days_to_effect says. Half the effect is not meant to be seen (INFINITY).
 */
#include "operators/detect/effect_explain.h"

#include "operators/math/baseline.h"
#include "operators/math/folklore.h"
#include "operators/math/special.h"

#include <math.h>
#include <stddef.h>

#define DAY_MS          86400000.0
#define SIMULATED_YEARS 400
#define SIMULATION_SEED 1

/* The pooled baseline in the metric's own unit. */
struct pooled {
    double values[LAYOUT_BINS_MAX], pmf[LAYOUT_BINS_MAX];
    uint64_t counts[LAYOUT_BINS_MAX];
    uint32_t bins;
    struct baseline_moments moments;
    double badness; /* mean */
};

static void pool(const struct layout *layout, const uint64_t *bins, struct pooled *out)
{
    double badness, sum = 0.0;
    out->bins = 0;
    for (uint32_t j = 0; j < layout->bins; j++) {
        if (bins[j] == 0 || !layout_badness(layout, (uint16_t)j, &badness))
            continue;
        sum += (double)bins[j] * badness;
        out->values[out->bins] = layout_value(layout, (uint16_t)j);
        out->counts[out->bins++] = bins[j];
    }
    baseline_moments(&(struct betting_sample){out->values, out->counts, out->bins}, &out->moments);
    for (uint32_t j = 0; j < out->bins; j++)
        out->pmf[j] = (double)out->counts[j] / out->moments.count;
    out->badness = out->moments.count > 0.0 ? sum / out->moments.count : 0.0;
}

/* Chance that one window of n observations is at or beyond the rule's number although nothing changed. */
static double rate_per_window(const struct detector_rule *rule, const struct pooled *pooled,
                              double n)
{
    double rate = pooled->badness, bar = rule->threshold;
    if (!(rate > 0.0))
        rate = baseline_upper_rate(0.0, pooled->moments.count, 0.99);
    if (isnan(bar))
        bar = rate * (rule->effect_ratio > 0.0 ? rule->effect_ratio : 1.0 + rule->effect_relative);
    if (isnan(bar) || rule->direction != DIRECTION_WORSE || n < 1.0)
        return NAN;
    return special_binomial_tail((uint64_t)n, (uint64_t)ceil(bar * floor(n) * (1.0 - 1e-12)), rate);
}

static double mean_per_window(const struct detector_rule *rule, const struct pooled *pooled,
                              double n)
{
    double sd = sqrt(pooled->moments.variance * (1.0 / n + 1.0 / pooled->moments.count));
    double distance = rule->effect_relative * fabs(pooled->moments.mean);
    return sd > 0.0 && n >= 1.0 && distance > 0.0 ? special_normal_cdf(-distance / sd) : NAN;
}

void effect_explain(const struct detector_rule *rule, const struct baseline *baseline,
                    int64_t window_ms, struct detector_explanation *out)
{
    struct pooled pooled;
    struct folklore folklore;
    *out = (struct detector_explanation){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    double days = baseline != NULL ? (double)(baseline->end_ms - baseline->start_ms) / DAY_MS : 0.0;
    double window_days = (double)window_ms / DAY_MS;
    if (!(days > 0.0) || !(window_days > 0.0))
        return;
    pool(&rule->layout, baseline->bins, &pooled);
    if (!(pooled.moments.count > 0.0))
        return;
    out->per_day = pooled.moments.count / days;
    out->days_to_half_effect = INFINITY;
    out->days_to_effect = window_days;
    out->days_to_double_effect = window_days / 2;
    double n = out->per_day * window_days, per_window;
    bool falls = (rule->layout.kind == LAYOUT_ORDINAL) == (rule->direction == DIRECTION_WORSE);
    if (rule->layout.kind != LAYOUT_FLAG && isnan(rule->threshold) && rule->effect_relative > 0.0 &&
        window_days >= 1.0) {
        folklore_mean(pooled.values, pooled.pmf, pooled.bins, out->per_day,
                      (uint32_t)(window_days + 0.5), (uint32_t)(days + 0.5),
                      falls ? rule->effect_relative : -rule->effect_relative, SIMULATED_YEARS,
                      SIMULATION_SEED, &folklore);
        /* None seen: at least as long as what was simulated. */
        out->false_alarm_days = 365.0 / fmax(folklore.episodes_year, 1.0 / SIMULATED_YEARS);
        return;
    }
    per_window = rule->layout.kind == LAYOUT_FLAG ? rate_per_window(rule, &pooled, n)
                                                  : mean_per_window(rule, &pooled, n);
    if (!isnan(per_window))
        out->false_alarm_days = per_window > 0.0 ? window_days / per_window : INFINITY;
}
