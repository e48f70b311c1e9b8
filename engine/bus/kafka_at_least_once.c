/*
 * kafka_at_least_once.c - begin, commit and abort without transactions (delivery: at_least_once).
 *
 * Invariant: positions are committed only after every record of theirs was acknowledged. What dies in
 * between is read and written again; nothing is lost, records may be repeated, half a commit may be seen.
 */
#include "engine/base/check.h"
#include "engine/base/fault.h"
#include "engine/bus/kafka_internal.h"

/* Acknowledged records stay where they are; what is still queued is dropped with the producer. */
static enum commit_outcome give_up(struct kafka_member *m, const char *why, struct error *error)
{
    m->open = false;
    m->broken.code = ERROR_NONE;
    if (!kafka_producer_replace(m, why, error))
        return COMMIT_FAILED;
    return COMMIT_ABORTED;
}

bool kafka_at_least_once_begin(struct member *base, struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    CHECK(!m->open);
    fault_point("begin.before");
    if (m->producer == NULL && !kafka_producer_replace(m, "there is none", error))
        return false;
    m->begun_ns = clock_monotonic_ns();
    m->produced = 0;
    m->broken = (struct error){0};
    m->open = true;
    fault_point("begin.after");
    return true;
}

/* Every record has its acknowledgement, or a reason why not. */
static bool all_written(struct kafka_member *m, struct error *note)
{
    int timeout_ms = m->bus->options.transaction_timeout_ms;
    kafka_watch_enter(m->bus->watchdog, &m->watch, "flush", timeout_ms);
    rd_kafka_resp_err_t err = rd_kafka_flush(m->producer, timeout_ms);
    kafka_watch_leave(m->bus->watchdog, &m->watch);
    if (m->broken.code != ERROR_NONE) {
        *note = m->broken;
        return false;
    }
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ||
           error_set(note, ERROR_UNAVAILABLE, "%d records were not acknowledged within %d ms",
                     rd_kafka_outq_len(m->producer), timeout_ms);
}

static rd_kafka_resp_err_t commit_positions(struct kafka_member *m, const struct bus_position *positions,
                                            uint32_t count)
{
    rd_kafka_topic_partition_list_t *list = kafka_list_of(m, positions, count);
    for (uint32_t i = 0; i < count; i++)
        list->elems[i].offset = kafka_valid_offset(m, &positions[i]);
    kafka_watch_enter(m->bus->watchdog, &m->watch, "commit", m->bus->options.patience_ms);
    rd_kafka_resp_err_t err = rd_kafka_commit(m->consumer, list, false);
    kafka_watch_leave(m->bus->watchdog, &m->watch);
    for (int i = 0; err == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
        err = list->elems[i].err;
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

enum commit_outcome kafka_at_least_once_commit(struct member *base, const struct bus_position *positions,
                                               uint32_t count, struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    struct error note = {0};
    CHECK(m->open);
    if (!all_written(m, &note)) {
        kafka_log(m->bus, LOG_WARNING, "%s: commit given up: %s", m->transactional_id, note.message);
        return give_up(m, note.message, error);
    }
    m->open = false;
    fault_point("commit.before");
    rd_kafka_resp_err_t err = count > 0 ? commit_positions(m, positions, count) : RD_KAFKA_RESP_ERR_NO_ERROR;
    fault_point("commit.after");
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return COMMIT_DONE;
    /* The answer may have been lost, not the commit: state that was rolled back behind committed
     * positions would be a loss. */
    kafka_log(m->bus, LOG_WARNING, "%s: positions not committed: %s", m->transactional_id, rd_kafka_err2str(err));
    return kafka_compare_committed(m, positions, count, error);
}

enum commit_outcome kafka_at_least_once_abort(struct member *base, struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    CHECK(m->open);
    return give_up(m, "the commit was given up", error);
}
