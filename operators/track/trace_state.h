/*
 * trace_state.h - what the trace tracker remembers of one trace, private to trace*.c.
 *
 * A head and its items: digests of spans, of content and of evaluations, sorted by (span, kind, link), so that
 * one is found by halving and state does not depend on the order in which digests came.
 */
#ifndef OPERATORS_TRACK_TRACE_STATE_H
#define OPERATORS_TRACK_TRACE_STATE_H

#include "engine/operator/tracker.h"
#include "engine/span/leaf_rules.h"

#define TRACE_VERSION   1
#define TRACE_ITEMS_MAX 1024

struct trace_conf {
    int64_t quiet_ms, remember_ms;
};

enum trace_counter {
    TRACE_DIGESTS,
    TRACE_DUPLICATES,
    TRACE_JOINED,
    TRACE_LATE,
    TRACE_MISSING,
    TRACE_UNJOINED,
    TRACE_RECOUNTED,
    TRACE_OVERFLOW,
    TRACE_COUNTERS
};

enum trace_mark {
    TRACE_MEASURED = 1,       /* span: what was kept back in front is measured */
    TRACE_HAS_CONTENT = 2,    /* span: with the results of content; later content changes nothing */
    TRACE_TAKEN_BACK = 4,     /* span: counted in front, and not by the trace */
    TRACE_HAS_SPAN = 8,       /* content, evaluation: met its span */
};

struct trace_item {
    uint64_t span_id, link, response; /* as in struct digest */
    int64_t event_ms;
    uint32_t labels;
    uint16_t results[DIGEST_RESULTS];
    uint32_t amounts[DIGEST_AMOUNTS];
    uint8_t kind, role, flags;
    uint8_t marks;    /* enum trace_mark */
    uint8_t now_role; /* as the whole trace tells; set when it settles */
    uint8_t repeats, repeats_told; /* span: times the front counted it again; of them measured */
    uint8_t unused;
};
_Static_assert(sizeof(struct trace_item) == 64, "no padding in a state");

struct trace_state {
    uint16_t version;
    uint16_t count;
    uint8_t settled; /* its quiet time ended at least once */
    uint8_t fresh;   /* digests came since */
    uint16_t unused;
    int64_t first_ms, last_ms; /* log times of its digests */
    int64_t deadline_ms;
    struct trace_item items[];
};
_Static_assert(sizeof(struct trace_state) == 32, "no padding in a state");

/* Names of struct metric_spec of the class. */
enum { TRACE_METRIC_RECOUNTED };

/* trace_settle.c: everything that the digests so far allow to measure and was not measured yet. */
void trace_settle(const struct tracker_call *call, struct trace_state *state);
/* What waits for a span that will not come is measured without it. */
void trace_give_up(const struct tracker_call *call, struct trace_state *state);
/* One digest for which there is no room: it is measured as it stands. */
void trace_measure_alone(const struct tracker_call *call, struct trace_item *item);

/* trace.c: the item of this kind, span and link (spans: whatever the link), or where it would be. */
uint32_t trace_find(const struct trace_state *state, uint64_t span_id, uint8_t kind, uint64_t link, bool *found);

#endif
