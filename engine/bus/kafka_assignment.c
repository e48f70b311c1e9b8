/*
 * kafka_assignment.c - which partitions a member owns, and where it reads them.
 *
 * The rebalance callback only notes what is asked; poll hands it out and assign or unassign answers.
 */
#include "engine/base/check.h"
#include "engine/base/fault.h"
#include "engine/base/memory.h"
#include "engine/bus/kafka_internal.h"

#define CALL_TIMEOUT_MS 10000

struct kafka_partition *kafka_partition_of(struct kafka_member *m, struct bus_partition which)
{
    if (which.topic < 0 || (uint32_t)which.topic >= m->topics_count || which.partition < 0 ||
        which.partition >= m->topics[which.topic].partitions_count)
        return NULL;
    struct kafka_partition *p = &m->topics[which.topic].partitions[which.partition];
    return p->assigned ? p : NULL;
}

/* The slot of a partition, made when it is new. */
static struct kafka_partition *slot_of(struct kafka_member *m, struct bus_partition which)
{
    CHECK(which.topic >= 0 && (uint32_t)which.topic < m->topics_count && which.partition >= 0);
    struct kafka_topic *t = &m->topics[which.topic];
    if (which.partition >= t->partitions_count) {
        int32_t count = which.partition + 1;
        t->partitions = memory_resize(t->partitions, (size_t)count * sizeof *t->partitions);
        memset(t->partitions + t->partitions_count, 0,
               (size_t)(count - t->partitions_count) * sizeof *t->partitions);
        t->partitions_count = count;
    }
    return &t->partitions[which.partition];
}

/* ---- rebalance ------------------------------------------------------------------------------ */

static void note_partitions(struct kafka_member *m, const rd_kafka_topic_partition_list_t *list)
{
    memory_free(m->pending_partitions);
    m->pending_partitions =
        memory_allocate_array((size_t)list->cnt + 1, sizeof *m->pending_partitions);
    m->pending_count = 0;
    for (int i = 0; i < list->cnt; i++) {
        for (uint32_t t = 0; t < m->topics_count; t++) {
            if (strcmp(m->topics[t].name, list->elems[i].topic) == 0)
                m->pending_partitions[m->pending_count++] =
                    (struct bus_partition){(int32_t)t, list->elems[i].partition};
        }
    }
}

static bool cooperative(struct kafka_member *m)
{
    const char *protocol = rd_kafka_rebalance_protocol(m->consumer);
    return protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
}

void kafka_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                        rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_member *m = ((struct kafka_client *)opaque)->member;
    bool known =
        err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS || err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS;
    if (m->closing || !known) {
        if (!known)
            kafka_log(m->bus, LOG_WARNING, "group %s: rebalance failed: %s", m->group,
                      rd_kafka_err2str(err));
        if (err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS && cooperative(m)) {
            rd_kafka_error_t *e = rd_kafka_incremental_unassign(rk, list);
            if (e != NULL)
                rd_kafka_error_destroy(e);
        } else {
            (void)rd_kafka_assign(rk, NULL);
        }
        return;
    }
    CHECK(m->pending == MEMBER_IDLE);
    note_partitions(m, list);
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        m->pending = MEMBER_ASSIGN;
    else
        m->pending = rd_kafka_assignment_lost(rk) ? MEMBER_LOST : MEMBER_REVOKE;
    rd_kafka_yield(rk);
}

static bool answered(struct kafka_member *m, rd_kafka_error_t *failure, rd_kafka_resp_err_t err,
                     const char *what, struct error *error)
{
    m->pending = MEMBER_IDLE;
    m->pending_told = false;
    m->last_rkt = NULL;
    if (failure == NULL && err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    error_set(error, ERROR_SYSTEM, "group %s: cannot %s partitions: %s", m->group, what,
              failure ? rd_kafka_error_string(failure) : rd_kafka_err2str(err));
    if (failure != NULL)
        rd_kafka_error_destroy(failure);
    return false;
}

/* Where to read a partition whose group never committed there. */
static bool find_start(struct kafka_member *m, struct bus_partition which, int64_t *out,
                       struct error *error)
{
    const char *name = m->topics[which.topic].name;
    int64_t low = 0;
    int64_t high = 0;
    if (m->bus->options.offset_reset == KAFKA_RESET_ERROR)
        return error_set(error, ERROR_INPUT,
                         "%s/%d: group %s has no committed offset here, and offset_reset is "
                         "\"error\": set the group's "
                         "offset, or let it begin at the earliest or latest record",
                         name, which.partition, m->group);
    if (!kafka_admin_watermarks(&m->bus->base, name, which.partition, &low, &high, error))
        return false;
    *out = m->bus->options.offset_reset == KAFKA_RESET_LATEST ? high : low;
    return true;
}

static bool set_starts(struct kafka_member *m, const struct bus_position *starts, uint32_t count,
                       rd_kafka_topic_partition_list_t *list, struct error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t offset = starts[i].offset;
        if (offset < 0 && !find_start(m, starts[i].source, &offset, error))
            return false;
        struct kafka_partition *p = slot_of(m, starts[i].source);
        *p = (struct kafka_partition){.assigned = true, .origin = offset, .next = offset};
        list->elems[i].offset = offset;
    }
    return true;
}

