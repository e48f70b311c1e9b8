/*
 * schema_registry_subject.c - what producers ask of a registry when they start: is this schema compatible,
 * what is there, register it. Each call waits, at most timeout_ms.
 */
#include "engine/bus/schema_registry_internal.h"

/* {"schema": …} posted to /subjects or /compatibility/subjects. */
static bool post(struct schema_registry *registry, const char *before, const char *subject,
                 const char *after, struct bytes schema, long *status, struct buffer *said,
                 struct error *error)
{
    struct buffer path = BUFFER_WITH_LIMIT(4096);
    struct buffer body = BUFFER_WITH_LIMIT((size_t)16 << 20);
    struct json_writer writer = json_writer_on(&body);
    buffer_append_text(&path, before);
    registry_http_put_segment(&path, subject);
    buffer_append_text(&path, after);
    buffer_put_u8(&path, 0);
    json_open_object(&writer);
    json_key(&writer, "schema");
    json_put_text(&writer, schema);
    json_close_object(&writer);
    bool good = !path.failed && !body.failed;
    if (!good)
        error_set(error, ERROR_LIMIT, "its name or schema is too long");
    good = good && registry_call(registry, (const char *)path.data, buffer_bytes(&body), status,
                                 said, error);
    buffer_free(&path);
    buffer_free(&body);
    return good;
}

bool schema_registry_register(struct schema_registry *registry, const char *subject,
                              struct bytes schema, uint32_t *id, struct error *error)
{
    struct buffer said = {0};
    long status = 0;
    bool good = post(registry, "/subjects/", subject, "/versions", schema, &status, &said, error);
    if (good) {
        struct json_document *document = registry_answer_document(said.size);
        good = status == 200 && registry_answer_id(document, buffer_bytes(&said), id, error);
        if (status != 200)
            registry_answer_refusal(document, status, buffer_bytes(&said), error);
        json_destroy(document);
    }
    buffer_free(&said);
    return good || error_prefix(error, "subject %.100s", subject);
}

bool schema_registry_compatible(struct schema_registry *registry, const char *subject,
                                struct bytes schema, struct error *error)
{
    struct buffer said = {0};
    long status = 0;
    bool good = post(registry, "/compatibility/subjects/", subject, "/versions/latest?verbose=true",
                     schema, &status, &said, error);
    if (good && status != 404) { /* 404: a new subject */
        struct json_document *document = registry_answer_document(said.size);
        good = status == 200 && registry_answer_compatible(document, buffer_bytes(&said), error);
        if (status != 200)
            registry_answer_refusal(document, status, buffer_bytes(&said), error);
        json_destroy(document);
    }
    buffer_free(&said);
    return good || error_prefix(error, "subject %.100s", subject);
}

bool schema_registry_latest(struct schema_registry *registry, const char *subject,
                            struct buffer *schema, struct error *error)
{
    struct buffer path = BUFFER_WITH_LIMIT(4096), said = {0};
    long status = 0;
    *schema = BUFFER_WITH_LIMIT((size_t)16 << 20);
    buffer_append_text(&path, "/subjects/");
    registry_http_put_segment(&path, subject);
    buffer_append_text(&path, "/versions/latest");
    buffer_put_u8(&path, 0);
    bool good = !path.failed || error_set(error, ERROR_LIMIT, "its name is too long");
    good =
        good && registry_call(registry, (const char *)path.data, BYTES_NONE, &status, &said, error);
    if (good && status != 404) { /* 404: a new subject */
        struct json_document *document = registry_answer_document(said.size);
        struct registry_schema found;
        good =
            status == 200 && registry_answer_schema(document, buffer_bytes(&said), &found, error);
        if (status != 200)
            registry_answer_refusal(document, status, buffer_bytes(&said), error);
        if (good)
            buffer_append(schema, found.text.data, found.text.size);
        json_destroy(document);
    }
    buffer_free(&path);
    buffer_free(&said);
    return good || error_prefix(error, "subject %.100s", subject);
}
