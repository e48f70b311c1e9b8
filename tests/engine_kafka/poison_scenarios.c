/* poison_scenarios.c - records that cannot be taken among good ones: all of them in the DLQ, and nothing else. */
#include "tests/engine_kafka/scenarios.h"
#include "tests/test.h"

#include "tests/span/poison.h"

#define SETTLE_MS 90000
#define START_MS  60000
#define CODES_MAX 32

static const struct traffic_options stream = {
    .seed = 7, .fail_share = 0.1, .duplicate_share = 0.05, .late_share = 0.05, .poison_share = 0.02, .records_max = 300};

static void wait_for_traffic(const struct traffic *traffic)
{
    while (!traffic_ended(traffic))
        rig_nap(50);
}

/* ---- more at once than a transaction can hold ------------------------------------------------------------------ */

struct rig *open_poison_burst(struct rig_site *site)
{
    struct rig_options options = {.name = "burst", .settings = "limits.transaction_bytes: 1MiB\n"};
    return rig_open(site, &options);
}

void poison_burst(struct rig *rig)
{
    const struct flow_options *flow = &rig->setup->flow;
    struct traffic_options traffic = stream;
    traffic.captured = true;
    traffic.records_per_second = 300;
    traffic.noise_bytes = 70000;
    rig->judge = judge_start(rig->bus, flow, RIG_PARTITIONS);
    rig->traffic = traffic_start(rig->bus, rig->app, flow->inputs[0].name, RIG_PARTITIONS, &traffic);
    wait_for_traffic(rig->traffic);
    rig_start(rig, 0, NULL, NULL);
    rig_settle(rig, SETTLE_MS);
    rig_check(rig);
    assert_int_equal(rig->card.letters, rig->card.poison);
    assert_true(rig->card.letters >= traffic.records_max);
}

/* ---- every kind, in a running stream ------------------------------------------------------------------------------ */

struct tally {
    char app[64];
    char codes[CODES_MAX][32];
    uint32_t counts[CODES_MAX], used;
};

static uint32_t *count_of(struct tally *tally, const char *code)
{
    uint32_t i = 0;
    while (i < tally->used && strcmp(tally->codes[i], code) != 0)
        i++;
    assert_true(i < CODES_MAX);
    if (i == tally->used)
        (void)snprintf(tally->codes[tally->used++], sizeof tally->codes[0], "%s", code);
    return &tally->counts[i];
}

static void count_letter(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    struct tally *tally = context;
    struct bus_header headers[BUS_HEADERS_MAX];
    uint32_t count = reader_headers(reader, headers, BUS_HEADERS_MAX);
    char name[96], code[32] = "";
    (void)record;
    (void)snprintf(name, sizeof name, "__%s.errors.code", tally->app);
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal_text(headers[i].name, name))
            (void)snprintf(code, sizeof code, "%.*s", BYTES_FMT(headers[i].value));
    ++*count_of(tally, code);
}

/* Spans where verdicts belong. */
static uint32_t send_bad_verdicts(struct rig *rig)
{
    const struct flow_options *flow = &rig->setup->flow;
    const struct traffic_options bad = {.seed = 8, .records_per_second = 200, .records_max = 20};
    char id[96];
    assert_int_equal(flow->inputs[1].kind, INPUT_VERDICTS);
    (void)snprintf(id, sizeof id, "%s-bad", rig->app);
    struct traffic *traffic = traffic_start(rig->bus, id, flow->inputs[1].name, RIG_PARTITIONS, &bad);
    wait_for_traffic(traffic);
    uint32_t sent = (uint32_t)traffic_sent(traffic);
    (void)traffic_stop(traffic);
    return sent;
}

struct rig *open_every_poison(struct rig_site *site)
{
    struct rig_options options = {.name = "poison", .settings = POISON_LIMITS_YAML "sampler.base_probability: 20%\n"};
    return rig_open(site, &options);
}

void every_poison(struct rig *rig)
{
    const struct flow_options *flow = &rig->setup->flow;
    struct traffic_options traffic = stream;
    struct tally found = {.used = 0};
    traffic.records_max = test_is_full() ? 3000 : 300;
    traffic.records_per_second = 60;
    traffic.every_poison = true;
    traffic.giants = 3;
    assert_int_equal(flow->otlp.nesting_depth_max, poison_limits.nesting_depth_max);
    for (uint32_t engine = 0; engine < 2; engine++)
        rig_start(rig, engine, NULL, NULL);
    rig->judge = judge_start(rig->bus, flow, RIG_PARTITIONS);
    rig->traffic = traffic_start(rig->bus, rig->app, flow->inputs[0].name, RIG_PARTITIONS, &traffic);
    rig_wait_progress(rig, START_MS);
    uint32_t bad_verdicts = send_bad_verdicts(rig);
    rig->card.poison += bad_verdicts;
    wait_for_traffic(rig->traffic);
    rig_settle(rig, SETTLE_MS);
    rig_check(rig); /* every letter's place and code, and every sum, as recomputed */
    assert_int_equal(rig->card.letters, rig->card.poison);
    (void)snprintf(found.app, sizeof found.app, "%s", rig->app);
    oracle_visit(rig->bus, flow->topics.dlq, 0, -1, count_letter, &found);
    assert_int_equal(*count_of(&found, "bad_verdict"), bad_verdicts);
    assert_int_equal(*count_of(&found, "oversized"), traffic.giants);
    for (uint32_t kind = 0; kind < poison_kinds(); kind++) {
        struct buffer value = BUFFER_WITH_LIMIT((size_t)1 << 20);
        struct poison_facts facts = poison_put(kind, kind, 1, &value);
        buffer_free(&value);
        if (*count_of(&found, facts.code) < traffic.records_max / poison_kinds())
            fail_msg("%u letters say %s", *count_of(&found, facts.code), facts.code);
    }
    for (uint32_t i = 0; i < found.used; i++)
        print_message("  %-20s %u\n", found.codes[i], found.counts[i]);
}
