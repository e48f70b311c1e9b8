/* material.c - see material.h. */
#include "tests/engine_kafka/material.h"
#include "tests/test.h"

#include "engine/base/memory.h"
#include "tests/span/otlp_build.h"
#include "tests/span/poison.h"

#include <dirent.h>

#define CAPTURED_MAX 256

struct material {
    uint64_t random, next_trace, next_poison;
    struct buffer request, noise;
    struct buffer captured[CAPTURED_MAX];
    uint32_t captured_count, captured_next;
};

double material_chance(struct material *m) { return (double)(otlp_random(&m->random) >> 11) / 9007199254740992.0; }

/* ---- real producers' records ------------------------------------------------------------------------------- */

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static bool read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    uint8_t part[16384];
    size_t got = 0;
    if (file == NULL)
        return false;
    *out = BUFFER_WITH_LIMIT((size_t)16 << 20);
    while ((got = fread(part, 1, sizeof part, file)) > 0)
        buffer_append(out, part, got);
    (void)fclose(file);
    return out->size > 0;
}

static void read_folder(struct material *m, const char *folder)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, visible, by_name);
    for (int i = 0; i < count; i++) {
        char path[2048];
        size_t size = strlen(names[i]->d_name);
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (size > 8 && strcmp(names[i]->d_name + size - 8, ".otlp.pb") == 0 && m->captured_count < CAPTURED_MAX)
            m->captured_count += read_file(path, &m->captured[m->captured_count]);
        free(names[i]);
    }
    free(names);
}

static void read_captured(struct material *m)
{
    char root[1200];
    struct dirent **names = NULL;
    if (!test_data_path(root, sizeof root, "captured"))
        return;
    int count = scandir(root, &names, visible, by_name);
    for (int i = 0; i < count; i++) {
        char path[2048];
        (void)snprintf(path, sizeof path, "%s/%s", root, names[i]->d_name);
        read_folder(m, path);
        free(names[i]);
    }
    free(names);
}

bool material_captured(struct material *m, struct bytes *out)
{
    if (m->captured_count == 0)
        return false;
    *out = buffer_bytes(&m->captured[m->captured_next++ % m->captured_count]);
    return true;
}

/* ---- made-up spans ------------------------------------------------------------------------------------------- */

static void put_span(struct material *m, int64_t now_ms, double fail_share, double late_share, struct buffer *scope)
{
    struct buffer span = BUFFER_WITH_LIMIT(1 << 16);
    uint32_t intent = (uint32_t)(material_chance(m) * 3);
    int64_t end_ms = now_ms - (int64_t)(material_chance(m) * 2000);
    if (material_chance(m) < late_share)
        end_ms -= (int64_t)(material_chance(m) * 3600000);
    uint64_t end_ns = (uint64_t)end_ms * 1000000;
    char text[64];
    (void)snprintf(text, sizeof text, "intent-%u", intent);
    otlp_put_span_core(&span, m->next_trace++, "chat model", end_ns - 400000000, end_ns);
    otlp_put_text(&span, 9, "gen_ai.operation.name", "chat");
    otlp_put_text(&span, 9, "gen_ai.request.model", intent % 2 ? "model-a" : "model-b");
    otlp_put_text(&span, 9, "intent", text);
    otlp_put_text(&span, 9, "gen_ai.output.type", "json");
    otlp_put_text(&span, 9, "gen_ai.prompt.version", "v1");
    otlp_put_text(&span, 9, "gen_ai.output.messages",
                  material_chance(m) < fail_share
                      ? "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"Sure, here you go\"}]}]"
                      : "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"{\\\"a\\\":1}\"}]}]");
    otlp_put_message(scope, 2, buffer_bytes(&span));
    buffer_free(&span);
}

struct bytes material_spans(struct material *m, int64_t now_ms, double fail_share, double late_share)
{
    struct buffer scope = BUFFER_WITH_LIMIT(1 << 20), resource = BUFFER_WITH_LIMIT(1 << 16),
                  resource_spans = BUFFER_WITH_LIMIT(1 << 20);
    bool shop = material_chance(m) < 0.5;
    uint32_t spans = 1 + (uint32_t)(material_chance(m) * 5);
    for (uint32_t i = 0; i < spans; i++)
        put_span(m, now_ms, fail_share, late_share, &scope);
    otlp_put_text(&resource, 1, "service.name", shop ? "shop" : "desk");
    otlp_put_text(&resource, 1, "deployment.environment.name", "prod");
    otlp_put_message(&resource_spans, 2, buffer_bytes(&scope));
    otlp_put_message(&resource_spans, 1, buffer_bytes(&resource));
    buffer_clear(&m->request);
    otlp_put_message(&m->request, 1, buffer_bytes(&resource_spans));
    buffer_free(&scope);
    buffer_free(&resource);
    buffer_free(&resource_spans);
    return buffer_bytes(&m->request);
}

/* ---- poison ------------------------------------------------------------------------------------------------------ */

enum poison material_poison(struct material *m, struct bytes *out)
{
    double which = material_chance(m);
    *out = BYTES_LITERAL("");
    if (which < 0.15)
        return POISON_EMPTY;
    if (which < 0.3)
        return POISON_TOMBSTONE;
    buffer_clear(&m->noise);
    if (which < 0.65) {
        *out = material_noise(m, 1 + (size_t)(material_chance(m) * 3000));
    } else { /* a record that was cut short */
        struct bytes whole = material_spans(m, 1700000000000, 0, 0);
        buffer_append(&m->noise, whole.data, 1 + (size_t)(material_chance(m) * (double)(whole.size - 2)));
        *out = buffer_bytes(&m->noise);
    }
    return POISON_BYTES;
}

struct bytes material_every_poison(struct material *m, int64_t now_ms)
{
    uint32_t kind = (uint32_t)(m->next_poison % poison_kinds());
    buffer_clear(&m->noise);
    (void)poison_put(kind, (1u << 20) + m->next_poison++, (uint64_t)now_ms * 1000000, &m->noise);
    return buffer_bytes(&m->noise);
}

struct bytes material_noise(struct material *m, size_t size)
{
    buffer_clear(&m->noise);
    buffer_append(&m->noise, "\x0a\xff\xff\xff\x7f", 5);
    while (m->noise.size < size) {
        uint64_t noise = otlp_random(&m->random);
        buffer_append(&m->noise, &noise, sizeof noise);
    }
    return buffer_bytes(&m->noise);
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

struct material *material_create(uint64_t seed)
{
    struct material *m = memory_allocate(sizeof *m);
    m->random = seed;
    m->next_trace = seed << 32 | 1;
    m->request = BUFFER_WITH_LIMIT((size_t)16 << 20);
    m->noise = BUFFER_WITH_LIMIT((size_t)16 << 20);
    read_captured(m);
    return m;
}

void material_destroy(struct material *m)
{
    buffer_free(&m->request);
    buffer_free(&m->noise);
    for (uint32_t i = 0; i < m->captured_count; i++)
        buffer_free(&m->captured[i]);
    memory_free(m);
}
