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
#include "operators/detect/shift_state.h"

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

/* Mean of the metric's own unit over the bins that count. */
static double own_mean(const struct layout *layout, const uint64_t *bins)
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
        double by_ratio = rule->direction == DIRECTION_WORSE ? rate * (ratio - 1.0) : rate * (1.0 - 1.0 / ratio);
        distance = distance > by_ratio ? distance : by_ratio;
    }
    return distance;
}

/* The rule's effect as a rise of the mean part, in badness of the rule's direction. */
static double mean_drop(const struct detector_rule *rule, const struct freeze *freeze, double own)
{
    const struct layout *layout = &rule->layout;
    double mean = freeze->moments.mean, rate = rule->direction == DIRECTION_WORSE ? mean : 1.0 - mean, drop;
    if (rule->direction == DIRECTION_WORSE && !(rate > 0.0))
        rate = freeze->limit; /* nothing bad seen yet: ratios start from the upper limit */
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
static double stretch_drop(const struct detector_rule *rule, const struct shift_part *part, const uint64_t *bins)
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
static double tilt_drop(const struct shift_part *part, const struct shift_sample *mean_sample, double drop)
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

/* Largest cut on the good side of the baseline's p quantile from the bad end. */
static uint16_t quantile_cut(const struct layout *layout, enum direction direction, const uint64_t *bins, double p)
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
static void plan_parts(const struct detector_rule *rule, const uint64_t *bins, struct shift_view *view)
{
    static const double quantile_shares[SHIFT_QUANTILES] = {0.5, 0.05, 0.01};
    const struct layout *layout = &rule->layout;
    bool worse = rule->direction == DIRECTION_WORSE, category = layout->kind == LAYOUT_CATEGORY;
    uint32_t first = category || layout->kind == LAYOUT_LOG ? 0 : 1, shares = view->parts_max - first;
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
    struct freeze mean = {.drop = NAN}, freeze;
    const struct layout *layout = &rule->layout;
    plan_parts(rule, baseline->bins, view);
    shift_part_sample(layout, rule->direction, PART_MEAN, 0, baseline->bins, &mean_sample);
    view->header->baseline_value = own_mean(layout, baseline->bins);
    double epochs = rule->epoch_ms > 0 ? (double)(baseline->end_ms - baseline->start_ms) / rule->epoch_ms : 0.0;
    for (uint32_t i = 0; i < view->header->parts; i++) {
        struct shift_part *part = &view->parts[i];
        shift_part_sample(layout, rule->direction, part->kind, part->cut, baseline->bins, &sample);
        baseline_moments(&sample.sample, &freeze.moments);
        part_days(rule, baseline, part, &room, &freeze.days);
        freeze.limit = baseline_upper_mean(&sample.sample, 1.0 - LIMIT_ERROR * part->weight);
        if (part->kind == PART_MEAN) {
            freeze.drop = mean_drop(rule, &freeze, view->header->baseline_value);
            mean = freeze;
        } else if (layout->kind == LAYOUT_ORDINAL) {
            freeze.drop = tilt_drop(part, &mean_sample, mean.drop);
        } else if (layout->kind == LAYOUT_CATEGORY) {
            freeze.drop = rule_distance(rule, freeze.moments.mean, fmax(freeze.moments.mean, freeze.limit));
        } else {
            freeze.drop = stretch_drop(rule, part, baseline->bins);
        }
        set_tolerance(rule, mean.drop, &freeze);
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
