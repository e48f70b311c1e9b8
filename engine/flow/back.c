/*
 * back.c - cells of one partition: folding deltas into rings and epochs, firing epoch timers.
 *
 * Invariant: a cell's timer for an epoch class is in the heap iff its epoch entry is not empty.
 */
#include "engine/flow/back_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/flow/exemplar.h"
#include "engine/state/summary.h"

const int64_t epoch_ms_of[2] = {[EPOCH_MINUTE] = 60000, [EPOCH_HOUR] = 3600000};

#define LABELS_ARENA_BYTES ((size_t)1 << 30)

struct back *back_create(uint32_t partition, const struct back_options *options, struct metric_table *metrics,
                         const struct rule_set *rules, struct outbox *outbox)
{
    struct back *back = memory_allocate(sizeof *back);
    back->partition = partition;
    back->options = *options;
    back->metrics = metrics;
    back->rules = rules;
    back->outbox = outbox;
    back->store = store_create(options->store_limit_bytes);
    back->clock = log_time_create(options->settle_ms, options->inactive_after_ms);
    back->sha = sha256_create();
    back->labels_arena = arena_create(LABELS_ARENA_BYTES);
    for (int i = 0; i < 3; i++)
        back->scratch[i] = BUFFER_WITH_LIMIT((size_t)16 << 20);
    back->reported_hour = LOG_TIME_NONE;
    return back;
}

void back_destroy(struct back *back)
{
    if (back == NULL)
        return;
    store_destroy(back->store);
    log_time_destroy(back->clock);
    sha256_destroy(back->sha);
    arena_destroy(back->labels_arena);
    table_free(&back->cell_table);
    memory_free(back->cells);
    timer_heap_free(&back->timers);
    for (int i = 0; i < 3; i++)
        buffer_free(&back->scratch[i]);
    memory_free(back);
}

struct store *back_store(struct back *back) { return back->store; }
int64_t back_now(const struct back *back) { return log_time_now(back->clock); }
int64_t back_slowest(const struct back *back) { return log_time_slowest(back->clock); }
const struct back_counters *back_counts(const struct back *back) { return &back->counters; }

/* ---- metrics ----------------------------------------------------------------------------------------- */

static bool name_matches(const char *pattern, const char *name)
{
    size_t size = strlen(pattern);
    if (size > 0 && pattern[size - 1] == '*')
        return strncmp(pattern, name, size - 1) == 0;
    return strcmp(pattern, name) == 0;
}

/* Which rules name a metric; computed once per metric and rule set. */
void back_learn_metrics(struct back *back)
{
    for (; back->metrics_known < metric_count(back->metrics); back->metrics_known++) {
        struct metric *metric = metric_at(back->metrics, back->metrics_known);
        metric->rules = 0;
        for (uint32_t r = 0; r < back->rules->count; r++)
            if (name_matches(back->rules->rules[r].metric, metric->name))
                metric->rules |= (uint64_t)1 << r;
    }
}

/* A dictionary entry for those who read the state without the exchange. */
static void save_metric(struct back *back, const struct metric *metric)
{
    struct store_key key = {.kind = KIND_METRIC};
    memcpy(key.id, &metric->id, sizeof metric->id);
    if (bytes_present(store_get(back->store, &key)))
        return;
    buffer_clear(&back->scratch[0]);
    metric_encode(metric, &back->scratch[0]);
    store_write(back->store, &key, buffer_bytes(&back->scratch[0]));
}

/* ---- fold -------------------------------------------------------------------------------------------- */

/* The part of a delta that rules watch in this epoch class, in scratch[2]; empty when none. */
static struct bytes watched_part(struct back *back, const struct cell *cell, struct bytes summary, uint8_t epoch)
{
    struct buffer *out = &back->scratch[2];
    buffer_clear(out);
    struct reader reader = reader_of(summary);
    struct summary_metric m;
    for (;;) {
        const uint8_t *start = reader.at;
        if (!summary_next(&reader, &m))
            break;
        uint32_t number = metric_find(back->metrics, m.metric);
        if (number == METRIC_NONE)
            continue;
        const struct metric *metric = metric_at(back->metrics, number);
        if (metric->epoch == epoch && (metric->rules & cell->rules) != 0)
            buffer_append(out, start, (size_t)(reader.at - start));
    }
    return buffer_bytes(out);
}

/* The end of the decision epoch that is open at now_ms: boundaries are shifted by the cell's hash. */
static int64_t epoch_end(const struct cell *cell, uint8_t epoch, int64_t now_ms)
{
    int64_t length = epoch_ms_of[epoch];
    int64_t shift = (int64_t)(bytes_load64(cell->id.bytes + 8) % (uint64_t)length);
    int64_t since = (now_ms - shift) % length;
    if (since < 0)
        since += length;
    return now_ms - since + length;
}

/* Before the clock has started, an epoch opens where it will start: at the log time of the slowest source.
 * Wall time may be days later, when a backlog is read. */
static int64_t opening_time(const struct back *back)
{
    if (back_now(back) != LOG_TIME_NONE)
        return back_now(back);
    int64_t slowest_ms = log_time_slowest(back->clock);
    return slowest_ms != LOG_TIME_NONE ? slowest_ms - back->options.settle_ms : log_time_wall(back->clock);
}

