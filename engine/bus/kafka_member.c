/*
 * kafka_member.c - one shard's consumer: open, poll, release, close.
 *
 * A batch holds librdkafka's own messages; records point into them until release. The producer is
 * opened first: its initialisation ends what a predecessor with the same transactional.id left
 * open, so that the committed positions read afterwards are final.
 */
#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/bus/kafka_internal.h"

#include <stdio.h>

#define CLOSE_TIMEOUT_MS 15000

/* ---- records -------------------------------------------------------------------------------- */

void kafka_record_fill(struct bus_record *record, rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
    record->source.partition = message->partition;
    record->offset = message->offset;
    record->timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms;
    record->key = bytes_of(message->key, message->key_len);
    record->value = bytes_of(message->payload, message->len);
    record->handle = message;
}

uint32_t kafka_record_headers(const rd_kafka_message_t *message, struct bus_header *out,
                              uint32_t max)
{
    rd_kafka_headers_t *headers = NULL;
    uint32_t count = 0;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    while (count < max) {
        const char *name = NULL;
        const void *value = NULL;
        size_t size = 0;
        if (rd_kafka_header_get_all(headers, count, &name, &value, &size) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        out[count++] = (struct bus_header){bytes_from_text(name), bytes_of(value, size)};
    }
    return count;
}

static uint32_t member_headers_of(struct member *base, const struct bus_record *record,
                                  struct bus_header *out, uint32_t max)
{
    (void)base;
    return kafka_record_headers(record->handle, out, max);
}

/* ---- poll ----------------------------------------------------------------------------------- */

/* Index in topics, or topics_count. Messages come in runs of one topic. */
static uint32_t topic_of(struct kafka_member *m, const rd_kafka_topic_t *rkt)
{
    if (rkt == m->last_rkt)
        return m->last_topic;
    const char *name = rd_kafka_topic_name(rkt);
    uint32_t i = 0;
    while (i < m->topics_count && strcmp(m->topics[i].name, name) != 0)
        i++;
    m->last_rkt = rkt;
    m->last_topic = i;
    return i;
}

/* Retention overtook us. */
static void on_truncated(struct kafka_member *m, uint32_t topic, const rd_kafka_message_t *message)
{
    struct kafka_partition *p =
        kafka_partition_of(m, (struct bus_partition){(int32_t)topic, message->partition});
    const char *name = m->topics[topic].name;
    int64_t low = 0;
    int64_t high = 0;
    if (p == NULL)
        return;
    if (!m->bus->options.skip_truncated) {
        error_set(&m->failure, ERROR_INPUT,
                  "%s/%d: offset %lld is not there any more: retention deleted records before they "
                  "were read, or the "
                  "topic was made anew. Give the topic a longer retention; to go on without the "
                  "lost records, move group "
                  "%s to the oldest kept offset (%s)",
                  name, message->partition, (long long)p->next, m->group,
                  rd_kafka_message_errstr(message));
        m->failed = true;
        return;
    }
    int64_t was = p->next;
    if (kafka_admin_watermarks(&m->bus->base, name, message->partition, &low, &high, &m->failure)) {
        int64_t to = was < low ? low : high;
        if (kafka_partition_restart(m, (struct bus_partition){(int32_t)topic, message->partition},
                                    to, &m->failure)) {
            kafka_log(m->bus, LOG_WARNING,
                      "%s/%d: offsets %lld to %lld are gone, reading goes on at %lld", name,
                      message->partition, (long long)was, (long long)to, (long long)to);
            return;
        }
    }
    m->failed = true;
}

/* A message that is not a record: end of partition, or an error of one. */
static void on_event(struct kafka_member *m, const rd_kafka_message_t *message)
{
    uint32_t topic = message->rkt ? topic_of(m, message->rkt) : m->topics_count;
    const char *name = topic < m->topics_count ? m->topics[topic].name : "(all topics)";
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: {
        struct kafka_partition *p =
            kafka_partition_of(m, (struct bus_partition){(int32_t)topic, message->partition});
        if (p != NULL && message->offset >= p->next) {
            p->next = message->offset;
            p->at_end = true;
        }
        return;
    }
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        if (topic < m->topics_count)
            on_truncated(m, topic, message);
        return;
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        error_set(&m->failure, ERROR_SYSTEM, "%s/%d, group %s: %s", name, message->partition,
                  m->group, rd_kafka_message_errstr(message));
        m->failed = true;
        return;
    default:
        kafka_log(m->bus, LOG_WARNING, "%s/%d, group %s: %s: %s", name, message->partition,
                  m->group, rd_kafka_err2name(message->err), rd_kafka_message_errstr(message));
        return;
    }
}

