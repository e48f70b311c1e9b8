/* demo_stage.c - opening, one step, closing; see demo_stage.h. */
#include "engine/command/demo_stage.h"

#include "engine/bus/kafka.h"
#include "engine/flow/topics.h"

#include <stdio.h>

#define SPANS_PARTITIONS 3
#define EXCHANGE_PARTITIONS 2
#define LOG_BYTES_MAX ((uint64_t)24 << 20) /* of a partition of the embedded log that keeps no state */
#define JUDGED_SHARE 0.1
#define LEARNING_DAYS 14
#define LEARNING_STEP_KAFKA_MS (20 * WORLD_MINUTE_MS)
#define STEP_KAFKA_MS WORLD_MINUTE_MS
#define PATIENCE_NS ((int64_t)60 * 1000000000)
#define ANSWER_MS (20 * WORLD_MINUTE_MS) /* the slowest verdict, with its repeat, is there by then */

/* ---- names and options ----------------------------------------------------------------------------------- */

enum { NAME_APP, NAME_SPANS, NAME_VERDICTS, NAME_CELLS, NAME_DIGESTS, NAME_CHANGELOG, NAME_RATES, NAME_REQUESTS,
       NAME_SCORES, NAME_ALERTS, NAME_DLQ, NAME_DECISIONS, NAME_COLLECTORS, NAME_JUDGE, NAMES };

