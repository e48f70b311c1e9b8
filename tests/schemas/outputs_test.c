/*
 * outputs_test.c - what the engine writes, as JSON and as Avro, against schemas/: nothing missing, nothing that is
 * not there, the same facts in both, read by our own reader and by Apache Avro C; and without allocations.
 */
#include "tests/test.h"

#include "engine/bus/embedded_log.h"
#include "engine/bus/schema_registry.h"
#include "engine/flow/options.h"
#include "engine/flow/outbox.h"
#include "engine/span/avro_to_json.h"
#include "tests/bus/registry_server.h"
#include "tests/laws/allocations.h"
#include "tests/schemas/files.h"
#include "tests/schemas/records.h"
#include "tests/schemas/strict.h"
#include "tests/span/avro_oracle.h"
#include "tests/span/avro_text.h"

#define RECORDS 20000
#define FRAME 5
#define OUTPUTS 3

static const struct {
    const char *file, *topic;
    void (*write)(struct records *records, struct buffer *out);
} outputs[OUTPUTS] = {
    [SCHEMA_REQUEST] = {"judge_request.avsc", "shop.judge-requests", records_request},
    [SCHEMA_SCORE] = {"score.avsc", "shop.scores", records_score},
    [SCHEMA_ALERT] = {"alert.avsc", "shop.alerts", records_alert},
};

struct bench {
    struct registry_server *server;
    struct schema_registry *registry;
    struct output_schemas *schemas;
    struct bus *bus;
    struct member *member;
    struct outbox *outbox;
    const char *refused; /* a subject that the registry does not take; it has one without the field `env` */
};

/* Knows no subject; ids follow the topic. */
static unsigned answer(void *context, const struct registry_request *request, struct buffer *body)
{
    const struct bench *bench = context;
    bool taken = bench->refused != NULL && strstr(request->path, bench->refused) != NULL;
    if (strstr(request->path, "/compatibility/") != NULL) {
        buffer_append_text(body, "{\"is_compatible\":false}");
        return taken ? 200 : 404;
    }
    if (strcmp(request->method, "POST") != 0) {
        buffer_append_text(body, "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"Score\\\",\\\"fields\\\":[]}\"}");
        return taken ? 200 : 404;
    }
    buffer_printf(body, "{\"id\":%d}", strstr(request->path, "requests") ? 70000 : strstr(request->path, "scores") ? 2 : 3);
    return 200;
}

static const struct topic_names topics = {.requests = "shop.judge-requests", .scores = "shop.scores", .alerts = "shop.alerts"};

static void open_bench(struct bench *bench)
{
    struct error error = {0};
    struct schema_registry_options options = schema_registry_options_default;
    *bench = (struct bench){.refused = NULL};
    bench->server = registry_server_start(answer, bench);
    options.url = registry_server_url(bench->server);
    assert_true(schema_registry_start(&options, &bench->registry, &error));
    if (!output_schemas_check(bench->registry, &topics, true, 5000, &bench->schemas, &error))
        fail_msg("%s", error.message);
    bench->bus = embedded_log_open(NULL);
    const char *written[OUTPUTS];
    for (int i = 0; i < OUTPUTS; i++) {
        struct topic_spec spec = {outputs[i].topic, 1, TOPIC_DELETE, -1};
        written[i] = outputs[i].topic;
        assert_true(bus_create(bench->bus, &spec, &error));
    }
    struct member_spec spec = {.group = "shop", .transactional_id = "shop-0", .topics_written = written, .topics_written_count = OUTPUTS};
    bench->member = bus_member_open(bench->bus, &spec, &error);
    bench->outbox = outbox_create(bench->member, 1, (size_t)64 << 20);
}

static void close_bench(struct bench *bench)
{
    member_close(bench->member);
    outbox_destroy(bench->outbox);
    bus_close(bench->bus);
    output_schemas_destroy(bench->schemas);
    schema_registry_stop(bench->registry);
    registry_server_stop(bench->server);
}

