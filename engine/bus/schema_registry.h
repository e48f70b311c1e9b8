/*
 * schema_registry.h - schemas by id or guid from a Confluent-compatible registry, fetched by a thread of its own.
 *
 * A lookup never waits and never does I/O, so records of other schemas go on; the caller holds back or
 * dead-letters those of a schema that is not there yet. What is READY stays so, and is immutable.
 */
#ifndef ENGINE_BUS_SCHEMA_REGISTRY_H
#define ENGINE_BUS_SCHEMA_REGISTRY_H

#include "engine/base/buffer.h"
#include "engine/base/error.h"

struct schema_registry_options {
    const char *url; /* http(s)://host:port, with a base path where the registry has one */
    const char *user, *password;                       /* basic; NULL or empty: none */
    const char *token;                                 /* bearer; wins over basic */
    const char *ca_file, *certificate_file, *key_file; /* PEM; NULL or empty: the system's, none */
    int64_t timeout_ms;                                /* of one request */
    int64_t retry_min_ms,
        retry_max_ms;     /* back-off while the registry is away, doubling, with jitter */
    int64_t missing_ms;   /* how long a definite no is believed */
    uint32_t schemas_max; /* ids remembered; known schemas are never forgotten */
    uint32_t answer_bytes_max;
    uint64_t seed; /* of the jitter */
};
extern const struct schema_registry_options schema_registry_options_default;

struct schema_registry;

enum schema_state {
    SCHEMA_READY,
    SCHEMA_FETCHING, /* asked for, perhaps repeatedly; `reason` says what went wrong last, or is empty */
    SCHEMA_FAILED /* a definite no, for some time; `reason` says why */
};

#define SCHEMA_TEXTS_MAX 64

struct schema_lookup {
    enum schema_state state;
    const struct bytes
        *texts;           /* READY: the last is the schema, those before it are what it refers to */
    uint32_t texts_count; /* borrowed until schema_registry_stop */
    int64_t
        waited_ms; /* FETCHING: since it was asked for, or since the registry went away if that is longer */
    char reason[300];
};

/* Checks the options and starts the thread; asks nothing yet. False: the error names the option. */
bool schema_registry_start(const struct schema_registry_options *options,
                           struct schema_registry **out, struct error *error);
/* Breaks off what is being fetched. NULL is allowed. */
void schema_registry_stop(struct schema_registry *registry);

/* From any thread. The first lookup of an id asks for it. */
void schema_registry_lookup(struct schema_registry *registry, uint32_t id,
                            struct schema_lookup *out);
/* The same by the 16 bytes that newer clients put into a header. */
#define SCHEMA_GUID_BYTES 16
void schema_registry_lookup_guid(struct schema_registry *registry,
                                 const uint8_t guid[SCHEMA_GUID_BYTES], struct schema_lookup *out);
/* For tools: returns when some schema was fetched or refused, at most so long. */
void schema_registry_await(struct schema_registry *registry, int64_t timeout_ms);

struct schema_registry_counters {
    uint64_t requests, failures, hits, misses;
};
void schema_registry_count(struct schema_registry *registry, struct schema_registry_counters *out);

/* ---- for producers, at start: these wait, at most timeout_ms each ------------------------------------ */

/* Registers the schema under the subject (or finds it there). */
bool schema_registry_register(struct schema_registry *registry, const char *subject,
                              struct bytes schema, uint32_t *id, struct error *error);
/* The subject's latest version; owner frees *schema with buffer_free. A subject that is new gives an empty one. */
bool schema_registry_latest(struct schema_registry *registry, const char *subject,
                            struct buffer *schema, struct error *error);
/* True when the registry takes it as the subject's next version; a subject that is new takes anything.
 * False: the error says what the registry says, which names the field. */
bool schema_registry_compatible(struct schema_registry *registry, const char *subject,
                                struct bytes schema, struct error *error);

#endif
