/*
 * embedded_log_group.c - who owns which partition: ranges, revokes, assignments, evictions.
 *
 * A rebalance only writes targets. Members find out at their next poll: they give back what is
 * revoked, and get what is free and targeted at them. In eager groups nobody gets anything before
 * all have given everything back. So a partition never has two owners, whoever polls when.
 */
#include "engine/bus/embedded_log_internal.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

struct log_group *log_group_find(struct embedded_log *log, const char *name)
{
    for (uint32_t i = 0; i < log->groups_count; i++)
        if (strcmp(log->groups[i]->name, name) == 0)
            return log->groups[i];
    return NULL;
}

struct log_group *log_group_get(struct embedded_log *log, const char *name)
{
    struct log_group *group = log_group_find(log, name);
    if (group != NULL)
        return group;
    group = memory_allocate(sizeof *group);
    group->name = memory_copy_text(name);
    log->groups = memory_resize(log->groups, (log->groups_count + 1) * sizeof(struct log_group *));
    log->groups[log->groups_count++] = group;
    return group;
}

void log_group_free(struct log_group *group)
{
    memory_free(group->name);
    memory_free(group->slots);
    memory_free(group->members);
    memory_free(group);
}

uint32_t log_group_slot(const struct log_group *group, const struct log_topic *topic)
{
    for (uint32_t i = 0; i < group->slots_count; i++)
        if (group->slots[i].topic == topic)
            return i;
    return UINT32_MAX;
}

uint32_t log_group_subscribe(struct log_group *group, struct log_topic *topic)
{
    uint32_t slot = log_group_slot(group, topic);
    if (slot != UINT32_MAX)
        return slot;
    slot = group->slots_count;
    group->slots_count += (uint32_t)topic->partitions_count;
    group->slots = memory_resize(group->slots, group->slots_count * sizeof *group->slots);
    for (int32_t i = 0; i < topic->partitions_count; i++)
        group->slots[slot + (uint32_t)i] =
            (struct log_slot){.topic = topic, .partition = i, .offset = -1};
    return slot;
}

struct log_slot *log_owned_slot(const struct log_member *member, const struct log_owned *owned)
{
    uint32_t first = member->reads[owned->source.topic].slot;
    return &member->group->slots[first + (uint32_t)owned->source.partition];
}

struct log_owned *log_member_owned(struct log_member *member, struct bus_partition source)
{
    for (uint32_t i = 0; i < member->owned_count; i++)
        if (member->owned[i].source.topic == source.topic &&
            member->owned[i].source.partition == source.partition)
            return &member->owned[i];
    return NULL;
}

/* ---- who shall have what ------------------------------------------------------------------------ */

static bool member_reads(const struct log_member *member, const struct log_topic *topic)
{
    for (uint32_t i = 0; i < member->reads_count; i++)
        if (member->reads[i].topic == topic)
            return true;
    return false;
}

/* Deals one topic's slots: the k-th of s subscribers gets the k-th range, the first ones one more. */
static void deal_topic(struct log_group *group, uint32_t first_slot, uint32_t first_member)
{
    struct log_topic *topic = group->slots[first_slot].topic;
    uint32_t partitions = (uint32_t)topic->partitions_count;
    uint32_t subscribers = 0;
    for (uint32_t i = 0; i < group->members_count; i++)
        subscribers += member_reads(group->members[i], topic);
    for (uint32_t i = 0; i < partitions; i++)
        group->slots[first_slot + i].target = NULL;
    uint32_t dealt = 0;
    uint32_t rank = 0;
    for (uint32_t i = 0; i < group->members_count; i++) {
        struct log_member *member = group->members[(first_member + i) % group->members_count];
        if (!member_reads(member, topic))
            continue;
        uint32_t share = partitions / subscribers + (rank < partitions % subscribers);
        for (uint32_t k = 0; k < share; k++)
            group->slots[first_slot + dealt++].target = member;
        rank++;
    }
}

