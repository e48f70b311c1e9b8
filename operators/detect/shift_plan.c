/*
 * shift_plan.c - which ways of looking at a layout the shift detector uses, and what the rule's effect
 * amounts to in each of them.
 */
#include "operators/detect/shift_plan.h"

#include "operators/math/power.h"

#include <math.h>

/* Largest cut on the good side of the baseline's p quantile from the bad end. */
static uint16_t quantile_cut(const struct layout *layout, enum direction direction,
                             const uint64_t *bins, double p)
{
    double total = 0.0, beyond = 0.0, badness;
    for (uint32_t j = 0; j < layout->bins; j++)
        total += layout_badness(layout, (uint16_t)j, &badness) ? (double)bins[j] : 0.0;
    if (direction == DIRECTION_WORSE) {
        for (uint32_t j = layout->bins - 1u; j > 0; j--) {
            beyond += (double)bins[j];
            if (beyond > p * total)
                return (uint16_t)j;
        }
        return 0;
    }
    for (uint32_t j = 0; j + 1u < layout->bins; j++) {
        beyond += (double)bins[j];
        if (beyond > p * total)
            return (uint16_t)(j > 0 ? j - 1 : 0);
    }
    return (uint16_t)(layout->bins - 1u);
}

/* Which parts this layout has, where they cut, and their weights. */
void shift_plan_parts(const struct detector_rule *rule, const uint64_t *bins,
                      struct shift_view *view)
{
    static const double quantile_shares[SHIFT_QUANTILES] = {0.5, 0.05, 0.01};
    const struct layout *layout = &rule->layout;
    bool worse = rule->direction == DIRECTION_WORSE, category = layout->kind == LAYOUT_CATEGORY;
    uint32_t first = category || layout->kind == LAYOUT_LOG ? 0 : 1,
             shares = view->parts_max - first;
    view->header->parts = (uint16_t)view->parts_max;
    if (first == 1)
        view->parts[0] = (struct shift_part){.kind = PART_MEAN, .weight = shares > 0 ? 0.5 : 1.0};
    for (uint32_t i = 0; i < shares; i++) {
        struct shift_part *part = &view->parts[first + i];
        *part = (struct shift_part){.weight = (first == 1 ? 0.5 : 1.0) / shares};
        if (category) {
            part->kind = PART_EQUAL;
            part->cut = (uint16_t)i;
        } else if (layout->kind == LAYOUT_ORDINAL) {
            part->kind = worse ? PART_LOW : PART_HIGH;
            bool every = shares + 1u == layout->bins;
            part->cut = (uint16_t)(every ? i : (i + 1u) * (layout->bins - 1u) / (shares + 1u));
        } else {
            part->kind = worse ? PART_HIGH : PART_LOW;
            part->cut = quantile_cut(layout, rule->direction, bins, quantile_shares[i]);
        }
    }
}

/* Mean of the metric's own unit over the bins that count. */
double shift_own_mean(const struct layout *layout, const uint64_t *bins)
{
    double sum = 0.0, count = 0.0, badness;
    for (uint32_t j = 0; j < layout->bins; j++) {
        if (!layout_badness(layout, (uint16_t)j, &badness))
            continue;
        sum += (double)bins[j] * layout_value(layout, (uint16_t)j);
        count += (double)bins[j];
    }
    return count > 0.0 ? sum / count : 0.0;
}

/* What a relative change or a ratio of `amount` (a mean or a rate) means as a distance, larger if both. */
static double rule_distance(const struct detector_rule *rule, double amount, double rate)
{
    double distance = NAN;
    if (rule->effect_relative > 0.0)
        distance = rule->effect_relative * fabs(amount);
    if (rule->effect_ratio > 1.0) {
        double ratio = rule->effect_ratio;
        double by_ratio =
            rule->direction == DIRECTION_WORSE ? rate * (ratio - 1.0) : rate * (1.0 - 1.0 / ratio);
        distance = distance > by_ratio ? distance : by_ratio;
    }
    return distance;
}

