/* scenarios.c - see scenarios.h. Small by default; ASSAY_FULL=1 makes them long. */
#include "tests/engine_kafka/scenarios.h"
#include "tests/test.h"

#include <signal.h>

#define START_MS    60000 /* a slow machine, two processes and a rebalance */
#define RECOVERY_MS 60000
#define SETTLE_MS   90000
#define EXIT_FATAL  3

static const struct traffic_options ordinary = {.seed = 7, .records_per_second = 60, .fail_share = 0.1, .duplicate_share = 0.05,
                                                .late_share = 0.05, .poison_share = 0.02, .captured = true};

static struct rig *open_as(struct rig_site *site, const char *name, const char *settings)
{
    struct rig_options options = {.name = name, .settings = settings};
    return rig_open(site, &options);
}

static void start_world(struct rig *rig, uint32_t engines, const struct traffic_options *traffic)
{
    const struct flow_options *flow = &rig->setup->flow;
    for (uint32_t i = 0; i < engines; i++)
        rig_start(rig, i, NULL, NULL);
    rig->judge = judge_start(rig->bus, flow, RIG_PARTITIONS);
    rig->traffic = traffic_start(rig->bus, rig->app, flow->inputs[0].name, RIG_PARTITIONS, traffic);
    if (engines > 0)
        rig_wait_progress(rig, START_MS);
}

static void finish(struct rig *rig)
{
    rig_settle(rig, SETTLE_MS);
    rig_check(rig);
}

static double draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 33) / 2147483648.0;
}

/* ---- nothing happens to it, but what comes in is not all good ------------------------------------------------- */

static struct rig *open_steady(struct rig_site *site) { return open_as(site, "steady", NULL); }

static void steady(struct rig *rig)
{
    struct traffic_options traffic = ordinary;
    traffic.giants = test_is_full() ? 5 : 2;
    traffic.poison_share = 0.05;
    start_world(rig, 2, &traffic);
    int rounds = test_is_full() ? 15 : 2;
    for (int i = 0; i < rounds; i++) {
        int64_t valid_from_ms = clock_system.now_ms(&clock_system) + 2000;
        rig_publish_rate(rig, "shop", (uint32_t)(i % 3), 0.1 + 0.8 * (i % 7) / 7.0, valid_from_ms);
        rig_publish_rate(rig, "desk", (uint32_t)(i % 2), 0.9 - 0.8 * (i % 5) / 5.0, valid_from_ms + 1);
        rig_nap(2200);
    }
    finish(rig);
    assert_int_equal(rig->card.letters, rig->card.poison);
    assert_true(rig->card.letters > 10);
}

/* ---- kill -9 ---------------------------------------------------------------------------------------------------- */

static struct rig *open_kills(struct rig_site *site) { return open_as(site, "kills", NULL); }

static void random_kills(struct rig *rig)
{
    uint64_t random = test_seed(3);
    uint32_t kills = test_is_full() ? 50 : 3;
    start_world(rig, 2, &ordinary);
    for (uint32_t i = 0; i < kills; i++) {
        uint32_t victim = draw(&random) < 0.5;
        rig_nap((int64_t)(draw(&random) * 700));
        struct rig_mark mark = rig_mark(rig);
        rig_kill(rig, victim);
        if (draw(&random) < 0.2) { /* and the other one, in the middle of taking over */
            rig_nap((int64_t)(draw(&random) * 2500));
            rig_kill(rig, 1 - victim);
            rig_start(rig, 1 - victim, NULL, NULL);
            i++;
        }
        rig_start(rig, victim, NULL, NULL);
        if (draw(&random) < 0.2) { /* again, while it starts or restores */
            rig_nap((int64_t)(draw(&random) * 2500));
            rig_kill(rig, victim);
            rig_start(rig, victim, NULL, NULL);
            i++;
        }
        if (!rig_recovered(rig, &mark, RECOVERY_MS))
            fail_msg("no progress after kill %u; logs are in %s", i, rig->folder);
    }
    finish(rig);
}

static const struct point {
    const char *name;
    bool open; /* a transaction is open there */
} points[] = {
    {"begin.before", false},       {"begin.after", true},   {"produce.first", true}, {"produce.after_first", true},
    {"send_offsets.before", true}, {"send_offsets.after", true}, {"commit.before", true}, {"commit.after", false},
    {"publish.before", false},     {"publish.after", false},
};
#define POINTS (sizeof points / sizeof points[0])

