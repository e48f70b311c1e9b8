/* world.c - traffic, shards and their replacement; see world.h. */
#include "tests/simulation/world.h"
#include "tests/test.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/option.h"
#include "engine/flow/topics.h"
#include "operators/annotate/annotate.h"
#include "operators/track/track.h"
#include "tests/simulation/log_traffic.h"
#include "tests/span/otlp_build.h"

#include <math.h>
#include <stdio.h>

extern const struct detector_class operator_shift, operator_effect;

static const struct annotator_class *const annotator_list[] = {&annotator_who, &annotator_prompt, &annotator_format,
                                                               &annotator_sampler, &annotator_score};

double world_chance(struct world *w) { return (double)(otlp_random(&w->random) >> 11) / 9007199254740992.0; }

static struct rule make_rule(const char *id, const char *metric)
{
    struct rule rule = {.effect_relative = NAN, .effect_ratio = NAN, .threshold = NAN, .tolerance = NAN,
                        .budget_alarms = 1, .budget_period_ms = 30 * (int64_t)86400000, .sure = true};
    (void)snprintf(rule.id, sizeof rule.id, "%s", id);
    (void)snprintf(rule.title, sizeof rule.title, "rule %s", id);
    (void)snprintf(rule.metric, sizeof rule.metric, "%s", metric);
    return rule;
}

static void add_level(struct rule *rule, const char *const *names)
{
    struct rule_level *level = &rule->levels[rule->levels_count++];
    for (; *names != NULL; names++) {
        struct rule_label *label = &level->labels[level->labels_count++];
        (void)snprintf(label->name, sizeof label->name, "%s", *names);
        (void)snprintf(label->value, sizeof label->value, "*");
    }
}

static void make_rules(struct rule_set *set)
{
    struct rule format = make_rule("R094", "format");
    format.effect_ratio = 2;
    format.window_ms = 3600000;
    format.effect_min_count = 20;
    format.baseline_window_ms = 2 * 3600000;
    format.baseline_min_count = 100;
    add_level(&format, (const char *[]){"app", "env", NULL});
    add_level(&format, (const char *[]){"app", "env", "intent", NULL});
    struct rule score = make_rule("R090", "score.*");
    score.effect_relative = 0.05;
    score.window_ms = 7 * (int64_t)86400000;
    score.effect_min_count = 20;
    score.baseline_window_ms = 6 * 3600000;
    score.baseline_min_count = 50;
    add_level(&score, (const char *[]){"app", "env", "intent", "evaluator", "revision", NULL});
    set->rules[set->count++] = format;
    set->rules[set->count++] = score;
    set->digest = 42;
}

static void make_operators(struct world *w)
{
    uint32_t count = sizeof annotator_list / sizeof annotator_list[0];
    for (uint32_t i = 0; i < count; i++) {
        w->confs[i] = memory_allocate(annotator_list[i]->conf_bytes);
        if (annotator_list[i]->options != NULL)
            option_set_defaults(annotator_list[i]->options, w->confs[i]);
        w->annotators[i] = (struct annotator_instance){annotator_list[i], w->confs[i]};
    }
    struct error error = {0};
    w->trace_conf = memory_allocate(tracker_trace.conf_bytes);
    option_set_defaults(tracker_trace.options, w->trace_conf);
    CHECK(option_set(option_find(tracker_trace.options, BYTES_LITERAL("trace.quiet")), w->trace_conf, BYTES_LITERAL("1m"), &error));
    CHECK(option_set(option_find(tracker_trace.options, BYTES_LITERAL("trace.remember")), w->trace_conf, BYTES_LITERAL("10m"), &error));
    w->trackers[0] = (struct tracker_instance){&tracker_trace, w->trace_conf};
    w->options.trackers = w->trackers;
    w->options.trackers_count = 1;
    w->options.annotators = w->annotators;
    w->options.annotators_count = count;
}

static void make_options(struct world *w)
{
    w->options = (struct flow_options){
        .app = "sim", .instance = "0",
        .inputs = {{.name = "otlp_spans", .kind = INPUT_SPANS}, {.name = "sim.verdicts", .kind = INPUT_VERDICTS},
                   {.name = "otlp_logs", .kind = INPUT_LOGS}}, .inputs_count = 3,
        .topics = {.cells = "sim-cells-repartition", .digests = "sim-digests-repartition", .changelog = "sim-state-changelog",
                   .rates = "sim-rates", .requests = "sim.judge-requests", .scores = "sim.scores", .alerts = "sim.alerts",
                   .dlq = "sim.dlq", .decisions = "sim.decisions"},
        .exchange_partitions = 4, .commit_interval_ms = 500, .punctuation_interval_ms = 1000, .ahead_max_ms = 600000,
        .future_max_ms = 300000, .dedupe_window_ms = 600000, .dedupe_ids_max = 100000, .leaves_max = 10000,
        .track_traces = true, .traces_bytes_max = (uint64_t)1 << 26, .batch_rows = 64, .record_bytes_max = 1 << 20, .transaction_bytes_max = (size_t)1 << 28,
        .otlp = otlp_limits_default, .rates_default = {0.1, 0.1, 1},
        .back = {.settle_ms = 30000, .inactive_after_ms = 10000, .series_max = 1000, .cells_max = 10000,
                 .store_limit_bytes = (uint64_t)1 << 28, .topic_alerts = "sim.alerts", .sure = &operator_shift,
                 .big = &operator_effect},
    };
    w->options.rules = &w->rules;
}

