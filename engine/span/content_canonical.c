/*
 * content_canonical.c - messages of every known shape in one form. Shapes: OTel parts, OpenAI chat and
 * responses, Anthropic and Bedrock blocks, Gemini contents, LangChain dumps, Vercel prompts, plain text.
 *
 * No recursion: wrappers are taken off a few levels, messages hold parts, parts hold at most one more list
 * of parts. What lies deeper is not looked into.
 */
#include "engine/span/content_part.h"

#include "engine/span/content.h"
#include "engine/span/dialect.h"

#define DEPTH_MAX    64
#define MESSAGES_MAX 4096 /* reaching the n-th one takes n steps */
#define WRAPPERS_MAX 6

struct writing {
    struct json_writer *out;
    const char *role;
};

static const struct json_value *first_member(const struct json_value *object, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        const struct json_value *member = json_get(object, *keys);
        if (member != NULL && !json_is_null(member))
            return member;
    }
    return NULL;
}

static bool is_message(const struct json_value *value)
{
    static const char *const signs[] = {"role", "parts", "tool_calls", NULL};
    static const char *const types[] = {"human", "ai", "system", "tool", "message", NULL};
    if (!json_is_object(value))
        return false;
    if (first_member(value, signs) != NULL)
        return true;
    struct bytes type = json_text(json_get(value, "type"));
    for (const char *const *known = types; *known != NULL; known++)
        if (bytes_equal_text(type, *known))
            return true;
    return false;
}

/* Choices and LangChain's dumps keep the message one level down. */
static const struct json_value *inner_message(const struct json_value *value)
{
    static const char *const keys[] = {"message", "kwargs", "data", NULL};
    for (int i = 0; i < 3; i++) {
        const struct json_value *inner = first_member(value, keys);
        if (!json_is_object(inner))
            break;
        value = inner;
    }
    return value;
}

