/* dialect.c - which convention a span speaks and what it is about; words of providers made one. */
#include "engine/span/dialect.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* Whole names first, then with one ".part" less at a time. */
enum dialect dialect_of_scope(struct bytes scope)
{
    while (scope.size > 0) {
        const struct dialect_alias *known = dialect_find(scope.data, scope.size);
        if (known != NULL && known->transform == TRANSFORM_SCOPE)
            return known->dialect;
        do
            scope.size--;
        while (scope.size > 0 && scope.data[scope.size] != '.');
    }
    return DIALECT_UNKNOWN;
}

enum dialect dialect_decide(unsigned generations, enum dialect mark, enum dialect scope)
{
    if (scope != DIALECT_UNKNOWN)
        return scope;
    if (mark != DIALECT_UNKNOWN)
        return mark;
    if (generations == GENERATION_NONE)
        return DIALECT_UNKNOWN;
    return (generations & GENERATION_OLD) && !(generations & GENERATION_NEW)
               ? DIALECT_OTEL_GENAI_OLD
               : DIALECT_OTEL_GENAI;
}

struct operation_rule {
    struct bytes operation;
    enum span_role role;
};

static const struct operation_rule operation_rules[] = {
#define DIALECT_OPERATION(operation, role) {TEXT(operation), ROLE_##role},
#include "schemas/dialects.def"
};

static enum span_role role_of_operation(struct bytes operation)
{
    for (size_t i = 0; i < sizeof operation_rules / sizeof *operation_rules; i++) {
        struct bytes known = operation_rules[i].operation;
        if (operation.size == known.size && operation.data[0] == known.data[0] &&
            bytes_equal(operation, known))
            return operation_rules[i].role;
    }
    return ROLE_OTHER;
}

/* Where other dialects write gen_ai.operation.name, it tells leaves truly; what lies above the leaves
 * they name each in their own way, and that is for their own tables. LangSmith calls prompts chats. */
enum span_role dialect_role(enum dialect dialect, struct bytes operation)
{
    if (dialect == DIALECT_HTTP)
        return ROLE_HTTP;
    if (operation.size == 0 || dialect == DIALECT_LANGSMITH)
        return ROLE_OTHER;
    enum span_role role = role_of_operation(operation);
    bool leaf = role == ROLE_CALL || role == ROLE_EMBEDDINGS || role == ROLE_TOOL;
    return leaf || dialect == DIALECT_OTEL_GENAI || dialect == DIALECT_OTEL_GENAI_OLD ? role
                                                                                      : ROLE_OTHER;
}

const char *dialect_name(enum dialect dialect)
{
    static const char *const names[DIALECT_COUNT] = {
        [DIALECT_UNKNOWN] = "unknown",
        [DIALECT_OTEL_GENAI] = "otel-genai",
        [DIALECT_OTEL_GENAI_OLD] = "otel-genai",
        [DIALECT_OTHER] = "other",
        [DIALECT_OPENINFERENCE] = "openinference",
        [DIALECT_OPENLLMETRY] = "openllmetry",
        [DIALECT_OPENLIT] = "openlit",
        [DIALECT_LANGFUSE] = "langfuse",
        [DIALECT_LANGSMITH] = "langsmith",
        [DIALECT_LITELLM] = "litellm",
        [DIALECT_PYDANTIC_AI] = "pydantic-ai",
        [DIALECT_STRANDS] = "strands",
        [DIALECT_VERCEL_AI] = "vercel-ai",
        [DIALECT_HTTP] = "http",
    };
    CHECK(dialect < DIALECT_COUNT);
    return names[dialect];
}

const char *span_role_name(enum span_role role)
{
    static const char *const names[] = {
        [ROLE_OTHER] = "other",           [ROLE_CALL] = "call",
        [ROLE_EMBEDDINGS] = "embeddings", [ROLE_TOOL] = "tool",
        [ROLE_RETRIEVAL] = "retrieval",   [ROLE_AGENT] = "agent",
        [ROLE_WORKFLOW] = "workflow",     [ROLE_TASK] = "task",
        [ROLE_CHAIN] = "chain",           [ROLE_HTTP] = "http",
        [ROLE_CALL_COPY] = "call-copy",   [ROLE_CALL_ADDENDUM] = "call-addendum",
    };
    CHECK(role < sizeof names / sizeof *names);
    return names[role];
}

/* ---- finish reasons ------------------------------------------------------------------------------------- */

struct finish_rule {
    struct bytes word; /* lower case, '-' written as '_' */
    struct bytes finish;
};

static const struct finish_rule finish_rules[] = {
    {TEXT("stop"), TEXT("stop")},
    {TEXT("length"), TEXT("length")},
    {TEXT("tool_calls"), TEXT("tool_calls")},
    {TEXT("content_filter"), TEXT("content_filter")},
    {TEXT("tool_call"), TEXT("tool_calls")},
    {TEXT("tool_use"), TEXT("tool_calls")},
    {TEXT("function_call"), TEXT("tool_calls")},
    {TEXT("end_turn"), TEXT("stop")},
    {TEXT("stop_sequence"), TEXT("stop")},
    {TEXT("completed"), TEXT("stop")},
    {TEXT("complete"), TEXT("stop")},
    {TEXT("eos"), TEXT("stop")},
    {TEXT("eos_token"), TEXT("stop")},
    {TEXT("max_tokens"), TEXT("length")},
    {TEXT("max_output_tokens"), TEXT("length")},
    {TEXT("model_length"), TEXT("length")},
    {TEXT("model_context_window_exceeded"), TEXT("length")},
    {TEXT("incomplete"), TEXT("length")},
    {TEXT("safety"), TEXT("content_filter")},
    {TEXT("refusal"), TEXT("content_filter")},
    {TEXT("content_filtered"), TEXT("content_filter")},
    {TEXT("guardrail_intervened"), TEXT("content_filter")},
};

static bool same_word(struct bytes reason, struct bytes word)
{
    if (reason.size != word.size)
        return false;
    for (size_t i = 0; i < word.size; i++) {
        uint8_t c = reason.data[i];
        c = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c == '-' ? '_' : c;
        if (c != word.data[i])
            return false;
    }
    return true;
}

struct bytes dialect_finish(struct bytes reason)
{
    for (size_t i = 0; i < sizeof finish_rules / sizeof *finish_rules; i++) {
        if (same_word(reason, finish_rules[i].word))
            return finish_rules[i].finish;
    }
    return BYTES_NONE;
}
