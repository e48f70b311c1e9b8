/* sources.c - the joined table, and the words for an origin. */
#include "engine/config/sources.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <stdio.h>

static uint32_t table_length(const struct option *table)
{
    uint32_t length = 0;
    while (table[length].name != NULL)
        length++;
    return length;
}

static void add_table(struct config_sources *sources, const char *section, const struct option *table, void *into)
{
    for (const struct option *option = table; option->name != NULL; option++) {
        struct option *copy = &sources->table[sources->count];
        char name[256];
        int size = section ? snprintf(name, sizeof name, "%s.%s", section, option->name) : snprintf(name, sizeof name, "%s", option->name);
        CHECK(size > 0 && (size_t)size < sizeof name);
        *copy = *option;
        copy->name = memory_copy_text(name);
        sources->into[sources->count++] = into;
    }
}

struct config_sources *sources_create(const struct config_request *request, struct config *config)
{
    uint32_t length = table_length(config_options);
    for (uint32_t i = 0; i < request->sections_count; i++)
        length += request->sections[i].table ? table_length(request->sections[i].table) : 0;
    struct config_sources *sources = memory_allocate(sizeof *sources);
    sources->path = memory_copy_text(request->path);
    sources->table = memory_allocate_array(length + 1, sizeof *sources->table);
    sources->into = memory_allocate_array(length, sizeof *sources->into);
    sources->origins = memory_allocate_array(length, sizeof *sources->origins);
    option_set_defaults(config_options, config);
    add_table(sources, NULL, config_options, config);
    for (uint32_t i = 0; i < request->sections_count; i++)
        if (request->sections[i].table != NULL)
            add_table(sources, request->sections[i].name, request->sections[i].table, request->sections[i].conf);
    return sources;
}

void sources_destroy(struct config_sources *sources)
{
    if (sources == NULL)
        return;
    for (uint32_t i = 0; i < sources->count; i++) {
        memory_free((char *)(uintptr_t)sources->table[i].name);
        memory_free(sources->origins[i].written);
    }
    for (int list = 0; list < 3; list++) {
        for (uint32_t i = 0; i < sources->kafka[list].count; i++)
            memory_free(sources->kafka[list].rows[i].written);
        memory_free(sources->kafka[list].rows);
    }
    memory_free(sources->path);
    memory_free(sources->table);
    memory_free(sources->into);
    memory_free(sources->origins);
    memory_free(sources);
}

int sources_kafka_list(struct bytes name, struct bytes *key)
{
    static const char *const prefixes[] = {"kafka.", "kafka.consumer.", "kafka.producer."};
    for (int list = 2; list >= 0; list--) {
        size_t size = strlen(prefixes[list]);
        if (name.size > size && memcmp(name.data, prefixes[list], size) == 0) {
            *key = bytes_of(name.data + size, name.size - size);
            return list;
        }
    }
    return -1;
}

struct config_settings *sources_kafka_settings(struct config *config, int list)
{
    return list == 0 ? &config->kafka_common : list == 1 ? &config->kafka_consumer : &config->kafka_producer;
}

void sources_describe(const struct config_sources *sources, const struct origin *origin, char *out, size_t size)
{
    if (origin->kind == ORIGIN_FILE)
        (void)snprintf(out, size, "%s:%d:%d", sources->path, origin->line, origin->column);
    else
        (void)snprintf(out, size, "%s", origin->kind == ORIGIN_COMMAND_LINE ? "--set" : "default");
}

void origin_set(struct origin *origin, enum origin_kind kind, int line, int column, struct bytes written)
{
    memory_free(origin->written);
    origin->written = NULL;
    if (bytes_present(written)) {
        origin->written = memory_allocate(written.size + 1);
        memcpy(origin->written, written.data, written.size);
    }
    origin->kind = kind;
    origin->line = line;
    origin->column = column;
}
