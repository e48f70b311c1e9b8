/* store.c - entries in an array with a free list, found through a hash table. */
#include "engine/state/store.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/table.h"

struct blob {
    uint32_t size;
    uint32_t padding; /* data is aligned to 8: states are read in place */
    uint8_t data[];
};

struct entry {
    struct store_key key;
    uint64_t hash;
    struct blob *blob;  /* NULL: erased in this transaction, or the entry is free */
    struct blob *old;   /* before this transaction; only while touched */
    uint32_t next_free;
    bool touched;
    bool used;
};

struct store {
    struct table table;
    struct entry *entries;
    uint32_t entries_count, entries_capacity;
    uint32_t free_head; /* TABLE_NONE: none */
    uint32_t *touched;
    uint32_t touched_count, touched_capacity;
    uint32_t live;
    uint64_t bytes;
    uint64_t limit_bytes;
    bool refuse_new;
};

#define ENTRY_COST (sizeof(struct entry) + sizeof(struct blob) + 26) /* 26: table slot at load 5/8 */

struct store *store_create(uint64_t limit_bytes)
{
    struct store *store = memory_allocate(sizeof *store);
    store->limit_bytes = limit_bytes;
    store->free_head = TABLE_NONE;
    return store;
}

void store_destroy(struct store *store)
{
    if (store == NULL)
        return;
    for (uint32_t i = 0; i < store->entries_count; i++) {
        memory_free(store->entries[i].blob);
        if (store->entries[i].touched)
            memory_free(store->entries[i].old);
    }
    memory_free(store->entries);
    memory_free(store->touched);
    table_free(&store->table);
    memory_free(store);
}

void store_key_encode(const struct store_key *key, uint8_t out[STORE_KEY_BYTES])
{
    out[0] = key->kind;
    memcpy(out + 1, key->id, STORE_ID_BYTES);
    for (int i = 0; i < 4; i++)
        out[1 + STORE_ID_BYTES + i] = (uint8_t)(key->slot >> (24 - 8 * i));
}

bool store_key_decode(struct bytes in, struct store_key *key)
{
    if (in.size != STORE_KEY_BYTES)
        return false;
    memset(key, 0, sizeof *key);
    key->kind = in.data[0];
    memcpy(key->id, in.data + 1, STORE_ID_BYTES);
    for (int i = 0; i < 4; i++)
        key->slot = key->slot << 8 | in.data[1 + STORE_ID_BYTES + i];
    return true;
}

static uint64_t key_hash(const struct store_key *key)
{
    uint64_t h = hash_combine(bytes_load64(key->id), bytes_load64(key->id + 8));
    return hash_mix64(hash_combine(h, (uint64_t)key->slot << 8 | key->kind));
}

static bool key_equal(const struct store_key *a, const struct store_key *b)
{
    return a->slot == b->slot && a->kind == b->kind && memcmp(a->id, b->id, STORE_ID_BYTES) == 0;
}

static struct entry *find(const struct store *store, const struct store_key *key, uint64_t hash)
{
    uint32_t cursor = 0;
    for (uint32_t n = table_first(&store->table, hash, &cursor); n != TABLE_NONE;
         n = table_next(&store->table, hash, &cursor))
        if (key_equal(&store->entries[n].key, key))
            return &store->entries[n];
    return NULL;
}

static struct entry *add_entry(struct store *store, const struct store_key *key, uint64_t hash)
{
    uint32_t number = store->free_head;
    if (number != TABLE_NONE) {
        store->free_head = store->entries[number].next_free;
    } else {
        if (store->entries_count == store->entries_capacity) {
            store->entries_capacity = store->entries_capacity ? store->entries_capacity * 2 : 64;
            store->entries = memory_resize(store->entries, store->entries_capacity * sizeof *store->entries);
        }
        number = store->entries_count++;
    }
    struct entry *entry = &store->entries[number];
    *entry = (struct entry){.key = *key, .hash = hash, .used = true};
    table_insert(&store->table, hash, number);
    store->bytes += ENTRY_COST;
    store->live++;
    return entry;
}

static void remove_entry(struct store *store, struct entry *entry)
{
    uint32_t number = (uint32_t)(entry - store->entries);
    table_remove(&store->table, entry->hash, number);
    *entry = (struct entry){.next_free = store->free_head};
    store->free_head = number;
    store->bytes -= ENTRY_COST;
    store->live--;
}

static struct blob *make_blob(struct store *store, struct bytes value)
{
    struct blob *blob = memory_allocate_raw(sizeof *blob + value.size);
    blob->size = (uint32_t)value.size;
    if (value.size > 0)
        memcpy(blob->data, value.data, value.size);
    store->bytes += value.size;
    return blob;
}

static void drop_blob(struct store *store, struct blob *blob)
{
    if (blob == NULL)
        return;
    store->bytes -= blob->size;
    memory_free(blob);
}

