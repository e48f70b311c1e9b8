/*
 * planner_state.h - what the planner remembers of one app, private to planner*.c.
 *
 * Strata are sorted by (intent, prompt, model), so that those of one intent lie together and output
 * has one order. Counts are kept per hour of event time for a day: hour h in place h mod 24.
 */
#ifndef OPERATORS_TRACK_PLANNER_STATE_H
#define OPERATORS_TRACK_PLANNER_STATE_H

#include "engine/operator/label.h"
#include "engine/operator/tracker.h"

#define PLANNER_VERSION    1
#define PLANNER_STRATA_MAX 256
#define PLANNER_HOURS      24
#define PLANNER_HOUR_MS    ((int64_t)3600000)
#define PLANNER_HOUR_MAX   ((int64_t)1 << 31)
#define PLANNER_NO_HOUR    ((int64_t)-1)
#define PLANNER_MILLION    1000000u

struct planner_conf {
    int64_t target_per_day;
    double probability_min, probability_max;
    double change;
    double boost_factor;
    int64_t boost_for_ms;
    double forced_probability;
};

enum planner_label { PLANNER_INTENT, PLANNER_PROMPT, PLANNER_MODEL, PLANNER_LABELS };

struct planner_stratum {
    uint8_t text[PLANNER_LABELS][LABEL_BYTES_MAX]; /* zeroes behind the label */
    uint8_t size[PLANNER_LABELS];
    uint8_t settled;      /* was there at the last planning: no newcomer displaces it */
    uint32_t base, boost; /* as published, in millionths; 0: never */
    uint32_t unused;
    int64_t first_hour, last_hour; /* of evidence */
    uint32_t calls[PLANNER_HOURS];
};

struct planner_state {
    uint16_t version;
    uint16_t count;
    uint32_t unused;
    int64_t first_hour, newest_hour; /* of evidence; PLANNER_NO_HOUR before the first */
    int64_t deadline_ms;             /* next planning, or TRACKER_NO_TIMER */
    int64_t planned_ms;              /* log time of the last planning; 0: never */
    uint64_t lumped_calls; /* of strata for which there was no room, since the last planning */
    struct planner_stratum strata[PLANNER_STRATA_MAX];
};

_Static_assert(sizeof(struct planner_stratum) == 320, "no padding in a state");
_Static_assert(sizeof(struct planner_state) == 48 + 320 * PLANNER_STRATA_MAX,
               "no padding in a state");

static inline struct bytes planner_label(const struct planner_stratum *stratum,
                                         enum planner_label which)
{
    return bytes_of(stratum->text[which], stratum->size[which]);
}

/* Works out rates from the counts and publishes those that changed enough. */
void planner_publish(const struct tracker_call *call, struct planner_state *state);

#endif