static struct rig *open_points(struct rig_site *site) { return open_as(site, "points", NULL); }

static const struct point *start_to_die(struct rig *rig, uint32_t engine, uint32_t turn, uint64_t *random)
{
    const struct point *point = &points[turn % POINTS];
    char fault[64];
    (void)snprintf(fault, sizeof fault, "%s:%u", point->name, 1 + (uint32_t)(draw(random) * (test_is_full() ? 100 : 40)));
    rig_start(rig, engine, NULL, fault);
    return point;
}

/* Both processes die at points of their own, again and again, each without regard to the other. A recovery
 * lasts from the first death until all partitions moved on. */
static void named_points(struct rig *rig)
{
    uint64_t random = test_seed(5);
    uint32_t total = (uint32_t)POINTS * (test_is_full() ? 5 : 1), next = 0, died = 0;
    const struct point *carried[2];
    struct rig_mark mark = {0};
    start_world(rig, 0, &ordinary);
    for (uint32_t v = 0; v < 2; v++)
        carried[v] = start_to_die(rig, v, next++, &random);
    for (bool pending = false; died < total || pending;) {
        for (uint32_t v = 0; v < 2; v++) {
            int code = rig_wait(rig, v, 10);
            if (code == -1)
                continue;
            if (code != RIG_KILLED)
                fail_msg("engine %s ended with %d before %s; see %s", rig->engines[v].instance, code,
                         carried[v] ? carried[v]->name : "anything", rig->engines[v].log);
            mark = pending ? mark : rig_mark(rig);
            pending = true;
            died++;
            rig->card.kills++;
            rig->card.open_hit += carried[v]->open;
            if (next < total)
                carried[v] = start_to_die(rig, v, next++, &random);
            else
                rig_start(rig, v, NULL, NULL);
        }
        pending = pending && !rig_recovered(rig, &mark, 0);
        if (pending && rig_now_ms() - mark.at_ms > RECOVERY_MS)
            fail_msg("no progress after death %u; logs are in %s", died, rig->folder);
    }
    finish(rig);
}

/* ---- hours in seconds, rules that fire, and kills all the while ------------------------------------------------ */

static struct rig *open_alerts(struct rig_site *site)
{
    /* All traces are judged, so that rates which the planner publishes late change nothing. A take-over must
     * not look like silence, or the clock would leave the past. */
    struct rig_options options = {.name = "alerts", .inactive_after = "20s",
                                  .settings = "sampler.base_probability: 100%\n"
                                              "planner: {probability_min: 100%, target_per_day: 1000000000}\n"};
    return rig_open(site, &options);
}

static void alerts(struct rig *rig)
{
    struct traffic_options traffic = ordinary;
    uint64_t random = test_seed(11);
    traffic.records_max = test_is_full() ? 4000 : 1400;
    traffic.step_ms = 20000;
    traffic.start_ms = clock_system.now_ms(&clock_system) - (int64_t)traffic.records_max * traffic.step_ms;
    traffic.fail_share = 0.01;
    traffic.records_per_second = 100;
    traffic.captured = false; /* repeated within seconds, which are more than the window here */
    rig->traffic = traffic_start(rig->bus, rig->app, rig->setup->flow.inputs[0].name, RIG_PARTITIONS, &traffic);
    while (traffic_sent(rig->traffic) < 60) /* an engine that finds nothing takes the time from the wall */
        rig_nap(20);
    rig->judge = judge_start(rig->bus, &rig->setup->flow, RIG_PARTITIONS);
    rig_start(rig, 0, NULL, NULL);
    rig_start(rig, 1, NULL, NULL);
    uint32_t kills = 0, kills_max = test_is_full() ? 12 : 2;
    while (!traffic_ended(rig->traffic)) {
        uint64_t sent = traffic_sent(rig->traffic);
        bool bad = sent % 1400 > 900 && sent % 1400 < 1200; /* bad for an hour and a half after five that were fine */
        traffic_set_fail_share(rig->traffic, bad ? 0.9 : 0.01);
        rig_nap(200);
        if (kills >= kills_max || sent < (kills + 1) * traffic.records_max / (kills_max + 1))
            continue;
        uint32_t victim = draw(&random) < 0.5;
        rig_kill(rig, victim);
        rig_start(rig, victim, NULL, NULL);
        kills++;
    }
    finish(rig);
    assert_true(rig->card.alerts > 0);
}

