/*
 * store_test.c - the store against the simplest thing that could be right: an array of (key,
 * value), copied at every commit and put back at every rollback. And the changelog made from its
 * changes.
 */
#include "tests/test.h"

#include "engine/state/store.h"
#include "operators/math/random.h"

#define KEYS      40
#define VALUE_MAX 24

struct value {
    bool there;
    uint8_t size;
    uint8_t data[VALUE_MAX];
};

/* Key number i; numbers that differ in one part only lie side by side. */
static struct store_key key_of(uint32_t i)
{
    struct store_key key = {.kind = i % 2 ? 'm' : 'h', .slot = i / 2 % 5};
    key.id[15] = (uint8_t)(i / 10);
    return key;
}

static struct bytes bytes_of_value(const struct value *v)
{
    return v->there ? bytes_of(v->data, v->size) : BYTES_NONE;
}

static void assert_equals(const struct store *store, const struct value *map)
{
    uint32_t there = 0, walked = 0, cursor = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        struct store_key key = key_of(i);
        struct bytes found = store_get(store, &key), expected = bytes_of_value(&map[i]);
        assert_int_equal(bytes_present(found), bytes_present(expected));
        assert_true(bytes_equal(found, expected));
        there += map[i].there;
    }
    struct store_key key;
    struct bytes value;
    while (store_walk(store, &cursor, &key, &value))
        walked++;
    assert_int_equal(walked, there);
}

static struct value draw_value(struct random_stream *random)
{
    struct value v = {.there = true, .size = (uint8_t)(random_u64(random) % (VALUE_MAX + 1))};
    for (int i = 0; i < v.size; i++)
        v.data[i] = (uint8_t)random_u64(random);
    return v;
}

/* One random change, done to both. */
static void change(struct random_stream *random, struct store *store, struct value *map)
{
    uint32_t i = (uint32_t)(random_u64(random) % KEYS);
    struct store_key key = key_of(i);
    size_t size = 0;
    switch (random_u64(random) % 4) {
    case 0:
    case 1:
        map[i] = draw_value(random);
        assert_true(store_put(store, &key, bytes_of_value(&map[i])));
        break;
    case 2: {
        uint8_t *data = store_edit(store, &key, &size);
        assert_int_equal(data != NULL, map[i].there);
        if (data != NULL && size > 0) {
            assert_int_equal(size, map[i].size);
            data[size / 2] ^= 0x55;
            map[i].data[size / 2] ^= 0x55;
        }
        break;
    }
    default:
        store_erase(store, &key);
        map[i].there = false;
    }
}

/* What a changelog reader would have after these changes. */
static void apply_changes(const struct store *store, struct store *copy)
{
    for (uint32_t i = 0; i < store_changes(store); i++) {
        struct store_key key, read;
        struct bytes value;
        uint8_t encoded[STORE_KEY_BYTES];
        store_change(store, i, &key, &value);
        store_key_encode(&key, encoded);
        assert_true(store_key_decode(bytes_of(encoded, sizeof encoded), &read));
        store_load(copy, &read, value);
    }
}

static void equals_a_naive_map_under_commits_and_rollbacks(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(21));
    struct store *store = store_create(1 << 20), *restored = store_create(1 << 20);
    static struct value map[KEYS], committed[KEYS];
    for (int n = 0; n < 4000; n++) {
        for (uint64_t changes = random_u64(&random) % 12; changes > 0; changes--)
            change(&random, store, map);
        assert_equals(store, map);
        if (random_u64(&random) % 2) {
            apply_changes(store, restored);
            store_commit(store);
            memcpy(committed, map, sizeof map);
        } else {
            store_rollback(store);
            memcpy(map, committed, sizeof map);
        }
        assert_int_equal(store_changes(store), 0);
        assert_equals(store, map);
        assert_equals(restored, committed);
        assert_int_equal(store_bytes(store), store_bytes(restored));
        assert_int_equal(store_count(store), store_count(restored));
    }
    store_destroy(store);
    store_destroy(restored);
}

