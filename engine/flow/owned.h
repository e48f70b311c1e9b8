/*
 * owned.h - the exchange partitions of a shard: which are ours, restored how far, kept or not.
 *
 * absent -> restoring (state from the changelog, then remembered digests from their own topic) -> ready -> parked (revoked) -> ready again if nobody committed in between,
 * else restored afresh. The state of partition p of the cells topic is in changelog partition p, of
 * the digests topic in N + p.
 */
#ifndef ENGINE_FLOW_OWNED_H
#define ENGINE_FLOW_OWNED_H

#include "engine/flow/back.h"
#include "engine/flow/entities.h"

enum owned_phase { OWNED_ABSENT, OWNED_RESTORING, OWNED_READY, OWNED_PARKED };

struct owned {
    enum owned_phase phase;
    bool digests; /* which topic: entities, else back */
    uint32_t partition;
    struct back *back;
    struct entities *entities;
    int64_t next, committed;
    char metadata[BUS_METADATA_MAX + 1]; /* as last committed by us: decides whether parked state is current */
    int64_t newest_wall_ms; /* of the newest exchange record taken */
    struct bus_reader *restore; /* of the changelog, then (relearning) of the digests that are remembered */
    bool relearning;
    int64_t restore_from, restore_end;
    uint64_t restored_records;
};

struct owned_set;

/* measure: takes what trackers measure. */
struct owned_set *owned_create(const struct flow_options *options, struct bus *bus, struct metric_table *metrics,
                               struct measure *measure, struct outbox *outbox);
void owned_destroy(struct owned_set *set);
struct owned *owned_at(struct owned_set *set, bool digests, uint32_t partition);

/* Ours now, last committed there: makes it ready or starts the restore. False: fatal. */
bool owned_assign(struct owned_set *set, bool digests, const struct bus_position *committed, struct error *error);
void owned_revoke(struct owned_set *set, bool digests, uint32_t partition);
/* Reads at most max_records of one changelog; *became_ready points to a partition that is done. */
bool owned_restore_step(struct owned_set *set, uint32_t max_records, struct owned **became_ready, struct error *error);
bool owned_restoring(const struct owned_set *set);
/* Progress of all restores, for logs and /readyz: records read and to read (offsets). */
void owned_progress(const struct owned_set *set, int64_t *done, int64_t *total);

/* Walks partitions that are ready; index from 0; NULL at the end. */
struct owned *owned_next_ready(struct owned_set *set, uint32_t *index);
struct store *owned_store(struct owned *owned);
void owned_fold(struct owned *owned, const struct exchange_stamp *stamp, struct bytes body, int64_t offset);
/* The first record that whoever owns this next has to read again, and that must not be deleted. */
int64_t owned_needed(const struct owned *owned);
/* Transaction ended. */
void owned_commit_all(struct owned_set *set);
void owned_rollback_all(struct owned_set *set);

#endif
