/*
 * effect.c - the *big enough* gate: does the effect in the rule's window reach the rule's number?
 *
 * A plain comparison of two means, as users know it from every other tool, with the interval beside it;
 * it says nothing about certainty, which is the shift detector's part. Every number the rule gives must
 * be reached:
 *
 *   threshold        mean badness of the window at or beyond the constant
 *   effect_relative  mean in the metric's own unit, relative to the baseline's mean
 *   effect_ratio     bad rate of the window over that of the baseline; a baseline without a single bad
 *                    one counts with the 99 % upper limit of its rate, never with 0
 *
 * After `reverse`, BREACHED means that the window is back: no number is reached by more than half
 * (threshold: not reached at all).
 */
#include "operators/detect/detect.h"

#include "engine/base/check.h"
#include "operators/detect/effect_explain.h"
#include "operators/math/baseline.h"

#include <math.h>
#include <string.h>

#define EFFECT_VERSION 1
#define EFFECT_LIMIT   0.99
#define VALUE_MIN      1e-30 /* smaller baselines are no baselines: effects stay finite */

enum effect_flags { EFFECT_ARMED = 1, EFFECT_REVERSED = 2, EFFECT_FLAGS_ALL = 3 };

struct effect_state {
    uint16_t version;
    uint8_t layout_kind;
    uint8_t flags;
    uint16_t bins;
    uint16_t unused;
    double baseline_value; /* mean in the metric's own unit */
    double baseline_rate;  /* mean badness; its upper limit where nothing bad was seen */
    double baseline_count;
};
_Static_assert(sizeof(struct effect_state) == 32, "no padding in a state");

/* A histogram as means: own unit and badness. */
struct effect_view {
    struct baseline_moments own;
    double badness; /* mean, larger = worse, whatever the rule's direction */
};

static void view_bins(const struct layout *layout, const uint64_t *bins, struct effect_view *out)
{
    double values[LAYOUT_BINS_MAX], badness, sum = 0.0;
    uint64_t counts[LAYOUT_BINS_MAX];
    uint32_t used = 0;
    for (uint32_t j = 0; j < layout->bins; j++) {
        if (bins[j] == 0 || !layout_badness(layout, (uint16_t)j, &badness))
            continue;
        sum += (double)bins[j] * badness;
        values[used] = layout_value(layout, (uint16_t)j);
        counts[used++] = bins[j];
    }
    baseline_moments(&(struct betting_sample){values, counts, used}, &out->own);
    out->badness = out->own.count > 0.0 ? sum / out->own.count : 0.0;
}

static uint32_t effect_state_bytes(const struct layout *layout)
{
    (void)layout;
    return (uint32_t)sizeof(struct effect_state);
}

/* Larger own values are better only for ordinal scores. */
static double sign_of_change(const struct detector_rule *rule)
{
    bool falls = (rule->layout.kind == LAYOUT_ORDINAL) == (rule->direction == DIRECTION_WORSE);
    return falls ? -1.0 : 1.0;
}

static void effect_arm(const struct detector_rule *rule, void *state,
                       const struct baseline *baseline, struct verdict *out)
{
    struct effect_state *effect = state;
    struct effect_view view = {.badness = 0.0};
    CHECK(rule->layout.bins > 0 && rule->layout.bins <= LAYOUT_BINS_MAX);
    if (baseline != NULL)
        view_bins(&rule->layout, baseline->bins, &view);
    double count = view.own.count,
           least = rule->effect_min_count > 0 ? rule->effect_min_count : 1.0;
    bool needs_baseline = rule->effect_relative > 0.0 || rule->effect_ratio > 0.0;
    double rate = view.badness;
    if (count > 0.0 && !(rate > 0.0))
        rate = baseline_upper_rate(0.0, count, EFFECT_LIMIT);
    bool enough = !needs_baseline || count >= least;
    *effect = (struct effect_state){
        .version = EFFECT_VERSION,
        .layout_kind = rule->layout.kind,
        .flags = enough ? EFFECT_ARMED : 0,
        .bins = rule->layout.bins,
        .baseline_value = view.own.mean,
        .baseline_rate = rate,
        .baseline_count = count,
    };
    *out = (struct verdict){
        .kind = enough ? VERDICT_OK : VERDICT_INSUFFICIENT,
        .observed = view.own.mean,
        .baseline = view.own.mean,
        .count = (uint64_t)count,
        .needed = enough ? 0.0 : least,
        .achievable = NAN,
        .since_onset = NAN,
    };
}

