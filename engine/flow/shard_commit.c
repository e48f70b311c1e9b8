/*
 * shard_commit.c - one transaction: deltas and messages to the exchange, changes to the changelog,
 * outputs (already produced), and the positions of every partition that is ours.
 */
#include "engine/flow/shard_internal.h"

#include "engine/base/check.h"
#include "engine/base/fault.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"

#include <stdio.h>

#define EXCHANGE_RECORD_BYTES ((size_t)512 * 1024) /* a larger body is split; well under a broker's 1 MB */
#define PURGE_EVERY_MS 30000
#define MEMORY_EVERY_MS 1000

bool shard_commit_due(const struct shard *shard, int64_t now_ms)
{
    if (measure_wants_flush(front_measure(shard->front)))
        return true;
    if (now_ms - shard->last_commit_ms < shard->options->commit_interval_ms)
        return false;
    return outbox_begun(shard->outbox) || !measure_empty(front_measure(shard->front)) ||
           now_ms - shard->last_punctuation_ms >= shard->options->punctuation_interval_ms;
}

/* ---- exchange ------------------------------------------------------------------------------------------------- */

static bool send_exchange(struct shard *shard, const char *topic, uint32_t partition, struct bytes body,
                          const struct exchange_stamp *stamp, struct error *error)
{
    struct bus_header headers[EXCHANGE_HEADERS];
    exchange_write_headers(stamp, &shard->headers_text, headers);
    CHECK(!shard->headers_text.failed);
    struct bus_output output = {.topic = topic, .partition = (int32_t)partition, .timestamp_ms = stamp->wall_ms,
                                .value = body, .headers = headers, .headers_count = EXCHANGE_HEADERS};
    shard->status.exchange_records++;
    return outbox_send(shard->outbox, &output, error);
}

/* Groups deltas by partition, keeping their order within one (a counting sort). */
static void group_deltas(struct shard *shard, const struct cell_delta *deltas, uint32_t count)
{
    uint32_t n = shard->options->exchange_partitions;
    if (count > shard->sorted_capacity) {
        shard->sorted_capacity = count;
        shard->sorted = memory_resize(shard->sorted, count * sizeof *shard->sorted);
    }
    memset(shard->partition_starts, 0, (n + 1) * sizeof *shard->partition_starts);
    for (uint32_t i = 0; i < count; i++)
        shard->partition_starts[cell_partition(&deltas[i].id, n) + 1]++;
    for (uint32_t p = 0; p < n; p++)
        shard->partition_starts[p + 1] += shard->partition_starts[p];
    for (uint32_t i = 0; i < count; i++)
        shard->sorted[shard->partition_starts[cell_partition(&deltas[i].id, n)]++] = deltas[i];
    for (uint32_t p = n; p > 0; p--)
        shard->partition_starts[p] = shard->partition_starts[p - 1];
    shard->partition_starts[0] = 0;
}

/* Usually one record; more when the body would be too large for a broker. */
static bool send_cells(struct shard *shard, uint32_t partition, bool punctuate, const struct exchange_stamp *stamp, struct error *error)
{
    uint32_t at = shard->partition_starts[partition], end = shard->partition_starts[partition + 1];
    if (at == end && !punctuate)
        return true;
    do {
        uint32_t from = at;
        size_t size = 0;
        while (at < end && (at == from || size < EXCHANGE_RECORD_BYTES)) {
            size += shard->sorted[at].summary.size + shard->sorted[at].labels.size + shard->sorted[at].exemplars.size + 32;
            at++;
        }
        buffer_clear(&shard->body);
        if (at > from)
            exchange_write_cells(shard->metrics, shard->sorted + from, at - from, &shard->body);
        CHECK(!shard->body.failed);
        if (!send_exchange(shard, shard->options->topics.cells, partition, buffer_bytes(&shard->body), stamp, error))
            return false;
    } while (at < end);
    return true;
}

/* Digests in blocks, one a record, and in the last one the messages to entities. */
static bool send_digests(struct shard *shard, uint32_t partition, bool punctuate, const struct exchange_stamp *stamp, struct error *error)
{
    struct digests *digests = front_digests(shard->front);
    struct bytes messages = outbox_messages(shard->outbox, partition);
    uint32_t at = 0;
    bool more = false;
    do {
        buffer_clear(&shard->body);
        more = digests != NULL && digests_write(digests, shard->metrics, partition, &at, EXCHANGE_RECORD_BYTES, &shard->body);
        if (!more)
            buffer_append(&shard->body, messages.data, messages.size);
        CHECK(!shard->body.failed);
        if ((shard->body.size > 0 || punctuate) &&
            !send_exchange(shard, shard->options->topics.digests, partition, buffer_bytes(&shard->body), stamp, error))
            return false;
    } while (more);
    return true;
}

