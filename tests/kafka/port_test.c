/*
 * port_test.c - the Kafka port against a real broker: topics, records, positions, readers, refusals.
 */
#include "engine/bus/kafka.h"
#include "tests/kafka/fixture.h"
#include "tests/kafka/port.h"
#include "tests/test.h"

#include <stdio.h>

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

static void topics_are_made_and_described(void **state)
{
    (void)state;
    struct error error;
    struct topic_info info;
    PORT_NEEDS_BROKER(fixture_state);
    assert_true(bus_describe(bus, "port-none", &info, &error));
    assert_int_equal(info.partitions, 0);
    struct topic_spec compact = {"port-compact", 3, TOPIC_COMPACT, -1};
    struct topic_spec plain = {"port-plain", 2, TOPIC_DELETE, 3600000};
    assert_true(bus_create(bus, &compact, &error));
    assert_true(bus_create(bus, &plain, &error));
    assert_true(bus_create(bus, &plain, &error)); /* existing: success */
    assert_true(bus_describe(bus, "port-compact", &info, &error));
    assert_int_equal(info.partitions, 3);
    assert_int_equal(info.cleanup, TOPIC_COMPACT);
    assert_true(info.retention_ms == -1);
    assert_true(bus_describe(bus, "port-plain", &info, &error));
    assert_int_equal(info.partitions, 2);
    assert_int_equal(info.cleanup, TOPIC_DELETE);
    assert_true(info.retention_ms == 3600000);
    struct topic_spec bad = {"port/bad", 1, TOPIC_DELETE, -1};
    assert_false(bus_create(bus, &bad, &error));
    assert_non_null(strstr(error.message, "port/bad"));
    assert_true(bus_describe(bus, "port-none", &info, &error)); /* asking did not create it */
    assert_int_equal(info.partitions, 0);
}

static void records_come_back_as_they_went(void **state)
{
    (void)state;
    struct error error;
    PORT_NEEDS_BROKER(fixture_state);
    port_topic(bus, "echo", 1);
    struct member *m = port_member(bus, "echo", "echo", "echo-out");
    struct bus_header headers[2] = {{BYTES_LITERAL("name"), BYTES_LITERAL("value")},
                                    {BYTES_LITERAL("empty"), BYTES_LITERAL("")}};
    struct bus_output outputs[] = {
        {.topic = "echo-out",
         .partition = 0,
         .key = BYTES_LITERAL("k"),
         .value = BYTES_LITERAL("v"),
         .timestamp_ms = 1700000000123,
         .headers = headers,
         .headers_count = 2},
        {.topic = "echo-out", .partition = 0, .value = BYTES_LITERAL("no key")},
        {.topic = "echo-out",
         .partition = 0,
         .key = BYTES_LITERAL("tombstone"),
         .timestamp_ms = 1700000000124},
        {.topic = "echo-out",
         .partition = 0,
         .key = BYTES_LITERAL("empty"),
         .value = BYTES_LITERAL("")},
    };
    port_topic(bus, "echo-out", 1);
    assert_true(member_begin(m, &error));
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++)
        assert_true(member_produce(m, &outputs[i], &error));
    port_commit_nothing(m);
    struct bus_reader *r = bus_reader_open(bus, "echo-out", 0, -2, 5, &error);
    assert_non_null(r);
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        struct bus_record record;
        assert_int_equal(reader_next(r, 5000, &record, &error), READER_RECORD);
        assert_true(bytes_equal(record.key, outputs[i].key));
        assert_true(bytes_equal(record.value, outputs[i].value));
        assert_int_equal(bytes_present(record.key), bytes_present(outputs[i].key));
        assert_int_equal(bytes_present(record.value), bytes_present(outputs[i].value));
        if (outputs[i].timestamp_ms > 0)
            assert_true(record.timestamp_ms == outputs[i].timestamp_ms);
        struct bus_header got[4];
        assert_int_equal(reader_headers(r, got, 4), outputs[i].headers_count);
        for (uint32_t h = 0; h < outputs[i].headers_count; h++) {
            assert_true(bytes_equal(got[h].name, headers[h].name));
            assert_true(bytes_equal(got[h].value, headers[h].value));
        }
    }
    struct bus_record none;
    assert_int_equal(reader_next(r, 5000, &none, &error), READER_END);
    assert_true(reader_position(r) == 5); /* over the marker */
    reader_close(r);
    member_close(m);
}

