/*
 * rule.h - one rule, one alert: which series it watches, when an effect is big enough, how sure the
 * engine must be, and what the person woken by it should do first. Plain data; config parses it.
 */
#ifndef ENGINE_FLOW_RULE_H
#define ENGINE_FLOW_RULE_H

#include "engine/operator/detector.h"

#include <stdint.h>

#define RULES_MAX 64
#define RULE_LABELS_MAX 8
#define RULE_LEVELS_MAX 4
#define RULE_TEXT_MAX 256

enum rule_severity { SEVERITY_PAGE, SEVERITY_TICKET, SEVERITY_INVESTIGATE };

struct rule_label {
    char name[32];
    char value[72]; /* exact, or "*": present with any value */
};

/* A cell is of a level when its label names are exactly these and the values match. */
struct rule_level {
    struct rule_label labels[RULE_LABELS_MAX];
    uint32_t labels_count;
};

struct rule {
    char id[40];                 /* "R094": stable, part of alert ids */
    char title[RULE_TEXT_MAX];   /* "format failures" */
    char metric[96];             /* exact, or a prefix followed by '*': "score.*" */
    struct rule_level levels[RULE_LEVELS_MAX]; /* watched: every cell of one of these, now or later */
    uint32_t levels_count;
    enum direction direction;
    double effect_relative, effect_ratio, threshold, tolerance; /* NaN: not given; see detector_rule */
    int64_t window_ms;           /* of the effect */
    uint32_t effect_min_count;
    int64_t baseline_window_ms;
    uint32_t baseline_min_count;
    double budget_alarms;        /* false alarms over all watched series … */
    int64_t budget_period_ms;    /* … in this time */
    bool sure;                   /* false: the effect alone decides (a folklore rule as users know it) */
    enum rule_severity severity;
    char failure_class[40];
    char first_action[RULE_TEXT_MAX];
    char owner[64];
};

struct rule_set {
    struct rule rules[RULES_MAX];
    uint32_t count;
    uint64_t digest; /* first 8 bytes of SHA-256 of the canonical form */
};

#endif
