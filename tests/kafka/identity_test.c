/*
 * identity_test.c - who may write: zombies that come back, twins with one identity, and a member that
 * outlives its own transaction.
 */
#include "tests/kafka/audit.h"
#include "tests/kafka/fixture.h"
#include "tests/kafka/port.h"
#include "tests/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define EXIT_FENCED 3

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

/* A member stops at `at`, past its session; another takes over; it comes back. */
static void zombie_stopped_at(const char *name, const char *at)
{
    char out[64];
    char first_id[64];
    char second_id[64];
    char line[96];
    int status = 0;
    (void)snprintf(out, sizeof out, "%s-out", name);
    (void)snprintf(first_id, sizeof first_id, "%s-1", name);
    (void)snprintf(second_id, sizeof second_id, "%s-2", name);
    (void)snprintf(line, sizeof line, "ASSAY_FAULT_AT=%s:5:stop", at);
    struct audit *a = audit_start(bus, name, out, 2, 3000);
    const char *stops[] = {line, "COPIER_TRANSACTION_MS=3000", NULL};
    static const char *const plain[] = {"COPIER_TRANSACTION_MS=3000", NULL};
    pid_t zombie = copier_start(fixture.servers, name, first_id, name, out, stops);
    assert_true(waitpid(zombie, &status, WUNTRACED) == zombie);
    assert_true(WIFSTOPPED(status));
    (void)audit_follow(a);
    int before = a->unique;
    pid_t heir = copier_start(fixture.servers, name, second_id, name, out, plain);
    for (int i = 0; i < 1000 && a->unique < before + 500; i++) {
        nap(20);
        (void)audit_follow(a);
    }
    assert_true(a->unique >= before + 500); /* the heir is at work */
    (void)kill(zombie, SIGCONT);
    assert_true(audit_wait(a, 60));
    nap(300);
    assert_int_equal(copier_stop(zombie), 0);
    assert_int_equal(copier_stop(heir), 0);
    audit_close(a);
}

static void a_zombie_before_its_offsets_writes_nothing(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    if (!test_is_full())
        skip();
    zombie_stopped_at("zombie-offsets", "send_offsets.before");
}

static void a_zombie_before_its_commit_writes_nothing(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    zombie_stopped_at("zombie-commit", "commit.before");
}

static void a_zombie_in_mid_transaction_writes_nothing(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    if (!test_is_full())
        skip();
    zombie_stopped_at("zombie-produce", "produce.after_first");
}

/* Expelled in the middle of a long transaction, a member has time to notice (its library does), but
 * commits before it hears of it. */
static void an_expelled_member_commits_nothing(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    if (!test_is_full())
        skip();
    struct audit *a = audit_start(bus, "expelled", "expelled-out", 2, 3000);
    static const char *const sleeps[] = {"ASSAY_FAULT_AT=send_offsets.before:5:sleep=3000",
                                         "COPIER_TRANSACTION_MS=20000", NULL};
    static const char *const plain[] = {"COPIER_TRANSACTION_MS=20000", NULL};
    pid_t first =
        copier_start(fixture.servers, "expelled", "expelled-1", "expelled", "expelled-out", sleeps);
    for (int i = 0, still = 0, seen = 0; i < 1000 && still < 20; i++) { /* until it sleeps */
        nap(20);
        (void)audit_follow(a);
        still = a->unique > 0 && a->unique == seen ? still + 1 : 0;
        seen = a->unique;
    }
    int before = a->unique;
    (void)kill(first, SIGSTOP);
    pid_t heir =
        copier_start(fixture.servers, "expelled", "expelled-2", "expelled", "expelled-out", plain);
    for (int i = 0; i < 1000 && a->unique < before + 500; i++) {
        nap(20);
        (void)audit_follow(a);
    }
    assert_true(a->unique >= before + 500);
    (void)kill(first, SIGCONT);
    nap(3500);
    assert_true(audit_wait(a, 40));
    assert_int_equal(copier_stop(first), 0);
    assert_int_equal(copier_stop(heir), 0);
    audit_close(a);
}

static void a_twin_is_fenced_and_says_so(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    static const char *const slow[] = {"COPIER_RECORDS=20", "COPIER_INTERVAL_MS=20", NULL};
    struct audit *a = audit_start(bus, "twin", "twin-out", 2, 4000);
    pid_t twins[2];
    int codes[2] = {-1, -1};
    twins[0] = copier_start(fixture.servers, "twin", "twin", "twin", "twin-out", slow);
    nap(700);
    twins[1] = copier_start(fixture.servers, "twin", "twin", "twin", "twin-out", slow);
    int64_t began_ns = clock_monotonic_ns();
    while (codes[0] < 0 && codes[1] < 0 && clock_monotonic_ns() - began_ns < 20000000000) {
        (void)audit_follow(a);
        for (int i = 0; i < 2; i++)
            codes[i] = copier_wait(twins[i], 0);
        nap(10);
    }
    int gone = codes[0] >= 0 ? 0 : 1;
    print_message("  the %s of the twins gave up after %lld ms\n", gone == 0 ? "older" : "younger",
                  (long long)(clock_monotonic_ns() - began_ns) / 1000000);
    assert_int_equal(codes[gone], EXIT_FENCED);
    assert_true(clock_monotonic_ns() - began_ns < 10000000000);
    assert_true(audit_wait(a, 60));
    assert_int_equal(copier_stop(twins[1 - gone]), 0);
    audit_close(a);
}

/* The broker ends a transaction that takes too long, and refuses its epoch: not a twin. */
static int outlive(const char *name, const char *rules_off, int *code)
{
    char out[64];
    char line[96];
    (void)snprintf(out, sizeof out, "%s-out", name);
    (void)snprintf(line, sizeof line, "ASSAY_FAULT_RULES_OFF=%s", rules_off);
    const char *sleeps[] = {"ASSAY_FAULT_AT=send_offsets.before:5:sleep=4000",
                            "COPIER_TRANSACTION_MS=2000", line, NULL};
    struct audit *a = audit_start(bus, name, out, 2, 1000);
    pid_t pid = copier_start(fixture.servers, name, name, name, out, sleeps);
    (void)audit_wait(a, *rules_off ? 8 : 60);
    *code = copier_stop(pid);
    return audit_close_counting(a);
}

static void a_transaction_that_took_too_long_is_replaced(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    int code = -1;
    assert_int_equal(outlive("outlive", "", &code), 0);
    assert_int_equal(code, 0);
    if (test_is_full()) {
        print_message("  without the rule:\n");
        assert_int_not_equal(outlive("outlive-off", "fence_once", &code), 0);
        assert_int_equal(code, EXIT_FENCED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zombie_before_its_offsets_writes_nothing),
        cmocka_unit_test(a_zombie_before_its_commit_writes_nothing),
        cmocka_unit_test(a_zombie_in_mid_transaction_writes_nothing),
        cmocka_unit_test(an_expelled_member_commits_nothing),
        cmocka_unit_test(a_twin_is_fenced_and_says_so),
        cmocka_unit_test(a_transaction_that_took_too_long_is_replaced),
    };
    cmocka_set_test_filter(getenv("ASSAY_TEST_ONLY"));
    return cmocka_run_group_tests(tests, start, finish);
}
