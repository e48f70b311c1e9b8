/*
 * traces.h - the owner of the traces of one digests partition: gives digests to the tracker of traces, lets
 * their quiet time end, and sends what it measures to the cells.
 *
 * A function of its exchange log, as entities.h, but without a changelog: a new owner reads again, from the
 * offset that traces_needed gave, what is remembered. Bounded by traces.bytes_max: the oldest trace goes, with
 * its last words, and is counted. Traces that lasted longer than they are remembered may be seen as two then.
 */
#ifndef ENGINE_FLOW_TRACES_H
#define ENGINE_FLOW_TRACES_H

#include "engine/flow/counters.h"
#include "engine/flow/measure.h"
#include "engine/flow/options.h"

struct traces;

/* NULL when no tracker takes digests. All is borrowed. */
struct traces *traces_create(const struct flow_options *options, struct metric_table *metrics, struct measure *measure);
void traces_destroy(struct traces *traces);
/* Takes a block of digests from the reader (exchange_digests.h) of the record at this offset. On damage the
 * reader has failed. */
void traces_take(struct traces *traces, struct reader *reader, int64_t offset, int64_t now_ms);
/* Settles and forgets what is due. */
void traces_fire(struct traces *traces, int64_t now_ms);

/* Reading again: between these two nothing is measured or counted. now_ms: of the state that was restored. */
void traces_relearn(struct traces *traces);
void traces_relearned(struct traces *traces, int64_t now_ms);
/* The first offset that a new owner must read; -1: nothing is remembered. */
int64_t traces_needed(const struct traces *traces);

void traces_commit(struct traces *traces);
void traces_rollback(struct traces *traces);
const struct trace_counters *traces_counts(const struct traces *traces);

#endif