/* The rule's effect as a rise of the mean part, in badness of the rule's direction. */
double shift_mean_drop(const struct detector_rule *rule, double mean, double limit, double own)
{
    const struct layout *layout = &rule->layout;
    double rate = rule->direction == DIRECTION_WORSE ? mean : 1.0 - mean, drop;
    if (rule->direction == DIRECTION_WORSE && !(rate > 0.0))
        rate = limit; /* nothing bad seen yet: ratios start from the upper limit */
    if (layout->kind == LAYOUT_ORDINAL)
        drop = rule_distance(rule, own / (double)(layout->bins - 1u), rate);
    else if (layout->kind == LAYOUT_LINEAR && layout->hi > layout->lo)
        drop = rule_distance(rule, own / ((double)layout->hi - (double)layout->lo), rate);
    else
        drop = rule_distance(rule, rate, rate);
    double room = 1.0 - mean;
    return drop > room * 0.999 ? room * 0.999 : drop;
}

/* Change of a share when all values are stretched by the rule's factor. */
static double stretch_drop(const struct detector_rule *rule, const struct shift_part *part,
                           const uint64_t *bins)
{
    const struct layout *layout = &rule->layout;
    double factor = NAN, count = 0.0, now = 0.0, then = 0.0, badness;
    bool worse = rule->direction == DIRECTION_WORSE;
    if (rule->effect_relative > 0.0)
        factor = worse ? 1.0 + rule->effect_relative : fmax(1.0 - rule->effect_relative, 0.01);
    else if (rule->effect_ratio > 1.0)
        factor = worse ? rule->effect_ratio : 1.0 / rule->effect_ratio;
    if (isnan(factor))
        return NAN;
    uint16_t next = part->cut + 1 < layout->bins ? (uint16_t)(part->cut + 1) : part->cut;
    double edge = 0.5 * (layout_value(layout, part->cut) + layout_value(layout, next));
    for (uint32_t j = 0; j < layout->bins; j++) {
        double value = layout_value(layout, (uint16_t)j), weight = (double)bins[j];
        if (bins[j] == 0 || !layout_badness(layout, (uint16_t)j, &badness))
            continue;
        count += weight;
        now += (value > edge) == (part->kind == PART_HIGH) ? weight : 0.0;
        then += (value * factor > edge) == (part->kind == PART_HIGH) ? weight : 0.0;
    }
    return count > 0.0 && then > now ? (then - now) / count : NAN;
}

/* Change of a score's share at a cut when the mean rises by mean_drop along the exponential tilt. */
static double tilt_drop(const struct shift_part *part, const struct shift_sample *mean_sample,
                        double drop)
{
    double pmf[LAYOUT_BINS_MAX], tilted[LAYOUT_BINS_MAX], change = 0.0;
    if (isnan(drop))
        return NAN;
    power_smooth(&mean_sample->sample, pmf);
    power_tilt(mean_sample->values, pmf, mean_sample->sample.bins,
               power_mean(mean_sample->values, pmf, mean_sample->sample.bins) + drop, tilted);
    for (uint32_t j = 0; j < mean_sample->sample.bins; j++) {
        if ((j <= part->cut) == (part->kind == PART_LOW))
            change += tilted[j] - pmf[j];
    }
    return change > 0.0 ? change : NAN;
}

double shift_part_drop(const struct detector_rule *rule, const struct shift_part *part,
                       const uint64_t *bins, const struct shift_sample *mean_sample,
                       double mean_drop, double share, double limit)
{
    switch ((enum layout_kind)rule->layout.kind) {
    case LAYOUT_ORDINAL:
        return tilt_drop(part, mean_sample, mean_drop);
    case LAYOUT_LINEAR:
    case LAYOUT_LOG:
        return stretch_drop(rule, part, bins);
    case LAYOUT_CATEGORY:
        return rule_distance(rule, share, share > limit ? share : limit);
    case LAYOUT_FLAG:
        break;
    }
    return mean_drop;
}

double shift_rule_effect(const struct detector_rule *rule)
{
    bool falls = (rule->layout.kind == LAYOUT_ORDINAL) == (rule->direction == DIRECTION_WORSE);
    double effect = rule->effect_relative > 0.0 ? rule->effect_relative
                    : rule->effect_ratio > 1.0  ? rule->effect_ratio - 1.0
                                                : NAN;
    return falls ? -effect : effect;
}
