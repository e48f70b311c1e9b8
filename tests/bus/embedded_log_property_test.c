/*
 * embedded_log_property_test.c - under every seeded fault, committed positions and visible outputs
 * agree at each moment: lost = duplicated = 0. And the same seed gives the same history.
 */
#include "engine/base/hash.h"
#include "tests/bus/audit.h"
#include "tests/bus/copier.h"

#define IN_PARTITIONS  5
#define OUT_PARTITIONS 3
#define COPIERS        3
#define STEPS          400

struct world {
    uint64_t seed;
    uint64_t random;
    struct bus *bus;
    struct copier copiers[COPIERS];
    struct bed_member source; /* writes input in transactions, some of which it aborts */
    struct audit audit;
    uint64_t next_number;
};

static uint64_t draw(struct world *w, uint64_t below)
{
    w->random += 0x9e3779b97f4a7c15ULL;
    return hash_mix64(w->random) % below;
}

/* Each seed has its own mix of faults, some of them absent. */
static double some(struct world *w, double most)
{
    return draw(w, 3) == 0 ? 0 : most * (double)draw(w, 100) / 100;
}

static void world_open(struct world *w, uint64_t seed)
{
    w->seed = seed;
    w->random = seed;
    struct embedded_log_options options = {
        .poll_records_max = 1 + (uint32_t)draw(w, 100),
        .cooperative = draw(w, 2) == 0,
        .poll_in_append_order = draw(w, 2) == 0,
        .faults = {.seed = seed,
                   .commit_aborts = some(w, 0.2),
                   .commit_unknown_done = some(w, 0.2),
                   .commit_unknown_aborted = some(w, 0.2),
                   .commit_crashes_before = some(w, 0.1),
                   .commit_crashes_after = some(w, 0.1),
                   .poll_nothing = some(w, 0.3),
                   .poll_short = some(w, 0.5),
                   .revoke = some(w, 0.03),
                   .evict = some(w, 0.03),
                   .shuffle_assignment = draw(w, 2) == 0},
    };
    w->bus = bed_open(&options);
    bed_topic(w->bus, "in", IN_PARTITIONS, TOPIC_DELETE);
    bed_topic(w->bus, "out", OUT_PARTITIONS, TOPIC_DELETE);
    bed_join(w->bus, &w->source, "source", "source");
    copier_start(&w->copiers[0], w->bus, "copier-0");
    audit_start(&w->audit, w->bus, IN_PARTITIONS, OUT_PARTITIONS);
    w->next_number = 0;
}

static void world_close(struct world *w)
{
    audit_stop(&w->audit);
    for (int i = 0; i < COPIERS; i++)
        copier_stop(&w->copiers[i]);
    member_close(w->source.member);
    bus_close(w->bus);
}

/* A transaction of new numbers. Those of one that is not done are never used again. */
static void write_input(struct world *w)
{
    struct error why = {0};
    uint64_t numbers[20];
    uint32_t count = (uint32_t)draw(w, 20);
    BED_OK(member_begin(w->source.member, &why), why);
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = w->next_number++;
        struct bus_output output = {.topic = "in",
                                    .partition = draw(w, 2) ? -1 : (int32_t)draw(w, IN_PARTITIONS),
                                    .key = bytes_of(&numbers[i], sizeof numbers[i]),
                                    .value = bytes_of(&numbers[i], sizeof numbers[i])};
        BED_OK(member_produce(w->source.member, &output, &why), why);
    }
    enum commit_outcome outcome = draw(w, 5) == 0 ? member_abort(w->source.member, &why)
                                                  : member_commit(w->source.member, NULL, 0, &why);
    if (outcome == COMMIT_FAILED) {
        member_close(w->source.member);
        bed_join(w->bus, &w->source, "source", "source");
    }
}

static void accident(struct world *w, struct copier *copier)
{
    static const char *const ids[COPIERS] = {"copier-0", "copier-1", "copier-2"};
    if (copier->m.member == NULL)
        copier_start(copier, w->bus, ids[copier - w->copiers]);
    else if (draw(w, 2) == 0)
        copier_crash(copier);
    else if (copier != &w->copiers[0])
        copier_stop(copier);
}

static void step(struct world *w)
{
    struct copier *copier = &w->copiers[draw(w, COPIERS)];
    uint64_t what = draw(w, 40);
    if (what < 4)
        write_input(w);
    else if (what == 4)
        accident(w, copier);
    else if (copier->m.member == NULL)
        return;
    else if (what < 12)
        copier_commit(copier);
    else
        (void)copier_step(copier, 0);
}