static bool write_exchange(struct shard *shard, bool punctuate, const struct exchange_stamp *stamp, struct error *error)
{
    uint32_t count = 0;
    const struct cell_delta *deltas = measure_flush(front_measure(shard->front), &count);
    group_deltas(shard, deltas, count);
    bool ok = true;
    for (uint32_t p = 0; ok && p < shard->options->exchange_partitions; p++)
        ok = send_cells(shard, p, punctuate, stamp, error);
    for (uint32_t p = 0; ok && p < shard->options->exchange_partitions; p++)
        ok = send_digests(shard, p, punctuate, stamp, error);
    measure_release(front_measure(shard->front)); /* label sets lose their numbers */
    return ok;
}

/* ---- changelog ------------------------------------------------------------------------------------------------ */

static bool write_changes(struct shard *shard, struct owned *o, int64_t now_ms, struct error *error)
{
    struct store *store = owned_store(o);
    uint32_t partition = o->partition + (o->digests ? shard->options->exchange_partitions : 0);
    for (uint32_t i = 0; i < store_changes(store); i++) {
        struct store_key key;
        struct bus_output output = {.topic = shard->options->topics.changelog, .partition = (int32_t)partition,
                                    .timestamp_ms = now_ms};
        uint8_t encoded[STORE_KEY_BYTES];
        store_change(store, i, &key, &output.value);
        store_key_encode(&key, encoded);
        output.key = bytes_of(encoded, sizeof encoded);
        if (!outbox_send(shard->outbox, &output, error))
            return error_prefix(error, "changelog record of kind %c", key.kind);
        shard->status.changelog_records++;
    }
    return true;
}

static bool write_changelog(struct shard *shard, int64_t now_ms, struct error *error)
{
    uint32_t index = 0;
    for (struct owned *o; (o = owned_next_ready(shard->owned, &index)) != NULL;)
        if (!write_changes(shard, o, now_ms, error))
            return false;
    return true;
}

/* ---- the end of a transaction ---------------------------------------------------------------------------------- */

static uint32_t gather_positions(struct shard *shard)
{
    uint32_t count = front_positions(shard->front, shard->sequence + 1, rates_version(shard->rates), shard->positions, SOURCES_MAX);
    for (uint32_t i = 0; i < count; i++) { /* unlike any other transaction's, or an unknown outcome could be taken for theirs */
        size_t used = strlen(shard->positions[i].metadata);
        (void)snprintf(shard->positions[i].metadata + used, sizeof shard->positions[i].metadata - used, " w=%s", shard->writer);
    }
    uint32_t index = 0;
    for (struct owned *o; (o = owned_next_ready(shard->owned, &index)) != NULL;) {
        struct bus_position *p = &shard->positions[count++];
        p->source = (struct bus_partition){o->digests ? shard_digests_topic(shard) : shard_cells_topic(shard), (int32_t)o->partition};
        p->offset = o->next;
        (void)snprintf(p->metadata, sizeof p->metadata, "1 s=%llu d=%lld w=%s", (unsigned long long)(shard->sequence + 1),
                       (long long)owned_needed(o), shard->writer);
    }
    return count;
}

static void remember_metadata(struct shard *shard, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct bus_position *p = &shard->positions[i];
        if (p->source.topic < shard_cells_topic(shard))
            continue;
        struct owned *o = owned_at(shard->owned, p->source.topic == shard_digests_topic(shard), (uint32_t)p->source.partition);
        memcpy(o->metadata, p->metadata, sizeof o->metadata);
    }
}

/* The exchange has no retention: what every reader has committed is deleted behind us. */
static void purge(struct shard *shard, int64_t now_ms)
{
    if (!shard->options->purge_exchange || now_ms - shard->last_purge_ms < PURGE_EVERY_MS)
        return;
    shard->last_purge_ms = now_ms;
    uint32_t index = 0;
    for (struct owned *o; (o = owned_next_ready(shard->owned, &index)) != NULL;) {
        struct error error;
        const char *topic = o->digests ? shard->options->topics.digests : shard->options->topics.cells;
        int64_t needed = owned_needed(o); /* all of it is committed */
        if (needed > 0 && !bus_purge(shard->bus, topic, (int32_t)o->partition, needed, &error))
            log_line(LOG_WARNING, "shard", (int)shard->number, "purging %s partition %u: %s", topic, o->partition, error.message);
    }
}

