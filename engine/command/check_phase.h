/*
 * check_phase.h - how far the roll-out is, in the five phases of capabilities R100-R104, and what comes
 * next. From the configuration, and with a bus from what really stands in the topics.
 */
#ifndef ENGINE_COMMAND_CHECK_PHASE_H
#define ENGINE_COMMAND_CHECK_PHASE_H

#include "engine/command/setup.h"

#define PHASES 5

enum phase_state { PHASE_UNKNOWN, PHASE_OPEN, PHASE_DONE };

struct phase {
    const char *id; /* R100 … */
    const char *title;
    enum phase_state state;
    char why[200];   /* what the state rests on */
    const char *next; /* what to do while it is open */
};

struct phase_report {
    struct phase phases[PHASES];
    uint32_t current; /* the first that is open; PHASES: none is */
    uint64_t sampled_records, sampled_calls;
};

/* bus NULL: topics are not looked at. False when the cluster does not answer. */
bool phase_find(const struct setup *setup, struct bus *bus, struct phase_report *out, struct error *error);

#endif