/* No more faults: everything must come through. */
static void drain(struct world *w)
{
    struct embedded_log_faults none = {.seed = 1};
    embedded_log_set_faults(w->bus, &none);
    for (int quiet = 0, round = 0; quiet < 3; round++) {
        assert_true(round < 10000);
        quiet++;
        for (int i = 0; i < COPIERS; i++)
            if (w->copiers[i].m.member != NULL && copier_step(&w->copiers[i], 0))
                quiet = 0;
        for (int i = 0; i < COPIERS; i++)
            if (w->copiers[i].m.member != NULL)
                copier_commit(&w->copiers[i]);
    }
}

static uint64_t digest_of(struct bus *bus)
{
    uint64_t digest = 0;
    struct error why = {0};
    struct bus_record record;
    for (int32_t p = 0; p < OUT_PARTITIONS; p++) {
        struct bus_reader *reader = bus_reader_open(bus, "out", p, 0, -1, &why);
        while (reader_next(reader, 0, &record, &why) == READER_RECORD)
            digest = hash_combine(digest, hash_bytes(record.value, (uint64_t)record.offset));
        reader_close(reader);
    }
    return digest;
}

static uint64_t run(struct world *w, uint64_t seed, struct embedded_log_counts *counts)
{
    memset(w, 0, sizeof *w);
    world_open(w, seed);
    for (int i = 0; i < STEPS; i++) {
        step(w);
        if (i % 16 == 0)
            audit_check(&w->audit, seed);
    }
    drain(w);
    audit_check(&w->audit, seed);
    if (w->audit.copied != w->audit.numbers)
        fail_msg("seed %llu: %llu of %u numbers were copied", (unsigned long long)seed,
                 (unsigned long long)w->audit.copied, w->audit.numbers);
    uint64_t digest = digest_of(w->bus);
    *counts = embedded_log_count(w->bus);
    world_close(w);
    return digest;
}

static void positions_and_outputs_always_agree(void **state)
{
    (void)state;
    static struct world world;
    uint64_t first = test_seed(1);
    uint64_t seeds = test_is_full() ? 5000 : 500;
    struct embedded_log_counts sum = {0};
    uint64_t copied = 0;
    for (uint64_t i = 0; i < seeds; i++) {
        struct embedded_log_counts counts;
        (void)run(&world, first + i, &counts);
        copied += world.audit.copied;
        sum.commits_aborted += counts.commits_aborted;
        sum.commits_unknown_done += counts.commits_unknown_done;
        sum.commits_unknown_aborted += counts.commits_unknown_aborted;
        sum.commits_not_owner += counts.commits_not_owner;
        sum.crashes += counts.crashes;
        sum.evictions += counts.evictions;
        sum.rebalances += counts.rebalances;
    }
    print_message("%llu seeds: %llu records copied once; commits aborted %llu, unknown done %llu, "
                  "unknown aborted %llu, fenced by the group %llu; crashes %llu, evictions %llu, "
                  "rebalances %llu\n",
                  (unsigned long long)seeds, (unsigned long long)copied,
                  (unsigned long long)sum.commits_aborted,
                  (unsigned long long)sum.commits_unknown_done,
                  (unsigned long long)sum.commits_unknown_aborted,
                  (unsigned long long)sum.commits_not_owner, (unsigned long long)sum.crashes,
                  (unsigned long long)sum.evictions, (unsigned long long)sum.rebalances);
    assert_true(sum.commits_aborted > seeds && sum.commits_unknown_done > seeds);
    assert_true(sum.commits_unknown_aborted > seeds && sum.commits_not_owner > seeds / 5);
    assert_true(sum.crashes > seeds && sum.evictions > seeds && sum.rebalances > seeds);
}

static void the_same_seed_gives_the_same_history(void **state)
{
    (void)state;
    static struct world world;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct embedded_log_counts a;
        struct embedded_log_counts b;
        uint64_t digest = run(&world, seed, &a);
        assert_true(run(&world, seed, &b) == digest);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_and_outputs_always_agree),
        cmocka_unit_test(the_same_seed_gives_the_same_history),
    };
    return cmocka_run_group_tests_name("embedded_log_property", tests, NULL, NULL);
}
