/*
 * kafka_producer.c - the life of one transactional producer, and writing records with it.
 *
 * A producer is a thing to replace: a new one with the same transactional.id ends what the old one
 * left open, and raises the epoch, so that requests of the old one still in the network are refused.
 * Values are borrowed until the transaction ends; keys and headers librdkafka copies.
 */
#include "engine/base/check.h"
#include "engine/base/fault.h"
#include "engine/base/memory.h"
#include "engine/bus/kafka_internal.h"

#include <stdio.h>

#define DESTROY_TIMEOUT_MS 20000
#define SERVE_EVERY        128

/* Registered always: without it commits take longer, and lost records would be anonymous. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_client *client = opaque;
    struct kafka_member *m = client->member;
    (void)rk;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    atomic_fetch_add_explicit(&m->count_undelivered, 1, memory_order_relaxed);
    bool purged = message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                  message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    if (!purged && m->open && m->broken.code == ERROR_NONE)
        error_set(&m->broken, kafka_error_code(message->err),
                  "%s/%d: a record of %zu bytes was not written: %s",
                  rd_kafka_topic_name(message->rkt), message->partition, message->len,
                  rd_kafka_message_errstr(message));
}

/* Time for one attempt of init; it waits inside while a predecessor's transaction is ended. */
static bool init_transactions(struct kafka_member *m, struct error *error)
{
    int64_t deadline_ns = clock_monotonic_ns() + (int64_t)m->bus->options.patience_ms * 1000000;
    int timeout_ms = m->bus->options.transaction_timeout_ms;
    for (;;) {
        kafka_watch_enter(m->bus->watchdog, &m->watch, "init_transactions", timeout_ms);
        rd_kafka_error_t *failure = rd_kafka_init_transactions(m->producer, timeout_ms);
        kafka_watch_leave(m->bus->watchdog, &m->watch);
        if (failure == NULL)
            return true;
        rd_kafka_resp_err_t err = rd_kafka_error_code(failure);
        bool again = rd_kafka_error_is_retriable(failure) && clock_monotonic_ns() < deadline_ns;
        if (!again)
            error_set(error,
                      err == RD_KAFKA_RESP_ERR__FENCED ? ERROR_FENCED : kafka_error_code(err),
                      "%s: transactions cannot be initialised: %s; are the brokers at %s up, and "
                      "may this principal use "
                      "the transactional id?",
                      m->transactional_id, rd_kafka_error_string(failure),
                      m->bus->options.bootstrap_servers);
        rd_kafka_error_destroy(failure);
        if (!again)
            return false;
    }
}

bool kafka_producer_open(struct kafka_member *m, struct error *error)
{
    rd_kafka_conf_t *conf =
        kafka_settings_build(&m->bus->options, KAFKA_PRODUCER, NULL, m->transactional_id, error);
    if (conf == NULL)
        return false;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    m->producer_client.member = m;
    m->producer = kafka_client_new(m->bus, &m->producer_client, RD_KAFKA_PRODUCER, conf, error);
    if (m->producer == NULL)
        return false;
    /* All topics now, or the first record of each waits up to a second for metadata. */
    for (uint32_t i = 0; i < m->outputs_count && !fault_rule_off("topic_new"); i++)
        m->outputs[i].rkt = rd_kafka_topic_new(m->producer, m->outputs[i].name, NULL);
    if (m->bus->options.at_least_once || init_transactions(m, error)) {
        m->suspect = false;
        m->sockets_closed_at_begin = atomic_load(&m->producer_client.sockets_closed);
        return true;
    }
    kafka_producer_close(m);
    return false;
}

void kafka_producer_close(struct kafka_member *m)
{
    if (m->producer == NULL)
        return;
    for (uint32_t i = 0; i < m->outputs_count; i++) {
        if (m->outputs[i].rkt != NULL)
            rd_kafka_topic_destroy(m->outputs[i].rkt);
        m->outputs[i].rkt = NULL;
    }
    kafka_watch_enter(m->bus->watchdog, &m->watch, "closing the producer", DESTROY_TIMEOUT_MS);
    (void)rd_kafka_purge(m->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_poll(m->producer, 0) > 0)
        continue;
    rd_kafka_destroy(m->producer);
    kafka_watch_leave(m->bus->watchdog, &m->watch);
    m->producer = NULL;
}

bool kafka_producer_replace(struct kafka_member *m, const char *why, struct error *error)
{
    int64_t began_ns = clock_monotonic_ns();
    kafka_producer_close(m);
    bool good = kafka_producer_open(m, error);
    atomic_fetch_add_explicit(&m->count_replaced, 1, memory_order_relaxed);
    kafka_log(m->bus, LOG_INFO, "%s: producer replaced in %lld ms: %s", m->transactional_id,
              (long long)(clock_monotonic_ns() - began_ns) / 1000000, why);
    return good;
}

