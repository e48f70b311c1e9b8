/*
 * summary_test.c - the one addition everything rests on: equal to naive sums, in any order and
 * grouping the same bytes; anything that is not a summary is refused.
 */
#include "tests/test.h"

#include "engine/state/summary.h"
#include "operators/math/random.h"

#define METRICS 5
#define BINS    40
#define CASES   1000

/* What a summary means, naively. */
struct sums {
    uint64_t count[METRICS][BINS];
    int64_t sum[METRICS];
    bool there[METRICS];
};

static const uint32_t metric_ids[METRICS] = {0, 7, 300, 0x80000000u, UINT32_MAX};

static void encode(const struct sums *sums, struct buffer *out)
{
    buffer_clear(out);
    for (int m = 0; m < METRICS; m++) {
        struct summary_bin bins[BINS];
        uint32_t count = 0;
        for (uint16_t b = 0; b < BINS; b++)
            if (sums->count[m][b] > 0)
                bins[count++] = (struct summary_bin){b, sums->count[m][b]};
        if (sums->there[m])
            summary_put(out, metric_ids[m], sums->sum[m], bins, count);
    }
}

static struct sums draw(struct random_stream *random)
{
    struct sums sums = {0};
    for (int m = 0; m < METRICS; m++) {
        sums.there[m] = random_u64(random) % 3 > 0;
        if (!sums.there[m])
            continue;
        sums.sum[m] = (int64_t)random_u64(random) >> (8 + random_u64(random) % 56);
        for (uint64_t n = random_u64(random) % 12; n > 0; n--)
            sums.count[m][random_u64(random) % BINS] +=
                1 + (random_u64(random) >> (4 + random_u64(random) % 60));
    }
    return sums;
}

static void add(struct sums *into, const struct sums *from)
{
    for (int m = 0; m < METRICS; m++) {
        into->there[m] |= from->there[m];
        into->sum[m] += from->sum[m];
        for (int b = 0; b < BINS; b++)
            into->count[m][b] += from->count[m][b];
    }
}

static struct buffer roomy(void) { return BUFFER_WITH_LIMIT(1 << 20); }

static void assert_same(const struct buffer *a, const struct buffer *b)
{
    assert_int_equal(a->size, b->size);
    assert_memory_equal(buffer_bytes(a).data, buffer_bytes(b).data, a->size);
}

static void adding_is_naive_addition_in_any_order_and_grouping(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(11));
    struct buffer e[3], ab = roomy(), ba = roomy(), left = roomy(), bc = roomy(), right = roomy(),
                        naive = roomy();
    for (int i = 0; i < 3; i++)
        e[i] = roomy();
    for (int n = 0; n < CASES; n++) {
        struct sums s[3], all = {0};
        for (int i = 0; i < 3; i++) {
            s[i] = draw(&random);
            encode(&s[i], &e[i]);
            add(&all, &s[i]);
            assert_true(summary_valid(buffer_bytes(&e[i])));
        }
        assert_true(summary_add(buffer_bytes(&e[0]), buffer_bytes(&e[1]), &ab));
        assert_true(summary_add(buffer_bytes(&e[1]), buffer_bytes(&e[0]), &ba));
        assert_same(&ab, &ba);
        assert_true(summary_add(buffer_bytes(&ab), buffer_bytes(&e[2]), &left));
        assert_true(summary_add(buffer_bytes(&e[1]), buffer_bytes(&e[2]), &bc));
        assert_true(summary_add(buffer_bytes(&e[0]), buffer_bytes(&bc), &right));
        assert_same(&left, &right);
        encode(&all, &naive);
        assert_same(&left, &naive);
        assert_true(summary_valid(buffer_bytes(&left)));
        assert_true(summary_add(buffer_bytes(&e[0]), bytes_of("", 0), &ab));
        assert_same(&ab, &e[0]);
    }
    for (int i = 0; i < 3; i++)
        buffer_free(&e[i]);
    buffer_free(&ab), buffer_free(&ba), buffer_free(&left), buffer_free(&bc), buffer_free(&right),
        buffer_free(&naive);
}

static void collecting_adds_a_metrics_bins_and_sum(void **state)
{
    (void)state;
    struct buffer out = roomy();
    const struct summary_bin bins[] = {{0, 3}, {4, 1}, {39, 2}};
    summary_put(&out, 9, -17, bins, 3);
    summary_put(&out, 11, 5, bins, 1);
    uint64_t counts[10] = {[4] = 100};
    int64_t sum = 1;
    assert_true(summary_collect(buffer_bytes(&out), 9, counts, 10, &sum));
    assert_int_equal(counts[0], 3);
    assert_int_equal(counts[4], 101);
    assert_int_equal(sum, -16);
    assert_true(summary_collect(buffer_bytes(&out), 11, counts, 10, NULL));
    assert_int_equal(counts[0], 6);
    assert_false(summary_collect(buffer_bytes(&out), 10, counts, 10, &sum));
    assert_false(summary_collect(buffer_bytes(&out), 12, counts, 10, &sum));
    buffer_free(&out);
}

