/*
 * shift_arm.c - freezing a baseline into the nulls, grids and weights of the shift detector.
 *
 * Per part: b0 = upper limit + tolerance. The limits hold together with 99 % confidence: a part with
 * weight w gets 1 % times w. The rule's effect becomes a drop of the mean badness, and for each other part
 * the change it implies there (an exponential tilt for scores, a stretched axis for latency and cost), so
 * the tolerance rule of DESIGN §7 (a fifth of the drop, raised to 4 × the upper 90 % limit of the
 * between-day sd net of sampling noise, capped at half the drop) applies to each part in its own scale.
 * What the capped tolerance leaves uncovered is tempered, bet by bet (betting_temper), for a between-day sd
 * that is the upper limit again, and never below an eighth of the drop: two weeks of a wandering mean can
 * look calm by chance, and at high volume that alone let one series in four alarm within a year
 * (bench/statistics.c: 33 false alarms in 120 series-years at 100,000 a day without this floor, 0 with it,
 * and the delay at 1,000 a day unchanged).
 *
 * The baseline supports the rule when its drop is expected to show within as many observations as the
 * baseline has (statistics §2.4: a baseline of m stretches a delay D by about 1/(1 - D/m)).
 */
#include "operators/detect/shift_plan.h"

#include "engine/base/check.h"
#include "operators/math/baseline.h"
#include "operators/math/power.h"

#include <math.h>

#define LIMIT_ERROR 0.01
#define TOLERANCE_SHARE 0.2
#define TOLERANCE_CAP 0.5
#define TOLERANCE_SD 4.0
#define TEMPER_DAYS_MIN 5   /* with fewer, the between-day sd is not an estimate */
#define TEMPER_FLOOR 0.125  /* of the drop: the largest tolerance covers 4 sd of this size */
#define SUPPORT_STEPS 200

/* One part while it is being frozen. */
struct freeze {
    struct baseline_moments moments;
    struct baseline_days days;
    double limit, drop; /* drop NaN: the rule states no effect */
    double tolerance;
    bool capped; /* the cap left less than 4 sd */
};

static void part_days(const struct detector_rule *rule, const struct baseline *baseline, const struct shift_part *part,
                      struct shift_sample *room, struct baseline_days *out)
{
    struct baseline_day days[BASELINE_DAYS_MAX];
    uint32_t used = 0;
    for (uint32_t d = 0; d < baseline->days && d < BASELINE_DAYS_MAX; d++) {
        struct baseline_day day = {0};
        shift_part_sample(&rule->layout, rule->direction, part->kind, part->cut, baseline->day_bins[d], room);
        for (uint32_t j = 0; j < room->sample.bins; j++) {
            double count = (double)room->counts[j], y = room->values[j];
            day.count += count;
            day.sum += count * y;
            day.squares += count * y * y;
        }
        days[used++] = day;
    }
    baseline_days(days, used, out);
}

static void set_tolerance(const struct detector_rule *rule, double rule_drop, struct freeze *freeze)
{
    double wobble = TOLERANCE_SD * freeze->days.sd_upper;
    if (rule->tolerance >= 0.0) {
        bool scaled = freeze->drop > 0.0 && rule_drop > 0.0;
        freeze->tolerance = scaled ? rule->tolerance * freeze->drop / rule_drop : rule->tolerance;
        freeze->capped = false;
        return;
    }
    if (isnan(freeze->drop)) {
        freeze->tolerance = isfinite(wobble) ? wobble : 0.0;
        freeze->capped = !isfinite(wobble);
        return;
    }
    double tolerance = fmax(TOLERANCE_SHARE * freeze->drop, wobble), cap = TOLERANCE_CAP * freeze->drop;
    freeze->capped = wobble > cap;
    freeze->tolerance = tolerance < cap ? tolerance : cap;
}

