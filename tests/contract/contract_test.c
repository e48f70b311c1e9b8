/*
 * contract_test.c - the outputs' contract on a real broker and a real schema registry: Avro spans in, Avro out, read by
 * ourselves, by Java and by Python; the same as JSON without a registry; poison in the DLQ with its reason; a partition
 * that waits for a schema, which stalls no other; a start that the registry refuses.
 */
#include "tests/contract/outputs.h"
#include "tests/contract/spans.h"
#include "tests/engine_kafka/positions.h"
#include "tests/engine_kafka/rig.h"
#include "tests/test.h"

#include "engine/base/memory.h"
#include "engine/flow/avro_input.h"
#include "engine/span/avro_encode.h"
#include "tests/schemas/files.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define BASE_PATH "/apis/ccompat/v7"
#define WAIT_MS 60000
#define STEP_MS 10000
#define CLOSE_MS 100 /* no source is far ahead of another, nor of the verdicts */
#define CALM 1500
#define BAD 180
#define PIECE 60
#define VERDICTS 60

static struct rig_site site;
static enum kafka_fixture_result site_state;

static struct {
    bool there;
    char folder[300], url[100];
    int port;
    struct schema_registry *client;
} registry;

/* ---- the registry and other programs ------------------------------------------------------------------------------- */

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *format, ...)
{
    char command[2000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void open_registry(void)
{
    struct error error;
    struct schema_registry_options options = schema_registry_options_default;
    if (run("'%s/tests/kafka/registry' fetch", ASSAY_SOURCE_DIR) != 0)
        return;
    registry.port = kafka_fixture_free_port();
    snprintf(registry.folder, sizeof registry.folder, "%s/registry", site.folder);
    snprintf(registry.url, sizeof registry.url, "http://127.0.0.1:%d" BASE_PATH, registry.port);
    if (run("ASSAY_REGISTRY_OWNER=%d '%s/tests/kafka/registry' start '%s' %d", (int)getpid(), ASSAY_SOURCE_DIR, registry.folder, registry.port) != 0)
        fail_msg("the registry does not start; see %s/log", registry.folder);
    options.url = registry.url;
    options.timeout_ms = 20000;
    if (!schema_registry_start(&options, &registry.client, &error))
        fail_msg("%s", error.message);
    registry.there = true;
}

/* It keeps its schemas in memory, so it is stopped, not ended. */
static void signal_registry(const char *name) { assert_int_equal(run("kill -%s $(cat '%s/pid')", name, registry.folder), 0); }

static uint32_t enter(const char *subject, struct bytes schema)
{
    struct error error;
    uint32_t id = 0;
    if (!schema_registry_register(registry.client, subject, schema, &id, &error))
        fail_msg("%s", error.message);
    return id;
}

/* "requests N scores N alerts N" must be what a consumer says; skipped where its libraries cannot be had. */
static void consume(const char *language, const struct rig *rig, const char *url, const uint32_t counts[3])
{
    char expected[100], said[100] = "";
    int code = run("'%s/tests/contract/consume' %s %s %s '%s/schemas' %s.judge-requests %s.scores %s.alerts > '%s/%s'", ASSAY_SOURCE_DIR,
                   language, site.fixture.servers, url, ASSAY_SOURCE_DIR, rig->app, rig->app, rig->app, rig->folder, language);
    if (code == 77) {
        print_message("skipped: the %s consumer, its libraries cannot be had here\n", language);
        return;
    }
    assert_int_equal(code, 0);
    char path[400];
    snprintf(path, sizeof path, "%s/%s", rig->folder, language);
    FILE *file = fopen(path, "r");
    assert_true(file != NULL && fgets(said, sizeof said, file) != NULL);
    fclose(file);
    snprintf(expected, sizeof expected, "requests %u scores %u alerts %u\n", counts[0], counts[1], counts[2]);
    assert_string_equal(said, expected);
    print_message("%s: %s", language, said);
}

/* ---- an application ------------------------------------------------------------------------------------------------- */

struct stage {
    struct rig *rig;
    struct spans spans;
    char topic[4][80]; /* requests, scores, alerts, dlq */
    int http;
    uint8_t *seen; /* per span number: requests for it */
    uint64_t twice, strange;
    uint32_t alerts_open, failed;
};

static void open_stage(struct stage *s, const char *name, bool avro)
{
    static const char *const ends[] = {"judge-requests", "scores", "alerts", "dlq"};
    char settings[600], listen[40];
    memset(s, 0, sizeof *s);
    s->http = kafka_fixture_free_port();
    snprintf(listen, sizeof listen, "127.0.0.1:%d", s->http);
    snprintf(settings, sizeof settings, "sampler.base_probability: 100%%\nplanner.probability_min: 100%%\n%s%s%s", avro ? "topics.spans_encoding: avro\nregistry: {url: \"" : "topics.spans_encoding: json\n",
             avro ? registry.url : "", avro ? "\", timeout: 500ms, wait: 6s, retry_max: 500ms}\n" : "");
    /* a slow machine must not look like silent sources: in silence the clock follows the wall, which is hours ahead */
    struct rig_options options = {.name = name, .settings = settings, .http_listen = listen, .inactive_after = "10s", .shards = 2};
    s->rig = rig_open(&site, &options);
    char topic[80];
    snprintf(topic, sizeof topic, "%s.spans", s->rig->app);
    for (int i = 0; i < 4; i++)
        snprintf(s->topic[i], sizeof s->topic[i], "%s.%s", s->rig->app, ends[i]);
    spans_open(&s->spans, s->rig->bus, s->rig->setup->config->topic_spans, RIG_PARTITIONS);
    s->spans.avro = avro;
    s->spans.now_ms = clock_system.now_ms(&clock_system) - (int64_t)8 * 3600000;
}

static void close_stage(struct stage *s)
{
    free(s->seen);
    spans_close(&s->spans);
    rig_close(s->rig);
}

/* Partitions of a topic that the group has not worked off, as bits. */
static unsigned behind(struct stage *s, const char *topic, int32_t partitions)
{
    int64_t committed[RIG_PARTITIONS] = {0};
    unsigned bits = 0;
    if (!positions_committed(s->rig->positions, topic, partitions, committed))
        return ~0u;
    for (int32_t p = 0; p < partitions; p++) {
        int64_t end = positions_end(s->rig->positions, topic, p, true);
        /* a marker stands behind the last record */
        bits |= (unsigned)(end < 0 || committed[p] + 1 < end) << p;
    }
    return bits;
}

static void wait_worked_off(struct stage *s, unsigned but)
{
    int64_t until_ms = rig_now_ms() + WAIT_MS;
    unsigned bits;
    while (((bits = behind(s, s->spans.topic, RIG_PARTITIONS)) & ~but) != 0) {
        if (rig_now_ms() > until_ms)
            fail_msg("partitions %x of %s are not worked off; see %s", bits, s->spans.topic, s->rig->engines[0].log);
        rig_nap(50);
    }
}

static uint64_t metric(struct stage *s, const char *name)
{
    char path[400], line[1000];
    uint64_t value = UINT64_MAX;
    snprintf(path, sizeof path, "%s/metrics", s->rig->folder);
    assert_int_equal(run("curl -sf -o '%s' http://127.0.0.1:%d/metrics", path, s->http), 0);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ')
            value = strtoull(line + strlen(name), NULL, 10);
    fclose(file);
    if (value == UINT64_MAX)
        fail_msg("/metrics has no %s", name);
    return value;
}

static void wait_metric(struct stage *s, const char *name, uint64_t least)
{
    int64_t until_ms = rig_now_ms() + WAIT_MS;
    uint64_t found;
    while ((found = metric(s, name)) < least) {
        if (rig_now_ms() > until_ms)
            fail_msg("%s is %llu, not %llu", name, (unsigned long long)found, (unsigned long long)least);
        rig_nap(100);
    }
}

static void take_request(void *context, const struct json_value *record)
{
    struct stage *s = context;
    char id[20];
    snprintf(id, sizeof id, "%.*s", BYTES_FMT(json_text(json_get(record, "span_id"))));
    uint64_t number = strtoull(id, NULL, 16);
    if (number == 0 || number >= s->spans.next)
        s->strange++;
    else if (s->seen[number]++ > 0)
        s->twice++;
}

static void take_score(void *context, const struct json_value *record)
{
    struct stage *s = context;
    const struct json_value *format = json_at(json_get(record, "results"), 0);
    s->failed += bytes_equal_text(json_text(json_get(format, "name")), "format") && bytes_equal_text(json_text(json_get(format, "label")), "fail");
}

static void take_alert(void *context, const struct json_value *record)
{
    struct stage *s = context;
    s->alerts_open += bytes_equal_text(json_text(json_get(record, "state")), "open") && bytes_equal_text(json_text(json_get(record, "metric")), "format");
}

/* Every span that was sent and is no poison asked for a judge exactly once. */
static void read_outputs(struct stage *s, struct schema_registry *client, uint64_t missing, uint32_t counts[3])
{
    uint64_t late = missing;
    free(s->seen);
    s->seen = calloc(s->spans.next, 1);
    s->twice = s->strange = s->alerts_open = s->failed = 0;
    counts[0] = outputs_read(s->rig->bus, s->topic[0], "judge_request.avsc", client, take_request, s);
    counts[1] = outputs_read(s->rig->bus, s->topic[1], "score.avsc", client, take_score, s);
    counts[2] = outputs_read(s->rig->bus, s->topic[2], "alert.avsc", client, take_alert, s);
    for (uint64_t number = 1; number < s->spans.next; number++)
        if (s->seen[number] == 0 && missing == 0)
            print_message("span %llu is missing\n", (unsigned long long)number);
        else
            missing -= s->seen[number] == 0;
    assert_int_equal(s->twice, 0);
    assert_int_equal(s->strange, 0);
    assert_int_equal(counts[0], s->spans.next - 1 - late);
    print_message("%s: %u requests, %u scores (%u failed), %u alerts\n", s->rig->app, counts[0], counts[1], s->failed, counts[2]);
    assert_int_equal(s->failed, s->spans.prose);
    assert_true(s->alerts_open >= 1);
}

/* Piece by piece, each worked off before the next: epochs follow log time, so what is read at once is one epoch. */
static void send_along(struct stage *s, uint32_t count, uint32_t fail_every)
{
    for (; count > 0; count -= count < PIECE ? count : PIECE) {
        spans_send(&s->spans, count < PIECE ? count : PIECE, STEP_MS, fail_every, -1);
        wait_worked_off(s, 0);
    }
}

/* Hours of calm, half an hour of bad answers, calm again. */
static void run_history(struct stage *s)
{
    spans_send(&s->spans, PIECE, STEP_MS, 100, -1); /* an engine that finds nothing takes the time from the wall */
    rig_start(s->rig, 0, NULL, NULL);
    send_along(s, CALM, 100);
    send_along(s, BAD, 2);
    send_along(s, CALM / 4, 100);
    wait_metric(s, "assay_alerts_opened_total", 1);
}

static bool needs(bool also_registry)
{
    if (site_state != KAFKA_FIXTURE_UNAVAILABLE && (registry.there || !also_registry))
        return true;
    print_message("skipped: no java, mvn or network here\n");
    return false;
}

/* ---- verdicts as Avro ------------------------------------------------------------------------------------------------ */

struct judge_desk {
    struct avro_schema *schema;
    struct arena *arena;
    struct buffer json, values[VERDICTS];
    struct json_document *document;
    uint32_t id, count;
};

static void take_case(void *context, const struct json_value *record)
{
    struct judge_desk *desk = context;
    struct error error = {0};
    if (desk->count == VERDICTS)
        return;
    struct json_writer w = json_writer_on(&desk->json);
    buffer_clear(&desk->json);
    json_open_object(&w);
    json_key(&w, "request_id");
    json_put_value(&w, json_get(record, "request_id"));
    json_key(&w, "evaluator");
    json_put_text(&w, BYTES_LITERAL("desk"));
    json_key(&w, "revision");
    json_put_text(&w, BYTES_LITERAL("1"));
    json_key(&w, "echo");
    json_put_value(&w, json_get(record, "echo"));
    json_key(&w, "scores");
    json_put_raw(&w, BYTES_LITERAL("{\"relevance\":4,\"tone\":5}"));
    json_close_object(&w);
    struct buffer *value = &desk->values[desk->count++];
    *value = BUFFER_WITH_LIMIT(1 << 16);
    avro_put_frame(value, desk->id);
    const struct json_value *verdict = json_parse(desk->document, buffer_bytes(&desk->json), 16, &error);
    if (!avro_encode(desk->schema, verdict, desk->arena, value, &error))
        fail_msg("%s", error.message);
}

/* One good verdict for each of the first requests, and one that is cut off. */
static void judge(struct stage *s)
{
    struct error error = {0};
    struct buffer text;
    struct spans verdicts;
    struct judge_desk *desk = calloc(1, sizeof *desk);
    assert_true(schema_file_read("verdict.avsc", &text));
    struct bytes own = buffer_bytes(&text);
    desk->schema = avro_schema_parse(&own, 1, &avro_schema_limits_default, &error);
    desk->arena = arena_create(1 << 20);
    desk->json = BUFFER_WITH_LIMIT(1 << 16);
    desk->document = json_create(1 << 20);
    desk->id = enter("contract-verdicts-value", own);
    (void)outputs_read(s->rig->bus, s->topic[0], "judge_request.avsc", registry.client, take_case, desk);
    spans_open(&verdicts, s->rig->bus, s->rig->setup->config->topic_verdicts, RIG_PARTITIONS);
    verdicts.now_ms = s->spans.now_ms;
    for (uint32_t i = 0; i < desk->count; i++) {
        spans_send_raw(&verdicts, (int32_t)(i % RIG_PARTITIONS), buffer_bytes(&desk->values[i]), BYTES_NONE);
        if (i == 0)
            spans_send_raw(&verdicts, 0, bytes_of(desk->values[0].data, desk->values[0].size - 4), BYTES_NONE);
        buffer_free(&desk->values[i]);
    }
    spans_close(&verdicts);
    wait_metric(s, "assay_rows_total{kind=\"verdict\"}", 2 * VERDICTS);
    wait_metric(s, "assay_dead_letters_total{code=\"bad_verdict\"}", 1);
    assert_int_equal(metric(s, "assay_rows_total{kind=\"verdict\"}"), 2 * VERDICTS);
    assert_int_equal(metric(s, "assay_dead_letters_total{code=\"bad_verdict\"}"), 1);
    avro_schema_destroy(desk->schema);
    arena_destroy(desk->arena);
    json_destroy(desk->document);
    buffer_free(&desk->json);
    buffer_free(&text);
    free(desk);
}

/* ---- scenarios --------------------------------------------------------------------------------------------------------- */

static void send_poison(struct stage *s, uint32_t unfit)
{
    uint8_t frame[5] = {0, (uint8_t)(unfit >> 24), (uint8_t)(unfit >> 16), (uint8_t)(unfit >> 8), (uint8_t)unfit};
    spans_send_raw(&s->spans, 0, BYTES_LITERAL("\0\0\x0f\x42\x3f\x02\x04"), BYTES_NONE); /* 999999: there is none */
    spans_send_raw(&s->spans, 1, bytes_of(frame, sizeof frame), BYTES_NONE);             /* no spans come of it */
    frame[1] = (uint8_t)(s->spans.schema_id >> 24), frame[2] = (uint8_t)(s->spans.schema_id >> 16);
    frame[3] = (uint8_t)(s->spans.schema_id >> 8), frame[4] = (uint8_t)s->spans.schema_id;
    spans_send_raw(&s->spans, 2, bytes_of(frame, sizeof frame), BYTES_NONE); /* cut off */
    spans_send_raw(&s->spans, 3, BYTES_LITERAL("\x02garbage"), BYTES_NONE);  /* names no schema */
}

static void check_letters(struct stage *s, const char *code, uint32_t count)
{
    uint32_t found = outputs_letters(s->rig->bus, s->topic[3], s->rig->app, code);
    if (found != count)
        fail_msg("%u dead letters with code %s, not %u", found, code, count);
}

/* A schema that the engine has not seen, while the registry does not answer. */
static void wait_for_a_schema(struct stage *s, uint32_t later, uint32_t too_late)
{
    uint32_t known = s->spans.schema_id;
    signal_registry("STOP");
    s->spans.schema_id = later;
    s->spans.tenant = true;
    spans_send(&s->spans, 1, CLOSE_MS, 0, 0);
    s->spans.schema_id = known;
    s->spans.tenant = false;
    int64_t sent_ms = rig_now_ms();
    spans_send(&s->spans, 400, CLOSE_MS, 100, -1);
    wait_worked_off(s, 1);
    print_message("three partitions were worked off in %lld ms while the fourth waits\n", (long long)(rig_now_ms() - sent_ms));
    assert_int_equal(behind(s, s->spans.topic, RIG_PARTITIONS), 1);
    signal_registry("CONT");
    wait_worked_off(s, 0);
    check_letters(s, "schema_unavailable", 0);
    signal_registry("STOP"); /* longer than registry.wait */
    s->spans.schema_id = too_late;
    s->spans.tenant = true;
    spans_send(&s->spans, 1, CLOSE_MS, 0, 1);
    s->spans.schema_id = known;
    s->spans.tenant = false;
    spans_send(&s->spans, 40, CLOSE_MS, 100, -1);
    wait_worked_off(s, 0);
    check_letters(s, "schema_unavailable", 1);
    signal_registry("CONT");
    assert_true(metric(s, "assay_schema_waits_total") >= 2);
    assert_true(metric(s, "assay_registry_failures_total") >= 2);
}

static void avro_in_and_out(void **state)
{
    struct stage s;
    uint32_t counts[3];
    (void)state;
    if (!needs(true))
        skip();
    open_stage(&s, "avro", true);
    uint32_t unfit = enter("contract-unfit-value", BYTES_LITERAL("\"int\""));
    uint32_t later = enter("contract-later-value", BYTES_LITERAL(SPANS_SCHEMA("{\"name\":\"tenant\",\"type\":\"string\"},")));
    uint32_t too_late = enter("contract-too-late-value", BYTES_LITERAL(SPANS_SCHEMA("{\"name\":\"customer\",\"type\":\"string\"},")));
    s.spans.schema_id = enter("contract-spans-value", BYTES_LITERAL(SPANS_SCHEMA("")));
    run_history(&s);
    send_poison(&s, unfit);
    s.spans.in_header = true;
    spans_send(&s.spans, 100, STEP_MS, 0, -1);
    s.spans.in_header = false;
    wait_worked_off(&s, 0);
    check_letters(&s, "schema_unknown", 2);
    check_letters(&s, "schema_unfit", 1);
    check_letters(&s, "malformed", 1);
    judge(&s);
    wait_for_a_schema(&s, later, too_late);
    assert_int_equal(metric(&s, "assay_outputs_refused_total"), 0);
    (void)rig_stop(s.rig, 0, 20000);
    read_outputs(&s, registry.client, 1, counts);
    consume("java", s.rig, registry.url, counts);
    consume("python", s.rig, registry.url, counts);
    close_stage(&s);
}

static void json_without_a_registry(void **state)
{
    struct stage s;
    uint32_t counts[3];
    (void)state;
    if (!needs(false))
        skip();
    open_stage(&s, "json", false);
    run_history(&s);
    wait_worked_off(&s, 0);
    (void)rig_stop(s.rig, 0, 20000);
    read_outputs(&s, NULL, 0, counts);
    consume("java", s.rig, "-", counts);
    consume("python", s.rig, "-", counts);
    close_stage(&s);
}

static void a_start_that_the_registry_refuses(void **state)
{
    struct stage s;
    char subject[120];
    (void)state;
    if (!needs(true))
        skip();
    open_stage(&s, "refused", true);
    snprintf(subject, sizeof subject, "%s-value", s.topic[1]);
    (void)enter(subject, BYTES_LITERAL("{\"type\":\"record\",\"name\":\"Score\",\"namespace\":\"io.assay\",\"fields\":[]}"));
    assert_int_equal(run("curl -sf -o /dev/null -X PUT -H 'Content-Type: application/vnd.schemaregistry.v1+json' "
                         "'%s/config/%s' -d '{\"compatibility\":\"BACKWARD\"}'", registry.url, subject), 0);
    rig_start(s.rig, 0, NULL, NULL);
    assert_int_equal(rig_wait(s.rig, 0, 30000), 2);
    assert_true(rig_logged(s.rig, 0, subject));
    assert_true(rig_logged(s.rig, 0, "no field trace_id"));
    close_stage(&s);
}

/* ---- the site ------------------------------------------------------------------------------------------------------------ */

static int open_site(void **state)
{
    (void)state;
    site.broker = "4.4.0";
    if (getenv("ASSAY_BINARY") == NULL)
        (void)setenv("ASSAY_BINARY", ASSAY_BINARY_DIR "/assay", 1);
    site_state = kafka_fixture_start(&site.fixture, NULL);
    snprintf(site.folder, sizeof site.folder, "%s", test_scratch_folder());
    if (site_state == KAFKA_FIXTURE_READY)
        open_registry();
    return site_state == KAFKA_FIXTURE_FAILED ? -1 : 0;
}

static int close_site(void **state)
{
    (void)state;
    schema_registry_stop(registry.client);
    if (registry.there)
        (void)run("'%s/tests/kafka/registry' stop '%s'", ASSAY_SOURCE_DIR, registry.folder);
    if (site_state == KAFKA_FIXTURE_READY)
        kafka_fixture_end(&site.fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(avro_in_and_out),
        cmocka_unit_test(json_without_a_registry),
        cmocka_unit_test(a_start_that_the_registry_refuses),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}
