/*
 * content.h - prompt and completion content: what the assistant said, wherever it stands.
 *
 * Messages are JSON text, [{"role":…, "parts":[{"type":"text","content":…}, …], "finish_reason":…}]
 * or the older {"role":…, "content":…}; plain text is taken as the answer itself.
 */
#ifndef ENGINE_SPAN_CONTENT_H
#define ENGINE_SPAN_CONTENT_H

#include "engine/base/arena.h"
#include "engine/base/json.h"

enum answer_kind {
    ANSWER_NONE,     /* there is no content: not captured, or nothing was said */
    ANSWER_TEXT,     /* text is what the assistant said in its first choice */
    ANSWER_TOOLS,    /* it only asked for tools */
    ANSWER_UNPARSED, /* there is content, but it cannot be read: cut off, too large, unknown shape */
};

struct answer {
    enum answer_kind kind;
    struct bytes text;
};

/* Needs no tree: a scan over the text. The finish_reason of the first message; absent when there is none. */
struct bytes content_finish_reason(struct bytes messages);
/* The first tool that messages ask for, in any provider's shape; what is not said is absent. A scan too;
 * names with escapes stay as written. */
struct tool_request {
    struct bytes name, id;
};
struct tool_request content_tool_request(struct bytes messages);
/* The same way: the first message as it is written, when it is the system's; absent otherwise. */
struct bytes content_system_message(struct bytes messages);
/* Text is borrowed from messages, document or arena (several parts are joined there). */
struct answer content_answer(struct bytes messages, struct json_document *document,
                             struct arena *arena);
/* Cut-off messages must not pass for plain text that someone wrote. */
bool content_looks_like_messages(struct bytes text);
/* Content of any shape that instrumentations write, in the one canonical form: an array of messages
 * {"role","parts":[…],"finish_reason"?}. Parts: {"type":"text","content"}, {"type":"reasoning","content"},
 * {"type":"tool_call","id"?,"name"?,"arguments"?}, {"type":"tool_call_response","id"?,"response"?}, media as
 * references {"type":"uri","uri"} or {"type":"blob","mime_type"?,"bytes"} without their data, and what is
 * none of these {"type":…}. Plain text is one message of `role`. False, and nothing written: it is cut off or
 * larger than the document holds. */
bool content_canonical(struct bytes content, const char *role, struct json_document *document,
                       struct json_writer *out);
/* Words as people count them: runs between white space. */
int64_t content_words(struct bytes text);

#endif
