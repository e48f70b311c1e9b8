/* positions.c - see positions.h. */
#include "tests/engine_kafka/positions.h"

#include "engine/bus/kafka_internal.h"
#include "tests/test.h"

#define CALL_MS 5000

struct positions {
    rd_kafka_t *committed, *all; /* by isolation level */
};

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        fail_msg("%s", why);
}

static rd_kafka_t *open_client(const char *servers, const char *group, const char *isolation)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", servers);
    set(conf, "group.id", group);
    set(conf, "isolation.level", isolation);
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    set(conf, "reconnect.backoff.max.ms", "500");
    set(conf, "log_level", "0");
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == NULL)
        fail_msg("%s", why);
    return rk;
}

struct positions *positions_open(const char *servers, const char *group)
{
    struct positions *p = calloc(1, sizeof *p);
    p->committed = open_client(servers, group, "read_committed");
    p->all = open_client(servers, group, "read_uncommitted");
    return p;
}

void positions_close(struct positions *p)
{
    if (p == NULL)
        return;
    rd_kafka_destroy(p->committed);
    rd_kafka_destroy(p->all);
    free(p);
}

bool positions_committed(struct positions *p, const char *topic, int32_t count, int64_t *out)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topic, i);
    bool good = rd_kafka_committed(p->committed, list, CALL_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int32_t i = 0; good && i < count; i++) {
        good = list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
        out[i] = list->elems[i].offset < 0 ? -1 : list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return good;
}

int64_t positions_end(struct positions *p, const char *topic, int32_t partition, bool committed)
{
    int64_t low = 0, high = 0;
    rd_kafka_t *rk = committed ? p->committed : p->all;
    return rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &high, CALL_MS) == RD_KAFKA_RESP_ERR_NO_ERROR ? high : -1;
}

int64_t positions_count(struct positions *p, const char *topic, int32_t partition, bool committed)
{
    rd_kafka_t *rk = committed ? p->committed : p->all;
    int64_t end = positions_end(p, topic, partition, committed), count = 0;
    if (end <= 0)
        return end;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    bool done = rd_kafka_consume_start(rkt, partition, RD_KAFKA_OFFSET_BEGINNING) != 0;
    for (int quiet = 0; !done && quiet < 5;) {
        rd_kafka_message_t *message = rd_kafka_consume(rkt, partition, 1000);
        quiet += message == NULL;
        if (message == NULL)
            continue;
        done = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
               (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset >= end);
        count += message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset < end;
        rd_kafka_message_destroy(message);
    }
    (void)rd_kafka_consume_stop(rkt, partition);
    rd_kafka_topic_destroy(rkt);
    return count;
}
