/* timer_heap_test.c - timers come out by (time, id, tag), however they were put in, and never
 * early. */
#include "tests/test.h"

#include "engine/flow/timer_heap.h"
#include "operators/math/random.h"

#define TIMERS 200

static int compare(const void *left, const void *right)
{
    const struct timer *a = left, *b = right;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    int order = memcmp(a->id.bytes, b->id.bytes, CELL_ID_BYTES);
    return order != 0 ? order : a->tag < b->tag ? -1 : a->tag > b->tag;
}

static struct timer draw(struct random_stream *random)
{
    struct timer t = {.at_ms = (int64_t)(random_u64(random) % 50) - 25,
                      .tag = (uint32_t)(random_u64(random) % 3)};
    t.id.bytes[CELL_ID_BYTES - 1] = (uint8_t)(random_u64(random) % 4);
    return t;
}

static void assert_timer(const struct timer *a, const struct timer *b)
{
    assert_int_equal(compare(a, b), 0);
}

static void timers_come_out_in_order_whatever_the_order_of_filling(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(31));
    struct timer_heap heap = {0};
    for (int round = 0; round < 200; round++) {
        struct timer all[TIMERS], out;
        for (int i = 0; i < TIMERS; i++) {
            all[i] = draw(&random);
            timer_heap_push(&heap, all[i]);
        }
        qsort(all, TIMERS, sizeof *all, compare);
        uint32_t taken = 0;
        for (int64_t now_ms = -30; now_ms <= 30; now_ms++) {
            while (timer_heap_pop_due(&heap, now_ms, &out)) {
                assert_true(out.at_ms <= now_ms);
                assert_timer(&out, &all[taken++]);
            }
            assert_true(taken == TIMERS || all[taken].at_ms > now_ms);
        }
        assert_int_equal(taken, TIMERS);
    }
    timer_heap_free(&heap);
    assert_int_equal(heap.count, 0);
}

/* Entities push new timers while due ones are taken out. */
static void pushing_while_popping_keeps_the_order(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(32));
    struct timer_heap heap = {0};
    struct timer naive[1000], out;
    uint32_t count = 0;
    for (int step = 0; step < 3000; step++) {
        if (count < 900 && random_u64(&random) % 2) {
            naive[count] = draw(&random);
            timer_heap_push(&heap, naive[count++]);
            continue;
        }
        qsort(naive, count, sizeof *naive, compare);
        bool due = timer_heap_pop_due(&heap, 0, &out);
        assert_int_equal(due, count > 0 && naive[0].at_ms <= 0);
        if (due) {
            assert_timer(&out, &naive[0]);
            memmove(naive, naive + 1, --count * sizeof *naive);
        }
    }
    timer_heap_free(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_come_out_in_order_whatever_the_order_of_filling),
        cmocka_unit_test(pushing_while_popping_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
