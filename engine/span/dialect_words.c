/* dialect_words.c - words of providers made one: finish reasons, vendors, names of events and flat attributes. */
#include "engine/span/dialect.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

bool dialect_same_word(struct bytes text, struct bytes word)
{
    if (text.size != word.size)
        return false;
    for (size_t i = 0; i < word.size; i++) {
        uint8_t c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != word.data[i])
            return false;
    }
    return true;
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
    {TEXT("error"), TEXT("error")},
    {TEXT("tool_call"), TEXT("tool_calls")},
    {TEXT("tool_use"), TEXT("tool_calls")},
    {TEXT("function_call"), TEXT("tool_calls")},
    {TEXT("end_turn"), TEXT("stop")},
    {TEXT("stop_sequence"), TEXT("stop")},
    {TEXT("completed"), TEXT("stop")},
    {TEXT("complete"), TEXT("stop")},
    {TEXT("finished"), TEXT("stop")},
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
    {TEXT("recitation"), TEXT("content_filter")},
    {TEXT("blocklist"), TEXT("content_filter")},
    {TEXT("prohibited_content"), TEXT("content_filter")},
    {TEXT("spii"), TEXT("content_filter")},
    {TEXT("failed"), TEXT("error")},
    {TEXT("malformed_function_call"), TEXT("error")},
};

static bool same_reason(struct bytes reason, struct bytes word)
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
    for (size_t i = 0; i < COUNT_OF(finish_rules); i++) {
        if (same_reason(reason, finish_rules[i].word))
            return finish_rules[i].finish;
    }
    return BYTES_NONE;
}

/* ---- vendors -------------------------------------------------------------------------------------------- */

struct provider_rule {
    struct bytes word, provider;
};

static const struct provider_rule provider_rules[] = {
#define DIALECT_PROVIDER(word, provider) {TEXT(word), TEXT(provider)},
#include "schemas/dialects.def"
};

/* "openai.chat" is OpenAI's chat interface: without a rule for all of it, the part before its last dot. */
struct bytes dialect_provider(struct bytes word)
{
    for (struct bytes part = word; part.size > 0;) {
        for (size_t i = 0; i < COUNT_OF(provider_rules); i++) {
            if (dialect_same_word(part, provider_rules[i].word))
                return provider_rules[i].provider.size > 0 ? provider_rules[i].provider : BYTES_NONE;
        }
        do
            part.size--;
        while (part.size > 0 && part.data[part.size] != '.');
    }
    return word;
}

/* ---- events and flat attributes ---------------------------------------------------------------------------- */

struct event_rule {
    struct bytes name;
    enum dialect_event use;
};

static const struct event_rule event_rules[] = {
#define DIALECT_EVENT(name, use) {TEXT(name), EVENT_##use},
#include "schemas/dialects.def"
};

enum dialect_event dialect_event_of(struct bytes name)
{
    for (size_t i = 0; i < COUNT_OF(event_rules); i++) {
        if (bytes_equal(name, event_rules[i].name))
            return event_rules[i].use;
    }
    return EVENT_NONE;
}

struct flat_rule {
    struct bytes prefix;
    enum dialect_flat list;
};

static const struct flat_rule flat_rules[] = {
#define DIALECT_FLAT(prefix, list) {TEXT(prefix), FLAT_##list},
#include "schemas/dialects.def"
};

enum dialect_flat dialect_flat_of(struct bytes name, struct bytes *rest)
{
    for (size_t i = 0; i < COUNT_OF(flat_rules); i++) {
        struct bytes prefix = flat_rules[i].prefix;
        if (name.size <= prefix.size || memcmp(name.data, prefix.data, prefix.size) != 0)
            continue;
        *rest = bytes_of(name.data + prefix.size, name.size - prefix.size);
        bool number = rest->data[0] >= '0' && rest->data[0] <= '9';
        if (number || flat_rules[i].list == FLAT_SCORES)
            return flat_rules[i].list;
    }
    return FLAT_NONE;
}
