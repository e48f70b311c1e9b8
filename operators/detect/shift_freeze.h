/*
 * shift_freeze.h - one part of the shift detector while its baseline is being frozen; private to shift*.c.
 */
#ifndef OPERATORS_DETECT_SHIFT_FREEZE_H
#define OPERATORS_DETECT_SHIFT_FREEZE_H

#include "operators/detect/shift_state.h"
#include "operators/math/baseline.h"

struct shift_freeze {
    struct shift_sample sample; /* the baseline as this part sees it */
    struct baseline_moments moments;
    struct baseline_days days;
    double limit; /* upper limit of the mean */
    double drop,
        rule_drop; /* the rule's effect in this part and in mean badness; NaN: it states none */
    double tolerance;
    double per_epoch; /* observations per epoch of the baseline's time */
    bool capped;      /* the tolerance's cap leaves less than 4 sd */
};

/* Everything but the bets. part has kind, cut and weight. */
void shift_freeze_part(const struct detector_rule *rule, const struct baseline *baseline,
                       const struct shift_part *part, struct shift_freeze *out);
/* The same for a rule with a constant in place of a baseline. */
void shift_freeze_constant(const struct detector_rule *rule, struct shift_freeze *out);
/* Null, resolve level, grid and tempering. */
void shift_place_bets(const struct detector_rule *rule, const struct shift_freeze *freeze,
                      struct shift_part *part, struct shift_bet *bets);
/* Expected observations until `drop` shows in this part alone, with the baseline's limit `margin` above its
 * mean; INFINITY: never. Leaves tempering out. */
double shift_part_delay(const struct detector_rule *rule, const struct shift_part *part,
                        const struct shift_freeze *freeze, double margin, double drop);

#endif