void log_group_rebalance(struct embedded_log *log, struct log_group *group)
{
    log->counts.rebalances++;
    uint32_t first_member = 0;
    if (log->options.faults.shuffle_assignment && group->members_count > 1)
        first_member = (uint32_t)(log_random_locked(log) % group->members_count);
    for (uint32_t slot = 0; slot < group->slots_count;
         slot += (uint32_t)group->slots[slot].topic->partitions_count)
        deal_topic(group, slot, first_member);
    if (!log->options.cooperative)
        for (uint32_t i = 0; i < group->members_count; i++)
            group->members[i]->revoke_all = group->members[i]->owned_count > 0;
    pthread_cond_broadcast(&log->changed);
}

void log_group_join(struct log_member *member)
{
    struct log_group *group = member->group;
    CHECK(!member->joined && member->owned_count == 0);
    if (group->members_count == group->members_capacity) {
        group->members_capacity = group->members_capacity ? group->members_capacity * 2 : 4;
        group->members =
            memory_resize(group->members, group->members_capacity * sizeof(struct log_member *));
    }
    uint32_t place = group->members_count;
    for (; place > 0 && group->members[place - 1]->number > member->number; place--)
        group->members[place] = group->members[place - 1];
    group->members[place] = member;
    group->members_count++;
    member->joined = true;
    log_group_rebalance(member->log, group);
}

void log_group_leave(struct log_member *member)
{
    struct log_group *group = member->group;
    if (group == NULL || !member->joined)
        return;
    for (uint32_t i = 0; i < group->slots_count; i++)
        if (group->slots[i].owner == member)
            group->slots[i].owner = NULL;
    uint32_t place = 0;
    while (group->members[place] != member)
        place++;
    group->members_count--;
    memmove(&group->members[place], &group->members[place + 1],
            (group->members_count - place) * sizeof(struct log_member *));
    member->joined = false;
    member->revoke_all = false;
    log_group_rebalance(member->log, group);
}

/* ---- what a poll has to say ----------------------------------------------------------------------- */

static bool group_waits_for_revokes(const struct log_group *group)
{
    for (uint32_t i = 0; i < group->members_count; i++)
        if (group->members[i]->revoke_all)
            return true;
    return false;
}

static uint32_t list_lost(struct log_member *member)
{
    for (uint32_t i = 0; i < member->owned_count; i++)
        member->partitions[i] = member->owned[i].source;
    return member->owned_count;
}

static uint32_t list_revoked(struct log_member *member)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < member->owned_count; i++)
        if (member->revoke_all || log_owned_slot(member, &member->owned[i])->target != member)
            member->partitions[count++] = member->owned[i].source;
    return count;
}

static void own(struct log_member *member, int32_t topic, struct log_slot *slot)
{
    if (member->owned_count == member->owned_capacity) {
        member->owned_capacity = member->owned_capacity ? member->owned_capacity * 2 : 8;
        member->owned =
            memory_resize(member->owned, member->owned_capacity * sizeof *member->owned);
    }
    slot->owner = member;
    member->owned[member->owned_count++] =
        (struct log_owned){.source = {topic, slot->partition},
                           .topic = slot->topic,
                           .log = &slot->topic->partitions[slot->partition]};
}

static uint32_t take_assigned(struct log_member *member)
{
    if (!member->log->options.cooperative && group_waits_for_revokes(member->group))
        return 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < member->reads_count; i++)
        for (int32_t k = 0; k < member->reads[i].topic->partitions_count; k++) {
            struct log_slot *slot = &member->group->slots[member->reads[i].slot + (uint32_t)k];
            if (slot->target != member || slot->owner != NULL)
                continue;
            own(member, (int32_t)i, slot);
            member->partitions[count++] = (struct bus_partition){(int32_t)i, k};
        }
    return count;
}

enum member_event log_group_event(struct log_member *member, uint32_t *count)
{
    *count = 0;
    if (member->group == NULL)
        return MEMBER_IDLE;
    if (member->lost) {
        *count = list_lost(member);
        if (*count > 0)
            return MEMBER_LOST;
        member->lost = false;
    }
    if (!member->joined)
        log_group_join(member);
    *count = list_revoked(member);
    if (*count > 0)
        return MEMBER_REVOKE;
    *count = take_assigned(member);
    return *count > 0 ? MEMBER_ASSIGN : MEMBER_IDLE;
}