static void touch(struct store *store, struct entry *entry)
{
    CHECK_HOT(!entry->touched);
    if (store->touched_count == store->touched_capacity) {
        store->touched_capacity = store->touched_capacity ? store->touched_capacity * 2 : 64;
        store->touched = memory_resize(store->touched, store->touched_capacity * sizeof *store->touched);
    }
    store->touched[store->touched_count++] = (uint32_t)(entry - store->entries);
    entry->touched = true;
    entry->old = entry->blob;
}

struct bytes store_get(const struct store *store, const struct store_key *key)
{
    const struct entry *entry = find(store, key, key_hash(key));
    if (entry == NULL || entry->blob == NULL)
        return BYTES_NONE;
    return bytes_of(entry->blob->data, entry->blob->size);
}

void store_refuse_new(struct store *store, bool refuse) { store->refuse_new = refuse; }

bool store_put(struct store *store, const struct store_key *key, struct bytes value)
{
    bool full = store->refuse_new || store->bytes + ENTRY_COST + value.size > store->limit_bytes;
    if (full && find(store, key, key_hash(key)) == NULL)
        return false;
    store_write(store, key, value);
    return true;
}

void store_write(struct store *store, const struct store_key *key, struct bytes value)
{
    CHECK(value.size < UINT32_MAX / 2);
    uint64_t hash = key_hash(key);
    struct entry *entry = find(store, key, hash);
    if (entry == NULL)
        entry = add_entry(store, key, hash);
    if (!entry->touched) {
        touch(store, entry);
        entry->blob = make_blob(store, value);
    } else if (entry->blob != NULL && entry->blob->size == value.size) {
        if (value.size > 0)
            memmove(entry->blob->data, value.data, value.size);
    } else {
        struct blob *before = entry->blob;
        entry->blob = make_blob(store, value); /* value may point into the old blob */
        drop_blob(store, before);
    }
}

void *store_edit(struct store *store, const struct store_key *key, size_t *size)
{
    struct entry *entry = find(store, key, key_hash(key));
    if (entry == NULL || entry->blob == NULL)
        return NULL;
    if (!entry->touched) {
        touch(store, entry);
        entry->blob = make_blob(store, bytes_of(entry->old->data, entry->old->size));
    }
    *size = entry->blob->size;
    return entry->blob->data;
}

void store_erase(struct store *store, const struct store_key *key)
{
    struct entry *entry = find(store, key, key_hash(key));
    if (entry == NULL || entry->blob == NULL)
        return;
    if (!entry->touched)
        touch(store, entry);
    else
        drop_blob(store, entry->blob);
    entry->blob = NULL;
}

uint32_t store_changes(const struct store *store) { return store->touched_count; }

void store_change(const struct store *store, uint32_t index, struct store_key *key, struct bytes *value)
{
    CHECK(index < store->touched_count);
    const struct entry *entry = &store->entries[store->touched[index]];
    *key = entry->key;
    *value = entry->blob ? bytes_of(entry->blob->data, entry->blob->size) : BYTES_NONE;
}

void store_commit(struct store *store)
{
    for (uint32_t i = 0; i < store->touched_count; i++) {
        struct entry *entry = &store->entries[store->touched[i]];
        drop_blob(store, entry->old);
        entry->old = NULL;
        entry->touched = false;
        if (entry->blob == NULL)
            remove_entry(store, entry);
    }
    store->touched_count = 0;
}

void store_rollback(struct store *store)
{
    for (uint32_t i = 0; i < store->touched_count; i++) {
        struct entry *entry = &store->entries[store->touched[i]];
        drop_blob(store, entry->blob);
        entry->blob = entry->old;
        entry->old = NULL;
        entry->touched = false;
        if (entry->blob == NULL)
            remove_entry(store, entry);
    }
    store->touched_count = 0;
}

void store_load(struct store *store, const struct store_key *key, struct bytes value)
{
    CHECK(store->touched_count == 0);
    uint64_t hash = key_hash(key);
    struct entry *entry = find(store, key, hash);
    if (!bytes_present(value)) {
        if (entry != NULL) {
            drop_blob(store, entry->blob);
            remove_entry(store, entry);
        }
        return;
    }
    if (entry == NULL)
        entry = add_entry(store, key, hash);
    drop_blob(store, entry->blob);
    entry->blob = make_blob(store, value);
}

bool store_walk(const struct store *store, uint32_t *cursor, struct store_key *key, struct bytes *value)
{
    while (*cursor < store->entries_count) {
        const struct entry *entry = &store->entries[(*cursor)++];
        if (!entry->used || entry->blob == NULL)
            continue;
        *key = entry->key;
        *value = bytes_of(entry->blob->data, entry->blob->size);
        return true;
    }
    return false;
}

uint32_t store_count(const struct store *store) { return store->live; }
uint64_t store_bytes(const struct store *store) { return store->bytes; }
