/*
 * leaves_test.c - several spans about one call, events, and evaluations: who is the leaf, what events add,
 * which score rows appear, whatever the batch's size.
 */
#include "tests/test.h"

#include "engine/span/content.h"
#include "engine/span/dialect.h"
#include "engine/span/leaves.h"
#include "tests/span/expect.h"
#include "tests/span/otlp_build.h"
#include "tests/span/rows.h"

#define LIMIT    ((size_t)1 << 20)
#define START_NS UINT64_C(1795228460000000000)

/* ---- spans and their parents -------------------------------------------------------------------------------- */

struct node {
    uint8_t id, parent; /* 0: none */
    const char *operation, *response_id;
    bool tokens, client;
    const char *role; /* expected */
    int leaf;         /* -1: absent */
};

static void put_id(struct buffer *span, uint32_t field, uint8_t id, size_t size)
{
    uint8_t bytes[16] = {0};
    bytes[0] = id;
    bytes[size - 1] = 1;
    otlp_put_message(span, field, bytes_of(bytes, id == 0 ? 0 : size));
}

static void put_node(struct buffer *scope_spans, const struct node *node)
{
    struct buffer span = BUFFER_WITH_LIMIT(LIMIT);
    put_id(&span, 1, 9, 16);
    put_id(&span, 2, node->id, 8);
    put_id(&span, 4, node->parent, 8);
    otlp_put_text_field(&span, 5, node->operation);
    otlp_put_text(&span, 9, "gen_ai.operation.name", node->operation);
    if (node->response_id != NULL)
        otlp_put_text(&span, 9, "gen_ai.response.id", node->response_id);
    if (node->tokens)
        otlp_put_integer(&span, 9, "gen_ai.usage.input_tokens", 5);
    otlp_put_message(scope_spans, 2, buffer_bytes(&span));
    buffer_free(&span);
}

static void put_scope(struct buffer *resource_spans, const struct node *nodes, size_t count, bool client)
{
    struct buffer scope_spans = BUFFER_WITH_LIMIT(LIMIT), scope = scope_spans;
    otlp_put_text_field(&scope, 1, client ? "com.anthropic.sdk.python" : "app");
    otlp_put_message(&scope_spans, 1, buffer_bytes(&scope));
    for (size_t i = 0; i < count; i++)
        if (nodes[i].client == client)
            put_node(&scope_spans, &nodes[i]);
    otlp_put_message(resource_spans, 2, buffer_bytes(&scope_spans));
    buffer_free(&scope_spans);
    buffer_free(&scope);
}

static void decode(struct buffer *resource_spans, struct span_batch *batch, struct buffer *request)
{
    struct otlp_cursor cursor;
    buffer_clear(request);
    otlp_put_message(request, 1, buffer_bytes(resource_spans));
    span_batch_reset(batch);
    batch->wanted = rows_all_columns();
    otlp_cursor_start(&cursor, buffer_bytes(request), 0, &otlp_limits_default);
    assert_int_equal(otlp_proto_decode(&cursor, batch), DECODE_DONE);
    leaves_settle(batch, 0);
    assert_int_equal(cursor.bad_spans, 0);
}

static void check_nodes(const char *what, const struct node *nodes, size_t count)
{
    struct buffer resource_spans = BUFFER_WITH_LIMIT(LIMIT), request = resource_spans;
    struct span_batch *batch = span_batch_create(64);
    put_scope(&resource_spans, nodes, count, false);
    put_scope(&resource_spans, nodes, count, true);
    decode(&resource_spans, batch, &request);
    assert_int_equal(batch->rows, count);
    for (uint32_t row = 0; row < batch->rows; row++) {
        size_t i = 0;
        while (nodes[i].id != batch->span_id[row].data[0])
            i++;
        const char *role = span_role_name((enum span_role)batch->role[row]);
        int64_t leaf = nodes[i].leaf < 0 ? SPAN_I64_ABSENT : nodes[i].leaf;
        if (strcmp(role, nodes[i].role) != 0 || batch->leaf[row] != leaf)
            fail_msg("%s: span %u is %s, leaf %lld", what, nodes[i].id, role, (long long)batch->leaf[row]);
    }
    span_batch_destroy(batch);
    buffer_free(&resource_spans);
    buffer_free(&request);
}

