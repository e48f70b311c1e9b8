/*
 * kafka_commit.c - transactions: begin, commit, abort, and what to do when nobody knows.
 *
 * The rules, each found the hard way (see the tests named after them):
 * - Once commit_transaction was called and did not say ok, nothing it says is believed: not even an
 *   abort that succeeds. The committed positions decide, read back after the producer is gone.
 * - A socket that closed during a transaction may have carried an EndTxn that arrives later, in the
 *   middle of the next transaction, and ends that one. So the producer is replaced before the next
 *   begin; the new epoch makes the straggler void.
 * - "Fenced" may be our own doing: a transaction that outlived its time-out. Replaced once; when it
 *   happens again soon to a young transaction, a twin with our transactional.id runs. Both fence each
 *   other then, and one replacement can fence the other side twice: so that not both give up, whoever
 *   has run for a while yields to the newcomer, with all its members.
 */
#include "engine/base/check.h"
#include "engine/base/fault.h"
#include "engine/base/memory.h"
#include "engine/bus/kafka_internal.h"

#include <stdio.h>

#define FENCE_MEMORY_NS  60000000000
#define NEWCOMER_NS      5000000000
#define NEWCOMER_FENCES  4
#define OUTLIVED_MAX     5
#define ABORT_TIMEOUT_MS 10000
/* A longer transaction time-out outlasts a broker's restart; a call that is stuck that long is not waited for. */
#define COMMIT_WAIT_MAX_MS 15000

enum verdict {
    VERDICT_OK,
    VERDICT_AGAIN,  /* retriable, and there is time */
    VERDICT_ABORT,  /* this transaction is lost, the producer is not */
    VERDICT_FENCED, /* our epoch was refused */
    VERDICT_BROKEN, /* the producer is of no more use */
};

