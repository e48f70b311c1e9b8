/*
 * config.c - from a request to a config: defaults, file, --set, then checks that look at several
 * options at once.
 */
#include "engine/config/config.h"

#include "engine/base/memory.h"
#include "engine/base/yaml.h"
#include "engine/config/check_config.h"
#include "engine/config/flatten.h"
#include "engine/config/indirect.h"
#include "engine/config/sources.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define SHARDS_MAX 64
#define KAFKA_SETTINGS_MAX 200

struct loader {
    const struct config_request *request;
    struct config *config;
    struct config_sources *sources;
    struct buffer value; /* the value being set, fetched */
    struct error *error;
};

/* One assignment, from the file or from the command line. */
struct assignment {
    struct bytes name, written;
    const struct yaml_node *key, *node; /* NULL: from the command line */
};

/* ---- errors -------------------------------------------------------------------------------------- */

/* Puts the place of the assignment in front of the error. */
static bool fail_at(const struct loader *loader, const struct assignment *assignment, const struct yaml_node *node)
{
    char message[sizeof loader->error->message];
    if (loader->error == NULL)
        return false;
    if (node == NULL)
        return error_prefix(loader->error, "--set %.*s", BYTES_FMT(assignment->name));
    memcpy(message, loader->error->message, sizeof message);
    return yaml_node_error(node, loader->error, "%s", message);
}

/* "commit" for "commit.interval": an option that has others inside. */
static const char *option_inside(const struct config_sources *sources, struct bytes name)
{
    for (uint32_t i = 0; i < sources->count; i++) {
        const char *full = sources->table[i].name;
        if (strlen(full) > name.size && memcmp(full, name.data, name.size) == 0 && full[name.size] == '.')
            return full;
    }
    return NULL;
}

static bool unknown_option(const struct loader *loader, const struct assignment *a)
{
    const char *near = option_suggest(loader->sources->table, a->name);
    const char *inside = option_inside(loader->sources, a->name);
    if (inside != NULL)
        error_set(loader->error, ERROR_INPUT, "\"%.*s\" is not an option but holds some, like %s", BYTES_FMT(a->name), inside);
    else if (near != NULL)
        error_set(loader->error, ERROR_INPUT, "unknown option \"%.*s\"; did you mean \"%s\"?", BYTES_FMT(a->name), near);
    else
        error_set(loader->error, ERROR_INPUT, "unknown option \"%.*s\"; --print-config lists all options", BYTES_FMT(a->name));
    return fail_at(loader, a, a->key);
}

/* An option may be set once per source. */
static bool check_once(const struct loader *loader, const struct assignment *a, const struct origin *origin)
{
    if (a->node == NULL || origin->kind != ORIGIN_FILE)
        return true;
    error_set(loader->error, ERROR_INPUT, "\"%.*s\" is here twice, first on line %d; remove one", BYTES_FMT(a->name), origin->line);
    return fail_at(loader, a, a->key);
}

static void note_origin(struct origin *origin, const struct assignment *a, bool indirect)
{
    struct bytes written = indirect ? a->written : BYTES_NONE;
    if (a->node == NULL)
        origin_set(origin, ORIGIN_COMMAND_LINE, 0, 0, written);
    else
        origin_set(origin, ORIGIN_FILE, yaml_node_line(a->node), yaml_node_column(a->node), written);
}

/* ---- assigning ----------------------------------------------------------------------------------- */

static char *copy_bytes(struct bytes b)
{
    char *copy = memory_allocate(b.size + 1);
    if (b.size > 0)
        memcpy(copy, b.data, b.size);
    return copy;
}

static bool set_option(struct loader *loader, uint32_t index, const struct assignment *a, bool indirect)
{
    struct config_sources *sources = loader->sources;
    if (!check_once(loader, a, &sources->origins[index]))
        return false;
    if (!option_set(&sources->table[index], sources->into[index], buffer_bytes(&loader->value), loader->error))
        return fail_at(loader, a, a->node);
    note_origin(&sources->origins[index], a, indirect);
    return true;
}

