/*
 * back.h - the owner of the cells of one exchange partition: fold, close epochs, detect.
 *
 * Everything it does is a function of its exchange log, in order: the clock, which epoch a delta
 * joins, verdicts and alerts. Durable state is in the store; the rest is rebuilt from it.
 */
#ifndef ENGINE_FLOW_BACK_H
#define ENGINE_FLOW_BACK_H

#include "engine/flow/counters.h"
#include "engine/flow/log_time.h"
#include "engine/flow/outbox.h"
#include "engine/flow/rule.h"
#include "engine/state/store.h"

struct back_options {
    int64_t settle_ms, inactive_after_ms;
    uint32_t series_max;      /* false-alarm budgets are shared by this many series, rounded up to 2^n */
    uint32_t cells_max;       /* per partition; further cells are folded into "other" */
    uint64_t store_limit_bytes;
    const char *topic_alerts;
    const struct detector_class *sure; /* shift */
    const struct detector_class *big;  /* effect */
};

struct back;

/* rules may be replaced between records (back_set_rules). All pointers are borrowed. */
struct back *back_create(uint32_t partition, const struct back_options *options, struct metric_table *metrics,
                         const struct rule_set *rules, struct outbox *outbox);
void back_destroy(struct back *back);
struct store *back_store(struct back *back);
/* After restore or rollback: rebuilds what is derived from the store. */
void back_rebuild(struct back *back);
/* One exchange record. A damaged one is counted and changes nothing but the clock. */
void back_fold(struct back *back, const struct exchange_stamp *stamp, struct bytes body);
int64_t back_now(const struct back *back);
int64_t back_slowest(const struct back *back);
const struct back_counters *back_counts(const struct back *back);

/* For snapshots (series topic, tests): walks watches in cell order. */
struct watch_view {
    struct labels labels;
    const struct rule *rule;
    const struct metric *metric;
    const char *phase; /* learning, watching, alerting */
    int64_t since_ms;
    struct verdict verdict;
};
bool back_next_watch(struct back *back, uint32_t *cursor, struct watch_view *out);

#endif
