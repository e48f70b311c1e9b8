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
#include "engine/base/table.h"
#include "engine/bus/ports.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define MS 1000000
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

enum entry_state { ENTRY_ASKED, ENTRY_KNOWN, ENTRY_REFUSED };

struct entry {
    struct registry_key key;
    enum entry_state state;
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
    struct entry **entries; /* pointers, because callers borrow texts */
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

/* ---- the thread --------------------------------------------------------------------------------------- */

static struct entry *next_asked(struct schema_registry *registry)
{
    struct entry *next = NULL;
    for (uint32_t i = 0; i < registry->entries_count; i++) {
        struct entry *entry = registry->entries[i];
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
static void take_result(struct schema_registry *registry, struct entry *entry, bool good,
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
        registry->quiet_until_ns = now + (int64_t)LOG_EVERY_MS * MS; /* producers may name any number of ids */
        log_line(LOG_WARNING, "schema_registry", -1, "schema %s: %.300s",
                 registry_key_text(&entry->key, name), error->message);
    }
}

/* The lock is held; it may be given up. False: nothing to do now. */
static bool fetch_next(struct schema_registry *registry)
{
    struct entry *entry = next_asked(registry);
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
        if (next_asked(registry) == NULL) {
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

/* ---- lookups --------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct registry_key *key)
{
    return hash_bytes(bytes_of(key, sizeof *key), 0);
}

static struct entry *find(struct schema_registry *registry, const struct registry_key *key)
{
    uint32_t cursor;
    uint64_t hash = hash_of(key);
    uint32_t number = table_first(&registry->by_key, hash, &cursor);
    while (number != TABLE_NONE &&
           memcmp(&registry->entries[number]->key, key, sizeof *key) != 0)
        number = table_next(&registry->by_key, hash, &cursor);
    return number == TABLE_NONE ? NULL : registry->entries[number];
}

/* Place for a new key: unused, or that of the refusal that expires first. NULL: there is none. */
static struct entry *place(struct schema_registry *registry, const struct registry_key *key)
{
    if (registry->entries_count < registry->options.schemas_max) {
        struct entry *entry = memory_allocate(sizeof *entry);
        registry->entries[registry->entries_count] = entry;
        table_insert(&registry->by_key, hash_of(key), registry->entries_count++);
        return entry;
    }
    uint32_t oldest = TABLE_NONE;
    for (uint32_t i = 0; i < registry->entries_count; i++)
        if (registry->entries[i]->state == ENTRY_REFUSED &&
            (oldest == TABLE_NONE ||
             registry->entries[i]->until_ns < registry->entries[oldest]->until_ns))
            oldest = i;
    if (oldest == TABLE_NONE)
        return NULL;
    table_remove(&registry->by_key, hash_of(&registry->entries[oldest]->key), oldest);
    table_insert(&registry->by_key, hash_of(key), oldest);
    return registry->entries[oldest];
}

static void ask(struct schema_registry *registry, struct entry *entry,
                const struct registry_key *key)
{
    *entry = (struct entry){.key = *key,
                            .state = ENTRY_ASKED,
                            .asked_ns = clock_monotonic_ns(),
                            .asked = registry->next_number++};
    registry->counters.misses++;
    pthread_cond_signal(&registry->wake);
}

/* An outage counts from its beginning, whoever asks: else each new id would be waited for anew. */
static int64_t waited_ms(const struct schema_registry *registry, const struct entry *entry)
{
    if (entry->state != ENTRY_ASKED)
        return 0;
    bool away = registry->failures_in_row > 0 && registry->away_since_ns < entry->asked_ns;
    return (clock_monotonic_ns() - (away ? registry->away_since_ns : entry->asked_ns)) / MS;
}

static void answer(const struct schema_registry *registry, const struct entry *entry,
                   struct schema_lookup *out)
{
    static const enum schema_state states[] = {[ENTRY_ASKED] = SCHEMA_FETCHING,
                                               [ENTRY_KNOWN] = SCHEMA_READY,
                                               [ENTRY_REFUSED] = SCHEMA_FAILED};
    out->state = states[entry->state];
    out->texts = entry->texts.texts;
    out->texts_count = entry->texts.count;
    out->waited_ms = waited_ms(registry, entry);
    snprintf(out->reason, sizeof out->reason, "%s", entry->reason);
}

static void look_up(struct schema_registry *registry, const struct registry_key *key,
                    struct schema_lookup *out)
{
    pthread_mutex_lock(&registry->lock);
    struct entry *entry = find(registry, key);
    if (entry == NULL) {
        entry = place(registry, key);
        if (entry != NULL)
            ask(registry, entry, key);
    } else if (entry->state == ENTRY_REFUSED && clock_monotonic_ns() >= entry->until_ns) {
        ask(registry, entry, key);
    } else {
        registry->counters.hits++;
    }
    if (entry != NULL) {
        answer(registry, entry, out);
    } else {
        *out = (struct schema_lookup){.state = SCHEMA_FAILED};
        snprintf(out->reason, sizeof out->reason,
                 "more than %u schemas are in use; raise registry.schemas_max",
                 registry->options.schemas_max);
    }
    pthread_mutex_unlock(&registry->lock);
}

void schema_registry_lookup(struct schema_registry *registry, uint32_t id,
                            struct schema_lookup *out)
{
    look_up(registry, &(struct registry_key){.id = id}, out);
}

void schema_registry_lookup_guid(struct schema_registry *registry,
                                 const uint8_t guid[SCHEMA_GUID_BYTES], struct schema_lookup *out)
{
    struct registry_key key = {.is_guid = 1};
    memcpy(key.guid, guid, sizeof key.guid);
    look_up(registry, &key, out);
}

void schema_registry_await(struct schema_registry *registry, int64_t timeout_ms)
{
    int64_t until_ns = clock_monotonic_ns() + timeout_ms * MS;
    struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    pthread_mutex_lock(&registry->lock);
    if (next_asked(registry) != NULL)
        (void)pthread_cond_timedwait(&registry->settled, &registry->lock, &until);
    pthread_mutex_unlock(&registry->lock);
}

void schema_registry_count(struct schema_registry *registry, struct schema_registry_counters *out)
{
    pthread_mutex_lock(&registry->lock);
    *out = registry->counters;
    pthread_mutex_unlock(&registry->lock);
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
