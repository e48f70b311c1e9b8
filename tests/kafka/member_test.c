/*
 * member_test.c - one member's reading: where it starts, seeks, pauses, ends of partitions, retention
 * that overtakes it, and partitions that come back.
 */
#include "tests/kafka/fixture.h"
#include "tests/kafka/port.h"
#include "tests/test.h"

#include <time.h>

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

/* Polls until `wanted` comes; other events are answered and records counted into *records. */
static bool poll_until(struct member *m, enum member_event wanted, int seconds, int *records)
{
    struct error error = {0};
    int64_t end_ns = clock_monotonic_ns() + (int64_t)seconds * 1000000000;
    while (clock_monotonic_ns() < end_ns) {
        struct member_batch batch;
        enum member_event event = member_poll(m, 20, &batch, &error);
        if (event == MEMBER_RECORDS && records != NULL)
            *records += (int)batch.count;
        if (event == MEMBER_FAILED)
            fail_msg("%s", error.message);
        port_answer(m, event, &batch);
        if (event == wanted)
            return true;
    }
    return false;
}

/* The offset of the next record within some seconds, or -1; the rest of its batch is dropped. */
static int64_t next_offset(struct member *m, int seconds)
{
    struct error error;
    int64_t end_ns = clock_monotonic_ns() + (int64_t)seconds * 1000000000;
    while (clock_monotonic_ns() < end_ns) {
        struct member_batch batch;
        enum member_event event = member_poll(m, 20, &batch, &error);
        int64_t offset = event == MEMBER_RECORDS ? batch.records[0].offset : -1;
        if (event == MEMBER_FAILED)
            fail_msg("%s", error.message);
        port_answer(m, event, &batch);
        if (offset >= 0)
            return offset;
    }
    return -1;
}

static bool wait_end(struct member *m, struct bus_partition which, int seconds)
{
    for (int i = 0; i < seconds * 50 && !member_at_end(m, which); i++)
        (void)poll_until(m, MEMBER_IDLE, 1, NULL);
    return member_at_end(m, which);
}

static void a_seek_goes_where_it_says(void **state)
{
    (void)state;
    struct error error;
    struct bus_partition p = {0, 0};
    PORT_NEEDS_BROKER(fixture_state);
    port_topic(bus, "seek", 1);
    port_fill(bus, "seek", 0, 5000);
    struct member *m = port_member(bus, "seek", "seek", "seek");
    assert_true(next_offset(m, 20) == 0);
    struct bus_position at = {{0, 0}, 4321, ""};
    for (int64_t to = 4321; to > 0; to -= 617) { /* onwards, then back, with a full queue behind */
        at.offset = to;
        assert_true(member_behind(m, p, to) >= 5000 - to);
        assert_true(member_seek(m, &at, 1, &error));
        assert_true(next_offset(m, 10) == to);
    }
    /* paused, moved, resumed: what was fetched before is not seen */
    assert_true(member_pause(m, p, true));
    at.offset = 77;
    assert_true(member_seek(m, &at, 1, &error));
    assert_true(next_offset(m, 1) == -1);
    assert_true(member_pause(m, p, false));
    assert_true(next_offset(m, 10) == 77);
    at.offset = -1; /* nothing is committed: where reading began */
    assert_true(member_seek(m, &at, 1, &error));
    assert_true(next_offset(m, 10) == 0);
    member_close(m);
}

static void a_pause_loses_nothing(void **state)
{
    (void)state;
    struct error error;
    struct bus_partition p = {0, 0};
    PORT_NEEDS_BROKER(fixture_state);
    port_topic(bus, "pause", 1);
    port_fill(bus, "pause", 0, 20000);
    struct member *m = port_member(bus, "pause", "pause", "pause");
    int64_t expected = 0;
    int pauses = 0;
    for (int i = 0; i < 3000 && expected < 20000; i++) {
        struct member_batch batch;
        enum member_event event = member_poll(m, 20, &batch, &error);
        for (uint32_t r = 0; event == MEMBER_RECORDS && r < batch.count; r++)
            assert_true(batch.records[r].offset == expected++);
        port_answer(m, event, &batch);
        if (event == MEMBER_RECORDS && i % 3 == 0) {
            assert_true(member_pause(m, p, true));
            pauses++;
            assert_true(next_offset(m, 0) == -1);
            assert_true(member_pause(m, p, false));
        }
    }
    assert_true(expected == 20000);
    assert_true(pauses > 0);
    assert_true(wait_end(m, p, 5));
    member_close(m);
}

