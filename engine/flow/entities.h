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

struct entities *entities_create(uint32_t partition, const struct flow_options *options, struct outbox *outbox);
void entities_destroy(struct entities *entities);
struct store *entities_store(struct entities *entities);
void entities_rebuild(struct entities *entities);
void entities_fold(struct entities *entities, const struct exchange_stamp *stamp, struct bytes body);
int64_t entities_now(const struct entities *entities);
const struct entities_counters *entities_counts(const struct entities *entities);

#endif
