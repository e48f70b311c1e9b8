/*
 * embedded_log_thread_test.c - several members, a producer and a reader on threads of their own;
 * for the thread sanitizer, and for waiting polls.
 */
#include "tests/bus/audit.h"
#include "tests/bus/copier.h"

#include <pthread.h>
#include <time.h>

#define IN_PARTITIONS 6
#define COPIERS       3

struct shared {
    struct bus *bus;
    uint64_t numbers;
    atomic_bool stop;
    struct copier copiers[COPIERS];
    struct audit audit;
};

struct thread {
    pthread_t id;
    struct shared *shared;
    struct copier *copier;
};

static void *run_copier(void *argument)
{
    struct thread *thread = argument;
    for (uint32_t i = 1; !atomic_load(&thread->shared->stop); i++) {
        (void)copier_step(thread->copier, 2);
        if (i % 8 == 0)
            copier_commit(thread->copier);
        if (i % 1000 == 0)
            copier_crash(thread->copier);
    }
    return NULL;
}

static void *run_producer(void *argument)
{
    struct shared *shared = ((struct thread *)argument)->shared;
    for (uint64_t n = 0; n < shared->numbers; n++) {
        struct error why = {0};
        struct bus_output output = {.topic = "in",
                                    .partition = -1,
                                    .timestamp_ms = (int64_t)n,
                                    .key = bytes_of(&n, sizeof n),
                                    .value = bytes_of(&n, sizeof n)};
        BED_OK(embedded_log_append(shared->bus, &output, NULL, &why), why);
        if (n % 2000 == 0)
            embedded_log_rebalance(shared->bus, "copiers");
    }
    return NULL;
}

/* Follows one partition of `out` with waiting reads until told to stop. */
static void *run_reader(void *argument)
{
    struct shared *shared = ((struct thread *)argument)->shared;
    struct error why = {0};
    struct bus_record record;
    int64_t before = -1;
    struct bus_reader *reader = bus_reader_open(shared->bus, "out", 0, 0, -1, &why);
    BED_OK(reader != NULL, why);
    while (!atomic_load(&shared->stop)) {
        if (reader_next(reader, 1, &record, &why) != READER_RECORD)
            continue;
        assert_true(record.offset > before);
        before = record.offset;
    }
    reader_close(reader);
    return NULL;
}

static void start(struct thread *thread, struct shared *shared, void *(*body)(void *),
                  struct copier *copier)
{
    thread->shared = shared;
    thread->copier = copier;
    assert_int_equal(pthread_create(&thread->id, NULL, body, thread), 0);
}

static bool all_copied(struct shared *shared)
{
    struct error why = {0};
    for (int32_t p = 0; p < IN_PARTITIONS; p++) {
        int64_t low = 0;
        int64_t high = 0;
        struct bus_position committed;
        BED_OK(bus_watermarks(shared->bus, "in", p, &low, &high, &why), why);
        BED_OK(embedded_log_position(shared->bus, "copiers", "in", p, &committed, &why), why);
        if (committed.offset < high)
            return false;
    }
    return true;
}

static void threads_copy_each_record_once(void **state)
{
    (void)state;
    static const char *const ids[COPIERS] = {"copier-0", "copier-1", "copier-2"};
    static struct shared shared;
    struct thread copiers[COPIERS];
    struct thread producer;
    struct thread reader;
    struct embedded_log_options options = {.poll_records_max = 64,
                                           .faults = {.seed = 3,
                                                      .commit_aborts = 0.02,
                                                      .commit_unknown_done = 0.02,
                                                      .commit_crashes_after = 0.01,
                                                      .poll_short = 0.1,
                                                      .evict = 0.002,
                                                      .revoke = 0.002,
                                                      .shuffle_assignment = true}};
    shared.numbers = 20000;
    shared.bus = bed_open(&options);
    bed_topic(shared.bus, "in", IN_PARTITIONS, TOPIC_DELETE);
    bed_topic(shared.bus, "out", 2, TOPIC_DELETE);
    audit_start(&shared.audit, shared.bus, IN_PARTITIONS, 2);
    for (int i = 0; i < COPIERS; i++) {
        copier_start(&shared.copiers[i], shared.bus, ids[i]);
        start(&copiers[i], &shared, run_copier, &shared.copiers[i]);
    }
    start(&reader, &shared, run_reader, NULL);
    start(&producer, &shared, run_producer, NULL);
    assert_int_equal(pthread_join(producer.id, NULL), 0);
    int64_t deadline = clock_monotonic_ns() + (int64_t)60 * 1000000000;
    while (!all_copied(&shared)) {
        struct timespec pause = {0, 1000000};
        assert_true(clock_monotonic_ns() < deadline);
        nanosleep(&pause, NULL);
    }
    atomic_store(&shared.stop, true);
    for (int i = 0; i < COPIERS; i++)
        assert_int_equal(pthread_join(copiers[i].id, NULL), 0);
    assert_int_equal(pthread_join(reader.id, NULL), 0);
    audit_check(&shared.audit, options.faults.seed);
    assert_int_equal(shared.audit.copied, shared.numbers);
    audit_stop(&shared.audit);
    for (int i = 0; i < COPIERS; i++)
        copier_stop(&shared.copiers[i]);
    bus_close(shared.bus);
}

static void *append_late(void *argument)
{
    struct shared *shared = ((struct thread *)argument)->shared;
    struct timespec pause = {0, 20000000};
    nanosleep(&pause, NULL);
    bed_append(shared->bus, "in", 0, NULL, "late", 0);
    return NULL;
}

static void a_waiting_poll_wakes_up_for_a_record_and_gives_up_in_time(void **state)
{
    (void)state;
    static struct shared shared;
    struct bed_member m;
    struct thread late;
    struct error why = {0};
    struct member_batch batch;
    shared.bus = bed_open(NULL);
    bed_topic(shared.bus, "in", 1, TOPIC_DELETE);
    bed_topic(shared.bus, "out", 1, TOPIC_DELETE);
    bed_join(shared.bus, &m, "g", NULL);
    bed_settle(&m, 1);
    int64_t before = clock_monotonic_ns();
    assert_int_equal(member_poll(m.member, 30, &batch, &why), MEMBER_IDLE);
    assert_true(clock_monotonic_ns() - before >= 29000000);
    before = clock_monotonic_ns();
    assert_int_equal(member_poll(m.member, 0, &batch, &why), MEMBER_IDLE);
    start(&late, &shared, append_late, NULL);
    assert_int_equal(member_poll(m.member, 30000, &batch, &why), MEMBER_RECORDS);
    assert_true(clock_monotonic_ns() - before < (int64_t)20 * 1000000000);
    member_release(m.member, &batch);
    assert_int_equal(pthread_join(late.id, NULL), 0);
    member_close(m.member);
    bus_close(shared.bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_copy_each_record_once),
        cmocka_unit_test(a_waiting_poll_wakes_up_for_a_record_and_gives_up_in_time),
    };
    return cmocka_run_group_tests_name("embedded_log_thread", tests, NULL, NULL);
}
