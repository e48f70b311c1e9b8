/*
 * shift.c - the *sure* gate: has the distribution moved for the worse by more than the tolerance?
 *
 * A betting Shiryaev-Roberts e-detector (operators/math/betting.h) on badness histograms. The null of
 * each part of the state: its conditional mean stays at or below the baseline's upper limit plus the
 * tolerance (shift_arm.c). E is the weighted sum over all bets of all parts; under the null it passes
 * gamma at most once in gamma non-empty epochs on average.
 *
 * E is not reset when it passes gamma, because the alert waits for the effect gate too: the engine calls
 * `reverse` when it opens the alert. Until then E is kept at or below SATURATION gamma, by scaling all bets
 * down (which can only lose evidence), so that a change that goes away is forgotten within an hour or a
 * day and not after weeks.
 *
 * Reverse. After an alarm the null is turned round: "the mean badness is still at least b_r". It is
 * rejected with the same bets on 1 - y against 1 - b_r, and its alarm says: recovered. b_r is the larger of
 *   - halfway between the baseline's mean and the rule's effect, and
 *   - the geometric mean of the baseline's upper limit and the level seen since the onset of the alarm,
 * at a constant (SLO) rule the constant itself. The first keeps a series that is merely at the rule's
 * effect from ever resolving but at the false rate; the second lets a rate that went from 0.1 % to 30 %
 * and back resolve in hundreds of observations, where proof of "below 0.15 %" would take a hundred
 * thousand. A series still as bad as b_r resolves at most once in gamma_r epochs, gamma_r = 10 days of
 * epochs, at least 1,000, at most gamma; at the level of the alarm far more seldom.
 */
#include "operators/detect/detect.h"

#include "engine/base/check.h"
#include "operators/detect/shift_state.h"
#include "operators/math/baseline.h"

#include <math.h>

#define SATURATION        1000.0
#define REVERSE_MS        (10.0 * 86400000.0)
#define REVERSE_GAMMA_MIN 1000.0

static double reverse_gamma(const struct detector_rule *rule)
{
    double gamma = rule->epoch_ms > 0 ? REVERSE_MS / rule->epoch_ms : REVERSE_GAMMA_MIN;
    gamma = gamma > REVERSE_GAMMA_MIN ? gamma : REVERSE_GAMMA_MIN;
    return gamma < rule->gamma ? gamma : rule->gamma;
}

/* What the effect window shows, beside the baseline, in the metric's own unit. */
static void report_window(const struct detector_rule *rule, const struct shift_header *header,
                          const uint64_t *bins, struct verdict *out)
{
    const struct layout *layout = &rule->layout;
    double values[LAYOUT_BINS_MAX], badness;
    uint64_t counts[LAYOUT_BINS_MAX];
    uint32_t used = 0;
    for (uint32_t j = 0; j < layout->bins; j++) {
        if (bins[j] == 0 || !layout_badness(layout, (uint16_t)j, &badness))
            continue;
        values[used] = layout_value(layout, (uint16_t)j);
        counts[used++] = bins[j];
    }
    struct baseline_moments moments;
    baseline_moments(&(struct betting_sample){values, counts, used}, &moments);
    double low = layout_value(layout, 0),
           high = layout_value(layout, (uint16_t)(layout->bins - 1u));
    struct interval interval =
        layout->kind == LAYOUT_FLAG
            ? baseline_interval_rate(moments.mean * moments.count, moments.count)
            : baseline_interval_mean(&moments, low, high);
    out->observed = moments.mean;
    out->baseline = header->baseline_value;
    out->effect = header->baseline_value != 0.0 && moments.count > 0.0
                      ? moments.mean / header->baseline_value - 1.0
                      : 0.0;
    out->interval_low = interval.low;
    out->interval_high = interval.high;
    out->count = (uint64_t)moments.count;
}

