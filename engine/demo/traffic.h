/*
 * traffic.h - the applications of the demo: requests around the clock, and what their Collectors write
 * to the spans topic about them. Repeats of whole records, spans that come hours late and small
 * failures are part of any day; incidents come from the script.
 *
 * The same seed, script and calls give the same bytes.
 */
#ifndef ENGINE_DEMO_TRAFFIC_H
#define ENGINE_DEMO_TRAFFIC_H

#include "engine/bus/ports.h"
#include "engine/demo/script.h"

struct traffic_options {
    uint64_t seed;
    uint64_t spans; /* about so many from the script's start to its end */
    const char *topic;
    int32_t partitions;
    const char *writer_id; /* transactional id */
    int64_t batch_ms;      /* a Collector sends this often */
};

struct traffic_counts {
    uint64_t records, spans; /* everything written, repeats included */
    uint64_t repeated_records, repeated_spans;
    uint64_t calls;      /* spans of calls, repeats not included */
    uint64_t late_spans; /* came more than a minute after their end */
    uint64_t errors;     /* calls that failed */
    uint64_t prose;      /* answers that incidents turned into prose */
    uint64_t strays;     /* records that are no spans at all, not in the counts above */
};

struct traffic;

/* script and options are borrowed. NULL with the reason. */
struct traffic *traffic_open(const struct traffic_options *options, const struct script *script,
                             struct bus *bus, struct error *error);
void traffic_close(struct traffic *traffic);
/* Plays on to this time and commits what was written until then. */
bool traffic_play(struct traffic *traffic, int64_t until_ms, struct error *error);
/* Largest timestamp committed; INT64_MIN: nothing yet. */
int64_t traffic_newest_ms(const struct traffic *traffic);
const struct traffic_counts *traffic_count(const struct traffic *traffic);

#endif
