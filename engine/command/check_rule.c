/*
 * check_rule.c - see check_rule.h. The smallest change is found by asking for the days to ever smaller
 * ones while the tolerance stays the rule's own: a fifth of its effect, where it names none.
 */
#include "engine/command/check_rule.h"

#include "engine/base/memory.h"

#include <math.h>
#include <stdio.h>

#define DAY_MS 86400000.0
#define TOLERANCE_SHARE 0.2 /* DESIGN §7, shift */
#define FAIL_RATE 0.01
#define CHANGE_MIN 1e-3
#define CHANGE_STEP 1.3
#define BISECTION_STEPS 8

const double check_volumes[CHECK_VOLUMES] = {100, 1000, 10000};
const double check_horizons[CHECK_HORIZONS] = {1, 7, 30};

/* ---- what the rule watches ----------------------------------------------------------------------------------- */

/* "score.*" and "score.relevance" are made by a metric "score." whose dimension completes the name. */
static bool makes(const struct metric_spec *spec, const char *wanted)
{
    size_t size = strlen(wanted), prefix = strlen(spec->name);
    bool open = size > 0 && wanted[size - 1] == '*';
    if (open && strncmp(wanted, spec->name, size - 1) == 0)
        return true;
    if (spec->name_column != SPAN_COLUMN_COUNT)
        return size > prefix && strncmp(wanted, spec->name, prefix) == 0;
    return strcmp(wanted, spec->name) == 0;
}

static void list_metrics(const struct command_operators *operators, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (uint32_t a = 0; a < operators->annotators_count; a++) {
        const struct annotator_class *class = operators->annotators[a].class;
        for (uint32_t m = 0; m < class->metrics_count && used < size; m++) {
            bool open = class->metrics[m].name_column != SPAN_COLUMN_COUNT;
            int wrote = snprintf(out + used, size - used, "%s%s%s", used > 0 ? ", " : "", class->metrics[m].name, open ? "*" : "");
            used += wrote > 0 ? (size_t)wrote : 0;
        }
    }
}

static const struct metric_spec *find_metric(const struct rule *rule, const struct command_operators *operators)
{
    for (uint32_t a = 0; a < operators->annotators_count; a++) {
        const struct annotator_class *class = operators->annotators[a].class;
        for (uint32_t m = 0; m < class->metrics_count; m++)
            if (makes(&class->metrics[m], rule->metric))
                return &class->metrics[m];
    }
    return NULL;
}

static bool level_is(const struct rule_level *level, const char *const *names)
{
    uint32_t found = 0, count = 0;
    for (; names[count] != NULL; count++)
        for (uint32_t i = 0; i < level->labels_count; i++)
            found += strcmp(level->labels[i].name, names[count]) == 0;
    return found == count && level->labels_count == count;
}

/* Series carry exactly one of these label sets. */
static bool check_level(const struct rule *rule, const struct rule_level *level, enum metric_levels levels, struct error *error)
{
    static const char *const traffic[3][6] = {{"app", "env"}, {"app", "env", "intent"}, {"app", "env", "intent", "prompt", "model"}};
    static const char *const score[6] = {"app", "env", "intent", "evaluator", "revision"};
    if (levels == LEVELS_SCORE ? level_is(level, score)
                               : level_is(level, traffic[0]) || level_is(level, traffic[1]) || level_is(level, traffic[2]))
        return true;
    return error_set(error, ERROR_INPUT, "rule %s: no series of %s carries exactly the labels it watches; there are: %s", rule->id, rule->metric,
                     levels == LEVELS_SCORE ? "{app, env, intent, evaluator, revision}"
                                            : "{app, env}, {app, env, intent}, {app, env, intent, prompt, model}");
}

/* ---- a series that stands for many ----------------------------------------------------------------------------- */

static const char *assume(const struct layout *layout, double *pmf)
{
    static const double scores[5] = {.01, .02, .12, .46, .39};
    memset(pmf, 0, layout->bins * sizeof *pmf);
    switch ((enum layout_kind)layout->kind) {
    case LAYOUT_FLAG:
        pmf[FLAG_FAIL] = FAIL_RATE;
        pmf[FLAG_PASS] = 1 - FAIL_RATE;
        return "1 % failures";
    case LAYOUT_ORDINAL:
        if (layout->bins == 5) {
            memcpy(pmf, scores, sizeof scores);
            return "scores of mean 4.20, sd 0.8";
        }
        break;
    case LAYOUT_LOG:
        for (uint16_t b = 0; b < layout->bins; b++) {
            double z = log(layout_value(layout, b) / 100) / 0.6;
            pmf[b] = b > 0 ? exp(-z * z / 2) : 0;
        }
        return "log-normal around 100, sigma 0.6";
    case LAYOUT_LINEAR:
    case LAYOUT_CATEGORY: break;
    }
    for (uint16_t b = 0; b < layout->bins; b++)
        pmf[b] = 1;
    return "all values alike";
}

