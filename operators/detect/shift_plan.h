/*
 * shift_plan.h - parts of a layout and the rule's effect in each, private to shift*.c.
 *
 * Effects are rises of a part's mean, in [0,1]; NaN where the rule states none or it does not move the part.
 */
#ifndef OPERATORS_DETECT_SHIFT_PLAN_H
#define OPERATORS_DETECT_SHIFT_PLAN_H

#include "operators/detect/shift_state.h"

/* Fills parts with kind, cut and weight; bins is the pooled baseline. */
void shift_plan_parts(const struct detector_rule *rule, const uint64_t *bins,
                      struct shift_view *view);
/* Mean of the metric's own unit over the bins that count; 0 without any. */
double shift_own_mean(const struct layout *layout, const uint64_t *bins);
/* The rule's effect as verdict.effect would show it, signed; NaN: none. */
double shift_rule_effect(const struct detector_rule *rule);
/* The rule's effect as a rise of the mean badness; `limit` stands in for a rate of 0. */
double shift_mean_drop(const struct detector_rule *rule, double mean, double limit, double own);
/* The same for another part, whose share in the baseline has the upper limit `limit`. */
double shift_part_drop(const struct detector_rule *rule, const struct shift_part *part,
                       const uint64_t *bins, const struct shift_sample *mean_sample,
                       double mean_drop, double share, double limit);

#endif
