/*
 * content_part.c - blocks of OTel, OpenAI, Anthropic, Bedrock, Gemini and Vercel as canonical parts.
 *
 * Media become references: an address, or kind and size of what was inlined; never its data.
 */
#include "engine/span/content_part.h"

static const struct json_value *first_of(const struct json_value *object, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        const struct json_value *member = json_get(object, *keys);
        if (member != NULL && !json_is_null(member))
            return member;
    }
    return NULL;
}

static bool is_one_of(struct bytes text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (bytes_equal_text(text, *words))
            return true;
    return false;
}

static void open_part(struct json_writer *out, struct bytes type)
{
    json_open_object(out);
    json_key(out, "type");
    json_put_text(out, type);
}

void content_part_text(struct json_writer *out, const char *type, struct bytes text)
{
    open_part(out, bytes_from_text(type));
    json_key(out, "content");
    json_put_text(out, text.size > 0 ? text : BYTES_LITERAL(""));
    json_close_object(out);
}

static void put_if(struct json_writer *out, const char *key, const struct json_value *value)
{
    if (value == NULL)
        return;
    json_key(out, key);
    json_put_value(out, value);
}

void content_part_call(struct json_writer *out, const struct json_value *block)
{
    static const char *const ids[] = {"call_id", "toolUseId", "toolCallId", "id", NULL};
    static const char *const names[] = {"name", "toolName", NULL};
    static const char *const arguments[] = {"arguments", "input", "args", NULL};
    const struct json_value *function = json_get(block, "function");
    const struct json_value *said = json_is_object(function) ? function : block;
    open_part(out, BYTES_LITERAL("tool_call"));
    put_if(out, "id", first_of(block, ids));
    put_if(out, "name", first_of(said, names));
    put_if(out, "arguments", first_of(said, arguments));
    json_close_object(out);
}

void content_part_response(struct json_writer *out, struct bytes id, const struct json_value *response)
{
    open_part(out, BYTES_LITERAL("tool_call_response"));
    if (bytes_present(id)) {
        json_key(out, "id");
        json_put_text(out, id);
    }
    put_if(out, "response", response);
    json_close_object(out);
}

static void put_response(struct json_writer *out, const struct json_value *block)
{
    static const char *const ids[] = {"tool_use_id", "toolUseId",    "toolCallId",
                                      "call_id",     "tool_call_id", "id", NULL};
    static const char *const responses[] = {"response", "result", "output", "content", NULL};
    content_part_response(out, json_text(first_of(block, ids)), first_of(block, responses));
}

/* ---- media ---------------------------------------------------------------------------------------------- */

static void put_uri(struct json_writer *out, struct bytes uri)
{
    const uint8_t *comma = uri.size > 5 && memcmp(uri.data, "data:", 5) == 0
                               ? memchr(uri.data, ',', uri.size)
                               : NULL;
    if (comma == NULL) {
        open_part(out, BYTES_LITERAL("uri"));
        json_key(out, "uri");
        json_put_text(out, uri);
        json_close_object(out);
        return;
    }
    const uint8_t *kind = uri.data + 5;
    const uint8_t *semicolon = memchr(kind, ';', (size_t)(comma - kind));
    open_part(out, BYTES_LITERAL("blob"));
    json_key(out, "mime_type");
    json_put_text(out, bytes_of(kind, (size_t)((semicolon != NULL ? semicolon : comma) - kind)));
    json_key(out, "bytes");
    json_put_unsigned(out, (uint64_t)(uri.data + uri.size - comma - 1));
    json_close_object(out);
}

/* An address or inlined data somewhere in the block; false: there is neither. */
static bool put_media(struct json_writer *out, const struct json_value *block)
{
    static const char *const places[] = {"image_url", "source", "image", "input_audio", "audio",
                                         "file",      "inlineData", "inline_data", "fileData", NULL};
    static const char *const addresses[] = {"uri", "url", "image_url", "file_id", "fileUri", NULL};
    static const char *const datas[] = {"data", "bytes", "content", "file_data", NULL};
    static const char *const kinds[] = {"mime_type", "media_type", "mimeType", "mediaType", "format", NULL};
    const struct json_value *inner = first_of(block, places);
    if (json_is_text(inner)) {
        put_uri(out, json_text(inner));
        return true;
    }
    const struct json_value *from = json_is_object(inner) ? inner : block;
    struct bytes address = json_text(first_of(from, addresses));
    if (bytes_present(address)) {
        put_uri(out, address);
        return true;
    }
    struct bytes data = json_text(first_of(from, datas));
    if (!bytes_present(data))
        return false;
    open_part(out, BYTES_LITERAL("blob"));
    put_if(out, "mime_type", first_of(from, kinds));
    json_key(out, "bytes");
    json_put_unsigned(out, data.size);
    json_close_object(out);
    return true;
}

/* ---- any block ------------------------------------------------------------------------------------------ */

/* Blocks without a type: the only member says what they are. */
static bool put_untyped(struct json_writer *out, const struct json_value *block)
{
    static const char *const calls[] = {"toolUse", "functionCall", "function_call", NULL};
    static const char *const answers[] = {"toolResult", "functionResponse", "function_response", NULL};
    if (json_is_object(first_of(block, calls)))
        content_part_call(out, first_of(block, calls));
    else if (json_is_object(first_of(block, answers)))
        put_response(out, first_of(block, answers));
    else if (json_is_text(json_get(block, "text")))
        content_part_text(out, "text", json_text(json_get(block, "text")));
    else
        return put_media(out, block);
    return true;
}

static bool put_typed(struct json_writer *out, const struct json_value *block, struct bytes type)
{
    static const char *const texts[] = {"text", "output_text", "input_text", "refusal", NULL};
    static const char *const thoughts[] = {"reasoning", "thinking", NULL};
    static const char *const calls[] = {"tool_call", "tool_use",         "tool-call", "function_call",
                                        "function",  "server_tool_call", "tool_calls", NULL};
    static const char *const answers[] = {"tool_call_response", "tool_result", "tool-result",
                                          "function_call_output", NULL};
    static const char *const fields[] = {"content", "text", "refusal", "thinking", "reasoning", NULL};
    if (is_one_of(type, texts) || is_one_of(type, thoughts)) {
        const struct json_value *text = first_of(block, fields);
        if (!json_is_text(text))
            return false;
        content_part_text(out, is_one_of(type, texts) ? "text" : "reasoning", json_text(text));
    } else if (bytes_equal_text(type, "tool_calls") && json_is_array(json_get(block, "tool_calls"))) {
        const struct json_value *list = json_get(block, "tool_calls");
        for (size_t i = 0, count = json_count(list); i < count && i < 256; i++)
            content_part_call(out, json_at(list, i));
    } else if (is_one_of(type, calls)) {
        content_part_call(out, block);
    } else if (is_one_of(type, answers)) {
        put_response(out, block);
    } else {
        return put_media(out, block);
    }
    return true;
}

void content_part(struct json_writer *out, const struct json_value *block)
{
    if (json_is_text(block)) {
        content_part_text(out, "text", json_text(block));
        return;
    }
    struct bytes type = json_text(json_get(block, "type"));
    if (bytes_present(type) ? put_typed(out, block, type) : put_untyped(out, block))
        return;
    if (bytes_present(type)) {
        open_part(out, type);
        json_close_object(out);
        return;
    }
    open_part(out, BYTES_LITERAL("json")); /* a value of the application's own */
    put_if(out, "content", block);
    json_close_object(out);
}
