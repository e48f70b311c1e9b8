/*
 * entities.h - the owner of the entities (apps, sessions, traces) of one digests partition: gives
 * evidence to trackers, fires their timers, sends out what they decide.
 *
 * Like back.h: a function of its exchange log; durable state is in the store.
 */
#ifndef ENGINE_FLOW_ENTITIES_H
#define ENGINE_FLOW_ENTITIES_H

#include "engine/flow/log_time.h"
#include "engine/flow/options.h"
#include "engine/flow/outbox.h"
#include "engine/state/store.h"

struct entities;

struct entities_counters {
    uint64_t records, bad_records, messages, refused, timers, outputs;
};

/* measure: takes what trackers measure. All is borrowed. */
struct entities *entities_create(uint32_t partition, const struct flow_options *options, struct metric_table *metrics,
                                 struct measure *measure, struct outbox *outbox);
void entities_destroy(struct entities *entities);
struct store *entities_store(struct entities *entities);
void entities_rebuild(struct entities *entities);
/* One exchange record, from this offset of the partition. */
void entities_fold(struct entities *entities, const struct exchange_stamp *stamp, struct bytes body, int64_t offset);
/* Traces have no changelog: after the restore, records from entities_needed (as its last owner said in the
 * committed metadata) up to the committed offset are read again, then entities_relearned. */
void entities_relearn(struct entities *entities, struct bytes body, int64_t offset);
void entities_relearned(struct entities *entities);
int64_t entities_needed(const struct entities *entities); /* -1: nothing */
void entities_commit(struct entities *entities);
void entities_rollback(struct entities *entities);
int64_t entities_now(const struct entities *entities);
const struct entities_counters *entities_counts(const struct entities *entities);
/* NULL: no tracker takes digests. */
const struct trace_counters *entities_trace_counts(const struct entities *entities);

#endif
