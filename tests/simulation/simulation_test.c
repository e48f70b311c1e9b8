/*
 * simulation_test.c - the whole engine on the embedded log under seeded faults: crashes before and
 * after commits, aborts, unknown outcomes, evictions, rebalances, late data, duplicates, poison.
 * Whatever happens, what was committed equals the naive recomputation, byte for byte.
 */
#include "tests/test.h"

#include "tests/simulation/world.h"
#include "tests/span/otlp_build.h"

#include <stdlib.h>

#define SEEDS_SMALL 25
#define SEEDS_FULL 1000

static const struct world_traffic ordinary = {.records = 120, .fail_share = 0.05, .duplicate_share = 0.1, .late_share = 0.05,
                                              .poison_share = 0.03, .log_share = 0.4, .wrapped_share = 0.15,
                                              .elsewhere_share = 0.05, .step_ms = 900, .turns = 1};

static void check_world(struct world *w)
{
    world_settle(w);
    world_check(w);
}

static void test_calm(void **state)
{
    (void)state;
    struct world *w = world_create(1, 1, NULL);
    world_run(w, &ordinary);
    world_settle(w);
    world_judge(w, 4);
    check_world(w);
    assert_int_equal(w->restarts, 0);
    world_destroy(w);
}

static void test_sharding_does_not_change_sums(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 4; shards++) {
        struct world *w = world_create(77, shards, NULL);
        world_run(w, &ordinary);
        world_settle(w);
        world_judge(w, 4);
        check_world(w);
        world_destroy(w);
    }
}

/* Two shards, three partitions of each input: halves of one trace hardly ever meet in one record. */
static void test_halves_meet(void **state)
{
    (void)state;
    struct world *w = world_create(3, 2, NULL);
    struct world_traffic traffic = ordinary;
    struct trace_counters sum = {0};
    uint64_t unjoined = 0;
    traffic.turns = 4;
    world_run(w, &traffic);
    check_world(w);
    for (uint32_t i = 0; i < w->shards_count; i++) {
        struct shard_status status;
        shard_read_status(w->shards[i], &status);
        sum.joined += status.traces.joined;
        sum.late += status.traces.late;
        sum.missing += status.traces.missing;
        sum.recounted += status.traces.recounted;
        sum.duplicates += status.traces.duplicates;
        sum.remembered += status.traces.remembered;
        sum.bad += status.traces.bad + status.traces.overflow + status.traces.forgotten;
        unjoined += status.traces.unjoined;
    }
    assert_true(sum.joined > 100 && sum.missing > 100);
    assert_true(unjoined > 5 && sum.recounted > 20 && sum.duplicates > 10);
    assert_int_equal(sum.late, 0);
    assert_int_equal(sum.bad, 0);
    assert_int_equal(sum.remembered, 0); /* all forgotten by now */
    world_destroy(w);
}

static void run_seed(uint64_t seed)
{
    struct embedded_log_faults faults = {.seed = seed, .commit_aborts = 0.03, .commit_unknown_done = 0.03,
                                         .commit_unknown_aborted = 0.03, .commit_crashes_before = 0.01,
                                         .commit_crashes_after = 0.01, .poll_nothing = 0.05, .poll_short = 0.1,
                                         .revoke = 0.004, .evict = 0.002, .shuffle_assignment = true};
    struct world *w = world_create(seed, 1 + (uint32_t)(seed % 4), &faults);
    struct world_traffic traffic = ordinary;
    traffic.records = 60;
    for (int round = 0; round < 3; round++) {
        world_run(w, &traffic);
        world_judge(w, 4);
        if (seed % 3 == 0)
            world_crash(w, (uint32_t)(world_chance(w) * w->shards_count));
    }
    check_world(w);
    world_destroy(w);
}

