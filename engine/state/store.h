/*
 * store.h - keyed blobs of one exchange partition, with the changes of the running transaction.
 *
 * The first touch of an entry in a transaction keeps its old bytes aside: commit drops them, rollback
 * puts them back, and the touched entries are exactly what goes to the changelog. Owned by one shard.
 */
#ifndef ENGINE_STATE_STORE_H
#define ENGINE_STATE_STORE_H

#include "engine/base/bytes.h"

#define STORE_ID_BYTES 16
#define STORE_KEY_BYTES 21 /* encoded: kind, id, slot big endian */

struct store_key {
    uint8_t id[STORE_ID_BYTES];
    uint32_t slot;
    uint8_t kind;
};

struct store;

/* limit_bytes: of keys and blobs; a put that would pass it with a *new* key is refused. */
struct store *store_create(uint64_t limit_bytes);
void store_destroy(struct store *store);

/* Borrowed until the entry changes; absent when there is none. */
struct bytes store_get(const struct store *store, const struct store_key *key);
/* Copies value in. False: new key and no room (counted by the caller). An empty value is a value. */
bool store_put(struct store *store, const struct store_key *key, struct bytes value);
/* The same for parts of something that was let in before: never refused, so that nothing of it is lost. */
void store_write(struct store *store, const struct store_key *key, struct bytes value);
/* True: no new keys from now on, whatever the limit says (the process is short of memory). */
void store_refuse_new(struct store *store, bool refuse);
/* The entry's bytes for changing in place, same size; NULL when there is none. Valid until the next
 * put or erase of the same key, commit or rollback. */
void *store_edit(struct store *store, const struct store_key *key, size_t *size);
void store_erase(struct store *store, const struct store_key *key);

/* The entries touched since the last commit, in order of first touch. value absent: erased. */
uint32_t store_changes(const struct store *store);
void store_change(const struct store *store, uint32_t index, struct store_key *key, struct bytes *value);
void store_commit(struct store *store);
void store_rollback(struct store *store);

/* Restore: last write wins, no transaction; absent value erases. */
void store_load(struct store *store, const struct store_key *key, struct bytes value);

/* Walks all entries in no particular order: cursor starts at 0; false at the end. */
bool store_walk(const struct store *store, uint32_t *cursor, struct store_key *key, struct bytes *value);
uint32_t store_count(const struct store *store);
uint64_t store_bytes(const struct store *store);

void store_key_encode(const struct store_key *key, uint8_t out[STORE_KEY_BYTES]);
bool store_key_decode(struct bytes in, struct store_key *key);

#endif