/* Keeps the message as a record, or serves and destroys it. */
static void take(struct kafka_member *m, rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        struct bus_partition source = {(int32_t)topic_of(m, message->rkt), message->partition};
        struct kafka_partition *p = kafka_partition_of(m, source);
        if (p != NULL && message->offset >= p->next) {
            p->next = message->offset + 1;
            p->at_end = false;
            struct bus_record *record = &m->records[m->records_count];
            kafka_record_fill(record, message);
            record->source = source;
            m->records_count++;
            return;
        }
    } else {
        on_event(m, message);
    }
    rd_kafka_message_destroy(message);
}

static enum member_event kafka_member_poll(struct member *base, int timeout_ms,
                                           struct member_batch *batch, struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    CHECK(m->records_count == 0); /* released */
    CHECK(!m->pending_told);      /* answered */
    *batch = (struct member_batch){0};
    if (m->producer != NULL)
        (void)rd_kafka_poll(m->producer, m->consumer == NULL ? timeout_ms : 0);
    if (m->consumer == NULL)
        return MEMBER_IDLE; /* opened for writing only */
    if (!m->failed && m->pending == MEMBER_IDLE) {
        rd_kafka_message_t *first = rd_kafka_consumer_poll(m->consumer, timeout_ms);
        if (first != NULL) {
            take(m, first);
            size_t room = (size_t)m->bus->options.batch_records_max - 1;
            ssize_t more = room ? rd_kafka_consume_batch_queue(m->queue, 0, m->messages, room) : 0;
            for (ssize_t i = 0; i < more; i++)
                take(m, m->messages[i]);
        }
    }
    if (m->records_count > 0) {
        batch->records = m->records;
        batch->count = m->records_count;
        return MEMBER_RECORDS;
    }
    if (m->failed) {
        *error = m->failure;
        return MEMBER_FAILED;
    }
    if (m->pending != MEMBER_IDLE) {
        m->pending_told = true;
        batch->partitions = m->pending_partitions;
        batch->partitions_count = m->pending_count;
    }
    return m->pending;
}

static void kafka_member_release(struct member *base, struct member_batch *batch)
{
    struct kafka_member *m = (struct kafka_member *)base;
    for (uint32_t i = 0; i < m->records_count; i++)
        rd_kafka_message_destroy(m->records[i].handle);
    m->records_count = 0;
    *batch = (struct member_batch){0};
}

/* ---- open and close ------------------------------------------------------------------------- */

static void free_member(struct kafka_member *m)
{
    for (uint32_t i = 0; i < m->topics_count; i++) {
        memory_free(m->topics[i].name);
        memory_free(m->topics[i].partitions);
    }
    for (uint32_t i = 0; i < m->outputs_count; i++)
        memory_free(m->outputs[i].name);
    memory_free(m->topics);
    memory_free(m->outputs);
    memory_free(m->messages);
    memory_free(m->records);
    memory_free(m->pending_partitions);
    kafka_watch_remove(m->bus->watchdog, &m->watch);
    memory_free(m->group);
    memory_free(m->transactional_id);
    memory_free(m);
}

static void kafka_member_close(struct member *base)
{
    struct kafka_member *m = (struct kafka_member *)base;
    struct error ignored;
    struct member_batch batch;
    m->closing = true;
    kafka_member_release(base, &batch);
    if (m->open && m->producer != NULL)
        (void)kafka_member_abort(base, &ignored);
    kafka_producer_close(m);
    if (m->consumer != NULL) {
        kafka_watch_enter(m->bus->watchdog, &m->watch, "leaving the group", CLOSE_TIMEOUT_MS);
        if (m->pending != MEMBER_IDLE) /* an event nobody will answer now */
            (void)rd_kafka_assign(m->consumer, NULL);
        (void)rd_kafka_consumer_close(m->consumer);
        if (m->queue != NULL)
            rd_kafka_queue_destroy(m->queue);
        rd_kafka_destroy(m->consumer);
        kafka_watch_leave(m->bus->watchdog, &m->watch);
    }
    free_member(m);
}

