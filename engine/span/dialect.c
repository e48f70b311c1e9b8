/*
 * dialect.c - which convention a span speaks and what it is about.
 *
 * Everything that can be said as data is said in schemas/dialects.def; here is only the order in which
 * its rows are asked.
 */
#include "engine/span/dialect.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* Whole names first, then with one ".part" less at a time. */
enum dialect dialect_of_scope(struct bytes scope)
{
    while (scope.size > 0) {
        const struct dialect_alias *known =
            dialect_find_in(dialect_scope_slots, dialect_scope_hash_seed, scope.data, scope.size);
        if (known != NULL)
            return known->dialect;
        do
            scope.size--;
        while (scope.size > 0 && scope.data[scope.size] != '.');
    }
    return DIALECT_UNKNOWN;
}

/* Attributes of HTTP stand on calls of libraries that trace themselves too: they decide last. */
enum dialect dialect_decide(unsigned generations, enum dialect mark, enum dialect scope)
{
    const unsigned conventions = GENERATION_ANY | GENERATION_NEW | GENERATION_OLD;
    if (scope != DIALECT_UNKNOWN)
        return scope;
    if (mark != DIALECT_UNKNOWN && (mark != DIALECT_HTTP || !(generations & conventions)))
        return mark;
    if (!(generations & conventions))
        return DIALECT_UNKNOWN;
    return (generations & GENERATION_OLD) && !(generations & GENERATION_NEW)
               ? DIALECT_OTEL_GENAI_OLD
               : DIALECT_OTEL_GENAI;
}

/* ---- roles ---------------------------------------------------------------------------------------------- */

struct operation_rule {
    struct bytes operation;
    enum span_role role;
};

static const struct operation_rule operation_rules[] = {
#define DIALECT_OPERATION(operation, role) {TEXT(operation), ROLE_##role},
#include "schemas/dialects.def"
};

struct kind_rule {
    enum dialect dialect;
    struct bytes word;
    enum span_role role;
    struct bytes operation; /* empty: no operation of the convention */
};

static const struct kind_rule kind_rules[] = {
#define DIALECT_KIND(dialect, word, role, operation)                                               \
    {DIALECT_##dialect, TEXT(word), ROLE_##role, TEXT(operation)},
#include "schemas/dialects.def"
};

struct name_rule {
    enum dialect dialect;
    struct bytes name;
    enum span_role role;
};

static const struct name_rule name_rules[] = {
#define DIALECT_NAME(dialect, name, role) {DIALECT_##dialect, TEXT(name), ROLE_##role},
#include "schemas/dialects.def"
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum span_role dialect_role_of_operation(struct bytes operation)
{
    for (size_t i = 0; i < COUNT_OF(operation_rules); i++) {
        struct bytes known = operation_rules[i].operation;
        if (operation.size == known.size && operation.data[0] == known.data[0] &&
            bytes_equal(operation, known))
            return operation_rules[i].role;
    }
    return ROLE_OTHER;
}

static const struct kind_rule *kind_of(const struct dialect_claim *claim)
{
    for (size_t i = 0; claim->kind_of != DIALECT_UNKNOWN && i < COUNT_OF(kind_rules); i++) {
        if (kind_rules[i].dialect == claim->kind_of &&
            dialect_same_word(claim->kind, kind_rules[i].word))
            return &kind_rules[i];
    }
    return NULL;
}

/* Said plainly in the convention's own words, where other dialects use them: what lies above the leaves
 * they name each in their own way ("invoke_agent" for any chain). */
static bool says_leaf(enum span_role role)
{
    return role == ROLE_CALL || role == ROLE_EMBEDDINGS || role == ROLE_TOOL ||
           role == ROLE_RETRIEVAL;
}

/* LangSmith calls prompts chats, OpenInference decides by its kind, Vercel repeats names on parents. */
static bool kind_comes_first(enum dialect of)
{
    return of == DIALECT_LANGSMITH || of == DIALECT_OPENINFERENCE || of == DIALECT_VERCEL_AI;
}

enum span_role dialect_role(const struct dialect_claim *claim, struct bytes *operation)
{
    if (claim->dialect == DIALECT_HTTP)
        return ROLE_HTTP;
    enum span_role role =
        claim->operation.size > 0 ? dialect_role_of_operation(claim->operation) : ROLE_OTHER;
    if (claim->kind_of == DIALECT_UNKNOWN && role != ROLE_OTHER)
        return role;
    for (size_t i = 0; i < COUNT_OF(name_rules); i++) {
        if (name_rules[i].dialect == claim->dialect && bytes_equal(claim->name, name_rules[i].name))
            return name_rules[i].role;
    }
    const struct kind_rule *kind = kind_of(claim);
    bool unnamed_call = claim->operation.size == 0 && (claim->generations & GENERATION_MODEL);
    if (kind != NULL && kind->role == ROLE_CALL_ADDENDUM)
        return role == ROLE_CALL || unnamed_call ? ROLE_CALL_ADDENDUM : ROLE_OTHER;
    if (kind != NULL && (kind_comes_first(claim->kind_of) || !says_leaf(role))) {
        if (claim->operation.size == 0 && kind->operation.size > 0)
            *operation = kind->operation;
        return kind->role;
    }
    bool foreign = claim->kind_of != DIALECT_UNKNOWN && claim->kind_of != DIALECT_LOGFIRE;
    return role == ROLE_OTHER && unnamed_call && !foreign ? ROLE_CALL : role;
}

const char *dialect_name(enum dialect dialect)
{
    static const char *const names[DIALECT_COUNT] = {
        [DIALECT_UNKNOWN] = "unknown",
        [DIALECT_OTEL_GENAI] = "otel-genai",
        [DIALECT_OTEL_GENAI_OLD] = "otel-genai",
        [DIALECT_CLIENT] = "otel-genai",
        [DIALECT_OTHER] = "other",
        [DIALECT_OPENINFERENCE] = "openinference",
        [DIALECT_OPENLLMETRY] = "openllmetry",
        [DIALECT_OPENLLMETRY_OLD] = "openllmetry",
        [DIALECT_OPENLIT] = "openlit",
        [DIALECT_LANGFUSE] = "langfuse",
        [DIALECT_LANGSMITH] = "langsmith",
        [DIALECT_LITELLM] = "litellm",
        [DIALECT_PYDANTIC_AI] = "pydantic-ai",
        [DIALECT_LOGFIRE] = "logfire",
        [DIALECT_STRANDS] = "strands",
        [DIALECT_VERCEL_AI] = "vercel-ai",
        [DIALECT_HTTP] = "http",
    };
    CHECK(dialect < DIALECT_COUNT);
    return names[dialect];
}

const char *span_role_name(enum span_role role)
{
    static const char *const names[ROLE_COUNT] = {
        [ROLE_OTHER] = "other",           [ROLE_CALL] = "call",
        [ROLE_EMBEDDINGS] = "embeddings", [ROLE_TOOL] = "tool",
        [ROLE_RETRIEVAL] = "retrieval",   [ROLE_AGENT] = "agent",
        [ROLE_WORKFLOW] = "workflow",     [ROLE_TASK] = "task",
        [ROLE_CHAIN] = "chain",           [ROLE_HTTP] = "http",
        [ROLE_CALL_COPY] = "call-copy",   [ROLE_CALL_ADDENDUM] = "call-addendum",
        [ROLE_CALL_AROUND] = "call",      [ROLE_EMBEDDINGS_AROUND] = "embeddings",
    };
    CHECK(role < ROLE_COUNT);
    return names[role];
}

