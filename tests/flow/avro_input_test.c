/*
 * avro_input_test.c - schemas by id and guid from a registry that answers, refuses, is away and comes back; spans and
 * verdicts read with them; many threads at once.
 */
#include "tests/test.h"

#include "engine/bus/ports.h"
#include "engine/flow/avro_input.h"
#include "tests/bus/registry_server.h"
#include "tests/span/avro_write.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define THREADS 4
#define GUID "0123456789abcdef"

#define SPAN_SCHEMA                                                                                                    \
    "{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"S\\\",\\\"fields\\\":[{\\\"name\\\":\\\"traceId\\\",\\\"type\\\":\\\"string\\\"}," \
    "{\\\"name\\\":\\\"spanId\\\",\\\"type\\\":\\\"string\\\"}]}"
#define VERDICT_SCHEMA                                                                                                 \
    "{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"Answer\\\",\\\"fields\\\":[{\\\"name\\\":\\\"request_id\\\",\\\"type\\\":\\\"string\\\"}," \
    "{\\\"name\\\":\\\"note\\\",\\\"type\\\":[\\\"null\\\",\\\"string\\\"]},"                                                \
    "{\\\"name\\\":\\\"scores\\\",\\\"type\\\":{\\\"type\\\":\\\"map\\\",\\\"values\\\":\\\"int\\\"}},"                          \
    "{\\\"name\\\":\\\"echo\\\",\\\"type\\\":\\\"shop.E\\\"}]}"
#define ECHO_SCHEMA                                                                                                    \
    "{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"shop.E\\\",\\\"fields\\\":[{\\\"name\\\":\\\"app\\\",\\\"type\\\":\\\"string\\\"}]}"

struct play {
    struct registry_server *server;
    struct schema_registry *registry;
    struct avro_input *input;
    atomic_bool away;
};

/* Ids: 1 spans, 2 verdicts with a reference, 3 no spans, 4 no schema at all; the rest there are none of. */
static unsigned answer(void *context, const struct registry_request *request, struct buffer *body)
{
    const struct play *play = context;
    static const char *const plain[][2] = {
        {"/schemas/ids/1", "{\"schema\":\"" SPAN_SCHEMA "\"}"},
        {"/schemas/guids/30313233-3435-3637-3839-616263646566", "{\"schema\":\"" SPAN_SCHEMA "\"}"},
        {"/schemas/ids/2", "{\"schema\":\"" VERDICT_SCHEMA "\",\"references\":[{\"name\":\"E\",\"subject\":\"e\",\"version\":1}]}"},
        {"/subjects/e/versions/1", "{\"schema\":\"" ECHO_SCHEMA "\"}"},
        {"/schemas/ids/3", "{\"schema\":\"\\\"int\\\"\"}"},
        {"/schemas/ids/4", "{\"schema\":\"{{{\"}"},
    };
    if (atomic_load(&play->away))
        return 503;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(request->path, plain[i][0]) == 0) {
            buffer_append_text(body, plain[i][1]);
            return 200;
        }
    buffer_append_text(body, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
    return 404;
}

static void open_play(struct play *play, int64_t wait_ms, bool patient)
{
    struct error error;
    struct schema_registry_options options = schema_registry_options_default;
    *play = (struct play){.server = NULL};
    play->server = registry_server_start(answer, play);
    options.url = registry_server_url(play->server);
    options.retry_min_ms = 5;
    options.retry_max_ms = 20;
    assert_true(schema_registry_start(&options, &play->registry, &error));
    struct avro_input_options own = {.registry = play->registry, .schemas_max = 100, .wait_ms = wait_ms, .patient = patient};
    play->input = avro_input_create(&own, &error);
    assert_non_null(play->input);
}

static void close_play(struct play *play)
{
    avro_input_destroy(play->input);
    schema_registry_stop(play->registry);
    registry_server_stop(play->server);
}

static enum avro_look look(struct play *play, const struct framing *framing, char *reason)
{
    const struct avro_decoder *decoder = avro_input_decoder(play->input);
    return decoder->look(decoder->context, framing, reason);
}

static enum avro_look settle(struct play *play, const struct framing *framing, bool verdict, char *reason)
{
    enum avro_look found;
    int64_t until_ns = clock_monotonic_ns() + (int64_t)10000000000;
    while ((found = verdict ? avro_input_look_verdict(play->input, framing, reason) : look(play, framing, reason)) == AVRO_LOOK_WAIT) {
        assert_true(clock_monotonic_ns() < until_ns);
        schema_registry_await(play->registry, 100);
    }
    return found;
}