static uint32_t stamp_of(struct shift_header *header, int64_t epoch_start_ms)
{
    if (header->start_ms == 0 || epoch_start_ms < header->start_ms)
        return 0;
    int64_t seconds = (epoch_start_ms - header->start_ms) / 1000;
    return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

/* One part's bets take in one epoch; returns the part's new wealth. */
static double step_part(const struct layout *layout, const struct shift_part *part,
                        struct shift_bet *bets, const struct shift_sample *sample, bool reversed,
                        double null_mean, uint32_t stamp)
{
    struct betting_grid grid;
    double wealth = 0.0, badness = 0.0;
    if (!reversed && (layout->kind == LAYOUT_FLAG || layout->kind == LAYOUT_LOG))
        betting_grid_flags(null_mean, &grid);
    else
        betting_grid_scores(null_mean, &grid);
    uint32_t count = reversed || grid.count < part->bets ? grid.count : part->bets;
    double weight = (reversed ? 1.0 : part->weight) / count;
    for (uint32_t j = 0; j < sample->sample.bins; j++)
        badness += (double)sample->counts[j] * sample->values[j];
    for (uint32_t k = 0; k < count; k++) {
        struct shift_bet *bet = &bets[k];
        double eta = reversed ? 1.0 : (double)bet->temper / SHIFT_TEMPER_ONE;
        double growth = eta * betting_log_growth(grid.lambda[k], null_mean, &sample->sample);
        struct betting_walk walk = {bet->height, bet->count, bet->badness, bet->since};
        betting_walk_step(&walk, growth, stamp, (double)sample->total, badness);
        bet->height = walk.height;
        bet->count = walk.count;
        bet->badness = walk.badness;
        bet->since = walk.since;
        bet->wealth = betting_step(bet->wealth, weight, growth);
        wealth += bet->wealth;
    }
    return wealth;
}

/* The bet with the most wealth, first on a tie. */
static uint32_t leading_bet(const struct shift_view *view)
{
    uint32_t leader = 0;
    for (uint32_t i = 0; i < view->header->parts; i++) {
        for (uint32_t k = 0; k < view->parts[i].bets; k++) {
            uint32_t at = i * view->bets_max + k;
            if (view->bets[at].wealth > view->bets[leader].wealth)
                leader = at;
        }
    }
    return leader;
}

static double total_wealth(const struct shift_view *view)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < view->parts_max * view->bets_max; i++)
        sum += view->bets[i].wealth;
    return sum;
}

/* The onset is that of the leading bet of all; the mean since then is only known to bets on the mean, so it
 * is that since the onset of the leading one among these. */
static void report_onset(const struct detector_rule *rule, const struct shift_view *view,
                         struct verdict *out)
{
    const struct shift_bet *leader = &view->bets[leading_bet(view)], *mean_leader = NULL;
    const struct shift_header *header = view->header;
    bool reversed = (header->flags & SHIFT_REVERSED) != 0;
    uint32_t mean_part = reversed ? header->reverse_part : 0;
    if (header->start_ms == 0 || !(leader->height > 0.0))
        return;
    out->onset_ms = header->start_ms + (int64_t)leader->since * 1000;
    if (view->parts[mean_part].kind != PART_MEAN)
        return;
    for (uint32_t k = 0; k < view->parts[mean_part].bets; k++) {
        const struct shift_bet *bet = &view->bets[mean_part * view->bets_max + k];
        if (bet->height > 0.0 && bet->count > 0.0f &&
            (mean_leader == NULL || bet->wealth > mean_leader->wealth))
            mean_leader = bet;
    }
    if (mean_leader != NULL) {
        double mean = (double)mean_leader->badness / (double)mean_leader->count;
        out->since_onset =
            shift_own_unit(&rule->layout, rule->direction, reversed ? 1.0 - mean : mean);
    }
}

/* The epoch goes into every part's bets; returns E. */
static double take_epoch(const struct detector_rule *rule, struct shift_view *view,
                         const struct detector_epoch *epoch, double gate, bool *empty)
{
    struct shift_sample sample;
    struct shift_header *header = view->header;
    bool reversed = (header->flags & SHIFT_REVERSED) != 0;
    if (header->start_ms == 0 && epoch->start_ms > 0 && epoch->start_ms <= INT64_C(1) << 53)
        header->start_ms = epoch->start_ms;
    uint32_t first = reversed ? header->reverse_part : 0,
             last = reversed ? first + 1u : header->parts;
    uint32_t stamp = stamp_of(header, epoch->start_ms);
    *empty = true;
    for (uint32_t i = first; i < last; i++) {
        struct shift_part *part = &view->parts[i];
        shift_part_sample(&rule->layout, rule->direction, part->kind, part->cut, epoch->bins,
                          &sample);
        if (sample.total == 0)
            continue;
        *empty = false;
        if (reversed) {
            for (uint32_t j = 0; j < sample.sample.bins; j++)
                sample.values[j] = 1.0 - sample.values[j];
        }
        double null_mean =
            betting_clamp_null(reversed ? 1.0 - header->reverse_null : part->null_mean);
        step_part(&rule->layout, part, view->bets + i * view->bets_max, &sample, reversed,
                  null_mean, stamp);
    }
    double evidence = total_wealth(view), most = SATURATION * gate;
    if (evidence > most) {
        for (uint32_t i = 0; i < view->parts_max * view->bets_max; i++)
            view->bets[i].wealth *= most / evidence;
        evidence = most;
    }
    return evidence;
}