#define CHECK_NODES(what, ...)                                                                     \
    do {                                                                                           \
        static const struct node nodes[] = {__VA_ARGS__};                                          \
        check_nodes(what, nodes, sizeof nodes / sizeof *nodes);                                    \
    } while (0)

static void one_call_has_one_leaf(void **state)
{
    (void)state;
    CHECK_NODES("the library below the instrumentation", {1, 0, "chat", "r", true, false, "call", 0},
                {2, 1, "chat", "r", true, true, "call", 1});
    CHECK_NODES("the library in a trace of its own", {1, 0, "chat", "r", true, false, "call", 0},
                {2, 0, "chat", "r", true, true, "call", 1});
    CHECK_NODES("another call's library span", {1, 0, "chat", "r", true, false, "call", 1},
                {2, 0, "chat", "s", true, true, "call", 1});
    CHECK_NODES("only the outer one has tokens", {1, 0, "chat", NULL, true, false, "call", 1},
                {2, 1, "chat", NULL, false, false, "call-copy", 0});
    CHECK_NODES("none has tokens", {1, 0, "chat", NULL, false, false, "call", 0},
                {2, 1, "chat", NULL, false, false, "call", 1});
    CHECK_NODES("three deep", {1, 0, "chat", NULL, true, false, "call", 0},
                {2, 1, "chat", NULL, false, false, "call", 0}, {3, 2, "chat", NULL, true, false, "call", 1});
    CHECK_NODES("through a step", {1, 0, "chat", NULL, true, false, "call", 0},
                {2, 1, "execute_task", NULL, false, false, "task", -1},
                {3, 2, "chat", NULL, true, false, "call", 1});
    CHECK_NODES("a tool's own call is another call", {1, 0, "chat", NULL, true, false, "call", 1},
                {2, 1, "execute_tool", NULL, false, false, "tool", -1},
                {3, 2, "chat", NULL, true, false, "call", 1});
    CHECK_NODES("calls of an agent", {1, 0, "invoke_agent", NULL, true, false, "agent", -1},
                {2, 1, "chat", NULL, true, false, "call", 1}, {3, 1, "chat", NULL, true, false, "call", 1});
    CHECK_NODES("embeddings", {1, 0, "embeddings", NULL, true, false, "embeddings", 0},
                {2, 1, "embeddings", NULL, true, false, "embeddings", 1});
    CHECK_NODES("spans that are their own parents", {1, 1, "chat", NULL, true, false, "call", 0},
                {2, 3, "chat", NULL, true, false, "call", 0}, {3, 2, "chat", NULL, true, false, "call", 0});
}

/* ---- events ------------------------------------------------------------------------------------------------- */

static void put_event(struct buffer *span, uint64_t time_ns, const char *name, const char *const *pairs)
{
    struct buffer event = BUFFER_WITH_LIMIT(LIMIT);
    for (; *pairs != NULL; pairs += 2)
        otlp_put_text(&event, 3, pairs[0], pairs[1]);
    otlp_put_text_field(&event, 2, name); /* back to front, as the Collector writes */
    otlp_put_fixed64_field(&event, 1, time_ns);
    otlp_put_message(span, 11, buffer_bytes(&event));
    buffer_free(&event);
}

#define EVENT(span, time, name, ...) put_event(span, time, name, (const char *const[]){__VA_ARGS__, NULL, NULL})

static void decode_events(struct buffer *span, struct span_batch *batch, struct buffer *request,
                          const char *operation)
{
    struct buffer scope_spans = BUFFER_WITH_LIMIT(LIMIT), resource_spans = scope_spans, whole = scope_spans;
    otlp_put_span_core(&whole, 1, "span", START_NS, START_NS + 2000000000u);
    otlp_put_text(&whole, 9, "gen_ai.operation.name", operation);
    buffer_append(&whole, span->data, span->size);
    otlp_put_message(&scope_spans, 2, buffer_bytes(&whole));
    otlp_put_message(&resource_spans, 2, buffer_bytes(&scope_spans));
    decode(&resource_spans, batch, request);
    buffer_free(&scope_spans);
    buffer_free(&resource_spans);
    buffer_free(&whole);
}

/* ---- records and batches ------------------------------------------------------------------------------------- */

#define LONG_SPANS    5000u
#define PARENT_BEFORE 2000u /* a span's parent stands so many before it */

