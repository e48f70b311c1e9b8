/*
 * kafka_position.c - offsets of a member's partitions: what is committed, where to go on, pauses.
 *
 * Committed offsets are stable ones only: while a transaction that touches them is ending, the broker
 * says so and is asked again. Stored offsets of the library are never used.
 */
#include "engine/base/check.h"
#include "engine/bus/kafka_internal.h"

#define CALL_TIMEOUT_MS 10000
#define RETRY_PAUSE_MS  20

rd_kafka_topic_partition_list_t *kafka_list_of(struct kafka_member *m,
                                               const struct bus_position *positions, uint32_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(positions[i].source.topic >= 0 &&
              (uint32_t)positions[i].source.topic < m->topics_count);
        rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(
            list, m->topics[positions[i].source.topic].name, positions[i].source.partition);
        one->offset = positions[i].offset < 0 ? RD_KAFKA_OFFSET_INVALID : positions[i].offset;
        size_t size = strnlen(positions[i].metadata, BUS_METADATA_MAX);
        if (size > 0) {
            one->metadata = rd_kafka_mem_malloc(NULL, size);
            one->metadata_size = size;
            memcpy(one->metadata, positions[i].metadata, size);
        }
    }
    return list;
}

static rd_kafka_resp_err_t first_error(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return list->elems[i].err;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void read_positions(const rd_kafka_topic_partition_list_t *list,
                           struct bus_position *positions)
{
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        size_t size = one->metadata ? one->metadata_size : 0;
        if (size > BUS_METADATA_MAX)
            size = BUS_METADATA_MAX;
        positions[i].offset = one->offset < 0 ? -1 : one->offset;
        if (size > 0)
            memcpy(positions[i].metadata, one->metadata, size);
        positions[i].metadata[size] = '\0';
    }
}

bool kafka_member_committed(struct member *base, struct bus_position *positions, uint32_t count,
                            struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    int64_t deadline_ns = clock_monotonic_ns() + (int64_t)m->bus->options.patience_ms * 1000000;
    rd_kafka_resp_err_t err;
    if (count == 0)
        return true;
    do { /* a transaction that is still ending makes the offsets unstable: asked again */
        rd_kafka_topic_partition_list_t *list = kafka_list_of(m, positions, count);
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].offset = RD_KAFKA_OFFSET_INVALID;
        kafka_watch_enter(m->bus->watchdog, &m->watch, "reading committed offsets",
                          CALL_TIMEOUT_MS);
        err = rd_kafka_committed(m->consumer, list, CALL_TIMEOUT_MS);
        kafka_watch_leave(m->bus->watchdog, &m->watch);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            err = first_error(list);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            read_positions(list, positions);
        rd_kafka_topic_partition_list_destroy(list);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
    } while (kafka_error_transient(err) && kafka_pause_until(deadline_ns, RETRY_PAUSE_MS));
    return error_set(error, kafka_error_code(err),
                     "group %s: committed offsets cannot be read: %s; is the cluster up?", m->group,
                     rd_kafka_err2str(err));
}

/* Errors of a partition whose fetcher has not started yet. */
static bool seek_may_work_later(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__STATE || err == RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS ||
           err == RD_KAFKA_RESP_ERR__OUTDATED || kafka_error_transient(err);
}

bool kafka_member_seek(struct member *base, const struct bus_position *positions, uint32_t count,
                       struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    int64_t deadline_ns = clock_monotonic_ns() + (int64_t)CALL_TIMEOUT_MS * 1000000;
    rd_kafka_topic_partition_list_t *list = kafka_list_of(m, positions, count);
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (uint32_t i = 0; i < count; i++) {
        struct kafka_partition *p = kafka_partition_of(m, positions[i].source);
        if (p == NULL) {
            rd_kafka_topic_partition_list_destroy(list);
            return error_set(error, ERROR_INPUT,
                             "%s/%d: cannot go to offset %lld: the partition is not ours",
                             m->topics[positions[i].source.topic].name,
                             positions[i].source.partition, (long long)positions[i].offset);
        }
        p->next = positions[i].offset < 0 ? p->origin : positions[i].offset;
        p->at_end = false;
        list->elems[i].offset = p->next;
    }
    do {
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
        kafka_watch_enter(m->bus->watchdog, &m->watch, "seeking", CALL_TIMEOUT_MS);
        rd_kafka_error_t *failure = rd_kafka_seek_partitions(m->consumer, list, CALL_TIMEOUT_MS);
        kafka_watch_leave(m->bus->watchdog, &m->watch);
        err = failure ? rd_kafka_error_code(failure) : first_error(list);
        if (failure != NULL)
            rd_kafka_error_destroy(failure);
    } while (seek_may_work_later(err) && kafka_pause_until(deadline_ns, RETRY_PAUSE_MS));
    rd_kafka_topic_partition_list_destroy(list);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR || m->pending != MEMBER_IDLE ||
        rd_kafka_assignment_lost(m->consumer))
        return true; /* partitions that are about to be taken will not be read again anyway */
    return error_set(error, kafka_error_code(err),
                     "group %s: cannot go back to committed offsets on %u partitions: %s", m->group,
                     count, rd_kafka_err2str(err));
}

bool kafka_member_pause(struct member *base, struct bus_partition which, bool paused)
{
    struct kafka_member *m = (struct kafka_member *)base;
    struct kafka_partition *p = kafka_partition_of(m, which);
    if (p == NULL)
        return false;
    p->paused = paused;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, m->topics[which.topic].name, which.partition);
    rd_kafka_resp_err_t err = paused ? rd_kafka_pause_partitions(m->consumer, list)
                                     : rd_kafka_resume_partitions(m->consumer, list);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        err = first_error(list);
    rd_kafka_topic_partition_list_destroy(list);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR || paused || p->next < 0)
        return err == RD_KAFKA_RESP_ERR_NO_ERROR;
    /* Where the library goes on after a pause is its own idea, and 2.8.0's leaves records out. */
    struct bus_position position = {.source = which, .offset = p->next};
    struct error ignored;
    return kafka_member_seek(base, &position, 1, &ignored);
}

bool kafka_member_at_end(struct member *base, struct bus_partition which)
{
    struct kafka_partition *p = kafka_partition_of((struct kafka_member *)base, which);
    return p != NULL && p->at_end;
}

int64_t kafka_member_behind(struct member *base, struct bus_partition which, int64_t next)
{
    struct kafka_member *m = (struct kafka_member *)base;
    int64_t low = -1;
    int64_t high = -1;
    if (kafka_member_at_end(base, which))
        return 0;
    if (rd_kafka_get_watermark_offsets(m->consumer, m->topics[which.topic].name, which.partition,
                                       &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        high < 0)
        return -1; /* nothing was fetched there yet */
    if (next < low)
        next = low;
    return high > next ? high - next : 0;
}
