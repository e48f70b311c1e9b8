/*
 * shard.c - the loop: receive, work, commit. It reads as a list of verbs; what they do is in front,
 * back, entities and shard_commit.
 */
#include "engine/flow/shard_internal.h"

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"

#include <stdio.h>

#define RATES_POLL_EVERY_MS 500
#define PIECE_BYTES ((size_t)4 << 20)
#define OUTBOX_ROOM 8 /* hard limit of a transaction over the size at which it is ended */

static bool count_sources(struct shard *shard, struct error *error)
{
    for (uint32_t i = 0; i < shard->options->inputs_count; i++) {
        struct topic_info info;
        const char *name = shard->options->inputs[i].name;
        if (!bus_describe(shard->bus, name, &info, error))
            return false;
        if (info.partitions == 0)
            return error_set(error, ERROR_INPUT, "topic %s does not exist; create it with: assay topics --create", name);
        shard->sources_total += (uint32_t)info.partitions;
    }
    return true;
}

static struct member *open_member(struct shard *shard, struct error *error)
{
    const struct flow_options *o = shard->options;
    const char *read[INPUT_TOPICS_MAX + 2];
    for (uint32_t i = 0; i < o->inputs_count; i++)
        read[i] = o->inputs[i].name;
    read[o->inputs_count] = o->topics.cells;
    read[o->inputs_count + 1] = o->topics.digests;
    const char *written[] = {o->topics.cells,  o->topics.digests, o->topics.changelog, o->topics.rates,    o->topics.requests,
                             o->topics.scores, o->topics.alerts,  o->topics.dlq,       o->topics.decisions};
    struct member_spec spec = {.group = o->app, .transactional_id = shard->writer, .topics_read = read,
                               .topics_read_count = o->inputs_count + 2, .topics_written = written,
                               .topics_written_count = sizeof written / sizeof written[0]};
    return bus_member_open(shard->bus, &spec, error);
}

static bool open_parts(struct shard *shard, struct error *error)
{
    const struct flow_options *o = shard->options;
    if (!count_sources(shard, error))
        return false;
    shard->rates_follow = rates_follow_open(shard->bus, o->topics.rates, &o->rates_default, error);
    if (shard->rates_follow == NULL)
        return false;
    shard->rates = rates_follow_at(shard->rates_follow, LOG_TIME_NONE);
    shard->member = open_member(shard, error);
    if (shard->member == NULL)
        return false;
    shard->outbox = outbox_create(shard->member, o->exchange_partitions, o->transaction_bytes_max * OUTBOX_ROOM);
    outbox_use_schemas(shard->outbox, o->output_schemas);
    shard->front = front_create(o, shard->metrics, shard->outbox, shard->member, error);
    shard->owned = owned_create(o, shard->bus, shard->metrics, shard->front != NULL ? front_measure(shard->front) : NULL, shard->outbox);
    return shard->front != NULL;
}

struct shard *shard_create(const struct flow_options *options, struct bus *bus, const struct clock *clock,
                           uint32_t number, struct error *error)
{
    struct shard *shard = memory_allocate(sizeof *shard);
    shard->options = options;
    shard->bus = bus;
    shard->clock = clock;
    shard->number = shard->status.number = number;
    shard->last_commit_ms = shard->last_punctuation_ms = shard->last_purge_ms = clock->now_ms(clock);
    shard->sequence = (uint64_t)shard->last_commit_ms; /* goes on above what our predecessor of this name may have used */
    (void)snprintf(shard->writer, sizeof shard->writer, "%s-%s-%u", options->app, options->instance, number);
    shard->metrics = metric_table_create();
    shard->marks = memory_allocate_array(SOURCES_MAX, sizeof *shard->marks);
    shard->positions = memory_allocate_array(SOURCES_MAX + 2 * (size_t)options->exchange_partitions, sizeof *shard->positions);
    shard->partition_starts = memory_allocate_array(options->exchange_partitions + 1, sizeof *shard->partition_starts);
    shard->body = BUFFER_WITH_LIMIT((size_t)64 << 20);
    shard->headers_text = BUFFER_WITH_LIMIT((size_t)1 << 20);
    CHECK(pthread_mutex_init(&shard->publish_lock, NULL) == 0);
    if (!open_parts(shard, error)) {
        shard_abandon(shard);
        return NULL;
    }
    shard_publish(shard);
    return shard;
}

void shard_abandon(struct shard *shard)
{
    if (shard == NULL)
        return;
    if (shard->member != NULL)
        member_close(shard->member); /* first: an open transaction borrows from the outbox */
    front_destroy(shard->front);
    owned_destroy(shard->owned);
    outbox_destroy(shard->outbox);
    rates_follow_close(shard->rates_follow);
    metric_table_destroy(shard->metrics);
    buffer_free(&shard->body);
    buffer_free(&shard->headers_text);
    memory_free(shard->marks);
    memory_free(shard->positions);
    memory_free(shard->partition_starts);
    memory_free(shard->sorted);
    (void)pthread_mutex_destroy(&shard->publish_lock);
    memory_free(shard);
}

