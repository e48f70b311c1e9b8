/*
 * schema_registry_test.c - the registry client against a server that behaves, misbehaves, hangs and goes
 * away: real sockets on loopback.
 */
#include "tests/test.h"

#include "engine/bus/ports.h"
#include "engine/bus/schema_registry.h"
#include "tests/bus/registry_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define PLENTY_NS 10000000000

struct play {
    atomic_int broken;    /* so many requests are answered with 503 */
    atomic_bool hang;     /* wait before answering */
    atomic_bool gone;     /* close without an answer */
    pthread_mutex_t lock; /* of what follows */
    char seen[4096];      /* headers of the last request */
    char last_body[1024];
};

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Ids: 1 good, 2 with references, 3 protobuf, 4 no JSON, 5 huge, 6 a circle, 7 encrypted; the rest 404. */
static unsigned by_path(const char *path, struct buffer *body)
{
    static const char *const plain[][2] = {
        {"/base/schemas/ids/1", "{\"schema\":\"{\\\"type\\\":\\\"string\\\"}\",\"other\":[1]}"},
        {"/base/schemas/ids/2",
         "{\"schema\":\"\\\"main\\\"\",\"schemaType\":\"AVRO\",\"references\":["
         "{\"name\":\"b\",\"subject\":\"sub/b\",\"version\":3},"
         "{\"name\":\"a\",\"subject\":\"a\",\"version\":1}]}"},
        {"/base/subjects/sub%2Fb/versions/3", "{\"schema\":\"\\\"b\\\"\"}"},
        {"/base/subjects/a/versions/1",
         "{\"schema\":\"\\\"a\\\"\",\"references\":[{\"subject\":\"sub/b\",\"version\":3}]}"},
        {"/base/schemas/ids/3", "{\"schema\":\"x\",\"schemaType\":\"PROTOBUF\"}"},
        {"/base/schemas/ids/4", "<html>proxy</html>"},
        {"/base/schemas/ids/6",
         "{\"schema\":\"6\",\"references\":[{\"subject\":\"loop\",\"version\":1}]}"},
        {"/base/subjects/loop/versions/1",
         "{\"schema\":\"l\",\"references\":[{\"subject\":\"loop\",\"version\":1}]}"},
        {"/base/schemas/ids/7",
         "{\"schema\":\"7\",\"ruleSet\":{\"domainRules\":[{\"type\":\"ENCRYPT\"}]}}"},
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(path, plain[i][0]) == 0)
            return buffer_append_text(body, plain[i][1]), 200;
    if (strcmp(path, "/base/schemas/ids/5") == 0) {
        for (int i = 0; i < 100000; i++)
            buffer_append_text(body, "0123456789");
        return 200;
    }
    buffer_append_text(body, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
    return 404;
}

static unsigned handle(void *context, const struct registry_request *request, struct buffer *body)
{
    struct play *play = context;
    pthread_mutex_lock(&play->lock);
    snprintf(play->seen, sizeof play->seen, "%s", request->headers);
    snprintf(play->last_body, sizeof play->last_body, "%.*s", BYTES_FMT(request->body));
    bool bad = strstr(play->last_body, "int") != NULL;
    pthread_mutex_unlock(&play->lock);
    if (atomic_load(&play->gone))
        return 0;
    for (int i = 0; atomic_load(&play->hang) && i < 200; i++)
        sleep_ms(10);
    if (atomic_fetch_sub(&play->broken, 1) > 0)
        return 503;
    if (strcmp(request->method, "POST") == 0 && strstr(request->path, "/compatibility/") != NULL) {
        buffer_printf(body,
                      "{\"is_compatible\":%s,\"messages\":[\"READER_FIELD_MISSING_DEFAULT_VALUE: "
                      "field score\"]}",
                      bad ? "false" : "true");
        return strstr(request->path, "new-subject") != NULL ? 404 : 200;
    }
    if (strcmp(request->method, "POST") == 0) {
        buffer_append_text(body, strstr(request->path, "refused") != NULL
                                     ? "{\"error_code\":42201,\"message\":\"Invalid schema\"}"
                                     : "{\"id\":77}");
        return strstr(request->path, "refused") != NULL ? 422 : 200;
    }
    return by_path(request->path, body);
}

struct stage {
    struct play play;
    struct registry_server *server;
    struct schema_registry *registry;
    struct schema_registry_options options;
    char url[128];
};

static bool sent(struct stage *stage, const char *text)
{
    pthread_mutex_lock(&stage->play.lock);
    bool there =
        strstr(stage->play.seen, text) != NULL || strstr(stage->play.last_body, text) != NULL;
    pthread_mutex_unlock(&stage->play.lock);
    return there;
}

static int set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    pthread_mutex_init(&stage->play.lock, NULL);
    stage->server = registry_server_start(handle, &stage->play);
    snprintf(stage->url, sizeof stage->url, "%s/base/", registry_server_url(stage->server));
    stage->options = schema_registry_options_default;
    stage->options.url = stage->url;
    stage->options.retry_min_ms = 5;
    stage->options.retry_max_ms = 20;
    stage->options.answer_bytes_max = 100000;
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    schema_registry_stop(stage->registry);
    registry_server_stop(stage->server);
    free(stage);
    return 0;
}

