/*
 * content.c - finding the assistant's text in messages of several shapes. No recursion: shapes are
 * known, what lies deeper than they go is not looked at.
 */
#include "engine/span/content.h"

#include "engine/span/json_scan.h"

#define DEPTH_MAX   64
#define PARTS_MAX   256           /* reaching the n-th one takes n steps */
#define PROBE_BYTES ((size_t)256) /* messages name a role within their first bytes */

struct bytes content_finish_reason(struct bytes messages)
{
    struct json_scan scan;
    if (!json_scan_start(messages, &scan))
        return BYTES_NONE;
    const unsigned key_depth = *scan.at == '[' ? 2 : 1;
    for (enum json_token token = json_scan_next(&scan); token != JSON_END; token = json_scan_next(&scan)) {
        if (token != JSON_KEY || scan.depth != key_depth ||
            !bytes_equal_text(scan.text, "finish_reason"))
            continue;
        bool said = scan.at < scan.end && *scan.at == '"'; /* null: not said */
        if (said)
            return json_scan_next(&scan) == JSON_TEXT ? scan.text : BYTES_NONE;
    }
    return BYTES_NONE;
}

struct bytes content_system_message(struct bytes messages)
{
    struct json_scan scan;
    if (!json_scan_start(messages, &scan) || *scan.at != '[' || json_scan_next(&scan) != JSON_OPEN)
        return BYTES_NONE;
    scan.at = json_scan_space(scan.at, scan.end);
    const uint8_t *start = scan.at;
    if (json_scan_next(&scan) != JSON_OPEN || *start != '{')
        return BYTES_NONE;
    bool system = false;
    for (enum json_token token = json_scan_next(&scan); token != JSON_END; token = json_scan_next(&scan)) {
        if (token == JSON_CLOSE && scan.depth == 1)
            return system ? bytes_of(start, (size_t)(scan.at - start)) : BYTES_NONE;
        if (token != JSON_KEY || scan.depth != 2 || !bytes_equal_text(scan.text, "role"))
            continue;
        if (json_scan_next(&scan) != JSON_TEXT)
            return BYTES_NONE;
        system = bytes_equal_text(scan.text, "system") || bytes_equal_text(scan.text, "developer");
        if (!system)
            return BYTES_NONE;
    }
    return BYTES_NONE;
}

/* ---- the answer ---------------------------------------------------------------------------------------- */

struct pieces {
    struct bytes text;
    struct arena *arena;
    bool tools;
    bool refused; /* no room, or more parts than anyone writes */
};

static void add_text(struct pieces *pieces, struct bytes more)
{
    if (more.size == 0)
        return;
    if (pieces->text.size == 0) {
        pieces->text = more;
        return;
    }
    uint8_t *joined = arena_alloc(pieces->arena, pieces->text.size + more.size);
    if (joined == NULL) {
        pieces->refused = true;
        return;
    }
    memcpy(joined, pieces->text.data, pieces->text.size);
    memcpy(joined + pieces->text.size, more.data, more.size);
    pieces->text = bytes_of(joined, pieces->text.size + more.size);
}

/* Bedrock's blocks, [{"text"},{"toolUse"}], and a message or blocks inside a part, as span events have them. */
static void add_blocks(struct pieces *pieces, const struct json_value *blocks)
{
    for (size_t i = 0, count = json_is_array(blocks) ? json_count(blocks) : 0; i < count && i < PARTS_MAX; i++) {
        const struct json_value *block = json_at(blocks, i);
        add_text(pieces, json_text(json_get(block, "text")));
        pieces->tools |= json_get(block, "toolUse") != NULL;
    }
    if (!json_is_object(blocks))
        return;
    add_text(pieces, json_text(json_get(blocks, "content")));
    pieces->tools |= json_count(json_get(blocks, "tool_calls")) > 0;
}

static void add_part(struct pieces *pieces, const struct json_value *part)
{
    if (json_is_text(part)) {
        add_text(pieces, json_text(part));
        return;
    }
    struct bytes type = json_text(json_get(part, "type"));
    if (bytes_equal_text(type, "text") || bytes_equal_text(type, "output_text")) {
        struct bytes text = json_text(json_get(part, "content"));
        add_text(pieces, bytes_present(text) ? text : json_text(json_get(part, "text")));
        add_blocks(pieces, json_get(part, "content"));
    } else if (bytes_equal_text(type, "tool_call") || bytes_equal_text(type, "tool_use") ||
               bytes_equal_text(type, "server_tool_call") || bytes_equal_text(type, "tool_calls")) {
        pieces->tools = true;
    } else if (!bytes_present(type)) {
        add_text(pieces, json_text(json_get(part, "text")));
        pieces->tools |= json_get(part, "toolUse") != NULL;
    }
}