static void same_to_the_oracle(struct oracle *oracle, const struct avro_program *program, struct bytes record)
{
    struct buffer theirs = BUFFER_WITH_LIMIT(1 << 20), ours = theirs;
    struct avro_fault fault;
    size_t left = 1;
    assert_true(oracle_decode(oracle, record, &theirs, &left));
    assert_int_equal(left, 0);
    assert_true(avro_text(program, record, &ours, &fault));
    assert_int_equal(theirs.size, ours.size);
    assert_memory_equal(theirs.data, ours.data, ours.size);
    buffer_free(&theirs);
    buffer_free(&ours);
}

/* JSON that fits; Avro of it that says the same to us and to Avro C. */
static void hold(int which, struct bench *bench)
{
    struct error error;
    struct buffer text, json = BUFFER_WITH_LIMIT(1 << 20), avro = json, again = json, why = json;
    assert_true(schema_file_read(outputs[which].file, &text));
    struct bytes own = buffer_bytes(&text);
    struct avro_schema *schema = avro_schema_parse(&own, 1, &avro_schema_limits_default, &error);
    struct avro_program *program = avro_text_compile(own, own, &error);
    struct oracle *oracle = oracle_create(own, own);
    struct json_document *one = json_create(1 << 20), *two = json_create(1 << 20);
    struct arena *arena = arena_create(1 << 20);
    struct records records;
    struct avro_fault fault;
    records_open(&records, (uint64_t)which + 1);
    assert_true(schema != NULL && program != NULL && oracle != NULL);
    for (int i = 0; i < RECORDS; i++) {
        buffer_clear(&json);
        buffer_clear(&avro);
        buffer_clear(&again);
        outputs[which].write(&records, &json);
        const struct json_value *written = json_parse(one, buffer_bytes(&json), 16, &error);
        if (written == NULL || !strict_fits(schema, written, &why))
            fail_msg("%s: %.*s in %.*s", outputs[which].file, BYTES_FMT(buffer_bytes(&why)), BYTES_FMT(buffer_bytes(&json)));
        if (!output_schemas_encode(bench->schemas, (enum schema_name)which, written, arena, &avro, &error))
            fail_msg("%s: %s", outputs[which].file, error.message);
        struct bytes record = bytes_of(avro.data + FRAME, avro.size - FRAME);
        assert_memory_equal(avro.data, which == SCHEMA_REQUEST ? "\0\0\1\x11\x70" : which == SCHEMA_SCORE ? "\0\0\0\0\2" : "\0\0\0\0\3", FRAME);
        same_to_the_oracle(oracle, program, record);
        assert_true(avro_to_json(program, schema, record, &avro_limits_default, &again, &fault));
        const struct json_value *read = json_parse(two, buffer_bytes(&again), 16, &error);
        if (!strict_same(written, read, &why))
            fail_msg("%s: %.*s in %.*s and %.*s", outputs[which].file, BYTES_FMT(buffer_bytes(&why)), BYTES_FMT(buffer_bytes(&json)), BYTES_FMT(buffer_bytes(&again)));
    }
    records_close(&records);
    arena_destroy(arena);
    json_destroy(one);
    json_destroy(two);
    oracle_destroy(oracle);
    avro_program_destroy(program);
    avro_schema_destroy(schema);
    buffer_free(&text);
    buffer_free(&json);
    buffer_free(&avro);
    buffer_free(&again);
    buffer_free(&why);
}

static void what_is_written_fits_its_schema(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench);
    for (int which = 0; which < OUTPUTS; which++)
        hold(which, &bench);
    close_bench(&bench);
}

/* The check itself sees what is wrong. */
static void a_record_that_does_not_fit_is_seen(void **state)
{
    (void)state;
    struct error error;
    struct buffer text, json = BUFFER_WITH_LIMIT(1 << 16), why = json;
    struct records records;
    struct json_document *document = json_create(1 << 20);
    assert_true(schema_file_read("score.avsc", &text));
    struct bytes own = buffer_bytes(&text);
    struct avro_schema *schema = avro_schema_parse(&own, 1, &avro_schema_limits_default, &error);
    records_open(&records, 5);
    records_request(&records, &json);
    assert_false(strict_fits(schema, json_parse(document, buffer_bytes(&json), 16, &error), &why));
    assert_true(why.size > 0);
    records_close(&records);
    json_destroy(document);
    avro_schema_destroy(schema);
    buffer_free(&text);
    buffer_free(&json);
    buffer_free(&why);
}