static void forget_all(struct kafka_member *m)
{
    for (uint32_t t = 0; t < m->topics_count; t++) {
        if (m->topics[t].partitions_count > 0)
            memset(m->topics[t].partitions, 0,
                   (size_t)m->topics[t].partitions_count * sizeof *m->topics[t].partitions);
    }
}

bool kafka_member_assign(struct member *base, const struct bus_position *starts, uint32_t count,
                         struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    CHECK(m->pending == MEMBER_ASSIGN && m->pending_told);
    bool incremental = cooperative(m);
    rd_kafka_topic_partition_list_t *list = kafka_list_of(m, starts, count);
    if (!incremental)
        forget_all(m);
    rd_kafka_error_t *failure = NULL;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool good = set_starts(m, starts, count, list, error);
    kafka_watch_enter(m->bus->watchdog, &m->watch, "assigning partitions", CALL_TIMEOUT_MS);
    if (!good)
        (void)0; /* stays unanswered: the caller ends */
    else if (incremental)
        failure = rd_kafka_incremental_assign(m->consumer, list);
    else
        err = rd_kafka_assign(m->consumer, list);
    kafka_watch_leave(m->bus->watchdog, &m->watch);
    rd_kafka_topic_partition_list_destroy(list);
    return answered(m, failure, err, "assign", error) && good;
}

/* The library keeps a partition paused when it is given up, and would not read it when it comes back. */
static void resume_paused(struct kafka_member *m, const struct bus_partition *gone, uint32_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        const struct kafka_partition *p = kafka_partition_of(m, gone[i]);
        if (p != NULL && p->paused)
            rd_kafka_topic_partition_list_add(list, m->topics[gone[i].topic].name,
                                              gone[i].partition);
    }
    if (list->cnt > 0 && !fault_rule_off("resume_given_up"))
        (void)rd_kafka_resume_partitions(m->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
}

bool kafka_member_unassign(struct member *base, const struct bus_partition *gone, uint32_t count,
                           struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    CHECK((m->pending == MEMBER_REVOKE || m->pending == MEMBER_LOST) && m->pending_told);
    rd_kafka_error_t *failure = NULL;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool incremental = cooperative(m);
    resume_paused(m, gone, count);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        struct kafka_partition *p = kafka_partition_of(m, gone[i]);
        if (p == NULL)
            continue;
        *p = (struct kafka_partition){0};
        rd_kafka_topic_partition_list_add(list, m->topics[gone[i].topic].name, gone[i].partition);
    }
    kafka_watch_enter(m->bus->watchdog, &m->watch, "giving up partitions", CALL_TIMEOUT_MS);
    if (incremental) {
        failure = rd_kafka_incremental_unassign(m->consumer, list);
    } else {
        forget_all(m);
        err = rd_kafka_assign(m->consumer, NULL);
    }
    kafka_watch_leave(m->bus->watchdog, &m->watch);
    rd_kafka_topic_partition_list_destroy(list);
    return answered(m, failure, err, "give up", error);
}

/* After its offset was gone a partition's fetcher stands still, and a seek does not wake it. */
bool kafka_partition_restart(struct kafka_member *m, struct bus_partition which, int64_t offset,
                             struct error *error)
{
    struct kafka_partition *p = kafka_partition_of(m, which);
    if (p == NULL || m->pending != MEMBER_IDLE)
        return true; /* not ours for long: the next owner finds the same */
    p->next = offset;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    bool incremental = cooperative(m);
    for (uint32_t t = 0; t < m->topics_count; t++) {
        for (int32_t i = 0; i < m->topics[t].partitions_count; i++) {
            const struct kafka_partition *one = &m->topics[t].partitions[i];
            if (one->assigned && (one == p || !incremental))
                rd_kafka_topic_partition_list_add(list, m->topics[t].name, i)->offset = one->next;
        }
    }
    rd_kafka_error_t *failure = NULL;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (incremental) {
        failure = rd_kafka_incremental_unassign(m->consumer, list);
        if (failure == NULL)
            failure = rd_kafka_incremental_assign(m->consumer, list);
    } else {
        err = rd_kafka_assign(m->consumer, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return answered(m, failure, err, "go on with", error);
}