struct series {
    struct baseline baseline;
    uint64_t *pooled, *days;
    const uint64_t *day_bins[BASELINE_DAYS_MAX];
    double tolerance; /* the rule's own, in badness; NaN: the detector's default */
    double own_mean;
};

/* Whole observations: every bin gets what its share adds up to by the end of the day, no more noise. */
static void make_series(const struct rule *rule, const struct layout *layout, double per_day, struct series *out)
{
    double pmf[LAYOUT_BINS_MAX], total = 0, seen = 0, own = 0, bad = 0, badness = 0;
    int64_t window_ms = rule->baseline_window_ms > 0 ? rule->baseline_window_ms : (int64_t)(14 * DAY_MS);
    double days = (double)window_ms / DAY_MS;
    (void)assume(layout, pmf);
    for (uint16_t b = 0; b < layout->bins; b++)
        total += pmf[b];
    out->baseline = (struct baseline){.start_ms = 0, .end_ms = window_ms, .bins = out->pooled, .day_bins = out->day_bins};
    memset(out->pooled, 0, layout->bins * sizeof *out->pooled);
    for (uint32_t d = 0; d < BASELINE_DAYS_MAX && d < days; d++) {
        double until = fmin(d + 1, days);
        uint64_t *day = out->days + (size_t)d * layout->bins;
        for (uint16_t b = 0; b < layout->bins; b++) {
            uint64_t so_far = (uint64_t)floor(pmf[b] / total * per_day * until + 0.5);
            day[b] = so_far - out->pooled[b];
            out->pooled[b] = so_far;
        }
        out->day_bins[out->baseline.days++] = day;
    }
    for (uint16_t b = 0; b < layout->bins; b++) {
        if (!layout_badness(layout, b, &badness))
            continue;
        seen += pmf[b];
        own += pmf[b] * layout_value(layout, b);
        bad += pmf[b] * badness;
    }
    out->own_mean = seen > 0 ? own / seen : 0;
    double drop = NAN;
    if (layout->kind == LAYOUT_ORDINAL && rule->effect_relative > 0)
        drop = rule->effect_relative * out->own_mean / (layout->bins - 1);
    else if (layout->kind == LAYOUT_FLAG && rule->effect_ratio > 1)
        drop = (rule->effect_ratio - 1) * bad;
    else if (layout->kind == LAYOUT_FLAG && rule->effect_relative > 0)
        drop = rule->effect_relative * bad;
    out->tolerance = rule->tolerance >= 0 ? rule->tolerance : TOLERANCE_SHARE * drop;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* As a series' own threshold is set when it is armed (watch.c): the budget is shared by all series, rounded
 * up to a power of two, and paid per epoch with data, at twice the rate so far. */
static double gamma_of(const struct rule *rule, int64_t epoch_ms, double per_day, uint32_t series_max)
{
    double shared = 1, epochs = DAY_MS / (double)epoch_ms;
    while (shared < series_max)
        shared *= 2;
    double filled = epochs * -expm1(-per_day / epochs); /* of a day's epochs */
    double expected = fmin(2 * filled, epochs) * (double)rule->budget_period_ms / DAY_MS;
    return shared * fmax(expected, 1) / rule->budget_alarms;
}

static double days_to_change(const struct detector_class *sure, struct detector_rule rule, const struct series *series, double change)
{
    struct detector_explanation x;
    rule.tolerance = series->tolerance;
    if (rule.effect_ratio > 1)
        rule.effect_ratio = 1 + change;
    else
        rule.effect_relative = change;
    sure->explain(&rule, &series->baseline, 0, &x);
    return x.days_to_effect;
}

static double smallest_within(const struct detector_class *sure, const struct detector_rule *rule, const struct series *series, double days)
{
    double high = CHANGE_MIN, most = rule->layout.kind == LAYOUT_ORDINAL ? 0.75 : 0.9 / FAIL_RATE;
    while (high < most && !(days_to_change(sure, *rule, series, high) <= days))
        high *= CHANGE_STEP;
    if (high >= most)
        return NAN;
    double low = high / CHANGE_STEP;
    for (int i = 0; i < BISECTION_STEPS; i++) {
        double middle = sqrt(low * high);
        if (days_to_change(sure, *rule, series, middle) <= days)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* Does the baseline carry the rule? The detector says so when it is armed. */
static void ask_arm(const struct detector_class *sure, const struct detector_rule *rule, const struct series *series, struct rule_figures *out)
{
    void *state = memory_allocate(sure->state_bytes(&rule->layout));
    struct verdict verdict = {0};
    sure->arm(rule, state, &series->baseline, &verdict);
    out->thin = verdict.kind == VERDICT_INSUFFICIENT;
    out->achievable = out->thin ? fabs(verdict.achievable) : NAN;
    memory_free(state);
}

static struct rule_figures figures_of(const struct rule *rule, const struct command_operators *operators, const struct rule_check *check,
                                      double per_day, uint32_t series_max, struct series *series)
{
    struct rule_figures out = {.learning_days = NAN, .false_alarm_days = NAN, .bare_false_alarm_days = NAN, .days_to_effect = NAN,
                               .smallest = {NAN, NAN, NAN}, .achievable = NAN};
    struct detector_explanation x;
    struct detector_rule asked = {
        .layout = check->layout, .direction = rule->direction, .effect_relative = rule->effect_relative,
        .effect_ratio = rule->effect_ratio, .threshold = rule->threshold, .tolerance = rule->tolerance,
        .gamma = gamma_of(rule, check->epoch_ms, per_day, series_max), .effect_min_count = rule->effect_min_count,
        .epoch_ms = (uint32_t)check->epoch_ms,
    };
    make_series(rule, &check->layout, per_day, series);
    if (isnan(rule->threshold))
        out.learning_days = fmax((double)rule->baseline_window_ms / DAY_MS, rule->baseline_min_count / per_day);
    if (operators->big->explain != NULL) {
        operators->big->explain(&asked, &series->baseline, rule->window_ms, &x);
        out.bare_false_alarm_days = x.false_alarm_days;
    }
    out.false_alarm_days = out.bare_false_alarm_days;
    if (!rule->sure || operators->sure->explain == NULL)
        return out;
    operators->sure->explain(&asked, &series->baseline, rule->window_ms, &x);
    out.false_alarm_days = x.false_alarm_days;
    out.days_to_effect = x.days_to_effect;
    if (!isnan(rule->threshold))
        return out;
    ask_arm(operators->sure, &asked, series, &out);
    for (int h = 0; h < CHECK_HORIZONS; h++)
        out.smallest[h] = smallest_within(operators->sure, &asked, series, check_horizons[h]);
    return out;
}

bool check_rule(const struct rule *rule, const struct command_operators *operators, uint32_t series_max,
                struct rule_check *out, struct error *error)
{
    static const int64_t epoch_ms[2] = {[EPOCH_MINUTE] = 60000, [EPOCH_HOUR] = 3600000};
    const struct metric_spec *spec = find_metric(rule, operators);
    if (spec == NULL) {
        char there[300];
        list_metrics(operators, there, sizeof there);
        return error_set(error, ERROR_INPUT, "rule %s: nothing measures '%s'; there are: %s", rule->id, rule->metric, there);
    }
    for (uint32_t l = 0; l < rule->levels_count; l++)
        if (!check_level(rule, &rule->levels[l], spec->levels, error))
            return false;
    double pmf[LAYOUT_BINS_MAX];
    out->layout = spec->layout;
    out->epoch_ms = epoch_ms[spec->epoch];
    out->assumed = assume(&spec->layout, pmf);
    struct series series = {.pooled = memory_allocate_array(LAYOUT_BINS_MAX, sizeof *series.pooled),
                            .days = memory_allocate_array((size_t)BASELINE_DAYS_MAX * LAYOUT_BINS_MAX, sizeof *series.days)};
    for (int v = 0; v < CHECK_VOLUMES; v++)
        out->figures[v] = figures_of(rule, operators, out, check_volumes[v], series_max, &series);
    memory_free(series.pooled);
    memory_free(series.days);
    return true;
}