/* Null, resolve level, grid and tempering of one part. */
static void freeze_part(const struct detector_rule *rule, const struct freeze *freeze, const struct shift_sample *sample,
                        struct shift_part *part, struct shift_bet *bets)
{
    struct betting_grid grid;
    part->limit = freeze->limit;
    part->null_mean = betting_clamp_null(freeze->limit + freeze->tolerance);
    double resolve = isnan(freeze->drop) ? part->null_mean : freeze->moments.mean + 0.5 * freeze->drop;
    part->resolve_mean = resolve < 1.0 ? resolve : 1.0;
    if (rule->layout.kind == LAYOUT_FLAG || rule->layout.kind == LAYOUT_LOG)
        betting_grid_flags(part->null_mean, &grid);
    else
        betting_grid_scores(part->null_mean, &grid);
    part->bets = (uint8_t)grid.count;
    double sd = freeze->days.days >= TEMPER_DAYS_MIN ? freeze->days.sd_upper : 0.0;
    double least = freeze->drop > 0.0 ? TEMPER_FLOOR * freeze->drop : 0.0;
    sd = sd > least ? sd : least;
    for (uint32_t k = 0; k < grid.count; k++) {
        double eta = sample == NULL ? 1.0
                                    : betting_temper(grid.lambda[k], part->null_mean, &sample->sample, sd,
                                                     freeze->days.per_day);
        bets[k].temper = (uint16_t)(eta * SHIFT_TEMPER_ONE);
    }
}

/* Expected observations until `drop` shows in one part, with the baseline's margin at `margin`. */
static double part_delay(const struct detector_rule *rule, const struct shift_part *part, const struct freeze *freeze,
                         const struct shift_sample *sample, double margin, double drop, double per_epoch)
{
    double null_mean = freeze->moments.mean + margin + freeze->tolerance;
    double share = freeze->moments.mean + drop;
    const double values[2] = {0.0, 1.0}, pmf[2] = {1.0 - share, share};
    double growth;
    if (part->kind == PART_MEAN && sample->sample.bins > 2) {
        double base[LAYOUT_BINS_MAX], tilted[LAYOUT_BINS_MAX];
        power_smooth(&sample->sample, base);
        power_tilt(sample->values, base, sample->sample.bins, share, tilted);
        growth = power_growth(sample->values, tilted, sample->sample.bins, null_mean);
    } else {
        growth = share < 1.0 ? power_growth(values, pmf, 2, null_mean) : 0.0;
    }
    return power_delay(growth, rule->gamma / part->weight, per_epoch);
}

/* Fills needed and achievable when the part cannot show its drop within the baseline's own length. */
static void check_support(const struct detector_rule *rule, const struct shift_part *part, const struct freeze *freeze,
                          const struct shift_sample *sample, double per_epoch, struct shift_header *header)
{
    double count = freeze->moments.count, margin = freeze->limit - freeze->moments.mean;
    double room = 0.999 - freeze->moments.mean, low = 1.0, high = room / freeze->drop;
    if (isnan(freeze->drop) || part_delay(rule, part, freeze, sample, margin, freeze->drop, per_epoch) <= count) {
        header->needed = 0.0;
        header->achievable = 0.0;
        return;
    }
    double longer = count;
    for (int i = 0; i < SUPPORT_STEPS && longer < 1e15; i++) {
        longer *= 1.25;
        if (part_delay(rule, part, freeze, sample, margin * sqrt(count / longer), freeze->drop, per_epoch) <= longer)
            break;
    }
    for (int i = 0; i < 30 && low < high; i++) {
        double factor = (low + high) / 2;
        if (part_delay(rule, part, freeze, sample, margin, factor * freeze->drop, per_epoch) <= count)
            high = factor;
        else
            low = factor;
    }
    double effect = rule->effect_relative > 0.0 ? rule->effect_relative : rule->effect_ratio - 1.0;
    bool falls = (rule->layout.kind == LAYOUT_ORDINAL) == (rule->direction == DIRECTION_WORSE);
    if (header->needed > 0.0 && header->needed <= longer) /* another part does better */
        return;
    header->needed = longer;
    header->achievable = (falls ? -1.0 : 1.0) * effect * high;
}

