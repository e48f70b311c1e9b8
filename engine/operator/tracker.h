/*
 * tracker.h - the contract of a tracker: the state machine of one entity (trace, session, app),
 * called per piece of evidence and on its timer.
 *
 * The engine owns keys, durability, time: `now_ms` is the exchange's log time, never a clock that a
 * tracker reads. State is flat and bounded. What it decides goes out through tracker_emit, what it measures
 * through tracker_measure.
 *
 * Entities that live for long (apps) have a state of one size, which the engine keeps in the changelog. Those
 * that come and go (traces; `forgets`) have a state that grows by declared steps and no changelog: a new owner
 * gives the tracker the digests of those that are remembered once more, and throws away what it says.
 */
#ifndef ENGINE_OPERATOR_TRACKER_H
#define ENGINE_OPERATOR_TRACKER_H

#include "engine/base/buffer.h"
#include "engine/base/option.h"
#include "engine/operator/annotator.h"
#include "engine/operator/digest.h"

#define TRACKER_NO_TIMER INT64_MAX

/* First byte of every evidence payload. */
enum evidence_kind {
    EVIDENCE_POPULATION = 1, /* how many calls a stratum had in an hour; see evidence_population */
    EVIDENCE_DIGESTS = 2,    /* behind it struct digests of one trace, not aligned */
};

struct evidence_population {
    int64_t hour; /* event time / 1 h */
    uint64_t calls;
    struct bytes env, intent, prompt, model;
};
void evidence_write_population(const struct evidence_population *evidence, struct buffer *out);
bool evidence_read_population(struct bytes payload, struct evidence_population *out);

enum tracker_output { OUTPUT_RATES, OUTPUT_DECISION, OUTPUT_MEASUREMENT };

/* A bin of a digest's results, as the engine numbers them. */
struct result_metric {
    bool flag;
    bool asked;      /* METRIC_OF_CONTENT_ASKED */
    uint8_t amount;  /* place in digest.amounts; DIGEST_AMOUNTS: it has none */
};

struct tracker_call {
    const void *conf;
    struct bytes entity; /* name: app, session id, trace id */
    int64_t now_ms;
    struct buffer *outputs; /* by tracker_emit and tracker_measure only */
    uint64_t *counters;     /* indexed like counter_names */
    const struct result_metric *results; /* of digests; results_count of them */
    uint32_t results_count;
};

/* Key and value (JSON) of a record for the topic of this kind; copied. */
void tracker_emit(const struct tracker_call *call, enum tracker_output kind, struct bytes key, struct bytes value);

enum measured {
    MEASURED_RESULT, /* one of the results of digests: `which` */
    MEASURED_SCORE,  /* an evaluation's score, under its own metric */
    MEASURED_OWN,    /* one of class->metrics: `which` */
};

/* One bin for the cells of a label set; the engine sends it on its way. */
struct tracker_measurement {
    uint8_t measured; /* enum measured */
    uint8_t which;
    uint16_t bin;
    uint32_t amount;    /* for the exact sum; 0: none */
    uint32_t labels;    /* number of the label set, from a digest */
    uint32_t evaluator; /* of a score: the label set that names metric, evaluator and revision */
    int64_t event_ms;
    uint8_t trace_id[16];
};
void tracker_measure(const struct tracker_call *call, const struct tracker_measurement *measurement);

/* For the engine: walks what was emitted. A measurement's value is the struct. */
bool tracker_next_output(struct reader *reader, enum tracker_output *kind, struct bytes *key, struct bytes *value);

struct tracker_class {
    const char *name; /* in configuration, state, metrics: never renamed */
    const char *summary;
    uint8_t entity;         /* 1 trace, 2 session, 3 app: as on the exchange */
    uint32_t evidence;      /* bit per evidence_kind it takes */
    uint16_t state_version;
    uint32_t state_bytes;
    const struct option *options;
    size_t conf_bytes;
    void (*start)(const struct tracker_call *call, void *state); /* state is zeroed */
    void (*evidence_in)(const struct tracker_call *call, void *state, struct bytes payload);
    /* Called when now_ms reached the deadline that the state asked for. */
    void (*timer)(const struct tracker_call *call, void *state);
    int64_t (*deadline)(const void *state); /* TRACKER_NO_TIMER: none */
    /* False when bytes read back cannot be a state of this class. */
    bool (*valid)(const void *state, uint32_t size);
    const char *const *counter_names; /* NULL-terminated; NULL: counts nothing */
    const struct metric_spec *metrics; /* it measures itself: bin_column is SPAN_COLUMN_COUNT */
    uint32_t metrics_count;
    /* ---- of entities that come and go; the rest leaves these NULL ---- */
    bool forgets; /* it is given up once `timer` leaves TRACKER_NO_TIMER as its deadline */
    /* Bytes its state must have before evidence_in with this payload; at least its size now. */
    uint32_t (*room)(const void *state, struct bytes payload);
    /* Given up early, for lack of room: its last words. */
    void (*end)(const struct tracker_call *call, void *state);
};

#endif
