/*
 * log_time_test.c - the back's clock by example, and against a naive one that looks at the whole
 * history every time.
 */
#include "tests/test.h"

#include "engine/flow/log_time.h"
#include "operators/math/random.h"

#define SETTLE_MS   30000
#define INACTIVE_MS 10000
#define NONE        LOG_TIME_NONE
#define STEPS_MAX   8

/* One exchange record: the writer's wall time and at most two marks; then what the clock should
 * say. */
struct step {
    int64_t wall_ms;
    struct source_mark marks[2];
    uint32_t marks_count;
    int64_t now_ms;
};

#define MARK(p, at, is_active)                                                                     \
    {                                                                                              \
        .partition = (p), .log_time_ms = (at), .active = (is_active)                               \
    }

static const struct {
    const char *what;
    uint32_t sources;
    struct step steps[STEPS_MAX];
} cases[] = {
    {"starts when every source was heard of, at the smallest",
     2,
     {{1000, {MARK(0, 500000, true)}, 1, NONE}, {2000, {MARK(1, 400000, true)}, 1, 370000}}},
    {"starts after ten seconds without the others",
     2,
     {{0, {MARK(0, 500000, true)}, 1, NONE},
      {10000, {MARK(0, 501000, true)}, 1, NONE},
      {10001, {MARK(0, 502000, true)}, 1, 472000}}},
    {"goes with the slowest active source, and never back",
     2,
     {{0, {MARK(0, 500000, true), MARK(1, 500000, true)}, 2, 470000},
      {1000, {MARK(0, 600000, true)}, 1, 470000},
      {2000, {MARK(1, 550000, true)}, 1, 520000},
      {3000, {MARK(1, 540000, true)}, 1, 520000}}},
    {"a late source does not pull it back",
     2,
     {{0, {MARK(0, 500000, true)}, 1, NONE},
      {10001, {MARK(0, 510000, true)}, 1, 480000},
      {11000, {MARK(1, 100000, true)}, 1, 480000}}},
    {"a source that says it is idle holds nothing back",
     2,
     {{0, {MARK(0, 500000, true), MARK(1, 500000, true)}, 2, 470000},
      {1000, {MARK(0, 600000, true), MARK(1, 500000, false)}, 2, 570000}}},
    {"nor does one without progress for ten seconds of the log's wall time",
     2,
     {{0, {MARK(0, 500000, true), MARK(1, 500000, true)}, 2, 470000},
      {10000, {MARK(0, 510000, true), MARK(1, 500000, true)}, 2, 470000},
      {10001, {MARK(0, 510001, true), MARK(1, 500000, true)}, 2, 480001},
      {10002, {MARK(1, 520000, true)}, 1, 480001},
      {10003, {MARK(0, 530000, true)}, 1, 490000}}},
    {"with nobody active it follows the wall time",
     1,
     {{1000000, {MARK(0, 500000, true)}, 1, 470000},
      {1001000, {MARK(0, 500000, false)}, 1, 971000},
      {1002000, {MARK(0, 500000, false)}, 1, 972000},
      {1003000, {MARK(0, 0, false)}, 0, 973000}}},
    {"and then does not go back to a source that wakes up behind it",
     1,
     {{1000000, {MARK(0, 500000, false)}, 1, 970000},
      {1001000, {MARK(0, 600000, true)}, 1, 970000},
      {1002000, {MARK(0, 1001000, true)}, 1, 971000}}},
    {"an active source that has read nothing yet holds it, for ten seconds",
     1,
     {{0, {MARK(0, NONE, true)}, 1, NONE},
      {5000, {MARK(0, NONE, true)}, 1, NONE},
      {10001, {MARK(0, NONE, true)}, 1, -19999}}},
    {"a source that comes back within the silence counts again",
     2,
     {{0, {MARK(0, 500000, true), MARK(1, 500000, false)}, 2, 470000},
      {1000, {MARK(0, 600000, true)}, 1, 570000},
      {2000, {MARK(1, 590000, true), MARK(0, 700000, true)}, 2, 570000},
      {3000, {MARK(1, 610000, true)}, 1, 580000}}},
    {"an older wall time from another writer changes nothing",
     1,
     {{100000, {MARK(0, 500000, false)}, 1, 70000}, {90000, {MARK(0, 500000, false)}, 1, 70000}}},
    {"without any source it runs with the wall", 0, {{100000, {MARK(0, 0, false)}, 0, 70000}}},
};

static void the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct log_time *clock = log_time_create(SETTLE_MS, INACTIVE_MS);
        assert_true(log_time_now(clock) == NONE);
        for (size_t s = 0; s < STEPS_MAX && cases[i].steps[s].now_ms != 0; s++) {
            const struct step *step = &cases[i].steps[s];
            struct exchange_stamp stamp = {.wall_ms = step->wall_ms,
                                           .sources_total = cases[i].sources,
                                           .marks = step->marks,
                                           .marks_count = step->marks_count};
            int64_t now_ms = log_time_advance(clock, &stamp);
            if (now_ms != step->now_ms || log_time_now(clock) != now_ms)
                fail_msg("%s: step %zu: %lld, expected %lld", cases[i].what, s, (long long)now_ms,
                         (long long)step->now_ms);
        }
        log_time_destroy(clock);
    }
}

/* ---- against the whole history --------------------------------------------------------------- */

#define SOURCES 4
#define HISTORY 120

struct history {
    struct exchange_stamp stamps[HISTORY];
    struct source_mark marks[HISTORY][SOURCES];
    uint32_t count;
};

