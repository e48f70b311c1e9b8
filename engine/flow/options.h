/*
 * options.h - what the flow needs to know, as plain data; configuration fills it, tests write it.
 */
#ifndef ENGINE_FLOW_OPTIONS_H
#define ENGINE_FLOW_OPTIONS_H

#include "engine/bus/ports.h"
#include "engine/flow/back.h"
#include "engine/operator/annotator.h"
#include "engine/operator/tracker.h"
#include "engine/span/encoding.h"

#define INPUT_TOPICS_MAX 8

struct avro_input;
struct output_schemas;

/* What the records of an input topic hold. */
enum input_kind { INPUT_SPANS, INPUT_VERDICTS, INPUT_LOGS };

struct input_topic {
    const char *name;
    enum input_kind kind;
    enum encoding encoding; /* of spans and log records */
};

struct topic_names {
    const char *cells, *digests, *changelog, *rates; /* own */
    const char *requests, *scores, *alerts, *dlq, *decisions; /* out */
};

struct annotator_instance {
    const struct annotator_class *class;
    const void *conf;
};

struct tracker_instance {
    const struct tracker_class *class;
    const void *conf;
};

struct flow_options {
    const char *app;      /* application id: consumer group, topic prefix, transactional ids */
    const char *instance;
    struct input_topic inputs[INPUT_TOPICS_MAX];
    uint32_t inputs_count;
    struct topic_names topics;
    uint32_t exchange_partitions;
    int64_t commit_interval_ms;
    int64_t punctuation_interval_ms; /* at most this often per exchange partition: 1 s */
    int64_t ahead_max_ms;            /* a source this far ahead of the slowest is paused */
    int64_t future_max_ms;           /* record time is clamped to wall time plus this: 5 min */
    int64_t dedupe_window_ms;
    uint32_t dedupe_ids_max; /* per source partition */
    uint32_t leaves_max;
    uint32_t batch_rows;
    size_t record_bytes_max;
    size_t transaction_bytes_max; /* a transaction with this much output is committed early */
    struct otlp_limits otlp;
    const struct avro_decoder *avro; /* of spans; NULL: Avro is refused */
    struct avro_input *avro_input;   /* of verdicts; NULL: Avro is refused */
    const struct output_schemas *output_schemas; /* NULL: outputs are JSON */
    struct rate rates_default; /* version 0 */
    uint64_t memory_limit_bytes; /* of the process: above it no new cells and entities; 0: none */
    bool purge_exchange;
    bool track_traces; /* digests to the owners of traces; needs a tracker of traces */
    uint64_t traces_bytes_max; /* remembered per exchange partition */
    struct back_options back;
    const struct rule_set *rules;
    const struct annotator_instance *annotators; /* in any order */
    uint32_t annotators_count;
    const struct tracker_instance *trackers;
    uint32_t trackers_count;
};

#endif
