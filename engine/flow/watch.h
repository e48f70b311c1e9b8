/*
 * watch.h - the durable state of one watched series under one rule, and the record of its alert.
 *
 * learning -> watching: the baseline is frozen. watching -> alerting: sure and big enough.
 * alerting -> watching: the reverse detector is sure that the series is back. Flat, versioned.
 */
#ifndef ENGINE_FLOW_WATCH_H
#define ENGINE_FLOW_WATCH_H

#include "engine/flow/metric.h"
#include "engine/flow/outbox.h"
#include "engine/flow/rule.h"

#define WATCH_VERSION 1
#define WATCH_STATE_MAX 16384

enum watch_phase { WATCH_LEARNING, WATCH_WATCHING, WATCH_ALERTING };

struct watch {
    uint16_t version;
    uint8_t phase;    /* enum watch_phase */
    uint8_t sure;     /* evidence is past gamma now; waits for the effect */
    uint8_t thin;     /* the baseline cannot show the rule's drop yet, only a larger one: verdict.achievable */
    uint8_t ticket_only; /* the baseline wanders too much for this rule to page */
    uint16_t padding;
    uint32_t metric_id;
    uint64_t rule_hash;
    int64_t first_ms; /* end of the first epoch with data */
    int64_t last_ms;  /* end of the newest */
    uint64_t epochs;  /* non-empty ones since first_ms */
    int64_t next_try_ms; /* learning, thin: a longer baseline is not tried before this */
    int64_t baseline_start_ms, baseline_end_ms;
    double gamma;
    int64_t opened_ms, updated_ms, onset_ms;
    uint32_t updates;
    uint32_t good_count;
    uint8_t alert_id[16];
    uint8_t good[3][16]; /* trace ids from the baseline */
    struct verdict verdict; /* newest */
    uint32_t sure_bytes, big_bytes; /* sizes of the detector states that follow, each rounded up to 8 */
};

/* What a subscriber reads; see schemas/alert.avsc. */
enum alert_state { ALERT_OPEN, ALERT_UPDATE, ALERT_RESOLVE };

struct alert {
    enum alert_state state;
    const struct watch *watch;
    const struct rule *rule;
    const struct metric *metric;
    const struct labels *labels;
    int64_t at_ms; /* log time of this record */
    const struct verdict *sure, *big;
    uint32_t bad_count;
    uint8_t bad[3][16];
    uint32_t epoch_ms;
};

/* Value of the alert record as JSON, appended. */
void alert_write(const struct alert *alert, struct buffer *out);
/* The sentence for people: at most size - 1 bytes. */
void alert_text(const struct alert *alert, char *out, size_t size);
/* 16 bytes: hash(app, rule, series, direction, opening epoch). */
void alert_make_id(const struct rule *rule, const struct metric *metric, struct bytes labels, int64_t opened_ms,
                   struct sha256 *sha, uint8_t out[16]);

#endif
