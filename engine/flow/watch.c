/*
 * watch.c - one closed epoch of one watched series: learn, watch, open, update, resolve.
 *
 * A series is watched from its first epoch; its detector starts when the baseline can carry the rule.
 * While an alert is open the reverse detector runs, and its alarm resolves.
 */
#include "engine/flow/watch.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/flow/back_internal.h"
#include "engine/flow/exemplar.h"

#include <math.h>

#define DAY_MS ((int64_t)86400000)
#define UPDATE_EVERY_MS ((int64_t)3600000)
#define RETRY_EVERY_MS DAY_MS
#define EVIDENCE_QUIET 10.0 /* DESIGN §7: baselines are not re-frozen while E >= 10 */

struct series {
    struct back *back;
    struct cell *cell;
    const struct metric *metric;
    const struct rule *rule;
    const struct detector_epoch *epoch;
    struct store_key key;
    struct watch *watch;
    void *sure_state, *big_state;
};

static uint32_t round8(uint32_t size) { return (size + 7) & ~(uint32_t)7; }

static uint64_t rule_hash(const struct rule *rule) { return hash_bytes(bytes_from_text(rule->id), 0x72756c65); }

static struct detector_rule detector_rule_of(const struct series *s)
{
    return (struct detector_rule){
        .layout = s->metric->layout,
        .direction = s->rule->direction,
        .effect_relative = s->rule->effect_relative,
        .effect_ratio = s->rule->effect_ratio,
        .threshold = s->rule->threshold,
        .tolerance = s->rule->tolerance,
        .gamma = s->watch->gamma,
        .effect_min_count = s->rule->effect_min_count,
        .epoch_ms = (uint32_t)epoch_ms_of[s->metric->epoch],
    };
}

/* ---- finding and making the state -------------------------------------------------------------------- */

static bool state_fits(const struct series *s, const uint8_t *data, size_t size)
{
    struct watch header;
    if (size < sizeof header)
        return false;
    memcpy(&header, data, sizeof header);
    const struct back_options *o = &s->back->options;
    const uint8_t *sure = data + sizeof header;
    return header.version == WATCH_VERSION && header.phase <= WATCH_ALERTING &&
           header.sure_bytes == o->sure->state_bytes(&s->metric->layout) &&
           header.big_bytes == o->big->state_bytes(&s->metric->layout) &&
           size == sizeof header + round8(header.sure_bytes) + round8(header.big_bytes) &&
           (header.phase == WATCH_LEARNING ||
            (o->sure->valid(&s->metric->layout, sure, header.sure_bytes) &&
             o->big->valid(&s->metric->layout, sure + round8(header.sure_bytes), header.big_bytes)));
}

static void point_into(struct series *s, uint8_t *data)
{
    s->watch = (struct watch *)(void *)data;
    s->sure_state = data + sizeof(struct watch);
    s->big_state = data + sizeof(struct watch) + round8(s->watch->sure_bytes);
}

/* The series' state for changing; made when new or when its bytes cannot be read by this version. */
static void open_series(struct series *s)
{
    size_t size = 0;
    s->key = cell_key(s->cell, KIND_WATCH, (uint32_t)hash_combine(rule_hash(s->rule), s->metric->id));
    uint8_t *data = store_edit(s->back->store, &s->key, &size);
    if (data == NULL || !state_fits(s, data, size)) {
        uint64_t fresh[WATCH_STATE_MAX / 8] = {0};
        struct watch *watch = (struct watch *)(void *)fresh;
        watch->version = WATCH_VERSION;
        watch->metric_id = s->metric->id;
        watch->rule_hash = rule_hash(s->rule);
        watch->first_ms = s->epoch->end_ms;
        watch->sure_bytes = s->back->options.sure->state_bytes(&s->metric->layout);
        watch->big_bytes = s->back->options.big->state_bytes(&s->metric->layout);
        size = sizeof *watch + round8(watch->sure_bytes) + round8(watch->big_bytes);
        CHECK(size <= sizeof fresh);
        store_write(s->back->store, &s->key, bytes_of(fresh, size));
        data = store_edit(s->back->store, &s->key, &size);
    }
    point_into(s, data);
}

/* ---- learning ---------------------------------------------------------------------------------------- */

