/*
 * traces.c - spans, answers, evaluations and calls around calls, each on a partition of its own, while a
 * process is killed: what the traces' owners measure is what one reader of everything would have.
 */
#include "tests/engine_kafka/scenarios.h"
#include "tests/simulation/log_traffic.h"
#include "tests/span/otlp_build.h"
#include "tests/test.h"

#define RECORDS_MAX 8
#define SETTLE_MS   90000
#define QUIET_MS    10000 /* trace.quiet below: longer than a take-over */

struct rig *traces_open(struct rig_site *site)
{
    struct rig_options options = {.name = "traces", .inactive_after = "8s",
                                  .settings = "sampler.base_probability: 20%\ntopics.logs: <app>.logs\ntrace.quiet: 10s\n"};
    return rig_open(site, &options);
}

struct round {
    struct buffer records[RECORDS_MAX];
    int topic[RECORDS_MAX]; /* number of the input */
    uint32_t count;
};

static void attributes(struct buffer *span, uint64_t number, bool answered)
{
    char intent[32];
    (void)snprintf(intent, sizeof intent, "intent-%u", (unsigned)(number % 3));
    otlp_put_text(span, 9, "gen_ai.operation.name", "chat");
    otlp_put_text(span, 9, "gen_ai.request.model", "model-a");
    otlp_put_text(span, 9, "intent", intent);
    otlp_put_text(span, 9, "gen_ai.output.type", "json");
    if (answered)
        otlp_put_text(span, 9, "gen_ai.output.messages", "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"{}\"}]}]");
}

static void add_record(struct round *round, int topic, struct bytes scope)
{
    round->topic[round->count] = topic;
    round->records[round->count] = BUFFER_WITH_LIMIT(1 << 20);
    log_traffic_request(&round->records[round->count++], "shop", scope);
}

/* One trace: a call, its answer and what somebody thought of it in log records, now and then a call below. */
static void make_round(struct round *round, uint64_t number, int64_t now_ms)
{
    struct buffer span = BUFFER_WITH_LIMIT(1 << 16), scope = span, below = span, child = span, logs = span;
    uint64_t end_ns = (uint64_t)now_ms * 1000000 + number;
    struct span_ids ids = log_traffic_ids(number);
    bool wrapped = number % 4 == 0, logged = number % 3 != 0;
    *round = (struct round){.count = 0};
    otlp_put_span_core(&span, number, "chat model", end_ns - 400000000, end_ns);
    attributes(&span, number, !logged);
    otlp_put_message(&scope, 2, buffer_bytes(&span));
    if (logged)
        log_traffic_answer(&logs, &ids, end_ns, number % 5 ? "{\"a\":1}" : "prose", "stop");
    log_traffic_score(&logs, &ids, end_ns + 1000000, "helpfulness", (double)(1 + number % 5));
    add_record(round, 2, buffer_bytes(&logs));
    add_record(round, 0, buffer_bytes(&scope));
    if (wrapped) {
        attributes(&below, number, true);
        log_traffic_child(&child, &ids, number, end_ns - 300000000, end_ns - 100000000, buffer_bytes(&below));
        add_record(round, 0, buffer_bytes(&child));
    }
    if (number % 7 == 0)
        add_record(round, 0, buffer_bytes(&scope)); /* again, on another partition */
    struct buffer *const all[] = {&span, &scope, &below, &child, &logs};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buffer_free(all[i]);
}

static void send_round(struct rig *rig, struct member *member, uint64_t number)
{
    struct round round;
    struct error error = {0};
    int64_t now_ms = clock_system.now_ms(&clock_system);
    make_round(&round, number, now_ms);
    bool ok = member_begin(member, &error);
    for (uint32_t i = 0; ok && i < round.count; i++) {
        struct bus_output output = {.topic = rig->setup->flow.inputs[round.topic[i]].name,
                                    .partition = (int32_t)((number + i) % RIG_PARTITIONS),
                                    .timestamp_ms = now_ms,
                                    .value = buffer_bytes(&round.records[i])};
        ok = member_produce(member, &output, &error);
    }
    ok = ok && member_commit(member, NULL, 0, &error) == COMMIT_DONE;
    for (uint32_t i = 0; i < round.count; i++)
        buffer_free(&round.records[i]);
    if (!ok)
        fail_msg("%s", error.message);
}

/* Of this metric in the committed exchange, as one number. */
static int64_t total_of(struct rig *rig, const char *metric)
{
    struct lines sums = {0};
    int64_t total = 0;
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, " %s ", metric);
    oracle_sum_exchange(rig->bus, &rig->setup->flow, &sums);
    for (uint32_t i = 0; i < sums.count; i++)
        if (strstr(sums.all[i].text, wanted) != NULL && strstr(sums.all[i].text, "65535") == NULL)
            total += sums.all[i].amount;
    lines_free(&sums);
    return total;
}

void traces_run(struct rig *rig)
{
    const struct flow_options *flow = &rig->setup->flow;
    const char *written[] = {flow->inputs[0].name, flow->inputs[2].name};
    struct member_spec spec = {.group = "traces-traffic", .transactional_id = "traces-traffic", .topics_written = written, .topics_written_count = 2};
    struct error error = {0};
    uint32_t rounds = test_is_full() ? 2000 : 300;
    assert_true(flow->track_traces && flow->inputs_count == 3);
    struct member *member = bus_member_open(rig->bus, &spec, &error);
    if (member == NULL)
        fail_msg("%s", error.message);
    rig_start(rig, 0, NULL, NULL);
    rig_start(rig, 1, NULL, NULL);
    rig->judge = judge_start(rig->bus, flow, RIG_PARTITIONS);
    for (uint32_t i = 0; i < rounds; i++) {
        send_round(rig, member, i);
        rig_nap(10);
        if (i % 300 == 150) {
            rig_kill(rig, i / 300 % 2);
            rig_start(rig, i / 300 % 2, NULL, NULL);
        }
    }
    member_close(member);
    rig_settle(rig, SETTLE_MS);
    rig_nap(2 * QUIET_MS);
    rig_settle(rig, SETTLE_MS);
    rig_check(rig);
    assert_int_equal(total_of(rig, "score.helpfulness"), rounds); /* at one level: all met their span */
    assert_true(total_of(rig, "spans.recounted") > 0);
}