void shard_destroy(struct shard *shard)
{
    if (shard == NULL)
        return;
    struct error error;
    if (!shard->status.failed && !shard_commit(shard, true, &error))
        log_line(LOG_WARNING, "shard", (int)shard->number, "last commit before stopping failed: %s", error.message);
    shard_abandon(shard);
}

struct member *shard_member(struct shard *shard) { return shard->member; }

struct back *shard_back(struct shard *shard, uint32_t partition)
{
    struct owned *o = owned_at(shard->owned, false, partition);
    return o->phase == OWNED_READY ? o->back : NULL;
}

/* ---- working off what was polled --------------------------------------------------------------------------- */

static bool fold_record(struct shard *shard, const struct bus_record *record, struct error *error)
{
    struct owned *o = owned_at(shard->owned, record->source.topic == shard_digests_topic(shard),
                               (uint32_t)record->source.partition);
    CHECK(o->phase == OWNED_READY); /* others are paused before the first poll */
    if (record->offset < o->next)
        return true; /* fetched before a seek went back over it */
    struct bus_header headers[BUS_HEADERS_MAX];
    uint32_t count = member_headers(shard->member, record, headers, BUS_HEADERS_MAX);
    struct exchange_stamp stamp;
    if (!exchange_read_headers(headers, count, &stamp, shard->marks, error))
        return error_prefix(error, "%s partition %d offset %lld",
                            o->digests ? shard->options->topics.digests : shard->options->topics.cells,
                            record->source.partition, (long long)record->offset);
    if (!outbox_begin(shard->outbox, error))
        return false;
    owned_fold(o, &stamp, record->value, record->offset);
    o->next = record->offset + 1;
    return true;
}

/* How many records from `from` on go to the front in one piece: input records, some megabytes. */
static uint32_t piece_end(const struct shard *shard, const struct member_batch *batch, uint32_t from)
{
    size_t bytes = 0;
    uint32_t i = from;
    while (i < batch->count && batch->records[i].source.topic < shard_cells_topic(shard) && bytes < PIECE_BYTES)
        bytes += batch->records[i++].value.size;
    return i;
}

/* A transaction that grows too large ends between two pieces of a batch. *aborted: the records behind
 * this piece will be read again, they must not be worked on now. */
static bool commit_early(struct shard *shard, bool *aborted, struct error *error)
{
    *aborted = false;
    const struct digests *digests = front_digests(shard->front);
    size_t used = outbox_used_bytes(shard->outbox) + (digests != NULL ? digests_bytes(digests) : 0);
    if (used < shard->options->transaction_bytes_max)
        return true;
    uint64_t aborts = shard->status.aborts;
    if (!shard_commit(shard, false, error))
        return false;
    *aborted = shard->status.aborts != aborts;
    return true;
}

/* Runs of input records go to the front together, exchange records to their owner one by one. */
static bool work_off(struct shard *shard, const struct member_batch *batch, struct error *error)
{
    bool aborted = false;
    for (uint32_t i = 0; i < batch->count && !aborted;) {
        uint32_t end = piece_end(shard, batch, i);
        if (end > i && !front_take(shard->front, batch->records + i, end - i, shard->rates,
                                   shard->clock->now_ms(shard->clock), error))
            return false;
        i = end;
        int64_t before_ns = clock_monotonic_ns();
        for (; i < batch->count && batch->records[i].source.topic >= shard_cells_topic(shard); i++)
            if (!fold_record(shard, &batch->records[i], error))
                return false;
        shard->status.fold_ns += (uint64_t)(clock_monotonic_ns() - before_ns);
        if (!commit_early(shard, &aborted, error))
            return false;
    }
    return true;
}

static bool poll_rates(struct shard *shard, int64_t now_ms, struct error *error)
{
    if (now_ms - shard->last_rates_poll_ms < RATES_POLL_EVERY_MS)
        return true;
    shard->last_rates_poll_ms = now_ms;
    return rates_follow_poll(shard->rates_follow, error);
}

static enum shard_turn handle(struct shard *shard, enum member_event event, struct member_batch *batch, struct error *error)
{
    bool ok = true;
    switch (event) {
    case MEMBER_IDLE: return SHARD_IDLE;
    case MEMBER_RECORDS:
        ok = work_off(shard, batch, error);
        member_release(shard->member, batch);
        break;
    case MEMBER_ASSIGN: ok = shard_answer_assign(shard, batch, error); break;
    case MEMBER_REVOKE: ok = shard_answer_revoke(shard, batch, false, error); break;
    case MEMBER_LOST: ok = shard_answer_revoke(shard, batch, true, error); break;
    case MEMBER_FAILED: ok = false; break;
    }
    return ok ? SHARD_WORKED : SHARD_FAILED;
}