static void add_parts(struct pieces *pieces, const struct json_value *parts)
{
    if (json_is_text(parts)) {
        add_text(pieces, json_text(parts));
        return;
    }
    if (!json_is_array(parts))
        return;
    size_t count = json_count(parts);
    if (count > PARTS_MAX) {
        pieces->refused = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        add_part(pieces, json_at(parts, i));
}

static bool is_message(const struct json_value *value)
{
    return json_is_object(value) &&
           (json_get(value, "parts") != NULL ||
            (json_get(value, "role") != NULL &&
             (json_get(value, "content") != NULL || json_get(value, "tool_calls") != NULL ||
              json_get(value, "toolCalls") != NULL)));
}

static bool is_assistant(const struct json_value *message)
{
    struct bytes role = json_text(json_get(message, "role"));
    return !bytes_present(role) || bytes_equal_text(role, "assistant") ||
           bytes_equal_text(role, "model") || bytes_equal_text(role, "ai");
}

static struct answer answer_of_message(const struct json_value *message, struct arena *arena)
{
    struct pieces pieces = {.arena = arena};
    add_parts(&pieces, json_get(message, "parts"));
    add_parts(&pieces, json_get(message, "content"));
    if (json_count(json_get(message, "tool_calls")) > 0 || json_count(json_get(message, "toolCalls")) > 0)
        pieces.tools = true;
    if (pieces.refused)
        return (struct answer){ANSWER_UNPARSED, BYTES_NONE};
    if (pieces.text.size > 0)
        return (struct answer){ANSWER_TEXT, pieces.text};
    return (struct answer){pieces.tools ? ANSWER_TOOLS : ANSWER_NONE, BYTES_NONE};
}

/* Cut-off messages must not pass for plain text that someone wrote. */
bool content_looks_like_messages(struct bytes text)
{
    size_t probe = text.size < PROBE_BYTES ? text.size : PROBE_BYTES;
    for (size_t i = 0; i + 7 <= probe; i++) {
        if (memcmp(text.data + i, "\"role\"", 6) == 0 || memcmp(text.data + i, "\"parts\"", 7) == 0)
            return true;
    }
    return false;
}

static struct answer answer_of_json(const struct json_value *root, struct bytes plain,
                                    struct arena *arena)
{
    if (is_message(root))
        return answer_of_message(root, arena);
    if (!json_is_array(root))
        return (struct answer){ANSWER_TEXT, plain};
    size_t count = json_count(root);
    if (count == 0)
        return (struct answer){ANSWER_NONE, BYTES_NONE};
    if (!is_message(json_at(root, 0)))
        return (struct answer){ANSWER_TEXT, plain};
    for (size_t i = 0; i < count && i < PARTS_MAX; i++) {
        const struct json_value *message = json_at(root, i);
        if (is_message(message) && is_assistant(message))
            return answer_of_message(message, arena);
    }
    return (struct answer){ANSWER_NONE, BYTES_NONE};
}

struct answer content_answer(struct bytes messages, struct json_document *document,
                             struct arena *arena)
{
    if (messages.size == 0)
        return (struct answer){ANSWER_NONE, BYTES_NONE};
    const uint8_t *end = messages.data + messages.size;
    const uint8_t *start = json_scan_space(messages.data, end);
    if (start == end)
        return (struct answer){ANSWER_NONE, BYTES_NONE};
    if (*start != '[' && *start != '{')
        return (struct answer){ANSWER_TEXT, messages};
    const struct json_value *root = json_parse(document, messages, DEPTH_MAX, NULL);
    if (root != NULL)
        return answer_of_json(root, messages, arena);
    if (content_looks_like_messages(messages))
        return (struct answer){ANSWER_UNPARSED, BYTES_NONE};
    return (struct answer){ANSWER_TEXT, messages};
}

int64_t content_words(struct bytes text)
{
    int64_t words = 0;
    bool space = true;
    for (size_t i = 0; i < text.size; i++) {
        bool next = json_scan_is_space(text.data[i]);
        words += space && !next;
        space = next;
    }
    return words;
}
