/*
 * loadgen.c - lean spans into a real Kafka topic, as fast as the broker takes them or at a rate.
 *
 *   bench_loadgen --servers HOST:PORT --topic otlp_spans --records N [--spans 100] [--partitions 4]
 *                 [--rate SPANS_PER_SECOND] [--from NUMBER]
 *
 * Rates are open-loop: a record's time stamp is the moment it was due. Prints what it sent as JSON.
 */
#include "bench/lean_span.h"
#include "engine/base/check.h"
#include "engine/bus/kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_BYTES ((size_t)8 << 20)
#define BATCH_RECORDS 4000
#define TEMPLATES 48 /* differ in application, intent, model */

struct arguments {
    const char *servers, *topic;
    uint64_t records, from;
    uint32_t spans, partitions;
    double rate;
};

static bool read_arguments(int argc, char **argv, struct arguments *a)
{
    *a = (struct arguments){.topic = "otlp_spans", .spans = 100, .partitions = 4};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--servers") == 0)
            a->servers = value;
        else if (strcmp(name, "--topic") == 0)
            a->topic = value;
        else if (strcmp(name, "--records") == 0)
            a->records = strtoull(value, NULL, 10);
        else if (strcmp(name, "--from") == 0)
            a->from = strtoull(value, NULL, 10);
        else if (strcmp(name, "--spans") == 0)
            a->spans = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--partitions") == 0)
            a->partitions = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--rate") == 0)
            a->rate = strtod(value, NULL);
        else
            return false;
    }
    return a->servers != NULL && a->records > 0 && a->spans > 0 && a->partitions > 0;
}

static void wait_until(int64_t due_ns)
{
    int64_t left = due_ns - clock_monotonic_ns();
    if (left <= 0)
        return;
    struct timespec pause = {left / 1000000000, left % 1000000000};
    (void)nanosleep(&pause, NULL);
}

static void fail(const char *what, const struct error *error)
{
    (void)fprintf(stderr, "loadgen: %s: %s\n", what, error->message);
    exit(1);
}

/* One transaction's worth, borrowed by the member until it is committed. */
static void send_batch(struct member *member, const struct arguments *a, uint64_t first, uint64_t count, struct lean_template *templates,
                       struct buffer *text)
{
    struct error error = {0};
    size_t starts[BATCH_RECORDS + 1];
    buffer_clear(text);
    int64_t now_ms = clock_system.now_ms(&clock_system);
    for (uint64_t i = 0; i < count; i++) {
        starts[i] = text->size;
        struct lean_template *t = &templates[(first + i) % TEMPLATES];
        lean_template_stamp(t, a->from + (first + i) * a->spans, (uint64_t)now_ms * 1000000);
        buffer_append(text, t->record.data, t->record.size);
    }
    starts[count] = text->size;
    CHECK(!text->failed);
    if (!member_begin(member, &error))
        fail("begin", &error);
    for (uint64_t i = 0; i < count; i++) {
        struct bus_output output = {.topic = a->topic, .partition = (int32_t)((first + i) % a->partitions), .timestamp_ms = now_ms,
                                    .value = bytes_of(text->data + starts[i], starts[i + 1] - starts[i])};
        if (!member_produce(member, &output, &error))
            fail("produce", &error);
    }
    if (member_commit(member, NULL, 0, &error) != COMMIT_DONE)
        fail("commit", &error);
}

int main(int argc, char **argv)
{
    struct arguments a;
    struct error error = {0};
    if (!read_arguments(argc, argv, &a)) {
        (void)fprintf(stderr, "loadgen: see the head of bench/loadgen.c for its arguments\n");
        return 2;
    }
    struct kafka_options options = {.bootstrap_servers = a.servers, .message_bytes_max = 8000000};
    struct bus *bus = kafka_bus_open(&options, &error);
    if (bus == NULL)
        fail("open", &error);
    const char *written[] = {a.topic};
    struct member_spec spec = {.group = "loadgen", .transactional_id = "loadgen", .topics_written = written, .topics_written_count = 1};
    struct member *member = bus_member_open(bus, &spec, &error);
    if (member == NULL)
        fail("open producer", &error);
    struct lean_template templates[TEMPLATES];
    for (uint32_t i = 0; i < TEMPLATES; i++)
        lean_template_make(&templates[i], (uint64_t)i * a.spans, a.spans);
    struct buffer text = BUFFER_WITH_LIMIT((size_t)64 << 20);
    uint64_t batch = BATCH_BYTES / ((size_t)a.spans * 1400);
    batch = batch < 1 ? 1 : batch > BATCH_RECORDS ? BATCH_RECORDS : batch;
    if (a.rate > 0 && batch > 1 + (uint64_t)(a.rate / a.spans / 20))
        batch = 1 + (uint64_t)(a.rate / a.spans / 20); /* about 20 times a second */
    int64_t start_ns = clock_monotonic_ns();
    for (uint64_t sent = 0; sent < a.records; sent += batch) {
        uint64_t count = a.records - sent < batch ? a.records - sent : batch;
        if (a.rate > 0)
            wait_until(start_ns + (int64_t)((double)(sent * a.spans) / a.rate * 1e9));
        send_batch(member, &a, sent, count, templates, &text);
    }
    double seconds = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    (void)printf("{\"records\":%llu,\"spans\":%llu,\"seconds\":%.3f}\n", (unsigned long long)a.records,
                 (unsigned long long)a.records * a.spans, seconds);
    for (uint32_t i = 0; i < TEMPLATES; i++)
        lean_template_free(&templates[i]);
    buffer_free(&text);
    member_close(member);
    bus_close(bus);
    return 0;
}
