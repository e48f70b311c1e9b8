/*
 * shard.h - one thread's worth of Assay: a consumer, a transactional producer, front and back for
 * the partitions it is assigned. Shards share nothing mutable.
 *
 * shard_step does one bounded turn and returns; threads call it in a loop, the demo and the simulator
 * call it in turn with others. Functions are for the shard's own thread but where it says otherwise.
 */
#ifndef ENGINE_FLOW_SHARD_H
#define ENGINE_FLOW_SHARD_H

#include "engine/flow/counters.h"
#include "engine/flow/options.h"

struct shard;

/* options, bus and clock are borrowed and outlive the shard. NULL with the reason. */
struct shard *shard_create(const struct flow_options *options, struct bus *bus, const struct clock *clock,
                           uint32_t number, struct error *error);
/* Commits what is open if it can, leaves the group, frees. */
void shard_destroy(struct shard *shard);
/* Frees without committing; an open transaction is aborted by its member. After failures and crashes. */
void shard_abandon(struct shard *shard);

enum shard_turn { SHARD_WORKED, SHARD_IDLE, SHARD_FAILED };
/* Waits at most timeout_ms for records. FAILED: fatal, *error says why; destroy it. */
enum shard_turn shard_step(struct shard *shard, int timeout_ms, struct error *error);
/* Commits now whatever is there, with punctuation; for graceful stop and the end of a replay. */
bool shard_commit_now(struct shard *shard, struct error *error);

/* Any thread: a consistent copy of the newest published status. */
void shard_read_status(struct shard *shard, struct shard_status *out);

struct member *shard_member(struct shard *shard);
/* Own thread only; NULL when the partition is not ready here. For tests and snapshots. */
struct back *shard_back(struct shard *shard, uint32_t partition);

#endif