static void test_faults(void **state)
{
    (void)state;
    uint64_t seeds = getenv("ASSAY_FULL") != NULL ? SEEDS_FULL : SEEDS_SMALL;
    const char *one = getenv("ASSAY_SEED");
    if (one != NULL) {
        run_seed(strtoull(one, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run_seed(seed);
    }
}

/* ---- schemas that come late ------------------------------------------------------------------------------- */

/* A registry that is away now and then. What it decodes is the whole value as OTLP, as the oracle reads it. */
struct moody {
    uint64_t random;
    uint32_t away; /* looks until it answers again */
    uint64_t waits;
    bool calm;
};

static enum avro_look moody_look(void *context, const struct framing *framing, char reason[AVRO_REASON_BYTES])
{
    struct moody *moody = context;
    (void)framing;
    reason[0] = 0;
    if (moody->calm)
        return AVRO_LOOK_READY;
    uint64_t drawn = otlp_random(&moody->random);
    if (moody->away == 0 && drawn % 25 == 0)
        moody->away = 1 + (uint32_t)(drawn >> 32) % 30;
    if (moody->away == 0)
        return AVRO_LOOK_READY;
    moody->away--;
    moody->waits++;
    return AVRO_LOOK_WAIT;
}

static enum decode_result moody_decode(void *context, const struct framing *framing, struct otlp_cursor *cursor, struct span_batch *batch)
{
    static const uint8_t sizes[] = {[FRAMING_NONE] = 0, [FRAMING_ID] = 5, [FRAMING_GUID] = 17, [FRAMING_FINGERPRINT] = 10};
    (void)context;
    cursor->record = bytes_of(framing->payload.data - sizes[framing->kind], framing->payload.size + sizes[framing->kind]);
    return otlp_proto_decode(cursor, batch);
}

static void run_moody(uint64_t seed)
{
    struct embedded_log_faults faults = {.seed = seed, .commit_aborts = 0.03, .commit_unknown_done = 0.03, .commit_unknown_aborted = 0.03,
                                         .commit_crashes_before = 0.01, .commit_crashes_after = 0.01, .poll_short = 0.1,
                                         .revoke = 0.004, .evict = 0.002, .shuffle_assignment = true};
    struct moody moody = {.random = seed};
    const struct avro_decoder decoder = {&moody, moody_decode, moody_look};
    struct world *w = world_create_avro(seed, 1 + (uint32_t)(seed % 3), &faults, &decoder);
    struct world_traffic traffic = ordinary;
    traffic.records = 60;
    for (int round = 0; round < 2; round++) {
        world_run(w, &traffic);
        world_judge(w, 4);
        if (seed % 3 == 0)
            world_crash(w, 0);
    }
    moody.calm = true;
    check_world(w);
    assert_true(moody.waits > 20);
    world_destroy(w);
}

/* Whatever waits, and whatever goes wrong meanwhile, each record counts once, in order. */
static void test_records_that_wait_for_schemas(void **state)
{
    (void)state;
    uint64_t seeds = getenv("ASSAY_FULL") != NULL ? SEEDS_FULL / 4 : SEEDS_SMALL / 2;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run_moody(seed);
    }
}

/* Hours of calm, then every answer of both apps is prose: the rule must fire, and the same alerts must
 * come out of the exchange log again. */
static void test_alert_opens_and_resolves(void **state)
{
    (void)state;
    struct world *w = world_create(5, 2, NULL);
    struct world_traffic calm = {.records = 2400, .fail_share = 0.01, .step_ms = 5000, .turns = 5};
    struct world_traffic bad = {.records = 120, .fail_share = 0.9, .step_ms = 5000, .turns = 5};
    world_run(w, &calm);
    int64_t changed_ms = w->now_ms;
    world_run(w, &bad);
    world_run(w, &calm);
    world_settle(w);
    world_check(w);
    struct error error = {0};
    struct bus_reader *reader = bus_reader_open(w->bus, w->options.topics.alerts, 0, 0, -1, &error);
    struct bus_record record;
    uint32_t opened = 0, resolved = 0;
    while (reader_next(reader, 0, &record, &error) == READER_RECORD) {
        char *text = calloc(1, record.value.size + 1);
        memcpy(text, record.value.data, record.value.size);
        if (strstr(text, "\"state\":\"open\"") != NULL) {
            opened++;
            assert_true(record.timestamp_ms > changed_ms);
        }
        resolved += strstr(text, "\"state\":\"resolve\"") != NULL;
        free(text);
    }
    reader_close(reader);
    assert_true(opened >= 2);
    assert_int_equal(opened, resolved);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_that_wait_for_schemas),
        cmocka_unit_test(test_calm),
        cmocka_unit_test(test_halves_meet),
        cmocka_unit_test(test_sharding_does_not_change_sums),
        cmocka_unit_test(test_alert_opens_and_resolves),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests_name("simulation", tests, NULL, NULL);
}
