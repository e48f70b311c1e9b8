/*
 * embedded_log_transaction.c - the producer half of a member: begin, produce, commit, abort.
 *
 * Until commit a transaction exists only in its member, as pointers to the caller's bytes; commit
 * copies everything into the partitions under the mutex. So atomicity needs no undo.
 */
#include "engine/bus/embedded_log_internal.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

bool log_transaction_begin(struct member *m, struct error *error)
{
    struct log_member *member = log_member_of(m);
    CHECK(!member->open);
    bool ok = true;
    log_lock(member->log);
    if (member->crashed)
        ok = error_set(error, ERROR_SYSTEM, "the member has crashed (simulated)");
    else if (member->fenced)
        ok = error_set(
            error, ERROR_FENCED,
            "transactional.id \"%s\" was taken over by a twin: give each process its own instance",
            member->transactional_id);
    log_unlock(member->log);
    member->open = ok;
    return ok;
}

static struct log_subscription *find_written(struct log_member *member, const char *topic)
{
    for (uint32_t i = 0; i < member->writes_count; i++)
        if (strcmp(member->writes[i].topic->name, topic) == 0)
            return &member->writes[i];
    return NULL;
}

bool log_transaction_produce(struct member *m, const struct bus_output *output, struct error *error)
{
    struct log_member *member = log_member_of(m);
    CHECK(member->open);
    struct log_subscription *written = find_written(member, output->topic);
    if (written == NULL)
        return error_set(error, ERROR_INPUT,
                         "topic \"%s\" is not among those the member was opened to write",
                         output->topic);
    if (!log_output_check(member->log, written->topic, output, error))
        return false;
    if (member->pending_count == member->pending_capacity) {
        member->pending_capacity = member->pending_capacity ? member->pending_capacity * 2 : 64;
        member->pending =
            memory_resize(member->pending, member->pending_capacity * sizeof *member->pending);
    }
    member->pending[member->pending_count++] = (struct log_pending){
        .topic = written->topic,
        .partition = log_output_partition(written->topic, output, &written->turn),
        .output = *output};
    return true;
}

/* ---- ending a transaction --------------------------------------------------------------------------- */

/* The first touch by this transaction gets the partition its marker at the end; see end_locked. */
static bool touch_first(struct log_member *member, const struct log_pending *pending)
{
    struct log_partition *partition = &pending->topic->partitions[pending->partition];
    if (partition->transaction == member->log->transactions)
        return false;
    partition->transaction = member->log->transactions;
    return true;
}

/* Appends the pending records, or (kept false) only uses up their offsets; then the markers. */
static void end_locked(struct log_member *member, bool kept)
{
    struct embedded_log *log = member->log;
    uint32_t touched = 0;
    log->transactions++;
    for (uint32_t i = 0; i < member->pending_count; i++) {
        struct log_pending *pending = &member->pending[i];
        bool first = touch_first(member, pending);
        if (kept)
            log_append_locked(log, pending->topic, pending->partition, &pending->output);
        else
            pending->topic->partitions[pending->partition].next++;
        if (first)
            member->pending[touched++] = *pending; /* at most i: behind what is still to come */
    }
    for (uint32_t i = 0; i < touched; i++)
        member->pending[i].topic->partitions[member->pending[i].partition].next++;
    for (uint32_t i = 0; kept && i < touched; i++)
        log_tidy_locked(log, member->pending[i].topic, member->pending[i].partition);
    member->pending_count = 0;
    member->open = false;
    if (touched > 0)
        pthread_cond_broadcast(&log->changed);
}

void log_transaction_discard_locked(struct log_member *member)
{
    if (member->open)
        end_locked(member, false);
}

static void store_positions(struct log_member *member, const struct bus_position *positions,
                            uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct log_slot *slot =
            log_owned_slot(member, log_member_owned(member, positions[i].source));
        slot->offset = positions[i].offset;
        memcpy(slot->metadata, positions[i].metadata, sizeof slot->metadata);
    }
}

