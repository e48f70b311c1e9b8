/*
 * dialect_rows_test.c - every row of the alias table alone on a span, and whole spans as each dialect
 * writes them: what comes out, in canonical names.
 */
#include "tests/test.h"

#include "engine/base/json.h"
#include "engine/span/canonical_json.h"
#include "engine/span/dialect.h"
#include "engine/span/leaves.h"
#include "tests/span/otlp_build.h"
#include "tests/span/rows.h"

#define LIMIT    ((size_t)1 << 20)
#define START_NS UINT64_C(1795228460000000000) /* 2026-11-21T02:34:20Z */
#define END_NS   (START_NS + UINT64_C(2000000000))

struct bench {
    struct span_batch *batch;
    struct buffer span, request, line;
    struct json_document *document;
};

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->batch = span_batch_create(32);
    b->span = b->request = b->line = BUFFER_WITH_LIMIT(LIMIT);
    b->document = json_create(LIMIT);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    span_batch_destroy(b->batch);
    buffer_free(&b->span);
    buffer_free(&b->request);
    buffer_free(&b->line);
    json_destroy(b->document);
    free(b);
    return 0;
}

static void wrap(struct buffer *request, const char *scope_name, struct bytes spans)
{
    struct buffer scope = BUFFER_WITH_LIMIT(LIMIT), scope_spans = scope, both = scope;
    otlp_put_text_field(&scope, 1, scope_name);
    otlp_put_message(&scope_spans, 1, buffer_bytes(&scope));
    buffer_append(&scope_spans, spans.data, spans.size);
    otlp_put_message(&both, 2, buffer_bytes(&scope_spans));
    otlp_put_message(request, 1, buffer_bytes(&both));
    buffer_free(&scope);
    buffer_free(&scope_spans);
    buffer_free(&both);
}

static void decode(struct bench *b)
{
    struct otlp_cursor cursor;
    span_batch_reset(b->batch);
    b->batch->wanted = rows_all_columns();
    otlp_cursor_start(&cursor, buffer_bytes(&b->request), 0, &otlp_limits_default);
    assert_int_equal(otlp_proto_decode(&cursor, b->batch), DECODE_DONE);
    leaves_settle(b->batch, 0);
    assert_int_equal(cursor.bad_spans, 0);
}

/* The span in b->span, decoded alone. */
static void decode_span(struct bench *b, const char *scope, const char *name)
{
    struct buffer span = BUFFER_WITH_LIMIT(LIMIT), field = span;
    otlp_put_span_core(&span, 1, name, START_NS, END_NS);
    buffer_append(&span, b->span.data, b->span.size);
    otlp_put_message(&field, 2, buffer_bytes(&span));
    buffer_clear(&b->request);
    wrap(&b->request, scope, buffer_bytes(&field));
    buffer_free(&span);
    buffer_free(&field);
    decode(b);
}

static const struct json_value *line_of(struct bench *b, uint32_t row)
{
    buffer_clear(&b->line);
    canonical_json_row(b->batch, row, NULL, &b->line);
    const struct json_value *line = json_parse(b->document, buffer_bytes(&b->line), 8, NULL);
    assert_non_null(line);
    return line;
}

/* ---- every row of the table ------------------------------------------------------------------------------ */

static bool column_filled(const struct span_batch *batch, unsigned column)
{
    const void *values = span_batch_column(batch, column);
    switch (span_column_type(column)) {
    case SPAN_TYPE_bytes:
        return bytes_present(((const struct bytes *)values)[0]);
    case SPAN_TYPE_i64:
        return ((const int64_t *)values)[0] != SPAN_I64_ABSENT;
    default:
        return ((const double *)values)[0] > 0;
    }
}

static const char *value_for(const struct dialect_alias *alias)
{
    switch (alias->transform) {
    case TRANSFORM_TOKENS:
        return "7";
    case TRANSFORM_BOOLEAN:
        return "true";
    case TRANSFORM_SECONDS:
    case TRANSFORM_MILLIS:
    case TRANSFORM_SERVER:
    case TRANSFORM_PRICE:
        return "0.5";
    default:
        return "word";
    }
}

