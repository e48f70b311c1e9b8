/* table_test.c - random inserts, removals and renumberings against a plain list. */
#include "tests/test.h"

#include "engine/base/hash.h"
#include "engine/base/table.h"

struct pair {
    uint64_t hash;
    uint32_t number;
};

struct model {
    struct pair pairs[5000];
    uint32_t count;
    uint64_t random;
};

static uint64_t next_random(struct model *model)
{
    model->random += 0x9e3779b97f4a7c15ULL;
    return hash_mix64(model->random);
}

static void check_hash(const struct model *model, const struct table *table, uint64_t hash)
{
    uint32_t expected = 0;
    uint64_t expected_sum = 0;
    for (uint32_t i = 0; i < model->count; i++)
        if (model->pairs[i].hash == hash) {
            expected++;
            expected_sum += model->pairs[i].number;
        }
    uint32_t cursor = 0;
    for (uint32_t n = table_first(table, hash, &cursor); n != TABLE_NONE; n = table_next(table, hash, &cursor)) {
        expected--;
        expected_sum -= n;
    }
    assert_int_equal(expected, 0);
    assert_int_equal(expected_sum, 0);
}

/* hash_mask makes hashes few, so that equal hashes and long probe runs are common. */
static void run_against_the_list(struct model *model, uint64_t hash_mask)
{
    struct table table = {0};
    uint32_t next_number = 0;
    model->count = 0;
    check_hash(model, &table, 1);
    for (int step = 0; step < 20000; step++) {
        uint64_t choice = next_random(model) % 10;
        uint64_t at = model->count ? next_random(model) % model->count : 0;
        struct pair *pair = &model->pairs[at];
        uint64_t hash = next_random(model) & hash_mask;
        if (model->count == 0 || (choice < 5 && model->count < 5000)) {
            table_insert(&table, hash, next_number);
            model->pairs[model->count++] = (struct pair){hash, next_number++};
        } else if (choice < 9) {
            hash = pair->hash;
            table_remove(&table, pair->hash, pair->number);
            *pair = model->pairs[--model->count];
        } else {
            hash = pair->hash;
            table_renumber(&table, pair->hash, pair->number, next_number);
            pair->number = next_number++;
        }
        assert_int_equal(table.count, model->count);
        assert_true(table.count <= table.capacity / 8 * 5);
        check_hash(model, &table, hash);
        check_hash(model, &table, next_random(model) & hash_mask);
    }
    for (uint32_t i = 0; i < model->count; i++)
        check_hash(model, &table, model->pairs[i].hash);
    table_clear(&table);
    assert_int_equal(table.count, 0);
    uint32_t cursor = 0;
    assert_int_equal(table_first(&table, model->pairs[0].hash, &cursor), TABLE_NONE);
    table_free(&table);
}

static void agrees_with_a_plain_list(void **state)
{
    (void)state;
    struct model *model = calloc(1, sizeof *model);
    model->random = test_seed(1);
    static const uint64_t masks[] = {UINT64_MAX, 0xff, 0x3f00000000000003ULL, 0};
    for (size_t i = 0; i < 3; i++)
        run_against_the_list(model, masks[i]);
    free(model);
}

static void wraps_around_the_end(void **state)
{
    (void)state;
    struct table table = {0};
    for (uint32_t i = 0; i < 30; i++) /* all at home in the last slot of 64 */
        table_insert(&table, 63 + 64 * (uint64_t)i, i);
    for (uint32_t i = 0; i < 30; i += 2)
        table_remove(&table, 63 + 64 * (uint64_t)i, i);
    for (uint32_t i = 0; i < 30; i++) {
        uint32_t cursor = 0;
        assert_int_equal(table_first(&table, 63 + 64 * (uint64_t)i, &cursor), i % 2 ? i : TABLE_NONE);
    }
    table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_list),
        cmocka_unit_test(wraps_around_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
