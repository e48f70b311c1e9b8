/*
 * tracker.h - the contract of a tracker: the state machine of one entity (trace, session, app),
 * called per piece of evidence and on its timer.
 *
 * The engine owns keys, durability, time: `now_ms` is the exchange's log time, never a clock that a
 * tracker reads. State is flat and bounded. What it decides goes out through tracker_emit.
 */
#ifndef ENGINE_OPERATOR_TRACKER_H
#define ENGINE_OPERATOR_TRACKER_H

#include "engine/base/buffer.h"
#include "engine/base/option.h"

#define TRACKER_NO_TIMER INT64_MAX

/* First byte of every evidence payload. */
enum evidence_kind {
    EVIDENCE_POPULATION = 1, /* how many calls a stratum had in an hour; see evidence_population */
};

struct evidence_population {
    int64_t hour; /* event time / 1 h */
    uint64_t calls;
    struct bytes env, intent, prompt, model;
};
void evidence_write_population(const struct evidence_population *evidence, struct buffer *out);
bool evidence_read_population(struct bytes payload, struct evidence_population *out);

enum tracker_output { OUTPUT_RATES, OUTPUT_DECISION };

struct tracker_call {
    const void *conf;
    struct bytes entity; /* name: app, session id, trace id */
    int64_t now_ms;
    struct buffer *outputs; /* by tracker_emit only */
};

/* Key and value (JSON) of a record for the topic of this kind; copied. */
void tracker_emit(const struct tracker_call *call, enum tracker_output kind, struct bytes key, struct bytes value);
/* For the engine: walks what was emitted. */
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
};

#endif
