/*
 * schema_registry_lookup.c - who asks for a schema: the answer is what the cache has now; a key that is new is put
 * on the thread's list.
 */
#include "engine/bus/schema_registry_internal.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/bus/ports.h"

#include <stdio.h>
#include <time.h>

#define MS 1000000

/* ---- lookups --------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct registry_key *key)
{
    return hash_bytes(bytes_of(key, sizeof *key), 0);
}

static struct registry_entry *find(struct schema_registry *registry, const struct registry_key *key)
{
    uint32_t cursor;
    uint64_t hash = hash_of(key);
    uint32_t number = table_first(&registry->by_key, hash, &cursor);
    while (number != TABLE_NONE && memcmp(&registry->entries[number]->key, key, sizeof *key) != 0)
        number = table_next(&registry->by_key, hash, &cursor);
    return number == TABLE_NONE ? NULL : registry->entries[number];
}

/* Place for a new key: unused, or that of the refusal that expires first. NULL: there is none. */
static struct registry_entry *place(struct schema_registry *registry,
                                    const struct registry_key *key)
{
    if (registry->entries_count < registry->options.schemas_max) {
        struct registry_entry *entry = memory_allocate(sizeof *entry);
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

static void ask(struct schema_registry *registry, struct registry_entry *entry,
                const struct registry_key *key)
{
    *entry = (struct registry_entry){.key = *key,
                                     .state = ENTRY_ASKED,
                                     .asked_ns = clock_monotonic_ns(),
                                     .asked = registry->next_number++};
    registry->counters.misses++;
    pthread_cond_signal(&registry->wake);
}

/* An outage counts from its beginning, whoever asks: else each new id would be waited for anew. */
static int64_t waited_ms(const struct schema_registry *registry, const struct registry_entry *entry)
{
    if (entry->state != ENTRY_ASKED)
        return 0;
    bool away = registry->failures_in_row > 0 && registry->away_since_ns < entry->asked_ns;
    return (clock_monotonic_ns() - (away ? registry->away_since_ns : entry->asked_ns)) / MS;
}

static void answer(const struct schema_registry *registry, const struct registry_entry *entry,
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
    struct registry_entry *entry = find(registry, key);
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
    if (registry_next_asked(registry) != NULL)
        (void)pthread_cond_timedwait(&registry->settled, &registry->lock, &until);
    pthread_mutex_unlock(&registry->lock);
}

void schema_registry_count(struct schema_registry *registry, struct schema_registry_counters *out)
{
    pthread_mutex_lock(&registry->lock);
    *out = registry->counters;
    pthread_mutex_unlock(&registry->lock);
}
