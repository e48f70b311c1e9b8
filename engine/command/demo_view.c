/* demo_view.c - a look into the shards' state; the demo's thread is the shards' thread. */
#include "engine/command/demo_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static enum screen_phase phase_of(const struct watch_view *view)
{
    if (strcmp(view->phase, "alerting") == 0)
        return SCREEN_ALERTING;
    if (strcmp(view->phase, "watching") != 0)
        return SCREEN_LEARNING;
    return view->verdict.kind == VERDICT_INSUFFICIENT ? SCREEN_THIN : SCREEN_WATCHING;
}

static struct screen_series series_of(const struct watch_view *view, int64_t now_ms)
{
    struct screen_series series = {.rate = view->metric->layout.kind == LAYOUT_FLAG,
                                   .phase = phase_of(view),
                                   .baseline = view->verdict.baseline,
                                   .now = view->verdict.observed,
                                   .learned_days =
                                       (double)(now_ms - view->since_ms) / (double)WORLD_DAY_MS};
    struct bytes app = labels_get(&view->labels, "app"),
                 intent = labels_get(&view->labels, "intent");
    const char *dot = strchr(view->metric->name, '.');
    (void)snprintf(series.where, sizeof series.where, "%.*s%s%.*s", BYTES_FMT(app),
                   bytes_present(intent) ? " / " : "", BYTES_FMT(intent));
    (void)snprintf(series.what, sizeof series.what, "%.60s",
                   dot != NULL ? dot + 1 : view->rule->title);
    if (view->verdict.threshold > 1 && view->verdict.evidence > 1)
        series.certainty = fmin(1.0, log(view->verdict.evidence) / log(view->verdict.threshold));
    return series;
}

static int compare_series(const void *left, const void *right)
{
    const struct screen_series *a = left, *b = right;
    int order = strcmp(a->where, b->where);
    return order != 0 ? order : strcmp(a->what, b->what);
}

uint32_t demo_view_series(struct stage *stage, struct screen_series *out, uint32_t max)
{
    uint32_t count = 0;
    int64_t now_ms = stage->clock.clock.now_ms(&stage->clock.clock);
    for (uint32_t i = 0; i < STAGE_SHARDS; i++)
        for (uint32_t p = 0; p < stage->flow.exchange_partitions; p++) {
            struct back *back = shard_back(stage->shards[i], p);
            struct watch_view view;
            uint32_t cursor = 0;
            while (back != NULL && count < max && back_next_watch(back, &cursor, &view))
                out[count++] = series_of(&view, now_ms);
        }
    qsort(out, count, sizeof *out, compare_series);
    return count;
}

struct screen_facts demo_view_facts(struct stage *stage, double seconds)
{
    const struct traffic_counts *sent = traffic_count(stage->traffic);
    struct judge_counts judged = judge_count(stage->judge);
    return (struct screen_facts){.start_ms = stage->script.start_ms,
                                 .now_ms = stage->clock.clock.now_ms(&stage->clock.clock),
                                 .end_ms = stage->script.end_ms,
                                 .seconds = seconds,
                                 .seed = stage->options.seed,
                                 .spans = sent->spans,
                                 .repeats = sent->repeated_spans,
                                 .late_spans = sent->late_spans,
                                 .requests = judged.requests,
                                 .verdicts = judged.verdicts,
                                 .waiting = judged.waiting,
                                 .alerts_open = referee_open_alerts(stage->referee)};
}
