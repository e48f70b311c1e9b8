/* judge.c - reads requests, writes verdicts; see traffic.h. */
#include "tests/engine_kafka/traffic.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define PARTS_MAX 16
#define BATCH_MAX 256

struct verdict_out {
    struct buffer key, value;
    int32_t partition;
    int64_t timestamp_ms;
};

struct judge {
    struct bus *bus;
    const struct flow_options *options;
    int32_t partitions;
    char id[96];
    pthread_t thread;
    struct member *member;
    struct bus_reader *readers[PARTS_MAX];
    struct json_document *json;
    struct verdict_out batch[BATCH_MAX];
    uint32_t count;
    atomic_bool stop, idle;
    atomic_uint_fast64_t answered;
};

static void nap(int64_t ms)
{
    struct timespec step = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&step, NULL);
}

/* The object behind "echo": as it stands. */
static struct bytes find_echo(struct bytes request)
{
    static const char name[] = "\"echo\":";
    for (size_t i = 0; i + sizeof name < request.size; i++) {
        if (memcmp(request.data + i, name, sizeof name - 1) != 0)
            continue;
        const uint8_t *start = request.data + i + sizeof name - 1;
        const uint8_t *end = memchr(start, '}', request.size - (size_t)(start - request.data));
        return end != NULL ? bytes_of(start, (size_t)(end - start) + 1) : BYTES_NONE;
    }
    return BYTES_NONE;
}

static void answer(struct judge *j, const struct bus_record *request)
{
    struct error error = {0};
    struct verdict_out *out = &j->batch[j->count++];
    const struct json_value *root = json_parse(j->json, request->value, 8, &error);
    struct bytes id = json_text(json_get(root, "request_id")), echo = find_echo(request->value);
    CHECK(bytes_present(id) && bytes_present(echo));
    uint64_t hash = hash_bytes(id, 5);
    buffer_clear(&out->key);
    buffer_clear(&out->value);
    buffer_append(&out->key, id.data, id.size);
    buffer_printf(&out->value, "{\"request_id\":\"%.*s\",\"evaluator\":\"judge\",\"revision\":\"r1\",\"echo\":%.*s,"
                               "\"scores\":{\"relevance\":%d,\"tone\":%d}}",
                  BYTES_FMT(id), BYTES_FMT(echo), (int)(3 + hash % 3), 4);
    out->partition = (int32_t)(hash / 7 % (uint64_t)j->partitions);
    out->timestamp_ms = request->timestamp_ms;
}

static bool send_batch(struct judge *j)
{
    struct error error = {0};
    const char *topic = j->options->inputs[1].name;
    if (!member_begin(j->member, &error))
        return false;
    for (uint32_t i = 0; i < j->count; i++) {
        const struct verdict_out *v = &j->batch[i];
        struct bus_output output = {.topic = topic, .partition = v->partition, .timestamp_ms = v->timestamp_ms,
                                    .key = buffer_bytes(&v->key), .value = buffer_bytes(&v->value)};
        CHECK(member_produce(j->member, &output, &error));
    }
    return member_commit(j->member, NULL, 0, &error) == COMMIT_DONE;
}

static void open_member(struct judge *j)
{
    const char *written[] = {j->options->inputs[1].name};
    struct member_spec spec = {.group = j->id, .transactional_id = j->id, .topics_written = written, .topics_written_count = 1};
    struct error error = {0};
    while (j->member == NULL && !atomic_load(&j->stop)) {
        j->member = bus_member_open(j->bus, &spec, &error);
        if (j->member == NULL)
            nap(200);
    }
}

/* Again and again: a verdict that arrives twice is recognised, one that never arrives is not. */
static void send_until_done(struct judge *j)
{
    while (!atomic_load(&j->stop)) {
        open_member(j);
        if (j->member == NULL || send_batch(j))
            break;
        member_close(j->member);
        j->member = NULL;
        nap(100);
    }
    atomic_fetch_add(&j->answered, j->count);
    j->count = 0;
}

static void read_partition(struct judge *j, uint32_t p, bool *ended)
{
    struct error error = {0};
    struct bus_record record;
    if (j->readers[p] == NULL)
        j->readers[p] = bus_reader_open(j->bus, j->options->topics.requests, (int32_t)p, -2, -1, &error);
    if (j->readers[p] == NULL) {
        *ended = false;
        nap(200);
        return;
    }
    enum reader_event event = READER_END;
    while (j->count < BATCH_MAX && (event = reader_next(j->readers[p], 10, &record, &error)) == READER_RECORD)
        answer(j, &record);
    *ended = *ended && j->count < BATCH_MAX && event == READER_END;
}

static void *run(void *argument)
{
    struct judge *j = argument;
    while (!atomic_load(&j->stop)) {
        bool ended = true;
        for (uint32_t p = 0; p < j->options->exchange_partitions; p++)
            read_partition(j, p, &ended);
        bool nothing = j->count == 0;
        if (!nothing)
            send_until_done(j);
        atomic_store(&j->idle, ended && nothing);
        nap(20);
    }
    return NULL;
}

struct judge *judge_start(struct bus *bus, const struct flow_options *options, int32_t verdict_partitions)
{
    struct judge *j = memory_allocate(sizeof *j);
    CHECK(options->exchange_partitions <= PARTS_MAX);
    j->bus = bus;
    j->options = options;
    j->partitions = verdict_partitions;
    (void)snprintf(j->id, sizeof j->id, "%s-judge", options->app);
    j->json = json_create((size_t)1 << 20);
    for (int i = 0; i < BATCH_MAX; i++) {
        j->batch[i].key = BUFFER_WITH_LIMIT(1 << 12);
        j->batch[i].value = BUFFER_WITH_LIMIT(1 << 16);
    }
    CHECK(pthread_create(&j->thread, NULL, run, j) == 0);
    return j;
}

uint64_t judge_answered(const struct judge *j) { return atomic_load(&j->answered); }
bool judge_idle(const struct judge *j) { return atomic_load(&j->idle); }

void judge_stop(struct judge *j)
{
    if (j == NULL)
        return;
    atomic_store(&j->stop, true);
    (void)pthread_join(j->thread, NULL);
    for (int i = 0; i < PARTS_MAX; i++)
        if (j->readers[i] != NULL)
            reader_close(j->readers[i]);
    for (int i = 0; i < BATCH_MAX; i++) {
        buffer_free(&j->batch[i].key);
        buffer_free(&j->batch[i].value);
    }
    if (j->member != NULL)
        member_close(j->member);
    json_destroy(j->json);
    memory_free(j);
}
