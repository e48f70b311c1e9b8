/* outbox.c - copies live in an arena until the transaction has ended, as the sink demands. */
#include "engine/flow/outbox.h"

#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"

#define MESSAGES_LIMIT_BYTES ((size_t)64 << 20)
#define SCRATCH_LIMIT_BYTES ((size_t)32 << 20)
#define ENCODING_LIMIT_BYTES ((size_t)1 << 20)
#define JSON_MEMORY_BYTES ((size_t)4 << 20)
#define JSON_DEPTH_MAX 16

struct outbox {
    struct member *member;
    struct arena *arena;
    struct sha256 *sha;
    struct buffer *messages; /* per digests partition */
    uint32_t partitions;
    struct buffer scratch;
    /* records as Avro: all of it is made once and used again */
    const struct output_schemas *schemas;
    struct json_document *json;
    struct arena *encoding;
    struct buffer encoded;
    uint64_t refused;
    bool begun;
};

struct outbox *outbox_create(struct member *member, uint32_t partitions, size_t limit_bytes)
{
    struct outbox *outbox = memory_allocate(sizeof *outbox);
    outbox->member = member;
    outbox->arena = arena_create(limit_bytes);
    outbox->sha = sha256_create();
    outbox->partitions = partitions;
    outbox->messages = memory_allocate_array(partitions, sizeof *outbox->messages);
    for (uint32_t i = 0; i < partitions; i++)
        outbox->messages[i] = BUFFER_WITH_LIMIT(MESSAGES_LIMIT_BYTES);
    outbox->scratch = BUFFER_WITH_LIMIT(SCRATCH_LIMIT_BYTES);
    return outbox;
}

void outbox_destroy(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    for (uint32_t i = 0; i < outbox->partitions; i++)
        buffer_free(&outbox->messages[i]);
    memory_free(outbox->messages);
    buffer_free(&outbox->scratch);
    outbox_use_schemas(outbox, NULL);
    buffer_free(&outbox->encoded);
    arena_destroy(outbox->arena);
    sha256_destroy(outbox->sha);
    memory_free(outbox);
}

bool outbox_begin(struct outbox *outbox, struct error *error)
{
    if (outbox->begun)
        return true;
    if (!member_begin(outbox->member, error))
        return false;
    outbox->begun = true;
    return true;
}

bool outbox_begun(const struct outbox *outbox) { return outbox->begun; }

bool outbox_send(struct outbox *outbox, const struct bus_output *output, struct error *error)
{
    if (!outbox_begin(outbox, error))
        return false;
    CHECK(output->headers_count <= BUS_HEADERS_MAX);
    struct bus_output copy = *output;
    struct bus_header *headers = arena_alloc(outbox->arena, output->headers_count * sizeof *headers);
    copy.key = arena_copy(outbox->arena, output->key);
    copy.value = arena_copy(outbox->arena, output->value);
    bool fits = bytes_present(copy.key) == bytes_present(output->key) &&
                bytes_present(copy.value) == bytes_present(output->value);
    fits = fits && headers != NULL;
    for (uint32_t i = 0; fits && i < output->headers_count; i++) {
        headers[i].name = arena_copy(outbox->arena, output->headers[i].name);
        headers[i].value = arena_copy(outbox->arena, output->headers[i].value);
        fits = fits && bytes_present(headers[i].name);
    }
    if (!fits)
        return error_set(error, ERROR_LIMIT, "a transaction would hold more than %zu bytes of output; lower commit.interval",
                         arena_used_bytes(outbox->arena));
    copy.headers = headers;
    return member_produce(outbox->member, &copy, error);
}

void outbox_use_schemas(struct outbox *outbox, const struct output_schemas *schemas)
{
    json_destroy(outbox->json);
    arena_destroy(outbox->encoding);
    outbox->schemas = schemas;
    outbox->json = schemas ? json_create(JSON_MEMORY_BYTES) : NULL;
    outbox->encoding = schemas ? arena_create(ENCODING_LIMIT_BYTES) : NULL;
    outbox->encoded.limit_bytes = SCRATCH_LIMIT_BYTES;
}

/* The value of a record as Avro; its memory is good until the next one. */
static bool encode(struct outbox *outbox, enum schema_name name, struct bytes *value, struct error *error)
{
    buffer_clear(&outbox->encoded);
    arena_reset(outbox->encoding);
    const struct json_value *root = json_parse(outbox->json, *value, JSON_DEPTH_MAX, error);
    if (root == NULL || !output_schemas_encode(outbox->schemas, name, root, outbox->encoding, &outbox->encoded, error))
        return false;
    *value = buffer_bytes(&outbox->encoded);
    return true;
}

bool outbox_send_record(struct outbox *outbox, enum schema_name name, const struct bus_output *output, struct error *error)
{
    struct bus_output record = *output;
    struct error why;
    if (outbox->schemas == NULL || encode(outbox, name, &record.value, &why))
        return outbox_send(outbox, &record, error);
    if (outbox->refused++ == 0)
        log_line(LOG_ERROR, "output", -1, "a record for %s does not fit its schema and is not written; further ones are counted: %.300s",
                 output->topic, why.message);
    return true;
}

uint64_t outbox_refused(const struct outbox *outbox) { return outbox->refused; }

void outbox_message(struct outbox *outbox, uint8_t kind, struct bytes name, struct bytes payload)
{
    struct entity_message message = {.kind = kind, .name = name, .payload = payload};
    message.entity = entity_id(kind, name, outbox->sha);
    exchange_write_message(&message, &outbox->messages[cell_partition(&message.entity, outbox->partitions)]);
}

struct bytes outbox_messages(const struct outbox *outbox, uint32_t partition)
{
    return buffer_bytes(&outbox->messages[partition]);
}

struct buffer *outbox_scratch(struct outbox *outbox)
{
    buffer_clear(&outbox->scratch);
    return &outbox->scratch;
}

void outbox_reset(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->partitions; i++)
        buffer_clear(&outbox->messages[i]);
    arena_reset(outbox->arena);
    outbox->begun = false;
}

size_t outbox_used_bytes(const struct outbox *outbox) { return arena_used_bytes(outbox->arena); }
