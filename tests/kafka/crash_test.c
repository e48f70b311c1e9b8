/*
 * crash_test.c - kill -9 at every step of a transaction, rebalances under load, broker restarts:
 * nothing lost, nothing duplicated, no transaction torn.
 *
 * Small: every point once. ASSAY_FULL=1: five times each, fifty random kills.
 */
#include "tests/kafka/audit.h"
#include "tests/kafka/fixture.h"
#include "tests/kafka/port.h"
#include "tests/test.h"

#include <signal.h>
#include <time.h>

#define KILLED (128 + SIGKILL)

static struct kafka_fixture fixture;
static enum kafka_fixture_result fixture_state;
static struct bus *bus;

static int start(void **state)
{
    (void)state;
    return port_open(&fixture, &fixture_state, &bus);
}

static int finish(void **state)
{
    (void)state;
    port_close(&fixture, fixture_state, bus);
    return 0;
}

static void nap(long ms)
{
    struct timespec pause_time = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause_time, NULL);
}

/* How long each successor took from its start to its first visible transaction. */
struct recoveries {
    int64_t ms[128];
    int count;
};

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void print_recoveries(struct recoveries *r)
{
    qsort(r->ms, (size_t)r->count, sizeof r->ms[0], by_value);
    if (r->count > 0)
        print_message("  %d kills; from start to first commit: median %lld ms, longest %lld ms\n",
                      r->count, (long long)r->ms[r->count / 2], (long long)r->ms[r->count - 1]);
}

/* One life of a copier that dies where `at` says. */
static void die_at(struct audit *a, const char *in, const char *at, struct recoveries *recoveries)
{
    char line[96];
    (void)snprintf(line, sizeof line, "ASSAY_FAULT_AT=%s", at);
    const char *environment[] = {line, NULL};
    int64_t began_ns = clock_monotonic_ns();
    pid_t pid = copier_start(fixture.servers, in, in, in, a->out, environment);
    bool seen = false;
    int code = -1;
    while (code < 0 && clock_monotonic_ns() - began_ns < 30000000000) {
        (void)audit_follow(a);
        if (!seen && audit_saw(a, pid) && recoveries->count < 128)
            recoveries->ms[recoveries->count++] = (clock_monotonic_ns() - began_ns) / 1000000;
        seen = audit_saw(a, pid);
        code = copier_wait(pid, 0);
        nap(5);
    }
    if (code != KILLED)
        fail_msg("copier to die at %s ended with %d", at, code);
}

static void kills_at_every_step(void **state)
{
    (void)state;
    static const char *const points[] = {
        "begin.before",        "begin.after",        "produce.first", "produce.after_first",
        "send_offsets.before", "send_offsets.after", "commit.before", "commit.after",
    };
    PORT_NEEDS_BROKER(fixture_state);
    int rounds = test_is_full() ? 5 : 1;
    int random_kills = test_is_full() ? 50 : 1;
    uint64_t seed = test_seed(1);
    struct recoveries recoveries = {.count = 0};
    struct audit *a = audit_start(bus, "steps", "steps-out", 4, test_is_full() ? 30000 : 5000);
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
            char at[64];
            (void)snprintf(at, sizeof at, "%s:%d", points[i], 2 + round);
            die_at(a, "steps", at, &recoveries);
        }
    }
    for (int i = 0; i < random_kills; i++) {
        char at[64];
        (void)snprintf(at, sizeof at, "random:%llu:0.05", (unsigned long long)seed + (unsigned)i);
        die_at(a, "steps", at, &recoveries);
    }
    print_recoveries(&recoveries);
    pid_t last = copier_start(fixture.servers, "steps", "steps", "steps", "steps-out", NULL);
    assert_true(audit_wait(a, 120));
    assert_int_equal(copier_stop(last), 0);
    audit_close(a);
}

/* One, then three, then one again, under load; every other time one of them is killed. */
static void scale(const char *name, const char *strategy, int cycles, int numbers)
{
    char line[64];
    char out[64];
    char ids[3][64];
    (void)snprintf(line, sizeof line, "COPIER_STRATEGY=%s", strategy);
    (void)snprintf(out, sizeof out, "%s-out", name);
    for (int i = 0; i < 3; i++)
        (void)snprintf(ids[i], sizeof ids[i], "%s-%d", name, i);
    const char *const slow[] = {"COPIER_RECORDS=20", "COPIER_INTERVAL_MS=20", line, NULL};
    struct audit *a = audit_start(bus, name, out, 6, numbers);
    pid_t first = copier_start(fixture.servers, name, ids[0], name, out, slow);
    int worked = 0;
    for (int i = 0; i < cycles; i++) {
        pid_t second = copier_start(fixture.servers, name, ids[1], name, out, slow);
        pid_t third = copier_start(fixture.servers, name, ids[2], name, out, slow);
        for (int n = 0;
             n < 500 && !audit_follow(a) && !(audit_saw(a, second) && audit_saw(a, third)); n++)
            nap(20);
        worked += audit_saw(a, second) && audit_saw(a, third);
        nap(200);
        assert_int_equal(copier_stop(third), 0);
        (void)kill(second, i % 2 ? SIGKILL : SIGTERM);
        assert_true(copier_wait(second, 30) >= 0);
        nap(200);
    }
    print_message("  %s: in %d of %d cycles all three were at work\n", strategy, worked, cycles);
    assert_true(worked > 0);
    assert_true(audit_wait(a, 240));
    assert_int_equal(copier_stop(first), 0);
    audit_close(a);
}

