/*
 * shift_freeze.c - what a frozen baseline says in one part: limit, drop, tolerance, grid, tempering.
 *
 * b0 = upper limit + tolerance. The limits of all parts hold together with 99 % confidence: a part with
 * weight w gets 1 % times w. The rule's effect becomes a drop of the mean badness, and for each other part
 * the change it implies there (an exponential tilt for scores, a stretched axis for latency and cost), so
 * the tolerance rule of DESIGN §7 (a fifth of the drop, raised to 4 × the upper 90 % limit of the
 * between-day sd net of sampling noise, capped at half the drop) applies to each part in its own scale.
 *
 * What the capped tolerance leaves uncovered is tempered, bet by bet (betting_temper), for a between-day sd
 * that is the upper limit again, and never below an eighth of the drop: two weeks of a wandering mean can
 * look calm by chance, and at high volume that alone let one series in four alarm within a year
 * (bench/statistics.c: 33 false alarms in 120 series-years at 100,000 a day without this floor, 0 with it,
 * and the delay at 1,000 a day unchanged).
 */
#include "operators/detect/shift_freeze.h"

#include "operators/detect/shift_plan.h"
#include "operators/math/power.h"

#include <math.h>

#define LIMIT_ERROR     0.01
#define TOLERANCE_SHARE 0.2
#define TOLERANCE_CAP   0.5
#define TOLERANCE_SD    4.0
#define TEMPER_DAYS_MIN 5     /* with fewer, the between-day sd is not an estimate */
#define TEMPER_FLOOR    0.125 /* of the drop: the largest tolerance covers 4 sd of this size */

static void part_days(const struct detector_rule *rule, const struct baseline *baseline,
                      const struct shift_part *part, struct shift_sample *room,
                      struct baseline_days *out)
{
    struct baseline_day days[BASELINE_DAYS_MAX];
    uint32_t used = 0;
    for (uint32_t d = 0; d < baseline->days && d < BASELINE_DAYS_MAX; d++) {
        struct baseline_day day = {0};
        shift_part_sample(&rule->layout, rule->direction, part->kind, part->cut,
                          baseline->day_bins[d], room);
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

static void set_tolerance(const struct detector_rule *rule, double rule_drop,
                          struct shift_freeze *freeze)
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
    double tolerance = fmax(TOLERANCE_SHARE * freeze->drop, wobble),
           cap = TOLERANCE_CAP * freeze->drop;
    freeze->capped = wobble > cap;
    freeze->tolerance = tolerance < cap ? tolerance : cap;
}

void shift_freeze_part(const struct detector_rule *rule, const struct baseline *baseline,
                       const struct shift_part *part, struct shift_freeze *out)
{
    struct shift_sample mean_sample, room;
    struct baseline_moments moments;
    const struct layout *layout = &rule->layout;
    double own = shift_own_mean(layout, baseline->bins);
    shift_part_sample(layout, rule->direction, part->kind, part->cut, baseline->bins, &out->sample);
    baseline_moments(&out->sample.sample, &out->moments);
    part_days(rule, baseline, part, &room, &out->days);
    out->limit = baseline_upper_mean(&out->sample.sample, 1.0 - LIMIT_ERROR * part->weight);
    if (part->kind == PART_MEAN) {
        out->drop = out->rule_drop = shift_mean_drop(rule, out->moments.mean, out->limit, own);
    } else {
        shift_part_sample(layout, rule->direction, PART_MEAN, 0, baseline->bins, &mean_sample);
        baseline_moments(&mean_sample.sample, &moments);
        out->rule_drop =
            moments.count > 0.0 ? shift_mean_drop(rule, moments.mean, moments.mean, own) : NAN;
        out->drop = shift_part_drop(rule, part, baseline->bins, &mean_sample, out->rule_drop,
                                    out->moments.mean, out->limit);
    }
    set_tolerance(rule, out->rule_drop, out);
    double epochs =
        rule->epoch_ms > 0 ? (double)(baseline->end_ms - baseline->start_ms) / rule->epoch_ms : 0.0;
    out->per_epoch = epochs > 0.0 ? out->moments.count / epochs : 1.0;
}

void shift_freeze_constant(const struct detector_rule *rule, struct shift_freeze *out)
{
    double limit = rule->direction == DIRECTION_WORSE ? rule->threshold : 1.0 - rule->threshold;
    out->sample.sample.bins = 0;
    out->sample.total = 0;
    out->moments = (struct baseline_moments){0};
    out->days = (struct baseline_days){0};
    out->limit = limit < 0.0 ? 0.0 : limit > 1.0 ? 1.0 : limit;
    out->drop = out->rule_drop = NAN;
    out->tolerance = rule->tolerance >= 0.0 ? rule->tolerance : 0.0;
    out->per_epoch = 1.0;
    out->capped = false;
}

void shift_place_bets(const struct detector_rule *rule, const struct shift_freeze *freeze,
                      struct shift_part *part, struct shift_bet *bets)
{
    struct betting_grid grid;
    part->limit = freeze->limit;
    part->null_mean = betting_clamp_null(freeze->limit + freeze->tolerance);
    double resolve =
        isnan(freeze->drop) ? part->null_mean : freeze->moments.mean + 0.5 * freeze->drop;
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
        double eta = betting_temper(grid.lambda[k], part->null_mean, &freeze->sample.sample, sd,
                                    freeze->days.per_day);
        bets[k].temper = (uint16_t)(eta * SHIFT_TEMPER_ONE);
    }
}

double shift_part_delay(const struct detector_rule *rule, const struct shift_part *part,
                        const struct shift_freeze *freeze, double margin, double drop)
{
    double null_mean = freeze->moments.mean + margin + freeze->tolerance;
    double share = freeze->moments.mean + drop;
    const double values[2] = {0.0, 1.0}, pmf[2] = {1.0 - share, share};
    const struct betting_sample *sample = &freeze->sample.sample;
    double growth;
    if (part->kind == PART_MEAN && sample->bins > 2) {
        double base[LAYOUT_BINS_MAX], tilted[LAYOUT_BINS_MAX];
        power_smooth(sample, base);
        power_tilt(sample->values, base, sample->bins, share, tilted);
        growth = power_growth(sample->values, tilted, sample->bins, null_mean);
    } else {
        growth = share < 1.0 ? power_growth(values, pmf, 2, null_mean) : 0.0;
    }
    return power_delay(growth, rule->gamma / part->weight, freeze->per_epoch);
}
