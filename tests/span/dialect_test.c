/* dialect_test.c - the alias table: every name is found, near names are not; scopes, roles, finish reasons. */
#include "tests/test.h"

#include "engine/span/content.h"
#include "engine/span/dialect.h"

static void every_name_is_found(void **state)
{
    (void)state;
    assert_true(dialect_aliases_count > 80);
    for (uint32_t i = 0; i < dialect_aliases_count; i++) {
        const struct dialect_alias *alias = &dialect_aliases[i];
        const struct dialect_alias *found =
            alias->transform == TRANSFORM_SCOPE
                ? dialect_find_in(dialect_scope_slots, dialect_scope_hash_seed,
                                  (const uint8_t *)alias->name, alias->size)
                : dialect_find((const uint8_t *)alias->name, alias->size);
        assert_ptr_equal(found, alias);
        assert_int_equal(strlen(alias->name), alias->size);
    }
}

/* Any one byte changed, dropped or added makes another name (unless that one is known too). */
static void near_names_are_not_found(void **state)
{
    (void)state;
    uint8_t name[DIALECT_NAME_MAX + 1];
    for (uint32_t i = 0; i < dialect_aliases_count; i++) {
        const struct dialect_alias *alias = &dialect_aliases[i];
        for (size_t at = 0; at < alias->size; at++) {
            for (unsigned change = 1; change < 256; change++) {
                memcpy(name, alias->name, alias->size);
                name[at] = (uint8_t)(name[at] ^ change);
                const struct dialect_alias *found = dialect_find(name, alias->size);
                if (found != NULL)
                    assert_memory_equal(found->name, name, alias->size);
            }
        }
        memcpy(name, alias->name, alias->size);
        name[alias->size] = 'x';
        const struct dialect_alias *longer = dialect_find(name, alias->size + 1u);
        assert_true(longer == NULL || longer->size == alias->size + 1);
        const struct dialect_alias *shorter = dialect_find(name, alias->size - 1u);
        assert_true(shorter == NULL || shorter->size == alias->size - 1);
    }
    assert_null(dialect_find(name, 0));
}

static const struct dialect_alias *alias_of(const char *name)
{
    const struct dialect_alias *alias = dialect_find((const uint8_t *)name, strlen(name));
    assert_non_null(alias);
    return alias;
}

static void newer_names_outrank_older_ones(void **state)
{
    (void)state;
    static const char *const chains[][4] = {
        {"gen_ai.provider.name", "gen_ai.system", "genai.system"},
        {"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"},
        {"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"},
        {"gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"},
        {"gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk"},
        {"gen_ai.conversation.id", "session.id"},
        {"deployment.environment.name", "deployment.environment"},
        {"assay.intent", "app.intent", "intent"},
        {"gen_ai.prompt.version", "genai.prompt.version", "prompt.version"},
        {"gen_ai.prompt.hash", "genai.prompt.hash", "prompt_hash"},
        {"gen_ai.output.messages", "gen_ai.completion"},
        {"gen_ai.output.type", "gen_ai.openai.request.response_format"},
    };
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        for (size_t j = 1; j < 4 && chains[i][j] != NULL; j++) {
            assert_int_equal(alias_of(chains[i][j])->column, alias_of(chains[i][j - 1])->column);
            assert_true(alias_of(chains[i][j])->span_rank < alias_of(chains[i][j - 1])->span_rank);
        }
    }
    assert_int_equal(alias_of("service.name")->span_rank, 0);
    assert_int_equal(alias_of("gen_ai.system")->rank, 0);
}

