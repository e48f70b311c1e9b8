/*
 * embedded_log_poll.c - the reading half of a member: what a poll gives, release, headers.
 *
 * Records borrow the log's segments: the batch holds a reference to each segment it points into.
 */
#include "engine/bus/embedded_log_internal.h"

#include "engine/base/check.h"

#define POLL_SHORT_RECORDS 8u

void log_poll_unpin_locked(struct log_member *member)
{
    for (uint32_t i = 0; i < member->pins_count; i++)
        log_segment_release(member->pins[i]);
    member->pins_count = 0;
    member->borrowed = false;
}

/* ---- reading --------------------------------------------------------------------------------------- */

static void batch_add(struct log_member *member, uint32_t at, struct log_owned *owned,
                      const struct log_entry *entry, struct log_segment *segment)
{
    if (member->pins_count == 0 || member->pins[member->pins_count - 1] != segment) {
        segment->references++;
        member->pins[member->pins_count++] = segment;
    }
    union {
        const struct log_entry *entry;
        void *handle;
    } borrowed = {entry};
    member->records[at] = (struct bus_record){.source = owned->source,
                                              .offset = entry->offset,
                                              .timestamp_ms = entry->timestamp_ms,
                                              .key = log_entry_key(entry),
                                              .value = log_entry_value(entry),
                                              .handle = borrowed.handle};
    log_cursor_pass(&owned->cursor, entry);
    owned->position = entry->offset + 1;
}

static const struct log_entry *owned_peek(struct log_owned *owned, struct log_segment **segment)
{
    if (!owned->started || owned->paused)
        return NULL;
    const struct log_entry *entry =
        log_partition_find(owned->log, owned->position, &owned->cursor, segment);
    if (entry == NULL)
        owned->position = owned->log->next; /* over markers, as a real consumer moves */
    return entry;
}

/* Takes up to quota records of each partition in turn, and goes round until nothing is left. */
static uint32_t fetch_in_turns(struct log_member *member, uint32_t limit)
{
    uint32_t count = 0;
    uint32_t quota = limit / member->owned_count + 1;
    for (bool more = true; more && count < limit;) {
        more = false;
        for (uint32_t i = 0; i < member->owned_count; i++) {
            struct log_owned *owned =
                &member->owned[(member->first_owned + i) % member->owned_count];
            struct log_segment *segment = NULL;
            const struct log_entry *entry = NULL;
            uint32_t taken = 0;
            while (count < limit && taken < quota &&
                   (entry = owned_peek(owned, &segment)) != NULL) {
                batch_add(member, count++, owned, entry, segment);
                taken++;
            }
            more = more || taken > 0;
        }
    }
    member->first_owned = (member->first_owned + 1) % member->owned_count;
    return count;
}

/* Merges the partitions by the order in which their records were appended. */
static uint32_t fetch_in_append_order(struct log_member *member, uint32_t limit)
{
    uint32_t count = 0;
    while (count < limit) {
        struct log_owned *best = NULL;
        const struct log_entry *best_entry = NULL;
        struct log_segment *best_segment = NULL;
        for (uint32_t i = 0; i < member->owned_count; i++) {
            struct log_segment *segment = NULL;
            const struct log_entry *entry = owned_peek(&member->owned[i], &segment);
            if (entry != NULL && (best == NULL || entry->sequence < best_entry->sequence)) {
                best = &member->owned[i];
                best_entry = entry;
                best_segment = segment;
            }
        }
        if (best == NULL)
            break;
        batch_add(member, count++, best, best_entry, best_segment);
    }
    return count;
}

static bool positions_are_kept(const struct log_member *member, struct error *error)
{
    for (uint32_t i = 0; i < member->owned_count; i++) {
        const struct log_owned *owned = &member->owned[i];
        if (owned->started && owned->position < owned->log->low)
            return error_set(
                error, ERROR_INPUT,
                "%s/%d: offset %lld was deleted, the oldest kept is %lld; records were "
                "purged or expired before they were read: keep the topic for longer",
                owned->topic->name, (int)owned->source.partition, (long long)owned->position,
                (long long)owned->log->low);
    }
    return true;
}

static enum member_event fetch(struct log_member *member, uint32_t limit,
                               struct member_batch *batch, struct error *error)
{
    if (member->owned_count == 0 || limit == 0)
        return MEMBER_IDLE;
    if (!positions_are_kept(member, error))
        return MEMBER_FAILED;
    batch->count = member->log->options.poll_in_append_order ? fetch_in_append_order(member, limit)
                                                             : fetch_in_turns(member, limit);
    if (batch->count == 0)
        return MEMBER_IDLE;
    batch->records = member->records;
    member->borrowed = true;
    return MEMBER_RECORDS;
}

/* ---- poll -------------------------------------------------------------------------------------------- */

/* Faults of this poll; returns how many records it may give. */
static uint32_t poll_faults_locked(struct log_member *member)
{
    struct embedded_log *log = member->log;
    const struct embedded_log_faults *faults = &log->options.faults;
    log_member_evict_locked(member, faults->evict);
    if (member->joined && log_chance_locked(log, faults->revoke))
        log_group_rebalance(log, member->group);
    if (log_chance_locked(log, faults->poll_nothing))
        return 0;
    if (log_chance_locked(log, faults->poll_short))
        return 1 + (uint32_t)(log_random_locked(log) % POLL_SHORT_RECORDS);
    return UINT32_MAX;
}

static enum member_event poll_once_locked(struct log_member *member, uint32_t limit,
                                          struct member_batch *batch, struct error *error)
{
    if (member->crashed) {
        (void)error_set(error, ERROR_SYSTEM, "the member has crashed (simulated)");
        return MEMBER_FAILED;
    }
    enum member_event event = log_group_event(member, &batch->partitions_count);
    if (event != MEMBER_IDLE) {
        batch->partitions = member->partitions;
        member->awaits_answer = true;
        return event;
    }
    uint32_t most = member->log->options.poll_records_max;
    return fetch(member, limit < most ? limit : most, batch, error);
}

enum member_event log_poll(struct member *m, int timeout_ms, struct member_batch *batch,
                           struct error *error)
{
    struct log_member *member = log_member_of(m);
    struct embedded_log *log = member->log;
    *batch = (struct member_batch){0};
    CHECK(!member->borrowed);
    CHECK(!member->awaits_answer);
    int64_t deadline = timeout_ms > 0 ? clock_monotonic_ns() + (int64_t)timeout_ms * 1000000 : 0;
    log_lock(log);
    uint32_t limit = poll_faults_locked(member);
    enum member_event event = poll_once_locked(member, limit, batch, error);
    while (event == MEMBER_IDLE && timeout_ms > 0 && log_wait_locked(log, deadline))
        event = poll_once_locked(member, limit, batch, error);
    log_unlock(log);
    return event;
}

void log_poll_release(struct member *m, struct member_batch *batch)
{
    struct log_member *member = log_member_of(m);
    log_lock(member->log);
    log_poll_unpin_locked(member);
    log_unlock(member->log);
    batch->records = NULL;
    batch->count = 0;
}

uint32_t log_poll_headers(struct member *m, const struct bus_record *record, struct bus_header *out,
                          uint32_t max)
{
    CHECK(log_member_of(m)->borrowed);
    return log_entry_headers(record->handle, out, max);
}
