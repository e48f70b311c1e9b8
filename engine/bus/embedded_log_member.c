/*
 * embedded_log_member.c - opening, closing and accidents of a member, and its positions: assign,
 * seek, pause.
 */
#include "engine/bus/embedded_log_internal.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

/* ---- positions ---------------------------------------------------------------------------------------- */

static bool not_ours(const struct log_member *member, struct bus_partition p, struct error *error)
{
    bool known = p.topic >= 0 && (uint32_t)p.topic < member->reads_count;
    return error_set(error, ERROR_INPUT, "%s/%d is not assigned to this member",
                     known ? member->reads[p.topic].topic->name : "?", (int)p.partition);
}

static bool start_at(struct log_member *member, const struct bus_position *start,
                     struct error *error)
{
    struct log_owned *owned = log_member_owned(member, start->source);
    if (owned == NULL)
        return not_ours(member, start->source, error);
    const struct log_partition *log = owned->log;
    if (start->offset > log->next)
        return error_set(error, ERROR_INPUT,
                         "%s/%d: offset %lld is beyond the end of the log, %lld",
                         owned->topic->name, (int)owned->source.partition, (long long)start->offset,
                         (long long)log->next);
    owned->position = start->offset;
    if (start->offset < 0)
        owned->position = member->log->options.reset_to_latest ? log->next : log->low;
    owned->started = true;
    return true;
}

static bool member_assign_log(struct member *m, const struct bus_position *starts, uint32_t count,
                              struct error *error)
{
    struct log_member *member = log_member_of(m);
    bool ok = true;
    log_lock(member->log);
    for (uint32_t i = 0; ok && i < count; i++)
        ok = start_at(member, &starts[i], error);
    for (uint32_t i = 0; ok && i < member->owned_count; i++)
        if (!member->owned[i].started)
            ok = error_set(error, ERROR_INPUT, "%s/%d was assigned but not given a start",
                           member->owned[i].topic->name, (int)member->owned[i].source.partition);
    member->awaits_answer = member->awaits_answer && !ok;
    log_unlock(member->log);
    return ok;
}

static bool member_seek_log(struct member *m, const struct bus_position *positions, uint32_t count,
                            struct error *error)
{
    struct log_member *member = log_member_of(m);
    bool ok = true;
    log_lock(member->log);
    for (uint32_t i = 0; ok && i < count; i++)
        ok = start_at(member, &positions[i], error);
    log_unlock(member->log);
    return ok;
}

static bool disown(struct log_member *member, struct bus_partition gone, struct error *error)
{
    struct log_owned *owned = log_member_owned(member, gone);
    if (owned == NULL)
        return not_ours(member, gone, error);
    struct log_slot *slot = log_owned_slot(member, owned);
    if (slot->owner == member)
        slot->owner = NULL;
    member->owned_count--;
    size_t behind = (size_t)(&member->owned[member->owned_count] - owned);
    memmove(owned, owned + 1, behind * sizeof *owned);
    return true;
}

static bool member_unassign_log(struct member *m, const struct bus_partition *gone, uint32_t count,
                                struct error *error)
{
    struct log_member *member = log_member_of(m);
    bool ok = true;
    log_lock(member->log);
    for (uint32_t i = 0; ok && i < count; i++)
        ok = disown(member, gone[i], error);
    if (member->owned_count == 0) {
        member->revoke_all = false;
        member->lost = false;
    }
    member->first_owned = 0;
    member->awaits_answer = false;
    pthread_cond_broadcast(&member->log->changed);
    log_unlock(member->log);
    return ok;
}

static bool member_committed_log(struct member *m, struct bus_position *positions, uint32_t count,
                                 struct error *error)
{
    struct log_member *member = log_member_of(m);
    bool ok = true;
    log_lock(member->log);
    for (uint32_t i = 0; ok && i < count; i++) {
        struct bus_partition source = positions[i].source;
        if (source.topic < 0 || (uint32_t)source.topic >= member->reads_count ||
            source.partition < 0 ||
            source.partition >= member->reads[source.topic].topic->partitions_count) {
            ok = not_ours(member, source, error);
            continue;
        }
        const struct log_slot *slot =
            &member->group->slots[member->reads[source.topic].slot + (uint32_t)source.partition];
        positions[i].offset = slot->offset;
        memcpy(positions[i].metadata, slot->metadata, sizeof slot->metadata);
    }
    log_unlock(member->log);
    return ok;
}

static bool member_pause_log(struct member *m, struct bus_partition source, bool paused)
{
    struct log_member *member = log_member_of(m);
    log_lock(member->log);
    struct log_owned *owned = log_member_owned(member, source);
    if (owned != NULL)
        owned->paused = paused;
    log_unlock(member->log);
    return owned != NULL;
}

static bool member_at_end_log(struct member *m, struct bus_partition source)
{
    struct log_member *member = log_member_of(m);
    log_lock(member->log);
    struct log_owned *owned = log_member_owned(member, source);
    struct log_segment *segment = NULL;
    bool at_end = owned != NULL && owned->started &&
                  log_partition_find(owned->log, owned->position, &owned->cursor, &segment) == NULL;
    log_unlock(member->log);
    return at_end;
}

static int64_t member_behind_log(struct member *m, struct bus_partition source, int64_t next)
{
    struct log_member *member = log_member_of(m);
    log_lock(member->log);
    struct log_owned *owned = log_member_owned(member, source);
    int64_t behind = owned == NULL ? -1 : owned->log->next - (next < owned->log->low ? owned->log->low : next);
    log_unlock(member->log);
    return owned != NULL && member_at_end_log(m, source) ? 0 : behind;
}