static bool set_kafka(struct loader *loader, int list, struct bytes key, const struct assignment *a, bool indirect)
{
    struct config_settings *settings = sources_kafka_settings(loader->config, list);
    struct origin_list *origins = &loader->sources->kafka[list];
    char name[FLAT_NAME_MAX];
    struct bytes value = buffer_bytes(&loader->value);
    if (key.size >= sizeof name || memchr(key.data, 0, key.size) != NULL || memchr(value.data, 0, value.size) != NULL) {
        error_set(loader->error, ERROR_INPUT, "not a Kafka setting: too long, or with a NUL byte");
        return fail_at(loader, a, a->key);
    }
    (void)snprintf(name, sizeof name, "%.*s", BYTES_FMT(key));
    const char *reason = loader->request->kafka_key_refused ? loader->request->kafka_key_refused(name) : NULL;
    if (reason != NULL) {
        error_set(loader->error, ERROR_INPUT, "\"%.*s\" cannot be set: %s", BYTES_FMT(a->name), reason);
        return fail_at(loader, a, a->key);
    }
    uint32_t at = 0;
    while (at < settings->count && strcmp(settings->rows[at].key, name) != 0)
        at++;
    if (at < settings->count && !check_once(loader, a, &origins->rows[at]))
        return false;
    if (at == KAFKA_SETTINGS_MAX) {
        error_set(loader->error, ERROR_LIMIT, "more than %d Kafka settings", KAFKA_SETTINGS_MAX);
        return fail_at(loader, a, a->key);
    }
    if (at == settings->count) {
        settings->rows = memory_resize(settings->rows, (at + 1) * sizeof *settings->rows);
        origins->rows = memory_resize(origins->rows, (at + 1) * sizeof *origins->rows);
        settings->rows[at] = (struct config_setting){memory_copy_text(name), NULL};
        origins->rows[at] = (struct origin){0};
        settings->count = origins->count = at + 1;
    }
    memory_free(settings->rows[at].value);
    settings->rows[at].value = copy_bytes(value);
    note_origin(&origins->rows[at], a, indirect);
    return true;
}

static bool assign(struct loader *loader, const struct assignment *a)
{
    struct bytes key = BYTES_NONE;
    bool indirect = false;
    const struct option *option = option_find(loader->sources->table, a->name);
    int list = option ? -1 : sources_kafka_list(a->name, &key);
    if (option == NULL && list < 0)
        return unknown_option(loader, a);
    if (!bytes_present(a->written)) {
        error_set(loader->error, ERROR_INPUT, "%.*s: a list; write one value", BYTES_FMT(a->name));
        return fail_at(loader, a, a->node);
    }
    buffer_clear(&loader->value);
    if (!indirect_resolve(a->written, &loader->value, &indirect, loader->error)) {
        error_prefix(loader->error, "%.*s", BYTES_FMT(a->name));
        return fail_at(loader, a, a->node);
    }
    if (option != NULL)
        return set_option(loader, (uint32_t)(option - loader->sources->table), a, indirect);
    return set_kafka(loader, list, key, a, indirect);
}

static bool load_file(struct loader *loader)
{
    struct yaml_document *document = yaml_load(loader->request->path, loader->error);
    if (document == NULL)
        return false;
    const struct yaml_node *root = yaml_root(document);
    bool good = true;
    if (root != NULL && yaml_node_kind(root) != YAML_MAPPING)
        good = yaml_node_error(root, loader->error, "not a mapping; write \"option: value\" lines");
    else if (root != NULL) {
        struct flat_walk walk;
        struct flat_setting setting;
        struct error error = {0};
        flat_start(&walk, root);
        while (good && flat_next(&walk, &setting, &error))
            good = assign(loader, &(struct assignment){setting.name, yaml_node_text(setting.value), setting.key, setting.value});
        if (error.code != ERROR_NONE)
            good = error_set(loader->error, error.code, "%s", error.message);
    }
    yaml_destroy(document);
    return good;
}

