/*
 * demo_stage.h - the demo's world put together: a bus, shards of the engine, the applications, the
 * judge, the referee, and the clock they share.
 *
 * The clock is simulated and never ahead of the newest committed record. One step: the applications
 * write what they did until the next moment, the judge answers what is due, the clock moves up to what
 * was committed, the shards work in turn until nothing is left to do, the referee reads. On the
 * embedded log a story is a function of its seed, end and options.
 */
#ifndef ENGINE_COMMAND_DEMO_STAGE_H
#define ENGINE_COMMAND_DEMO_STAGE_H

#include "engine/bus/embedded_log.h"
#include "engine/demo/judge.h"
#include "engine/demo/referee.h"
#include "engine/demo/script.h"
#include "engine/demo/traffic.h"
#include "engine/flow/shard.h"

#define STAGE_SHARDS 2

struct stage_options {
    uint64_t seed, spans;
    uint32_t days;
    int64_t end_ms;
    int64_t step_ms, learning_step_ms; /* how time moves on; while baselines are learned */
    const char *kafka; /* host:port, with steps of its own; NULL: the embedded log */
};

struct stage {
    struct stage_options options;
    struct flow_options flow;
    char names[14][80];
    struct embedded_clock clock;
    struct script script;
    struct bus *bus;
    struct shard *shards[STAGE_SHARDS];
    struct quality *quality;
    struct traffic *traffic;
    struct judge *judge;
    struct referee *referee;
    int64_t played_ms; /* how far the applications are */
};

/* Zeroed before; close it in any case. */
bool stage_open(struct stage *stage, const struct stage_options *options,
                const struct flow_options *base, struct error *error);
void stage_close(struct stage *stage);

/* One step; false with the reason. */
bool stage_step(struct stage *stage, referee_hear *hear, void *context, struct error *error);
/* True when the story is told and the judge has answered everything. */
bool stage_done(const struct stage *stage);
/* After the last step: everything is committed and read. */
bool stage_finish(struct stage *stage, referee_hear *hear, void *context, struct error *error);
/* The engine's sums over all shards. */
struct referee_engine stage_engine(struct stage *stage);
/* Sum over all shards. */
struct shard_status stage_status(struct stage *stage);

#endif
