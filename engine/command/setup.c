/* setup.c - configuration into plain option structs, field by field. */
#include "engine/command/setup.h"

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/bus/kafka.h"
#include "engine/bus/schema_registry.h"
#include "engine/config/rules.h"
#include "engine/flow/avro_input.h"
#include "engine/flow/output_schemas.h"

#define LOCAL_SCHEMA_BYTES_MAX ((size_t)4 << 20)

static void fill_topics(const struct config *c, struct flow_options *f)
{
    f->inputs[0] = (struct input_topic){c->topic_spans, INPUT_SPANS, (enum encoding)c->topic_spans_encoding};
    f->inputs[1] = (struct input_topic){c->topic_verdicts, INPUT_VERDICTS, ENCODING_AUTO};
    f->inputs_count = 2;
    if (strcmp(c->topic_logs, "off") != 0)
        f->inputs[f->inputs_count++] = (struct input_topic){c->topic_logs, INPUT_LOGS, (enum encoding)c->topic_logs_encoding};
    f->topics = (struct topic_names){
        .cells = c->topic_cells, .digests = c->topic_digests, .changelog = c->topic_changelog, .rates = c->topic_rates,
        .requests = c->topic_requests, .scores = c->topic_scores, .alerts = c->topic_alerts, .dlq = c->topic_dlq,
        .decisions = c->topic_decisions,
    };
}

static void fill_limits(const struct config *c, struct flow_options *f)
{
    f->commit_interval_ms = c->commit_interval_ms;
    f->punctuation_interval_ms = c->exchange_punctuation_ms;
    f->ahead_max_ms = c->ahead_max_ms;
    f->future_max_ms = c->future_max_ms;
    f->dedupe_window_ms = c->dedupe_window_ms;
    f->dedupe_ids_max = (uint32_t)c->dedupe_ids_max;
    f->leaves_max = (uint32_t)c->limits_leaves;
    f->batch_rows = (uint32_t)c->limits_batch_rows;
    f->record_bytes_max = (size_t)c->limits_record_bytes;
    f->transaction_bytes_max = (size_t)c->limits_transaction_bytes;
    f->otlp = (struct otlp_limits){.spans_per_record_max = (uint32_t)c->limits_spans_per_record,
                                   .attributes_per_span_max = (uint32_t)c->limits_attributes_per_span,
                                   .nesting_depth_max = (uint32_t)c->limits_nesting_depth,
                                   .string_bytes_max = (uint32_t)c->limits_string_bytes};
    f->rates_default = (struct rate){c->sampler_base, c->sampler_base, c->sampler_forced};
    f->memory_limit_bytes = (uint64_t)c->memory_limit_bytes;
    f->purge_exchange = c->exchange_purge;
    f->track_traces = c->traces_track == TRACK_ON;
    f->traces_bytes_max = (uint64_t)c->traces_bytes_max;
}

static void fill_flow(struct setup *s, const struct command_operators *operators)
{
    const struct config *c = s->config;
    struct flow_options *f = &s->flow;
    f->app = c->app;
    f->instance = c->instance;
    f->exchange_partitions = (uint32_t)c->exchange_partitions;
    fill_topics(c, f);
    fill_limits(c, f);
    f->back = (struct back_options){
        .settle_ms = c->settle_ms, .inactive_after_ms = c->inactive_after_ms, .series_max = (uint32_t)c->series_max,
        .cells_max = (uint32_t)c->state_cells_max, .store_limit_bytes = (uint64_t)c->state_bytes_max,
        .topic_alerts = c->topic_alerts, .sure = operators->sure, .big = operators->big,
    };
    f->rules = s->rules;
    f->annotators = operators->annotators;
    f->annotators_count = operators->annotators_count;
    f->trackers = operators->trackers;
    f->trackers_count = operators->trackers_count;
}

struct setup *setup_load(const struct command_arguments *arguments, const struct command_operators *operators, struct error *error)
{
    struct config_request request = {.path = arguments->config_path, .overrides = arguments->overrides,
                                     .sections = operators->sections, .sections_count = operators->sections_count,
                                     .kafka_key_refused = kafka_key_refused};
    struct setup *s = memory_allocate(sizeof *s);
    s->config = config_load(&request, error);
    if (s->config != NULL && operators->check(operators->registry, error))
        s->rules = rules_load(s->config->rules_file, error);
    if (s->rules == NULL) {
        setup_destroy(s);
        return NULL;
    }
    fill_flow(s, operators);
    return s;
}