static void start_shard(struct world *w, uint32_t number)
{
    struct error error = {0};
    w->shards[number] = shard_create(&w->options, w->bus, &w->clock.clock, number, &error);
    if (w->shards[number] == NULL)
        (void)fprintf(stderr, "shard %u: %s\n", number, error.message);
    CHECK(w->shards[number] != NULL);
}

struct world *world_create(uint64_t seed, uint32_t shards, const struct embedded_log_faults *faults)
{
    return world_create_avro(seed, shards, faults, NULL);
}

struct world *world_create_avro(uint64_t seed, uint32_t shards, const struct embedded_log_faults *faults,
                                const struct avro_decoder *avro)
{
    struct world *w = memory_allocate(sizeof *w);
    w->random = seed;
    w->now_ms = WORLD_START_MS;
    w->next_trace = 1;
    embedded_clock_init(&w->clock, w->now_ms);
    make_rules(&w->rules);
    make_options(w);
    w->options.avro = avro;
    w->options.inputs[0].encoding = avro != NULL ? ENCODING_AVRO : ENCODING_AUTO;
    make_operators(w);
    struct embedded_log_options log_options = {.clock = &w->clock.clock};
    w->bus = embedded_log_open(&log_options);
    struct error error = {0};
    uint32_t created = 0;
    CHECK(topics_create(w->bus, &w->options, 3, &created, &error));
    CHECK(topics_check(w->bus, &w->options, &error));
    w->shards_count = shards;
    for (uint32_t i = 0; i < shards; i++)
        start_shard(w, i);
    if (faults != NULL)
        embedded_log_set_faults(w->bus, faults);
    return w;
}

void world_destroy(struct world *w)
{
    for (uint32_t i = 0; i < w->shards_count; i++)
        shard_destroy(w->shards[i]);
    bus_close(w->bus);
    for (int t = 0; t < 3; t++) {
        for (uint32_t i = 0; i < w->records_count[t]; i++)
            memory_free((void *)(uintptr_t)w->records[t][i].value.data);
        memory_free(w->records[t]);
    }
    for (size_t i = 0; i < sizeof w->confs / sizeof w->confs[0]; i++)
        memory_free(w->confs[i]);
    memory_free(w->trace_conf);
    memory_free(w);
}

static void restart(struct world *w, uint32_t number)
{
    shard_abandon(w->shards[number]);
    w->restarts++;
    start_shard(w, number);
}

void world_crash(struct world *w, uint32_t number)
{
    embedded_log_crash(shard_member(w->shards[number]));
    restart(w, number);
}

void world_step(struct world *w)
{
    for (uint32_t i = 0; i < w->shards_count; i++) {
        struct error error = {0};
        if (shard_step(w->shards[i], 0, &error) == SHARD_FAILED)
            restart(w, i);
    }
}

void world_settle(struct world *w)
{
    struct embedded_log_faults none = {.seed = 1};
    embedded_log_set_faults(w->bus, &none);
    for (int turn = 0; turn < 400; turn++) {
        if (turn % 4 == 3) {
            w->now_ms += 600;
            embedded_clock_set(&w->clock, w->now_ms);
        }
        world_step(w);
    }
    for (int turn = 0; turn < 400; turn++) { /* until traces have settled and are forgotten */
        w->now_ms += turn % 4 == 3 ? 8000 : 0;
        embedded_clock_set(&w->clock, w->now_ms);
        world_step(w);
    }
}

/* ---- traffic --------------------------------------------------------------------------------------------- */

static void append(struct world *w, int which, int32_t partition, struct bytes value)
{
    if (w->records_count[which] == w->records_capacity[which]) {
        w->records_capacity[which] = w->records_capacity[which] ? w->records_capacity[which] * 2 : 256;
        w->records[which] = memory_resize(w->records[which], w->records_capacity[which] * sizeof *w->records[which]);
    }
    struct oracle_record *r = &w->records[which][w->records_count[which]++];
    uint8_t *copy = memory_allocate_raw(value.size);
    memcpy(copy, value.data, value.size);
    *r = (struct oracle_record){partition, 0, w->now_ms, bytes_of(copy, value.size)};
    struct bus_output output = {.topic = w->options.inputs[which].name, .partition = partition, .timestamp_ms = w->now_ms,
                                .value = r->value};
    struct error error = {0};
    CHECK(embedded_log_append(w->bus, &output, &r->offset, &error));
}