/* COMMIT_DONE: nothing stands against it. */
static enum commit_outcome check_positions(struct log_member *member,
                                           const struct bus_position *positions, uint32_t count,
                                           struct error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct log_owned *owned = log_member_owned(member, positions[i].source);
        if (owned == NULL || !member->joined || log_owned_slot(member, owned)->owner != member) {
            (void)error_set(
                error, ERROR_UNAVAILABLE,
                "group \"%s\" has given partition %d of topic %d to others: the commit was refused",
                member->group ? member->group->name : "", (int)positions[i].source.partition,
                (int)positions[i].source.topic);
            member->log->counts.commits_not_owner++;
            return COMMIT_ABORTED;
        }
        if (positions[i].offset < 0 || positions[i].offset > owned->log->next) {
            (void)error_set(error, ERROR_INPUT,
                            "%s/%d: position %lld is outside of the log, 0 to %lld",
                            owned->topic->name, (int)positions[i].source.partition,
                            (long long)positions[i].offset, (long long)owned->log->next);
            return COMMIT_FAILED;
        }
        CHECK(memchr(positions[i].metadata, 0, sizeof positions[i].metadata) != NULL);
    }
    return COMMIT_DONE;
}

/* The seeded fate of a commit that nothing else stands against. */
enum fate { FATE_DONE, FATE_ABORTED, FATE_CRASH_BEFORE, FATE_CRASH_AFTER };

static enum fate draw_fate(struct embedded_log *log)
{
    const struct embedded_log_faults *faults = &log->options.faults;
    if (log_chance_locked(log, faults->commit_aborts)) {
        log->counts.commits_aborted++;
        return FATE_ABORTED;
    }
    if (log_chance_locked(log, faults->commit_unknown_aborted)) {
        log->counts.commits_unknown_aborted++;
        return FATE_ABORTED;
    }
    if (log_chance_locked(log, faults->commit_crashes_before))
        return FATE_CRASH_BEFORE;
    if (log_chance_locked(log, faults->commit_crashes_after))
        return FATE_CRASH_AFTER;
    if (log_chance_locked(log, faults->commit_unknown_done))
        log->counts.commits_unknown_done++;
    return FATE_DONE;
}

static enum commit_outcome commit_locked(struct log_member *member,
                                         const struct bus_position *positions, uint32_t count,
                                         struct error *error)
{
    struct embedded_log *log = member->log;
    if (member->crashed) {
        (void)error_set(error, ERROR_SYSTEM, "the member has crashed (simulated)");
        return COMMIT_FAILED;
    }
    if (member->fenced) {
        log->counts.commits_fenced++;
        (void)error_set(
            error, ERROR_FENCED,
            "transactional.id \"%s\" was taken over by a twin: give each process its own instance",
            member->transactional_id);
        return COMMIT_FENCED;
    }
    log_member_evict_locked(member, log->options.faults.evict);
    enum commit_outcome outcome = check_positions(member, positions, count, error);
    if (outcome != COMMIT_DONE)
        return outcome;
    enum fate fate = draw_fate(log);
    if (fate == FATE_ABORTED) {
        (void)error_set(error, ERROR_UNAVAILABLE,
                        "the broker has aborted the transaction (simulated)");
        return COMMIT_ABORTED;
    }
    if (fate != FATE_CRASH_BEFORE) {
        store_positions(member, positions, count);
        end_locked(member, true);
        log->counts.commits++;
    }
    if (fate == FATE_DONE)
        return COMMIT_DONE;
    log_member_crash_locked(member);
    (void)error_set(error, ERROR_SYSTEM, "the member has crashed (simulated)");
    return COMMIT_FAILED;
}

enum commit_outcome log_transaction_commit(struct member *m, const struct bus_position *positions,
                                           uint32_t count, struct error *error)
{
    struct log_member *member = log_member_of(m);
    log_lock(member->log);
    CHECK(member->open || member->crashed);
    enum commit_outcome outcome = commit_locked(member, positions, count, error);
    log_transaction_discard_locked(member);
    log_unlock(member->log);
    return outcome;
}

enum commit_outcome log_transaction_abort(struct member *m, struct error *error)
{
    struct log_member *member = log_member_of(m);
    enum commit_outcome outcome = COMMIT_ABORTED;
    log_lock(member->log);
    CHECK(member->open || member->crashed);
    log_transaction_discard_locked(member);
    member->log->counts.aborts++;
    if (member->crashed) {
        (void)error_set(error, ERROR_SYSTEM, "the member has crashed (simulated)");
        outcome = COMMIT_FAILED;
    } else if (member->fenced) {
        (void)error_set(
            error, ERROR_FENCED,
            "transactional.id \"%s\" was taken over by a twin: give each process its own instance",
            member->transactional_id);
        outcome = COMMIT_FENCED;
    }
    log_unlock(member->log);
    return outcome;
}