static void start(struct stage *stage)
{
    struct error error;
    if (!schema_registry_start(&stage->options, &stage->registry, &error))
        fail_msg("%s", error.message);
}

/* Looks until it is not FETCHING. */
static struct schema_lookup settle(struct stage *stage, uint32_t id)
{
    struct schema_lookup found;
    int64_t until = clock_monotonic_ns() + PLENTY_NS;
    do {
        schema_registry_lookup(stage->registry, id, &found);
        if (found.state != SCHEMA_FETCHING)
            return found;
        sleep_ms(1);
    } while (clock_monotonic_ns() < until);
    fail_msg("schema %u is still being fetched: %s", (unsigned)id, found.reason);
    return found;
}

static void fails(struct stage *stage, uint32_t id, const char *why)
{
    struct schema_lookup found = settle(stage, id);
    assert_int_equal(found.state, SCHEMA_FAILED);
    if (strstr(found.reason, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", found.reason, why);
}

static void test_a_schema_is_fetched_once(void **state)
{
    struct stage *stage = *state;
    struct schema_lookup found;
    start(stage);
    schema_registry_lookup(stage->registry, 1, &found);
    assert_int_equal(found.state, SCHEMA_FETCHING);
    found = settle(stage, 1);
    assert_int_equal(found.state, SCHEMA_READY);
    assert_int_equal(found.texts_count, 1);
    assert_true(bytes_equal_text(found.texts[0], "{\"type\":\"string\"}"));
    const struct bytes *texts = found.texts;
    for (int i = 0; i < 100; i++)
        schema_registry_lookup(stage->registry, 1, &found);
    assert_true(found.state == SCHEMA_READY && found.texts == texts);
    assert_int_equal(registry_server_requests(stage->server), 1);
    struct schema_registry_counters counters;
    schema_registry_count(stage->registry, &counters);
    assert_int_equal(counters.requests, 1);
    assert_true(counters.hits >= 100 && counters.misses == 1 && counters.failures == 0);
}

static void test_references_come_before_what_needs_them(void **state)
{
    struct stage *stage = *state;
    start(stage);
    struct schema_lookup found = settle(stage, 2);
    assert_int_equal(found.state, SCHEMA_READY);
    assert_int_equal(found.texts_count, 3);
    assert_true(bytes_equal_text(found.texts[0], "\"b\""));
    assert_true(bytes_equal_text(found.texts[1], "\"a\""));
    assert_true(bytes_equal_text(found.texts[2], "\"main\""));
}

static void test_definite_refusals_say_why_and_are_remembered(void **state)
{
    struct stage *stage = *state;
    start(stage);
    fails(stage, 404, "Schema not found");
    fails(stage, 3, "PROTOBUF");
    fails(stage, 4, "not JSON");
    fails(stage, 5, "larger than 100000 bytes");
    fails(stage, 6, "in a circle");
    fails(stage, 7, "ruleSet");
    unsigned requests = registry_server_requests(stage->server);
    for (int i = 0; i < 50; i++)
        fails(stage, 404, "Schema not found");
    assert_int_equal(registry_server_requests(stage->server), requests);
}

static void test_a_refusal_is_asked_again_after_its_time(void **state)
{
    struct stage *stage = *state;
    stage->options.missing_ms = 30;
    start(stage);
    fails(stage, 404, "not found");
    unsigned requests = registry_server_requests(stage->server);
    sleep_ms(40);
    fails(stage, 404, "not found");
    assert_int_equal(registry_server_requests(stage->server), requests + 1);
}

static void test_trouble_is_retried_with_back_off(void **state)
{
    struct stage *stage = *state;
    stage->options.retry_min_ms = 40;
    stage->options.retry_max_ms = 80;
    atomic_store(&stage->play.broken, 4);
    start(stage);
    int64_t before = clock_monotonic_ns();
    struct schema_lookup found = settle(stage, 1);
    int64_t took = clock_monotonic_ns() - before;
    assert_int_equal(found.state, SCHEMA_READY);
    assert_int_equal(registry_server_requests(stage->server), 5);
    /* at least half of 40 + 80 + 80 + 80 ms */
    assert_true(took >= 140000000);
}

static void test_a_registry_that_is_away_refuses_nothing(void **state)
{
    struct stage *stage = *state;
    struct schema_lookup found;
    atomic_store(&stage->play.gone, true);
    start(stage);
    for (int i = 0; i < 20; i++) {
        schema_registry_lookup(stage->registry, 1, &found);
        assert_int_equal(found.state, SCHEMA_FETCHING);
        sleep_ms(5);
    }
    assert_non_null(strstr(found.reason, "/schemas/ids/1"));
    atomic_store(&stage->play.gone, false);
    assert_int_equal(settle(stage, 1).state, SCHEMA_READY);
}

static void test_lookups_never_wait_and_stop_breaks_off(void **state)
{
    struct stage *stage = *state;
    struct schema_lookup found;
    start(stage);
    assert_int_equal(settle(stage, 1).state, SCHEMA_READY);
    atomic_store(&stage->play.hang, true);
    int64_t before = clock_monotonic_ns();
    schema_registry_lookup(stage->registry, 2, &found);
    sleep_ms(50); /* the thread hangs in its request now */
    for (int i = 0; i < 1000; i++) {
        schema_registry_lookup(stage->registry, 1, &found);
        assert_int_equal(found.state, SCHEMA_READY);
        schema_registry_lookup(stage->registry, 2, &found);
        assert_int_equal(found.state, SCHEMA_FETCHING);
    }
    assert_true(clock_monotonic_ns() - before < 1000000000);
    before = clock_monotonic_ns();
    schema_registry_stop(stage->registry);
    stage->registry = NULL;
    assert_true(clock_monotonic_ns() - before < 1900000000); /* curl looks around once a second */
    atomic_store(&stage->play.hang, false);
}

static void test_strange_ids_do_not_push_out_known_ones(void **state)
{
    struct stage *stage = *state;
    stage->options.schemas_max = 8;
    start(stage);
    assert_int_equal(settle(stage, 1).state, SCHEMA_READY);
    for (uint32_t id = 1000; id < 1050; id++)
        assert_int_equal(settle(stage, id).state, SCHEMA_FAILED);
    unsigned requests = registry_server_requests(stage->server);
    assert_int_equal(settle(stage, 1).state, SCHEMA_READY);
    assert_int_equal(registry_server_requests(stage->server), requests);
}

static void test_credentials_travel_in_their_header_only(void **state)
{
    struct stage *stage = *state;
    stage->options.user = "alice";
    stage->options.password = "secret";
    start(stage);
    fails(stage, 404, "not found");
    assert_true(sent(stage, "Authorization: Basic YWxpY2U6c2VjcmV0"));
    assert_true(sent(stage, "GET /base/schemas/ids/404 "));
    schema_registry_stop(stage->registry);
    stage->options.token = "t0ken";
    start(stage);
    fails(stage, 404, "not found");
    assert_true(sent(stage, "Authorization: Bearer t0ken"));
    struct schema_lookup found = settle(stage, 404);
    assert_null(strstr(found.reason, "t0ken"));
}

static void test_registering_and_checking(void **state)
{
    struct stage *stage = *state;
    struct error error;
    uint32_t id = 0;
    start(stage);
    struct bytes text = BYTES_LITERAL("\"string\""), number = BYTES_LITERAL("\"int\"");
    assert_true(schema_registry_register(stage->registry, "shop.alerts-value", text, &id, &error));
    assert_int_equal(id, 77);
    assert_true(sent(stage, "{\"schema\":\"\\\"string\\\"\"}"));
    assert_true(sent(stage, "POST /base/subjects/shop.alerts-value/versions "));
    assert_false(schema_registry_register(stage->registry, "refused", text, &id, &error));
    assert_string_equal(error.message,
                        "subject refused: error 42201: the registry says 422: Invalid schema");
    assert_true(schema_registry_compatible(stage->registry, "s", text, &error));
    assert_true(schema_registry_compatible(stage->registry, "new-subject", number, &error));
    assert_false(schema_registry_compatible(stage->registry, "s", number, &error));
    assert_non_null(strstr(error.message, "field score"));
}

static void test_bad_options_are_refused(void **state)
{
    struct stage *stage = *state;
    struct error error;
    stage->options.url = "ftp://host";
    assert_false(schema_registry_start(&stage->options, &stage->registry, &error));
    assert_non_null(strstr(error.message, "registry.url"));
    stage->options.url = "";
    assert_false(schema_registry_start(&stage->options, &stage->registry, &error));
    stage->options.url = stage->url;
    stage->options.timeout_ms = 0;
    assert_false(schema_registry_start(&stage->options, &stage->registry, &error));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_schema_is_fetched_once),
        TEST(test_references_come_before_what_needs_them),
        TEST(test_definite_refusals_say_why_and_are_remembered),
        TEST(test_a_refusal_is_asked_again_after_its_time),
        TEST(test_trouble_is_retried_with_back_off),
        TEST(test_a_registry_that_is_away_refuses_nothing),
        TEST(test_lookups_never_wait_and_stop_breaks_off),
        TEST(test_strange_ids_do_not_push_out_known_ones),
        TEST(test_credentials_travel_in_their_header_only),
        TEST(test_registering_and_checking),
        TEST(test_bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
