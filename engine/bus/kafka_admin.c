/*
 * kafka_admin.c - topics, watermarks and DeleteRecords, through the bus's one admin handle.
 *
 * Each call waits at most the bus's patience and tries again while the cluster says "not now":
 * a topic just made has no leader and, for an instant, no configuration.
 */
#include "engine/bus/kafka_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define CALL_TIMEOUT_MS 10000
#define RETRY_PAUSE_MS  50

static int64_t deadline_of(const struct kafka_bus *bus)
{
    return clock_monotonic_ns() + (int64_t)bus->options.patience_ms * 1000000;
}

/* ---- describe ------------------------------------------------------------------------------- */

static rd_kafka_resp_err_t count_partitions(rd_kafka_t *rk, const char *topic, int32_t *out)
{
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    if (rkt == NULL)
        return rd_kafka_last_error();
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, rkt, &metadata, CALL_TIMEOUT_MS);
    *out = 0;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1) {
        err = metadata->topics[0].err;
        *out = metadata->topics[0].partition_cnt;
    }
    if (metadata != NULL)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(rkt);
    return err;
}

/* Sends one admin request and waits; *event is the caller's to destroy, NULL on a time-out. */
static rd_kafka_event_t *wait_event(rd_kafka_queue_t *queue)
{
    return rd_kafka_queue_poll(queue, CALL_TIMEOUT_MS + 5000);
}

static bool read_config(const rd_kafka_ConfigResource_t *resource, struct topic_info *out)
{
    size_t count = 0;
    bool policy = false;
    bool retention = false;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value == NULL)
            continue;
        if (strcmp(name, "cleanup.policy") == 0) {
            out->cleanup = strstr(value, "compact") ? TOPIC_COMPACT : TOPIC_DELETE;
            policy = true;
        } else if (strcmp(name, "retention.ms") == 0) {
            out->retention_ms = strtoll(value, NULL, 10);
            retention = true;
        }
    }
    return policy && retention;
}

/* _RETRY: the answer was empty. */
static rd_kafka_resp_err_t describe_config(rd_kafka_t *rk, const char *topic,
                                           struct topic_info *out)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t *asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    char text[200];
    (void)rd_kafka_AdminOptions_set_request_timeout(options, CALL_TIMEOUT_MS, text, sizeof text);
    rd_kafka_DescribeConfigs(rk, &asked, 1, options, queue);
    rd_kafka_event_t *event = wait_event(queue);
    rd_kafka_resp_err_t err = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t count = 0;
        const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &count);
        if (count == 1)
            err = rd_kafka_ConfigResource_error(resources[0]);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR && (count != 1 || !read_config(resources[0], out)))
            err = RD_KAFKA_RESP_ERR__RETRY;
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(asked);
    rd_kafka_queue_destroy(queue);
    return err;
}

static bool cannot(struct error *error, rd_kafka_resp_err_t err, const char *what,
                   const char *topic)
{
    const char *advice = err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                                 err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED
                             ? "; grant this principal the right in the cluster's ACLs"
                         : kafka_error_transient(err)
                             ? "; is the cluster reachable, and are its brokers up?"
                             : "";
    return error_set(error, kafka_error_code(err), "topic %s: %s: %s%s", topic, what,
                     rd_kafka_err2str(err), advice);
}

bool kafka_admin_describe(struct bus *base, const char *topic, struct topic_info *out,
                          struct error *error)
{
    struct kafka_bus *bus = (struct kafka_bus *)base;
    int64_t deadline_ns = deadline_of(bus);
    rd_kafka_resp_err_t err;
    *out = (struct topic_info){0};
    do {
        err = count_partitions(bus->admin, topic, &out->partitions);
        if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
            err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
            out->partitions = 0;
            return true;
        }
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            err = describe_config(bus->admin, topic, out);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        if (err ==
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) /* known to one broker, not yet to another */
            err = RD_KAFKA_RESP_ERR__RETRY;
    } while (kafka_error_transient(err) && kafka_pause_until(deadline_ns, RETRY_PAUSE_MS));
    return cannot(error, err, "cannot be described", topic);
}

/* ---- create --------------------------------------------------------------------------------- */

static rd_kafka_resp_err_t set_config(const struct kafka_bus *bus, rd_kafka_NewTopic_t *new_topic,
                                      const struct topic_spec *spec)
{
    char number[24];
    (void)snprintf(number, sizeof number, "%lld", (long long)spec->retention_ms);
    const char *cleanup = spec->cleanup == TOPIC_COMPACT ? "compact" : "delete";
    rd_kafka_resp_err_t err = rd_kafka_NewTopic_set_config(new_topic, "cleanup.policy", cleanup);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        err = rd_kafka_NewTopic_set_config(new_topic, "retention.ms", number);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR || bus->options.message_bytes_max <= 1000000)
        return err;
    (void)snprintf(number, sizeof number, "%d", bus->options.message_bytes_max + 65536);
    return rd_kafka_NewTopic_set_config(new_topic, "max.message.bytes", number);
}