/* ---- opening and closing --------------------------------------------------------------------------------- */

void log_member_crash_locked(struct log_member *member)
{
    if (member->crashed)
        return;
    member->crashed = true;
    member->log->counts.crashes++;
    log_transaction_discard_locked(member);
    log_group_leave(member);
}

void embedded_log_crash(struct member *m)
{
    struct log_member *member = log_member_of(m);
    log_lock(member->log);
    log_member_crash_locked(member);
    log_unlock(member->log);
}

void log_member_evict_locked(struct log_member *member, double probability)
{
    if (!member->joined || !log_chance_locked(member->log, probability))
        return;
    member->log->counts.evictions++;
    member->lost = true;
    log_group_leave(member);
}

void embedded_log_evict(struct member *m)
{
    struct log_member *member = log_member_of(m);
    log_lock(member->log);
    log_member_evict_locked(member, 1);
    log_unlock(member->log);
}

static void member_free(struct log_member *member)
{
    memory_free(member->transactional_id);
    memory_free(member->reads);
    memory_free(member->writes);
    memory_free(member->owned);
    memory_free(member->pending);
    memory_free(member->records);
    memory_free(member->partitions);
    memory_free(member->pins);
    memory_free(member);
}

static void member_close_log(struct member *m)
{
    struct log_member *member = log_member_of(m);
    struct embedded_log *log = member->log;
    log_lock(log);
    log_poll_unpin_locked(member);
    log_transaction_discard_locked(member);
    log_group_leave(member);
    uint32_t place = 0;
    while (log->members[place] != member)
        place++;
    log->members_count--;
    memmove(&log->members[place], &log->members[place + 1],
            (log->members_count - place) * sizeof(struct log_member *));
    log_unlock(log);
    member_free(member);
}

static const struct member_ops log_member_ops = {
    .poll = log_poll,
    .release = log_poll_release,
    .headers = log_poll_headers,
    .assign = member_assign_log,
    .unassign = member_unassign_log,
    .committed = member_committed_log,
    .seek = member_seek_log,
    .pause = member_pause_log,
    .at_end = member_at_end_log,
    .behind = member_behind_log,
    .begin = log_transaction_begin,
    .produce = log_transaction_produce,
    .commit = log_transaction_commit,
    .abort = log_transaction_abort,
    .close = member_close_log,
};

static bool subscribe(struct embedded_log *log, const char *const *names, uint32_t count,
                      struct log_subscription **out, struct error *error)
{
    *out = memory_allocate_array(count, sizeof **out);
    for (uint32_t i = 0; i < count; i++) {
        (*out)[i].topic = log_topic_get_locked(log, names[i], error);
        if ((*out)[i].topic == NULL)
            return false;
    }
    return true;
}

static void enter_group(struct log_member *member, const char *group)
{
    uint32_t partitions = 0;
    member->group = log_group_get(member->log, group);
    for (uint32_t i = 0; i < member->reads_count; i++) {
        member->reads[i].slot = log_group_subscribe(member->group, member->reads[i].topic);
        partitions += (uint32_t)member->reads[i].topic->partitions_count;
    }
    member->partitions = memory_allocate_array(partitions, sizeof *member->partitions);
    member->records =
        memory_allocate_array(member->log->options.poll_records_max, sizeof *member->records);
    member->pins =
        memory_allocate_array(member->log->options.poll_records_max, sizeof(struct log_segment *));
}

/* The newest member with an id is the only one that may commit under it. */
static void fence_twins(struct embedded_log *log, const char *transactional_id)
{
    for (uint32_t i = 0; i < log->members_count; i++)
        if (log->members[i]->transactional_id != NULL &&
            strcmp(log->members[i]->transactional_id, transactional_id) == 0)
            log->members[i]->fenced = true;
}

static void enlist(struct embedded_log *log, struct log_member *member,
                   const char *transactional_id)
{
    if (transactional_id != NULL)
        fence_twins(log, transactional_id);
    member->transactional_id = memory_copy_text(transactional_id);
    member->number = log->members_opened++;
    log->members =
        memory_resize(log->members, (log->members_count + 1) * sizeof(struct log_member *));
    log->members[log->members_count++] = member;
}

struct member *log_member_open(struct bus *bus, const struct member_spec *spec, struct error *error)
{
    struct embedded_log *log = log_of(bus);
    struct log_member *member = memory_allocate(sizeof *member);
    member->member.ops = &log_member_ops;
    member->log = log;
    member->reads_count = spec->topics_read_count;
    member->writes_count = spec->topics_written_count;
    log_lock(log);
    bool ok =
        subscribe(log, spec->topics_read, spec->topics_read_count, &member->reads, error) &&
        subscribe(log, spec->topics_written, spec->topics_written_count, &member->writes, error);
    if (ok && spec->topics_read_count > 0 && spec->group == NULL)
        ok = error_set(error, ERROR_INPUT, "a member that reads topics needs a group: name one");
    if (ok && spec->topics_read_count > 0)
        enter_group(member, spec->group);
    if (ok)
        enlist(log, member, spec->transactional_id);
    log_unlock(log);
    if (!ok) {
        member_free(member);
        return NULL;
    }
    return &member->member;
}