/* On a real cluster every run has topics of its own, so that runs do not meet. */
static void make_names(struct stage *stage)
{
    static const char *const ends[] = {"", ".otlp_spans", ".verdicts", "-cells-repartition", "-digests-repartition",
                                       "-state-changelog", "-rates", ".judge-requests", ".scores", ".alerts", ".dlq",
                                       ".decisions", "-collectors", "-judge"};
    _Static_assert(sizeof ends / sizeof ends[0] == NAMES, "one end per name");
    char app[32] = "demo";
    if (stage->options.kafka != NULL)
        (void)snprintf(app, sizeof app, "demo-%llx", (unsigned long long)(clock_system.now_ms(&clock_system) / 1000));
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
    flow->inputs[0] = (struct input_topic){stage->names[NAME_SPANS], INPUT_SPANS};
    flow->inputs[1] = (struct input_topic){stage->names[NAME_VERDICTS], INPUT_VERDICTS};
    flow->inputs_count = 2;
    flow->topics = (struct topic_names){
        .cells = stage->names[NAME_CELLS], .digests = stage->names[NAME_DIGESTS],
        .changelog = stage->names[NAME_CHANGELOG], .rates = stage->names[NAME_RATES],
        .requests = stage->names[NAME_REQUESTS], .scores = stage->names[NAME_SCORES],
        .alerts = stage->names[NAME_ALERTS], .dlq = stage->names[NAME_DLQ], .decisions = stage->names[NAME_DECISIONS]};
    flow->back.topic_alerts = flow->topics.alerts;
    flow->exchange_partitions = EXCHANGE_PARTITIONS;
    flow->rates_default = (struct rate){.base = JUDGED_SHARE, .boost = JUDGED_SHARE, .forced = base->rates_default.forced};
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
    struct kafka_options options = {.bootstrap_servers = stage->options.kafka, .client_id = "assay-demo"};
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

static bool open_bus(struct stage *stage, struct error *error)
{
    uint32_t created = 0;
    stage->bus = stage->options.kafka != NULL ? open_kafka(stage, error) : open_log(stage);
    return stage->bus != NULL && topics_create(stage->bus, &stage->flow, SPANS_PARTITIONS, &created, error) &&
           (stage->options.kafka != NULL || limit_log(stage, error)) && topics_check(stage->bus, &stage->flow, error);
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
    struct traffic_options traffic = {.seed = o->seed, .spans = o->spans, .topic = stage->names[NAME_SPANS],
                                      .partitions = partitions_of(stage, stage->names[NAME_SPANS]),
                                      .writer_id = stage->names[NAME_COLLECTORS], .batch_ms = 10 * WORLD_SECOND_MS};
    struct judge_options judge = {.seed = o->seed, .requests = topics->requests, .verdicts = stage->names[NAME_VERDICTS],
                                  .requests_partitions = partitions_of(stage, topics->requests),
                                  .writer_id = stage->names[NAME_JUDGE]};
    struct referee_options referee = {.alerts = topics->alerts, .requests = topics->requests, .dead_letters = topics->dlq,
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

bool stage_open(struct stage *stage, const struct stage_options *options, const struct flow_options *base,
                struct error *error)
{
    stage->options = *options;
    if (options->kafka != NULL)
        stage->options.step_ms = STEP_KAFKA_MS;
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

/* ---- a step ------------------------------------------------------------------------------------------------ */

/* Every shard one turn; *worked says whether any had something to do. */
static bool turn_shards(struct stage *stage, int timeout_ms, bool *worked, struct error *error)
{
    *worked = false;
    for (uint32_t i = 0; i < STAGE_SHARDS; i++) {
        enum shard_turn turn = shard_step(stage->shards[i], timeout_ms, error);
        if (turn == SHARD_FAILED)
            return false;
        *worked = *worked || turn == SHARD_WORKED;
    }
    return true;
}

static uint64_t records_sent(const struct stage *stage)
{
    const struct traffic_counts *sent = traffic_count(stage->traffic);
    return sent->records + sent->strays + judge_count(stage->judge).verdicts;
}

static bool commit_shards(struct stage *stage, struct error *error)
{
    for (uint32_t i = 0; i < STAGE_SHARDS; i++)
        if (!shard_commit_now(stage->shards[i], error))
            return false;
    return true;
}

/* Records travel: on until those that were sent are read and committed. */
static bool work_off_cluster(struct stage *stage, struct error *error)
{
    int64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    do {
        bool worked = false;
        for (int idle_turns = 0; idle_turns < 2; idle_turns = worked ? 0 : idle_turns + 1)
            if (!turn_shards(stage, 2, &worked, error))
                return false;
        if (clock_monotonic_ns() > deadline_ns)
            return error_set(error, ERROR_UNAVAILABLE, "the shards did not get to read what was written within %d s",
                             (int)(PATIENCE_NS / 1000000000));
        if (!commit_shards(stage, error))
            return false;
    } while (stage_status(stage).front.records < records_sent(stage));
    return true;
}

/* Until the shards have nothing left to do. */
static bool work_off(struct stage *stage, struct error *error)
{
    if (stage->options.kafka != NULL)
        return work_off_cluster(stage, error);
    for (bool worked = true; worked;)
        if (!turn_shards(stage, 0, &worked, error))
            return false;
    return true;
}

int64_t stage_learning_step_ms(const struct stage *stage)
{
    return stage->options.kafka != NULL ? LEARNING_STEP_KAFKA_MS : stage->options.step_ms;
}

static int64_t next_step_ms(const struct stage *stage)
{
    if (stage->played_ms < stage->script.start_ms + LEARNING_DAYS * WORLD_DAY_MS)
        return stage_learning_step_ms(stage);
    return stage->options.step_ms;
}

static bool step(struct stage *stage, int wait_ms, referee_hear *hear, void *context, struct error *error)
{
    stage->played_ms += next_step_ms(stage);
    int64_t story_ms = stage->played_ms < stage->script.end_ms ? stage->played_ms : stage->script.end_ms;
    if (!traffic_play(stage->traffic, story_ms, error) || !judge_work(stage->judge, stage->played_ms, wait_ms, error))
        return false;
    int64_t newest_ms = traffic_newest_ms(stage->traffic);
    if (judge_newest_ms(stage->judge) > newest_ms)
        newest_ms = judge_newest_ms(stage->judge);
    if (newest_ms > stage->clock.clock.now_ms(&stage->clock.clock))
        embedded_clock_set(&stage->clock, newest_ms);
    return work_off(stage, error) && referee_read(stage->referee, wait_ms, hear, context, error);
}

bool stage_step(struct stage *stage, referee_hear *hear, void *context, struct error *error)
{
    return step(stage, 0, hear, context, error);
}

bool stage_done(const struct stage *stage) { return stage->played_ms >= stage->script.end_ms; }

bool stage_finish(struct stage *stage, referee_hear *hear, void *context, struct error *error)
{
    struct judge_counts judged;
    int wait_ms = stage->options.kafka != NULL ? 500 : 0;
    int64_t deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    do { /* the last requests come out with the last commits, and the judge takes its time */
        if (!commit_shards(stage, error) || !step(stage, wait_ms, hear, context, error))
            return false;
        stage->played_ms += ANSWER_MS;
        judged = judge_count(stage->judge);
        if (clock_monotonic_ns() > deadline_ns)
            return error_set(error, ERROR_UNAVAILABLE, "the last verdicts did not come through");
    } while (judged.waiting > 0 || judged.requests < stage_status(stage).front.requests);
    /* Twice: what the first commits put on the exchange is folded, and what comes of that is committed. */
    return commit_shards(stage, error) && work_off(stage, error) && commit_shards(stage, error) &&
           referee_read(stage->referee, wait_ms, hear, context, error);
}

/* ---- looking on ---------------------------------------------------------------------------------------------- */

struct shard_status stage_status(struct stage *stage)
{
    struct shard_status sum = {0}, one;
    for (uint32_t i = 0; i < STAGE_SHARDS; i++) {
        shard_read_status(stage->shards[i], &one);
        sum.front.spans += one.front.spans;
        sum.front.records += one.front.records;
        sum.front.measured += one.front.measured;
        sum.front.duplicates += one.front.duplicates;
        sum.front.verdicts += one.front.verdicts;
        sum.front.verdict_rows += one.front.verdict_rows;
        sum.front.requests += one.front.requests;
        sum.front.dead_letters += one.front.dead_letters;
        sum.commits += one.commits;
        sum.aborts += one.aborts;
        sum.cells_watched += one.cells_watched;
        sum.state_bytes += one.state_bytes;
        sum.back.alerts_opened += one.back.alerts_opened;
        sum.back.epochs_closed += one.back.epochs_closed;
        sum.poll_ns += one.poll_ns;
        sum.commit_ns += one.commit_ns;
        sum.fold_ns += one.fold_ns;
        sum.total_ns += one.total_ns;
    }
    return sum;
}

struct referee_engine stage_engine(struct stage *stage)
{
    struct shard_status sum = stage_status(stage);
    return (struct referee_engine){.spans = sum.front.spans, .verdicts = sum.front.verdicts,
                                   .verdict_rows = sum.front.verdict_rows, .measured = sum.front.measured,
                                   .duplicates = sum.front.duplicates, .requests = sum.front.requests,
                                   .dead_letters = sum.front.dead_letters};
}
