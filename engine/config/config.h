/*
 * config.h - the engine's configuration: a struct, and the way from YAML and command line to it.
 *
 * Every option stands in one table (options.c) with default, bounds and help; config/assay.yaml shows
 * all of them. Later wins: default, file, --set. Unknown names, values out of bounds, and settings
 * that contradict each other are refused with file:line:column. Nothing is taken from the environment
 * but what a value names as ${NAME}.
 */
#ifndef ENGINE_CONFIG_CONFIG_H
#define ENGINE_CONFIG_CONFIG_H

#include "engine/base/buffer.h"
#include "engine/base/option.h"

enum config_delivery { DELIVERY_EXACTLY_ONCE, DELIVERY_AT_LEAST_ONCE };
enum config_offset_reset { OFFSET_RESET_EARLIEST, OFFSET_RESET_LATEST, OFFSET_RESET_ERROR }; /* as enum kafka_reset */
enum config_truncated { TRUNCATED_FAIL, TRUNCATED_SKIP };
enum config_track { TRACK_AUTO, TRACK_ON, TRACK_OFF };
enum config_trust { TRUST_MEASURED, TRUST_ASSUMED };

/* A property that goes to the Kafka library as it is. */
struct config_setting {
    char *key; /* without "kafka.", "kafka.consumer.", "kafka.producer." */
    char *value;
};

struct config_settings {
    struct config_setting *rows;
    uint32_t count;
};

struct config {
    /* the application */
    char *app, *instance;
    int64_t shards; /* never 0: resolved to the number of cores */
    int delivery;   /* enum config_delivery */
    int64_t commit_interval_ms;
    int log_level; /* enum log_level */
    /* topics, with <app> written out */
    char *topic_spans, *topic_logs, *topic_verdicts; /* topic_logs: "off" for none */
    int topic_spans_encoding, topic_logs_encoding;   /* enum encoding */
    char *topic_spans_schema; /* a path from here, like rules_file; empty: none */
    char *topic_requests, *topic_scores, *topic_alerts, *topic_decisions, *topic_dlq;
    char *topic_cells, *topic_digests, *topic_changelog, *topic_rates;
    int64_t replication_factor;
    /* exchange and time */
    int64_t exchange_partitions;
    bool exchange_purge;
    int64_t exchange_punctuation_ms;
    int64_t settle_ms, inactive_after_ms, ahead_max_ms, future_max_ms;
    /* memory and limits */
    int64_t memory_limit_bytes;
    int64_t limits_record_bytes, limits_transaction_bytes;
    int64_t limits_spans_per_record, limits_attributes_per_span, limits_nesting_depth, limits_string_bytes;
    int64_t limits_batch_rows, limits_leaves;
    int64_t dedupe_window_ms, dedupe_ids_max;
    int64_t state_cells_max, state_bytes_max; /* per exchange partition */
    int traces_track;         /* enum config_track; never AUTO: resolved */
    int64_t traces_bytes_max; /* per exchange partition */
    /* rules and sampling */
    char *rules_file; /* as a path from here: relative names are relative to the configuration file */
    int64_t series_max;
    double sampler_base, sampler_forced;
    int sampler_trust; /* enum config_trust */
    /* HTTP */
    char *http_listen, *http_token;
    /* schema registry; an empty URL: none, outputs are JSON */
    char *registry_url, *registry_user, *registry_password, *registry_token;
    char *registry_ca, *registry_certificate, *registry_key; /* paths from here */
    int64_t registry_timeout_ms, registry_wait_ms, registry_retry_max_ms, registry_missing_ms;
    int64_t registry_schemas_max, registry_answer_bytes;
    /* Kafka */
    char *kafka_servers, *kafka_client_id;
    int kafka_assignment; /* config_assignment names it */
    int kafka_offset_reset; /* enum config_offset_reset */
    int kafka_truncated;    /* enum config_truncated */
    int64_t kafka_session_timeout_ms, kafka_transaction_timeout_ms, kafka_patience_ms, kafka_linger_ms;
    int64_t kafka_message_bytes;
    struct config_settings kafka_common, kafka_consumer, kafka_producer;

    struct config_sources *sources; /* where each value came from */
};

/* The options of an operator: "format.expect" is option "expect" of the section "format". conf holds
 * the defaults already, and belongs to the caller (option_free_all). */
struct config_section {
    const char *name;
    const struct option *table;
    void *conf;
};

/* Zero-initialise; everything may be NULL. */
struct config_request {
    const char *path;             /* YAML file; NULL: defaults only */
    const char *const *overrides; /* "name=value" of --set, NULL at the end */
    const struct config_section *sections;
    uint32_t sections_count;
    /* Why the engine must own a Kafka property, or NULL when users may set it. */
    const char *(*kafka_key_refused)(const char *key);
};

extern const struct option config_options[];

/* NULL with a message that says where and what to do. Sections must outlive the config. */
struct config *config_load(const struct config_request *request, struct error *error);
void config_destroy(struct config *config);
/* All options, one a line, as YAML that can be read again: name, value (secrets masked), origin. */
void config_print(const struct config *config, struct buffer *out);
/* "range", "roundrobin", "cooperative-sticky" */
const char *config_assignment(const struct config *config);
/* For checks of others: error becomes "file:line:column: name: …", wherever the option was set. */
bool config_refuse(const struct config *config, const char *name, struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