/* Consumes the error. `note` gets its text. */
static enum verdict judge(rd_kafka_error_t *failure, int64_t deadline_ns, const char *call,
                          struct error *note)
{
    if (failure == NULL)
        return VERDICT_OK;
    rd_kafka_resp_err_t err = rd_kafka_error_code(failure);
    error_set(note, kafka_error_code(err), "%s: %s: %s", call, rd_kafka_err2name(err),
              rd_kafka_error_string(failure));
    enum verdict verdict = VERDICT_BROKEN;
    if (err == RD_KAFKA_RESP_ERR__FENCED || err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
        err == RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
        verdict = VERDICT_FENCED;
    else if (rd_kafka_error_is_fatal(failure))
        verdict = VERDICT_BROKEN;
    else if (rd_kafka_error_txn_requires_abort(failure))
        verdict = VERDICT_ABORT;
    else if (rd_kafka_error_is_retriable(failure))
        verdict = clock_monotonic_ns() < deadline_ns ? VERDICT_AGAIN : VERDICT_BROKEN;
    rd_kafka_error_destroy(failure);
    return verdict;
}

static int64_t deadline_after(int64_t ms) { return clock_monotonic_ns() + ms * 1000000; }

/* Time for one call, at least a little, so that the last one before the deadline is made too. */
static int call_timeout_ms(int64_t deadline_ns)
{
    int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / 1000000;
    return left_ms < 100 ? 100 : (int)left_ms;
}

/* True: go on with a new producer. False: there is no use. */
static bool survive_fence(struct kafka_member *m, const struct error *note, struct error *error)
{
    int64_t now_ns = clock_monotonic_ns();
    int64_t age_ms = m->begun_ns ? (now_ns - m->begun_ns) / 1000000 : 0;
    bool outlived = age_ms >= m->bus->options.transaction_timeout_ms;
    bool newcomer = now_ns - m->opened_ns < NEWCOMER_NS;
    atomic_fetch_add_explicit(&m->count_fenced, 1, memory_order_relaxed);
    if (m->fenced_ns == 0 || now_ns - m->fenced_ns >= FENCE_MEMORY_NS)
        m->fences = 0;
    if (outlived) {
        m->outlived_in_row++;
    } else {
        m->fenced_ns = now_ns;
        m->fences++;
    }
    bool bearable = outlived ? m->outlived_in_row <= OUTLIVED_MAX
                             : m->fences <= (newcomer ? NEWCOMER_FENCES : 1);
    if (bearable && !atomic_load(&m->bus->twin_found) && !fault_rule_off("fence_once"))
        return true;
    if (outlived)
        return error_set(
            error, ERROR_FENCED,
            "%s: the broker ended %u transactions in a row because they took longer than %d ms "
            "(this one "
            "%lld ms): %s. Raise transaction_timeout_ms, or look at the brokers' health",
            m->transactional_id, m->outlived_in_row, m->bus->options.transaction_timeout_ms,
            (long long)age_ms, note->message);
    atomic_store(&m->bus->twin_found, true);
    return error_set(error, ERROR_FENCED,
                     "%s: fenced again within a minute: another process runs with the same "
                     "application and instance. Give "
                     "each process its own `instance`, or stop the other one (%s)",
                     m->transactional_id, note->message);
}

static enum commit_outcome outcome_of_failure(const struct error *error)
{
    return error->code == ERROR_FENCED ? COMMIT_FENCED : COMMIT_FAILED;
}

static void end_transaction(struct kafka_member *m)
{
    m->open = false;
    m->broken.code = ERROR_NONE;
}

/* ---- begin ---------------------------------------------------------------------------------- */

static const char *why_replace(const struct kafka_member *m)
{
    if (m->producer == NULL)
        return "there is none";
    if (fault_rule_off("closesocket"))
        return NULL;
    if (m->suspect)
        return "a commit was called again, its first request may still be under way";
    if (atomic_load(&m->producer_client.sockets_closed) != m->sockets_closed_at_begin)
        return "a connection closed since the last begin, its last request may still be under way";
    return NULL;
}

bool kafka_member_begin(struct member *base, struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    CHECK(!m->open);
    fault_point("begin.before");
    const char *why = why_replace(m);
    if (why != NULL && !kafka_producer_replace(m, why, error))
        return false;
    for (;;) {
        struct error note = {0};
        kafka_watch_enter(m->bus->watchdog, &m->watch, "begin_transaction", ABORT_TIMEOUT_MS);
        enum verdict verdict =
            judge(rd_kafka_begin_transaction(m->producer), 0, "begin_transaction", &note);
        kafka_watch_leave(m->bus->watchdog, &m->watch);
        if (verdict == VERDICT_OK)
            break;
        m->begun_ns = clock_monotonic_ns();
        if (!survive_fence(m, &note, error) || !kafka_producer_replace(m, note.message, error))
            return false;
    }
    m->sockets_closed_at_begin = atomic_load(&m->producer_client.sockets_closed);
    m->begun_ns = clock_monotonic_ns();
    m->produced = 0;
    m->broken = (struct error){0};
    m->open = true;
    fault_point("begin.after");
    return true;
}

/* ---- outcomes ------------------------------------------------------------------------------- */

/* A new producer: whatever the old one left open is aborted by its initialisation. */
static enum commit_outcome abort_by_replacing(struct kafka_member *m, enum verdict verdict,
                                              const struct error *note, struct error *error)
{
    end_transaction(m);
    if (verdict == VERDICT_FENCED && !survive_fence(m, note, error)) {
        kafka_producer_close(m);
        return COMMIT_FENCED;
    }
    if (!kafka_producer_replace(m, note->message, error))
        return outcome_of_failure(error);
    return COMMIT_ABORTED;
}

/* Aborts what is open; the producer is replaced when it cannot. */
static enum commit_outcome abort_open(struct kafka_member *m, struct error *error)
{
    int64_t deadline_ns = deadline_after(ABORT_TIMEOUT_MS);
    struct error note = {0};
    enum verdict verdict;
    fault_point("abort.before");
    do {
        int timeout_ms = call_timeout_ms(deadline_ns);
        kafka_watch_enter(m->bus->watchdog, &m->watch, "abort_transaction", timeout_ms);
        verdict = judge(rd_kafka_abort_transaction(m->producer, timeout_ms), deadline_ns,
                        "abort_transaction", &note);
        kafka_watch_leave(m->bus->watchdog, &m->watch);
        m->suspect = m->suspect || verdict == VERDICT_AGAIN;
    } while (verdict == VERDICT_AGAIN);
    fault_point("abort.after");
    if (verdict != VERDICT_OK)
        return abort_by_replacing(m, verdict, &note, error);
    end_transaction(m);
    return COMMIT_ABORTED;
}

int64_t kafka_valid_offset(struct kafka_member *m, const struct bus_position *position)
{
    struct kafka_partition *p = kafka_partition_of(m, position->source);
    return position->offset < 0 && p != NULL ? p->origin : position->offset;
}

enum commit_outcome kafka_compare_committed(struct kafka_member *m, const struct bus_position *sent,
                                            uint32_t count, struct error *error)
{
    struct bus_position *now = memory_allocate_array(count, sizeof *now);
    memcpy(now, sent, count * sizeof *now);
    bool good = kafka_member_committed(&m->base, now, count, error);
    uint32_t equal = 0;
    for (uint32_t i = 0; good && i < count; i++)
        equal += now[i].offset == kafka_valid_offset(m, &sent[i]) &&
                 strcmp(now[i].metadata, sent[i].metadata) == 0;
    memory_free(now);
    if (!good)
        return COMMIT_FAILED;
    if (equal > 0 && equal < count)
        kafka_log(m->bus, LOG_WARNING,
                  "%s: %u of %u positions are what was sent; the others have new owners",
                  m->transactional_id, equal, count);
    return equal > 0 ? COMMIT_DONE : COMMIT_ABORTED;
}

/* commit_transaction did not say ok. */
static enum commit_outcome resolve(struct kafka_member *m, enum verdict verdict,
                                   const struct error *note, const struct bus_position *sent,
                                   uint32_t count, struct error *error)
{
    m->suspect = true;
    atomic_fetch_add_explicit(&m->count_resolved, 1, memory_order_relaxed);
    enum commit_outcome outcome = verdict == VERDICT_ABORT
                                      ? abort_open(m, error)
                                      : abort_by_replacing(m, verdict, note, error);
    if (outcome != COMMIT_ABORTED || fault_rule_off("resolve"))
        return outcome;
    if (count == 0) {
        error_set(error, ERROR_SYSTEM,
                  "%s: it is not known whether a transaction without positions was committed: %s",
                  m->transactional_id, note->message);
        return COMMIT_FAILED;
    }
    outcome = kafka_compare_committed(m, sent, count, error);
    if (outcome != COMMIT_FAILED)
        kafka_log(m->bus, LOG_INFO, "%s: outcome was unknown (%s), it is: %s", m->transactional_id,
                  note->message, outcome == COMMIT_DONE ? "committed" : "aborted");
    return outcome;
}

/* ---- commit --------------------------------------------------------------------------------- */

static enum verdict send_offsets(struct kafka_member *m, const struct bus_position *positions,
                                 uint32_t count, int64_t deadline_ns, struct error *note)
{
    if (count == 0)
        return VERDICT_OK;
    /* An expelled member has an empty id with its old generation: the broker refuses that. */
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(m->consumer);
    if (group == NULL) {
        error_set(note, ERROR_UNAVAILABLE, "the group expelled this member");
        return VERDICT_ABORT;
    }
    rd_kafka_topic_partition_list_t *list = kafka_list_of(m, positions, count);
    for (uint32_t i = 0; i < count; i++)
        list->elems[i].offset = kafka_valid_offset(m, &positions[i]);
    enum verdict verdict;
    do {
        int timeout_ms = call_timeout_ms(deadline_ns);
        kafka_watch_enter(m->bus->watchdog, &m->watch, "send_offsets_to_transaction", timeout_ms);
        verdict = judge(rd_kafka_send_offsets_to_transaction(m->producer, list, group, timeout_ms),
                        deadline_ns, "send_offsets_to_transaction", note);
        kafka_watch_leave(m->bus->watchdog, &m->watch);
    } while (verdict == VERDICT_AGAIN);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(group);
    return verdict;
}

static enum verdict call_commit(struct kafka_member *m, int64_t deadline_ns, struct error *note)
{
    enum verdict verdict;
    do {
        int timeout_ms = call_timeout_ms(deadline_ns);
        kafka_watch_enter(m->bus->watchdog, &m->watch, "commit_transaction", timeout_ms);
        fault_point("commit.inside");
        verdict = judge(rd_kafka_commit_transaction(m->producer, timeout_ms), deadline_ns,
                        "commit_transaction", note);
        kafka_watch_leave(m->bus->watchdog, &m->watch);
        m->suspect = m->suspect || verdict == VERDICT_AGAIN;
    } while (verdict == VERDICT_AGAIN);
    return verdict;
}

enum commit_outcome kafka_member_commit(struct member *base, const struct bus_position *positions,
                                        uint32_t count, struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    struct error note = {0};
    int32_t wait_ms = m->bus->options.transaction_timeout_ms;
    int64_t deadline_ns = deadline_after(wait_ms < COMMIT_WAIT_MAX_MS ? wait_ms : COMMIT_WAIT_MAX_MS);
    CHECK(m->open);
    if (m->broken.code != ERROR_NONE) {
        note = m->broken;
        kafka_log(m->bus, LOG_WARNING, "%s: transaction aborted: %s", m->transactional_id,
                  note.message);
        return abort_open(m, error);
    }
    fault_point("send_offsets.before");
    enum verdict verdict = send_offsets(m, positions, count, deadline_ns, &note);
    fault_point("send_offsets.after");
    if (verdict != VERDICT_OK) { /* EndTxn was not sent: nothing can have been committed */
        kafka_log(m->bus, LOG_WARNING, "%s: transaction aborted: %s", m->transactional_id,
                  note.message);
        return verdict == VERDICT_ABORT ? abort_open(m, error)
                                        : abort_by_replacing(m, verdict, &note, error);
    }
    fault_point("commit.before");
    verdict = call_commit(m, deadline_ns, &note);
    fault_point("commit.after");
    if (verdict != VERDICT_OK)
        return resolve(m, verdict, &note, positions, count, error);
    end_transaction(m);
    m->outlived_in_row = 0;
    return COMMIT_DONE;
}

enum commit_outcome kafka_member_abort(struct member *base, struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    CHECK(m->open);
    return abort_open(m, error);
}