void setup_destroy(struct setup *s)
{
    if (s == NULL)
        return;
    avro_input_destroy(s->avro_input);
    output_schemas_destroy(s->output_schemas);
    schema_registry_stop(s->registry);
    rules_destroy(s->rules);
    config_destroy(s->config);
    memory_free(s);
}

/* ---- schemas ---------------------------------------------------------------------------------------------- */

static bool start_registry(struct setup *s, struct error *error)
{
    const struct config *c = s->config;
    struct schema_registry_options options = schema_registry_options_default;
    options.url = c->registry_url;
    options.user = c->registry_user;
    options.password = c->registry_password;
    options.token = c->registry_token;
    options.ca_file = c->registry_ca;
    options.certificate_file = c->registry_certificate;
    options.key_file = c->registry_key;
    options.timeout_ms = c->registry_timeout_ms;
    options.retry_max_ms = c->registry_retry_max_ms;
    options.missing_ms = c->registry_missing_ms;
    options.schemas_max = (uint32_t)c->registry_schemas_max;
    options.answer_bytes_max = (uint32_t)c->registry_answer_bytes;
    options.seed = hash_bytes(bytes_from_text(c->instance), 0);
    return schema_registry_start(&options, &s->registry, error);
}

bool setup_open_schemas(struct setup *s, bool patient, struct error *error)
{
    const struct config *c = s->config;
    struct buffer local = BUFFER_WITH_LIMIT(LOCAL_SCHEMA_BYTES_MAX);
    struct error why = {0};
    bool good = true;
    if (c->topic_spans_schema[0] != 0 && !file_read_all(c->topic_spans_schema, &local, &why))
        good = config_refuse(c, "topics.spans_schema", error, "%s: %s", c->topic_spans_schema, why.message);
    if (good && c->registry_url[0] != 0)
        good = start_registry(s, error);
    if (good && (s->registry != NULL || local.size > 0)) {
        struct avro_input_options options = {.registry = s->registry, .local = buffer_bytes(&local), .wait_ms = c->registry_wait_ms,
                                             .schemas_max = (uint32_t)c->registry_schemas_max, .patient = patient};
        s->avro_input = avro_input_create(&options, &why);
        if (s->avro_input == NULL)
            good = config_refuse(c, "topics.spans_schema", error, "%s: %s", c->topic_spans_schema, why.message);
    }
    buffer_free(&local);
    s->flow.avro_input = s->avro_input;
    s->flow.avro = s->avro_input ? avro_input_decoder(s->avro_input) : NULL;
    return good;
}

bool setup_settle_outputs(struct setup *s, bool enter, struct error *error)
{
    if (s->registry == NULL)
        return true;
    bool good = output_schemas_check(s->registry, &s->flow.topics, enter, s->config->registry_wait_ms, enter ? &s->output_schemas : NULL, error);
    s->flow.output_schemas = s->output_schemas;
    return good || error_prefix(error, "schema registry %s", s->config->registry_url);
}

static struct kafka_settings settings_of(const struct config_settings *from, struct kafka_setting *rows)
{
    for (uint32_t i = 0; i < from->count; i++)
        rows[i] = (struct kafka_setting){from->rows[i].key, from->rows[i].value};
    return (struct kafka_settings){rows, from->count};
}

struct bus *setup_open_kafka(const struct setup *s, struct error *error)
{
    const struct config *c = s->config;
    struct kafka_setting *rows = memory_allocate_array(
        c->kafka_common.count + c->kafka_consumer.count + c->kafka_producer.count, sizeof *rows);
    struct kafka_options options = {
        .bootstrap_servers = c->kafka_servers,
        .client_id = c->kafka_client_id,
        .common = settings_of(&c->kafka_common, rows),
        .consumer = settings_of(&c->kafka_consumer, rows + c->kafka_common.count),
        .producer = settings_of(&c->kafka_producer, rows + c->kafka_common.count + c->kafka_consumer.count),
        .assignment_strategy = config_assignment(c),
        .offset_reset = (enum kafka_reset)c->kafka_offset_reset,
        .at_least_once = c->delivery == DELIVERY_AT_LEAST_ONCE,
        .skip_truncated = c->kafka_truncated == TRUNCATED_SKIP,
        .session_timeout_ms = (int32_t)c->kafka_session_timeout_ms,
        .transaction_timeout_ms = (int32_t)c->kafka_transaction_timeout_ms,
        .patience_ms = (int32_t)c->kafka_patience_ms,
        .linger_ms = (int32_t)c->kafka_linger_ms,
        .message_bytes_max = (int32_t)c->kafka_message_bytes,
        .replication_factor = (int32_t)c->replication_factor,
    };
    struct bus *bus = kafka_bus_open(&options, error);
    memory_free(rows);
    return bus;
}
