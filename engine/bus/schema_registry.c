/*
 * schema_registry.c - the cache, and the thread that fills it one schema at a time.
 *
 * One mutex guards the entries; it is never held during I/O. An entry moves ASKED -> KNOWN, or
 * ASKED -> REFUSED, which is asked again after missing_ms. While the registry is away nothing is
 * refused: all ids wait under one back-off, because they share one registry.
 */
#include "engine/bus/schema_registry_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/bus/ports.h"

#include <stdio.h>
#include <time.h>

#define MS           1000000
#define LOG_EVERY_MS 1000

const struct schema_registry_options schema_registry_options_default = {
    .url = "",
    .timeout_ms = 5000,
    .retry_min_ms = 100,
    .retry_max_ms = 30000,
    .missing_ms = 60000,
    .schemas_max = 1000,
    .answer_bytes_max = 4u << 20,
    .seed = 1,
};

/* ---- the thread --------------------------------------------------------------------------------------- */

struct registry_entry *registry_next_asked(struct schema_registry *registry)
{
    struct registry_entry *next = NULL;
    for (uint32_t i = 0; i < registry->entries_count; i++) {
        struct registry_entry *entry = registry->entries[i];
        if (entry->state == ENTRY_ASKED && (next == NULL || entry->asked < next->asked))
            next = entry;
    }
    return next;
}

/* Half to all of a doubling time: many members do not come back at once. */
static int64_t backoff_ns(struct schema_registry *registry)
{
    int64_t wait = registry->options.retry_min_ms;
    for (uint32_t i = 1; i < registry->failures_in_row && wait < registry->options.retry_max_ms;
         i++)
        wait *= 2;
    if (wait > registry->options.retry_max_ms)
        wait = registry->options.retry_max_ms;
    registry->jitter += 0x9e3779b97f4a7c15ULL;
    uint64_t half = (uint64_t)wait * MS / 2;
    return (int64_t)(half + hash_mix64(registry->jitter) % (half + 1));
}

/* The lock is held. */
static void take_result(struct schema_registry *registry, struct registry_entry *entry, bool good,
                        const struct registry_texts *texts, const struct error *error)
{
    int64_t now = clock_monotonic_ns();
    char name[REGISTRY_KEY_CHARS];
    registry->counters.requests++;
    if (good) {
        entry->texts = *texts;
        entry->state = ENTRY_KNOWN;
        registry->failures_in_row = 0;
        return;
    }
    registry->counters.failures++;
    snprintf(entry->reason, sizeof entry->reason, "%.299s", error->message);
    if (error->code == ERROR_UNAVAILABLE) {
        if (registry->failures_in_row++ == 0)
            registry->away_since_ns = now;
        registry->not_before_ns = now + backoff_ns(registry);
        entry->asked = registry->next_number++; /* others first: it may be this id's fault */
    } else {
        registry->failures_in_row = 0;
        entry->state = ENTRY_REFUSED;
        entry->until_ns = now + registry->options.missing_ms * MS;
    }
    if (registry->failures_in_row <= 1 && now >= registry->quiet_until_ns) {
        registry->quiet_until_ns =
            now + (int64_t)LOG_EVERY_MS * MS; /* producers may name any number of ids */
        log_line(LOG_WARNING, "schema_registry", -1, "schema %s: %.300s",
                 registry_key_text(&entry->key, name), error->message);
    }
}

/* The lock is held; it may be given up. False: nothing to do now. */
static bool fetch_next(struct schema_registry *registry)
{
    struct registry_entry *entry = registry_next_asked(registry);
    if (entry == NULL || clock_monotonic_ns() < registry->not_before_ns)
        return false;
    struct registry_key key = entry->key;
    struct registry_texts texts;
    struct error error = {0};
    pthread_mutex_unlock(&registry->lock);
    bool good = registry_fetch(registry->http, &key, &texts, &error);
    pthread_mutex_lock(&registry->lock);
    take_result(registry, entry, good, &texts, &error); /* an ASKED entry is never evicted */
    pthread_cond_broadcast(&registry->settled);
    return true;
}

