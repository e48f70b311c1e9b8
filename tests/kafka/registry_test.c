/*
 * registry_test.c - the schema registry client against a real registry (Apicurio, base path
 * /apis/ccompat/v7): schemas registered, fetched by id, decoded with; refusals; an outage.
 */
#include "tests/test.h"

#include "engine/bus/ports.h"
#include "engine/bus/schema_registry.h"
#include "engine/span/avro_check.h"
#include "engine/span/avro_span.h"
#include "tests/kafka/fixture.h"
#include "tests/span/avro_write.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BASE_PATH "/apis/ccompat/v7"

struct stage {
    char folder[300];
    char url[100];
    int port;
    struct schema_registry *registry;
};

static int script(const char *arguments)
{
    char command[1200];
    snprintf(command, sizeof command, "ASSAY_REGISTRY_OWNER=%d '%s/tests/kafka/registry' %s",
             (int)getpid(), ASSAY_SOURCE_DIR, arguments);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void start_registry(struct stage *stage)
{
    char arguments[400];
    snprintf(arguments, sizeof arguments, "start '%s' %d", stage->folder, stage->port);
    if (script(arguments) != 0)
        fail_msg("the registry does not start; see %s/log", stage->folder);
}

static void stop_registry(struct stage *stage)
{
    char arguments[400];
    snprintf(arguments, sizeof arguments, "stop '%s'", stage->folder);
    (void)script(arguments);
}

static int set_up(void **state)
{
    static struct stage stage;
    struct error error;
    struct schema_registry_options options = schema_registry_options_default;
    snprintf(stage.folder, sizeof stage.folder, "%s/registry", test_scratch_folder());
    stage.port = kafka_fixture_free_port();
    start_registry(&stage);
    snprintf(stage.url, sizeof stage.url, "http://127.0.0.1:%d" BASE_PATH, stage.port);
    options.url = stage.url;
    options.timeout_ms = 20000;
    options.retry_max_ms = 500;
    options.missing_ms = 100;
    if (!schema_registry_start(&options, &stage.registry, &error))
        fail_msg("%s", error.message);
    *state = &stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    char command[400];
    schema_registry_stop(stage->registry);
    stop_registry(stage);
    snprintf(command, sizeof command, "rm -rf '%s'", test_scratch_folder());
    return system(command) == 0 ? 0 : -1;
}

static struct schema_lookup settle(struct stage *stage, uint32_t id)
{
    struct schema_lookup found;
    int64_t until = clock_monotonic_ns() + 60000000000;
    do {
        schema_registry_lookup(stage->registry, id, &found);
        if (found.state != SCHEMA_FETCHING)
            return found;
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    } while (clock_monotonic_ns() < until);
    fail_msg("schema %u is still being fetched: %s", (unsigned)id, found.reason);
    return found;
}

static const char span_writer[] =
    "{\"type\":\"record\",\"name\":\"LlmSpan\",\"namespace\":\"shop\",\"fields\":["
    "{\"name\":\"trace_id\",\"type\":\"string\"},{\"name\":\"span_id\",\"type\":\"string\"},"
    "{\"name\":\"input_tokens\",\"type\":[\"null\",\"int\"],\"default\":null}]}";

static void test_a_registered_schema_decodes_spans(void **state)
{
    struct stage *stage = *state;
    struct error error;
    uint32_t id = 0, again = 0, cut = 0;
    struct avro_fault fault;
    struct bytes schema = bytes_from_text(span_writer);
    if (!schema_registry_register(stage->registry, "spans/eu-value", schema, &id, &error))
        fail_msg("%s", error.message);
    assert_true(id > 0);
    assert_true(
        schema_registry_register(stage->registry, "spans/eu-value", schema, &again, &error));
    assert_int_equal(id, again);
    struct schema_lookup found = settle(stage, id);
    assert_int_equal(found.state, SCHEMA_READY);
    assert_int_equal(found.texts_count, 1);
    struct avro_span_reader *reader = avro_span_reader_create(found.texts, found.texts_count,
                                                              &avro_schema_limits_default, &error);
    if (reader == NULL)
        fail_msg("%s", error.message);
    struct buffer record = BUFFER_WITH_LIMIT(1000);
    avro_put_text(&record, "0102030405060708090a0b0c0d0e0f10");
    avro_put_text(&record, "1112131415161718");
    buffer_put_zigzag(&record, 1);
    buffer_put_zigzag(&record, 42);
    struct span_batch *batch = span_batch_create(1);
    span_columns_add(&batch->wanted, SPAN_COLUMN_input_tokens);
    assert_true(avro_span_decode(reader, buffer_bytes(&record), (struct row_origin){0, 0},
                                 &avro_limits_default, batch, &cut, &fault));
    assert_int_equal(batch->input_tokens[0], 42);
    span_batch_destroy(batch);
    buffer_free(&record);
    avro_span_reader_destroy(reader);
}

static void test_unknown_ids_are_refused_with_the_registrys_words(void **state)
{
    struct stage *stage = *state;
    struct schema_lookup found = settle(stage, 999999);
    assert_int_equal(found.state, SCHEMA_FAILED);
    assert_non_null(strstr(found.reason, "404"));
    print_message("the registry's words: %s\n", found.reason);
}

static void test_bad_schemas_are_refused(void **state)
{
    struct stage *stage = *state;
    struct error error;
    uint32_t id;
    assert_false(schema_registry_register(stage->registry, "bad-value",
                                          BYTES_LITERAL("{\"type\":\"nonsense\"}"), &id, &error));
    print_message("the registry's words: %s\n", error.message);
    assert_non_null(strstr(error.message, "bad-value"));
}

static void set_compatibility(struct stage *stage, const char *subject, const char *level)
{
    char command[600];
    snprintf(
        command, sizeof command,
        "curl -sf -o '%s/config' -X PUT -H 'Content-Type: application/vnd.schemaregistry.v1+json' "
        "'%s/config/%s' -d '{\"compatibility\":\"%s\"}'",
        stage->folder, stage->url, subject, level);
    assert_int_equal(system(command), 0);
}

static void test_compatibility_is_checked(void **state)
{
    struct stage *stage = *state;
    struct error error;
    uint32_t id;
    struct bytes one = BYTES_LITERAL("{\"type\":\"record\",\"name\":\"A\",\"fields\":["
                                     "{\"name\":\"a\",\"type\":\"int\"}]}");
    struct bytes more = BYTES_LITERAL("{\"type\":\"record\",\"name\":\"A\",\"fields\":["
                                      "{\"name\":\"a\",\"type\":\"int\"},"
                                      "{\"name\":\"score\",\"type\":\"int\"}]}");
    struct bytes good = BYTES_LITERAL("{\"type\":\"record\",\"name\":\"A\",\"fields\":["
                                      "{\"name\":\"a\",\"type\":\"int\"},"
                                      "{\"name\":\"score\",\"type\":\"int\",\"default\":0}]}");
    assert_true(schema_registry_compatible(stage->registry, "alerts-value", one, &error));
    assert_true(schema_registry_register(stage->registry, "alerts-value", one, &id, &error));
    set_compatibility(stage, "alerts-value", "BACKWARD");
    if (!schema_registry_compatible(stage->registry, "alerts-value", good, &error))
        fail_msg("%s", error.message);
    assert_false(schema_registry_compatible(stage->registry, "alerts-value", more, &error));
    print_message("the registry's words: %s\n", error.message);
    assert_non_null(strstr(error.message, "not compatible"));
    /* It does not say which field; we find out. */
    struct buffer latest;
    assert_true(schema_registry_latest(stage->registry, "alerts-value", &latest, &error));
    assert_false(avro_check_reads(buffer_bytes(&latest), more, &error));
    assert_non_null(strstr(error.message, "field score"));
    buffer_free(&latest);
    assert_true(schema_registry_latest(stage->registry, "nobody-value", &latest, &error));
    assert_int_equal(latest.size, 0);
    buffer_free(&latest);
}

static void test_references_are_followed(void **state)
{
    struct stage *stage = *state;
    struct error error;
    uint32_t id;
    char command[1200];
    struct bytes inner =
        BYTES_LITERAL("{\"type\":\"enum\",\"name\":\"shop.Level\",\"symbols\":[\"A\"]}");
    assert_true(schema_registry_register(stage->registry, "level", inner, &id, &error));
    snprintf(
        command, sizeof command,
        "curl -sf -X POST -H 'Content-Type: application/vnd.schemaregistry.v1+json' "
        "'%s/subjects/outer-value/versions' -d '{\"schema\":\"{\\\"type\\\":\\\"record\\\","
        "\\\"name\\\":\\\"shop.O\\\",\\\"fields\\\":[{\\\"name\\\":\\\"l\\\",\\\"type\\\":"
        "\\\"shop.Level\\\"}]}\",\"references\":[{\"name\":\"shop.Level\",\"subject\":\"level\","
        "\"version\":1}]}' | sed 's/[^0-9]*\\([0-9]*\\).*/\\1/' > '%s/outer'",
        stage->url, stage->folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/outer", stage->folder);
    FILE *file = fopen(command, "r");
    unsigned long outer = 0;
    assert_true(file != NULL && fscanf(file, "%lu", &outer) == 1);
    fclose(file);
    struct schema_lookup found = settle(stage, (uint32_t)outer);
    if (found.state != SCHEMA_READY)
        fail_msg("%s", found.reason);
    assert_int_equal(found.texts_count, 2);
    struct avro_schema *schema =
        avro_schema_parse(found.texts, 2, &avro_schema_limits_default, &error);
    if (schema == NULL)
        fail_msg("%s", error.message);
    avro_schema_destroy(schema);
}

/* Last: it keeps its schemas in memory only. */
static void test_an_outage_refuses_nothing_that_is_known(void **state)
{
    struct stage *stage = *state;
    struct error error;
    struct schema_lookup found;
    uint32_t id;
    assert_true(schema_registry_register(stage->registry, "o-value", BYTES_LITERAL("\"string\""),
                                         &id, &error));
    assert_int_equal(settle(stage, id).state, SCHEMA_READY);
    stop_registry(stage);
    schema_registry_lookup(stage->registry, id, &found);
    assert_int_equal(found.state, SCHEMA_READY);
    schema_registry_lookup(stage->registry, 12345, &found);
    nanosleep(&(struct timespec){0, 300000000}, NULL);
    schema_registry_lookup(stage->registry, 12345, &found);
    assert_int_equal(found.state, SCHEMA_FETCHING);
    assert_true(found.reason[0] != '\0');
    start_registry(stage);
    assert_int_equal(settle(stage, 12345).state, SCHEMA_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_registered_schema_decodes_spans),
        cmocka_unit_test(test_unknown_ids_are_refused_with_the_registrys_words),
        cmocka_unit_test(test_bad_schemas_are_refused),
        cmocka_unit_test(test_compatibility_is_checked),
        cmocka_unit_test(test_references_are_followed),
        cmocka_unit_test(test_an_outage_refuses_nothing_that_is_known),
    };
    int fetched = script("fetch");
    if (fetched == 77)
        return 77;
    return fetched == 0 ? cmocka_run_group_tests(tests, set_up, tear_down) : 1;
}