/* How many rows, and what is wrong. */
static uint32_t decode(struct play *play, const struct framing *framing, struct otlp_cursor *cursor)
{
    const struct avro_decoder *decoder = avro_input_decoder(play->input);
    struct span_batch *batch = span_batch_create(32);
    otlp_cursor_start(cursor, framing->payload, 7, &otlp_limits_default);
    assert_int_equal(decoder->decode(decoder->context, framing, cursor, batch), DECODE_DONE);
    uint32_t rows = batch->rows;
    if (rows > 0)
        assert_int_equal(batch->origin[0].record, 7);
    span_batch_destroy(batch);
    return rows;
}

static void put_span(struct buffer *out)
{
    avro_put_text(out, "0102030405060708090a0b0c0d0e0f10");
    avro_put_text(out, "1112131415161718");
}

static void spans_by_id_and_guid(void **state)
{
    (void)state;
    struct play play;
    char reason[AVRO_REASON_BYTES];
    struct otlp_cursor cursor;
    struct buffer span = BUFFER_WITH_LIMIT(1000);
    open_play(&play, 10000, false);
    put_span(&span);
    struct framing by_id = {.kind = FRAMING_ID, .id = 1, .payload = buffer_bytes(&span)};
    struct framing by_guid = {.kind = FRAMING_GUID, .guid = BYTES_LITERAL(GUID), .in_header = true, .payload = buffer_bytes(&span)};
    assert_int_equal(look(&play, &by_id, reason), AVRO_LOOK_WAIT);
    uint32_t rows = decode(&play, &by_id, &cursor); /* it may have come meanwhile */
    assert_int_equal(rows, cursor.bad_spans == 0);
    assert_int_equal(settle(&play, &by_id, false, reason), AVRO_LOOK_READY);
    assert_int_equal(decode(&play, &by_id, &cursor), 1);
    assert_int_equal(settle(&play, &by_guid, false, reason), AVRO_LOOK_READY);
    assert_int_equal(decode(&play, &by_guid, &cursor), 1);
    by_id.payload.size -= 3; /* cut off */
    assert_int_equal(decode(&play, &by_id, &cursor), 0);
    assert_int_equal(cursor.bad_spans, 1);
    assert_non_null(cursor.bad_reason);
    buffer_free(&span);
    close_play(&play);
}

static void what_cannot_be_read_has_its_reason(void **state)
{
    (void)state;
    struct play play;
    char reason[AVRO_REASON_BYTES];
    open_play(&play, 10000, false);
    struct framing framing = {.kind = FRAMING_ID, .id = 99};
    assert_int_equal(settle(&play, &framing, false, reason), AVRO_LOOK_UNKNOWN);
    assert_non_null(strstr(reason, "404"));
    framing.id = 3;
    assert_int_equal(settle(&play, &framing, false, reason), AVRO_LOOK_UNFIT);
    assert_non_null(strstr(reason, "trace_id"));
    assert_int_equal(settle(&play, &framing, true, reason), AVRO_LOOK_UNFIT);
    assert_non_null(strstr(reason, "verdict"));
    framing.id = 4;
    assert_int_equal(settle(&play, &framing, false, reason), AVRO_LOOK_UNFIT);
    framing = (struct framing){.kind = FRAMING_NONE};
    assert_int_equal(look(&play, &framing, reason), AVRO_LOOK_UNKNOWN);
    assert_non_null(strstr(reason, "topics.spans_schema"));
    framing.kind = FRAMING_FINGERPRINT;
    assert_int_equal(look(&play, &framing, reason), AVRO_LOOK_UNKNOWN);
    close_play(&play);
}

/* One bound for the whole outage, not one for each id. */
static void an_outage_is_waited_for_once(void **state)
{
    (void)state;
    struct play play;
    char reason[AVRO_REASON_BYTES];
    open_play(&play, 2000, false);
    atomic_store(&play.away, true);
    struct framing framing = {.kind = FRAMING_ID, .id = 1};
    int64_t before_ns = clock_monotonic_ns();
    assert_int_equal(settle(&play, &framing, false, reason), AVRO_LOOK_UNAVAILABLE);
    assert_true(clock_monotonic_ns() - before_ns >= 2000000000);
    assert_non_null(strstr(reason, "503"));
    framing.id = 2; /* asked for the first time now */
    before_ns = clock_monotonic_ns();
    assert_int_equal(settle(&play, &framing, false, reason), AVRO_LOOK_UNAVAILABLE);
    assert_true(clock_monotonic_ns() - before_ns < 1500000000);
    atomic_store(&play.away, false);
    int64_t until_ns = clock_monotonic_ns() + (int64_t)10000000000;
    framing.id = 1;
    while (look(&play, &framing, reason) != AVRO_LOOK_READY) {
        assert_true(clock_monotonic_ns() < until_ns);
        schema_registry_await(play.registry, 100);
    }
    close_play(&play);
}