static struct bytes role_of(const struct json_value *outer, const struct json_value *message,
                            const char *otherwise)
{
    static const char *const same[][2] = {
        {"human", "user"},        {"ai", "assistant"},        {"model", "assistant"},
        {"developer", "system"},  {"function", "tool"},       {"AIMessage", "assistant"},
        {"HumanMessage", "user"}, {"SystemMessage", "system"}, {"ToolMessage", "tool"},
    };
    struct bytes role = json_text(json_get(message, "role"));
    if (!bytes_present(role))
        role = json_text(json_get(outer, "role"));
    if (!bytes_present(role))
        role = json_text(json_get(message, "type"));
    if (!bytes_present(role) || bytes_equal_text(role, "message") || bytes_equal_text(role, "constructor"))
        role = json_text(json_get(outer, "type"));
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (bytes_equal_text(role, same[i][0]))
            return bytes_from_text(same[i][1]);
    static const char *const roles[] = {"system", "user", "assistant", "tool"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (bytes_equal_text(role, roles[i]))
            return role;
    return bytes_from_text(otherwise);
}

static void write_parts(struct writing *w, const struct json_value *parts, bool of_tool,
                        struct bytes call_id)
{
    if (parts == NULL || json_is_null(parts))
        return;
    if (of_tool) {
        content_part_response(w->out, call_id, parts);
        return;
    }
    if (!json_is_array(parts)) {
        content_part(w->out, parts);
        return;
    }
    for (size_t i = 0, count = json_count(parts); i < count && i < MESSAGES_MAX; i++) {
        const struct json_value *part = json_at(parts, i), *inside = json_get(part, "content");
        bool list = json_is_array(inside) && bytes_equal_text(json_text(json_get(part, "type")), "text");
        for (size_t j = 0, inner = json_count(inside); list && j < inner && j < MESSAGES_MAX; j++)
            content_part(w->out, json_at(inside, j));
        if (!list)
            content_part(w->out, part);
    }
}

static void write_message(struct writing *w, const struct json_value *value)
{
    static const char *const contents[] = {"parts", "content", "text", "refusal", NULL};
    static const char *const calls[] = {"tool_calls", "toolCalls", NULL};
    static const char *const finishes[] = {"finish_reason", "stop_reason", "finishReason", NULL};
    static const char *const ids[] = {"tool_call_id", "toolCallId", NULL};
    const struct json_value *message = inner_message(value);
    struct bytes role = role_of(value, message, w->role);
    json_open_object(w->out);
    json_key(w->out, "role");
    json_put_text(w->out, role);
    json_key(w->out, "parts");
    json_open_array(w->out);
    bool parts = json_get(message, "parts") != NULL;
    bool of_tool = !parts && bytes_equal_text(role, "tool") && first_member(message, ids) != NULL;
    write_parts(w, first_member(message, contents), of_tool, json_text(first_member(message, ids)));
    const struct json_value *tools = first_member(message, calls);
    for (size_t i = 0, count = json_count(tools); i < count && i < MESSAGES_MAX; i++)
        content_part_call(w->out, json_at(tools, i));
    if (json_is_object(json_get(message, "function_call")))
        content_part_call(w->out, json_get(message, "function_call"));
    json_close_array(w->out);
    const struct json_value *finish = first_member(message, finishes);
    struct bytes reason = json_text(finish != NULL ? finish : first_member(value, finishes));
    if (bytes_present(reason)) {
        struct bytes known = dialect_finish(reason);
        json_key(w->out, "finish_reason");
        json_put_text(w->out, bytes_present(known) ? known : reason);
    }
    json_close_object(w->out);
}

/* One message around something that is no message: plain values and single parts. */
static void write_around(struct writing *w, const char *role, const struct json_value *value)
{
    json_open_object(w->out);
    json_key(w->out, "role");
    json_put_text(w->out, bytes_from_text(role));
    json_key(w->out, "parts");
    json_open_array(w->out);
    write_parts(w, value, false, BYTES_NONE);
    json_close_array(w->out);
    json_close_object(w->out);
}

/* Takes wrappers off until there are messages: {"messages":[…]}, [[…]]. A system prompt beside them is
 * written first. */
static const struct json_value *unwrap(struct writing *w, const struct json_value *value)
{
    static const char *const lists[] = {"messages", "contents", "choices", "generations", "output",
                                        "outputs",  "prompt",   "input",   "inputs",      "response", NULL};
    static const char *const systems[] = {"system", "instructions", "system_instruction", NULL};
    for (int i = 0; i < WRAPPERS_MAX; i++) {
        if (json_is_array(value) && json_count(value) == 1 && json_is_array(json_at(value, 0))) {
            value = json_at(value, 0);
            continue;
        }
        const struct json_value *inner = is_message(value) ? NULL : first_member(value, lists);
        if (inner == NULL)
            break;
        const struct json_value *system = first_member(value, systems);
        if (system != NULL)
            write_around(w, "system", system);
        value = inner;
    }
    return value;
}

static bool looks_like_message(const struct json_value *value)
{
    return is_message(value) || is_message(inner_message(value));
}

static void write_all(struct writing *w, const struct json_value *root)
{
    const struct json_value *value = unwrap(w, root);
    if (!json_is_array(value)) {
        if (looks_like_message(value))
            write_message(w, value);
        else
            write_around(w, w->role, value);
        return;
    }
    size_t count = json_count(value);
    if (count > 0 && !looks_like_message(json_at(value, 0)) && !json_is_object(json_get(json_at(value, 0), "message"))) {
        write_around(w, w->role, value); /* parts of one message */
        return;
    }
    for (size_t i = 0; i < count && i < MESSAGES_MAX; i++)
        write_message(w, json_at(value, i));
}

bool content_canonical(struct bytes content, const char *role, struct json_document *document,
                       struct json_writer *out)
{
    struct writing w = {out, role};
    const struct json_value *root = json_parse(document, content, DEPTH_MAX, NULL);
    bool bracket = content.size > 0 && (content.data[0] == '[' || content.data[0] == '{');
    if (root == NULL && bracket && content_looks_like_messages(content))
        return false;
    json_open_array(out);
    if (root != NULL && !json_is_number(root)) {
        write_all(&w, root);
    } else if (content.size > 0) {
        json_open_object(out);
        json_key(out, "role");
        json_put_text(out, bytes_from_text(role));
        json_key(out, "parts");
        json_open_array(out);
        content_part_text(out, "text", content);
        json_close_array(out);
        json_close_object(out);
    }
    json_close_array(out);
    return true;
}
