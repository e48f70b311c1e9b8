/*
 * rates.h - sampling rates as a read-only table: stratum and evaluator pool to probabilities.
 *
 * Made from <app>-rates records by the flow, swapped by pointer between commits, read by the sampler.
 * Version 0 is configuration: it answers for every stratum no record has named.
 */
#ifndef ENGINE_OPERATOR_RATES_H
#define ENGINE_OPERATOR_RATES_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"

/* Purposes of a request, a bit set: a request may have several. */
enum sample_purpose {
    PURPOSE_BASE = 1,
    PURPOSE_BOOST = 2,
    PURPOSE_FORCED = 4,
    PURPOSE_SAFETY = 8,
    PURPOSE_CALIBRATION = 16,
};

struct rate {
    double base;   /* probability by which a trace is in the population series of its labels */
    double boost;  /* >= base: what is really sampled now */
    double forced; /* probability of keeping a forced span (errors, escalations); 1: all */
};

struct rates;

/* Rates for version 0. Owner frees with rates_destroy. */
struct rates *rates_create(const struct rate *defaults);
struct rates *rates_copy(const struct rates *rates);
void rates_destroy(struct rates *rates);
/* Stratum key: 64-bit hash of its length-prefixed labels, see rates_stratum. */
void rates_set(struct rates *rates, uint64_t stratum, const struct rate *rate);
void rates_set_version(struct rates *rates, uint64_t version);
uint64_t rates_version(const struct rates *rates);
/* The largest boost of any stratum: a trace with u at or above it is selected nowhere but by force. */
double rates_ceiling(const struct rates *rates);
struct rate rates_find(const struct rates *rates, uint64_t stratum);
/* Stratum = (app, intent, prompt version, model). */
uint64_t rates_stratum(struct bytes app, struct bytes intent, struct bytes prompt, struct bytes model);

/* u in [0,1) of a trace id: a salted 64-bit mix, the same everywhere and for ever (golden values in
 * tests). A trace is selected iff u < probability, so thresholds nest. */
double sample_u(struct bytes trace_id);

#endif