static bool apply_overrides(struct loader *loader)
{
    const char *const *overrides = loader->request->overrides;
    for (size_t i = 0; overrides != NULL && overrides[i] != NULL; i++) {
        const char *equals = strchr(overrides[i], '=');
        if (equals == NULL || equals == overrides[i])
            return error_set(loader->error, ERROR_INPUT, "--set %s: write name=value", overrides[i]);
        struct bytes name = bytes_of(overrides[i], (size_t)(equals - overrides[i]));
        if (!assign(loader, &(struct assignment){name, bytes_from_text(equals + 1), NULL, NULL}))
            return false;
    }
    return true;
}

/* ---- what follows from other values ---------------------------------------------------------------- */

/* "<app>" in a topic name becomes the application id. */
static void name_topics(struct config_sources *sources, const struct config *config)
{
    for (uint32_t i = 0; i < sources->count; i++) {
        const struct option *option = &sources->table[i];
        char *held = NULL;
        char full[512];
        if (option->type != OPTION_TEXT || strncmp(option->name, "topics.", 7) != 0 || sources->into[i] != config)
            continue;
        memcpy(&held, (uint8_t *)sources->into[i] + option->offset, sizeof held);
        const char *place = strstr(held, "<app>");
        if (place == NULL)
            continue;
        (void)snprintf(full, sizeof full, "%.*s%s%s", (int)(place - held), held, config->app, place + 5);
        memory_free(held);
        held = memory_copy_text(full);
        memcpy((uint8_t *)sources->into[i] + option->offset, &held, sizeof held);
    }
}

/* A relative path of a file is beside the configuration file. */
static void place_file(const struct config *config, char **file)
{
    const char *path = config->sources->path;
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (slash == NULL || (*file)[0] == '/' || (*file)[0] == 0)
        return;
    size_t folder = (size_t)(slash - path) + 1;
    size_t name = strlen(*file) + 1;
    char *joined = memory_allocate(folder + name);
    memcpy(joined, path, folder);
    memcpy(joined + folder, *file, name);
    memory_free(*file);
    *file = joined;
}

static void place_files(struct config *config)
{
    place_file(config, &config->rules_file);
    place_file(config, &config->topic_spans_schema);
    place_file(config, &config->registry_ca);
    place_file(config, &config->registry_certificate);
    place_file(config, &config->registry_key);
}

static void count_shards(struct config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (config->shards == 0)
        config->shards = cores < 1 ? 1 : cores > SHARDS_MAX ? SHARDS_MAX : cores;
}

static void decide_tracking(struct config *config)
{
    if (config->traces_track == TRACK_AUTO)
        config->traces_track = strcmp(config->topic_logs, "off") != 0 ? TRACK_ON : TRACK_OFF;
}

struct config *config_load(const struct config_request *request, struct error *error)
{
    struct error ignored = {0};
    struct config *config = memory_allocate(sizeof *config);
    config->sources = sources_create(request, config);
    struct loader loader = {request, config, config->sources, BUFFER_WITH_LIMIT(INDIRECT_BYTES_MAX), error ? error : &ignored};
    bool good = (request->path == NULL || load_file(&loader)) && apply_overrides(&loader);
    buffer_free(&loader.value);
    if (good) {
        name_topics(config->sources, config);
        place_files(config);
        count_shards(config);
        decide_tracking(config);
        good = config_check(config, loader.error);
    }
    if (good)
        return config;
    config_destroy(config);
    return NULL;
}

static void free_settings(struct config_settings *settings)
{
    for (uint32_t i = 0; i < settings->count; i++) {
        memory_free(settings->rows[i].key);
        memory_free(settings->rows[i].value);
    }
    memory_free(settings->rows);
}

void config_destroy(struct config *config)
{
    if (config == NULL)
        return;
    for (int list = 0; list < 3; list++)
        free_settings(sources_kafka_settings(config, list));
    option_free_all(config_options, config);
    sources_destroy(config->sources);
    memory_free(config);
}

bool config_refuse(const struct config *config, const char *name, struct error *error, const char *format, ...)
{
    char message[400];
    char where[4200] = "default";
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const struct option *option = option_find(config->sources->table, bytes_from_text(name));
    if (option != NULL)
        sources_describe(config->sources, &config->sources->origins[option - config->sources->table], where, sizeof where);
    return error_set(error, ERROR_INPUT, "%s: %s: %s", where, name, message);
}
