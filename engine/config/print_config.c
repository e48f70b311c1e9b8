/*
 * print_config.c - --print-config: every option with its value and where it came from, as YAML.
 *
 * Secrets are three stars, or the name of the file they come from. A value that was fetched from the
 * environment or a file is printed as it was written, so that nothing fetched is ever shown.
 */
#include "engine/config/config.h"

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/config/sources.h"

#define VALUE_BYTES_MAX ((size_t)64 * 1024 + 1)
#define COLUMN 44

static bool needs_quotes(struct bytes value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:,%";
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] == 0 || strchr(plain, value.data[i]) == NULL || (value.data[i] == ':' && i + 1 == value.size))
            return true;
    return value.size == 0 || strchr("-:,%", value.data[0]) != NULL;
}

static void put_line(struct buffer *out, const struct config_sources *sources, const char *prefix, const char *name, struct bytes value,
                     const struct origin *origin)
{
    char where[4200];
    size_t start = out->size;
    buffer_append_text(out, prefix);
    buffer_append_text(out, name);
    buffer_append_text(out, ": ");
    if (needs_quotes(value)) {
        struct json_writer writer = json_writer_on(out);
        json_put_text(&writer, value);
    } else {
        buffer_append(out, value.data, value.size);
    }
    do
        buffer_put_u8(out, ' ');
    while (!out->failed && out->size - start < COLUMN);
    sources_describe(sources, origin, where, sizeof where);
    buffer_append_text(out, "# ");
    buffer_append_text(out, where);
    buffer_put_u8(out, '\n');
}

/* Is it a password, a key, a token? By its name: these settings are the library's, not ours. */
static bool is_secret_name(const char *name)
{
    static const char *const parts[] = {"password", "secret", "token", "jaas", "credential", "private", ".key", ".pem"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(name, parts[i]) != NULL && strstr(name, "location") == NULL)
            return true;
    return false;
}

static struct bytes shown_value(const char *value, bool secret, const struct origin *origin)
{
    bool file = origin->written != NULL && strncmp(origin->written, "file:", 5) == 0;
    if (secret && !file)
        return bytes_from_text(value[0] ? "***" : "");
    return bytes_from_text(origin->written ? origin->written : value);
}

void config_print(const struct config *config, struct buffer *out)
{
    static const char *const prefixes[] = {"kafka.", "kafka.consumer.", "kafka.producer."};
    const struct config_sources *sources = config->sources;
    char *value = memory_allocate_raw(VALUE_BYTES_MAX);
    for (uint32_t i = 0; i < sources->count; i++) {
        const struct option *option = &sources->table[i];
        const struct origin *origin = &sources->origins[i];
        (void)option_print(option, sources->into[i], value, VALUE_BYTES_MAX);
        put_line(out, sources, "", option->name, shown_value(value, option->type == OPTION_SECRET, origin), origin);
    }
    memory_free(value);
    const struct config_settings *lists[] = {&config->kafka_common, &config->kafka_consumer, &config->kafka_producer};
    for (int list = 0; list < 3; list++)
        for (uint32_t i = 0; i < lists[list]->count; i++) {
            const struct config_setting *row = &lists[list]->rows[i];
            const struct origin *origin = &sources->kafka[list].rows[i];
            put_line(out, sources, prefixes[list], row->key, shown_value(row->value, is_secret_name(row->key), origin), origin);
        }
}
