/* check_config.c - names that Kafka accepts, topics that differ, times and sizes that fit each other. */
#include "engine/config/check_config.h"

#include <inttypes.h>

static const char lower_name[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
static const char any_name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

#define TOPICS 12
#define UNPROVEN_SHARE_MAX 0.02 /* of judged traffic, until a judge has earned trust */

static bool check_names(const struct config *config, struct error *error)
{
    if (strspn(config->app, lower_name) != strlen(config->app))
        return config_refuse(config, "app", error, "\"%s\" has other characters than a-z 0-9 . _ -", config->app);
    if (strspn(config->instance, any_name) != strlen(config->instance))
        return config_refuse(config, "instance", error, "\"%s\" has other characters than A-Z a-z 0-9 . _ -", config->instance);
    return true;
}

static bool check_topics(const struct config *config, struct error *error)
{
    const struct {
        const char *option, *name;
    } topics[TOPICS] = {
        {"topics.spans", config->topic_spans},       {"topics.verdicts", config->topic_verdicts},
        {"topics.requests", config->topic_requests}, {"topics.scores", config->topic_scores},
        {"topics.alerts", config->topic_alerts},     {"topics.decisions", config->topic_decisions},
        {"topics.dlq", config->topic_dlq},           {"topics.cells", config->topic_cells},
        {"topics.digests", config->topic_digests},   {"topics.changelog", config->topic_changelog},
        {"topics.rates", config->topic_rates},       {"topics.logs", config->topic_logs},
    };
    for (size_t i = 0; i < TOPICS; i++) {
        const char *name = topics[i].name;
        if (strspn(name, any_name) != strlen(name) || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            return config_refuse(config, topics[i].option, error, "\"%s\" is no topic name; use A-Z a-z 0-9 . _ -", name);
        if (strlen(name) > 249)
            return config_refuse(config, topics[i].option, error, "\"%s\" is longer than 249 characters", name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(name, topics[j].name) == 0)
                return config_refuse(config, topics[i].option, error, "\"%s\" is the same topic as %s; each needs its own", name,
                                     topics[j].option);
    }
    return true;
}

static bool check_times(const struct config *config, struct error *error)
{
    if (config->kafka_transaction_timeout_ms < 2 * config->commit_interval_ms)
        return config_refuse(config, "kafka.transaction.timeout", error, "must be at least twice commit.interval (%" PRId64 " ms)",
                             config->commit_interval_ms);
    if (config->ahead_max_ms <= config->settle_ms)
        return config_refuse(config, "ahead.max", error, "must be more than settle (%" PRId64 " ms)", config->settle_ms);
    return true;
}

static bool check_sizes(const struct config *config, struct error *error)
{
    if (config->limits_string_bytes > config->limits_record_bytes)
        return config_refuse(config, "limits.string_bytes", error, "must not be more than limits.record_bytes (%" PRId64 " bytes)",
                             config->limits_record_bytes);
    int64_t queues = config->limits_record_bytes + config->limits_transaction_bytes;
    if (config->memory_limit_bytes / config->shards < queues)
        return config_refuse(config, "memory.limit", error,
                             "%" PRId64 " bytes for %" PRId64
                             " shards; each needs limits.record_bytes + limits.transaction_bytes (%" PRId64 " bytes) at least",
                             config->memory_limit_bytes, config->shards, queues);
    return true;
}

static bool check_sampler(const struct config *config, struct error *error)
{
    if (config->sampler_trust == TRUST_MEASURED && config->sampler_base > UNPROVEN_SHARE_MAX)
        return config_refuse(config, "sampler.base_probability", error,
                             "%g is above %g, the cap until a judge agrees with people; set sampler.trust: assumed to go ahead",
                             config->sampler_base, UNPROVEN_SHARE_MAX);
    return true;
}

static bool check_registry(const struct config *config, struct error *error)
{
    const char *url = config->registry_url;
    if (url[0] == 0)
        return true;
    const char *host = strstr(url, "://");
    if (host == NULL || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) || strcspn(host + 3, "/:") == 0)
        return config_refuse(config, "registry.url", error, "must begin with http:// or https:// and name a host, as in http://localhost:8081");
    if (memchr(host + 3, '@', strcspn(host + 3, "/")) != NULL)
        return config_refuse(config, "registry.url", error, "must not hold credentials: they belong into registry.user and registry.password");
    if ((config->registry_certificate[0] == 0) != (config->registry_key[0] == 0))
        return config_refuse(config, "registry.certificate", error, "and registry.key are needed both, or neither");
    return true;
}

bool config_check(const struct config *config, struct error *error)
{
    return check_names(config, error) && check_topics(config, error) && check_times(config, error) && check_sizes(config, error) &&
           check_sampler(config, error) && check_registry(config, error);
}