static void put_long_record(struct buffer *request)
{
    struct buffer resource_spans = BUFFER_WITH_LIMIT(LIMIT), scope_spans = resource_spans, span = resource_spans;
    for (uint32_t i = 0; i < LONG_SPANS; i++) {
        uint32_t id[4] = {i + 1, 1, 0, 0}, parent[2] = {i + 1 - PARENT_BEFORE, 1};
        buffer_clear(&span);
        otlp_put_message(&span, 1, BYTES_LITERAL("0123456789abcdef"));
        otlp_put_message(&span, 2, bytes_of((uint8_t *)id, 8));
        if (i >= PARENT_BEFORE)
            otlp_put_message(&span, 4, bytes_of((uint8_t *)parent, 8));
        otlp_put_text(&span, 9, "gen_ai.operation.name", "chat");
        otlp_put_integer(&span, 9, "gen_ai.usage.input_tokens", 5);
        otlp_put_message(&scope_spans, 2, buffer_bytes(&span));
    }
    otlp_put_message(&resource_spans, 2, buffer_bytes(&scope_spans));
    otlp_put_message(request, 1, buffer_bytes(&resource_spans));
    buffer_free(&span);
    buffer_free(&scope_spans);
    buffer_free(&resource_spans);
}

/* Roles of the record's spans, in a batch of this size that holds rows of another record already. */
static void roles_of_long_record(struct bytes request, uint32_t capacity, bool others, uint8_t roles[LONG_SPANS])
{
    static const struct encoding_options options = {ENCODING_OTLP_PROTO, SIGNAL_SPANS, &otlp_limits_default, NULL};
    struct span_batch *batch = span_batch_create(capacity);
    struct encoded_record record;
    batch->wanted = rows_all_columns();
    if (others)
        span_batch_add(batch, ROW_VERDICT, (struct row_origin){0, 0});
    encoding_start(&record, request, BYTES_NONE, 1, &options);
    uint32_t spans = 0, parts = 0;
    for (enum decode_result result = DECODE_MORE; result == DECODE_MORE; parts++) {
        result = encoding_decode(&record, batch);
        for (uint32_t row = 0; row < batch->rows; row++)
            if (batch->kind[row] == ROW_SPAN)
                roles[spans++] = (uint8_t)batch->role[row];
        span_batch_reset(batch);
    }
    assert_int_equal(spans, LONG_SPANS);
    assert_int_equal(parts, 2);
    span_batch_destroy(batch);
}

static void roles_do_not_depend_on_the_batch(void **state)
{
    (void)state;
    static uint8_t alone[LONG_SPANS], among[LONG_SPANS];
    struct buffer request = BUFFER_WITH_LIMIT(LIMIT);
    put_long_record(&request);
    roles_of_long_record(buffer_bytes(&request), 8192, false, alone);
    for (uint32_t i = 0; i < 4096; i++)
        assert_int_equal(alone[i], i < 4096 - PARENT_BEFORE ? ROLE_CALL_AROUND : ROLE_CALL);
    for (uint32_t capacity = 2; capacity < 5000; capacity = capacity * 3 + 1) {
        roles_of_long_record(buffer_bytes(&request), capacity, true, among);
        assert_memory_equal(alone, among, sizeof alone);
    }
    buffer_free(&request);
}