static void *run(void *context)
{
    struct schema_registry *registry = context;
    pthread_mutex_lock(&registry->lock);
    while (!atomic_load(&registry->stopping)) {
        if (fetch_next(registry))
            continue;
        if (registry_next_asked(registry) == NULL) {
            pthread_cond_wait(&registry->wake, &registry->lock);
        } else {
            struct timespec until = {registry->not_before_ns / 1000000000,
                                     registry->not_before_ns % 1000000000};
            (void)pthread_cond_timedwait(&registry->wake, &registry->lock, &until);
        }
    }
    pthread_mutex_unlock(&registry->lock);
    return NULL;
}

/* ---- calls that wait: schema_registry_subject.c ----------------------------------------------------------- */

bool registry_call(struct schema_registry *registry, const char *path, struct bytes body,
                   long *status, struct buffer *answer_out, struct error *error)
{
    pthread_mutex_lock(&registry->call_lock);
    bool good = registry_http_request(registry->calls, path, body, status, answer_out, error);
    pthread_mutex_unlock(&registry->call_lock);
    return good;
}

/* ---- start and stop ------------------------------------------------------------------------------------------- */

static bool check_options(const struct schema_registry_options *options, struct error *error)
{
    if (options->url == NULL ||
        (strncmp(options->url, "http://", 7) != 0 && strncmp(options->url, "https://", 8) != 0))
        return error_set(error, ERROR_INPUT,
                         "registry.url must begin with http:// or https://, as in "
                         "http://localhost:8081");
    if (options->timeout_ms <= 0 || options->retry_min_ms <= 0 ||
        options->retry_max_ms < options->retry_min_ms || options->missing_ms < 0 ||
        options->schemas_max == 0 || options->answer_bytes_max == 0)
        return error_set(error, ERROR_INPUT, "registry: times and limits must be above 0");
    return true;
}

bool schema_registry_start(const struct schema_registry_options *options,
                           struct schema_registry **out, struct error *error)
{
    if (!check_options(options, error))
        return false;
    struct schema_registry *registry = memory_allocate(sizeof *registry);
    registry->options = *options;
    registry->jitter = options->seed;
    registry->http = registry_http_open(options, &registry->stopping, error);
    registry->calls =
        registry->http ? registry_http_open(options, &registry->stopping, error) : NULL;
    if (registry->calls == NULL) {
        registry_http_close(registry->http);
        memory_free(registry);
        return false;
    }
    registry->entries = memory_allocate_array(options->schemas_max, sizeof *registry->entries);
    pthread_condattr_t monotonic;
    CHECK(pthread_condattr_init(&monotonic) == 0 &&
          pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&registry->wake, &monotonic) == 0 &&
          pthread_cond_init(&registry->settled, &monotonic) == 0);
    (void)pthread_condattr_destroy(&monotonic);
    CHECK(pthread_mutex_init(&registry->lock, NULL) == 0 &&
          pthread_mutex_init(&registry->call_lock, NULL) == 0);
    CHECK(pthread_create(&registry->thread, NULL, run, registry) == 0);
    *out = registry;
    return true;
}

void schema_registry_stop(struct schema_registry *registry)
{
    if (registry == NULL)
        return;
    pthread_mutex_lock(&registry->lock);
    atomic_store(&registry->stopping, true);
    pthread_cond_signal(&registry->wake);
    pthread_mutex_unlock(&registry->lock);
    (void)pthread_join(registry->thread, NULL);
    registry_http_close(registry->http);
    registry_http_close(registry->calls);
    for (uint32_t i = 0; i < registry->entries_count; i++) {
        registry_texts_free(&registry->entries[i]->texts);
        memory_free(registry->entries[i]);
    }
    memory_free(registry->entries);
    table_free(&registry->by_key);
    (void)pthread_cond_destroy(&registry->wake);
    (void)pthread_cond_destroy(&registry->settled);
    (void)pthread_mutex_destroy(&registry->lock);
    (void)pthread_mutex_destroy(&registry->call_lock);
    memory_free(registry);
}