/* Every touched entry is in the changes once, whatever was done to it. */
static void changes_are_the_touched_entries_once(void **state)
{
    (void)state;
    struct store *store = store_create(1 << 20);
    struct store_key a = key_of(1), b = key_of(2), c = key_of(3), key;
    struct bytes value;
    size_t size = 0;
    assert_true(store_put(store, &b, BYTES_LITERAL("old")));
    store_commit(store);
    assert_true(store_put(store, &a, BYTES_LITERAL("1")));
    assert_true(store_put(store, &a, BYTES_LITERAL("22")));
    memcpy(store_edit(store, &b, &size), "new", 3);
    store_erase(store, &b);
    assert_true(store_put(store, &c, BYTES_LITERAL("")));
    store_erase(store, &c);
    assert_int_equal(store_changes(store), 3);
    store_change(store, 0, &key, &value);
    assert_int_equal(key.kind, a.kind);
    assert_true(bytes_equal_text(value, "22"));
    store_change(store, 1, &key, &value);
    assert_false(bytes_present(value));
    store_rollback(store);
    assert_true(bytes_equal_text(store_get(store, &b), "old"));
    assert_false(bytes_present(store_get(store, &a)));
    assert_int_equal(store_count(store), 1);
    store_destroy(store);
}

static void a_full_store_refuses_new_keys_only(void **state)
{
    (void)state;
    struct store *store = store_create(2000);
    uint32_t kept = 0;
    struct store_key key = {.kind = 'x'};
    for (; kept < 1000; kept++) {
        key.slot = kept;
        if (!store_put(store, &key, BYTES_LITERAL("0123456789")))
            break;
    }
    assert_in_range(kept, 5, 100);
    assert_true(store_bytes(store) <= 2000);
    key.slot = 0;
    assert_true(
        store_put(store, &key, BYTES_LITERAL("a much longer value than there was room for")));
    store_rollback(store);
    assert_int_equal(store_bytes(store), 0);
    store_destroy(store);
}

static void putting_a_value_into_its_own_entry_works(void **state)
{
    (void)state;
    struct store *store = store_create(1 << 20);
    struct store_key key = key_of(4);
    assert_true(store_put(store, &key, BYTES_LITERAL("abcdef")));
    struct bytes own = store_get(store, &key);
    assert_true(store_put(store, &key, bytes_of(own.data + 2, 3)));
    assert_true(bytes_equal_text(store_get(store, &key), "cde"));
    store_commit(store);
    own = store_get(store, &key);
    assert_true(store_put(store, &key, own));
    store_rollback(store);
    assert_true(bytes_equal_text(store_get(store, &key), "cde"));
    store_destroy(store);
}

/* States are read in place: their bytes must be aligned for any of their fields. */
static void blobs_are_aligned_to_eight(void **state)
{
    (void)state;
    struct store *store = store_create(1 << 20);
    for (uint32_t i = 0; i < KEYS; i++) {
        struct store_key key = key_of(i);
        size_t size = 0;
        assert_true(store_put(store, &key, bytes_of("12345678901234567890", i % 20)));
        assert_int_equal((uintptr_t)store_get(store, &key).data % 8, 0);
        store_commit(store);
        assert_int_equal((uintptr_t)store_edit(store, &key, &size) % 8, 0);
    }
    store_destroy(store);
}

static void keys_of_another_length_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[STORE_KEY_BYTES + 1] = {0};
    struct store_key key;
    for (size_t size = 0; size <= sizeof bytes; size++)
        assert_int_equal(store_key_decode(bytes_of(bytes, size), &key), size == STORE_KEY_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_a_naive_map_under_commits_and_rollbacks),
        cmocka_unit_test(changes_are_the_touched_entries_once),
        cmocka_unit_test(a_full_store_refuses_new_keys_only),
        cmocka_unit_test(putting_a_value_into_its_own_entry_works),
        cmocka_unit_test(blobs_are_aligned_to_eight),
        cmocka_unit_test(keys_of_another_length_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