/* gamma: the budget is shared by all watched series and paid per non-empty epoch (DESIGN §7): series,
 * rounded up to a power of two, times the epochs expected in a period at twice the rate so far. */
static double gamma_of(const struct series *s)
{
    uint64_t shared = 1;
    while (shared < s->back->options.series_max)
        shared *= 2;
    double epoch_ms = (double)epoch_ms_of[s->metric->epoch];
    double elapsed_ms = (double)(s->watch->last_ms - s->watch->first_ms) + epoch_ms;
    double rate = 2.0 * (double)s->watch->epochs / elapsed_ms;
    double expected = fmin(rate, 1.0 / epoch_ms) * (double)s->rule->budget_period_ms;
    return (double)shared * fmax(expected, 1.0) / s->rule->budget_alarms;
}

static uint32_t collect_exemplars(const struct series *s, uint8_t side, uint8_t out[][16], uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < 2 && count < max; slot++) {
        struct store_key key = cell_key(s->cell, KIND_EXEMPLARS, slot);
        struct bytes stored = store_get(s->back->store, &key);
        struct reader reader = reader_of(stored);
        if (!bytes_present(stored))
            continue;
        (void)reader_zigzag(&reader);
        count += exemplar_collect(bytes_of(reader.at, reader_left(&reader)), s->metric->id, side, out + count, max - count);
    }
    return count;
}

/* Counts of the baseline window per day, into the back's scratch; how many days have data. */
static uint32_t collect_days(const struct series *s, int64_t start_ms, uint64_t *pooled, uint64_t *days, const uint64_t **day_bins)
{
    uint16_t bins = s->metric->layout.bins;
    int64_t last = s->epoch->end_ms / DAY_MS;
    int64_t first = start_ms / DAY_MS;
    if (last - first >= BASELINE_DAYS_MAX)
        first = last - BASELINE_DAYS_MAX + 1;
    uint32_t count = 0;
    for (int64_t day = first; day <= last; day++) {
        uint64_t *into = days + (size_t)count * bins;
        memset(into, 0, bins * sizeof *into);
        if (!back_day(s->back, s->cell, s->metric, day, into))
            continue;
        for (uint16_t b = 0; b < bins; b++)
            pooled[b] += into[b];
        day_bins[count++] = into;
    }
    return count;
}

static uint64_t counted(const struct layout *layout, const uint64_t *bins)
{
    uint64_t total = 0;
    double badness;
    for (uint16_t b = 0; b < layout->bins; b++)
        if (layout_badness(layout, b, &badness))
            total += bins[b];
    return total;
}

/* Freezes the baseline when the window is over and holds enough; else says how much is missing. */
static void try_to_arm(struct series *s)
{
    struct watch *w = s->watch;
    uint64_t pooled[LAYOUT_BINS_MAX] = {0};
    const uint64_t *day_bins[BASELINE_DAYS_MAX];
    size_t bytes = (size_t)BASELINE_DAYS_MAX * s->metric->layout.bins * sizeof(uint64_t);
    buffer_clear(&s->back->scratch[2]);
    uint64_t *days = (uint64_t *)(void *)buffer_reserve(&s->back->scratch[2], bytes);
    CHECK(days != NULL);
    struct baseline baseline = {.start_ms = s->epoch->end_ms - s->rule->baseline_window_ms,
                                .end_ms = s->epoch->end_ms, .bins = pooled, .day_bins = day_bins};
    if (w->thin && w->first_ms < baseline.start_ms)
        baseline.start_ms = w->first_ms; /* all there is: the rule's window was too short */
    baseline.days = collect_days(s, baseline.start_ms, pooled, days, day_bins);
    w->next_try_ms = s->epoch->end_ms + RETRY_EVERY_MS;
    uint64_t count = counted(&s->metric->layout, pooled);
    if (count < s->rule->baseline_min_count) {
        w->verdict = (struct verdict){.kind = VERDICT_INSUFFICIENT, .count = count, .needed = s->rule->baseline_min_count};
        return;
    }
    w->gamma = gamma_of(s);
    struct detector_rule rule = detector_rule_of(s);
    memset(s->sure_state, 0, w->sure_bytes);
    memset(s->big_state, 0, w->big_bytes);
    struct verdict sure = {0}, big = {0};
    s->back->options.sure->arm(&rule, s->sure_state, &baseline, &sure);
    s->back->options.big->arm(&rule, s->big_state, &baseline, &big);
    if (big.kind == VERDICT_INSUFFICIENT) {
        w->verdict = big;
        return;
    }
    w->phase = WATCH_WATCHING;
    w->sure = 0;
    w->thin = sure.kind == VERDICT_INSUFFICIENT;
    w->ticket_only = sure.ticket_only;
    w->baseline_start_ms = baseline.start_ms;
    w->baseline_end_ms = baseline.end_ms;
    w->verdict = w->thin ? sure : big;
    w->good_count = collect_exemplars(s, EXEMPLAR_GOOD, w->good, 3);
}