/* Above the limit nothing new is let in: state that is there goes on, queues are bounded anyway. */
static void watch_memory(struct shard *shard, int64_t now_ms)
{
    if (shard->options->memory_limit_bytes == 0 || now_ms - shard->last_memory_ms < MEMORY_EVERY_MS)
        return;
    shard->last_memory_ms = now_ms;
    bool full = memory_allocated_bytes() > shard->options->memory_limit_bytes;
    if (full != shard->status.memory_full)
        log_line(full ? LOG_WARNING : LOG_INFO, "shard", (int)shard->number, full
                     ? "memory.limit reached: new series are folded into \"other\" until there is room"
                     : "memory is below memory.limit again: new series are taken");
    shard->status.memory_full = full;
    uint32_t index = 0;
    for (struct owned *o; (o = owned_next_ready(shard->owned, &index)) != NULL;)
        store_refuse_new(owned_store(o), full);
}

static void settle_commit(struct shard *shard, uint32_t positions, int64_t now_ms, bool punctuated)
{
    remember_metadata(shard, positions);
    owned_commit_all(shard->owned);
    front_committed(shard->front);
    outbox_reset(shard->outbox);
    shard->sequence++;
    shard->status.commits++;
    shard->last_commit_ms = now_ms;
    if (punctuated)
        shard->last_punctuation_ms = now_ms;
    shard->rates = rates_follow_at(shard->rates_follow, front_log_time(shard->front));
    purge(shard, now_ms);
    watch_memory(shard, now_ms);
    shard_publish(shard);
}

/* After an abort the world is as at the last commit: state, sums, and where reading goes on. */
static bool settle_abort(struct shard *shard, struct error *error)
{
    shard->status.aborts++;
    front_rollback(shard->front);
    owned_rollback_all(shard->owned);
    outbox_reset(shard->outbox);
    uint32_t count = gather_positions(shard);
    for (uint32_t i = 0; i < count; i++)
        shard->positions[i].offset = front_resume(shard->front, shard->positions[i].source, shard->positions[i].offset);
    shard_publish(shard);
    return count == 0 || member_seek(shard->member, shard->positions, count, error);
}

static bool settle(struct shard *shard, enum commit_outcome outcome, struct error *error)
{
    if (outcome == COMMIT_FENCED || outcome == COMMIT_FAILED)
        return false;
    log_line(LOG_WARNING, "shard", (int)shard->number, "transaction aborted, its records are read again");
    return settle_abort(shard, error);
}

bool shard_rollback(struct shard *shard, struct error *error)
{
    if (!outbox_begun(shard->outbox)) {
        front_rollback(shard->front);
        return true;
    }
    enum commit_outcome outcome = member_abort(shard->member, error);
    if (outcome == COMMIT_FENCED || outcome == COMMIT_FAILED)
        return false;
    shard->status.aborts++;
    front_rollback(shard->front);
    owned_rollback_all(shard->owned);
    outbox_reset(shard->outbox);
    return true;
}

bool shard_commit(struct shard *shard, bool punctuate, struct error *error)
{
    int64_t before_ns = clock_monotonic_ns();
    int64_t now_ms = shard->clock->now_ms(shard->clock);
    punctuate = punctuate || now_ms - shard->last_punctuation_ms >= shard->options->punctuation_interval_ms;
    if (!shard->assigned)
        return true;
    struct exchange_stamp stamp = {.writer = bytes_from_text(shard->writer), .sequence = shard->sequence + 1,
                                   .wall_ms = now_ms, .sources_total = shard->sources_total,
                                   .rates_version = rates_version(shard->rates),
                                   .rules_digest = shard->options->rules->digest, .marks = shard->marks};
    stamp.marks_count = front_marks(shard->front, now_ms, shard->marks, SOURCES_MAX);
    if (stamp.marks_count == 0 && !outbox_begun(shard->outbox) && gather_positions(shard) == 0) {
        shard->last_commit_ms = shard->last_punctuation_ms = now_ms; /* nothing is ours */
        return true;
    }
    if (!outbox_begin(shard->outbox, error) || !write_exchange(shard, punctuate, &stamp, error) ||
        !write_changelog(shard, now_ms, error))
        return false;
    uint32_t count = gather_positions(shard);
    enum commit_outcome outcome = member_commit(shard->member, shard->positions, count, error);
    shard->status.commit_ns += (uint64_t)(clock_monotonic_ns() - before_ns);
    if (outcome != COMMIT_DONE)
        return settle(shard, outcome, error);
    fault_point("publish.before");
    settle_commit(shard, count, now_ms, punctuate);
    fault_point("publish.after");
    return true;
}
