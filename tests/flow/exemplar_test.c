/* exemplar_test.c - the smallest few trace ids per (metric, side), the same whatever was merged
 * first. */
#include "tests/test.h"

#include "engine/flow/exemplar.h"
#include "operators/math/random.h"

#define ITEMS_MAX 30

struct list {
    struct exemplar items[ITEMS_MAX * 3];
    uint32_t count;
};

static int compare(const void *left, const void *right)
{
    const struct exemplar *a = left, *b = right;
    if (a->metric != b->metric)
        return a->metric < b->metric ? -1 : 1;
    if (a->side != b->side)
        return a->side < b->side ? -1 : 1;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return memcmp(a->trace_id, b->trace_id, sizeof a->trace_id);
}

/* Sorted, without repetitions, at most EXEMPLARS_KEPT of a kind: what a merge must give. */
static void keep(struct list *list, struct buffer *out)
{
    buffer_clear(out);
    qsort(list->items, list->count, sizeof *list->items, compare);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct exemplar *e = &list->items[i], *last = i > 0 ? e - 1 : NULL;
        if (last == NULL || last->metric != e->metric || last->side != e->side)
            kept = 0;
        else if (compare(last, e) == 0)
            continue;
        if (kept++ < EXEMPLARS_KEPT)
            exemplar_put(out, e);
    }
}

static struct list draw(struct random_stream *random)
{
    struct list list = {.count = (uint32_t)(random_u64(random) % ITEMS_MAX)};
    for (uint32_t i = 0; i < list.count; i++) {
        struct exemplar *e = &list.items[i];
        *e = (struct exemplar){.metric = (uint32_t)(random_u64(random) % 3),
                               .side = random_u64(random) % 2};
        e->order = random_u64(random) % 20; /* often the same trace */
        e->trace_id[7] = (uint8_t)e->order;
    }
    return list;
}

static void assert_same(const struct buffer *a, const struct buffer *b)
{
    assert_true(bytes_equal(buffer_bytes(a), buffer_bytes(b)));
}

static void merging_keeps_the_smallest_in_any_order_and_grouping(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(41));
    struct buffer e[3], ab, left, bc, right, naive;
    struct buffer *all[] = {&e[0], &e[1], &e[2], &ab, &left, &bc, &right, &naive};
    for (size_t i = 0; i < 8; i++)
        *all[i] = BUFFER_WITH_LIMIT(1 << 16);
    for (int n = 0; n < 2000; n++) {
        struct list s[3], together = {0};
        for (int i = 0; i < 3; i++) {
            s[i] = draw(&random);
            memcpy(together.items + together.count, s[i].items, s[i].count * sizeof *s[i].items);
            together.count += s[i].count;
            keep(&s[i], &e[i]);
        }
        keep(&together, &naive);
        assert_true(exemplar_merge(buffer_bytes(&e[0]), buffer_bytes(&e[1]), &ab));
        assert_true(exemplar_merge(buffer_bytes(&ab), buffer_bytes(&e[2]), &left));
        assert_true(exemplar_merge(buffer_bytes(&e[2]), buffer_bytes(&e[1]), &bc));
        assert_true(exemplar_merge(buffer_bytes(&bc), buffer_bytes(&e[0]), &right));
        assert_same(&left, &naive);
        assert_same(&right, &naive);
        assert_true(exemplar_merge(buffer_bytes(&left), buffer_bytes(&e[0]),
                                   &ab)); /* once more: no change */
        assert_same(&ab, &naive);
    }
    for (size_t i = 0; i < 8; i++)
        buffer_free(all[i]);
}

static void half_an_entry_is_damage(void **state)
{
    (void)state;
    struct buffer whole = BUFFER_WITH_LIMIT(1 << 10), out = BUFFER_WITH_LIMIT(1 << 10);
    exemplar_put(&whole, &(struct exemplar){.metric = 1, .order = 2});
    assert_int_equal(whole.size, EXEMPLAR_BYTES);
    for (size_t size = 1; size < EXEMPLAR_BYTES; size++) {
        assert_false(exemplar_merge(bytes_of(whole.data, size), bytes_of("", 0), &out));
        assert_false(exemplar_merge(buffer_bytes(&whole), bytes_of(whole.data, size), &out));
    }
    assert_true(exemplar_merge(buffer_bytes(&whole), bytes_of("", 0), &out));
    buffer_free(&whole), buffer_free(&out);
}

static void collecting_takes_one_metric_and_side(void **state)
{
    (void)state;
    struct buffer all = BUFFER_WITH_LIMIT(1 << 10);
    exemplar_put(
        &all, &(struct exemplar){.metric = 1, .side = EXEMPLAR_GOOD, .order = 1, .trace_id = {1}});
    exemplar_put(
        &all, &(struct exemplar){.metric = 1, .side = EXEMPLAR_BAD, .order = 1, .trace_id = {2}});
    exemplar_put(
        &all, &(struct exemplar){.metric = 1, .side = EXEMPLAR_BAD, .order = 5, .trace_id = {3}});
    exemplar_put(
        &all, &(struct exemplar){.metric = 2, .side = EXEMPLAR_BAD, .order = 1, .trace_id = {4}});
    uint8_t ids[EXEMPLARS_KEPT][16];
    assert_int_equal(exemplar_collect(buffer_bytes(&all), 1, EXEMPLAR_BAD, ids, 3), 2);
    assert_int_equal(ids[0][0], 2);
    assert_int_equal(ids[1][0], 3);
    assert_int_equal(exemplar_collect(buffer_bytes(&all), 1, EXEMPLAR_BAD, ids, 1), 1);
    assert_int_equal(exemplar_collect(buffer_bytes(&all), 3, EXEMPLAR_BAD, ids, 3), 0);
    buffer_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merging_keeps_the_smallest_in_any_order_and_grouping),
        cmocka_unit_test(half_an_entry_is_damage),
        cmocka_unit_test(collecting_takes_one_metric_and_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
