/*
 * script.h - what goes wrong in the demo, when, where, and what a watcher should say about it.
 *
 * The script is a table. Two parties know it: the simulator, which makes it happen in what the
 * applications write and in what the judge thinks, and the referee, which holds the alerts against it.
 * The engine sees spans and verdicts, nothing else.
 */
#ifndef ENGINE_DEMO_SCRIPT_H
#define ENGINE_DEMO_SCRIPT_H

#include "engine/demo/world.h"

#define SCRIPT_INCIDENTS_MAX 8

enum incident_kind {
    INCIDENT_PROMPT_CLEANUP, /* "reply as JSON" is gone from the prompt: most answers are prose */
    INCIDENT_SCORE_SLIDE,    /* one dimension of one intent falls, stays down, comes back */
};

struct incident {
    enum incident_kind kind;
    const char *title;
    uint32_t app;
    uint32_t intents;   /* bit per intent it touches */
    uint32_t dimension; /* of a slide */
    int64_t start_ms;
    int64_t bottom_ms; /* of a slide: as bad as it gets */
    int64_t back_ms;   /* rolled back; of a slide: begins to recover */
    int64_t end_ms;    /* as good as before */
    double depth;      /* share of answers, or points of the score */
    /* what the referee expects */
    const char *rule, *metric;
    int64_t open_by_ms;     /* an alert is opened no later than this … */
    int64_t explains_to_ms; /* … and alerts opened until then belong to this incident */
};

struct script {
    int64_t start_ms, end_ms;
    struct incident incidents[SCRIPT_INCIDENTS_MAX];
    uint32_t count;
};

/* A story of `days` that ends at end_ms: two weeks of calm, then what fits in. step_ms is by how much
 * the simulation moves on at once: nobody can be faster than that. */
struct script script_make(int64_t end_ms, uint32_t days, int64_t step_ms);

/* Share of JSON answers of the intent that come as prose. */
double script_prose_share(const struct script *script, uint32_t intent, int64_t at_ms);
/* The prompt version an incident has put in force, or NULL. */
const char *script_prompt(const struct script *script, uint32_t app, int64_t at_ms);
/* Points to add to the judge's mean. */
double script_score_change(const struct script *script, uint32_t intent, uint32_t dimension,
                           int64_t at_ms);

#endif