/* ---- processes that come back, come and go --------------------------------------------------------------------- */

static struct rig *open_zombie(struct rig_site *site) { return open_as(site, "zombie", NULL); }

/* Silent beyond the session's and (every second time) the transaction's time-out, then awake again. */
static void zombie(struct rig *rig)
{
    uint32_t rounds = test_is_full() ? 10 : 1;
    start_world(rig, 2, &ordinary);
    for (uint32_t i = 0; i < rounds; i++) {
        struct rig_mark mark = rig_mark(rig);
        rig_signal(rig, i % 2, SIGSTOP);
        if (!rig_recovered(rig, &mark, RECOVERY_MS))
            fail_msg("nobody took over from the sleeper; logs are in %s", rig->folder);
        rig_nap(i % 4 >= 2 ? 8000 : 500);
        rig_signal(rig, i % 2, SIGCONT);
        rig_nap(1000);
        rig_wait_progress(rig, RECOVERY_MS);
        if (rig_wait(rig, i % 2, 0) >= 0)
            fail_msg("the sleeper ended with %d; see %s", rig->engines[i % 2].exit_code, rig->engines[i % 2].log);
    }
    finish(rig);
}

/* Transactions must not time out while the only broker shuts down: seen on 4.4.0, its coordinator then ends
 * them as aborted without a marker in partitions that have no leader any more, and the next transaction of
 * the same producer makes their records visible. With several brokers there is always a leader. */
static struct rig *open_restart(struct rig_site *site)
{
    struct rig_options options = {.name = "restart", .transaction_timeout = "60s"};
    return rig_open(site, &options);
}

static void wait_recovered(struct rig *rig, const struct rig_mark *mark)
{
    while (!rig_recovered(rig, mark, 100)) {
        rig_supervise(rig);
        if (rig_now_ms() - mark->at_ms > 2 * RECOVERY_MS)
            fail_msg("no progress after the broker came back; logs are in %s", rig->folder);
    }
}

static void broker_restart(struct rig *rig)
{
    uint32_t rounds = test_is_full() ? 5 : 1;
    start_world(rig, 2, &ordinary);
    for (uint32_t i = 0; i < rounds; i++) {
        rig_nap(700);
        struct rig_mark mark = rig_mark(rig);
        if (i % 2 == 0)
            assert_true(kafka_fixture_do(&rig->site->fixture, "kill"));
        assert_true(kafka_fixture_do(&rig->site->fixture, "restart"));
        wait_recovered(rig, &mark);
    }
    struct rig_mark mark = rig_mark(rig); /* one may still wait in a call that a restart left behind */
    wait_recovered(rig, &mark);
    finish(rig);
}

static struct rig *open_scale(struct rig_site *site) { return open_as(site, "scale", NULL); }

static void scale(struct rig *rig)
{
    uint32_t rounds = test_is_full() ? 6 : 1;
    start_world(rig, 1, &ordinary);
    for (uint32_t i = 0; i < rounds; i++) {
        rig_start(rig, 1, NULL, NULL);
        rig_nap(i % 2 ? 1500 : 0); /* together, and one after the other */
        rig_start(rig, 2, NULL, NULL);
        rig_nap(i % 3 ? 3000 : 2000);
        rig_wait_progress(rig, START_MS);
        (void)rig_stop(rig, 1, 15000);
        (void)rig_stop(rig, 2, 15000);
        rig_wait_progress(rig, START_MS);
    }
    finish(rig);
}

static struct rig *open_twin(struct rig_site *site) { return open_as(site, "twin", NULL); }

static void twin(struct rig *rig)
{
    uint32_t rounds = test_is_full() ? 3 : 1;
    start_world(rig, 1, &ordinary);
    for (uint32_t i = 0; i < rounds; i++) {
        rig_nap(6000); /* who has run for a while yields to the newcomer */
        rig_start(rig, 1, "a", NULL);
        int code = rig_wait(rig, 0, 30000);
        if (code != EXIT_FATAL)
            fail_msg("the older twin ended with %d (-1: it still runs); see %s", code, rig->engines[0].log);
        assert_true(rig_logged(rig, 0, "another process runs with the same application and instance"));
        rig_wait_progress(rig, START_MS);
        assert_int_equal(rig_wait(rig, 1, 0), -1);
        (void)rig_stop(rig, 1, 15000);
        rig_start(rig, 0, NULL, NULL);
        rig_wait_progress(rig, START_MS);
    }
    finish(rig);
}

