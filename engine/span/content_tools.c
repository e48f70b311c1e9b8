/* content_tools.c - the first tool an answer asks for, in the shapes of OTel, OpenAI, Anthropic, Bedrock, Vercel. */
#include "engine/span/content.h"

#include "engine/span/json_scan.h"

#define FRAMES_MAX 24

/* An open object or array. */
struct frame {
    struct bytes key;   /* the member being read */
    struct bytes above; /* the member this is the value of, arrays passed through */
    struct bytes id, name, type;
    bool ignored; /* arguments: what is called whatever inside them means nothing */
};

static bool is_one_of(struct bytes text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (bytes_equal_text(text, *words))
            return true;
    return false;
}

static bool asks(const struct frame *frame)
{
    static const char *const types[] = {"tool_call", "tool_use", "tool-call", "function_call", NULL};
    static const char *const members[] = {"tool_calls", "toolCalls", "toolUse", "function_call", NULL};
    return bytes_present(frame->name) &&
           (is_one_of(frame->type, types) || is_one_of(frame->above, members));
}

static void open_frame(struct frame *frames, const struct json_scan *scan)
{
    static const char *const given[] = {"arguments", "input", "args", "parameters", NULL};
    struct frame *frame = &frames[scan->depth - 1];
    *frame = (struct frame){.key = BYTES_NONE};
    if (scan->depth < 2)
        return;
    const struct frame *parent = &frames[scan->depth - 2];
    frame->above = bytes_present(parent->key) ? parent->key : parent->above;
    frame->ignored = parent->ignored || is_one_of(parent->key, given);
}

static void take_text(struct frame *frame, struct bytes text)
{
    static const char *const ids[] = {"toolUseId", "toolCallId", "call_id", NULL};
    static const char *const names[] = {"name", "toolName", NULL};
    if (frame->ignored)
        return;
    if (is_one_of(frame->key, ids)) /* some have an id of the item beside the call's */
        frame->id = text;
    else if (bytes_equal_text(frame->key, "id") && !bytes_present(frame->id))
        frame->id = text;
    else if (is_one_of(frame->key, names))
        frame->name = text;
    else if (bytes_equal_text(frame->key, "type"))
        frame->type = text;
}

struct tool_request content_tool_request(struct bytes messages)
{
    const struct tool_request none = {BYTES_NONE, BYTES_NONE};
    struct frame frames[FRAMES_MAX];
    struct json_scan scan;
    if (!json_scan_start(messages, &scan))
        return none;
    for (enum json_token token = json_scan_next(&scan); token != JSON_END; token = json_scan_next(&scan)) {
        unsigned depth = scan.depth;
        if (depth > FRAMES_MAX || (depth == FRAMES_MAX && token == JSON_CLOSE))
            continue;
        if (token == JSON_CLOSE) {
            const struct frame *closed = &frames[depth];
            if (closed->ignored)
                continue;
            if (depth > 0 && bytes_equal_text(closed->above, "function") &&
                bytes_present(closed->name))
                frames[depth - 1].name = closed->name;
            if (asks(closed))
                return (struct tool_request){closed->name, closed->id};
            continue;
        }
        if (token == JSON_OPEN)
            open_frame(frames, &scan);
        else if (token == JSON_KEY && depth > 0)
            frames[depth - 1].key = scan.text;
        else if (token == JSON_TEXT && depth > 0)
            take_text(&frames[depth - 1], scan.text);
    }
    return none;
}
