/* topics.c - the one list of topics. */
#include "engine/flow/topics.h"

#define DAY_MS ((int64_t)86400000)

static void need(struct topic_need *out, uint32_t *count, const char *name, enum topic_role role, int32_t partitions,
                 enum topic_cleanup cleanup, int64_t retention_ms)
{
    out[(*count)++] = (struct topic_need){{name, partitions, cleanup, retention_ms}, role};
}

uint32_t topics_needed(const struct flow_options *o, int32_t input_partitions, struct topic_need *out)
{
    uint32_t count = 0;
    int32_t n = (int32_t)o->exchange_partitions;
    for (uint32_t i = 0; i < o->inputs_count; i++)
        need(out, &count, o->inputs[i].name, TOPIC_INPUT, input_partitions, TOPIC_DELETE, 7 * DAY_MS);
    need(out, &count, o->topics.cells, TOPIC_OWN, n, TOPIC_DELETE, -1);
    need(out, &count, o->topics.digests, TOPIC_OWN, n, TOPIC_DELETE, -1);
    need(out, &count, o->topics.changelog, TOPIC_OWN, 2 * n, TOPIC_COMPACT, -1);
    need(out, &count, o->topics.rates, TOPIC_OWN, 1, TOPIC_COMPACT, -1);
    need(out, &count, o->topics.requests, TOPIC_OUTPUT, n, TOPIC_DELETE, 7 * DAY_MS);
    need(out, &count, o->topics.scores, TOPIC_OUTPUT, n, TOPIC_DELETE, 7 * DAY_MS);
    need(out, &count, o->topics.alerts, TOPIC_OUTPUT, 1, TOPIC_COMPACT, -1);
    need(out, &count, o->topics.decisions, TOPIC_OUTPUT, n, TOPIC_COMPACT, -1);
    need(out, &count, o->topics.dlq, TOPIC_OUTPUT, 1, TOPIC_DELETE, 14 * DAY_MS);
    return count;
}

static bool check_one(const struct topic_need *need_of, const struct topic_info *info, struct error *error)
{
    const struct topic_spec *spec = &need_of->spec;
    if (info->partitions == 0)
        return error_set(error, ERROR_INPUT, "topic %s does not exist; create it with: assay topics --create", spec->name);
    if (need_of->role != TOPIC_OWN)
        return true;
    if (info->partitions != spec->partitions)
        return error_set(error, ERROR_INPUT,
                         "topic %s has %d partitions, this configuration needs %d: exchange.partitions is fixed for the life "
                         "of an application; set it back, or start under a new app id",
                         spec->name, info->partitions, spec->partitions);
    if (spec->cleanup == TOPIC_DELETE && (info->cleanup != TOPIC_DELETE || info->retention_ms != -1))
        return error_set(error, ERROR_INPUT,
                         "topic %s must keep its records until they are folded: set cleanup.policy=delete and "
                         "retention.ms=-1 (Assay deletes what is committed itself)", spec->name);
    if (spec->cleanup == TOPIC_COMPACT && info->cleanup != TOPIC_COMPACT)
        return error_set(error, ERROR_INPUT, "topic %s must be compacted, it holds state: set cleanup.policy=compact", spec->name);
    return true;
}

bool topics_check(struct bus *bus, const struct flow_options *options, struct error *error)
{
    struct topic_need needs[TOPICS_MAX];
    uint32_t count = topics_needed(options, 1, needs);
    for (uint32_t i = 0; i < count; i++) {
        struct topic_info info;
        if (!bus_describe(bus, needs[i].spec.name, &info, error) || !check_one(&needs[i], &info, error))
            return false;
    }
    return true;
}

bool topics_create(struct bus *bus, const struct flow_options *options, int32_t input_partitions, uint32_t *created, struct error *error)
{
    struct topic_need needs[TOPICS_MAX];
    uint32_t count = topics_needed(options, input_partitions, needs);
    *created = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct topic_info info;
        if (!bus_describe(bus, needs[i].spec.name, &info, error))
            return false;
        if (info.partitions > 0)
            continue;
        if (!bus_create(bus, &needs[i].spec, error))
            return error_prefix(error, "creating topic %s", needs[i].spec.name);
        ++*created;
    }
    return true;
}
