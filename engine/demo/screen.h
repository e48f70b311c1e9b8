/*
 * screen.h - what a person (or a program) sees of the demo: a live screen on a terminal, plain lines
 * elsewhere, JSON lines when asked; at the end the same summary in words.
 *
 * The live screen is redrawn at most ten times a second, uses the terminal's second page, fits into
 * whatever size it has, and leaves cursor and page as they were.
 */
#ifndef ENGINE_DEMO_SCREEN_H
#define ENGINE_DEMO_SCREEN_H

#include "engine/demo/referee.h"

enum screen_mode { SCREEN_TERMINAL, SCREEN_LINES, SCREEN_JSON };

/* Where the story is, and what has come together. */
struct screen_facts {
    int64_t start_ms, now_ms, end_ms; /* simulated */
    double seconds;                   /* real, since the start */
    uint64_t seed, spans, repeats, late_spans, requests, verdicts, waiting;
    uint32_t alerts_open;
};

enum screen_phase { SCREEN_LEARNING, SCREEN_THIN, SCREEN_WATCHING, SCREEN_ALERTING };

/* One watched series, as the engine sees it. */
struct screen_series {
    char where[96], what[64];
    bool rate; /* a share, not a score */
    enum screen_phase phase;
    double baseline, now;
    double certainty;    /* 0 to 1: how far the evidence has come on the way to an alarm */
    double learned_days; /* while learning */
};

struct screen;

/* Lines and JSON go to standard output, too. */
struct screen *screen_open(enum screen_mode mode);
/* Ends the live screen; NULL is allowed. */
void screen_close(struct screen *screen);
/* An alert record as it came. */
void screen_hear(struct screen *screen, const struct referee_alert *alert);
/* True when it is time to show the series again: then call screen_show. */
bool screen_due(const struct screen *screen, const struct screen_facts *facts);
void screen_show(struct screen *screen, const struct screen_facts *facts,
                 const struct screen_series *series, uint32_t count);
/* After screen_close, for every mode. */
void screen_summary(enum screen_mode mode, const struct screen_facts *facts,
                    const struct referee_result *result);

/* "29 Oct 10:08", and the same with weekday and year. */
void screen_print_time(int64_t at_ms, bool whole, char *out, size_t size);

#endif
