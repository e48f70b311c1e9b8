/*
 * kafka_test.c - `assay topics` and `assay check --kafka` on a real broker: what is missing, what is made,
 * what is there and wrong, what the newest spans carry.
 */
#include "tests/command/program.h"
#include "tests/command/traffic.h"
#include "tests/kafka/fixture.h"

#include "engine/bus/kafka.h"

static int start_broker(void **state)
{
    static struct kafka_fixture fixture;
    enum kafka_fixture_result result = kafka_fixture_start(&fixture, NULL);
    *state = result == KAFKA_FIXTURE_READY ? &fixture : NULL;
    return result == KAFKA_FIXTURE_FAILED ? -1 : 0;
}

static int end_broker(void **state)
{
    if (*state != NULL)
        kafka_fixture_end(*state);
    program_clean();
    return 0;
}

/* Runs a subcommand on the broker as application `app`. */
static struct program_run run_on(const struct kafka_fixture *fixture, const char *app, const char *command, const char *option, const char *json)
{
    char servers[80], application[80], spans[80];
    snprintf(servers, sizeof servers, "kafka.bootstrap.servers=%s", fixture->servers);
    snprintf(application, sizeof application, "app=%s", app);
    snprintf(spans, sizeof spans, "topics.spans=%s-spans", app);
    const char *const arguments[] = {command, "--set", servers, "--set", application, "--set", spans, "--set", "exchange.partitions=2",
                                     "-c", "config/assay.yaml", option, json, NULL};
    return program_run(ASSAY_SOURCE_DIR, arguments);
}

static struct bus *open_bus(const struct kafka_fixture *fixture)
{
    struct kafka_options options = {.bootstrap_servers = fixture->servers};
    struct error error = {0};
    struct bus *bus = kafka_bus_open(&options, &error);
    if (bus == NULL)
        fail_msg("%s", error.message);
    return bus;
}

static void produce(struct bus *bus, const char *topic, int records)
{
    struct error error = {0};
    const char *const written[] = {topic};
    struct member_spec spec = {.group = "producer", .transactional_id = "producer", .topics_written = written, .topics_written_count = 1};
    struct member *member = bus_member_open(bus, &spec, &error);
    struct traffic traffic = {.random = 3, .next_span = 1, .spans = 5};
    assert_non_null(member);
    assert_true(member_begin(member, &error));
    struct buffer values[16] = {{0}};
    for (int i = 0; i < records; i++) {
        values[i] = BUFFER_WITH_LIMIT(1 << 20);
        traffic_record(&traffic, TRAFFIC_START_MS + i * 1000, &values[i]);
        struct bus_output output = {.topic = topic, .partition = i % 2, .timestamp_ms = TRAFFIC_START_MS + i * 1000,
                                    .key = BYTES_NONE, .value = buffer_bytes(&values[i])};
        assert_true(member_produce(member, &output, &error));
    }
    assert_int_equal(member_commit(member, NULL, 0, &error), COMMIT_DONE);
    for (int i = 0; i < records; i++)
        buffer_free(&values[i]);
    member_close(member);
}

static void missing_topics_are_named_and_made(void **state)
{
    const struct kafka_fixture *fixture = *state;
    if (fixture == NULL || !program_is_there())
        skip();
    struct program_run run = run_on(fixture, "fresh", "topics", "--json", NULL);
    program_expect(&run, 1, "{\"topic\":\"fresh-spans\",\"role\":\"in\",\"state\":\"missing\"", "topic fresh-spans does not exist");
    program_free(&run);
    run = run_on(fixture, "fresh", "check", "--kafka", NULL);
    program_expect(&run, 1, "topics: topic fresh-spans does not exist; create it with: assay topics --create", "fresh-spans");
    program_free(&run);
    run = run_on(fixture, "fresh", "topics", "--create", NULL);
    program_expect(&run, 0, "created ", "");
    program_free(&run);
    run = run_on(fixture, "fresh", "topics", NULL, NULL);
    program_expect(&run, 0, "there    own  fresh-state-changelog", "");
    assert_null(strstr(program_out(&run), "missing"));
    program_free(&run);
}

static void check_looks_at_what_the_spans_carry(void **state)
{
    const struct kafka_fixture *fixture = *state;
    if (fixture == NULL || !program_is_there())
        skip();
    struct program_run run = run_on(fixture, "looked", "topics", "--create", NULL);
    program_expect(&run, 0, "created ", "");
    program_free(&run);
    run = run_on(fixture, "looked", "check", "--kafka", NULL);
    program_expect(&run, 0, "topics: all there and right", "");
    program_expect(&run, 0, "no model calls in the newest 0 records", "");
    program_expect(&run, 0, "You are in phase 1. Next: ", "");
    program_free(&run);
    struct bus *bus = open_bus(fixture);
    produce(bus, "looked-spans", 10);
    run = run_on(fixture, "looked", "check", "--kafka", "--json");
    program_expect(&run, 0, "0 % of the newest 50 calls carry the token counts", "");
    program_expect(&run, 0, "\"phase\":1,", "");
    program_free(&run);
    bus_close(bus);
}

/* A topic of our own that somebody made with another number of partitions, or with a retention. */
static void wrong_topics_are_named(void **state)
{
    const struct kafka_fixture *fixture = *state;
    if (fixture == NULL || !program_is_there())
        skip();
    struct error error = {0};
    struct bus *bus = open_bus(fixture);
    struct topic_spec wrong = {"wrong-cells-repartition", 3, TOPIC_DELETE, -1};
    assert_true(bus_create(bus, &wrong, &error));
    bus_close(bus);
    struct program_run run = run_on(fixture, "wrong", "topics", "--create", NULL);
    program_expect(&run, 1, "wrong    own  wrong-cells-repartition", "topic wrong-cells-repartition has 3 partitions, this configuration needs 2");
    program_free(&run);
    run = run_on(fixture, "wrong", "check", "--kafka", NULL);
    program_expect(&run, 1, "topics: topic wrong-cells-repartition has 3 partitions", "");
    program_free(&run);
    run = run_on(fixture, "wrong", "run", NULL, NULL);
    program_expect(&run, 2, "", "topic wrong-cells-repartition has 3 partitions");
    program_free(&run);
}

static void an_absent_cluster_is_said_to_be_absent(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    struct program_run run = PROGRAM_RUN(ASSAY_SOURCE_DIR, "check", "--kafka", "--set", "kafka.bootstrap.servers=127.0.0.1:1", "--set", "kafka.patience=1s");
    program_expect(&run, 3, "", "is the cluster reachable");
    program_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_topics_are_named_and_made),
        cmocka_unit_test(check_looks_at_what_the_spans_carry),
        cmocka_unit_test(wrong_topics_are_named),
        cmocka_unit_test(an_absent_cluster_is_said_to_be_absent),
    };
    return cmocka_run_group_tests(tests, start_broker, end_broker);
}
