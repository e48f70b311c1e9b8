/*
 * options.c - the one table of the engine's options. config/assay.yaml repeats it for people; a test
 * holds the two together. Operators bring tables of their own, as sections.
 */
#include "engine/config/config.h"

#include "engine/base/log.h"

#define AT(field) offsetof(struct config, field)
#define NO_BOUNDS 0, 0
#define SECOND 1000.0
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

static const char *const deliveries[] = {"exactly_once", "at_least_once", NULL};
static const char *const log_levels[] = {"debug", "info", "warning", "error", NULL};
static const char *const trusts[] = {"measured", "assumed", NULL};
static const char *const resets[] = {"earliest", "latest", "error", NULL};
static const char *const truncations[] = {"fail", "skip", NULL};
static const char *const encodings[] = {"auto", "otlp_proto", "otlp_json", "json", "avro", NULL}; /* as enum encoding */
static const char *const trackings[] = {"auto", "on", "off", NULL};
static const char *const log_encodings[] = {"auto", "otlp_proto", "otlp_json", NULL}; /* the first of enum encoding */
static const char *const assignments[] = {"range", "roundrobin", "cooperative-sticky", NULL};

_Static_assert(LOG_DEBUG == 0 && LOG_ERROR == 3, "log_levels is in this order");

const char *config_assignment(const struct config *config) { return assignments[config->kafka_assignment]; }

