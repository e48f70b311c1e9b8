/* port.c - see port.h. */
#include "tests/kafka/port.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

static void to_stderr(void *context, enum log_level level, const char *text)
{
    (void)context;
    if (getenv("ASSAY_TEST_LOG") != NULL)
        (void)fprintf(stderr, "[%d] %lld %s\n", (int)level,
                      (long long)clock_monotonic_ns() / 1000000, text);
}

struct kafka_options port_options(const char *servers)
{
    return (struct kafka_options){
        .bootstrap_servers = servers,
        .session_timeout_ms = 3000,
        .log = to_stderr,
    };
}

int port_open(struct kafka_fixture *fixture, enum kafka_fixture_result *result, struct bus **bus)
{
    struct error error;
    *result = kafka_fixture_start(fixture, NULL);
    if (*result != KAFKA_FIXTURE_READY)
        return *result == KAFKA_FIXTURE_UNAVAILABLE ? 0 : -1;
    struct kafka_options options = port_options(fixture->servers);
    *bus = kafka_bus_open(&options, &error);
    print_message("librdkafka %s\n", kafka_library_version());
    return *bus == NULL ? -1 : 0;
}

void port_close(struct kafka_fixture *fixture, enum kafka_fixture_result result, struct bus *bus)
{
    if (bus != NULL)
        bus_close(bus);
    if (result == KAFKA_FIXTURE_READY && getenv("ASSAY_TEST_KEEP") == NULL)
        kafka_fixture_end(fixture);
}

void port_topic(struct bus *bus, const char *name, int32_t partitions)
{
    struct error error;
    struct topic_spec spec = {name, partitions, TOPIC_DELETE, -1};
    if (!bus_create(bus, &spec, &error))
        fail_msg("%s", error.message);
}

struct member *port_member(struct bus *bus, const char *group, const char *in, const char *out)
{
    struct error error;
    const char *const read[] = {in};
    const char *const written[] = {out};
    struct member_spec spec = {group, group, read, 1, written, 1};
    struct member *m = bus_member_open(bus, &spec, &error);
    if (m == NULL)
        fail_msg("%s", error.message);
    return m;
}

void port_answer(struct member *m, enum member_event event, struct member_batch *batch)
{
    struct error error;
    struct bus_position starts[64] = {0};
    bool good = true;
    if (event == MEMBER_ASSIGN) {
        for (uint32_t i = 0; i < batch->partitions_count; i++)
            starts[i].source = batch->partitions[i];
        good = member_committed(m, starts, batch->partitions_count, &error) &&
               member_assign(m, starts, batch->partitions_count, &error);
    } else if (event == MEMBER_REVOKE || event == MEMBER_LOST) {
        good = member_unassign(m, batch->partitions, batch->partitions_count, &error);
    } else if (event == MEMBER_RECORDS) {
        member_release(m, batch);
    } else if (event == MEMBER_FAILED) {
        good = error_set(&error, ERROR_SYSTEM, "member failed");
    }
    if (!good)
        fail_msg("%s", error.message);
}

void port_commit_nothing(struct member *m)
{
    struct error error = {0};
    enum commit_outcome outcome = member_commit(m, NULL, 0, &error);
    if (outcome != COMMIT_DONE)
        fail_msg("outcome %d: %s", (int)outcome, error.message);
}

void port_fill(struct bus *bus, const char *topic, int32_t partition, int count)
{
    struct error error;
    const char *const written[] = {topic};
    struct member_spec spec = {"port-fill", "port-fill", NULL, 0, written, 1};
    struct member *m = bus_member_open(bus, &spec, &error);
    char(*values)[16] = calloc((size_t)count + 1, sizeof *values);
    if (m == NULL)
        fail_msg("%s", error.message);
    assert_true(member_begin(m, &error));
    for (int i = 0; i < count; i++) {
        (void)snprintf(values[i], sizeof values[i], "%d", i);
        struct bus_output o = {
            .topic = topic, .partition = partition, .value = bytes_from_text(values[i])};
        assert_true(member_produce(m, &o, &error));
    }
    port_commit_nothing(m);
    member_close(m);
    free(values);
}

int64_t port_count(struct bus *bus, const char *topic, int32_t partition)
{
    struct error error;
    struct bus_record record;
    int64_t low;
    int64_t high;
    int64_t count = 0;
    enum reader_event event;
    if (!bus_watermarks(bus, topic, partition, &low, &high, &error))
        fail_msg("%s", error.message);
    struct bus_reader *r = bus_reader_open(bus, topic, partition, -2, high, &error);
    if (r == NULL)
        fail_msg("%s", error.message);
    do {
        event = reader_next(r, 1000, &record, &error);
        count += event == READER_RECORD;
        if (event == READER_FAILED)
            fail_msg("%s", error.message);
    } while (event == READER_RECORD || reader_position(r) < high);
    reader_close(r);
    return count;
}
