/*
 * shift_arm.c - freezing a baseline into the state of the shift detector, and saying whether it is enough.
 *
 * A baseline supports the rule when the rule's drop is expected to show within as many observations as the
 * baseline has (statistics §2.4: a baseline of m stretches a delay D by about 1/(1 - D/m)). If not, the
 * verdict says how many it takes, and what the present one can show; the state watches all the same.
 */
#include "operators/detect/shift_freeze.h"
#include "operators/detect/shift_plan.h"

#include "engine/base/check.h"

#include <math.h>

#define SUPPORT_STEPS 200

/* Fills needed and achievable, unless another part has found less; true when the part supports the rule. */
static bool check_support(const struct detector_rule *rule, const struct shift_part *part,
                          const struct shift_freeze *freeze, struct shift_header *header)
{
    double count = freeze->moments.count, margin = freeze->limit - freeze->moments.mean;
    if (isnan(freeze->drop) || shift_part_delay(rule, part, freeze, margin, freeze->drop) <= count)
        return true;
    double longer = count;
    for (int i = 0; i < SUPPORT_STEPS && longer < 1e15; i++) {
        longer *= 1.25;
        if (shift_part_delay(rule, part, freeze, margin * sqrt(count / longer), freeze->drop) <=
            longer)
            break;
    }
    if (header->needed > 0.0 && header->needed <= longer)
        return false;
    double low = 1.0, high = (0.999 - freeze->moments.mean) / freeze->drop;
    for (int i = 0; i < 30 && low < high; i++) {
        double factor = (low + high) / 2;
        if (shift_part_delay(rule, part, freeze, margin, factor * freeze->drop) <= count)
            high = factor;
        else
            low = factor;
    }
    header->needed = longer;
    header->achievable = shift_rule_effect(rule) * high;
    return false;
}

static void arm_constant(const struct detector_rule *rule, struct shift_view *view)
{
    struct shift_freeze freeze;
    view->header->parts = 1;
    view->header->flags = SHIFT_ARMED | SHIFT_CONSTANT;
    view->header->baseline_value = shift_own_unit(&rule->layout, DIRECTION_WORSE, rule->threshold);
    view->parts[0] = (struct shift_part){.kind = PART_MEAN, .weight = 1.0};
    shift_freeze_constant(rule, &freeze);
    shift_place_bets(rule, &freeze, &view->parts[0], view->bets);
}

static void arm_baseline(const struct detector_rule *rule, struct shift_view *view,
                         const struct baseline *baseline)
{
    struct shift_freeze freeze;
    struct shift_header *header = view->header;
    bool any_part = rule->layout.kind == LAYOUT_LOG || rule->layout.kind == LAYOUT_CATEGORY,
         supported = false;
    shift_plan_parts(rule, baseline->bins, view);
    header->baseline_value = shift_own_mean(&rule->layout, baseline->bins);
    for (uint32_t i = 0; i < header->parts; i++) {
        struct shift_part *part = &view->parts[i];
        shift_freeze_part(rule, baseline, part, &freeze);
        shift_place_bets(rule, &freeze, part, view->bets + i * view->bets_max);
        if (i == 0 || any_part)
            supported = check_support(rule, part, &freeze, header) || supported;
        if (i == 0 && freeze.capped)
            header->flags |= SHIFT_TICKET_ONLY;
        header->baseline_count = freeze.moments.count;
    }
    header->flags |= SHIFT_ARMED;
    if (supported)
        header->needed = header->achievable = 0.0;
    else
        header->flags |= SHIFT_THIN;
}

void shift_arm(const struct detector_rule *rule, void *state, const struct baseline *baseline,
               struct verdict *out)
{
    struct shift_view view = shift_view_of(&rule->layout, state);
    struct shift_header *header = view.header;
    uint64_t total = 0;
    double badness;
    CHECK(rule->gamma >= 1.0);
    header->version = SHIFT_VERSION;
    header->layout_kind = rule->layout.kind;
    header->bins = rule->layout.bins;
    for (uint32_t j = 0; baseline != NULL && j < rule->layout.bins; j++) {
        if (layout_badness(&rule->layout, (uint16_t)j, &badness) ||
            rule->layout.kind == LAYOUT_CATEGORY)
            total += baseline->bins[j];
    }
    if (!isnan(rule->threshold))
        arm_constant(rule, &view);
    else if (total > 0)
        arm_baseline(rule, &view, baseline);
    else
        header->needed = rule->effect_min_count > 0 ? rule->effect_min_count : 1.0;
    *out = (struct verdict){
        .kind = (header->flags & (SHIFT_ARMED | SHIFT_THIN)) == SHIFT_ARMED ? VERDICT_OK
                                                                            : VERDICT_INSUFFICIENT,
        .threshold = rule->gamma,
        .observed = header->baseline_value,
        .baseline = header->baseline_value,
        .count = total,
        .needed = header->needed,
        .achievable = header->achievable != 0.0 ? header->achievable : NAN,
        .since_onset = NAN,
        .ticket_only = (header->flags & SHIFT_TICKET_ONLY) != 0,
    };
}
