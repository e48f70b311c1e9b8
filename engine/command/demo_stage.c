/* demo_stage.c - a step of the story, its end, and a look at the sums; see demo_stage.h. */
#include "engine/command/demo_stage.h"

#define LEARNING_DAYS 14
#define PATIENCE_NS   ((int64_t)120 * 1000000000)
#define ANSWER_MS                                                                                  \
    (20 * WORLD_MINUTE_MS) /* the slowest verdict, with its repeat, is there by then */

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
            return error_set(error, ERROR_UNAVAILABLE,
                             "the shards did not get to read what was written within %d s",
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

static int64_t next_step_ms(const struct stage *stage)
{
    if (stage->played_ms < stage->script.start_ms + LEARNING_DAYS * WORLD_DAY_MS)
        return stage->options.learning_step_ms;
    return stage->options.step_ms;
}

static bool step(struct stage *stage, int wait_ms, referee_hear *hear, void *context,
                 struct error *error)
{
    stage->played_ms += next_step_ms(stage);
    int64_t story_ms =
        stage->played_ms < stage->script.end_ms ? stage->played_ms : stage->script.end_ms;
    if (!traffic_play(stage->traffic, story_ms, error) ||
        !judge_work(stage->judge, stage->played_ms, wait_ms, error))
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
    return (struct referee_engine){.spans = sum.front.spans,
                                   .verdicts = sum.front.verdicts,
                                   .verdict_rows = sum.front.verdict_rows,
                                   .measured = sum.front.measured,
                                   .duplicates = sum.front.duplicates,
                                   .requests = sum.front.requests,
                                   .dead_letters = sum.front.dead_letters};
}