struct fate { /* of one source, read off the history */
    bool heard, active;
    int64_t log_time_ms, progress_ms;
};

static struct fate fate_of(const struct history *h, int32_t partition)
{
    struct fate fate = {false, false, NONE, 0};
    int64_t wall_ms = INT64_MIN;
    for (uint32_t i = 0; i < h->count; i++) {
        wall_ms = h->stamps[i].wall_ms > wall_ms ? h->stamps[i].wall_ms : wall_ms;
        for (uint32_t m = 0; m < h->stamps[i].marks_count; m++) {
            const struct source_mark *mark = &h->marks[i][m];
            if (mark->partition != partition)
                continue;
            if (mark->log_time_ms > fate.log_time_ms || (mark->active && !fate.active) ||
                !fate.heard)
                fate.progress_ms = wall_ms;
            fate.log_time_ms =
                mark->log_time_ms > fate.log_time_ms ? mark->log_time_ms : fate.log_time_ms;
            fate.active = mark->active;
            fate.heard = true;
        }
    }
    fate.active = fate.active && wall_ms - fate.progress_ms <= INACTIVE_MS;
    return fate;
}

static int64_t naive_now(const struct history *h, int64_t before_ms)
{
    int64_t wall_ms = INT64_MIN, slowest_ms = NONE;
    uint32_t heard = 0;
    for (uint32_t i = 0; i < h->count; i++)
        wall_ms = h->stamps[i].wall_ms > wall_ms ? h->stamps[i].wall_ms : wall_ms;
    for (int32_t p = 0; p < SOURCES; p++) {
        struct fate fate = fate_of(h, p);
        heard += fate.heard;
        if (fate.active && fate.log_time_ms == NONE)
            return before_ms;
        if (fate.active && (slowest_ms == NONE || fate.log_time_ms < slowest_ms))
            slowest_ms = fate.log_time_ms;
    }
    if (before_ms == NONE && heard < SOURCES && wall_ms - h->stamps[0].wall_ms <= INACTIVE_MS)
        return NONE;
    int64_t target_ms = (slowest_ms != NONE ? slowest_ms : wall_ms) - SETTLE_MS;
    return before_ms == NONE || target_ms > before_ms ? target_ms : before_ms;
}

static void extend(struct random_stream *random, struct history *h, int64_t *wall_ms,
                   int64_t *log_ms)
{
    struct exchange_stamp *stamp = &h->stamps[h->count];
    *wall_ms += (int64_t)(random_u64(random) % 3000);
    *stamp = (struct exchange_stamp){.wall_ms = *wall_ms - (int64_t)(random_u64(random) % 500),
                                     .sources_total = SOURCES,
                                     .marks = h->marks[h->count]};
    for (int32_t p = 0; p < SOURCES; p++) {
        if (random_u64(random) % 3 == 0)
            continue;
        if (random_u64(random) % 2)
            log_ms[p] = (log_ms[p] == NONE ? 5000000 : log_ms[p]) +
                        (int64_t)(random_u64(random) % 9000) - 500;
        h->marks[h->count][stamp->marks_count++] = (struct source_mark){
            .partition = p, .log_time_ms = log_ms[p], .active = random_u64(random) % 8 > 0};
    }
    h->count++;
}

static void equals_the_naive_clock_and_survives_storage(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(61));
    static struct history h;
    struct buffer stored = BUFFER_WITH_LIMIT(1 << 16), again = BUFFER_WITH_LIMIT(1 << 16);
    for (int round = 0; round < 100; round++) {
        struct log_time *clock = log_time_create(SETTLE_MS, INACTIVE_MS),
                        *other = log_time_create(SETTLE_MS, INACTIVE_MS);
        int64_t wall_ms = 6000000, log_ms[SOURCES] = {NONE, NONE, NONE, NONE}, before_ms = NONE;
        h.count = 0;
        while (h.count < HISTORY) {
            extend(&random, &h, &wall_ms, log_ms);
            int64_t now_ms = log_time_advance(clock, &h.stamps[h.count - 1]);
            int64_t expected_ms = naive_now(&h, before_ms);
            if (now_ms != expected_ms)
                fail_msg("round %d step %u: %lld, naively %lld", round, h.count, (long long)now_ms,
                         (long long)expected_ms);
            assert_true(before_ms == NONE || now_ms >= before_ms);
            before_ms = now_ms;
            /* the other one lives from record to record through its durable form */
            assert_int_equal(log_time_advance(other, &h.stamps[h.count - 1]), now_ms);
            buffer_clear(&stored);
            buffer_clear(&again);
            log_time_encode(other, &stored);
            log_time_encode(clock, &again);
            assert_true(bytes_equal(buffer_bytes(&stored), buffer_bytes(&again)));
            log_time_reset(other);
            assert_true(log_time_now(other) == NONE);
            assert_true(log_time_decode(other, buffer_bytes(&stored)));
            assert_true(log_time_slowest(other) == log_time_slowest(clock));
        }
        log_time_destroy(clock);
        log_time_destroy(other);
    }
    for (size_t size = 0; size < stored.size; size++) {
        struct log_time *clock = log_time_create(SETTLE_MS, INACTIVE_MS);
        assert_false(log_time_decode(clock, bytes_of(stored.data, size)));
        log_time_destroy(clock);
    }
    buffer_free(&stored), buffer_free(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds),
        cmocka_unit_test(equals_the_naive_clock_and_survives_storage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
