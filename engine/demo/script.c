/* script.c - the incidents, placed so that baselines are two weeks old and people are there to notice. */
#include "engine/demo/script.h"

#include <stddef.h>

#define CALM_DAYS       14
#define CLEANUP_APP     0
#define CLEANUP_HOUR    10 /* UTC: a release before lunch, in busy hours */
#define CLEANUP_HOURS   5
#define SLIDE_INTENT    4
#define SLIDE_DIMENSION 0

static uint32_t json_intents(uint32_t app)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < WORLD_INTENTS; i++)
        if (world_intents[i].app == app && world_intents[i].json)
            bits |= (uint32_t)1 << i;
    return bits;
}

/* The first time after `from_ms` that the clock shows this hour. */
static int64_t next_hour(int64_t from_ms, int64_t hour)
{
    int64_t at_ms = from_ms - from_ms % WORLD_DAY_MS + hour * WORLD_HOUR_MS;
    return at_ms >= from_ms ? at_ms : at_ms + WORLD_DAY_MS;
}

static struct incident make_cleanup(int64_t calm_end_ms, int64_t step_ms)
{
    /* Not on the full hour: epochs and commits must not line up with it. */
    int64_t start_ms =
        next_hour(calm_end_ms, CLEANUP_HOUR) + 7 * WORLD_MINUTE_MS + 23 * WORLD_SECOND_MS;
    int64_t end_ms = start_ms + CLEANUP_HOURS * WORLD_HOUR_MS;
    int64_t slowest_ms = step_ms > WORLD_MINUTE_MS / 2 ? 2 * step_ms : 0;
    return (struct incident){
        .kind = INCIDENT_PROMPT_CLEANUP,
        .title = "a prompt clean-up in storefront drops \"reply as JSON\"",
        .app = CLEANUP_APP,
        .intents = json_intents(CLEANUP_APP),
        .start_ms = start_ms,
        .bottom_ms = start_ms,
        .back_ms = end_ms,
        .end_ms = end_ms,
        .depth = 0.8,
        .rule = "R094",
        .metric = "format",
        .open_by_ms = start_ms + 2 * WORLD_MINUTE_MS + slowest_ms,
        .explains_to_ms = end_ms + WORLD_HOUR_MS + slowest_ms,
    };
}

static struct incident make_slide(int64_t start_ms)
{
    int64_t back_ms = start_ms + 9 * WORLD_DAY_MS / 2;
    return (struct incident){
        .kind = INCIDENT_SCORE_SLIDE,
        .title = "relevance of support-desk / troubleshooting slides from 4.2 to 3.6",
        .app = world_intents[SLIDE_INTENT].app,
        .intents = (uint32_t)1 << SLIDE_INTENT,
        .dimension = SLIDE_DIMENSION,
        .start_ms = start_ms,
        .bottom_ms = start_ms + 2 * WORLD_DAY_MS,
        .back_ms = back_ms,
        .end_ms = back_ms + WORLD_DAY_MS / 2,
        .depth = -0.6,
        .rule = "R090",
        .metric = "score.relevance",
        .open_by_ms = back_ms,
        .explains_to_ms = back_ms + 2 * WORLD_DAY_MS,
    };
}

struct script script_make(int64_t end_ms, uint32_t days, int64_t step_ms)
{
    struct script script = {.start_ms = end_ms - days * WORLD_DAY_MS, .end_ms = end_ms};
    int64_t calm_end_ms = script.start_ms + CALM_DAYS * WORLD_DAY_MS + 6 * WORLD_HOUR_MS;
    struct incident cleanup = make_cleanup(calm_end_ms, step_ms);
    struct incident slide = make_slide(cleanup.end_ms + WORLD_DAY_MS / 2);
    if (cleanup.end_ms + WORLD_DAY_MS / 4 <= end_ms)
        script.incidents[script.count++] = cleanup;
    if (slide.end_ms + 3 * WORLD_DAY_MS <= end_ms)
        script.incidents[script.count++] = slide;
    return script;
}

static bool touches(const struct incident *incident, enum incident_kind kind, uint32_t intent)
{
    return incident->kind == kind && (incident->intents >> intent & 1) != 0;
}

double script_prose_share(const struct script *script, uint32_t intent, int64_t at_ms)
{
    for (uint32_t i = 0; i < script->count; i++) {
        const struct incident *incident = &script->incidents[i];
        if (touches(incident, INCIDENT_PROMPT_CLEANUP, intent) && at_ms >= incident->start_ms &&
            at_ms < incident->end_ms)
            return incident->depth;
    }
    return 0.0;
}

const char *script_prompt(const struct script *script, uint32_t app, int64_t at_ms)
{
    for (uint32_t i = 0; i < script->count; i++) {
        const struct incident *incident = &script->incidents[i];
        if (incident->kind == INCIDENT_PROMPT_CLEANUP && incident->app == app &&
            at_ms >= incident->start_ms && at_ms < incident->end_ms)
            return "v13";
    }
    return NULL;
}

double script_score_change(const struct script *script, uint32_t intent, uint32_t dimension,
                           int64_t at_ms)
{
    double change = 0.0;
    for (uint32_t i = 0; i < script->count; i++) {
        const struct incident *in = &script->incidents[i];
        if (!touches(in, INCIDENT_SCORE_SLIDE, intent) || in->dimension != dimension ||
            at_ms < in->start_ms || at_ms >= in->end_ms)
            continue;
        double part = 1.0;
        if (at_ms < in->bottom_ms)
            part = (double)(at_ms - in->start_ms) / (double)(in->bottom_ms - in->start_ms);
        else if (at_ms >= in->back_ms)
            part = (double)(in->end_ms - at_ms) / (double)(in->end_ms - in->back_ms);
        change += in->depth * part;
    }
    return change;
}