static bool open_consumer(struct kafka_member *m, struct error *error)
{
    rd_kafka_conf_t *conf =
        kafka_settings_build(&m->bus->options, KAFKA_CONSUMER, m->group, NULL, error);
    if (conf == NULL)
        return false;
    rd_kafka_conf_set_rebalance_cb(conf, kafka_on_rebalance);
    m->consumer_client.member = m;
    m->consumer = kafka_client_new(m->bus, &m->consumer_client, RD_KAFKA_CONSUMER, conf, error);
    if (m->consumer == NULL)
        return false;
    (void)rd_kafka_poll_set_consumer(m->consumer);
    m->queue = rd_kafka_queue_get_consumer(m->consumer);
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new((int)m->topics_count);
    for (uint32_t i = 0; i < m->topics_count; i++)
        rd_kafka_topic_partition_list_add(topics, m->topics[i].name, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(m->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    return error_set(error, ERROR_SYSTEM, "group %s: cannot subscribe to %u topics: %s", m->group,
                     m->topics_count, rd_kafka_err2str(err));
}

#define MEMBER_OPS(begin_with, commit_with, abort_with)                                            \
    {                                                                                              \
        .poll = kafka_member_poll, .release = kafka_member_release, .headers = member_headers_of,  \
        .assign = kafka_member_assign, .unassign = kafka_member_unassign,                          \
        .committed = kafka_member_committed, .seek = kafka_member_seek,                            \
        .pause = kafka_member_pause, .at_end = kafka_member_at_end, .behind = kafka_member_behind, \
        .begin = begin_with, .produce = kafka_member_produce, .commit = commit_with,               \
        .abort = abort_with, .close = kafka_member_close,                                          \
    }

static const struct member_ops exactly_once =
    MEMBER_OPS(kafka_member_begin, kafka_member_commit, kafka_member_abort);
static const struct member_ops at_least_once =
    MEMBER_OPS(kafka_at_least_once_begin, kafka_at_least_once_commit, kafka_at_least_once_abort);

struct member *kafka_member_open(struct bus *base, const struct member_spec *spec,
                                 struct error *error)
{
    struct kafka_bus *bus = (struct kafka_bus *)base;
    struct kafka_member *m = memory_allocate(sizeof *m);
    size_t batch = (size_t)bus->options.batch_records_max;
    m->base.ops = bus->options.at_least_once ? &at_least_once : &exactly_once;
    m->bus = bus;
    m->pending = MEMBER_IDLE;
    m->opened_ns = clock_monotonic_ns();
    m->group = memory_copy_text(spec->group);
    m->transactional_id = memory_copy_text(spec->transactional_id);
    kafka_watch_add(bus->watchdog, &m->watch, m->transactional_id);
    m->messages = memory_allocate_array(batch, sizeof(rd_kafka_message_t *));
    m->records = memory_allocate_array(batch, sizeof *m->records);
    m->topics_count = spec->topics_read_count;
    m->topics = memory_allocate_array(m->topics_count + 1, sizeof *m->topics);
    for (uint32_t i = 0; i < m->topics_count; i++)
        m->topics[i].name = memory_copy_text(spec->topics_read[i]);
    m->outputs_count = spec->topics_written_count;
    m->outputs = memory_allocate_array(m->outputs_count + 1, sizeof *m->outputs);
    for (uint32_t i = 0; i < m->outputs_count; i++)
        m->outputs[i].name = memory_copy_text(spec->topics_written[i]);
    if (kafka_producer_open(m, error) && (m->topics_count == 0 || open_consumer(m, error)))
        return &m->base;
    kafka_member_close(&m->base);
    return NULL;
}

void kafka_member_read_counts(const struct member *member, struct kafka_member_counts *out)
{
    const struct kafka_member *m = (const struct kafka_member *)member;
    out->producers_replaced = atomic_load_explicit(&m->count_replaced, memory_order_relaxed);
    out->outcomes_resolved = atomic_load_explicit(&m->count_resolved, memory_order_relaxed);
    out->fenced = atomic_load_explicit(&m->count_fenced, memory_order_relaxed);
    out->deliveries_failed = atomic_load_explicit(&m->count_undelivered, memory_order_relaxed);
}