static void members_come_and_go(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    int cycles = test_is_full() ? 10 : 1;
    int numbers = test_is_full() ? 30000 : 3000;
    int major = 0;
    int minor = 0;
    scale("scale", "range", cycles, numbers);
    (void)sscanf(kafka_library_version(), "%d.%d", &major, &minor);
    if (major > 2 || minor > 10)
        scale("scale-sticky", "cooperative-sticky", cycles, numbers);
}

/* how: NULL stops the broker in order; "kill" does not. */
static void restart_broker(const char *name, const char *how, int rounds, int numbers)
{
    char out[64];
    (void)snprintf(out, sizeof out, "%s-out", name);
    struct audit *a = audit_start(bus, name, out, 4, numbers);
    static const char *const environment[] = {"COPIER_RECORDS=50", "COPIER_TRANSACTION_MS=10000",
                                              NULL};
    pid_t pid = copier_start(fixture.servers, name, name, name, out, environment);
    for (int i = 0; i < rounds; i++) {
        nap(1200);
        (void)audit_follow(a);
        if (how != NULL)
            assert_true(kafka_fixture_do(&fixture, how));
        assert_true(kafka_fixture_do(&fixture, "restart"));
    }
    bool all = audit_wait(a, 120);
    assert_int_equal(copier_stop(pid), 0);
    int wrong = audit_close_counting(a) + !all;
    int missing = wrong > 0 ? audit_markers_missing(bus, fixture.servers, out, 4) : 0;
    if (wrong > 0 && missing > 0 && how != NULL) {
        /* Seen on 4.4.0: killed between the two markers of one transaction, it wrote the one of the
         * offsets and completed the transaction after its restart without the other. */
        print_message("  the broker lost %d end markers when it was killed\n", missing);
        skip();
    }
    assert_int_equal(wrong, 0);
}

static void the_broker_restarts(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    restart_broker("restart", NULL, test_is_full() ? 3 : 1, test_is_full() ? 30000 : 5000);
}

static void the_broker_is_killed(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    if (!test_is_full())
        skip();
    restart_broker("killed", "kill", 3, 30000);
}

/* Without transactions what was written before the positions is written again: that, and no more. */
static void at_least_once_repeats_and_loses_nothing(void **state)
{
    (void)state;
    static const char *const points[] = {"begin.after:3", "produce.after_first:3", "commit.before:3", "commit.after:3"};
    PORT_NEEDS_BROKER(fixture_state);
    struct recoveries recoveries = {.count = 0};
    struct audit *a = audit_start(bus, "loosely", "loosely-out", 4, 5000);
    setenv("COPIER_AT_LEAST_ONCE", "1", 1);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        die_at(a, "loosely", points[i], &recoveries);
    pid_t pid = copier_start(fixture.servers, "loosely", "loosely", "loosely", a->out, NULL);
    unsetenv("COPIER_AT_LEAST_ONCE");
    assert_true(audit_wait(a, 60));
    assert_int_equal(copier_stop(pid), 0);
    int duplicates = a->duplicates;
    (void)audit_close_counting(a);
    assert_in_range(duplicates, 1, 1000);
}

/* Some library versions do not return from transactional calls. */
static void a_call_that_hangs_ends_the_process(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    if (!test_is_full())
        skip();
    static const char *const hangs[] = {"ASSAY_FAULT_AT=commit.inside:3:hang",
                                        "COPIER_TRANSACTION_MS=2000", NULL};
    struct audit *a = audit_start(bus, "hang", "hang-out", 2, 1000);
    pid_t pid = copier_start(fixture.servers, "hang", "hang", "hang", "hang-out", hangs);
    assert_int_equal(copier_wait(pid, 30), KAFKA_EXIT_HANG);
    pid = copier_start(fixture.servers, "hang", "hang", "hang", "hang-out",
                       NULL); /* and its successor goes on */
    assert_true(audit_wait(a, 60));
    assert_int_equal(copier_stop(pid), 0);
    audit_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kills_at_every_step),
        cmocka_unit_test(members_come_and_go),
        cmocka_unit_test(at_least_once_repeats_and_loses_nothing),
        cmocka_unit_test(the_broker_restarts),
        cmocka_unit_test(the_broker_is_killed),
        cmocka_unit_test(a_call_that_hangs_ends_the_process),
    };
    cmocka_set_test_filter(getenv("ASSAY_TEST_ONLY"));
    return cmocka_run_group_tests(tests, start, finish);
}
