/* captured.c - reads what captured.h describes. */
#include "tests/span/captured.h"

#include "engine/span/leaves.h"
#include "tests/test.h"

#define DOCUMENT_BYTES ((size_t)64 << 20)

const char *const captured_folders[] = {
    "otel-genai-openai",
    "otel-genai-langchain",
    "otel-openai-v2-span",
    "otel-openai-v2-nocontent",
    "otel-openai-v2-events",
    "openinference",
    "openinference-langchain",
    "openlit",
    "openllmetry",
    "openllmetry-langchain",
    "langfuse",
    "litellm",
    "pydantic-ai",
    "strands",
    "vercel-ai-5",
};

const size_t captured_folders_count = sizeof captured_folders / sizeof *captured_folders;

void captured_load(struct captured_file *d, const char *root, const char *folder, struct bytes file)
{
    char path[2048];
    snprintf(path, sizeof path, "%s/%s/%.*s", root, folder, BYTES_FMT(file));
    if (d->batch != NULL && strcmp(d->name, path) == 0)
        return;
    buffer_free(&d->bytes);
    snprintf(d->name, sizeof d->name, "%s", path);
    assert_true(rows_read_file(path, &d->bytes));
    if (d->batch == NULL)
        d->batch = span_batch_create(CAPTURED_ROWS_MAX);
    span_batch_reset(d->batch);
    d->batch->wanted = rows_all_columns();
    otlp_cursor_start(&d->cursor, buffer_bytes(&d->bytes), 0, &otlp_limits_default);
    assert_int_equal(otlp_proto_decode(&d->cursor, d->batch), DECODE_DONE);
    leaves_settle(d->batch, 0);
    assert_int_equal(d->cursor.bad_spans, 0);
}

void captured_unload(struct captured_file *d)
{
    buffer_free(&d->bytes);
    span_batch_destroy(d->batch);
}

unsigned captured_each(const char *root, const char *folder, void *context,
                       unsigned (*each)(void *context, const struct captured_place *,
                                        const struct json_value *expected, const struct span_batch *,
                                        uint32_t row))
{
    char path[2048];
    struct buffer text;
    struct captured_file decoded = {0};
    unsigned compared = 0;
    snprintf(path, sizeof path, "%s/%s/expected.jsonl", root, folder);
    assert_true(rows_read_file(path, &text));
    struct json_document *document = json_create(DOCUMENT_BYTES);
    const uint8_t *at = text.data;
    const uint8_t *end = at + text.size;
    while (at < end) {
        const uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL)
            line_end = end;
        struct error error = {0};
        const struct json_value *e =
            json_parse(document, bytes_of(at, (size_t)(line_end - at)), CAPTURED_DEPTH, &error);
        if (e == NULL)
            fail_msg("%s: %s", path, error.message);
        struct captured_place place = {.folder = folder};
        assert_true(json_integer(json_get(e, "index"), &place.index));
        snprintf(place.span, sizeof place.span, "%.*s",
                 BYTES_FMT(json_text(json_get(e, "span_id"))));
        captured_load(&decoded, root, folder, json_text(json_get(e, "file")));
        assert_in_range(place.index, 0, decoded.batch->rows - 1);
        compared += each(context, &place, e, decoded.batch, (uint32_t)place.index);
        at = line_end + 1;
    }
    json_destroy(document);
    buffer_free(&text);
    captured_unload(&decoded);
    return compared;
}

