/*
 * kafka_settings.c - from options to librdkafka's properties: defaults per role, what newer libraries
 * understand, what the user added, and what nobody but the engine may set.
 *
 * Order: role defaults, sized options, the user's lists, the engine's own keys. A property that the
 * loaded library does not know is an error when a user wrote it, and skipped when it is a default of
 * ours marked optional.
 */
#include "engine/base/memory.h"
#include "engine/bus/kafka_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define ROLE(role) (1u << (role))
#define ALL        (ROLE(KAFKA_CONSUMER) | ROLE(KAFKA_PRODUCER) | ROLE(KAFKA_READER) | ROLE(KAFKA_ADMIN))
#define FETCHING   (ROLE(KAFKA_CONSUMER) | ROLE(KAFKA_READER))

/* What every client of a role gets, unless the user says otherwise. */
static const struct {
    unsigned roles;
    bool optional; /* the library may not know it */
    const char *key;
    const char *value;
} defaults[] = {
    {ALL, false, "socket.timeout.ms", "10000"}, /* the default minute outlasts a transaction */
    {ALL, false, "socket.nagle.disable", "true"},
    {ALL, false, "reconnect.backoff.ms", "50"},
    {ALL, false, "reconnect.backoff.max.ms", "2000"},
    {ALL, false, "log.connection.close", "false"},
    {ALL, true, "enable.metrics.push", "false"},
    /* Newer libraries may overlook that a partition has a leader again until they look at it anew. */
    {ALL, false, "topic.metadata.refresh.interval.ms", "10000"},
    {FETCHING, false, "check.crcs", "true"},
    {FETCHING, false, "fetch.wait.max.ms", "100"},
    {FETCHING, false, "fetch.error.backoff.ms", "100"},
    {ROLE(KAFKA_PRODUCER), false, "compression.type", "lz4"},
    {ROLE(KAFKA_PRODUCER), false, "batch.size", "1000000"},
    {ROLE(KAFKA_PRODUCER), false, "batch.num.messages", "100000"},
    {ROLE(KAFKA_PRODUCER), false, "queue.buffering.max.messages", "500000"},
    {ROLE(KAFKA_PRODUCER), false, "queue.buffering.max.kbytes", "262144"},
    {ROLE(KAFKA_PRODUCER), false, "partitioner", "murmur2_random"}, /* as Java's */
    /* A transaction begun right after a commit waits this long for the old one's markers. */
    {ROLE(KAFKA_PRODUCER), false, "retry.backoff.ms", "10"},
};

static const struct {
    const char *key;
    const char *reason;
} refused_keys[] = {
    {"bootstrap.servers", "it has an option of its own"},
    {"metadata.broker.list",
     "it is another name of bootstrap.servers, which has an option of its own"},
    {"enable.auto.commit", "offsets are committed with the records they produced, or not at all"},
    {"auto.commit.enable", "offsets are committed with the records they produced, or not at all"},
    {"auto.commit.interval.ms",
     "offsets are committed with the records they produced, or not at all"},
    {"enable.auto.offset.store",
     "offsets are committed with the records they produced, or not at all"},
    {"offset.store.method", "offsets are committed with the records they produced, or not at all"},
    {"auto.offset.reset",
     "the engine finds the first offset itself, so that truncation is never silent"},
    {"isolation.level", "uncommitted records would be counted and then taken back"},
    {"group.id", "it follows from the application id"},
    {"group.instance.id", "a restarted member is recognised by its transactional.id"},
    {"group.protocol", "fencing by generation relies on the classic protocol"},
    {"transactional.id", "it follows from application, instance and shard"},
    {"transaction.timeout.ms", "it has an option of its own, and other time-outs depend on it"},
    {"message.timeout.ms", "it must stay below the transaction's time-out"},
    {"delivery.timeout.ms", "it must stay below the transaction's time-out"},
    {"session.timeout.ms", "it has an option of its own"},
    {"partition.assignment.strategy", "it has an option of its own"},
    {"enable.idempotence", "transactions need it"},
    {"request.required.acks", "transactions need all replicas"},
    {"acks", "transactions need all replicas"},
    {"enable.partition.eof", "the end of a partition is how lag and restores are known"},
    {"message.max.bytes", "it has an option of its own"},
    {"enable.gapless.guarantee", "a gap would be reported too late"},
    {"dr_cb", "the engine handles delivery reports"},
    {"dr_msg_cb", "the engine handles delivery reports"},
    {"rebalance_cb", "the engine handles rebalances"},
    {"opaque", "it is the engine's"},
};