/* One round of traffic: what goes into which record. */
struct round {
    struct buffer spans, below, logs; /* bodies of scopes */
};

static bool happens(struct world *w, double share) { return share > 0 && world_chance(w) < share; }

static void put_attributes(struct world *w, uint32_t intent, const char *answer, struct buffer *out)
{
    char text[64];
    (void)snprintf(text, sizeof text, "intent-%u", intent);
    otlp_put_text(out, 9, "gen_ai.operation.name", "chat");
    otlp_put_text(out, 9, "gen_ai.request.model", intent % 2 ? "model-a" : "model-b");
    otlp_put_text(out, 9, "intent", text);
    otlp_put_text(out, 9, "gen_ai.output.type", "json");
    otlp_put_text(out, 9, "gen_ai.prompt.version", world_chance(w) < 0.1 ? "v2" : "v1");
    if (answer != NULL) {
        char messages[200];
        (void)snprintf(messages, sizeof messages, "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"%s\"}]}]", answer);
        otlp_put_text(out, 9, "gen_ai.output.messages", messages);
    }
}

/* The answer apart from its span, now and then of one that nobody sent; and what somebody thought of it. */
static void put_logs(struct world *w, uint64_t number, uint64_t end_ns, bool fails, struct buffer *logs)
{
    struct span_ids ids = log_traffic_ids(number);
    if (world_chance(w) < 0.1)
        ids.span_id[0] ^= 0x80;
    log_traffic_answer(logs, &ids, end_ns, fails ? "Sure, here you go" : "{\"a\":1}", world_chance(w) < 0.5 ? "stop" : NULL);
    if (world_chance(w) < 0.5)
        log_traffic_score(logs, &ids, end_ns + 1000000, "helpfulness", 1 + (double)(int)(world_chance(w) * 5));
    if (world_chance(w) < 0.1) {
        ids.trace_id[0] ^= 0x80; /* a trace that nobody sent */
        log_traffic_score(logs, &ids, end_ns + 2000000, "helpfulness", 2);
    }
}

static void put_span(struct world *w, const struct world_traffic *t, uint32_t intent, struct round *round)
{
    struct buffer span = BUFFER_WITH_LIMIT(1 << 16), below = BUFFER_WITH_LIMIT(1 << 16);
    int64_t end_ms = w->now_ms - (int64_t)(world_chance(w) * 2000);
    if (world_chance(w) < t->late_share)
        end_ms -= (int64_t)(world_chance(w) * 3600000);
    uint64_t end_ns = (uint64_t)end_ms * 1000000, number = w->next_trace++;
    bool fails = world_chance(w) < t->fail_share, logged = happens(w, t->log_share), wrapped = happens(w, t->wrapped_share);
    const char *answer = logged ? NULL : fails ? "Sure, here you go" : "{\\\"a\\\":1}";
    otlp_put_span_core(&span, number, "chat model", end_ns - 400000000, end_ns);
    put_attributes(w, intent, answer, &span);
    otlp_put_message(&round->spans, 2, buffer_bytes(&span));
    if (logged)
        put_logs(w, number, end_ns, fails, &round->logs);
    if (wrapped) {
        struct span_ids ids = log_traffic_ids(number);
        put_attributes(w, intent, answer, &below);
        log_traffic_child(&round->below, &ids, number, end_ns - 300000000, end_ns - 100000000, buffer_bytes(&below));
    }
    buffer_free(&span);
    buffer_free(&below);
    w->spans_sent++;
}

static void append_request(struct world *w, const struct world_traffic *t, int which, const char *service, struct bytes scope)
{
    struct buffer request = BUFFER_WITH_LIMIT(1 << 20);
    int32_t partition = (int32_t)(world_chance(w) * 3);
    log_traffic_request(&request, service, scope);
    append(w, which, partition, buffer_bytes(&request));
    if (world_chance(w) < t->duplicate_share)
        append(w, which, partition, buffer_bytes(&request));
    if (happens(w, t->elsewhere_share))
        append(w, which, (partition + 1) % 3, buffer_bytes(&request));
    if (world_chance(w) < t->poison_share)
        append(w, which, partition, BYTES_LITERAL("\x0a\xff\xff\xff\x7f poison"));
    buffer_free(&request);
}