static const struct {
    const char *what;
    struct bytes summary;
    bool good;
} summaries[] = {
    {"nothing", BYTES_LITERAL(""), true},
    {"a metric without bins", BYTES_LITERAL("\1\0\0\0\2\0"), true},
    {"one bin", BYTES_LITERAL("\1\0\0\0\0\1\5\3"), true},
    {"two bins", BYTES_LITERAL("\1\0\0\0\0\2\0\3\1\1"), true},
    {"two metrics", BYTES_LITERAL("\1\0\0\0\0\0\2\0\0\0\0\0"), true},
    {"a metric twice", BYTES_LITERAL("\1\0\0\0\0\0\1\0\0\0\0\0"), false},
    {"metrics not sorted", BYTES_LITERAL("\2\0\0\0\0\0\1\0\0\0\0\0"), false},
    {"a bin twice", BYTES_LITERAL("\1\0\0\0\0\2\1\3\0\1"), false},
    {"a count of nothing", BYTES_LITERAL("\1\0\0\0\0\1\1\0"), false},
    {"a bin beyond all layouts", BYTES_LITERAL("\1\0\0\0\0\1\x80\x09\1"), false},
    {"the last bin of all", BYTES_LITERAL("\1\0\0\0\0\1\xff\x08\1"), true},
    {"more bins than any layout", BYTES_LITERAL("\1\0\0\0\0\x81\x09"), false},
    {"too short", BYTES_LITERAL("\1\0\0\0\0\1\5"), false},
    {"half an id", BYTES_LITERAL("\1\0\0"), false},
    {"a varint that never ends",
     BYTES_LITERAL("\1\0\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), false},
};

static void only_summaries_are_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof summaries / sizeof *summaries; i++)
        if (summary_valid(summaries[i].summary) != summaries[i].good)
            fail_msg("%s: expected %s", summaries[i].what, summaries[i].good ? "valid" : "refused");
}

static void counts_and_sums_that_overflow_are_refused(void **state)
{
    (void)state;
    struct buffer a = roomy(), b = roomy(), out = roomy();
    const struct summary_bin most = {3, UINT64_MAX}, one = {3, 1};
    summary_put(&a, 1, 0, &most, 1);
    summary_put(&b, 1, 0, &one, 1);
    assert_false(summary_add(buffer_bytes(&a), buffer_bytes(&b), &out));
    buffer_clear(&a);
    buffer_clear(&b);
    summary_put(&a, 1, INT64_MIN, &one, 1);
    summary_put(&b, 1, -1, &one, 1);
    assert_false(summary_add(buffer_bytes(&a), buffer_bytes(&b), &out));
    buffer_free(&a), buffer_free(&b), buffer_free(&out);
}

/* Whatever the bytes: validity is decided without a crash, and what is valid adds to something
 * valid. */
static void mutated_summaries_are_refused_or_still_add(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(12));
    struct buffer e = roomy(), out = roomy(), valid = roomy();
    uint32_t refused = 0;
    for (int n = 0; n < 10 * CASES; n++) {
        struct sums s = draw(&random);
        encode(&s, &valid);
        s = draw(&random);
        encode(&s, &e);
        if (e.size == 0)
            continue;
        for (uint64_t flips = 1 + random_u64(&random) % 3; flips > 0; flips--)
            e.data[random_u64(&random) % e.size] = (uint8_t)random_u64(&random);
        size_t size = random_u64(&random) % 2 ? e.size : random_u64(&random) % (e.size + 1);
        if (!summary_valid(bytes_of(e.data, size)))
            refused++;
        else if (summary_add(buffer_bytes(&valid), bytes_of(e.data, size), &out))
            assert_true(summary_valid(buffer_bytes(&out)));
    }
    assert_true(refused > CASES);
    buffer_free(&e), buffer_free(&out), buffer_free(&valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_is_naive_addition_in_any_order_and_grouping),
        cmocka_unit_test(collecting_adds_a_metrics_bins_and_sum),
        cmocka_unit_test(only_summaries_are_valid),
        cmocka_unit_test(counts_and_sums_that_overflow_are_refused),
        cmocka_unit_test(mutated_summaries_are_refused_or_still_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