static const struct {
    int version; /* without the release byte */
    const char *reason;
} refused_versions[] = {
    {0x020500, "2.5.0 crashes on some brokers' telemetry subscriptions; use 2.5.3 or newer"},
    {0x020a00, "2.10.0 loops in re-bootstrap; use 2.10.1 or newer"},
    {0x021000,
     "2.16.0 hangs in send_offsets_to_transaction after a lost coordinator connection; use 2.15.1"},
};

const char *kafka_library_version(void) { return rd_kafka_version_str(); }

const char *kafka_version_refused(int version)
{
    int number = (int)((unsigned)version >> 8); /* 0xMMmmrrxx: xx is the release candidate */
    if (number < 0x020002)
        return "librdkafka older than 2.0.2 is not supported";
    for (size_t i = 0; i < sizeof refused_versions / sizeof refused_versions[0]; i++) {
        if (refused_versions[i].version == number)
            return refused_versions[i].reason;
    }
    return NULL;
}

const char *kafka_key_refused(const char *key)
{
    for (size_t i = 0; i < sizeof refused_keys / sizeof refused_keys[0]; i++) {
        if (strcmp(refused_keys[i].key, key) == 0)
            return refused_keys[i].reason;
    }
    return NULL;
}

static bool check_list(const char *prefix, const struct kafka_settings *list, struct error *error)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const char *reason = kafka_key_refused(list->rows[i].key);
        if (reason != NULL)
            return error_set(error, ERROR_INPUT, "%s%s cannot be set: %s", prefix,
                             list->rows[i].key, reason);
    }
    return true;
}

bool kafka_settings_check_keys(const struct kafka_options *options, struct error *error)
{
    return check_list("kafka.", &options->common, error) &&
           check_list("kafka.consumer.", &options->consumer, error) &&
           check_list("kafka.producer.", &options->producer, error);
}

static bool check_range(const char *name, int32_t *value, int32_t usual, int32_t low, int32_t high,
                        struct error *error)
{
    if (*value == 0)
        *value = usual;
    if (*value < low || *value > high)
        return error_set(error, ERROR_INPUT, "kafka %s is %d; it must be between %d and %d", name,
                         *value, low, high);
    return true;
}

bool kafka_settings_default(struct kafka_options *o, struct error *error)
{
    if (o->bootstrap_servers == NULL || o->bootstrap_servers[0] == '\0')
        return error_set(error, ERROR_INPUT,
                         "no Kafka bootstrap servers are given; set host:port of a broker");
    if (o->client_id == NULL)
        o->client_id = "assay";
    if (o->assignment_strategy == NULL)
        o->assignment_strategy = "range";
    bool range = strcmp(o->assignment_strategy, "range") == 0 ||
                 strcmp(o->assignment_strategy, "roundrobin") == 0;
    bool cooperative = strcmp(o->assignment_strategy, "cooperative-sticky") == 0;
    if (!range && !cooperative)
        return error_set(error, ERROR_INPUT,
                         "assignment strategy \"%s\" is not known; use range or cooperative-sticky",
                         o->assignment_strategy);
    if (cooperative && rd_kafka_version() < 0x020a0100)
        return error_set(
            error, ERROR_INPUT,
            "assignment strategy cooperative-sticky loses its assignment in librdkafka %s; "
            "use range, or librdkafka 2.10.1 or newer",
            kafka_library_version());
    return check_range("session_timeout_ms", &o->session_timeout_ms, 10000, 500, 300000, error) &&
           check_range("transaction_timeout_ms", &o->transaction_timeout_ms, 15000, 2000, 900000,
                       error) &&
           check_range("patience_ms", &o->patience_ms, 60000, 1000, 600000, error) &&
           check_range("linger_ms", &o->linger_ms, 20, 1, 5000, error) &&
           check_range("message_bytes_max", &o->message_bytes_max, 1000000, 1000, 100000000,
                       error) &&
           check_range("batch_records_max", &o->batch_records_max, 1000, 1, KAFKA_BATCH_MAX,
                       error) &&
           check_range("replication_factor", &o->replication_factor, -1, -1, 100, error);
}

/* False only on a value that the library refuses, or (not optional) an unknown key. */
static bool put(rd_kafka_conf_t *conf, const char *prefix, const char *key, const char *value,
                bool optional, struct error *error)
{
    char text[300];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, key, value, text, sizeof text);
    if (result == RD_KAFKA_CONF_OK || (optional && result == RD_KAFKA_CONF_UNKNOWN))
        return true;
    return error_set(error, ERROR_INPUT, "%s%s: %s (librdkafka %s)", prefix, key, text,
                     kafka_library_version());
}

static bool put_number(rd_kafka_conf_t *conf, const char *key, int64_t value, struct error *error)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return put(conf, "", key, text, false, error);
}

