/* demo_stage_open.c - names, options, topics, shards and parties of the stage. */
#include "engine/command/demo_stage.h"

#include "engine/bus/kafka.h"
#include "engine/flow/topics.h"

#include <stdio.h>

#define SPANS_PARTITIONS    3
#define EXCHANGE_PARTITIONS 2
/* Of a partition of the embedded log that keeps no state. */
#define LOG_BYTES_MAX ((uint64_t)24 << 20)
#define JUDGED_SHARE  0.1
/* On a cluster a step costs a dozen round trips. */
#define LEARNING_STEP_KAFKA_MS (20 * WORLD_MINUTE_MS)
#define STEP_KAFKA_MS          WORLD_MINUTE_MS

/* ---- names and options ----------------------------------------------------------------------------------- */

enum {
    NAME_APP,
    NAME_SPANS,
    NAME_VERDICTS,
    NAME_CELLS,
    NAME_DIGESTS,
    NAME_CHANGELOG,
    NAME_RATES,
    NAME_REQUESTS,
    NAME_SCORES,
    NAME_ALERTS,
    NAME_DLQ,
    NAME_DECISIONS,
    NAME_COLLECTORS,
    NAME_JUDGE,
    NAMES
};

/* On a real cluster every run has topics of its own, so that runs do not meet. */
static void make_names(struct stage *stage)
{
    static const char *const ends[] = {"",
                                       ".otlp_spans",
                                       ".verdicts",
                                       "-cells-repartition",
                                       "-digests-repartition",
                                       "-state-changelog",
                                       "-rates",
                                       ".judge-requests",
                                       ".scores",
                                       ".alerts",
                                       ".dlq",
                                       ".decisions",
                                       "-collectors",
                                       "-judge"};
    _Static_assert(sizeof ends / sizeof ends[0] == NAMES, "one end per name");
    char app[32] = "demo";
    if (stage->options.kafka != NULL)
        (void)snprintf(app, sizeof app, "demo-%llx",
                       (unsigned long long)(clock_system.now_ms(&clock_system) / 1000));
    for (int i = 0; i < NAMES; i++)
        (void)snprintf(stage->names[i], sizeof stage->names[i], "%s%s", app, ends[i]);
    if (stage->options.kafka == NULL)
        (void)snprintf(stage->names[NAME_SPANS], sizeof stage->names[NAME_SPANS], "otlp_spans");
}

/* On a cluster the stage says when to commit: a step's records come in many polls, while the clock stands
 * still. And a source is not one that runs ahead because another is quiet for a step. */
static void make_patient(struct flow_options *flow)
{
    flow->commit_interval_ms = INT64_MAX;
    flow->ahead_max_ms = 2 * LEARNING_STEP_KAFKA_MS;
}

static void make_flow(struct stage *stage, const struct flow_options *base)
{
    struct flow_options *flow = &stage->flow;
    *flow = *base;
    flow->app = stage->names[NAME_APP];
    flow->instance = "0";
    flow->inputs[0] = (struct input_topic){stage->names[NAME_SPANS], INPUT_SPANS, ENCODING_OTLP_PROTO};
    flow->inputs[1] = (struct input_topic){stage->names[NAME_VERDICTS], INPUT_VERDICTS, ENCODING_AUTO};
    flow->inputs_count = 2;
    flow->topics = (struct topic_names){.cells = stage->names[NAME_CELLS],
                                        .digests = stage->names[NAME_DIGESTS],
                                        .changelog = stage->names[NAME_CHANGELOG],
                                        .rates = stage->names[NAME_RATES],
                                        .requests = stage->names[NAME_REQUESTS],
                                        .scores = stage->names[NAME_SCORES],
                                        .alerts = stage->names[NAME_ALERTS],
                                        .dlq = stage->names[NAME_DLQ],
                                        .decisions = stage->names[NAME_DECISIONS]};
    flow->back.topic_alerts = flow->topics.alerts;
    flow->exchange_partitions = EXCHANGE_PARTITIONS;
    flow->rates_default = (struct rate){
        .base = JUDGED_SHARE, .boost = JUDGED_SHARE, .forced = base->rates_default.forced};
    flow->purge_exchange = true;
    if (stage->options.kafka != NULL)
        make_patient(flow);
}

/* ---- opening --------------------------------------------------------------------------------------------- */

static struct bus *open_log(struct stage *stage)
{
    struct embedded_log_options log_options = {.clock = &stage->clock.clock};
    return embedded_log_open(&log_options);
}

static struct bus *open_kafka(const struct stage *stage, struct error *error)
{
    struct kafka_options options = {.bootstrap_servers = stage->options.kafka,
                                    .client_id = "assay-demo"};
    return kafka_bus_open(&options, error);
}

