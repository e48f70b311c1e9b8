/*
 * output_schemas.c - see output_schemas.h. A registry says no without always saying why: the field is found by
 * holding the version that is there against ours, in both directions.
 */
#include "engine/flow/output_schemas.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/bus/ports.h"
#include "engine/bus/schema_registry.h"
#include "engine/flow/options.h"
#include "engine/span/avro_check.h"
#include "engine/span/avro_encode.h"

#include <stdio.h>
#include <time.h>

#define OUTPUTS (SCHEMA_ALERT + 1)
#define SUBJECT_BYTES 300
#define PAUSE_MS 250

struct output_schemas {
    struct {
        struct avro_schema *schema;
        uint32_t id;
    } of[OUTPUTS];
};

static void subject_of(const struct topic_names *topics, enum schema_name name, char out[SUBJECT_BYTES])
{
    const char *topic = name == SCHEMA_REQUEST ? topics->requests : name == SCHEMA_SCORE ? topics->scores : topics->alerts;
    (void)snprintf(out, SUBJECT_BYTES, "%s-value", topic);
}

/* Which field stands between the version that is there and ours. Always false. */
static bool explain(struct schema_registry *registry, const char *subject, struct bytes ours, struct error *error)
{
    struct buffer latest = {0};
    struct error field, ignored;
    if (!schema_registry_latest(registry, subject, &latest, &ignored) || latest.size == 0)
        (void)0; /* the registry's words must do */
    else if (!avro_check_always_reads(buffer_bytes(&latest), ours, &field))
        (void)error_prefix(error, "with this program's schema, records of the version that is there cannot be read: %.150s", field.message);
    else if (!avro_check_always_reads(ours, buffer_bytes(&latest), &field))
        (void)error_prefix(error, "with the version that is there, this program's records cannot be read: %.150s", field.message);
    buffer_free(&latest);
    return error_prefix(error, "subject %.100s is taken by another schema", subject);
}

static bool settle_one(struct schema_registry *registry, const char *subject, struct bytes schema, bool enter, uint32_t *id,
                       struct error *error)
{
    if (!schema_registry_compatible(registry, subject, schema, error))
        return error->code == ERROR_UNAVAILABLE ? false : explain(registry, subject, schema, error);
    return !enter || schema_registry_register(registry, subject, schema, id, error);
}

static bool settle_patiently(struct schema_registry *registry, const char *subject, struct bytes schema, bool enter,
                             int64_t until_ns, uint32_t *id, struct error *error)
{
    while (!settle_one(registry, subject, schema, enter, id, error)) {
        if (error->code != ERROR_UNAVAILABLE || clock_monotonic_ns() >= until_ns)
            return false;
        struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

bool output_schemas_check(struct schema_registry *registry, const struct topic_names *topics, bool enter,
                          int64_t wait_ms, struct output_schemas **out, struct error *error)
{
    int64_t until_ns = clock_monotonic_ns() + wait_ms * 1000000;
    struct output_schemas *schemas = memory_allocate(sizeof *schemas);
    bool good = true;
    for (unsigned name = 0; good && name < OUTPUTS; name++) {
        char subject[SUBJECT_BYTES];
        struct bytes text = schema_text((enum schema_name)name);
        subject_of(topics, (enum schema_name)name, subject);
        good = settle_patiently(registry, subject, text, enter, until_ns, &schemas->of[name].id, error);
        if (!good)
            break;
        schemas->of[name].schema = avro_schema_parse(&text, 1, &avro_schema_limits_default, error);
        CHECK(schemas->of[name].schema != NULL); /* it is ours, and a test reads it */
    }
    if (good && out != NULL)
        *out = schemas;
    else
        output_schemas_destroy(schemas);
    return good;
}

void output_schemas_destroy(struct output_schemas *schemas)
{
    if (schemas == NULL)
        return;
    for (unsigned name = 0; name < OUTPUTS; name++)
        avro_schema_destroy(schemas->of[name].schema);
    memory_free(schemas);
}

bool output_schemas_encode(const struct output_schemas *schemas, enum schema_name name, const struct json_value *record,
                           struct arena *arena, struct buffer *out, struct error *error)
{
    CHECK(name < OUTPUTS);
    avro_put_frame(out, schemas->of[name].id);
    return avro_encode(schemas->of[name].schema, record, arena, out, error);
}