/* Where a full queue stops fetching for a whole second (before 2.2), it must never be full. */
static bool put_prefetch(rd_kafka_conf_t *conf, struct error *error)
{
    char text[300];
    bool newer = rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "10", text, sizeof text) ==
                 RD_KAFKA_CONF_OK;
    if (newer)
        return put_number(conf, "queued.max.messages.kbytes", 32768, error);
    return put_number(conf, "queued.min.messages", 1000000, error) &&
           put_number(conf, "queued.max.messages.kbytes", 262144, error);
}

static bool put_fetching(rd_kafka_conf_t *conf, const struct kafka_options *o, struct error *error)
{
    int64_t partition_bytes = 2 << 20;
    if (partition_bytes < o->message_bytes_max)
        partition_bytes = o->message_bytes_max;
    return put_prefetch(conf, error) &&
           put_number(conf, "max.partition.fetch.bytes", partition_bytes, error);
}

static bool put_producing(rd_kafka_conf_t *conf, const struct kafka_options *o, struct error *error)
{
    int32_t message_timeout_ms = o->transaction_timeout_ms - o->transaction_timeout_ms / 8;
    int32_t socket_timeout_ms = o->transaction_timeout_ms / 3 * 2;
    if (socket_timeout_ms < 10000 &&
        !put_number(conf, "socket.timeout.ms", socket_timeout_ms, error))
        return false;
    return put_number(conf, "linger.ms", o->linger_ms, error) &&
           put_number(conf, "message.max.bytes", o->message_bytes_max, error) &&
           put_number(conf, "transaction.timeout.ms", o->transaction_timeout_ms, error) &&
           put_number(conf, "message.timeout.ms", message_timeout_ms, error);
}

static bool put_list(rd_kafka_conf_t *conf, const char *prefix, const struct kafka_settings *list,
                     struct error *error)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (!put(conf, prefix, list->rows[i].key, list->rows[i].value, false, error))
            return false;
    }
    return true;
}

static bool put_owned(rd_kafka_conf_t *conf, const struct kafka_options *o, enum kafka_role role,
                      const char *group, const char *transactional_id, struct error *error)
{
    const char *isolation = role == KAFKA_ADMIN ? "read_uncommitted" : "read_committed";
    bool good = put(conf, "", "bootstrap.servers", o->bootstrap_servers, false, error) &&
                put(conf, "", "client.id", o->client_id, false, error);
    if (role == KAFKA_PRODUCER && o->at_least_once)
        return good && put(conf, "", "enable.idempotence", "true", false, error);
    if (role == KAFKA_PRODUCER)
        return good && put(conf, "", "transactional.id", transactional_id, false, error);
    good = good && put(conf, "", "isolation.level", isolation, false, error) &&
           put(conf, "", "enable.auto.commit", "false", false, error) &&
           put(conf, "", "enable.auto.offset.store", "false", false, error) &&
           put(conf, "", "enable.partition.eof", "true", false, error) &&
           put(conf, "", "auto.offset.reset", "error", false, error);
    if (role == KAFKA_CONSUMER)
        good =
            good && put(conf, "", "group.id", group, false, error) &&
            put(conf, "", "partition.assignment.strategy", o->assignment_strategy, false, error) &&
            put_number(conf, "session.timeout.ms", o->session_timeout_ms, error) &&
            put_number(conf, "heartbeat.interval.ms",
                       o->session_timeout_ms > 9000 ? 3000 : o->session_timeout_ms / 3, error);
    return good;
}

rd_kafka_conf_t *kafka_settings_build(const struct kafka_options *options, enum kafka_role role,
                                      const char *group, const char *transactional_id,
                                      struct error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool good = true;
    for (size_t i = 0; good && i < sizeof defaults / sizeof defaults[0]; i++) {
        if (defaults[i].roles & ROLE(role))
            good = put(conf, "", defaults[i].key, defaults[i].value, defaults[i].optional, error);
    }
    if (role == KAFKA_CONSUMER || role == KAFKA_READER)
        good = good && put_fetching(conf, options, error);
    if (role == KAFKA_PRODUCER)
        good = good && put_producing(conf, options, error);
    good = good && put_list(conf, "kafka.", &options->common, error);
    if (role == KAFKA_CONSUMER || role == KAFKA_READER)
        good = good && put_list(conf, "kafka.consumer.", &options->consumer, error);
    if (role == KAFKA_PRODUCER)
        good = good && put_list(conf, "kafka.producer.", &options->producer, error);
    good = good && put_owned(conf, options, role, group, transactional_id, error);
    if (good)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}
