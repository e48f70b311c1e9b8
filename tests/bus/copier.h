/*
 * copier.h - the smallest exactly-once program: copies numbered records from `in` to `out`, in
 * transactions, through every event and outcome a member may meet. Used by one thread.
 *
 * The metadata of a position counts the records of its partition consumed so far, so that a
 * position and what went with it can be compared.
 */
#ifndef TESTS_BUS_COPIER_H
#define TESTS_BUS_COPIER_H

#include "tests/bus/bed.h"

#define COPIER_PENDING_MAX 256

struct copier {
    struct bus *bus;
    struct bed_member m;
    const char *transactional_id;
    bool open;
    uint64_t pending[COPIER_PENDING_MAX]; /* borrowed by the open transaction */
    uint32_t pending_count;
    uint64_t consumed[BED_PARTITIONS_MAX]; /* by partition, as the metadata says */
    uint64_t commits;
    uint64_t crashes;
    uint64_t rollbacks;
};

void copier_start(struct copier *copier, struct bus *bus, const char *transactional_id);
/* One poll, answered. Returns false when there was nothing to do. */
bool copier_step(struct copier *copier, int timeout_ms);
/* Commits what is open; after a crash the copier has started anew. */
void copier_commit(struct copier *copier);
/* The process dies and comes back with the same id. */
void copier_crash(struct copier *copier);
void copier_stop(struct copier *copier);

#endif
