/*
 * counters.h - what others may see of the flow: the status that a shard publishes, and its counters.
 *
 * For engine/serve, which may know no more of the flow than this. Plain numbers, no types of the flow.
 */
#ifndef ENGINE_FLOW_COUNTERS_H
#define ENGINE_FLOW_COUNTERS_H

#include "engine/span/refusal.h"

#include <stdbool.h>
#include <stdint.h>

#define LOG_TIME_NONE INT64_MIN /* a clock that has not started */

/* Why a record, or a part of it, went to the dead-letter topic: an enum refusal, or one of these. */
enum dead_reason {
    DEAD_OVERSIZED = REFUSAL_COUNT,
    DEAD_BAD_VERDICT,
    DEAD_SCHEMA_UNKNOWN,     /* the registry has none of its id */
    DEAD_SCHEMA_UNFIT,       /* no spans, or no verdict, can be read with it */
    DEAD_SCHEMA_UNAVAILABLE, /* it did not come in time */
    DEAD_REASONS
};

struct front_counters {
    uint64_t records, spans, rows, bytes, duplicates, dedupe_evicted, empty, dead_letters, cut_strings;
    uint64_t dead[DEAD_REASONS];        /* of dead_letters, by the first thing that was wrong */
    uint64_t bad_spans[REFUSAL_COUNT]; /* each by what was wrong with it */
    uint64_t schema_waits;             /* times a source was held back for a schema */
    uint64_t measured, requests, verdicts, verdict_rows, scores, skipped_role;
    uint64_t content_rows, logs_skipped; /* of log records */
    uint64_t unjoined; /* rows of log records whose span cannot be known, measured without it */
    uint64_t decode_ns, dedupe_ns, annotate_ns, measure_ns, output_ns;
};

struct back_counters {
    uint64_t records, bad_records, deltas, cells_refused, late_minutes, epochs_closed, alerts_opened, alerts_resolved;
};

/* Of the owner of traces. */
struct trace_counters {
    uint64_t digests, bad, duplicates;
    uint64_t joined, late, missing, unjoined; /* halves that met, that came after their trace had settled, that never came, that found no span */
    uint64_t recounted; /* spans counted in front that are no call of their own */
    uint64_t overflow;  /* digests beyond what a trace may have */
    uint64_t forgotten; /* traces given up early, for lack of room */
    uint64_t measured;
    uint64_t remembered, bytes; /* now */
};

/* What others may see of a shard: a copy published at every commit. */
struct shard_status {
    uint32_t number;
    bool ready; /* assigned, rates read, everything restored */
    bool failed;
    bool memory_full; /* new series are refused */
    struct front_counters front;
    struct back_counters back;
    struct trace_counters traces;
    uint64_t commits, aborts, exchange_records, changelog_records, rebalances, restored_records;
    uint64_t outputs_refused; /* records that did not fit their schema */
    uint64_t commit_ns, poll_ns, fold_ns, total_ns; /* wall time spent */
    int64_t log_time_ms;  /* of the slowest source; LOG_TIME_NONE */
    int64_t back_now_ms;  /* of the slowest back partition */
    int64_t newest_ms;    /* wall time at publication */
    int64_t sources_behind, exchange_behind; /* offsets still to read, of the partitions assigned here */
    uint32_t sources, cells_partitions, digests_partitions;
    uint64_t state_bytes, state_entries, cells_watched;
    int64_t restore_done, restore_total;
    uint64_t rates_version;
    char message[200]; /* why not ready, or what failed */
};

#endif