static void add_to_epoch(struct back *back, uint32_t cell_number, uint8_t epoch, struct bytes summary)
{
    struct cell *cell = &back->cells[cell_number];
    struct bytes part = watched_part(back, cell, summary, epoch);
    if (part.size == 0)
        return;
    struct store_key key = cell_key(cell, KIND_EPOCH, epoch);
    struct bytes stored = store_get(back->store, &key);
    if (cell->epoch_end_ms[epoch] == 0) {
        int64_t now_ms = opening_time(back);
        cell->epoch_end_ms[epoch] = epoch_end(cell, epoch, now_ms);
        timer_heap_push(&back->timers, (struct timer){cell->epoch_end_ms[epoch], cell->id, epoch});
        stored = BYTES_NONE;
    }
    if (bytes_present(stored) && stored.size > sizeof(int64_t)) {
        if (!summary_add(bytes_of(stored.data + sizeof(int64_t), stored.size - sizeof(int64_t)), part, &back->scratch[0]))
            return;
        part = buffer_bytes(&back->scratch[0]);
    }
    buffer_clear(&back->scratch[1]);
    buffer_put_u64(&back->scratch[1], (uint64_t)cell->epoch_end_ms[epoch]);
    buffer_append(&back->scratch[1], part.data, part.size);
    store_write(back->store, &key, buffer_bytes(&back->scratch[1]));
}

static void fold_delta(struct back *back, const struct cell_delta *delta)
{
    uint32_t number = back_intern_cell(back, delta);
    const struct cell *cell = &back->cells[number];
    int64_t now_minute = back_now(back) == LOG_TIME_NONE ? delta->minute : back_now(back) / 60000;
    back_add_to_ring(back, cell, KIND_MINUTE, delta->minute, RING_MINUTES, delta->summary);
    back_add_to_ring(back, cell, KIND_HOUR, delta->minute / 60, RING_HOURS, delta->summary);
    if (now_minute - delta->minute <= LATE_DAYS_MAX * 1440)
        back_add_to_ring(back, cell, KIND_DAY, delta->minute / 1440, RING_DAYS, delta->summary);
    add_to_epoch(back, number, EPOCH_MINUTE, delta->summary);
    add_to_epoch(back, number, EPOCH_HOUR, delta->summary);
    if (delta->exemplars.size > 0 && cell->rules != 0)
        back_add_exemplars(back, cell, delta->minute, delta->exemplars);
    back->counters.deltas++;
}

/* ---- closing epochs ---------------------------------------------------------------------------------- */

static void close_epoch(struct back *back, const struct timer *timer)
{
    uint32_t number = back_find_cell(back, &timer->id);
    CHECK(number != TABLE_NONE);
    struct cell *cell = &back->cells[number];
    struct store_key key = cell_key(cell, KIND_EPOCH, timer->tag);
    struct bytes stored = store_get(back->store, &key);
    cell->epoch_end_ms[timer->tag] = 0;
    if (stored.size <= sizeof(int64_t))
        return;
    struct bytes copy = bytes_of(stored.data + sizeof(int64_t), stored.size - sizeof(int64_t));
    struct reader reader = reader_of(copy);
    struct summary_metric m;
    uint64_t bins[LAYOUT_BINS_MAX];
    while (summary_next(&reader, &m)) {
        const struct metric *metric = metric_at(back->metrics, metric_find(back->metrics, m.metric));
        memset(bins, 0, metric->layout.bins * sizeof bins[0]);
        (void)summary_collect(copy, m.metric, bins, metric->layout.bins, NULL);
        /* In log time as it was when the data came: the clock runs `settle` behind it. */
        int64_t end_ms = timer->at_ms + back->options.settle_ms;
        struct detector_epoch epoch = {.start_ms = end_ms - epoch_ms_of[timer->tag], .end_ms = end_ms, .bins = bins,
                                       .window_bins = bins, .window_ms = epoch_ms_of[timer->tag]};
        uint64_t rules = metric->rules & cell->rules;
        for (uint32_t r = 0; r < back->rules->count; r++)
            if (rules >> r & 1)
                watch_close_epoch(back, cell, metric, &back->rules->rules[r], &epoch);
    }
    store_write(back->store, &key, bytes_of("", 0));
    back->counters.epochs_closed++;
}

static void fire_timers(struct back *back)
{
    int64_t now_ms = back_now(back);
    struct timer timer;
    while (now_ms != LOG_TIME_NONE && timer_heap_pop_due(&back->timers, now_ms, &timer))
        close_epoch(back, &timer);
    if (now_ms != LOG_TIME_NONE)
        back_report_population(back, now_ms);
}

static void save_clock(struct back *back)
{
    struct store_key key = {.kind = KIND_CLOCK};
    buffer_clear(&back->scratch[0]);
    log_time_encode(back->clock, &back->scratch[0]);
    buffer_put_u64(&back->scratch[0], (uint64_t)back->reported_hour);
    store_write(back->store, &key, buffer_bytes(&back->scratch[0]));
}

static bool fold_body(struct back *back, struct bytes body)
{
    struct exchange_cells cells;
    if (!exchange_open_cells(body, &cells))
        return false;
    uint32_t number = METRIC_NONE;
    while (exchange_next_metric(&cells, back->metrics, &number))
        if (number != METRIC_NONE)
            save_metric(back, metric_at(back->metrics, number));
    back_learn_metrics(back);
    struct cell_delta delta;
    while (!cells.reader.failed && exchange_next_cell(&cells, &delta))
        fold_delta(back, &delta);
    return !cells.reader.failed;
}

void back_fold(struct back *back, const struct exchange_stamp *stamp, struct bytes body)
{
    back->counters.records++;
    /* The clock first: deltas of this record join the epochs that are open at its log time, and an
     * epoch ends only when all active sources have passed its end. */
    (void)log_time_advance(back->clock, stamp);
    fire_timers(back);
    bool ok = body.size == 0 || fold_body(back, body);
    back->counters.bad_records += !ok;
    save_clock(back);
}