static void every_alias_fills_its_column(void **state)
{
    struct bench *b = *state;
    unsigned tried = 0;
    for (uint32_t i = 0; i < dialect_aliases_count; i++) {
        const struct dialect_alias *alias = &dialect_aliases[i];
        if (alias->span_rank == 0 || alias->column >= SPAN_COLUMN_COUNT)
            continue;
        buffer_clear(&b->span);
        struct buffer status = BUFFER_WITH_LIMIT(64);
        otlp_put_varint_field(&status, 3, 2);
        otlp_put_message(&b->span, 15, buffer_bytes(&status));
        buffer_free(&status);
        otlp_put_text(&b->span, 9, alias->name, value_for(alias));
        decode_span(b, "test", "span");
        if (!column_filled(b->batch, alias->column))
            fail_msg("%s does not fill %s", alias->name, span_column_name(alias->column));
        tried++;
    }
    print_message("%u names\n", tried);
    assert_true(tried > 200);
}

/* Whatever two names of one column stand on a span, in whatever order, the higher rank wins. */
static void higher_ranks_win_in_any_order(void **state)
{
    struct bench *b = *state;
    for (uint32_t i = 0; i < dialect_aliases_count; i++) {
        for (uint32_t j = i + 1; j < dialect_aliases_count; j++) {
            const struct dialect_alias *a = &dialect_aliases[i], *c = &dialect_aliases[j];
            if (a->column != c->column || a->column >= SPAN_COLUMN_COUNT || a->span_rank == 0 ||
                c->span_rank == 0 || a->transform != TRANSFORM_TOKENS ||
                c->transform != TRANSFORM_TOKENS)
                continue;
            for (int turn = 0; turn < 2; turn++) {
                buffer_clear(&b->span);
                otlp_put_integer(&b->span, 9, turn ? c->name : a->name, turn ? 22 : 11);
                otlp_put_integer(&b->span, 9, turn ? a->name : c->name, turn ? 11 : 22);
                decode_span(b, "test", "span");
                const int64_t *column = span_batch_column(b->batch, a->column);
                assert_int_equal(column[0], a->span_rank > c->span_rank ? 11 : 22);
            }
        }
    }
}

/* ---- spans of each dialect ---------------------------------------------------------------------------------- */

struct pair {
    const char *key, *value; /* numbers as text: every count may come so */
};

struct story {
    const char *what, *scope, *name;
    struct pair attributes[16];
    struct pair expected[14]; /* value NULL: absent */
};

