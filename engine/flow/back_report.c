/*
 * back_report.c - population counts for the planner: exact, per stratum and hour, from the cells.
 *
 * Sent once for each hour of log time that has passed, so that a planner keyed by app sees all strata
 * of its app whichever partition owns their cells.
 */
#include "engine/flow/back_internal.h"

#include "engine/operator/tracker.h"

#define HOUR_MS ((int64_t)3600000)

static uint64_t calls_in_hour(struct back *back, const struct cell *cell, const struct metric *spans, int64_t hour)
{
    uint64_t bins[LAYOUT_BINS_MAX] = {0};
    (void)back_hour(back, cell, spans, hour, bins);
    return bins[ROLE_CALL];
}

static void report_cell(struct back *back, const struct cell *cell, const struct metric *spans, int64_t hour)
{
    struct labels labels;
    if (!labels_decode(cell->labels, &labels) || !bytes_present(labels_get(&labels, "prompt")))
        return;
    struct evidence_population evidence = {
        .hour = hour,
        .calls = calls_in_hour(back, cell, spans, hour),
        .env = labels_get(&labels, "env"),
        .intent = labels_get(&labels, "intent"),
        .prompt = labels_get(&labels, "prompt"),
        .model = labels_get(&labels, "model"),
    };
    if (evidence.calls == 0)
        return;
    buffer_clear(&back->scratch[0]);
    evidence_write_population(&evidence, &back->scratch[0]);
    outbox_message(back->outbox, ENTITY_APP, labels_get(&labels, "app"), buffer_bytes(&back->scratch[0]));
}

void back_report_population(struct back *back, int64_t now_ms)
{
    int64_t hour = now_ms / HOUR_MS;
    if (back->reported_hour == LOG_TIME_NONE)
        back->reported_hour = hour;
    if (back->reported_hour >= hour)
        return;
    struct layout roles = {LAYOUT_CATEGORY, 16, 0, 0};
    uint32_t number = metric_intern(back->metrics, BYTES_LITERAL("spans"), &roles, EPOCH_MINUTE);
    if (number == METRIC_NONE)
        return;
    const struct metric *spans = metric_at(back->metrics, number);
    for (uint32_t i = 0; i < back->cells_count; i++)
        report_cell(back, &back->cells[i], spans, hour - 1);
    back->reported_hour = hour;
}
