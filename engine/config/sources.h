/*
 * sources.h - inside config: every option with where its value came from. Shared by config*.c.
 *
 * The engine's table and the sections become one table under full names, so that lookups,
 * suggestions and printing see no difference.
 */
#ifndef ENGINE_CONFIG_SOURCES_H
#define ENGINE_CONFIG_SOURCES_H

#include "engine/config/config.h"

enum origin_kind { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_COMMAND_LINE };

struct origin {
    enum origin_kind kind;
    int line, column; /* of the value in the file */
    char *written;    /* as written, when the value was fetched from elsewhere; else NULL */
};

/* One pass-through setting has one of these, in the order of its list. */
struct origin_list {
    struct origin *rows;
    uint32_t count;
};

struct config_sources {
    char *path;           /* NULL: no file */
    struct option *table; /* full names; ends with a NULL name */
    void **into;          /* the struct that option i writes to */
    struct origin *origins;
    uint32_t count;
    struct origin_list kafka[3]; /* common, consumer, producer */
};

struct config_sources *sources_create(const struct config_request *request, struct config *config);
void sources_destroy(struct config_sources *sources);
/* The list a "kafka.…" name belongs to: 0 common, 1 consumer, 2 producer, and the key in it; -1: none. */
int sources_kafka_list(struct bytes name, struct bytes *key);
struct config_settings *sources_kafka_settings(struct config *config, int list);
/* "path:12:3", "--set", "default". */
void sources_describe(const struct config_sources *sources, const struct origin *origin, char *out, size_t size);
void origin_set(struct origin *origin, enum origin_kind kind, int line, int column, struct bytes written);

#endif