/* ---- records -------------------------------------------------------------------------------- */

static rd_kafka_topic_t *output_of(struct kafka_member *m, const char *name)
{
    for (uint32_t i = 0; i < m->outputs_count; i++) {
        if (strcmp(m->outputs[i].name, name) != 0)
            continue;
        if (m->outputs[i].rkt == NULL)
            m->outputs[i].rkt = rd_kafka_topic_new(m->producer, name, NULL);
        return m->outputs[i].rkt;
    }
    return NULL;
}

static rd_kafka_headers_t *headers_of(const struct bus_output *output)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(output->headers_count);
    for (uint32_t i = 0; i < output->headers_count; i++) {
        const struct bus_header *h = &output->headers[i];
        (void)rd_kafka_header_add(headers, (const char *)h->name.data, (ssize_t)h->name.size,
                                  h->value.data, (ssize_t)h->value.size);
    }
    return headers;
}

static rd_kafka_resp_err_t produce_once(struct kafka_member *m, rd_kafka_topic_t *rkt,
                                        const struct bus_output *o)
{
    void *value = (void *)(uintptr_t)o->value.data;
    if (o->headers_count == 0 && o->timestamp_ms <= 0) {
        if (rd_kafka_produce(rkt, o->partition, 0, value, o->value.size, o->key.data, o->key.size,
                             NULL) == 0)
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        return rd_kafka_last_error();
    }
    rd_kafka_headers_t *headers = o->headers_count ? headers_of(o) : NULL;
    int64_t timestamp_ms = o->timestamp_ms > 0 ? o->timestamp_ms : 0;
    rd_kafka_resp_err_t err;
    if (headers != NULL)
        err = rd_kafka_producev(
            m->producer, RD_KAFKA_V_RKT(rkt), RD_KAFKA_V_PARTITION(o->partition),
            RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_VALUE(value, o->value.size),
            RD_KAFKA_V_KEY(o->key.data, o->key.size), RD_KAFKA_V_TIMESTAMP(timestamp_ms),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    else
        err =
            rd_kafka_producev(m->producer, RD_KAFKA_V_RKT(rkt), RD_KAFKA_V_PARTITION(o->partition),
                              RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_VALUE(value, o->value.size),
                              RD_KAFKA_V_KEY(o->key.data, o->key.size),
                              RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_END);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR && headers != NULL)
        rd_kafka_headers_destroy(headers);
    return err;
}

/* Turns an error of produce into: refuse this record, or give up this transaction. */
static bool refuse(struct kafka_member *m, rd_kafka_resp_err_t err, const struct bus_output *o,
                   struct error *error)
{
    switch ((int)err) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return error_set(
            error, ERROR_LIMIT,
            "%s: a record of %zu bytes is above the limit of %d; raise message_bytes_max "
            "and the topic's max.message.bytes",
            o->topic, o->key.size + o->value.size, m->bus->options.message_bytes_max);
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return error_set(error, ERROR_INPUT,
                         "%s/%d: cannot be written: %s; create the topic with enough partitions",
                         o->topic, o->partition, rd_kafka_err2str(err));
    default: /* fenced, failed or full: the commit will say so */
        if (m->broken.code == ERROR_NONE)
            error_set(&m->broken, kafka_error_code(err),
                      "%s/%d: a record of %zu bytes cannot be written now: %s", o->topic,
                      o->partition, o->value.size, rd_kafka_err2str(err));
        return true;
    }
}

bool kafka_member_produce(struct member *base, const struct bus_output *output, struct error *error)
{
    struct kafka_member *m = (struct kafka_member *)base;
    CHECK(m->open && output->headers_count <= BUS_HEADERS_MAX);
    if (m->broken.code != ERROR_NONE)
        return true; /* nothing of this transaction will be visible */
    rd_kafka_topic_t *rkt = output_of(m, output->topic);
    if (rkt == NULL)
        return error_set(error, ERROR_INPUT,
                         "%s: the member was not opened for writing to this topic", output->topic);
    if (m->produced == 0)
        fault_point("produce.first");
    if (++m->produced % SERVE_EVERY == 0)
        (void)rd_kafka_poll(m->producer, 0);
    rd_kafka_resp_err_t err = produce_once(m, rkt, output);
    int64_t deadline_ns = m->begun_ns + (int64_t)m->bus->options.transaction_timeout_ms * 1000000;
    while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL && clock_monotonic_ns() < deadline_ns) {
        (void)rd_kafka_poll(m->producer, 10);
        err = produce_once(m, rkt, output);
    }
    if (m->produced == 1)
        fault_point("produce.after_first");
    return err == RD_KAFKA_RESP_ERR_NO_ERROR || refuse(m, err, output, error);
}