static void patience_waits_by_itself(void **state)
{
    (void)state;
    struct play play;
    char reason[AVRO_REASON_BYTES];
    struct otlp_cursor cursor;
    struct buffer span = BUFFER_WITH_LIMIT(1000);
    open_play(&play, 10000, true);
    put_span(&span);
    struct framing framing = {.kind = FRAMING_ID, .id = 1, .payload = buffer_bytes(&span)};
    assert_int_equal(decode(&play, &framing, &cursor), 1);
    framing.id = 99;
    assert_int_equal(decode(&play, &framing, &cursor), 0);
    assert_non_null(strstr(cursor.bad_reason, "404"));
    assert_int_equal(look(&play, &framing, reason), AVRO_LOOK_UNKNOWN);
    buffer_free(&span);
    close_play(&play);
}

static void verdicts_become_json(void **state)
{
    (void)state;
    struct play play;
    char reason[AVRO_REASON_BYTES];
    struct error error = {0};
    struct buffer verdict = BUFFER_WITH_LIMIT(1000), json = verdict;
    open_play(&play, 10000, false);
    avro_put_text(&verdict, "r1");
    avro_put_branch_text(&verdict, 1, "nobody reads this");
    buffer_put_zigzag(&verdict, 2);
    avro_put_text(&verdict, "tone");
    buffer_put_zigzag(&verdict, 4);
    avro_put_text(&verdict, "a\"b");
    buffer_put_zigzag(&verdict, 5);
    buffer_put_zigzag(&verdict, 0);
    avro_put_text(&verdict, "checkout");
    struct framing framing = {.kind = FRAMING_ID, .id = 2, .payload = buffer_bytes(&verdict)};
    assert_int_equal(settle(&play, &framing, true, reason), AVRO_LOOK_READY);
    if (!avro_input_verdict(play.input, &framing, &json, &error))
        fail_msg("%s", error.message);
    buffer_put_u8(&json, 0);
    assert_string_equal((const char *)json.data, "{\"request_id\":\"r1\",\"scores\":{\"tone\":4.0,\"a\\\"b\":5.0},\"echo\":{\"app\":\"checkout\"}}");
    framing.payload.size--;
    assert_false(avro_input_verdict(play.input, &framing, &json, &error));
    assert_non_null(strstr(error.message, "byte "));
    buffer_free(&verdict);
    buffer_free(&json);
    close_play(&play);
}

static void a_local_schema_reads_everything_without_a_registry(void **state)
{
    (void)state;
    struct error error = {0};
    struct otlp_cursor cursor;
    struct buffer span = BUFFER_WITH_LIMIT(1000);
    put_span(&span);
    struct avro_input_options options = {
        .local = BYTES_LITERAL("{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"trace_id\",\"type\":\"string\"},"
                               "{\"name\":\"span_id\",\"type\":\"string\"}]}"),
        .schemas_max = 10};
    struct play play = {.input = avro_input_create(&options, &error)};
    assert_non_null(play.input);
    struct framing framing = {.kind = FRAMING_ID, .id = 17, .payload = buffer_bytes(&span)};
    assert_int_equal(decode(&play, &framing, &cursor), 1);
    framing.kind = FRAMING_NONE;
    assert_int_equal(decode(&play, &framing, &cursor), 1);
    avro_input_destroy(play.input);
    options.local = BYTES_LITERAL("\"int\"");
    assert_null(avro_input_create(&options, &error));
    buffer_free(&span);
}

static void *read_much(void *context)
{
    struct play *play = context;
    char reason[AVRO_REASON_BYTES];
    struct otlp_cursor cursor;
    struct buffer span = BUFFER_WITH_LIMIT(1000);
    put_span(&span);
    for (uint32_t i = 0; i < 3000; i++) {
        struct framing framing = {.kind = FRAMING_ID, .id = 1 + i % 40, .payload = buffer_bytes(&span)};
        bool verdict = i % 3 == 0;
        enum avro_look found = verdict ? avro_input_look_verdict(play->input, &framing, reason) : look(play, &framing, reason);
        if (found == AVRO_LOOK_READY && !verdict && framing.id == 1)
            assert_int_equal(decode(play, &framing, &cursor), 1);
        if (found == AVRO_LOOK_READY)
            assert_true(framing.id <= 2);
    }
    buffer_free(&span);
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    struct play play;
    pthread_t threads[THREADS];
    open_play(&play, 10000, false);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_much, &play), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    close_play(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_by_id_and_guid),
        cmocka_unit_test(what_cannot_be_read_has_its_reason),
        cmocka_unit_test(an_outage_is_waited_for_once),
        cmocka_unit_test(patience_waits_by_itself),
        cmocka_unit_test(verdicts_become_json),
        cmocka_unit_test(a_local_schema_reads_everything_without_a_registry),
        cmocka_unit_test(many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