/* Change of the own mean relative to the baseline's, positive in the rule's direction. */
static double relative_change(const struct detector_rule *rule, const struct effect_state *effect,
                              const struct effect_view *now)
{
    double base =
        fabs(effect->baseline_value) > 0.0 ? effect->baseline_value : effect->baseline_rate;
    return base != 0.0
               ? sign_of_change(rule) * (now->own.mean - effect->baseline_value) / fabs(base)
               : 0.0;
}

/* A rule that says 5 % means exactly 5 % too, whatever the last bit of the division says. */
static bool at_least(double value, double bar) { return value >= bar - 1e-12 * fabs(bar); }

/* Are all of the rule's numbers reached, each scaled by `share`? False for a rule without numbers. */
static bool reached(const struct detector_rule *rule, const struct effect_state *effect,
                    const struct effect_view *now, double share)
{
    bool worse = rule->direction == DIRECTION_WORSE, any = false, all = true;
    if (!isnan(rule->threshold)) {
        any = true;
        all = all && (worse ? at_least(now->badness, rule->threshold)
                            : at_least(rule->threshold, now->badness));
    }
    if (rule->effect_relative > 0.0) {
        any = true;
        all = all && at_least(relative_change(rule, effect, now), share * rule->effect_relative);
    }
    if (rule->effect_ratio > 0.0) {
        double bar = 1.0 + share * (rule->effect_ratio - 1.0);
        any = true;
        all = all && (worse ? at_least(now->badness, bar * effect->baseline_rate)
                            : at_least(effect->baseline_rate, bar * now->badness));
    }
    return any && all;
}

static void effect_close_epoch(const struct detector_rule *rule, void *state,
                               const struct detector_epoch *epoch, struct verdict *out)
{
    const struct effect_state *effect = state;
    const struct layout *layout = &rule->layout;
    struct effect_view now;
    view_bins(layout, epoch->window_bins, &now);
    double low = layout_value(layout, 0),
           high = layout_value(layout, (uint16_t)(layout->bins - 1u));
    struct interval interval =
        layout->kind == LAYOUT_FLAG
            ? baseline_interval_rate(now.own.mean * now.own.count, now.own.count)
            : baseline_interval_mean(&now.own, low, high);
    double base = effect->baseline_value != 0.0 ? effect->baseline_value : effect->baseline_rate;
    bool reversed = (effect->flags & EFFECT_REVERSED) != 0;
    *out = (struct verdict){
        .kind = VERDICT_OK,
        .observed = now.own.mean,
        .baseline = effect->baseline_value,
        .effect = base != 0.0 && now.own.count > 0.0 ? now.own.mean / base - 1.0 : 0.0,
        .interval_low = interval.low,
        .interval_high = interval.high,
        .count = (uint64_t)now.own.count,
        .achievable = NAN,
        .since_onset = NAN,
    };
    double least = rule->effect_min_count > 0 ? rule->effect_min_count : 1.0;
    if ((effect->flags & EFFECT_ARMED) == 0 || now.own.count < least) {
        out->kind = VERDICT_INSUFFICIENT;
        out->needed = least;
        return;
    }
    bool breached = reversed ? !reached(rule, effect, &now, 0.5) : reached(rule, effect, &now, 1.0);
    out->kind = breached ? VERDICT_BREACHED : VERDICT_OK;
}

static void effect_reverse(const struct detector_rule *rule, void *state)
{
    struct effect_state *effect = state;
    (void)rule;
    effect->flags ^= EFFECT_REVERSED;
}

static bool effect_valid(const struct layout *layout, const void *state, uint32_t size)
{
    struct effect_state effect;
    if (size != sizeof effect || layout->bins == 0 || layout->bins > LAYOUT_BINS_MAX)
        return false;
    memcpy(&effect, state, sizeof effect);
    return effect.version == EFFECT_VERSION && effect.layout_kind == layout->kind &&
           effect.bins == layout->bins && (effect.flags & ~EFFECT_FLAGS_ALL) == 0 &&
           effect.unused == 0 &&
           (effect.baseline_value == 0.0 || fabs(effect.baseline_value) >= VALUE_MIN) &&
           effect.baseline_value >= -1e300 && effect.baseline_value <= 1e300 &&
           (effect.baseline_rate == 0.0 || effect.baseline_rate >= VALUE_MIN) &&
           effect.baseline_rate <= 1.0 && effect.baseline_count >= 0.0 &&
           effect.baseline_count <= 1e19;
}

const struct detector_class operator_effect = {
    .name = "effect",
    .summary = "The effect in the rule's window reaches the rule's number.",
    .state_version = EFFECT_VERSION,
    .state_bytes = effect_state_bytes,
    .arm = effect_arm,
    .close_epoch = effect_close_epoch,
    .reverse = effect_reverse,
    .valid = effect_valid,
    .explain = effect_explain,
};