static void what_can_never_be_written_is_refused(void **state)
{
    (void)state;
    struct error error;
    PORT_NEEDS_BROKER(fixture_state);
    port_topic(bus, "refuse", 1);
    struct member *m = port_member(bus, "refuse", "refuse", "refuse");
    static uint8_t large[1100000];
    assert_true(member_begin(m, &error));
    struct bus_output output = {
        .topic = "refuse", .partition = 0, .value = bytes_of(large, sizeof large)};
    assert_false(member_produce(m, &output, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    output = (struct bus_output){.topic = "elsewhere", .partition = 0, .value = BYTES_LITERAL("x")};
    assert_false(member_produce(m, &output, &error));
    assert_int_equal(error.code, ERROR_INPUT);
    output = (struct bus_output){.topic = "refuse", .partition = 0, .value = BYTES_LITERAL("good")};
    assert_true(member_produce(m, &output, &error));
    port_commit_nothing(m);
    assert_int_equal(port_count(bus, "refuse", 0), 1);
    member_close(m);
}

static void aborted_records_are_never_seen(void **state)
{
    (void)state;
    struct error error;
    struct bus_record record;
    int64_t low;
    int64_t high;
    PORT_NEEDS_BROKER(fixture_state);
    port_topic(bus, "aborted", 1);
    struct member *m = port_member(bus, "aborted", "aborted", "aborted");
    struct bus_output output = {.topic = "aborted", .partition = 0, .value = BYTES_LITERAL("a")};
    assert_true(member_begin(m, &error));
    assert_true(member_produce(m, &output, &error));
    port_commit_nothing(m); /* a@0 marker@1 */
    output.value = BYTES_LITERAL("b");
    assert_true(member_begin(m, &error));
    assert_true(member_produce(m, &output, &error));
    assert_int_equal(member_abort(m, &error), COMMIT_ABORTED);
    assert_true(bus_watermarks(bus, "aborted", 0, &low, &high, &error));
    struct bus_reader *r = bus_reader_open(bus, "aborted", 0, 0, high, &error);
    assert_int_equal(reader_next(r, 5000, &record, &error), READER_RECORD);
    assert_true(bytes_equal_text(record.value, "a"));
    enum reader_event end = reader_next(r, 5000, &record, &error);
    assert_int_equal(end, READER_END);
    assert_true(reader_position(r) >= high);
    reader_close(r);
    member_close(m);
}

static void an_open_transaction_holds_a_bounded_reader_back(void **state)
{
    (void)state;
    struct error error;
    struct bus_record record;
    int64_t low;
    int64_t high = 0;
    PORT_NEEDS_BROKER(fixture_state);
    port_topic(bus, "held", 1);
    struct member *m = port_member(bus, "held", "held", "held");
    struct bus_output output = {.topic = "held", .partition = 0, .value = BYTES_LITERAL("a")};
    struct member_batch batch;
    assert_true(member_begin(m, &error));
    assert_true(member_produce(m, &output, &error));
    for (int i = 0; i < 100 && high == 0; i++) {
        enum member_event event = member_poll(m, 50, &batch, &error);
        port_answer(m, event, &batch);
        assert_true(bus_watermarks(bus, "held", 0, &low, &high, &error)); /* read uncommitted */
    }
    assert_true(high == 1);
    struct bus_reader *r = bus_reader_open(bus, "held", 0, -2, high, &error);
    assert_int_equal(reader_next(r, 300, &record, &error), READER_END);
    assert_true(reader_position(r) == 0); /* not the end that was asked for */
    port_commit_nothing(m);
    assert_int_equal(reader_next(r, 5000, &record, &error), READER_RECORD);
    assert_int_equal(reader_next(r, 5000, &record, &error), READER_END);
    reader_close(r);
    member_close(m);
}

static void truncation_is_an_error_that_says_so(void **state)
{
    (void)state;
    struct error error;
    struct bus_record record;
    int64_t low;
    int64_t high;
    PORT_NEEDS_BROKER(fixture_state);
    port_topic(bus, "purged", 1);
    port_fill(bus, "purged", 0, 10);
    struct bus_reader *r = bus_reader_open(bus, "purged", 0, 0, -1, &error);
    assert_true(bus_watermarks(bus, "purged", 0, &low, &high, &error));
    assert_true(bus_purge(bus, "purged", 0, 5, &error));
    assert_true(bus_watermarks(bus, "purged", 0, &low, &high, &error));
    assert_true(low == 5);
    enum reader_event event = READER_RECORD;
    for (int i = 0; i < 20 && event == READER_RECORD; i++)
        event = reader_next(r, 1000, &record, &error); /* may have fetched before the purge */
    assert_true(event == READER_END || event == READER_FAILED);
    reader_close(r);
    assert_null(bus_reader_open(bus, "purged", 0, 2, -1, &error));
    assert_non_null(strstr(error.message, "purged/0"));
    assert_non_null(strstr(error.message, "offset 2"));
    r = bus_reader_open(bus, "purged", 0, -2, -1, &error);
    assert_int_equal(reader_next(r, 5000, &record, &error), READER_RECORD);
    assert_true(record.offset == 5);
    reader_close(r);
}

static void settings_are_checked_by_name(void **state)
{
    (void)state;
    struct error error;
    struct kafka_setting owned[] = {{"enable.auto.commit", "true"}};
    struct kafka_setting unknown[] = {{"no.such.key", "1"}};
    struct kafka_setting bad[] = {{"fetch.wait.max.ms", "soon"}};
    struct kafka_setting good[] = {{"fetch.wait.max.ms", "50"}};
    struct kafka_options options = {.bootstrap_servers = "127.0.0.1:1", .consumer = {owned, 1}};
    assert_null(kafka_bus_open(&options, &error));
    assert_non_null(strstr(error.message, "kafka.consumer.enable.auto.commit"));
    options.consumer = (struct kafka_settings){0};
    options.producer = (struct kafka_settings){unknown, 1};
    assert_null(kafka_bus_open(&options, &error));
    assert_non_null(strstr(error.message, "no.such.key"));
    options.producer = (struct kafka_settings){0};
    options.common = (struct kafka_settings){bad, 1};
    assert_null(kafka_bus_open(&options, &error));
    assert_non_null(strstr(error.message, "fetch.wait.max.ms"));
    options.common = (struct kafka_settings){0};
    options.consumer = (struct kafka_settings){good, 1};
    struct bus *opened = kafka_bus_open(&options, &error);
    assert_non_null(opened);
    bus_close(opened);
    options.assignment_strategy = "sticky";
    assert_null(kafka_bus_open(&options, &error));
    options.assignment_strategy = NULL;
    options.bootstrap_servers = NULL;
    assert_null(kafka_bus_open(&options, &error));
}

static void libraries_that_hang_are_refused(void **state)
{
    (void)state;
    assert_non_null(strstr(kafka_version_refused(0x021000ff), "2.16.0"));
    assert_non_null(kafka_version_refused(0x020500ff));
    assert_non_null(kafka_version_refused(0x020a00ff));
    assert_non_null(kafka_version_refused(0x010902ff));
    assert_null(kafka_version_refused(0x020002ff));
    assert_null(kafka_version_refused(0x020f01ff));
    assert_null(kafka_version_refused(0x020800ff));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_checked_by_name),
        cmocka_unit_test(libraries_that_hang_are_refused),
        cmocka_unit_test(topics_are_made_and_described),
        cmocka_unit_test(records_come_back_as_they_went),
        cmocka_unit_test(what_can_never_be_written_is_refused),
        cmocka_unit_test(aborted_records_are_never_seen),
        cmocka_unit_test(an_open_transaction_holds_a_bounded_reader_back),
        cmocka_unit_test(truncation_is_an_error_that_says_so),
    };
    cmocka_set_test_filter(getenv("ASSAY_TEST_ONLY"));
    return cmocka_run_group_tests(tests, start, finish);
}
