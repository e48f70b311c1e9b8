/*
 * kafka_reader.c - one partition read by hand, committed records only, from an offset to an end.
 *
 * The end is reached when the position is, never when "the last record" was seen: transaction
 * markers and aborted records take offsets and do not come out. Handles are kept by the bus and
 * used again, because a new one costs a connection; a reader has one for itself while it lives.
 */
#include "engine/base/memory.h"
#include "engine/bus/kafka_internal.h"

#include <stdio.h>

struct kafka_reader {
    struct bus_reader base;
    struct kafka_bus *bus;
    struct kafka_reader_handle handle;
    rd_kafka_topic_t *rkt;
    rd_kafka_message_t *message; /* the one that is lent out */
    int32_t partition;
    int64_t position;
    int64_t end;
    bool started;
};

static bool handle_take(struct kafka_bus *bus, struct kafka_reader_handle *out, struct error *error)
{
    pthread_mutex_lock(&bus->lock);
    bool found = bus->idle_count > 0;
    if (found)
        *out = bus->idle[--bus->idle_count];
    pthread_mutex_unlock(&bus->lock);
    if (found)
        return true;
    rd_kafka_conf_t *conf = kafka_settings_build(&bus->options, KAFKA_READER, NULL, NULL, error);
    if (conf == NULL)
        return false;
    out->client = memory_allocate(sizeof *out->client);
    out->rk = kafka_client_new(bus, out->client, RD_KAFKA_CONSUMER, conf, error);
    if (out->rk != NULL)
        return true;
    memory_free(out->client);
    return false;
}

static void handle_give(struct kafka_bus *bus, struct kafka_reader_handle handle)
{
    pthread_mutex_lock(&bus->lock);
    bool keep = bus->idle_count < KAFKA_READERS_IDLE_MAX;
    if (keep)
        bus->idle[bus->idle_count++] = handle;
    pthread_mutex_unlock(&bus->lock);
    if (keep)
        return;
    rd_kafka_destroy(handle.rk);
    memory_free(handle.client);
}

static enum reader_event explain(struct kafka_reader *r, const rd_kafka_message_t *message,
                                 struct error *error)
{
    const char *topic = rd_kafka_topic_name(r->rkt);
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        error_set(error, ERROR_INPUT,
                  "%s/%d: offset %lld is not there any more: retention or DeleteRecords took it, "
                  "or the topic was made "
                  "anew. Give the topic a longer retention, or start again from what is kept (%s)",
                  topic, r->partition, (long long)r->position, rd_kafka_message_errstr(message));
        return READER_FAILED;
    default:
        error_set(error, kafka_error_code(message->err), "%s/%d: reading at offset %lld failed: %s",
                  topic, r->partition, (long long)r->position, rd_kafka_message_errstr(message));
        return READER_FAILED;
    }
}

static void drop_message(struct kafka_reader *r)
{
    if (r->message != NULL)
        rd_kafka_message_destroy(r->message);
    r->message = NULL;
}

static enum reader_event kafka_reader_next(struct bus_reader *base, int timeout_ms,
                                           struct bus_record *out, struct error *error)
{
    struct kafka_reader *r = (struct kafka_reader *)base;
    int64_t deadline_ns = clock_monotonic_ns() + (int64_t)timeout_ms * 1000000;
    drop_message(r);
    for (;;) {
        if (r->end >= 0 && r->position >= r->end)
            return READER_END;
        int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / 1000000;
        (void)rd_kafka_poll(r->handle.rk, 0);
        rd_kafka_message_t *message =
            rd_kafka_consume(r->rkt, r->partition, left_ms > 0 ? (int)left_ms : 0);
        if (message == NULL)
            return READER_END; /* for now */
        r->message = message;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (message->offset < r->position)
                continue; /* cannot happen; never give a record twice */
            if (r->end >= 0 && message->offset >= r->end) {
                r->position = message->offset; /* nothing committed lies between */
                drop_message(r);
                return READER_END;
            }
            r->position = message->offset + 1;
            kafka_record_fill(out, message);
            out->source = (struct bus_partition){0, r->partition};
            return READER_RECORD;
        }
        enum reader_event event = READER_RECORD; /* stands for: go on */
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            if (message->offset > r->position)
                r->position = message->offset;
            event = r->end < 0 ? READER_END : READER_RECORD;
        } else if (!kafka_error_transient(message->err)) {
            event = explain(r, message, error);
        }
        drop_message(r);
        if (event != READER_RECORD)
            return event;
    }
}

static uint32_t kafka_reader_headers(struct bus_reader *base, struct bus_header *out, uint32_t max)
{
    struct kafka_reader *r = (struct kafka_reader *)base;
    return r->message ? kafka_record_headers(r->message, out, max) : 0;
}

static int64_t kafka_reader_position(struct bus_reader *base)
{
    return ((struct kafka_reader *)base)->position;
}

static void kafka_reader_close(struct bus_reader *base)
{
    struct kafka_reader *r = (struct kafka_reader *)base;
    drop_message(r);
    if (r->started)
        (void)rd_kafka_consume_stop(r->rkt, r->partition);
    if (r->rkt != NULL)
        rd_kafka_topic_destroy(r->rkt);
    handle_give(r->bus, r->handle);
    memory_free(r);
}

static const struct bus_reader_ops kafka_reader_ops = {
    .next = kafka_reader_next,
    .headers = kafka_reader_headers,
    .position = kafka_reader_position,
    .close = kafka_reader_close,
};

struct bus_reader *kafka_reader_open(struct bus *base, const char *topic, int32_t partition,
                                     int64_t from, int64_t end, struct error *error)
{
    struct kafka_bus *bus = (struct kafka_bus *)base;
    struct kafka_reader_handle handle;
    int64_t low = 0;
    int64_t high = 0;
    if (!kafka_admin_watermarks(base, topic, partition, &low, &high, error))
        return NULL;
    if (from == -2)
        from = low;
    if (from < low || from > high) {
        error_set(error, ERROR_INPUT,
                  "%s/%d: offset %lld is not there; %lld to %lld are kept. Retention or "
                  "DeleteRecords took it, or the "
                  "topic was made anew: give it a longer retention, or start from what is kept",
                  topic, partition, (long long)from, (long long)low, (long long)high);
        return NULL;
    }
    if (!handle_take(bus, &handle, error))
        return NULL;
    struct kafka_reader *r = memory_allocate(sizeof *r);
    *r = (struct kafka_reader){.base.ops = &kafka_reader_ops,
                               .bus = bus,
                               .handle = handle,
                               .partition = partition,
                               .position = from,
                               .end = end};
    r->rkt = rd_kafka_topic_new(handle.rk, topic, NULL);
    r->started = r->rkt != NULL && rd_kafka_consume_start(r->rkt, partition, from) == 0;
    if (r->started)
        return &r->base;
    error_set(error, ERROR_SYSTEM, "%s/%d: reading from offset %lld cannot start: %s", topic,
              partition, (long long)from, rd_kafka_err2str(rd_kafka_last_error()));
    kafka_reader_close(&r->base);
    return NULL;
}