static void append_traffic(struct world *w, const struct world_traffic *t)
{
    struct round round = {BUFFER_WITH_LIMIT(1 << 20), BUFFER_WITH_LIMIT(1 << 20), BUFFER_WITH_LIMIT(1 << 20)};
    const char *service = (uint32_t)(world_chance(w) * 2) ? "shop" : "desk";
    uint32_t spans = 1 + (uint32_t)(world_chance(w) * 5);
    for (uint32_t i = 0; i < spans; i++)
        put_span(w, t, (uint32_t)(world_chance(w) * 3), &round);
    bool first = world_chance(w) < 0.5; /* log records before their spans, or behind them */
    if (round.logs.size > 0 && first)
        append_request(w, t, 2, service, buffer_bytes(&round.logs));
    append_request(w, t, 0, service, buffer_bytes(&round.spans));
    if (round.logs.size > 0 && !first)
        append_request(w, t, 2, service, buffer_bytes(&round.logs));
    if (round.below.size > 0)
        append_request(w, t, 0, service, buffer_bytes(&round.below));
    buffer_free(&round.spans);
    buffer_free(&round.below);
    buffer_free(&round.logs);
}

void world_run(struct world *w, const struct world_traffic *t)
{
    for (uint32_t i = 0; i < t->records; i++) {
        append_traffic(w, t);
        w->now_ms += t->step_ms;
        embedded_clock_set(&w->clock, w->now_ms);
        for (int turn = 0; turn < t->turns; turn++)
            world_step(w);
    }
}

/* ---- judge ------------------------------------------------------------------------------------------------- */

static void answer(struct world *w, struct json_document *json, struct bytes request, double mean)
{
    struct error error = {0};
    const struct json_value *root = json_parse(json, request, 8, &error);
    CHECK(root != NULL);
    struct bytes echo = BYTES_NONE;
    const char *start = strstr((const char *)request.data, "\"echo\":{");
    if (start != NULL) {
        start += 7;
        echo = bytes_of(start, (size_t)(strchr(start, '}') - start) + 1);
    }
    CHECK(bytes_present(echo));
    struct buffer out = BUFFER_WITH_LIMIT(1 << 16);
    int score = (int)fmin(5, fmax(1, floor(mean + 3 * world_chance(w) - 1)));
    buffer_printf(&out, "{\"request_id\":\"%.*s\",\"evaluator\":\"judge\",\"revision\":\"r1\",\"echo\":%.*s,"
                        "\"scores\":{\"relevance\":%d,\"tone\":%d}}",
                  BYTES_FMT(json_text(json_get(root, "request_id"))), BYTES_FMT(echo), score, 4);
    append(w, 1, (int32_t)(world_chance(w) * 3), buffer_bytes(&out));
    buffer_free(&out);
}

void world_judge(struct world *w, double mean)
{
    struct json_document *json = json_create((size_t)1 << 20);
    for (int32_t p = 0; p < (int32_t)w->options.exchange_partitions; p++) {
        int64_t low = 0, high = 0;
        struct error error = {0};
        CHECK(bus_watermarks(w->bus, w->options.topics.requests, p, &low, &high, &error));
        struct bus_reader *reader = bus_reader_open(w->bus, w->options.topics.requests, p, w->requests_read[p], high, &error);
        CHECK(reader != NULL);
        struct bus_record record;
        while (reader_next(reader, 0, &record, &error) == READER_RECORD) {
            struct buffer text = BUFFER_WITH_LIMIT(1 << 16);
            buffer_append(&text, record.value.data, record.value.size);
            buffer_put_u8(&text, 0);
            answer(w, json, bytes_of(text.data, record.value.size), mean);
            buffer_free(&text);
        }
        w->requests_read[p] = reader_position(reader);
        reader_close(reader);
    }
    json_destroy(json);
}

/* ---- oracle ------------------------------------------------------------------------------------------------- */

void world_check(struct world *w)
{
    uint32_t partitions = w->options.exchange_partitions;
    int64_t folded[16] = {0};
    struct error error = {0};
    struct lines_difference d = {0};
    for (uint32_t p = 0; p < 2 * partitions; p++) {
        struct bus_position at; /* the newest punctuation is always still to come */
        const char *topic = p < partitions ? w->options.topics.cells : w->options.topics.digests;
        CHECK(embedded_log_position(w->bus, w->options.app, topic, (int32_t)(p % partitions), &at, &error));
        folded[p] = at.offset;
    }
    struct oracle oracle = {.bus = w->bus, .options = &w->options, .folded = folded, .digests = true,
                            .inputs = {{w->records[0], w->records_count[0]}, {w->records[1], w->records_count[1]},
                                       {w->records[2], w->records_count[2]}}};
    oracle_check_front(&oracle, &d);
    oracle_check_back(&oracle, &d);
    if (d.lost + d.duplicated + d.wrong > 0)
        fail_msg("of %llu lines %llu lost, %llu duplicated, %llu wrong", (unsigned long long)d.compared,
                 (unsigned long long)d.lost, (unsigned long long)d.duplicated, (unsigned long long)d.wrong);
}
