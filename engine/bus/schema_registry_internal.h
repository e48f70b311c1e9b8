/*
 * schema_registry_internal.h - between the registry's cache (schema_registry.c), its connection
 * (schema_registry_http.c), its answers (schema_registry_answer.c) and fetching (…_fetch.c).
 */
#ifndef ENGINE_BUS_SCHEMA_REGISTRY_INTERNAL_H
#define ENGINE_BUS_SCHEMA_REGISTRY_INTERNAL_H

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "engine/base/table.h"
#include "engine/bus/schema_registry.h"

#include <pthread.h>
#include <stdatomic.h>

#define REGISTRY_REFERENCES_MAX 32
#define REGISTRY_SUBJECT_MAX    512

/* ---- schema_registry_http.c: one connection, used by one thread at a time ---- */
struct registry_http;

/* `stopping` is looked at while a request runs. */
struct registry_http *registry_http_open(const struct schema_registry_options *options,
                                         const atomic_bool *stopping, struct error *error);
void registry_http_close(struct registry_http *http);
/* GET, or POST when there is a body. path begins with / and stands behind the base path. False: no whole
 * answer came; the code is UNAVAILABLE when trying again may help. */
bool registry_http_request(struct registry_http *http, const char *path, struct bytes body,
                           long *status, struct buffer *answer, struct error *error);
/* A path segment: everything but letters, digits and -._~ percent-encoded. */
void registry_http_put_segment(struct buffer *path, const char *text);

/* ---- schema_registry_answer.c: hostile bytes into facts ---- */
struct registry_reference {
    char subject[REGISTRY_SUBJECT_MAX];
    int64_t version;
};

struct registry_schema {
    struct bytes text; /* borrowed from the document */
    struct registry_reference references[REGISTRY_REFERENCES_MAX];
    uint32_t references_count;
};

/* A document with room for an answer of this size; owner frees with json_destroy. */
struct json_document *registry_answer_document(size_t answer_bytes);
bool registry_answer_schema(struct json_document *document, struct bytes answer,
                            struct registry_schema *out, struct error *error);
bool registry_answer_id(struct json_document *document, struct bytes answer, uint32_t *id,
                        struct error *error);
/* False with the registry's reasons when it says no. */
bool registry_answer_compatible(struct json_document *document, struct bytes answer,
                                struct error *error);
/* An answer that is no success as an error: UNAVAILABLE when trying again may help, else INPUT. */
void registry_answer_refusal(struct json_document *document, long status, struct bytes answer,
                             struct error *error);

/* ---- schema_registry_fetch.c ---- */
struct registry_texts {
    struct bytes texts[SCHEMA_TEXTS_MAX]; /* owned: registry_texts_free */
    uint32_t count;
};

/* What a schema is known by. Zero-filled where it does not count, so that keys compare as bytes. */
struct registry_key {
    uint32_t is_guid;
    uint32_t id;
    uint8_t guid[SCHEMA_GUID_BYTES];
};
#define REGISTRY_KEY_CHARS 40
/* "17" or "0f1e2d3c-…"; returns out. */
const char *registry_key_text(const struct registry_key *key, char out[REGISTRY_KEY_CHARS]);

/* The schema and all it refers to, those first. */
bool registry_fetch(struct registry_http *http, const struct registry_key *key,
                    struct registry_texts *out, struct error *error);
void registry_texts_free(struct registry_texts *texts);

/* ---- schema_registry.c: the thread; schema_registry_lookup.c: who asks ---- */
enum registry_entry_state { ENTRY_ASKED, ENTRY_KNOWN, ENTRY_REFUSED };

struct registry_entry {
    struct registry_key key;
    enum registry_entry_state state;
    int64_t asked_ns; /* ASKED: since when */
    int64_t until_ns; /* REFUSED: then it is asked again */
    uint64_t asked;   /* number in the queue: the smallest is next */
    struct registry_texts texts;
    char reason[300];
};

struct schema_registry {
    struct schema_registry_options options;
    struct registry_http *http;  /* the thread's */
    struct registry_http *calls; /* of those who wait; under call_lock */
    pthread_t thread;
    pthread_mutex_t lock, call_lock;
    pthread_cond_t wake, settled;
    atomic_bool stopping;
    struct registry_entry **entries; /* pointers, because callers borrow texts */
    uint32_t entries_count;
    struct table by_key;
    uint64_t next_number;
    int64_t not_before_ns; /* back-off */
    int64_t away_since_ns; /* while failures_in_row > 0: of the first of them */
    uint32_t failures_in_row;
    int64_t quiet_until_ns; /* nothing is logged before */
    uint64_t jitter;
    struct schema_registry_counters counters;
};

/* The entry to fetch next; NULL: none is asked for. The lock is held. */
struct registry_entry *registry_next_asked(struct schema_registry *registry);
/* A request of someone who waits; one at a time. */
bool registry_call(struct schema_registry *registry, const char *path, struct bytes body,
                   long *status, struct buffer *answer_out, struct error *error);

#endif
