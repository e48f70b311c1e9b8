/*
 * prompt.c - which prompt made this answer: the version the application states, else the hash it
 * states, else the first 16 hex digits of SHA-256 of the system instructions as they lie in the
 * record (where told to: of a leading system message), else "none".
 *
 * System prompts repeat: a small cache from content to digest makes SHA-256 rare. A cache entry is
 * replaced by whatever else falls on its place; labels are copied out of it, never pointed at.
 */
#include "engine/base/hash.h"
#include "engine/base/sha256.h"
#include "engine/operator/label.h"
#include "engine/span/content.h"
#include "engine/span/row_sink.h"
#include "operators/annotate/annotate.h"

#define CACHE_ENTRIES 1024
#define DIGEST_DIGITS 16

enum { COUNT_HASHED, COUNT_NONE };

static const char *const counter_names[] = {"hashed", "none", NULL};

static const enum span_column reads[] = {
    SPAN_COLUMN_prompt_version_given,
    SPAN_COLUMN_prompt_hash_given,
    SPAN_COLUMN_system_instructions,
    SPAN_COLUMN_input_messages,
    SPAN_COLUMN_role,
    SPAN_COLUMN_COUNT,
};
static const enum span_column writes[] = {SPAN_COLUMN_prompt_label, SPAN_COLUMN_COUNT};

struct conf {
    bool from_messages;
};

static const struct option options[] = {
    {.name = "prompt.from_messages",
     .type = OPTION_BOOLEAN,
     .offset = offsetof(struct conf, from_messages),
     .default_text = "false",
     .help = "where no version, hash or system instructions are given, hash the leading system "
             "message; only for prompts "
             "that are not filled in per request, else every request is a prompt of its own"},
    {.name = NULL},
};

struct cached {
    uint64_t hash, size; /* of the content; size 0: unused */
    char digits[DIGEST_DIGITS];
};

struct scratch {
    struct sha256 *sha;
    struct cached cache[CACHE_ENTRIES];
};

static void open_scratch(void *memory) { ((struct scratch *)memory)->sha = sha256_create(); }

static void close_scratch(void *memory) { sha256_destroy(((struct scratch *)memory)->sha); }

static uint64_t load_big_endian(const uint8_t *p)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | p[i];
    return value;
}

static struct bytes digest_label(struct scratch *scratch, struct bytes content, struct arena *arena,
                                 uint64_t *counters)
{
    uint64_t hash = hash_bytes(content, 0);
    struct cached *cached = &scratch->cache[hash % CACHE_ENTRIES];
    if (cached->hash != hash || cached->size != content.size) {
        uint8_t digest[SHA256_BYTES];
        sha256_digest(scratch->sha, content, digest);
        label_hex64(load_big_endian(digest), cached->digits);
        cached->hash = hash;
        cached->size = content.size;
        counters[COUNT_HASHED]++;
    }
    return arena_copy(arena, bytes_of(cached->digits, DIGEST_DIGITS));
}

static struct bytes content_of(const struct conf *conf, const struct span_batch *batch,
                               uint32_t row)
{
    struct bytes content = batch->system_instructions[row];
    if (content.size > 0 || !conf->from_messages)
        return content;
    return content_system_message(batch->input_messages[row]);
}

static struct bytes label_of(const struct annotator_call *call, const struct span_batch *batch,
                             uint32_t row)
{
    struct bytes given = batch->prompt_version_given[row];
    if (!bytes_present(given))
        given = batch->prompt_hash_given[row];
    if (bytes_present(given))
        return label_fit(given, batch->arena);
    struct bytes content = content_of(call->conf, batch, row);
    return content.size > 0 ? digest_label(call->scratch, content, batch->arena, call->counters)
                            : BYTES_NONE;
}

static void annotate(const struct annotator_call *call, struct span_batch *batch)
{
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (batch->kind[row] != ROW_SPAN && batch->kind[row] != ROW_CONTENT)
            continue;
        struct bytes label = label_of(call, batch, row);
        if (!bytes_present(label)) {
            label = BYTES_LITERAL("none");
            call->counters[COUNT_NONE] += batch->role[row] == ROLE_CALL;
        }
        batch->prompt_label[row] = label;
    }
}

const struct annotator_class annotator_prompt = {
    .name = "prompt",
    .summary = "prompt version, template hash, or hash of the system instructions as a label",
    .reads = reads,
    .writes = writes,
    .counter_names = counter_names,
    .options = options,
    .conf_bytes = sizeof(struct conf),
    .scratch_bytes = sizeof(struct scratch),
    .annotate = annotate,
    .open = open_scratch,
    .close = close_scratch,
};