static const struct story stories[] = {
    {"OTel 1.26: no operation, prompt_tokens",
     "my.app",
     "chat",
     {{"gen_ai.system", "openai"},
      {"gen_ai.request.model", "gpt-4"},
      {"gen_ai.usage.prompt_tokens", "10"},
      {"gen_ai.usage.completion_tokens", "5"}},
     {{"role", "call"}, {"leaf", "true"}, {"dialect", "otel-genai"}, {"input_tokens", "10"}, {"output_tokens", "5"}}},
    {"OpenInference: model in the parameters, id in the output",
     "openinference.instrumentation.openai",
     "ChatCompletion",
     {{"openinference.span.kind", "LLM"},
      {"llm.provider", "azure"},
      {"llm.model_name", "gpt-4-0613"},
      {"llm.invocation_parameters", "{\"model\": \"gpt-4\", \"temperature\": 0}"},
      {"output.value", "{\"id\":\"chatcmpl-1\",\"choices\":[{\"message\":{\"id\":\"no\"},\"finish_reason\":\"length\"}]}"},
      {"llm.token_count.prompt", "100"},
      {"llm.token_count.prompt_details.cache_write", "40"},
      {"metadata", "{\"user_id\": \"u-1\", \"session_id\": \"s-1\"}"}},
     {{"role", "call"},
      {"provider", "azure.ai.openai"},
      {"request_model", "gpt-4"},
      {"response_model", "gpt-4-0613"},
      {"response_id", "chatcmpl-1"},
      {"finish", "length"},
      {"input_tokens", "100"},
      {"cache_write_tokens", "40"},
      {"session", "s-1"},
      {"user", "u-1"}}},
    {"OpenInference: the output of a chain has no response id",
     "openinference.instrumentation.langchain",
     "RunnableSequence",
     {{"openinference.span.kind", "CHAIN"}, {"output.value", "{\"id\":\"doc-1\",\"model\":\"m\"}"}},
     {{"role", "chain"}, {"response_id", NULL}, {"response_model", NULL}, {"leaf", NULL}}},
    {"OpenInference: a flat tool call",
     "openinference.instrumentation.openai",
     "ChatCompletion",
     {{"openinference.span.kind", "LLM"},
      {"llm.output_messages.0.message.role", "assistant"},
      {"llm.output_messages.0.message.tool_calls.0.tool_call.id", "call_1"},
      {"llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "get_weather"},
      {"llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", "{\"name\":\"no\"}"}},
     {{"role", "call"}, {"tool_name", "get_weather"}, {"tool_call_id", "call_1"}}},
    {"OpenLLMetry 0.40: flat completion",
     "opentelemetry.instrumentation.anthropic",
     "anthropic.chat",
     {{"gen_ai.system", "Anthropic"},
      {"llm.request.type", "chat"},
      {"gen_ai.request.model", "claude-3-opus"},
      {"gen_ai.completion.0.role", "assistant"},
      {"gen_ai.completion.0.finish_reason", "tool_use"},
      {"gen_ai.completion.0.tool_calls.0.id", "toolu_1"},
      {"gen_ai.completion.0.tool_calls.0.name", "search"},
      {"gen_ai.usage.prompt_tokens", "514"}},
     {{"role", "call"},
      {"dialect", "openllmetry"},
      {"operation", "chat"},
      {"provider", "anthropic"},
      {"finish", "tool_calls"},
      {"tool_name", "search"},
      {"tool_call_id", "toolu_1"},
      {"input_tokens", "514"}}},
    {"Langfuse: Anthropic's usage leaves cached tokens out",
     "langfuse-sdk",
     "generation",
     {{"langfuse.observation.type", "generation"},
      {"langfuse.observation.model.name", "claude-sonnet-4"},
      {"langfuse.observation.usage_details",
       "{\"input_tokens\": 100, \"output_tokens\": 7, \"cache_read_input_tokens\": 20, \"cache_creation_input_tokens\": 3}"},
      {"langfuse.observation.cost_details", "{\"input\": 0.1, \"total\": 0.25}"},
      {"langfuse.observation.completion_start_time", "\"2026-11-21T02:34:20.250Z\""},
      {"langfuse.observation.metadata.finish_reason", "\"stop\""}},
     {{"role", "call"},
      {"operation", "chat"},
      {"response_model", "claude-sonnet-4"},
      {"request_model", NULL},
      {"input_tokens", "123"},
      {"cached_tokens", "20"},
      {"cost_usd", "0.25"},
      {"ttft_ms", "250"},
      {"finish", "stop"}}},
    {"Langfuse: OpenAI's usage includes them; the failed call names what was asked for",
     "langfuse-sdk",
     "generation",
     {{"langfuse.observation.type", "generation"},
      {"langfuse.observation.level", "ERROR"},
      {"langfuse.observation.model.name", "gpt-4o"},
      {"langfuse.observation.usage_details",
       "{\"prompt_tokens\": 100, \"prompt_tokens_details\": {\"cached_tokens\": 20}}"}},
     {{"failed", "true"},
      {"request_model", "gpt-4o"},
      {"response_model", NULL},
      {"input_tokens", "100"},
      {"cached_tokens", "20"}}},
    {"LangSmith: retriever runs say embeddings",
     "langsmith",
     "Retriever",
     {{"langsmith.span.kind", "retriever"},
      {"gen_ai.operation.name", "embeddings"},
      {"langsmith.metadata.thread_id", "t-1"}},
     {{"role", "retrieval"}, {"dialect", "langsmith"}, {"leaf", NULL}, {"session", "t-1"}}},
    {"LangSmith: token details",
     "langsmith",
     "ChatOpenAI",
     {{"langsmith.span.kind", "llm"},
      {"gen_ai.usage.input_tokens", "50"},
      {"gen_ai.usage.input_token_details", "{\"cache_read\": 30}"},
      {"gen_ai.usage.output_token_details", "{\"reasoning\": 4}"}},
     {{"role", "call"}, {"input_tokens", "50"}, {"cached_tokens", "30"}, {"reasoning_tokens", "4"}}},
    {"Vercel: text and tools apart",
     "ai",
     "ai.streamText.doStream",
     {{"ai.operationId", "ai.streamText.doStream"},
      {"ai.model.provider", "anthropic.messages"},
      {"ai.response.toolCalls", "[{\"type\":\"tool-call\",\"toolCallId\":\"c1\",\"toolName\":\"find\",\"input\":\"{}\"}]"},
      {"ai.response.finishReason", "tool-calls"},
      {"ai.response.msToFirstChunk", "120"},
      {"ai.usage.inputTokens", "9"}},
     {{"role", "call"}, {"provider", "anthropic"}, {"tool_name", "find"}, {"tool_call_id", "c1"}, {"finish", "tool_calls"}, {"ttft_ms", "120"}}},
    {"Vercel: the parent repeats the tokens and is no leaf",
     "ai",
     "ai.generateText",
     {{"ai.operationId", "ai.generateText"}, {"ai.usage.promptTokens", "9"}},
     {{"role", "workflow"}, {"leaf", NULL}}},
    {"Pydantic AI: the agent's roll-up stays under its own names",
     "pydantic-ai",
     "invoke_agent a",
     {{"gen_ai.operation.name", "invoke_agent"}, {"gen_ai.aggregated_usage.input_tokens", "900"}},
     {{"role", "agent"}, {"input_tokens", NULL}, {"leaf", NULL}}},
    {"Strands: the server's time is milliseconds",
     "strands.telemetry.tracer",
     "chat",
     {{"gen_ai.operation.name", "chat"}, {"gen_ai.system", "strands-agents"}, {"gen_ai.server.time_to_first_token", "2"}},
     {{"role", "call"}, {"provider", NULL}, {"ttft_ms", "2"}}},
    {"OpenLIT: seconds, and none where nothing was streamed",
     "openlit.instrumentation.openai",
     "chat m",
     {{"gen_ai.operation.name", "chat"}, {"gen_ai.request.stream", "false"}, {"gen_ai.server.time_to_first_token", "1"}},
     {{"role", "call"}, {"ttft_ms", NULL}}},
    {"LiteLLM: strings for everything, the raw copy is none",
     "litellm",
     "raw_gen_ai_request",
     {{"llm.openai.id", "chatcmpl-2"}, {"llm.openai.model", "gpt-4o"}},
     {{"role", "call-copy"}, {"leaf", "false"}, {"response_id", "chatcmpl-2"}}},
    {"a self-tracing library has HTTP attributes and is a call",
     "com.anthropic.sdk.python",
     "anthropic.messages.create",
     {{"gen_ai.operation.name", "chat"}, {"http.request.method", "POST"}, {"anthropic.message.stop_reason", "end_turn"}},
     {{"role", "call"}, {"dialect", "otel-genai"}, {"finish", "stop"}}},
    {"HTTP by its attributes", "some.http.client", "POST", {{"http.request.method", "POST"}}, {{"role", "http"}, {"dialect", "http"}, {"leaf", NULL}}},
    {"the seeds' spelling",
     "app",
     "llm",
     {{"genai.system", "openai"}, {"genai.request.model", "m"}, {"genai.usage.input_tokens", "3"}, {"app.intent", "refund"}, {"app.llm.error_class", "timeout"}},
     {{"role", "call"}, {"input_tokens", "3"}, {"intent", "refund"}, {"error_type", "timeout"}, {"failed", "true"}}},
};

static void expect(const struct story *story, const struct json_value *line, const struct pair *want)
{
    const struct json_value *value = json_get(line, want->key);
    double a, b;
    char *end = NULL;
    bool same;
    if (want->value == NULL) {
        same = value == NULL;
    } else if (json_is_text(value)) {
        same = bytes_equal_text(json_text(value), want->value);
    } else if (json_is_number(value)) {
        b = strtod(want->value, &end);
        same = json_real(value, &a) && *end == '\0' && a == b;
    } else {
        same = value != NULL && json_is_true(value) == (strcmp(want->value, "true") == 0);
    }
    if (!same)
        fail_msg("%s: %s is not %s", story->what, want->key, want->value != NULL ? want->value : "absent");
}

static void each_dialect_in_canonical_names(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        const struct story *story = &stories[i];
        buffer_clear(&b->span);
        for (const struct pair *a = story->attributes; a->key != NULL; a++)
            otlp_put_text(&b->span, 9, a->key, a->value);
        decode_span(b, story->scope, story->name);
        const struct json_value *line = line_of(b, 0);
        for (const struct pair *want = story->expected; want->key != NULL; want++)
            expect(story, line, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_alias_fills_its_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(higher_ranks_win_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_dialect_in_canonical_names, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