/* A partition that was paused when it was given up is read when it comes back. */
static bool comes_back(const char *name, int seconds)
{
    char second_id[64];
    struct error error;
    int records = 0;
    const char *const topics[] = {name};
    (void)snprintf(second_id, sizeof second_id, "%s-2", name);
    port_topic(bus, name, 2);
    struct member *first = port_member(bus, name, name, name);
    assert_true(poll_until(first, MEMBER_ASSIGN, 20, NULL));
    for (int32_t i = 0; i < 2; i++)
        assert_true(member_pause(first, (struct bus_partition){0, i}, true));
    struct member_spec spec = {name, second_id, topics, 1, topics, 1};
    struct member *second = bus_member_open(bus, &spec, &error);
    assert_non_null(second);
    bool both = false;
    for (int i = 0; i < 500 && !both; i++) {
        struct member_batch batch;
        port_answer(first, member_poll(first, 10, &batch, &error), &batch);
        enum member_event event = member_poll(second, 10, &batch, &error);
        both = event == MEMBER_ASSIGN && batch.partitions_count == 1;
        port_answer(second, event, &batch);
    }
    assert_true(both);
    member_close(second);
    assert_true(poll_until(first, MEMBER_REVOKE, 20, NULL));
    assert_true(poll_until(first, MEMBER_ASSIGN, 20, NULL));
    for (int32_t i = 0; i < 2; i++)
        port_fill(bus, name, i, 5);
    for (int i = 0; i < seconds && records < 10; i++)
        (void)poll_until(first, MEMBER_RECORDS, 1, &records);
    member_close(first);
    return records == 10;
}

static void a_partition_that_was_paused_is_read_when_it_comes_back(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    assert_true(comes_back("back", 20));
    if (test_is_full()) {
        setenv("ASSAY_FAULT_RULES_OFF", "resume_given_up", 1);
        bool without = comes_back("back-off", 5);
        unsetenv("ASSAY_FAULT_RULES_OFF");
        assert_false(without);
    }
}

static void retention_that_overtakes_is_not_silent(void **state)
{
    (void)state;
    struct error error = {0};
    struct member_batch batch;
    PORT_NEEDS_BROKER(fixture_state);
    port_topic(bus, "overtaken", 1);
    port_fill(bus, "overtaken", 0, 10);
    struct member *m = port_member(bus, "overtaken", "overtaken", "overtaken");
    assert_true(next_offset(m, 20) == 0);
    struct bus_position at = {{0, 0}, 2, "s=1"};
    assert_true(member_begin(m, &error));
    assert_int_equal(member_commit(m, &at, 1, &error), COMMIT_DONE);
    member_close(m);
    assert_true(bus_purge(bus, "overtaken", 0, 6, &error));
    m = port_member(bus, "overtaken", "overtaken", "overtaken");
    enum member_event event = MEMBER_IDLE;
    for (int i = 0; i < 500 && event != MEMBER_FAILED; i++) {
        event = member_poll(m, 20, &batch, &error);
        assert_int_not_equal(event, MEMBER_RECORDS);
        if (event != MEMBER_FAILED)
            port_answer(m, event, &batch);
    }
    assert_int_equal(event, MEMBER_FAILED);
    assert_non_null(strstr(error.message, "overtaken/0"));
    assert_non_null(strstr(error.message, "offset 2"));
    member_close(m);
    struct kafka_options options = port_options(fixture.servers);
    options.skip_truncated = true; /* said in the configuration: go on with what is kept */
    struct bus *skipping = kafka_bus_open(&options, &error);
    assert_non_null(skipping);
    m = port_member(skipping, "overtaken", "overtaken", "overtaken");
    assert_true(next_offset(m, 20) == 6);
    member_close(m);
    bus_close(skipping);
}