enum shard_turn shard_step(struct shard *shard, int timeout_ms, struct error *error)
{
    int64_t start_ns = clock_monotonic_ns();
    struct member_batch batch = {0};
    enum member_event event = member_poll(shard->member, timeout_ms, &batch, error);
    int64_t polled_ns = clock_monotonic_ns();
    shard->status.poll_ns += (uint64_t)(polled_ns - start_ns);
    enum shard_turn turn = handle(shard, event, &batch, error);
    int64_t now_ms = shard->clock->now_ms(shard->clock);
    bool ok = turn != SHARD_FAILED && shard_restore_step(shard, error) && poll_rates(shard, now_ms, error);
    if (ok && shard_commit_due(shard, now_ms)) {
        ok = shard_commit(shard, false, error);
        turn = SHARD_WORKED;
    }
    ok = ok && shard_pause_and_resume(shard, error);
    shard->status.total_ns += (uint64_t)(clock_monotonic_ns() - start_ns);
    if (ok)
        return turn;
    shard->status.failed = true;
    (void)snprintf(shard->status.message, sizeof shard->status.message, "%.180s", error->message);
    shard_publish(shard);
    return SHARD_FAILED;
}

bool shard_commit_now(struct shard *shard, struct error *error) { return shard_commit(shard, true, error); }

/* ---- status -------------------------------------------------------------------------------------------------- */

static void add_back_counters(struct back_counters *sum, const struct back_counters *one)
{
    sum->records += one->records;
    sum->bad_records += one->bad_records;
    sum->deltas += one->deltas;
    sum->cells_refused += one->cells_refused;
    sum->late_minutes += one->late_minutes;
    sum->epochs_closed += one->epochs_closed;
    sum->alerts_opened += one->alerts_opened;
    sum->alerts_resolved += one->alerts_resolved;
}

static void add_trace_counters(struct trace_counters *sum, const struct trace_counters *one)
{
    sum->digests += one->digests;
    sum->bad += one->bad;
    sum->duplicates += one->duplicates;
    sum->joined += one->joined;
    sum->late += one->late;
    sum->missing += one->missing;
    sum->unjoined += one->unjoined;
    sum->recounted += one->recounted;
    sum->overflow += one->overflow;
    sum->forgotten += one->forgotten;
    sum->measured += one->measured;
    sum->remembered += one->remembered;
    sum->bytes += one->bytes;
}

/* What is not known counts as none: nothing was fetched yet. */
static int64_t at_least_none(int64_t behind) { return behind > 0 ? behind : 0; }

static int64_t sources_behind(const struct shard *shard)
{
    int64_t behind = 0;
    struct bus_partition partition;
    int64_t next, log_time_ms;
    for (uint32_t i = 0; front_source(shard->front, i, &partition, &next, &log_time_ms); i++)
        behind += at_least_none(member_behind(shard->member, partition, next));
    return behind;
}

static void gather_owned(struct shard *shard, struct shard_status *s)
{
    memset(&s->back, 0, sizeof s->back);
    memset(&s->traces, 0, sizeof s->traces);
    s->cells_partitions = s->digests_partitions = 0;
    s->state_bytes = s->state_entries = 0;
    s->back_now_ms = LOG_TIME_NONE;
    s->exchange_behind = 0;
    uint32_t index = 0;
    for (struct owned *o; (o = owned_next_ready(shard->owned, &index)) != NULL;) {
        s->state_bytes += store_bytes(owned_store(o));
        s->state_entries += store_count(owned_store(o));
        s->digests_partitions += o->digests;
        s->cells_partitions += !o->digests;
        struct bus_partition exchange = {o->digests ? shard_digests_topic(shard) : shard_cells_topic(shard), (int32_t)o->partition};
        s->exchange_behind += at_least_none(member_behind(shard->member, exchange, o->next));
        if (o->digests && entities_trace_counts(o->entities) != NULL)
            add_trace_counters(&s->traces, entities_trace_counts(o->entities));
        if (o->digests)
            continue;
        add_back_counters(&s->back, back_counts(o->back));
        int64_t now_ms = back_now(o->back);
        if (now_ms != LOG_TIME_NONE && (s->back_now_ms == LOG_TIME_NONE || now_ms < s->back_now_ms))
            s->back_now_ms = now_ms;
    }
}

void shard_publish(struct shard *shard)
{
    struct shard_status *s = &shard->status;
    s->front = *front_counts(shard->front);
    s->log_time_ms = front_log_time(shard->front);
    s->newest_ms = shard->clock->now_ms(shard->clock);
    s->rates_version = rates_version(shard->rates);
    gather_owned(shard, s);
    s->sources_behind = sources_behind(shard);
    s->outputs_refused = outbox_refused(shard->outbox);
    owned_progress(shard->owned, &s->restore_done, &s->restore_total);
    s->ready = shard->assigned && !owned_restoring(shard->owned) && !s->failed;
    if (!s->failed)
        (void)snprintf(s->message, sizeof s->message, "%s",
                       !shard->assigned ? "waiting for the consumer group to assign partitions"
                       : s->ready       ? "ready"
                                        : "restoring state from the changelog");
    (void)pthread_mutex_lock(&shard->publish_lock);
    shard->published = *s;
    (void)pthread_mutex_unlock(&shard->publish_lock);
}

void shard_read_status(struct shard *shard, struct shard_status *out)
{
    (void)pthread_mutex_lock(&shard->publish_lock);
    *out = shard->published;
    (void)pthread_mutex_unlock(&shard->publish_lock);
}
