/*
 * content.c - any bytes as message content: scans stay inside the text, what is written is JSON, and what
 * cannot be read writes nothing.
 */
#include "engine/base/check.h"
#include "engine/span/content.h"
#include "engine/base/iso_time.h"

#define BYTES_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct bytes part, struct bytes whole)
{
    return !bytes_present(part) || part.size == 0 ||
           (part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_document *document;
    static struct arena *arena;
    static struct buffer out;
    if (document == NULL) {
        document = json_create((size_t)4 << 20);
        arena = arena_create((size_t)16 << 20);
        out = BUFFER_WITH_LIMIT(BYTES_MAX);
    }
    struct bytes text = bytes_of(data, size);
    struct tool_request request = content_tool_request(text);
    CHECK(inside(request.name, text) && inside(request.id, text));
    CHECK(inside(content_finish_reason(text), text) && inside(content_system_message(text), text));
    (void)content_answer(text, document, arena);
    (void)iso_time_ns(text);
    buffer_clear(&out);
    struct json_writer writer = json_writer_on(&out);
    if (content_canonical(text, "assistant", document, &writer))
        CHECK(out.failed || json_valid(document, buffer_bytes(&out)));
    else
        CHECK(out.size == 0);
    arena_reset(arena);
    return 0;
}