static void arm_constant(const struct detector_rule *rule, struct shift_view *view)
{
    bool worse = rule->direction == DIRECTION_WORSE;
    double limit = worse ? rule->threshold : 1.0 - rule->threshold;
    struct freeze freeze = {.limit = limit < 0.0 ? 0.0 : limit > 1.0 ? 1.0 : limit, .drop = NAN,
                            .tolerance = rule->tolerance >= 0.0 ? rule->tolerance : 0.0};
    view->header->parts = 1;
    view->header->flags = SHIFT_ARMED | SHIFT_CONSTANT;
    view->header->baseline_value = shift_own_unit(&rule->layout, DIRECTION_WORSE, rule->threshold);
    view->parts[0] = (struct shift_part){.kind = PART_MEAN, .weight = 1.0};
    freeze_part(rule, &freeze, NULL, &view->parts[0], view->bets);
}

static void arm_baseline(const struct detector_rule *rule, struct shift_view *view, const struct baseline *baseline)
{
    struct shift_sample mean_sample, sample, room;
    struct freeze freeze;
    double mean_drop = NAN;
    const struct layout *layout = &rule->layout;
    shift_plan_parts(rule, baseline->bins, view);
    shift_part_sample(layout, rule->direction, PART_MEAN, 0, baseline->bins, &mean_sample);
    view->header->baseline_value = shift_own_mean(layout, baseline->bins);
    double epochs = rule->epoch_ms > 0 ? (double)(baseline->end_ms - baseline->start_ms) / rule->epoch_ms : 0.0;
    for (uint32_t i = 0; i < view->header->parts; i++) {
        struct shift_part *part = &view->parts[i];
        shift_part_sample(layout, rule->direction, part->kind, part->cut, baseline->bins, &sample);
        baseline_moments(&sample.sample, &freeze.moments);
        part_days(rule, baseline, part, &room, &freeze.days);
        freeze.limit = baseline_upper_mean(&sample.sample, 1.0 - LIMIT_ERROR * part->weight);
        if (part->kind == PART_MEAN)
            mean_drop = freeze.drop =
                shift_mean_drop(rule, freeze.moments.mean, freeze.limit, view->header->baseline_value);
        else
            freeze.drop = shift_part_drop(rule, part, baseline->bins, &mean_sample, mean_drop, freeze.moments.mean,
                                          freeze.limit);
        set_tolerance(rule, mean_drop, &freeze);
        freeze_part(rule, &freeze, &sample, part, view->bets + i * view->bets_max);
        if (i == 0 || layout->kind == LAYOUT_LOG)
            check_support(rule, part, &freeze, &sample, epochs > 0.0 ? freeze.moments.count / epochs : 1.0,
                          view->header);
        if (i == 0 && freeze.capped)
            view->header->flags |= SHIFT_TICKET_ONLY;
        view->header->baseline_count = freeze.moments.count;
    }
    view->header->flags |= SHIFT_ARMED;
    if (view->header->needed > 0.0)
        view->header->flags |= SHIFT_THIN;
}

void shift_arm(const struct detector_rule *rule, void *state, const struct baseline *baseline, struct verdict *out)
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
        if (layout_badness(&rule->layout, (uint16_t)j, &badness) || rule->layout.kind == LAYOUT_CATEGORY)
            total += baseline->bins[j];
    }
    if (!isnan(rule->threshold))
        arm_constant(rule, &view);
    else if (total > 0)
        arm_baseline(rule, &view, baseline);
    else
        header->needed = rule->effect_min_count > 0 ? rule->effect_min_count : 1.0;
    *out = (struct verdict){
        .kind = (header->flags & (SHIFT_ARMED | SHIFT_THIN)) == SHIFT_ARMED ? VERDICT_OK : VERDICT_INSUFFICIENT,
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
