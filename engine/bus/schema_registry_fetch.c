/*
 * schema_registry_fetch.c - one schema and what it refers to: a list that is worked off, so that no chain
 * or circle of references can hold the thread longer than its bound.
 */
#include "engine/bus/schema_registry_internal.h"

#include "engine/base/memory.h"

#include <stdio.h>

void registry_texts_free(struct registry_texts *texts)
{
    for (uint32_t i = 0; i < texts->count; i++)
        memory_free((void *)(uintptr_t)texts->texts[i].data);
    texts->count = 0;
}

/* What is still to be fetched, in the order found; a name that is found again moves to the end, so that
 * from the end to the beginning everything stands before what needs it. */
struct wanted {
    struct registry_reference items[SCHEMA_TEXTS_MAX];
    uint32_t count;
};

static bool add_references(struct wanted *wanted, const struct registry_schema *schema,
                           struct error *error)
{
    for (uint32_t i = 0; i < schema->references_count; i++) {
        if (wanted->count == SCHEMA_TEXTS_MAX - 1)
            return error_set(error, ERROR_LIMIT,
                             "its references lead to more than %d schemas, or in a circle",
                             SCHEMA_TEXTS_MAX - 1);
        wanted->items[wanted->count++] = schema->references[i];
    }
    return true;
}

/* Appends the text of what stands under this path. */
static bool fetch_one(struct registry_http *http, const char *path, struct registry_texts *texts,
                      struct wanted *wanted, struct error *error)
{
    struct buffer answer;
    long status = 0;
    struct registry_schema schema;
    bool good = registry_http_request(http, path, BYTES_NONE, &status, &answer, error);
    if (good) {
        struct json_document *document = registry_answer_document(answer.size);
        good = status == 200;
        if (!good)
            registry_answer_refusal(document, status, buffer_bytes(&answer), error);
        good = good && registry_answer_schema(document, buffer_bytes(&answer), &schema, error) &&
               add_references(wanted, &schema, error);
        if (good) {
            uint8_t *copy = memory_allocate_raw(schema.text.size + 1);
            memcpy(copy, schema.text.data, schema.text.size);
            copy[schema.text.size] = 0;
            texts->texts[texts->count++] = bytes_of(copy, schema.text.size);
        }
        json_destroy(document);
    }
    buffer_free(&answer);
    return good;
}

static bool same_reference(const struct registry_reference *a, const struct registry_reference *b)
{
    return a->version == b->version && strcmp(a->subject, b->subject) == 0;
}

/* Fetched in the order found; wanted back to front, each once, at its last place. */
static void arrange(struct registry_texts *texts, const struct wanted *wanted)
{
    struct registry_texts sorted = {.count = 0};
    for (uint32_t i = texts->count; i-- > 0;) {
        bool again = false; /* text 0 is the schema itself, text i is wanted item i - 1 */
        for (uint32_t k = i; i > 0 && k < wanted->count; k++)
            again |= same_reference(&wanted->items[k], &wanted->items[i - 1]);
        if (again)
            memory_free((void *)(uintptr_t)texts->texts[i].data);
        else
            sorted.texts[sorted.count++] = texts->texts[i];
    }
    *texts = sorted;
}

const char *registry_key_text(const struct registry_key *key, char out[REGISTRY_KEY_CHARS])
{
    if (!key->is_guid) {
        (void)snprintf(out, REGISTRY_KEY_CHARS, "%lu", (unsigned long)key->id);
        return out;
    }
    size_t size = 0;
    for (size_t i = 0; i < SCHEMA_GUID_BYTES; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        size += (size_t)snprintf(out + size, REGISTRY_KEY_CHARS - size, "%s%02x", dash ? "-" : "",
                                 key->guid[i]);
    }
    return out;
}

bool registry_fetch(struct registry_http *http, const struct registry_key *key,
                    struct registry_texts *out, struct error *error)
{
    char plain[80], name[REGISTRY_KEY_CHARS];
    struct wanted *wanted = memory_allocate(sizeof *wanted);
    out->count = 0;
    snprintf(plain, sizeof plain, "/schemas/%s/%s", key->is_guid ? "guids" : "ids",
             registry_key_text(key, name));
    bool good = fetch_one(http, plain, out, wanted, error);
    for (uint32_t i = 0; good && i < wanted->count; i++) {
        struct buffer path = BUFFER_WITH_LIMIT(4096);
        buffer_append_text(&path, "/subjects/");
        registry_http_put_segment(&path, wanted->items[i].subject);
        buffer_printf(&path, "/versions/%lld", (long long)wanted->items[i].version);
        buffer_put_u8(&path, 0);
        good = !path.failed && fetch_one(http, (const char *)path.data, out, wanted, error);
        if (!good)
            error_prefix(error, "reference %.80s version %lld", wanted->items[i].subject,
                         (long long)wanted->items[i].version);
        buffer_free(&path);
    }
    if (good)
        arrange(out, wanted);
    else
        registry_texts_free(out);
    memory_free(wanted);
    return good;
}
