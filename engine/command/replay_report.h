/*
 * replay_report.h - what replay says beside the alerts: a progress bar, and at the end a summary that
 * names for every series what its verdict still lacks.
 */
#ifndef ENGINE_COMMAND_REPLAY_REPORT_H
#define ENGINE_COMMAND_REPLAY_REPORT_H

#include "engine/flow/shard.h"

/* A line on stderr that is redrawn at most five times a second; nothing where that is no terminal. */
struct replay_progress {
    bool on, drawn;
    int64_t drawn_ns;
};

void replay_progress_start(struct replay_progress *progress);
void replay_progress_show(struct replay_progress *progress, uint64_t done, uint64_t total, uint64_t spans, int64_t time_ms);
/* Before anything else is printed, and at the end. */
void replay_progress_clear(struct replay_progress *progress);

struct replay_facts {
    struct shard *shard;
    uint32_t partitions; /* of the exchange */
    const struct rule_set *rules;
    uint64_t records, repeated, bad_records;
    uint64_t named_max; /* bad records that were named one by one */
    int64_t first_ms, last_ms; /* record time */
    double elapsed_seconds;    /* real time; in words only, for the same files give the same bytes */
};

/* In words on stderr; with as_json as one JSON line on stdout instead. Returns how many alerts are open. */
uint32_t replay_summary(const struct replay_facts *facts, bool as_json);

#endif