static bool limit_log(struct stage *stage, struct error *error)
{
    static const int unkept[] = {NAME_SPANS, NAME_VERDICTS, NAME_REQUESTS, NAME_SCORES};
    for (size_t i = 0; i < sizeof unkept / sizeof unkept[0]; i++)
        if (!embedded_log_limit_topic(stage->bus, stage->names[unkept[i]], LOG_BYTES_MAX, error))
            return false;
    return true;
}

/* Brokers judge age by the records' own, simulated times: nothing of the story may be too old. */
static bool create_topics(struct stage *stage, struct error *error)
{
    struct topic_need needs[TOPICS_MAX];
    uint32_t count = topics_needed(&stage->flow, SPANS_PARTITIONS, needs);
    int64_t age_ms = clock_system.now_ms(&clock_system) - stage->script.start_ms;
    age_ms = age_ms > 0 && stage->options.kafka != NULL ? age_ms : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (needs[i].spec.retention_ms >= 0)
            needs[i].spec.retention_ms += age_ms;
        if (!bus_create(stage->bus, &needs[i].spec, error))
            return error_prefix(error, "creating topic %s", needs[i].spec.name);
    }
    return topics_check(stage->bus, &stage->flow, error);
}

static bool open_bus(struct stage *stage, struct error *error)
{
    bool cluster = stage->options.kafka != NULL;
    stage->bus = cluster ? open_kafka(stage, error) : open_log(stage);
    return stage->bus != NULL && create_topics(stage, error) &&
           (cluster || limit_log(stage, error));
}

static bool open_shards(struct stage *stage, struct error *error)
{
    for (uint32_t i = 0; i < STAGE_SHARDS; i++) {
        stage->shards[i] = shard_create(&stage->flow, stage->bus, &stage->clock.clock, i, error);
        if (stage->shards[i] == NULL)
            return false;
    }
    return true;
}

static int32_t partitions_of(struct stage *stage, const char *topic)
{
    struct topic_info info = {0};
    struct error ignored;
    return bus_describe(stage->bus, topic, &info, &ignored) ? info.partitions : 0;
}

static bool open_parties(struct stage *stage, struct error *error)
{
    const struct stage_options *o = &stage->options;
    const struct topic_names *topics = &stage->flow.topics;
    struct traffic_options traffic = {.seed = o->seed,
                                      .spans = o->spans,
                                      .topic = stage->names[NAME_SPANS],
                                      .partitions = partitions_of(stage, stage->names[NAME_SPANS]),
                                      .writer_id = stage->names[NAME_COLLECTORS],
                                      .batch_ms = 10 * WORLD_SECOND_MS};
    struct judge_options judge = {.seed = o->seed,
                                  .requests = topics->requests,
                                  .verdicts = stage->names[NAME_VERDICTS],
                                  .requests_partitions = partitions_of(stage, topics->requests),
                                  .writer_id = stage->names[NAME_JUDGE]};
    struct referee_options referee = {.alerts = topics->alerts,
                                      .requests = topics->requests,
                                      .dead_letters = topics->dlq,
                                      .alerts_partitions = partitions_of(stage, topics->alerts),
                                      .requests_partitions = partitions_of(stage, topics->requests),
                                      .dead_letters_partitions = partitions_of(stage, topics->dlq)};
    stage->quality = quality_create(o->seed, &stage->script);
    stage->traffic = traffic_open(&traffic, &stage->script, stage->bus, error);
    if (stage->traffic == NULL)
        return false;
    stage->judge = judge_open(&judge, stage->quality, stage->bus, error);
    if (stage->judge == NULL)
        return false;
    stage->referee = referee_open(&referee, &stage->script, stage->bus, error);
    return stage->referee != NULL;
}

bool stage_open(struct stage *stage, const struct stage_options *options,
                const struct flow_options *base, struct error *error)
{
    stage->options = *options;
    if (options->kafka != NULL) {
        stage->options.step_ms = STEP_KAFKA_MS;
        stage->options.learning_step_ms = LEARNING_STEP_KAFKA_MS;
    }
    stage->script = script_make(options->end_ms, options->days, stage->options.step_ms);
    stage->played_ms = stage->script.start_ms;
    embedded_clock_init(&stage->clock, stage->script.start_ms);
    make_names(stage);
    make_flow(stage, base);
    return open_bus(stage, error) && open_shards(stage, error) && open_parties(stage, error);
}

void stage_close(struct stage *stage)
{
    traffic_close(stage->traffic);
    judge_close(stage->judge);
    referee_close(stage->referee);
    quality_destroy(stage->quality);
    for (uint32_t i = 0; i < STAGE_SHARDS; i++)
        shard_destroy(stage->shards[i]);
    if (stage->bus != NULL)
        bus_close(stage->bus);
}
