/*
 * world.h - the invented company whose traffic the demo plays: three applications, twelve intents, the
 * hours they keep, the prompts and models they use. Plain data, true on every day; what goes wrong is
 * in script.h.
 */
#ifndef ENGINE_DEMO_WORLD_H
#define ENGINE_DEMO_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#define WORLD_APPS            3
#define WORLD_INTENTS         12
#define WORLD_INTENTS_PER_APP 4
#define WORLD_MODELS          2
#define WORLD_DIMENSIONS      2

#define WORLD_SECOND_MS ((int64_t)1000)
#define WORLD_MINUTE_MS ((int64_t)60000)
#define WORLD_HOUR_MS   ((int64_t)3600000)
#define WORLD_DAY_MS    ((int64_t)86400000)

struct world_app {
    const char *name; /* service.name */
    const char *version;
    const char *feature;
    const char *prompt_name;
    const char *provider[WORLD_MODELS];
    const char *model[WORLD_MODELS];
    double second_model; /* share of calls that the second one answers */
    bool agentic;        /* a request is an agent's span with a call and a tool below it */
    double share;        /* of all spans */
    double busiest_hour; /* UTC */
    double swing;        /* 0: the same at all hours; 1: nobody there twelve hours later */
    double weekend;      /* traffic of Saturday and Sunday, against a weekday's */
};

struct world_intent {
    const char *name;
    uint32_t app;
    double share;                   /* of its app's requests */
    bool json;                      /* the program behind the call asks for JSON */
    double failure_rate;            /* answers to JSON calls that are not JSON, on any day */
    double score[WORLD_DIMENSIONS]; /* what a judge gives on average */
    const char *question;           /* '#' is a digit */
    const char *answer;             /* JSON or a sentence; '#' likewise */
    const char *prose;              /* to a JSON call: what it says when nobody asks for JSON */
};

extern const struct world_app world_apps[WORLD_APPS];
extern const struct world_intent world_intents[WORLD_INTENTS];
extern const char *const world_dimensions[WORLD_DIMENSIONS];
#define WORLD_ENVIRONMENT "production"

/* Traffic of an app at a time, against its mean over a week (which is 1). */
double world_rhythm(uint32_t app, int64_t at_ms);
/* The prompt version that a request gets which begins `since_start_ms` into the story; u in [0, 1)
 * decides while two versions run side by side. */
const char *world_prompt(uint32_t app, int64_t since_start_ms, double u);

#endif
