/* shard_internal.h - what shard*.c share; nobody else includes it. */
#ifndef ENGINE_FLOW_SHARD_INTERNAL_H
#define ENGINE_FLOW_SHARD_INTERNAL_H

#include "engine/flow/digests.h"
#include "engine/flow/front.h"
#include "engine/flow/owned.h"
#include "engine/flow/rates_follow.h"
#include "engine/flow/shard.h"

#include <pthread.h>

struct shard {
    const struct flow_options *options;
    struct bus *bus;
    const struct clock *clock;
    uint32_t number;
    char writer[160]; /* <app>-<instance>-<shard>: transactional id and name on the exchange */

    struct member *member;
    struct metric_table *metrics;
    struct outbox *outbox;
    struct front *front;
    struct owned_set *owned;
    struct rates_follow *rates_follow;
    const struct rates *rates; /* in force for the running transaction */

    uint64_t sequence;
    int64_t last_commit_ms;
    int64_t last_punctuation_ms;
    int64_t last_purge_ms;
    int64_t last_memory_ms;
    int64_t last_rates_poll_ms;
    uint32_t sources_total; /* partitions of all input topics */
    bool assigned;          /* an assignment was answered at least once */
    bool inputs_paused;     /* because the exchange lags */

    struct source_mark *marks; /* SOURCES_MAX */
    struct bus_position *positions;
    struct buffer body, headers_text;
    struct cell_delta *sorted; /* deltas by exchange partition */
    uint32_t sorted_capacity;
    uint32_t *partition_starts; /* N + 1 */

    struct shard_status status;    /* the thread's own */
    struct shard_status published;
    pthread_mutex_t publish_lock;
};

/* Topic numbers in the member's list. */
static inline int32_t shard_cells_topic(const struct shard *s) { return (int32_t)s->options->inputs_count; }
static inline int32_t shard_digests_topic(const struct shard *s) { return (int32_t)s->options->inputs_count + 1; }

/* shard_group.c: answers to the member's events. */
bool shard_answer_assign(struct shard *shard, const struct member_batch *batch, struct error *error);
bool shard_answer_revoke(struct shard *shard, const struct member_batch *batch, bool lost, struct error *error);
bool shard_restore_step(struct shard *shard, struct error *error);
bool shard_pause_and_resume(struct shard *shard, struct error *error);

/* shard_commit.c */
bool shard_commit(struct shard *shard, bool punctuate, struct error *error);
bool shard_rollback(struct shard *shard, struct error *error);
bool shard_commit_due(const struct shard *shard, int64_t now_ms);

/* shard.c */
void shard_publish(struct shard *shard);

#endif