/* One transaction's worth through the outbox, JSON or Avro; how often this thread allocated. */
static uint64_t send_some(struct bench *bench, struct records *records, struct buffer *json, int count)
{
    struct error error;
    uint64_t before = allocations_mark();
    for (int i = 0; i < count; i++) {
        int which = i % OUTPUTS;
        buffer_clear(json);
        outputs[which].write(records, json);
        struct bus_output output = {.topic = outputs[which].topic, .partition = 0, .timestamp_ms = 1, .key = BYTES_NONE, .value = buffer_bytes(json)};
        assert_true(outbox_send_record(bench->outbox, (enum schema_name)which, &output, &error));
    }
    uint64_t allocated = allocations_mark() - before;
    assert_int_equal(member_commit(bench->member, NULL, 0, &error), COMMIT_DONE);
    outbox_reset(bench->outbox);
    return allocated;
}

static void nothing_is_allocated_per_record(void **state)
{
    (void)state;
    struct bench bench;
    struct records records;
    struct buffer json = BUFFER_WITH_LIMIT(1 << 20);
    open_bench(&bench);
    uint64_t allocated[2];
    for (int avro = 0; avro < 2; avro++) {
        outbox_use_schemas(bench.outbox, avro ? bench.schemas : NULL);
        records_open(&records, 9);
        (void)send_some(&bench, &records, &json, 3000);
        allocated[avro] = send_some(&bench, &records, &json, 3000);
        records_close(&records);
    }
    print_message("3000 records: %llu allocations as JSON, %llu as Avro\n", (unsigned long long)allocated[0], (unsigned long long)allocated[1]);
    if (allocations_known() && !allocations_arena_counts())
        assert_true(allocated[0] == 0 && allocated[1] == 0);
    assert_int_equal(outbox_refused(bench.outbox), 0);
    buffer_free(&json);
    close_bench(&bench);
}

static void a_record_that_does_not_fit_is_counted(void **state)
{
    (void)state;
    struct bench bench;
    struct error error;
    open_bench(&bench);
    outbox_use_schemas(bench.outbox, bench.schemas);
    struct bus_output output = {.topic = topics.scores, .partition = 0, .key = BYTES_NONE, .value = BYTES_LITERAL("{\"trace_id\":1}")};
    assert_true(outbox_send_record(bench.outbox, SCHEMA_SCORE, &output, &error));
    assert_int_equal(outbox_refused(bench.outbox), 1);
    assert_false(outbox_begun(bench.outbox));
    close_bench(&bench);
}

static void a_refusal_names_subject_and_field(void **state)
{
    (void)state;
    struct bench bench;
    struct error error = {0};
    open_bench(&bench);
    bench.refused = "scores";
    assert_false(output_schemas_check(bench.registry, &topics, true, 5000, NULL, &error));
    print_message("%s\n", error.message);
    assert_non_null(strstr(error.message, "shop.scores-value"));
    assert_non_null(strstr(error.message, "no field trace_id"));
    bench.refused = NULL;
    registry_server_stop(bench.server); /* away: it is waited for, and then said */
    int64_t before_ns = clock_monotonic_ns();
    assert_false(output_schemas_check(bench.registry, &topics, true, 600, NULL, &error));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_true(clock_monotonic_ns() - before_ns >= 600000000);
    bench.server = registry_server_start(answer, &bench);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_fits_its_schema),
        cmocka_unit_test(a_record_that_does_not_fit_is_seen),
        cmocka_unit_test(nothing_is_allocated_per_record),
        cmocka_unit_test(a_record_that_does_not_fit_is_counted),
        cmocka_unit_test(a_refusal_names_subject_and_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
