/*
 * floor.c - only what any engine must do: consume, decompress, touch every byte. Speed is quoted as a
 * ratio to it, in one run, per CPU-second, with the same client settings.
 *
 *   bench_floor --servers HOST:PORT --topic TOPIC --group NAME --records N [--spans SPANS_PER_RECORD]
 *               [--partitions 4]
 *
 * Sums every byte as 64-bit words and prints one JSON line.
 */
#include "engine/base/check.h"
#include "engine/bus/kafka_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define BATCH 1000
#define GIVE_UP_NS ((int64_t)120 * 1000000000)

struct arguments {
    const char *servers, *topic, *group;
    uint64_t records, spans, partitions;
};

static bool read_arguments(int argc, char **argv, struct arguments *a)
{
    *a = (struct arguments){.topic = "otlp_spans", .group = "floor", .spans = 1, .partitions = 4};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--servers") == 0)
            a->servers = value;
        else if (strcmp(name, "--topic") == 0)
            a->topic = value;
        else if (strcmp(name, "--group") == 0)
            a->group = value;
        else if (strcmp(name, "--records") == 0)
            a->records = strtoull(value, NULL, 10);
        else if (strcmp(name, "--partitions") == 0)
            a->partitions = strtoull(value, NULL, 10);
        else if (strcmp(name, "--spans") == 0)
            a->spans = strtoull(value, NULL, 10);
        else
            return false;
    }
    return a->servers != NULL && a->records > 0;
}

/* Four sums side by side, so that it is memory and not the adder that is measured. */
static uint64_t sum_words(const uint8_t *data, size_t size)
{
    uint64_t sums[4] = {0}, word;
    size_t at = 0;
    for (; at + 32 <= size; at += 32)
        for (size_t lane = 0; lane < 4; lane++) {
            memcpy(&word, data + at + lane * 8, 8);
            sums[lane] += word;
        }
    for (; at < size; at++)
        sums[0] += data[at];
    return sums[0] + sums[1] + sums[2] + sums[3];
}

static rd_kafka_t *open_consumer(const struct arguments *a, struct kafka_options *options)
{
    struct error error = {0};
    char text[256] = "";
    *options = (struct kafka_options){.bootstrap_servers = a->servers};
    rd_kafka_conf_t *conf = kafka_settings_default(options, &error)
                                ? kafka_settings_build(options, KAFKA_CONSUMER, a->group, NULL, &error) : NULL;
    rd_kafka_t *rk = conf ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text) : NULL;
    if (rk == NULL) {
        (void)fprintf(stderr, "floor: %s%s\n", error.message, text);
        exit(1);
    }
    (void)rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new((int)a->partitions);
    for (int32_t p = 0; p < (int32_t)a->partitions; p++)
        rd_kafka_topic_partition_list_add(topics, a->topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    CHECK(rd_kafka_assign(rk, topics) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(topics);
    return rk;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    struct arguments a;
    if (!read_arguments(argc, argv, &a)) {
        (void)fprintf(stderr, "floor: see the head of bench/floor.c for its arguments\n");
        return 2;
    }
    struct kafka_options options;
    rd_kafka_t *rk = open_consumer(&a, &options);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    uint64_t records = 0, bytes = 0, sum = 0;
    int64_t start_ns = clock_monotonic_ns();
    while (records < a.records && clock_monotonic_ns() - start_ns < GIVE_UP_NS) {
        rd_kafka_message_t *messages[BATCH];
        ssize_t got = rd_kafka_consume_batch_queue(queue, 100, messages, BATCH);
        for (ssize_t i = 0; i < got; i++) {
            if (messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                sum += sum_words(messages[i]->payload, messages[i]->len);
                bytes += messages[i]->len;
                records++;
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    double seconds = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    (void)printf("{\"records\":%llu,\"spans\":%llu,\"bytes\":%llu,\"sum\":\"%016llx\",\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n",
                 (unsigned long long)records, (unsigned long long)(records * a.spans), (unsigned long long)bytes,
                 (unsigned long long)sum, seconds, cpu_seconds());
    rd_kafka_queue_destroy(queue);
    (void)rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return records == a.records ? 0 : 1;
}