const struct option config_options[] = {
    /* the application */
    {"app", OPTION_TEXT, AT(app), "assay", 1, 60, NULL, "Application id: consumer group, prefix of topics and transactional ids."},
    {"instance", OPTION_TEXT, AT(instance), "0", 1, 60, NULL, "Which process of the application this is; different in each."},
    {"shards", OPTION_INTEGER, AT(shards), "0", 0, 64, NULL, "Threads, each with its own consumer and producer; 0: one per core."},
    {"delivery", OPTION_CHOICE, AT(delivery), "exactly_once", NO_BOUNDS, deliveries, "What a crash may do: nothing, or repeat records."},
    {"commit.interval", OPTION_DURATION, AT(commit_interval_ms), "500ms", 50, MINUTE, NULL, "Time between transactions: sets latency, and load on the cluster."},
    {"log.level", OPTION_CHOICE, AT(log_level), "info", NO_BOUNDS, log_levels, "Lowest level that is written to stderr."},

    /* topics */
    {"topics.spans", OPTION_TEXT, AT(topic_spans), "otlp_spans", 1, 249, NULL, "In: spans, as the Collector writes them."},
    {"topics.spans_encoding", OPTION_CHOICE, AT(topic_spans_encoding), "auto", NO_BOUNDS, encodings, "What spans are written in; auto looks at each record."},
    {"topics.spans_schema", OPTION_TEXT, AT(topic_spans_schema), "", 0, 4000, NULL, "Avro without framing: the file (.avsc) of the schema the spans are written in."},
    {"topics.logs", OPTION_TEXT, AT(topic_logs), "off", 1, 249, NULL, "In: log records with messages and evaluations, as the Collector writes them; or off."},
    {"topics.logs_encoding", OPTION_CHOICE, AT(topic_logs_encoding), "auto", NO_BOUNDS, log_encodings, "What log records are written in: OTLP, as protobuf or JSON."},
    {"topics.verdicts", OPTION_TEXT, AT(topic_verdicts), "<app>.verdicts", 1, 249, NULL, "In: results of judges."},
    {"topics.requests", OPTION_TEXT, AT(topic_requests), "<app>.judge-requests", 1, 249, NULL, "Out: what judges should look at."},
    {"topics.scores", OPTION_TEXT, AT(topic_scores), "<app>.scores", 1, 249, NULL, "Out: results per span."},
    {"topics.alerts", OPTION_TEXT, AT(topic_alerts), "<app>.alerts", 1, 249, NULL, "Out: alerts, compacted."},
    {"topics.decisions", OPTION_TEXT, AT(topic_decisions), "<app>.decisions", 1, 249, NULL, "Out: decisions for gateways, compacted."},
    {"topics.dlq", OPTION_TEXT, AT(topic_dlq), "<app>.dlq", 1, 249, NULL, "Out: records that cannot be read, with the reason."},
    {"topics.cells", OPTION_TEXT, AT(topic_cells), "<app>-cells-repartition", 1, 249, NULL, "Own: measurements on their way to the owner of their series."},
    {"topics.digests", OPTION_TEXT, AT(topic_digests), "<app>-digests-repartition", 1, 249, NULL, "Own: span digests on their way to the owner of their trace."},
    {"topics.changelog", OPTION_TEXT, AT(topic_changelog), "<app>-state-changelog", 1, 249, NULL, "Own: state, compacted."},
    {"topics.rates", OPTION_TEXT, AT(topic_rates), "<app>-rates", 1, 249, NULL, "Own: sampling rates, compacted."},
    {"replication.factor", OPTION_INTEGER, AT(replication_factor), "1", 1, 10, NULL, "Copies of each topic that `assay topics` creates."},

    /* exchange and time */
    {"exchange.partitions", OPTION_INTEGER, AT(exchange_partitions), "8", 1, 1024, NULL, "Parts the state is split into; fixed for the life of the application."},
    {"exchange.purge", OPTION_BOOLEAN, AT(exchange_purge), "true", NO_BOUNDS, NULL, "Delete exchange records once they are folded; false keeps them for audits."},
    {"exchange.punctuation", OPTION_DURATION, AT(exchange_punctuation_ms), "1s", 100, 10 * SECOND, NULL, "How often a quiet shard tells the time to each exchange partition."},
    {"settle", OPTION_DURATION, AT(settle_ms), "30s", SECOND, HOUR, NULL, "How long an epoch waits for stragglers before it closes."},
    {"inactive.after", OPTION_DURATION, AT(inactive_after_ms), "10s", SECOND, HOUR, NULL, "A source partition without progress for this long no longer holds the clock back."},
    {"ahead.max", OPTION_DURATION, AT(ahead_max_ms), "10m", MINUTE, DAY, NULL, "A source partition this far ahead of the slowest one is paused."},
    {"future.max", OPTION_DURATION, AT(future_max_ms), "5m", SECOND, DAY, NULL, "Record times later than now plus this are taken as now plus this."},

    /* memory and limits */
    {"memory.limit", OPTION_SIZE, AT(memory_limit_bytes), "4GiB", 128 * MIB, TIB, NULL, "Memory of the process; queues pause and state is refused below it."},
    {"limits.record_bytes", OPTION_SIZE, AT(limits_record_bytes), "8MiB", 64 * KIB, 256 * MIB, NULL, "Larger input records go to the dead-letter topic."},
    {"limits.transaction_bytes", OPTION_SIZE, AT(limits_transaction_bytes), "32MiB", MIB, GIB, NULL, "A transaction with this much output is committed early."},
    {"limits.spans_per_record", OPTION_INTEGER, AT(limits_spans_per_record), "100000", 1, 1e7, NULL, "Spans beyond this in one record go to the dead-letter topic."},
    {"limits.attributes_per_span", OPTION_INTEGER, AT(limits_attributes_per_span), "4096", 16, 1e6, NULL, "A span with more attributes is refused: its record goes to the dead-letter topic."},
    {"limits.nesting_depth", OPTION_INTEGER, AT(limits_nesting_depth), "32", 4, 64, NULL, "Lists and maps inside each other in one value; a span that goes deeper is refused."},
    {"limits.string_bytes", OPTION_SIZE, AT(limits_string_bytes), "1MiB", KIB, 64 * MIB, NULL, "Longer values are cut, and counted."},
    {"limits.batch_rows", OPTION_INTEGER, AT(limits_batch_rows), "256", 64, 65536, NULL, "Spans worked on together; few enough for their records to stay in the cache."},
    {"limits.leaves", OPTION_INTEGER, AT(limits_leaves), "65536", 1024, 1e7, NULL, "Series a shard gathers before it must send them on."},
    {"dedupe.window", OPTION_DURATION, AT(dedupe_window_ms), "10m", 0, DAY, NULL, "Repeated spans are recognised for this long; 0: never."},
    {"dedupe.ids_max", OPTION_INTEGER, AT(dedupe_ids_max), "200000", 1000, 1e8, NULL, "Span ids remembered per source partition (16 bytes each)."},
    {"state.cells_max", OPTION_INTEGER, AT(state_cells_max), "20000", 100, 1e7, NULL, "Label sets per exchange partition; further ones are counted as `other`."},
    {"state.bytes_max", OPTION_SIZE, AT(state_bytes_max), "512MiB", MIB, TIB, NULL, "State per exchange partition; beyond it new series are refused, and counted."},

    /* traces across records */
    {"traces.track", OPTION_CHOICE, AT(traces_track), "auto", NO_BOUNDS, trackings, "Join what several records say of one trace; auto: when topics.logs is set."},
    {"traces.bytes_max", OPTION_SIZE, AT(traces_bytes_max), "64MiB", MIB, 64 * GIB, NULL, "Traces remembered per exchange partition; beyond it the oldest is given up, and counted."},

    /* rules and sampling */
    {"rules.file", OPTION_TEXT, AT(rules_file), "rules.yaml", 1, 4000, NULL, "The alert rules; a relative path starts at this file's folder."},
    {"series.max", OPTION_INTEGER, AT(series_max), "1000", 1, 1e7, NULL, "Watched series that share the false-alarm budgets."},
    {"sampler.base_probability", OPTION_REAL, AT(sampler_base), "1%", 0, 1, NULL, "Share of traces that judges see, until a planned rate exists."},
    {"sampler.forced_probability", OPTION_REAL, AT(sampler_forced), "100%", 0, 1, NULL, "Share of errors, escalations and safety hits that judges see."},
    {"sampler.trust", OPTION_CHOICE, AT(sampler_trust), "measured", NO_BOUNDS, trusts, "measured: at most 2 % until a judge agrees with people; assumed: no cap."},

    /* HTTP */
    {"http.listen", OPTION_TEXT, AT(http_listen), "127.0.0.1:9464", 1, 300, NULL, "Address of /metrics, /livez, /readyz; or off."},
    {"http.token", OPTION_SECRET, AT(http_token), NULL, NO_BOUNDS, NULL, "Required as `Authorization: Bearer` where the address is not loopback."},

    /* schema registry */
    {"registry.url", OPTION_TEXT, AT(registry_url), "", 0, 2000, NULL, "Schema registry (Confluent's API), http(s)://host:port/path; with one, outputs are Avro. Empty: none."},
    {"registry.user", OPTION_TEXT, AT(registry_user), "", 0, 300, NULL, "Who we are there: basic authentication."},
    {"registry.password", OPTION_SECRET, AT(registry_password), NULL, NO_BOUNDS, NULL, "The password that belongs to registry.user."},
    {"registry.token", OPTION_SECRET, AT(registry_token), NULL, NO_BOUNDS, NULL, "Sent as `Authorization: Bearer`, instead of user and password."},
    {"registry.ca", OPTION_TEXT, AT(registry_ca), "", 0, 4000, NULL, "PEM file of who signs the registry's certificate; empty: the system's."},
    {"registry.certificate", OPTION_TEXT, AT(registry_certificate), "", 0, 4000, NULL, "PEM file of our own certificate, where the registry asks for one."},
    {"registry.key", OPTION_TEXT, AT(registry_key), "", 0, 4000, NULL, "PEM file of the key that belongs to it."},
    {"registry.timeout", OPTION_DURATION, AT(registry_timeout_ms), "5s", 100, MINUTE, NULL, "How long one request may take."},
    {"registry.wait", OPTION_DURATION, AT(registry_wait_ms), "30s", 0, 10 * MINUTE, NULL, "How long a partition, or the start, waits for a registry that is away; then its records go to the dead-letter topic."},
    {"registry.retry_max", OPTION_DURATION, AT(registry_retry_max_ms), "5s", 100, 5 * MINUTE, NULL, "Longest pause between attempts while it is away."},
    {"registry.missing", OPTION_DURATION, AT(registry_missing_ms), "1m", SECOND, DAY, NULL, "How long it is believed that there is no schema of some id."},
    {"registry.schemas_max", OPTION_INTEGER, AT(registry_schemas_max), "1000", 10, 1e5, NULL, "Ids remembered; records of further ones go to the dead-letter topic."},
    {"registry.answer_bytes", OPTION_SIZE, AT(registry_answer_bytes), "4MiB", 64 * KIB, 64 * MIB, NULL, "Longer answers are refused."},

    /* Kafka */
    {"kafka.bootstrap.servers", OPTION_TEXT, AT(kafka_servers), "localhost:9092", 1, 4000, NULL, "Brokers to ask first: host:port,host:port."},
    {"kafka.client.id", OPTION_TEXT, AT(kafka_client_id), "assay", 1, 200, NULL, "Name in the brokers' logs and quotas."},
    {"kafka.assignment", OPTION_CHOICE, AT(kafka_assignment), "range", NO_BOUNDS, assignments, "How partitions are spread over members."},
    {"kafka.offset.reset", OPTION_CHOICE, AT(kafka_offset_reset), "earliest", NO_BOUNDS, resets, "Where to start on a partition without a committed offset."},
    {"kafka.truncated", OPTION_CHOICE, AT(kafka_truncated), "fail", NO_BOUNDS, truncations, "When retention deleted what was not read yet: stop, or go on with a warning."},
    {"kafka.session.timeout", OPTION_DURATION, AT(kafka_session_timeout_ms), "10s", SECOND, 5 * MINUTE, NULL, "A process silent for this long loses its partitions."},
    {"kafka.transaction.timeout", OPTION_DURATION, AT(kafka_transaction_timeout_ms), "15s", 2 * SECOND, 15 * MINUTE, NULL, "An open transaction older than this is aborted by the broker."},
    {"kafka.patience", OPTION_DURATION, AT(kafka_patience_ms), "1m", SECOND, 10 * MINUTE, NULL, "How long one call waits for a cluster that is away."},
    {"kafka.linger", OPTION_DURATION, AT(kafka_linger_ms), "20ms", 1, SECOND, NULL, "How long output waits for company in a batch."},
    {"kafka.message.bytes", OPTION_SIZE, AT(kafka_message_bytes), "1000000B", 64 * KIB, 64 * MIB, NULL, "Largest record written; the topics must allow it."},
    {NULL, OPTION_INTEGER, 0, NULL, 0, 0, NULL, NULL},
};