static rd_kafka_resp_err_t create_once(struct kafka_bus *bus, const struct topic_spec *spec,
                                       char *text, size_t size)
{
    rd_kafka_NewTopic_t *new_topic = rd_kafka_NewTopic_new(
        spec->name, spec->partitions, bus->options.replication_factor, text, size);
    if (new_topic == NULL)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    rd_kafka_resp_err_t err = set_config(bus, new_topic, spec);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(bus->admin);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(bus->admin, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char ignored[200];
    (void)rd_kafka_AdminOptions_set_request_timeout(options, CALL_TIMEOUT_MS, ignored,
                                                    sizeof ignored);
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, CALL_TIMEOUT_MS / 2, ignored,
                                                      sizeof ignored);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_CreateTopics(bus->admin, &new_topic, 1, options, queue);
        rd_kafka_event_t *event = wait_event(queue);
        err = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
        size_t count = 0;
        const rd_kafka_topic_result_t **results =
            err ? NULL
                : rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event),
                                                      &count);
        if (count == 1) {
            err = rd_kafka_topic_result_error(results[0]);
            const char *why = rd_kafka_topic_result_error_string(results[0]);
            (void)snprintf(text, size, "%s", why ? why : rd_kafka_err2str(err));
        }
        if (event != NULL)
            rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(new_topic);
    return err;
}

bool kafka_admin_create(struct bus *base, const struct topic_spec *spec, struct error *error)
{
    struct kafka_bus *bus = (struct kafka_bus *)base;
    int64_t deadline_ns = deadline_of(bus);
    rd_kafka_resp_err_t err;
    char text[300] = "";
    do {
        err = create_once(bus, spec, text, sizeof text);
    } while (kafka_error_transient(err) && kafka_pause_until(deadline_ns, RETRY_PAUSE_MS));
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return error_set(error, kafka_error_code(err),
                         "topic %s: cannot be created with %d partitions: %s", spec->name,
                         spec->partitions, text[0] ? text : rd_kafka_err2str(err));
    int32_t partitions = 0;
    do {
        err = count_partitions(bus->admin, spec->name, &partitions);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR && partitions > 0)
            return true;
    } while (kafka_pause_until(deadline_ns, RETRY_PAUSE_MS));
    return cannot(error, err, "was created but does not appear", spec->name);
}

/* ---- watermarks and purge ------------------------------------------------------------------- */

bool kafka_admin_watermarks(struct bus *base, const char *topic, int32_t partition, int64_t *low,
                            int64_t *high, struct error *error)
{
    struct kafka_bus *bus = (struct kafka_bus *)base;
    int64_t deadline_ns = deadline_of(bus);
    rd_kafka_resp_err_t err;
    do {
        err = rd_kafka_query_watermark_offsets(bus->admin, topic, partition, low, high,
                                               CALL_TIMEOUT_MS);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
    } while (kafka_error_transient(err) && kafka_pause_until(deadline_ns, RETRY_PAUSE_MS));
    return error_set(error, kafka_error_code(err),
                     "%s/%d: its offsets cannot be read: %s; does the partition exist?", topic,
                     partition, rd_kafka_err2str(err));
}

static rd_kafka_resp_err_t delete_once(rd_kafka_t *rk,
                                       const rd_kafka_topic_partition_list_t *offsets)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DELETERECORDS);
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(offsets);
    char text[200];
    (void)rd_kafka_AdminOptions_set_request_timeout(options, CALL_TIMEOUT_MS, text, sizeof text);
    rd_kafka_DeleteRecords(rk, &request, 1, options, queue);
    rd_kafka_event_t *event = wait_event(queue);
    rd_kafka_resp_err_t err = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const rd_kafka_topic_partition_list_t *done =
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
        if (done != NULL && done->cnt == 1)
            err = done->elems[0].err;
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return err;
}

bool kafka_admin_purge(struct bus *base, const char *topic, int32_t partition, int64_t before,
                       struct error *error)
{
    struct kafka_bus *bus = (struct kafka_bus *)base;
    int64_t deadline_ns = deadline_of(bus);
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(offsets, topic, partition)->offset = before;
    rd_kafka_resp_err_t err;
    do {
        err = delete_once(bus->admin, offsets);
    } while (kafka_error_transient(err) && kafka_pause_until(deadline_ns, RETRY_PAUSE_MS));
    rd_kafka_topic_partition_list_destroy(offsets);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    return error_set(error, kafka_error_code(err),
                     "%s/%d: records before offset %lld cannot be deleted: %s; the topic's "
                     "cleanup.policy must be "
                     "delete and this principal needs the Delete right",
                     topic, partition, (long long)before, rd_kafka_err2str(err));
}
