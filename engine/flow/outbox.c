/* outbox.c - copies live in an arena until the transaction has ended, as the sink demands. */
#include "engine/flow/outbox.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#define MESSAGES_LIMIT_BYTES ((size_t)64 << 20)
#define SCRATCH_LIMIT_BYTES ((size_t)32 << 20)

struct outbox {
    struct member *member;
    struct arena *arena;
    struct sha256 *sha;
    struct buffer *messages; /* per digests partition */
    uint32_t partitions;
    struct buffer scratch;
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
