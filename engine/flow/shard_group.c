/*
 * shard_group.c - partitions coming and going: commit before giving one up, abort when it was lost,
 * restore before reading its exchange, pause what must wait.
 */
#include "engine/flow/shard_internal.h"

#include "engine/base/log.h"

#define RESTORE_RECORDS_PER_TURN 20000
#define EXCHANGE_LAG_PAUSE_MS 5000
#define EXCHANGE_LAG_RESUME_MS 2000

/* Nothing was ever committed there: begin at the oldest record that is kept. */
static bool fill_start(struct shard *shard, struct bus_position *position, struct error *error)
{
    if (position->offset >= 0)
        return true;
    const char *topic = position->source.topic == shard_cells_topic(shard)     ? shard->options->topics.cells
                        : position->source.topic == shard_digests_topic(shard) ? shard->options->topics.digests
                                                                               : shard->options->inputs[position->source.topic].name;
    int64_t high = 0;
    return bus_watermarks(shard->bus, topic, position->source.partition, &position->offset, &high, error);
}

static bool take_partition(struct shard *shard, struct bus_position *position, struct error *error)
{
    if (!fill_start(shard, position, error))
        return false;
    if (position->source.topic < shard_cells_topic(shard)) {
        position->offset = front_assign(shard->front, position);
        return true;
    }
    return owned_assign(shard->owned, position->source.topic == shard_digests_topic(shard), position, error);
}

bool shard_answer_assign(struct shard *shard, const struct member_batch *batch, struct error *error)
{
    uint32_t count = batch->partitions_count;
    for (uint32_t i = 0; i < count; i++)
        shard->positions[i] = (struct bus_position){.source = batch->partitions[i], .offset = -1};
    if (count > 0 && !member_committed(shard->member, shard->positions, count, error))
        return error_prefix(error, "reading committed offsets of group %s", shard->options->app);
    for (uint32_t i = 0; i < count; i++)
        if (!take_partition(shard, &shard->positions[i], error))
            return false;
    if (!member_assign(shard->member, shard->positions, count, error))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct bus_partition p = shard->positions[i].source;
        bool input = p.topic < shard_cells_topic(shard);
        if (input ? shard->inputs_paused
                  : owned_at(shard->owned, p.topic == shard_digests_topic(shard), (uint32_t)p.partition)->phase == OWNED_RESTORING)
            (void)member_pause(shard->member, p, true);
    }
    if (!outbox_begun(shard->outbox) && measure_empty(front_measure(shard->front)))
        shard->rates = rates_follow_at(shard->rates_follow, front_log_time(shard->front));
    shard->assigned = true;
    shard->status.rebalances++;
    log_line(LOG_INFO, "shard", (int)shard->number, "assigned %u partitions", count);
    shard_publish(shard);
    return true;
}

bool shard_answer_revoke(struct shard *shard, const struct member_batch *batch, bool lost, struct error *error)
{
    bool ok = lost ? shard_rollback(shard, error) : shard_commit(shard, false, error);
    if (!ok)
        return false;
    for (uint32_t i = 0; i < batch->partitions_count; i++) {
        struct bus_partition p = batch->partitions[i];
        if (p.topic < shard_cells_topic(shard))
            front_unassign(shard->front, p);
        else
            owned_revoke(shard->owned, p.topic == shard_digests_topic(shard), (uint32_t)p.partition);
    }
    log_line(LOG_INFO, "shard", (int)shard->number, "%s %u partitions", lost ? "lost" : "gave up", batch->partitions_count);
    bool done = member_unassign(shard->member, batch->partitions, batch->partitions_count, error);
    shard_publish(shard);
    return done;
}

bool shard_restore_step(struct shard *shard, struct error *error)
{
    if (!owned_restoring(shard->owned))
        return true;
    struct owned *ready = NULL;
    if (!owned_restore_step(shard->owned, RESTORE_RECORDS_PER_TURN, &ready, error))
        return false;
    if (ready == NULL)
        return true;
    shard->status.restored_records += ready->restored_records;
    struct bus_partition p = {ready->digests ? shard_digests_topic(shard) : shard_cells_topic(shard), (int32_t)ready->partition};
    (void)member_pause(shard->member, p, false);
    if (!owned_restoring(shard->owned))
        log_line(LOG_INFO, "shard", (int)shard->number, "state restored, %llu changelog records",
                 (unsigned long long)shard->status.restored_records);
    shard_publish(shard);
    return true;
}

/* Inputs wait while the exchange lags, and a source far ahead of the slowest waits for it. */
static bool exchange_lags(struct shard *shard, int64_t now_ms)
{
    int64_t limit_ms = shard->inputs_paused ? EXCHANGE_LAG_RESUME_MS : EXCHANGE_LAG_PAUSE_MS;
    uint32_t index = 0;
    for (struct owned *o; (o = owned_next_ready(shard->owned, &index)) != NULL;) {
        struct bus_partition p = {o->digests ? shard_digests_topic(shard) : shard_cells_topic(shard), (int32_t)o->partition};
        if (o->newest_wall_ms != 0 && now_ms - o->newest_wall_ms > limit_ms && !member_at_end(shard->member, p))
            return true;
    }
    return owned_restoring(shard->owned);
}

static int64_t slowest_source(struct shard *shard)
{
    int64_t slowest = LOG_TIME_NONE;
    uint32_t index = 0;
    for (struct owned *o; (o = owned_next_ready(shard->owned, &index)) != NULL;) {
        int64_t t = o->digests ? LOG_TIME_NONE : back_slowest(o->back);
        if (t != LOG_TIME_NONE && (slowest == LOG_TIME_NONE || t < slowest))
            slowest = t;
    }
    return slowest;
}

/* Behind a pause: the library remembers where it was when it pauses. */
static bool seek_held(struct shard *shard, struct error *error)
{
    uint32_t count = front_newly_held(shard->front, shard->positions, SOURCES_MAX);
    return count == 0 || member_seek(shard->member, shard->positions, count, error);
}

bool shard_pause_and_resume(struct shard *shard, struct error *error)
{
    bool lags = exchange_lags(shard, shard->clock->now_ms(shard->clock));
    int64_t slowest_ms = slowest_source(shard);
    bool changed = lags != shard->inputs_paused;
    struct bus_partition p;
    int64_t next = 0, log_time_ms = 0;
    for (uint32_t i = 0; front_source(shard->front, i, &p, &next, &log_time_ms); i++) {
        bool ahead = slowest_ms != LOG_TIME_NONE && log_time_ms != LOG_TIME_NONE &&
                     log_time_ms - slowest_ms > shard->options->ahead_max_ms;
        bool pause = lags || ahead || front_held(shard->front, i);
        if (front_set_paused(shard->front, i, pause) || changed)
            (void)member_pause(shard->member, p, pause);
    }
    shard->inputs_paused = lags;
    return seek_held(shard, error);
}