static void the_first_offset_is_found(void **state)
{
    (void)state;
    struct error error = {0};
    PORT_NEEDS_BROKER(fixture_state);
    port_topic(bus, "first", 1);
    port_fill(bus, "first", 0, 10);
    struct kafka_options options = port_options(fixture.servers);
    options.offset_reset = KAFKA_RESET_LATEST;
    struct bus *latest = kafka_bus_open(&options, &error);
    struct member *m = port_member(latest, "first", "first", "first");
    assert_true(poll_until(m, MEMBER_ASSIGN, 20, NULL));
    assert_true(next_offset(m, 1) == -1);
    port_fill(bus, "first", 0, 1);
    assert_true(next_offset(m, 10) == 11); /* 10 records and a marker came before */
    member_close(m);
    bus_close(latest);
    options.offset_reset = KAFKA_RESET_ERROR;
    struct bus *strict = kafka_bus_open(&options, &error);
    m = port_member(strict, "first", "first", "first");
    struct member_batch batch = {0};
    enum member_event event = MEMBER_IDLE;
    while (event != MEMBER_ASSIGN)
        event = member_poll(m, 20, &batch, &error);
    struct bus_position none = {batch.partitions[0], -1, ""};
    assert_false(member_assign(m, &none, 1, &error));
    assert_non_null(strstr(error.message, "first/0"));
    member_close(m);
    bus_close(strict);
}

/* Commits are quick: a forgotten setting costs a factor of ten. Figures are printed. */
static void commits_are_quick(void **state)
{
    (void)state;
    struct error error;
    int64_t sum_ns = 0;
    int64_t first_ns = 0;
    int rounds = 40;
    PORT_NEEDS_BROKER(fixture_state);
    port_topic(bus, "quick", 4);
    struct member *m = port_member(bus, "quick", "quick", "quick");
    assert_true(poll_until(m, MEMBER_ASSIGN, 20, NULL));
    for (int i = 0; i < rounds; i++) {
        struct bus_output o = {.topic = "quick", .value = BYTES_LITERAL("x")};
        struct bus_position at = {{0, 0}, i + 1, ""};
        (void)snprintf(at.metadata, sizeof at.metadata, "s=%d", i);
        int64_t began_ns = clock_monotonic_ns();
        assert_true(member_begin(m, &error));
        for (o.partition = 0; o.partition < 4; o.partition++)
            assert_true(member_produce(m, &o, &error));
        assert_int_equal(member_commit(m, &at, 1, &error), COMMIT_DONE);
        int64_t took_ns = clock_monotonic_ns() - began_ns;
        if (i == 0)
            first_ns = took_ns;
        else
            sum_ns += took_ns;
    }
    struct kafka_member_counts n;
    kafka_member_read_counts(m, &n);
    print_message(
        "  back to back: first %.1f ms, then %.1f ms on average; %llu producers replaced\n",
        (double)first_ns / 1e6, (double)sum_ns / 1e6 / (rounds - 1),
        (unsigned long long)n.producers_replaced);
    assert_int_equal(n.producers_replaced, 0); /* no socket closes in a quiet cluster */
    member_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seek_goes_where_it_says),
        cmocka_unit_test(a_pause_loses_nothing),
        cmocka_unit_test(a_partition_that_was_paused_is_read_when_it_comes_back),
        cmocka_unit_test(retention_that_overtakes_is_not_silent),
        cmocka_unit_test(the_first_offset_is_found),
        cmocka_unit_test(commits_are_quick),
    };
    cmocka_set_test_filter(getenv("ASSAY_TEST_ONLY"));
    return cmocka_run_group_tests(tests, start, finish);
}