static void scopes_by_whole_parts(void **state)
{
    (void)state;
    static const struct {
        const char *scope;
        enum dialect dialect;
    } cases[] = {
        {"openinference.instrumentation.openai", DIALECT_OPENINFERENCE},
        {"openinference.instrumentation", DIALECT_OPENINFERENCE},
        {"openinference.instrumentationx", DIALECT_UNKNOWN},
        {"opentelemetry.instrumentation.openai.v1", DIALECT_OPENLLMETRY},
        {"opentelemetry.instrumentation.openai_v2", DIALECT_UNKNOWN},
        {"opentelemetry.instrumentation.genai.openai", DIALECT_UNKNOWN},
        {"opentelemetry.instrumentation.httpx", DIALECT_HTTP},
        {"ai", DIALECT_VERCEL_AI},
        {"aix", DIALECT_UNKNOWN},
        {"my.ai", DIALECT_UNKNOWN},
        {"gen_ai.system", DIALECT_VERCEL_AI}, /* below "gen_ai"; attributes are no scopes */
        {"com.anthropic.sdk.python", DIALECT_CLIENT},
        {"logfire.openai", DIALECT_LOGFIRE},
        {"", DIALECT_UNKNOWN},
        {".", DIALECT_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(dialect_of_scope(bytes_from_text(cases[i].scope)), cases[i].dialect);
    assert_int_equal(dialect_of_scope(BYTES_NONE), DIALECT_UNKNOWN);
}

static void dialect_of_what_a_span_says(void **state)
{
    (void)state;
    assert_int_equal(dialect_decide(0, DIALECT_UNKNOWN, DIALECT_UNKNOWN), DIALECT_UNKNOWN);
    assert_int_equal(dialect_decide(GENERATION_ANY, DIALECT_UNKNOWN, DIALECT_UNKNOWN),
                     DIALECT_OTEL_GENAI);
    assert_int_equal(
        dialect_decide(GENERATION_ANY | GENERATION_OLD, DIALECT_UNKNOWN, DIALECT_UNKNOWN),
        DIALECT_OTEL_GENAI_OLD);
    assert_int_equal(
        dialect_decide(GENERATION_NEW | GENERATION_OLD, DIALECT_UNKNOWN, DIALECT_UNKNOWN),
        DIALECT_OTEL_GENAI);
    assert_int_equal(dialect_decide(GENERATION_NEW, DIALECT_OPENINFERENCE, DIALECT_UNKNOWN),
                     DIALECT_OPENINFERENCE);
    assert_int_equal(dialect_decide(GENERATION_NEW, DIALECT_OPENINFERENCE, DIALECT_STRANDS),
                     DIALECT_STRANDS);
    assert_string_equal(dialect_name(DIALECT_OTEL_GENAI_OLD), "otel-genai");
    for (unsigned dialect = 0; dialect < DIALECT_COUNT; dialect++)
        assert_non_null(dialect_name(dialect));
}

static enum span_role role_of(enum dialect dialect, enum dialect kind_of, const char *kind,
                              const char *operation, const char *name, struct bytes *said)
{
    const struct dialect_claim claim = {.dialect = dialect,
                                        .kind_of = kind_of,
                                        .kind = bytes_from_text(kind),
                                        .operation = bytes_from_text(operation),
                                        .name = bytes_from_text(name)};
    *said = claim.operation;
    return dialect_role(&claim, said);
}

static void roles_of_operations(void **state)
{
    (void)state;
    static const struct {
        enum dialect dialect, kind_of;
        const char *kind, *operation, *name;
        enum span_role role;
        const char *said;
    } cases[] = {
        {DIALECT_OTEL_GENAI, 0, "", "chat", "", ROLE_CALL, "chat"},
        {DIALECT_OTEL_GENAI, 0, "", "generate_content", "", ROLE_CALL, "generate_content"},
        {DIALECT_OTEL_GENAI_OLD, 0, "", "text_completion", "", ROLE_CALL, "text_completion"},
        {DIALECT_OTEL_GENAI, 0, "", "embeddings", "", ROLE_EMBEDDINGS, "embeddings"},
        {DIALECT_OTEL_GENAI, 0, "", "execute_tool", "", ROLE_TOOL, "execute_tool"},
        {DIALECT_OTEL_GENAI, 0, "", "retrieval", "", ROLE_RETRIEVAL, "retrieval"},
        {DIALECT_OTEL_GENAI, 0, "", "invoke_agent", "", ROLE_AGENT, "invoke_agent"},
        {DIALECT_OTEL_GENAI, 0, "", "invoke_workflow", "", ROLE_WORKFLOW, "invoke_workflow"},
        {DIALECT_OTEL_GENAI, 0, "", "Chat", "", ROLE_OTHER, "Chat"},
        {DIALECT_OTEL_GENAI, 0, "", "", "", ROLE_OTHER, ""},
        {DIALECT_STRANDS, 0, "", "chat", "", ROLE_CALL, "chat"},
        {DIALECT_STRANDS, 0, "", "execute_event_loop_cycle", "", ROLE_TASK, "execute_event_loop_cycle"},
        {DIALECT_HTTP, 0, "", "", "", ROLE_HTTP, ""},
        {DIALECT_UNKNOWN, 0, "", "", "", ROLE_OTHER, ""},
        {DIALECT_LITELLM, 0, "", "chat", "litellm_request", ROLE_CALL, "chat"},
        {DIALECT_LITELLM, 0, "", "", "raw_gen_ai_request", ROLE_CALL_COPY, ""},
        {DIALECT_OTEL_GENAI, 0, "", "", "raw_gen_ai_request", ROLE_OTHER, ""},
        {DIALECT_OPENLLMETRY, 0, "", "", "chroma.query", ROLE_RETRIEVAL, ""},
#define OLM DIALECT_OPENLLMETRY, DIALECT_OPENLLMETRY
        {OLM, "workflow", "invoke_agent", "", ROLE_WORKFLOW, "invoke_agent"},
        {OLM, "task", "vector_db_retrieve", "", ROLE_RETRIEVAL, "vector_db_retrieve"},
        {OLM, "task", "execute_task", "", ROLE_TASK, "execute_task"},
        {OLM, "agent", "", "", ROLE_AGENT, "invoke_agent"},
        {OLM, "tool", "", "", ROLE_TOOL, "execute_tool"},
        {DIALECT_OPENLLMETRY, DIALECT_OPENLLMETRY_OLD, "completion", "", "", ROLE_CALL, "text_completion"},
        {DIALECT_OPENLLMETRY, DIALECT_OPENLLMETRY_OLD, "rerank", "", "", ROLE_RETRIEVAL, "rerank"},
#define OI DIALECT_OPENINFERENCE, DIALECT_OPENINFERENCE
        {OI, "LLM", "", "", ROLE_CALL, "chat"},
        {OI, "EMBEDDING", "", "", ROLE_EMBEDDINGS, "embeddings"},
        {OI, "CHAIN", "chat", "", ROLE_CHAIN, "chat"},
        {OI, "RERANKER", "", "", ROLE_RETRIEVAL, "rerank"},
        {OI, "PROMPT", "", "", ROLE_OTHER, ""},
        {OI, "SOMETHING", "chat", "", ROLE_CALL, "chat"},
#define LF DIALECT_LANGFUSE, DIALECT_LANGFUSE
        {LF, "generation", "", "", ROLE_CALL, "chat"},
        {LF, "span", "", "", ROLE_TASK, ""},
        {LF, "span", "chat", "", ROLE_CALL, "chat"},
        {LF, "retriever", "", "", ROLE_RETRIEVAL, "retrieval"},
#define LS DIALECT_LANGSMITH, DIALECT_LANGSMITH
        {LS, "prompt", "chat", "", ROLE_OTHER, "chat"},
        {LS, "retriever", "embeddings", "", ROLE_RETRIEVAL, "embeddings"},
        {LS, "llm", "chat", "", ROLE_CALL, "chat"},
#define AI DIALECT_VERCEL_AI, DIALECT_VERCEL_AI
        {AI, "ai.generateText", "", "", ROLE_WORKFLOW, ""},
        {AI, "ai.generateText.doGenerate", "", "", ROLE_CALL, "chat"},
        {AI, "ai.embedMany.doEmbed", "", "", ROLE_EMBEDDINGS, "embeddings"},
        {AI, "ai.toolCall", "", "", ROLE_TOOL, "execute_tool"},
        {DIALECT_LOGFIRE, DIALECT_LOGFIRE, "log", "chat", "", ROLE_CALL_ADDENDUM, "chat"},
        {DIALECT_LOGFIRE, DIALECT_LOGFIRE, "log", "", "", ROLE_OTHER, ""},
        {DIALECT_LOGFIRE, DIALECT_LOGFIRE, "span", "chat", "", ROLE_CALL, "chat"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes said;
        enum span_role role = role_of(cases[i].dialect, cases[i].kind_of, cases[i].kind,
                                      cases[i].operation, cases[i].name, &said);
        if (role != cases[i].role || !bytes_equal_text(said, cases[i].said))
            fail_msg("case %zu (%s, %s): %s, %.*s", i, cases[i].kind, cases[i].operation,
                     span_role_name(role), BYTES_FMT(said));
    }
}

static void vendors_in_one_spelling(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"openai", "openai"},          {"OpenAI", "openai"},         {"openai.chat", "openai"},
        {"openai.responses", "openai"}, {"Anthropic", "anthropic"},  {"az.ai.openai", "azure.ai.openai"},
        {"vertex_ai", "gcp.vertex_ai"}, {"MistralAI", "mistral_ai"}, {"amazon-bedrock", "aws.bedrock"},
        {"google.generative-ai.chat", "gcp.gemini"},                 {"acme", "acme"},
        {"strands-agents", NULL},      {"Langchain", NULL},          {"InMemoryVectorStore", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes got = dialect_provider(bytes_from_text(cases[i][0]));
        assert_true(cases[i][1] == NULL ? got.data == NULL : bytes_equal_text(got, cases[i][1]));
    }
    assert_null(dialect_provider(BYTES_NONE).data);
}

static void finish_reasons_in_one_language(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"stop", "stop"},
        {"end_turn", "stop"},
        {"STOP", "stop"},
        {"completed", "stop"},
        {"length", "length"},
        {"max_tokens", "length"},
        {"MAX_TOKENS", "length"},
        {"incomplete", "length"},
        {"tool_calls", "tool_calls"},
        {"tool_call", "tool_calls"},
        {"tool-calls", "tool_calls"},
        {"tool_use", "tool_calls"},
        {"function_call", "tool_calls"},
        {"content-filter", "content_filter"},
        {"SAFETY", "content_filter"},
        {"refusal", "content_filter"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(bytes_equal_text(dialect_finish(bytes_from_text(cases[i][0])), cases[i][1]));
    assert_true(bytes_equal_text(dialect_finish(BYTES_LITERAL("error")), "error"));
    assert_null(dialect_finish(BYTES_LITERAL("because")).data);
    assert_null(dialect_finish(BYTES_NONE).data);
    assert_true(dialect_finish_truncated(BYTES_LITERAL("max_output_tokens")));
    assert_false(dialect_finish_truncated(BYTES_LITERAL("stop")));
    assert_false(dialect_finish_truncated(BYTES_NONE));
}

/* ---- content ------------------------------------------------------------------------------------------- */

static void finish_reason_inside_messages(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[{\"role\":\"assistant\",\"parts\":[],\"finish_reason\":\"stop\"}]", "stop"},
        {" [ { \"finish_reason\" : \"length\" , \"role\":\"x\"}]", "length"},
        {"{\"finish_reason\":\"stop\"}", "stop"},
        {"[{\"finish_reason\":null},{\"finish_reason\":\"tool_call\"}]", "tool_call"},
        {"[{\"parts\":[{\"arguments\":{\"finish_reason\":\"no\"}}],\"finish_reason\":\"yes\"}]",
         "yes"},
        {"[{\"parts\":[{\"content\":\"\\\"finish_reason\\\":\\\"no\\\"\"}]}]", NULL},
        {"[{\"parts\":[{\"content\":\"\\\\\"}],\"finish_reason\":\"yes\"}]", "yes"},
        {"[{\"content\":\"finish_reason\"}]", NULL},
        {"[{\"finish_reason\":\"cut", NULL},
        {"[{\"finish_reason", NULL},
        {"plain text, \"finish_reason\":\"stop\"", NULL},
        {"]]]]", NULL},
        {"[]]]{\"finish_reason\":\"x\"}", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes got = content_finish_reason(bytes_from_text(cases[i][0]));
        assert_true(cases[i][1] == NULL ? got.data == NULL : bytes_equal_text(got, cases[i][1]));
    }
    assert_null(content_finish_reason(BYTES_NONE).data);
}

static void system_message_in_front(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[{\"role\":\"system\",\"parts\":[{\"content\":\"a } ] b\"}]},{\"role\":\"user\"}]",
         "{\"role\":\"system\",\"parts\":[{\"content\":\"a } ] b\"}]}"},
        {" [ {\"content\":\"x\",\"role\" : \"developer\"} ]",
         "{\"content\":\"x\",\"role\" : \"developer\"}"},
        {"[{\"role\":\"user\",\"parts\":[]},{\"role\":\"system\"}]", NULL},
        {"[{\"parts\":[{\"role\":\"system\"}]}]", NULL},
        {"[{\"role\":{},\"x\":\"system\"}]", NULL},
        {"[{\"role\":\"system\",\"parts\":[", NULL},
        {"[[\"role\"]]", NULL},
        {"[", NULL},
        {"[]", NULL},
        {"{\"role\":\"system\"}", NULL},
        {"system: be brief", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes got = content_system_message(bytes_from_text(cases[i][0]));
        assert_true(cases[i][1] == NULL ? got.data == NULL : bytes_equal_text(got, cases[i][1]));
    }
    assert_null(content_system_message(BYTES_NONE).data);
}

static void answers_of_every_shape(void **state)
{
    (void)state;
    static const struct {
        const char *messages;
        enum answer_kind kind;
        const char *text;
    } cases[] = {
        {"[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]",
         ANSWER_TEXT, "hi"},
        {"[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"a\"},{\"type\":"
         "\"reasoning\",\"content\":\"r\"},"
         "{\"type\":\"text\",\"content\":\"b\"}]}]",
         ANSWER_TEXT, "ab"},
        {"[{\"role\":\"assistant\",\"content\":\"old \\u00e4\"}]", ANSWER_TEXT, "old \xc3\xa4"},
        {"[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"block\"}]}]",
         ANSWER_TEXT, "block"},
        {"{\"role\":\"assistant\",\"content\":\"one\"}", ANSWER_TEXT, "one"},
        {"[{\"role\":\"user\",\"parts\":[\"q\"]},{\"role\":\"assistant\",\"parts\":[\"a\"]}]",
         ANSWER_TEXT, "a"},
        {"[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"name\":\"f\"}]}]",
         ANSWER_TOOLS, NULL},
        {"[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\"}]}]",
         ANSWER_TOOLS, NULL},
        {"[{\"role\":\"assistant\",\"parts\":[]}]", ANSWER_NONE, NULL},
        {"[]", ANSWER_NONE, NULL},
        {"", ANSWER_NONE, NULL},
        {" \n ", ANSWER_NONE, NULL},
        {"plain words", ANSWER_TEXT, "plain words"},
        {"{\"total\": 3}", ANSWER_TEXT, "{\"total\": 3}"},
        {"[1, 2]", ANSWER_TEXT, "[1, 2]"},
        {"{not json", ANSWER_TEXT, "{not json"},
        {"[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"cut of",
         ANSWER_UNPARSED, NULL},
    };
    struct json_document *document = json_create(1 << 20);
    struct arena *arena = arena_create(1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer answer = content_answer(bytes_from_text(cases[i].messages), document, arena);
        assert_int_equal(answer.kind, cases[i].kind);
        if (cases[i].text != NULL)
            assert_true(bytes_equal_text(answer.text, cases[i].text));
    }
    assert_int_equal(content_answer(BYTES_NONE, document, arena).kind, ANSWER_NONE);
    json_destroy(document);
    arena_destroy(arena);
}

/* Cut anywhere, or with any byte changed: nothing outside is read (each text in a block of its size). */
static void damaged_messages(void **state)
{
    (void)state;
    static const char whole[] =
        "[{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"content\":\"a \\\" \\\\ b\"},"
        "{\"type\":\"tool_call\",\"arguments\":{\"x\":[1,{}]}}],\"finish_reason\":\"stop\"},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"b\"}]}]";
    struct json_document *document = json_create(1 << 16);
    struct arena *arena = arena_create(1 << 20);
    for (size_t size = 0; size < sizeof whole; size++) {
        for (unsigned change = 0; change < 256; change += change < 2 ? 1 : 31) {
            uint8_t *copy = malloc(size + 1);
            memcpy(copy + 1, whole, size);
            if (size > 0)
                copy[1 + (size * 7 + change) % size] ^= (uint8_t)change;
            struct bytes text = bytes_of(copy + 1, size);
            struct bytes reason = content_finish_reason(text);
            assert_true(reason.size <= size);
            assert_true(content_system_message(text).size <= size);
            (void)content_answer(text, document, arena);
            (void)content_words(text);
            arena_reset(arena);
            free(copy);
        }
    }
    json_destroy(document);
    arena_destroy(arena);
}

static void words_between_white_space(void **state)
{
    (void)state;
    assert_int_equal(content_words(BYTES_NONE), 0);
    assert_int_equal(content_words(BYTES_LITERAL("  \n ")), 0);
    assert_int_equal(content_words(BYTES_LITERAL("one")), 1);
    assert_int_equal(content_words(BYTES_LITERAL(" one, two\tthree\n\nfour ")), 4);
    assert_int_equal(content_words(BYTES_LITERAL("{\"a\": 1}")), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found),
        cmocka_unit_test(near_names_are_not_found),
        cmocka_unit_test(newer_names_outrank_older_ones),
        cmocka_unit_test(scopes_by_whole_parts),
        cmocka_unit_test(dialect_of_what_a_span_says),
        cmocka_unit_test(roles_of_operations),
        cmocka_unit_test(vendors_in_one_spelling),
        cmocka_unit_test(finish_reasons_in_one_language),
        cmocka_unit_test(finish_reason_inside_messages),
        cmocka_unit_test(system_message_in_front),
        cmocka_unit_test(answers_of_every_shape),
        cmocka_unit_test(damaged_messages),
        cmocka_unit_test(words_between_white_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
