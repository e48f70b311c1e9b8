/* mirror.c - see mirror.h. */
#include "tests/engine_kafka/mirror.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/bus/embedded_log.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS     6
#define PATIENCE_NS ((int64_t)60 * 1000000000)

/* ---- threads -------------------------------------------------------------------------------------------------- */

struct work {
    uint32_t count;
    atomic_uint next;
    void (*function)(void *context, uint32_t number);
    void *context;
};

static void *run_work(void *argument)
{
    struct work *work = argument;
    for (uint32_t i; (i = atomic_fetch_add(&work->next, 1)) < work->count;)
        work->function(work->context, i);
    return NULL;
}

void mirror_each(uint32_t count, void (*function)(void *context, uint32_t number), void *context)
{
    struct work work = {.count = count, .function = function, .context = context};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, run_work, &work) == 0);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
}

/* ---- copying ---------------------------------------------------------------------------------------------------- */

struct copy {
    struct bus *from, *to;
    struct mirror_partition *partitions;
    atomic_bool failed;
    pthread_mutex_t lock; /* of error, and of appending */
    struct error *error;
};

static void append(struct copy *c, const struct mirror_partition *p, struct bus_reader *reader, const struct bus_record *record)
{
    struct bus_header headers[BUS_HEADERS_MAX];
    struct error error = {0};
    struct bus_output output = {.topic = p->topic, .partition = p->partition, .timestamp_ms = record->timestamp_ms,
                                .key = record->key, .value = record->value, .headers = headers,
                                .headers_count = reader_headers(reader, headers, BUS_HEADERS_MAX)};
    (void)pthread_mutex_lock(&c->lock);
    CHECK(embedded_log_append_at(c->to, &output, record->offset, &error));
    (void)pthread_mutex_unlock(&c->lock);
}

static bool copy_records(struct copy *c, struct mirror_partition *p, struct error *error)
{
    int64_t low = 0, high = 0, deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    if (!bus_watermarks(c->from, p->topic, p->partition, &low, &high, error))
        return false;
    p->next = p->from > low ? p->from : low;
    if (p->next >= high)
        return true;
    struct bus_reader *reader = bus_reader_open(c->from, p->topic, p->partition, p->next, high, error);
    struct bus_record record;
    bool good = reader != NULL;
    while (good && reader_position(reader) < high) {
        enum reader_event event = reader_next(reader, 1000, &record, error);
        if (event == READER_RECORD) {
            append(c, p, reader, &record);
            p->records++;
        } else if (event == READER_FAILED) {
            good = false;
        } else if (clock_monotonic_ns() > deadline_ns) {
            good = error_set(error, ERROR_SYSTEM, "%s/%d: a transaction at %lld stays open", p->topic, p->partition,
                             (long long)reader_position(reader));
        }
    }
    p->next = high;
    if (reader != NULL)
        reader_close(reader);
    return good;
}

static void copy_one(void *context, uint32_t number)
{
    struct copy *c = context;
    struct error error = {0};
    if (copy_records(c, &c->partitions[number], &error))
        return;
    (void)pthread_mutex_lock(&c->lock);
    *c->error = error;
    (void)pthread_mutex_unlock(&c->lock);
    atomic_store(&c->failed, true);
}

static bool create_topics(struct bus *bus, const struct mirror_partition *partitions, uint32_t count, struct error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        int32_t most = 0;
        for (uint32_t k = 0; k < count; k++)
            if (strcmp(partitions[k].topic, partitions[i].topic) == 0 && partitions[k].partition >= most)
                most = partitions[k].partition + 1;
        struct topic_spec spec = {partitions[i].topic, most, TOPIC_DELETE, -1};
        if (!bus_create(bus, &spec, error))
            return false;
    }
    return true;
}

struct bus *mirror_copy(struct bus *bus, struct mirror_partition *partitions, uint32_t count, struct error *error)
{
    struct copy c = {.from = bus, .to = embedded_log_open(NULL), .partitions = partitions, .error = error};
    CHECK(pthread_mutex_init(&c.lock, NULL) == 0);
    bool good = create_topics(c.to, partitions, count, error);
    if (good)
        mirror_each(count, copy_one, &c);
    (void)pthread_mutex_destroy(&c.lock);
    if (good && !atomic_load(&c.failed))
        return c.to;
    bus_close(c.to);
    return NULL;
}