static void learn(struct series *s)
{
    struct watch *w = s->watch;
    bool constant = !isnan(s->rule->threshold); /* an SLO constant needs no baseline */
    int64_t ready_ms = constant ? w->first_ms : w->first_ms + s->rule->baseline_window_ms;
    if (s->epoch->end_ms >= ready_ms && s->epoch->end_ms >= w->next_try_ms)
        try_to_arm(s);
    else if (s->epoch->end_ms < ready_ms)
        w->verdict = (struct verdict){.kind = VERDICT_INSUFFICIENT, .needed = s->rule->baseline_min_count};
}

/* ---- alerts ------------------------------------------------------------------------------------------ */

static void emit(struct series *s, enum alert_state state, const struct verdict *sure, const struct verdict *big)
{
    struct labels labels;
    CHECK(labels_decode(s->cell->labels, &labels));
    struct alert alert = {.state = state, .watch = s->watch, .rule = s->rule, .metric = s->metric, .labels = &labels,
                          .at_ms = s->epoch->end_ms, .sure = sure, .big = big,
                          .epoch_ms = (uint32_t)epoch_ms_of[s->metric->epoch]};
    alert.bad_count = collect_exemplars(s, EXEMPLAR_BAD, alert.bad, 3);
    struct buffer *value = outbox_scratch(s->back->outbox);
    alert_write(&alert, value);
    static const char digits[] = "0123456789abcdef";
    char key[32];
    for (int i = 0; i < 16; i++) {
        key[2 * i] = digits[s->watch->alert_id[i] >> 4];
        key[2 * i + 1] = digits[s->watch->alert_id[i] & 15];
    }
    struct bus_output output = {.topic = s->back->options.topic_alerts, .partition = -1,
                                .timestamp_ms = s->epoch->end_ms, .key = bytes_of(key, sizeof key),
                                .value = buffer_bytes(value)};
    struct error error;
    CHECK(outbox_send_record(s->back->outbox, SCHEMA_ALERT, &output, &error)); /* alerts are small by construction */
}

static struct verdict big_verdict(struct series *s, const struct detector_rule *rule)
{
    uint64_t window[LAYOUT_BINS_MAX];
    struct detector_epoch epoch = *s->epoch;
    back_window(s->back, s->cell, s->metric, s->epoch->end_ms, s->rule->window_ms, window);
    epoch.window_bins = window;
    epoch.window_ms = s->rule->window_ms;
    struct verdict out = {0};
    s->back->options.big->close_epoch(rule, s->big_state, &epoch, &out);
    return out;
}

static void open_alert(struct series *s, const struct detector_rule *rule, const struct verdict *sure, const struct verdict *big)
{
    struct watch *w = s->watch;
    w->phase = WATCH_ALERTING;
    w->opened_ms = w->updated_ms = s->epoch->end_ms;
    w->onset_ms = sure->onset_ms != 0 && sure->onset_ms < w->opened_ms ? sure->onset_ms : s->epoch->start_ms;
    w->updates = 0;
    alert_make_id(s->rule, s->metric, s->cell->labels, w->opened_ms, s->back->sha, w->alert_id);
    emit(s, ALERT_OPEN, sure, big);
    s->back->options.sure->reverse(rule, s->sure_state);
    w->sure = 0;
    s->back->counters.alerts_opened++;
}

