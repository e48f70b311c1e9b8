/*
 * check_rule.h - what a rule's numbers amount to at three volumes, by asking the detectors themselves
 * about a series that stands for many: calm, with the rule's baseline behind it.
 */
#ifndef ENGINE_COMMAND_CHECK_RULE_H
#define ENGINE_COMMAND_CHECK_RULE_H

#include "engine/command/command.h"
#include "engine/flow/rule.h"

enum { CHECK_VOLUMES = 3, CHECK_HORIZONS = 3 };
extern const double check_volumes[CHECK_VOLUMES];   /* observations a day */
extern const double check_horizons[CHECK_HORIZONS]; /* days */

/* NaN: does not apply; INFINITY: never. Changes are parts of the baseline (0.05: 5 %), positive. */
struct rule_figures {
    double learning_days;          /* until the baseline holds what the rule asks for */
    double false_alarm_days;       /* between false alarms of one stable series, as the rule runs */
    double bare_false_alarm_days;  /* the same if the effect alone were enough */
    double days_to_effect;         /* from a change of the rule's own size to the alert */
    double smallest[CHECK_HORIZONS]; /* change that is seen within the horizon */
    bool thin;                     /* the baseline is too short for the rule's change, … */
    double achievable;             /* … it shows this one */
};

struct rule_check {
    struct layout layout;
    int64_t epoch_ms;
    const char *assumed; /* the series, in words */
    struct rule_figures figures[CHECK_VOLUMES];
};

/* False: no operator makes this metric, or no series carries these labels; the error names the rule and
 * what there is. */
bool check_rule(const struct rule *rule, const struct command_operators *operators, uint32_t series_max,
                struct rule_check *out, struct error *error);

#endif
