/*
 * oracle_traces.h - what the trace tracker must have measured: all rows of a trace at once, compared pair by
 * pair, without quiet times, limits or an exchange.
 *
 * True for traces whose rows all came while they were remembered and before they had settled.
 */
#ifndef TESTS_SIMULATION_ORACLE_TRACES_H
#define TESTS_SIMULATION_ORACLE_TRACES_H

#include "engine/span/span_batch.h"
#include "tests/simulation/lines.h"

struct oracle_traces;

struct oracle_traces *oracle_traces_open(void);
void oracle_traces_close(struct oracle_traces *traces);
/* A row that is new to its partition and has a digest; copied. */
void oracle_traces_add(struct oracle_traces *traces, const struct span_batch *batch, uint32_t row);
/* After the last row: adds to the sums. */
void oracle_traces_finish(struct oracle_traces *traces, struct lines *sums);

#endif