static void events_tell_what_attributes_do_not(void **state)
{
    (void)state;
    struct span_batch *batch = span_batch_create(8);
    struct buffer span = BUFFER_WITH_LIMIT(LIMIT), request = span;
    EVENT(&span, START_NS + 300000000u, "gen_ai.content.completion.chunk", "x", "y");
    EVENT(&span, START_NS + 200000000u, "First Token Stream Event", "x", "y");
    EVENT(&span, START_NS, "gen_ai.user.message", "content", "[{\"text\": \"hi\"}]");
    EVENT(&span, START_NS, "gen_ai.choice", "message", "hello", "finish_reason", "end_turn");
    EVENT(&span, START_NS, "gen_ai.choice", "message", "second", "finish_reason", "length");
    EVENT(&span, START_NS, "exception", "exception.type", "ValueError");
    decode_events(&span, batch, &request, "chat");
    assert_int_equal(batch->ttft_ns[0], 200000000);
    expect_text(batch->finish_reason[0], "end_turn");
    expect_text(batch->input_messages[0],
                "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":[{\"text\": \"hi\"}]}]}]");
    expect_text(batch->error_type[0], NULL); /* the span went well */
    struct json_document *document = json_create(LIMIT);
    struct answer answer = content_answer(batch->output_messages[0], document, batch->arena);
    assert_int_equal(answer.kind, ANSWER_TEXT);
    expect_text(answer.text, "hello");
    json_destroy(document);
    /* the span's own attributes are worth more, and a failed span believes its exception */
    otlp_put_real(&span, 9, "gen_ai.response.time_to_first_chunk", 0.1);
    otlp_put_text(&span, 9, "gen_ai.output.messages", "said");
    struct buffer status = BUFFER_WITH_LIMIT(64);
    otlp_put_varint_field(&status, 3, 2);
    otlp_put_message(&span, 15, buffer_bytes(&status));
    decode_events(&span, batch, &request, "chat");
    assert_int_equal(batch->ttft_ns[0], 100000000);
    expect_text(batch->output_messages[0], "said");
    expect_text(batch->error_type[0], "ValueError");
    buffer_clear(&span);
    EVENT(&span, START_NS, "gen_ai.tool.message", "role", "tool", "content", "{\"city\":1}", "id", "c");
    EVENT(&span, START_NS, "gen_ai.choice", "message", "[{\"text\":\"rain\"}]", "id", "c");
    EVENT(&span, START_NS, "db.query.result", "db.query.result.id", "d1", "db.query.result.score", "0.5");
    decode_events(&span, batch, &request, "execute_tool");
    expect_text(batch->tool_arguments[0], "{\"city\":1}");
    expect_text(batch->tool_result[0], "[{\"text\":\"rain\"}]");
    expect_text(batch->retrieval_documents[0], "[{\"id\":\"d1\",\"score\":\"0.5\"}]");
    buffer_free(&status);
    buffer_free(&span);
    buffer_free(&request);
    span_batch_destroy(batch);
}

/* ---- evaluations -------------------------------------------------------------------------------------------- */

static void evaluations_become_rows_in_batches_of_any_size(void **state)
{
    (void)state;
    struct buffer span = BUFFER_WITH_LIMIT(LIMIT), request = span;
    struct span_batch *batch = span_batch_create(8);
    otlp_put_real(&span, 9, "quality.score.relevance", 4.5);
    otlp_put_text(&span, 9, "quality.score.tone", "nice"); /* no number: no score */
    otlp_put_text(&span, 9, "annotations.0.annotation.name", "toxic");
    otlp_put_real(&span, 9, "annotations.0.annotation.score", 1);
    otlp_put_text(&span, 9, "annotations.0.annotation.identifier", "judge-2");
    EVENT(&span, START_NS, "gen_ai.evaluation.result", "gen_ai.evaluation.name", "faithful",
          "gen_ai.evaluation.score.value", "3");
    decode_events(&span, batch, &request, "chat");
    static const struct {
        const char *name, *evaluator;
        double score;
    } rows[] = {{"toxic", "judge-2", 1}, {"relevance", "relevance", 4.5}, {"faithful", "faithful", 3}};
    assert_int_equal(batch->rows, 4);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(batch->kind[i + 1], ROW_VERDICT);
        expect_text(batch->dimension[i + 1], rows[i].name);
        expect_text(batch->evaluator[i + 1], rows[i].evaluator);
        assert_true(batch->score[i + 1] == rows[i].score);
        assert_true(bytes_equal(batch->trace_id[i + 1], batch->trace_id[0]));
        assert_int_equal(batch->request_id[i + 1].size, 24);
        assert_int_equal(batch->role[i + 1], SPAN_I64_ABSENT);
    }
    struct buffer whole = BUFFER_WITH_LIMIT(LIMIT), parts = whole;
    struct otlp_cursor cursor;
    rows_dump(buffer_bytes(&request), 8, NULL, &cursor, &whole);
    for (uint32_t capacity = 1; capacity < 5; capacity++) {
        buffer_clear(&parts);
        rows_dump(buffer_bytes(&request), capacity, NULL, &cursor, &parts);
        assert_string_equal((char *)parts.data, (char *)whole.data);
        assert_int_equal(cursor.state.spans, 1);
    }
    buffer_free(&whole);
    buffer_free(&parts);
    buffer_free(&span);
    buffer_free(&request);
    span_batch_destroy(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_has_one_leaf),
        cmocka_unit_test(roles_do_not_depend_on_the_batch),
        cmocka_unit_test(events_tell_what_attributes_do_not),
        cmocka_unit_test(evaluations_become_rows_in_batches_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