static void shift_close_epoch(const struct detector_rule *rule, void *state,
                              const struct detector_epoch *epoch, struct verdict *out)
{
    struct shift_view view = shift_view_of(&rule->layout, state);
    struct shift_header *header = view.header;
    bool reversed = (header->flags & SHIFT_REVERSED) != 0, empty;
    double gate = reversed ? reverse_gamma(rule) : rule->gamma;
    *out = (struct verdict){.kind = VERDICT_INSUFFICIENT,
                            .threshold = gate,
                            .needed = header->needed,
                            .achievable = header->achievable != 0.0 ? header->achievable : NAN,
                            .since_onset = NAN,
                            .ticket_only = (header->flags & SHIFT_TICKET_ONLY) != 0};
    report_window(rule, header, epoch->window_bins, out);
    if ((header->flags & SHIFT_ARMED) == 0)
        return;
    double before = total_wealth(&view);
    out->evidence = take_epoch(rule, &view, epoch, gate, &empty);
    if (!empty && !reversed && out->evidence > 0.0)
        out->log_increment = log(out->evidence / (before + 1.0));
    report_onset(rule, &view, out);
    if (out->evidence >= gate)
        out->kind = VERDICT_BREACHED;
    else if (reversed || (header->flags & SHIFT_THIN) == 0)
        out->kind = VERDICT_OK;
}

/* Level since the onset, in the part that the reverse detector will watch. */
static void set_reverse_null(struct shift_view *view)
{
    struct shift_header *header = view->header;
    uint32_t leader = leading_bet(view);
    header->reverse_part =
        (uint16_t)(view->parts[0].kind == PART_MEAN ? 0 : leader / view->bets_max);
    const struct shift_part *part = &view->parts[header->reverse_part];
    const struct shift_bet *bets = view->bets + header->reverse_part * view->bets_max, *best = bets;
    for (uint32_t k = 1; k < part->bets; k++)
        best = bets[k].wealth > best->wealth ? &bets[k] : best;
    double level =
        best->count > 0.0f ? (double)best->badness / (double)best->count : part->null_mean;
    level = level > part->null_mean ? level : part->null_mean;
    double between = sqrt(part->limit * (level < 1.0 ? level : 1.0));
    header->reverse_null = part->resolve_mean > between ? part->resolve_mean : between;
    if ((header->flags & SHIFT_CONSTANT) != 0)
        header->reverse_null = part->null_mean;
    header->reverse_null = betting_clamp_null(header->reverse_null);
}

static void shift_reverse(const struct detector_rule *rule, void *state)
{
    struct shift_view view = shift_view_of(&rule->layout, state);
    if ((view.header->flags & SHIFT_ARMED) == 0)
        return;
    if ((view.header->flags & SHIFT_REVERSED) == 0)
        set_reverse_null(&view);
    view.header->flags ^= SHIFT_REVERSED;
    view.header->start_ms = 0;
    for (uint32_t i = 0; i < view.parts_max * view.bets_max; i++) {
        uint16_t temper = view.bets[i].temper;
        view.bets[i] = (struct shift_bet){.temper = temper};
    }
}

const struct detector_class operator_shift = {
    .name = "shift",
    .summary =
        "Sure that a series is worse than its baseline: betting Shiryaev-Roberts e-detector.",
    .state_version = SHIFT_VERSION,
    .state_bytes = shift_state_bytes,
    .arm = shift_arm,
    .close_epoch = shift_close_epoch,
    .reverse = shift_reverse,
    .valid = shift_state_valid,
    .explain = shift_explain,
};