/* A thin baseline is taken again, longer, once a day while nothing speaks against it. */
static bool relearn(struct series *s, const struct verdict *sure)
{
    if (!s->watch->thin || sure->evidence >= EVIDENCE_QUIET || s->epoch->end_ms < s->watch->next_try_ms)
        return false;
    try_to_arm(s);
    return true;
}

static void watch_open_series(struct series *s, const struct detector_rule *rule, const struct verdict *sure)
{
    struct watch *w = s->watch;
    if (relearn(s, sure))
        return;
    w->sure = sure->kind == VERDICT_BREACHED; /* forgotten again when the change goes away */
    if (!w->thin)
        w->verdict = *sure;
    if (s->rule->sure && !w->sure)
        return;
    struct verdict big = big_verdict(s, rule);
    w->verdict = big;
    w->verdict.evidence = sure->evidence;
    w->verdict.threshold = sure->threshold;
    w->verdict.onset_ms = sure->onset_ms;
    if (big.kind == VERDICT_BREACHED)
        open_alert(s, rule, sure, &big);
}

static void watch_alerting_series(struct series *s, const struct detector_rule *rule, const struct verdict *reverse)
{
    struct watch *w = s->watch;
    bool resolved = reverse->kind == VERDICT_BREACHED;
    if (!resolved && s->epoch->end_ms - w->updated_ms < UPDATE_EVERY_MS)
        return;
    struct verdict big = big_verdict(s, rule);
    w->verdict = big;
    w->updated_ms = s->epoch->end_ms;
    w->updates++;
    emit(s, resolved ? ALERT_RESOLVE : ALERT_UPDATE, reverse, &big);
    if (!resolved)
        return;
    s->back->options.sure->reverse(rule, s->sure_state);
    w->phase = WATCH_WATCHING;
    w->sure = 0;
    w->thin = 0; /* a longer baseline would hold what the alert was about */
    s->back->counters.alerts_resolved++;
}

void watch_close_epoch(struct back *back, struct cell *cell, const struct metric *metric, const struct rule *rule,
                       const struct detector_epoch *epoch)
{
    struct series s = {.back = back, .cell = cell, .metric = metric, .rule = rule, .epoch = epoch};
    if (counted(&metric->layout, epoch->bins) == 0)
        return;
    open_series(&s);
    s.watch->epochs++;
    s.watch->last_ms = epoch->end_ms;
    if (s.watch->phase == WATCH_LEARNING) {
        learn(&s);
        return;
    }
    struct detector_rule detector_rule = detector_rule_of(&s);
    struct verdict sure = {0};
    back->options.sure->close_epoch(&detector_rule, s.sure_state, epoch, &sure);
    if (s.watch->phase == WATCH_WATCHING)
        watch_open_series(&s, &detector_rule, &sure);
    else
        watch_alerting_series(&s, &detector_rule, &sure);
}

/* ---- looking in from outside --------------------------------------------------------------------------- */

static bool view_watch(struct back *back, const struct store_key *key, struct bytes value, struct watch_view *out)
{
    struct watch w;
    if (value.size < sizeof w)
        return false;
    memcpy(&w, value.data, sizeof w);
    struct store_key cell = *key;
    cell.kind = KIND_CELL;
    cell.slot = 0;
    uint32_t metric = metric_find(back->metrics, w.metric_id);
    if (metric == METRIC_NONE || !labels_decode(store_get(back->store, &cell), &out->labels))
        return false;
    out->metric = metric_at(back->metrics, metric);
    out->rule = NULL;
    for (uint32_t r = 0; r < back->rules->count; r++)
        if (rule_hash(&back->rules->rules[r]) == w.rule_hash)
            out->rule = &back->rules->rules[r];
    static const char *const phases[] = {"learning", "watching", "alerting"};
    out->phase = phases[w.phase <= WATCH_ALERTING ? w.phase : 0];
    out->since_ms = w.phase == WATCH_ALERTING ? w.opened_ms : w.first_ms;
    out->verdict = w.verdict;
    return out->rule != NULL;
}

bool back_next_watch(struct back *back, uint32_t *cursor, struct watch_view *out)
{
    struct store_key key;
    struct bytes value;
    while (store_walk(back->store, cursor, &key, &value))
        if (key.kind == KIND_WATCH && view_watch(back, &key, value, out))
            return true;
    return false;
}
