/*
 * detector.h - the contract of a detector: called once per closed, non-empty epoch of a watched
 * series; sees histograms, keeps a small flat state, gives a verdict.
 *
 * The engine owns keys, epochs, windows, baselines, alerts. A detector cannot fail, allocate, log or
 * read a clock. `state` is flat (movable with memcpy) and versioned; `conf` is shared and const.
 */
#ifndef ENGINE_OPERATOR_DETECTOR_H
#define ENGINE_OPERATOR_DETECTOR_H

#include "engine/base/error.h"
#include "engine/state/layout.h"

#define BASELINE_DAYS_MAX 35

/* A frozen window of a series that ended before its detector starts. Borrowed during arm. */
struct baseline {
    int64_t start_ms, end_ms;
    const uint64_t *bins; /* pooled, layout->bins of them */
    uint32_t days;        /* days with data, at most BASELINE_DAYS_MAX */
    const uint64_t *const *day_bins; /* per day, layout->bins each */
};

enum direction { DIRECTION_WORSE, DIRECTION_BETTER };

/* What the rule of this series says; the same for all detectors of the rule. Fractions, not percent. */
struct detector_rule {
    struct layout layout;
    enum direction direction;
    double effect_relative; /* drop or rise that counts, as a fraction of the baseline mean; NaN: none */
    double effect_ratio;    /* badness rate over baseline rate that counts (2 = doubled); NaN: none */
    double threshold;       /* SLO constant instead of a baseline (a badness mean); NaN: none */
    double tolerance;       /* null is "no worse than baseline by more than this", in badness; NaN: the default */
    double gamma;           /* expected non-empty epochs between false alarms */
    uint32_t effect_min_count; /* observations the window needs before an effect is stated */
    uint32_t epoch_ms;
};

/* One closed epoch. Histograms have layout->bins counts. */
struct detector_epoch {
    int64_t start_ms, end_ms;
    const uint64_t *bins;        /* this epoch */
    const uint64_t *window_bins; /* the rule's effect window up to now */
    int64_t window_ms;
};

enum verdict_kind { VERDICT_OK, VERDICT_BREACHED, VERDICT_INSUFFICIENT };

struct verdict {
    enum verdict_kind kind;
    double evidence;      /* E of shift; 0 for detectors that have none */
    double threshold;     /* what evidence is held against (gamma) */
    double observed;      /* mean of the window in the metric's own unit (score, rate) */
    double baseline;      /* the same for the baseline */
    double effect;        /* (observed - baseline) / baseline, signed, or ratio - 1 */
    double interval_low, interval_high; /* 95 % interval of observed */
    uint64_t count;       /* observations in the window that count */
    int64_t onset_ms;     /* most likely start of the change; 0: unknown */
    double log_increment; /* of this epoch, the pooled evidence an app's detector adds; 0: none */
    double needed;        /* with INSUFFICIENT: observations needed in the baseline or window */
    double achievable;    /* with INSUFFICIENT: the smallest effect that would show, signed like effect; NaN: none */
    double since_onset;   /* mean since onset_ms in the metric's own unit; NaN: unknown */
    bool ticket_only;     /* day-to-day wobble is too large for this rule: may ticket, not page */
};

/* INSUFFICIENT from arm leaves a state that still watches for larger effects: the engine may keep calling
 * close_epoch (which then says INSUFFICIENT instead of OK, and BREACHED as ever) until a longer baseline
 * is there. After `reverse`, BREACHED means the reverse detector's alarm: recovered, resolve the alert;
 * evidence and threshold are then those of the reverse detector. BREACHED holds for as long as the
 * evidence does: the alert's two gates may be passed at different epochs. */

/* What a rule amounts to on a series like a baseline, in expectation, for people: `assay check`, alerts'
 * explanations. Times in days, INFINITY: never; NaN: does not apply. */
struct detector_explanation {
    double per_day;               /* observations that count, a day */
    double false_alarm_days;      /* between false alarms while nothing changes */
    double days_to_half_effect;   /* from a lasting change of half the rule's effect to the alarm */
    double days_to_effect;
    double days_to_double_effect;
    double smallest_in_a_week;    /* smallest effect that shows within 7 days, signed as verdict.effect */
    double per_day_for_a_week;    /* observations a day with which the rule's effect would show in 7 days */
};

struct detector_class {
    const char *name; /* in configuration, state, metrics: never renamed */
    const char *summary;
    uint16_t state_version; /* raised with every change of the state's meaning */
    /* Size of the state for this layout; constant for a (class, layout, version). */
    uint32_t (*state_bytes)(const struct layout *layout);
    /* Freezes the baseline into `state` (zeroed before). INSUFFICIENT in out->kind with `needed` when
     * the baseline cannot support the rule; the engine tries again with a longer one. */
    void (*arm)(const struct detector_rule *rule, void *state, const struct baseline *baseline, struct verdict *out);
    void (*close_epoch)(const struct detector_rule *rule, void *state, const struct detector_epoch *epoch, struct verdict *out);
    /* After an alarm: start watching the other way round (is it as good as the baseline again?), and
     * back. The baseline stays. */
    void (*reverse)(const struct detector_rule *rule, void *state);
    /* False when bytes read back from a changelog cannot be a state of this class and layout. */
    bool (*valid)(const struct layout *layout, const void *state, uint32_t size);
    /* Control plane: window_ms is the rule's effect window. A baseline without counts gives NaN. NULL: has
     * nothing to say. */
    void (*explain)(const struct detector_rule *rule, const struct baseline *baseline, int64_t window_ms,
                    struct detector_explanation *out);
};

#endif
