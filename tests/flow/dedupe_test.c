/*
 * dedupe_test.c - the same span at another place is a duplicate for at least a window; at its own
 * place it never is; memory has a bound and what falls out of it is counted.
 */
#include "tests/test.h"

#include "engine/flow/dedupe.h"
#include "operators/math/random.h"

#define WINDOW_MS 1000
#define IDS_MAX   100000

static bool seen(struct dedupe *d, uint64_t id, uint64_t place, int64_t time_ms)
{
    uint8_t bytes[24] = {0};
    memcpy(bytes + 3, &id, sizeof id);
    uint64_t hash = dedupe_hash_span(bytes_of(bytes, 16), bytes_of(bytes + 16, 8));
    dedupe_prefetch(d, hash);
    return dedupe_seen(d, hash, place, time_ms);
}

static const struct {
    const char *what;
    struct {
        uint64_t id, place;
        int64_t time_ms;
        bool duplicate;
    } steps[6];
} cases[] = {
    {"another place is a duplicate", {{1, 10, 0, false}, {1, 11, 0, true}, {1, 12, 5, true}}},
    {"its own place is not, however often",
     {{1, 10, 0, false}, {1, 10, 0, false}, {1, 10, 900, false}}},
    {"other ids are not", {{1, 10, 0, false}, {2, 11, 0, false}, {3, 12, 0, false}}},
    {"the last moment of the window", {{1, 10, 0, false}, {1, 11, WINDOW_MS - 1, true}}},
    {"seen late in a generation, remembered for a whole window",
     {{2, 9, 0, false}, {1, 10, 999, false}, {3, 11, 1000, false}, {1, 12, 1998, true}}},
    {"forgotten after two windows",
     {{1, 10, 0, false}, {2, 11, 1000, false}, {3, 12, 2000, false}, {1, 13, 2000, false}}},
    {"its own place in the older generation",
     {{1, 10, 0, false}, {2, 11, 1500, false}, {1, 10, 1600, false}, {1, 11, 1600, true}}},
    {"record times that go back", {{1, 10, 5000, false}, {2, 11, 100, false}, {1, 12, 200, true}}},
};

static void the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dedupe *d = dedupe_create(IDS_MAX, WINDOW_MS);
        for (size_t s = 0; s < 6 && cases[i].steps[s].id != 0; s++)
            if (seen(d, cases[i].steps[s].id, cases[i].steps[s].place, cases[i].steps[s].time_ms) !=
                cases[i].steps[s].duplicate)
                fail_msg("%s: step %zu", cases[i].what, s);
        assert_int_equal(dedupe_evicted(d), 0);
        dedupe_destroy(d);
    }
}

/* A partition read again from any place after a restart gives the same answers as at first. */
static void reading_again_gives_the_same_answers(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(51));
    enum { SPANS = 3000 };
    static uint64_t ids[SPANS];
    static bool answers[SPANS];
    struct dedupe *d = dedupe_create(IDS_MAX, WINDOW_MS);
    for (uint32_t i = 0; i < SPANS; i++) {
        ids[i] = i > 0 && random_u64(&random) % 10 == 0
                     ? ids[i - 1 - random_u64(&random) % (i < 50 ? i : 50)]
                     : i + 1;
        answers[i] = seen(d, ids[i], i, i); /* 1 a millisecond */
    }
    for (int round = 0; round < 50; round++) {
        uint32_t from = (uint32_t)(random_u64(&random) % SPANS);
        uint32_t warm = from > 2 * WINDOW_MS ? from - 2 * WINDOW_MS : 0;
        struct dedupe *again = dedupe_create(IDS_MAX, WINDOW_MS);
        for (uint32_t i = warm; i < from; i++)
            (void)seen(again, ids[i], i, i);
        for (uint32_t i = from; i < SPANS; i++)
            assert_int_equal(seen(again, ids[i], i, i), answers[i]);
        for (uint32_t i = from; i < SPANS; i++) /* an abort: the same records once more */
            if (SPANS - from < WINDOW_MS - 50)
                assert_int_equal(seen(again, ids[i], i, i), answers[i]);
        dedupe_destroy(again);
    }
    dedupe_destroy(d);
}

static void memory_has_a_bound_and_what_is_forgotten_early_is_counted(void **state)
{
    (void)state;
    struct dedupe *d = dedupe_create(1000, 1 << 30);
    for (uint64_t i = 0; i < 5000; i++)
        assert_false(seen(d, i + 1, i, 0));
    assert_int_equal(dedupe_evicted(d), 4000);
    uint32_t kept = 0;
    for (uint64_t i = 5000; i > 4000; i--)
        kept += seen(d, i, 9999, 0);
    assert_in_range(kept, 500, 1000);
    dedupe_destroy(d);
}

static void the_oldest_place_is_where_re_reading_must_start(void **state)
{
    (void)state;
    struct dedupe *d = dedupe_create(IDS_MAX, WINDOW_MS);
    assert_true(dedupe_oldest_place(d) == UINT64_MAX);
    (void)seen(d, 1, 70, 0);
    (void)seen(d, 2, 80, 10);
    assert_int_equal(dedupe_oldest_place(d), 70);
    (void)seen(d, 3, 90, 1200);
    assert_int_equal(dedupe_oldest_place(d), 70);
    (void)seen(d, 4, 100, 2300);
    assert_int_equal(dedupe_oldest_place(d), 90);
    dedupe_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds),
        cmocka_unit_test(reading_again_gives_the_same_answers),
        cmocka_unit_test(memory_has_a_bound_and_what_is_forgotten_early_is_counted),
        cmocka_unit_test(the_oldest_place_is_where_re_reading_must_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