static struct rig *open_stop(struct rig_site *site) { return open_as(site, "stop", NULL); }

/* One process alone: what it does not commit before it ends would be read, and aborted, again. */
static void graceful_stop(struct rig *rig)
{
    uint32_t rounds = test_is_full() ? 10 : 2;
    start_world(rig, 1, &ordinary);
    for (uint32_t i = 0; i < rounds; i++) {
        rig_nap(500 + 77 * (int64_t)i);
        int64_t took_ms = rig_stop(rig, 0, 5000);
        if (took_ms > 3000)
            fail_msg("a graceful stop took %lld ms; see %s", (long long)took_ms, rig->engines[0].log);
        rig_start(rig, 0, NULL, NULL);
        rig_wait_progress(rig, START_MS);
    }
    finish(rig);
    assert_int_equal(rig_aborted_records(rig), 0);
}

/* ---- without transactions --------------------------------------------------------------------------------------- */

static struct rig *open_loose(struct rig_site *site) { return open_as(site, "loose", "delivery: at_least_once\n"); }

/* What is stopped in order repeats nothing; with kills, see kafka_crash. */
static void at_least_once(struct rig *rig)
{
    uint32_t rounds = test_is_full() ? 10 : 2;
    start_world(rig, 2, &ordinary);
    for (uint32_t i = 0; i < rounds; i++) {
        rig_wait_progress(rig, START_MS);
        (void)rig_stop(rig, i % 2, 10000);
        rig_start(rig, i % 2, NULL, NULL);
    }
    rig_wait_progress(rig, START_MS);
    finish(rig);
}

/* ---- the same input makes the same sums, on one shard and on four ---------------------------------------------- */

static const struct traffic_options repeated = {.seed = 21, .records_per_second = 150, .records_max = 300, .fail_share = 0.1,
                                                .duplicate_share = 0.05, .late_share = 0.05, .poison_share = 0.02,
                                                .captured = true, .step_ms = 7};

static void run_repeated(struct rig *rig, uint32_t engines, int64_t start_ms)
{
    struct traffic_options traffic = repeated;
    traffic.start_ms = start_ms;
    start_world(rig, engines, &traffic);
    while (!traffic_ended(rig->traffic))
        rig_nap(50);
    finish(rig);
}

static struct rig *open_sharding(struct rig_site *site) { return open_as(site, "sharding", NULL); }

static void sharding(struct rig *rig)
{
    struct lines_difference *d = &rig->card.difference;
    struct lines one = {0}, four = {0};
    int64_t start_ms = clock_system.now_ms(&clock_system) - 60000;
    run_repeated(rig, 2, start_ms);
    oracle_sum_exchange(rig->bus, &rig->setup->flow, &four);
    struct rig_options options = {.name = "single", .shards = 1};
    struct rig *single = rig_open(rig->site, &options);
    run_repeated(single, 1, start_ms);
    oracle_sum_exchange(single->bus, &single->setup->flow, &one);
    lines_subtract("one shard against four", &one, &four, d);
    d->lost += single->card.difference.lost;
    d->duplicated += single->card.difference.duplicated;
    d->wrong += single->card.difference.wrong;
    assert_int_equal(single->card.records, rig->card.records);
    assert_true(one.count > 100);
    lines_free(&one);
    lines_free(&four);
    rig_close(single);
}

const struct scenario scenarios[] = {
    {"steady", open_steady, steady},
    {"random_kills", open_kills, random_kills},
    {"named_points", open_points, named_points},
    {"alerts", open_alerts, alerts},
    {"zombie", open_zombie, zombie},
    {"broker_restart", open_restart, broker_restart},
    {"scale", open_scale, scale},
    {"twin", open_twin, twin},
    {"graceful_stop", open_stop, graceful_stop},
    {"at_least_once", open_loose, at_least_once},
    {"sharding", open_sharding, sharding},
    {"poison_burst", open_poison_burst, poison_burst},
    {"every_poison", open_every_poison, every_poison},
    {"traces", traces_open, traces_run},
    {.name = NULL},
};
