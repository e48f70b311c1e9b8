/* back_internal.h - what back*.c and watch.c share; nobody else includes it. */
#ifndef ENGINE_FLOW_BACK_INTERNAL_H
#define ENGINE_FLOW_BACK_INTERNAL_H

#include "engine/base/table.h"
#include "engine/flow/back.h"
#include "engine/flow/timer_heap.h"

/* Kinds of store entries. Ring slots hold "zigzag absolute index, summary". */
enum {
    KIND_CLOCK = 'C',
    KIND_CELL = 'D',      /* encoded labels */
    KIND_METRIC = 'N',    /* dictionary entry; the id's first 4 bytes are the metric's */
    KIND_MINUTE = 'm',
    KIND_HOUR = 'h',
    KIND_DAY = 'd',
    KIND_EPOCH = 'e',     /* slot: enum metric_epoch; i64 end_ms, summary; empty: no open epoch */
    KIND_WATCH = 'W',     /* slot: hash of rule and metric */
    KIND_EXEMPLARS = 'X', /* slot 0: this hour, 1: the hour before */
};

enum { RING_MINUTES = 60, RING_HOURS = 48, RING_DAYS = 35 };
#define LATE_DAYS_MAX 7

struct cell {
    struct cell_id id;
    struct bytes labels; /* encoded; in the arena of the back */
    uint64_t rules;      /* bit i: rule i's labels match */
    int64_t epoch_end_ms[2]; /* 0: no open epoch */
};

struct back {
    uint32_t partition;
    struct back_options options;
    struct metric_table *metrics;
    const struct rule_set *rules;
    struct outbox *outbox;
    struct store *store;
    struct log_time *clock;
    struct sha256 *sha;
    struct arena *labels_arena;

    struct table cell_table;
    struct cell *cells;
    uint32_t cells_count, cells_capacity;
    struct timer_heap timers; /* ends of open epochs; tag: enum metric_epoch */
    uint32_t metrics_known; /* metrics below this number have their rules bits set and are stored */
    int64_t reported_hour;  /* population counts went out for hours before this */

    struct buffer scratch[3];
    struct back_counters counters;
};

extern const int64_t epoch_ms_of[2];

/* back_cells.c */
uint32_t back_find_cell(const struct back *back, const struct cell_id *id); /* TABLE_NONE: not there */
uint32_t back_add_cell(struct back *back, const struct cell_id *id, struct bytes labels);
uint32_t back_intern_cell(struct back *back, const struct cell_delta *delta);

/* back.c */
void back_learn_metrics(struct back *back);

/* back_rings.c */
void back_add_to_ring(struct back *back, const struct cell *cell, uint8_t kind, int64_t index, uint32_t ring,
                      struct bytes summary);
void back_add_exemplars(struct back *back, const struct cell *cell, int64_t minute, struct bytes exemplars);

struct store_key cell_key(const struct cell *cell, uint8_t kind, uint32_t slot);
/* Sum of a metric over the last window_ms up to now_ms, from the finest ring that covers it. */
void back_window(struct back *back, const struct cell *cell, const struct metric *metric, int64_t now_ms,
                 int64_t window_ms, uint64_t *bins);
/* Adds the bins of one day (hour) slot; false when the ring has no data for it. */
bool back_day(struct back *back, const struct cell *cell, const struct metric *metric, int64_t day, uint64_t *bins);
bool back_hour(struct back *back, const struct cell *cell, const struct metric *metric, int64_t hour, uint64_t *bins);

/* back_report.c: once per hour of log time, how many calls each finest cell had, to its app. */
void back_report_population(struct back *back, int64_t now_ms);

/* watch.c: one closed epoch of one series under one rule. */
void watch_close_epoch(struct back *back, struct cell *cell, const struct metric *metric, const struct rule *rule,
                       const struct detector_epoch *epoch);

#endif
