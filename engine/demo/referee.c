/* referee.c - listening: alert records into a list of alerts, other outputs into counts. */
#include "engine/demo/referee_internal.h"

#include "engine/base/iso_time.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

#include <stdio.h>

#define JSON_BYTES ((size_t)1 << 20)

/* ---- opening ----------------------------------------------------------------------------------------------- */

static bool open_readers(struct referee *referee, struct bus *bus, const char *topic,
                         int32_t partitions, enum referee_topic which, struct error *error)
{
    for (int32_t p = 0; p < partitions; p++) {
        if (referee->readers_count == REFEREE_READERS_MAX)
            return error_set(error, ERROR_LIMIT, "%s has more partitions than the demo reads",
                             topic);
        struct bus_reader *reader = bus_reader_open(bus, topic, p, -2, -1, error);
        if (reader == NULL)
            return false;
        referee->readers[referee->readers_count++] = (struct referee_reader){reader, which};
    }
    return true;
}

struct referee *referee_open(const struct referee_options *options, const struct script *script,
                             struct bus *bus, struct error *error)
{
    struct referee *referee = memory_allocate(sizeof *referee);
    referee->script = script;
    referee->json = json_create(JSON_BYTES);
    if (open_readers(referee, bus, options->alerts, options->alerts_partitions, TOPIC_ALERTS,
                     error) &&
        open_readers(referee, bus, options->requests, options->requests_partitions, TOPIC_REQUESTS,
                     error) &&
        open_readers(referee, bus, options->dead_letters, options->dead_letters_partitions,
                     TOPIC_DEAD_LETTERS, error))
        return referee;
    referee_close(referee);
    return NULL;
}

void referee_close(struct referee *referee)
{
    if (referee == NULL)
        return;
    for (uint32_t i = 0; i < referee->readers_count; i++)
        reader_close(referee->readers[i].reader);
    json_destroy(referee->json);
    memory_free(referee->alerts);
    memory_free(referee);
}

uint32_t referee_open_alerts(const struct referee *referee)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < referee->alerts_count; i++)
        open += referee->alerts[i].resolved_ms == 0;
    return open;
}

/* ---- reading an alert --------------------------------------------------------------------------------------- */

bool referee_read_time(struct bytes text, int64_t *out)
{
    int64_t ns = iso_time_ns(text);
    *out = ns / 1000000;
    return ns != INT64_MIN;
}

static void copy_text(const struct json_value *object, const char *key, char *out, size_t size)
{
    struct bytes text = json_text(json_get(object, key));
    (void)snprintf(out, size, "%.*s", BYTES_FMT(text));
}

static bool state_of(struct bytes text, enum referee_state *out)
{
    static const char *const names[] = {"open", "update", "resolve"};
    for (int i = 0; i < 3; i++)
        if (bytes_equal_text(text, names[i])) {
            *out = (enum referee_state)i;
            return true;
        }
    return false;
}

/* An alert belongs to an incident when rule, metric, place and time of its opening do. */
static bool explains(const struct incident *incident, const struct referee_heard *heard)
{
    if (strcmp(incident->rule, heard->rule) != 0 || strcmp(incident->metric, heard->metric) != 0 ||
        strcmp(world_apps[incident->app].name, heard->app) != 0)
        return false;
    if (heard->opened_ms < incident->start_ms || heard->opened_ms > incident->explains_to_ms)
        return false;
    bool here = heard->intent[0] == '\0';
    for (uint32_t i = 0; i < WORLD_INTENTS && !here; i++)
        here =
            (incident->intents >> i & 1) != 0 && strcmp(world_intents[i].name, heard->intent) == 0;
    return here;
}

static struct referee_heard *find_alert(struct referee *referee, const char *id)
{
    for (uint32_t i = 0; i < referee->alerts_count; i++)
        if (strcmp(referee->alerts[i].id, id) == 0)
            return &referee->alerts[i];
    return NULL;
}

static struct referee_heard *add_alert(struct referee *referee, const struct json_value *root)
{
    if (referee->alerts_count == referee->alerts_capacity) {
        referee->alerts_capacity = referee->alerts_capacity ? referee->alerts_capacity * 2 : 16;
        referee->alerts =
            memory_resize(referee->alerts, referee->alerts_capacity * sizeof *referee->alerts);
    }
    struct referee_heard *heard = &referee->alerts[referee->alerts_count];
    const struct json_value *labels = json_get(root, "labels");
    *heard = (struct referee_heard){.incident = REFEREE_NO_INCIDENT};
    copy_text(root, "id", heard->id, sizeof heard->id);
    copy_text(root, "rule", heard->rule, sizeof heard->rule);
    copy_text(root, "metric", heard->metric, sizeof heard->metric);
    copy_text(labels, "app", heard->app, sizeof heard->app);
    copy_text(labels, "intent", heard->intent, sizeof heard->intent);
    if (!referee_read_time(json_text(json_get(root, "opened_at")), &heard->opened_ms))
        return NULL;
    for (uint32_t i = 0; i < referee->script->count; i++)
        if (explains(&referee->script->incidents[i], heard))
            heard->incident = i;
    referee->alerts_count++;
    return heard;
}

/* An alert is opened once, then updated, then resolved once; anything else is a bad record. */
static bool take_alert(struct referee *referee, const struct bus_record *record,
                       struct referee_alert *out)
{
    struct error ignored;
    referee->alert_records++;
    const struct json_value *root = json_parse(referee->json, record->value, 16, &ignored);
    if (!state_of(json_text(json_get(root, "state")), &out->state) ||
        !referee_read_time(json_text(json_get(root, "at")), &out->at_ms))
        return false;
    char id[64];
    copy_text(root, "id", id, sizeof id);
    copy_text(root, "text", out->text, sizeof out->text);
    out->record = record->value;
    struct referee_heard *heard = find_alert(referee, id);
    bool opens = out->state == REFEREE_OPEN;
    if (opens != (heard == NULL) || (heard != NULL && heard->resolved_ms != 0))
        return false;
    if (opens)
        heard = add_alert(referee, root);
    if (heard == NULL)
        return false;
    if (out->state == REFEREE_RESOLVE)
        heard->resolved_ms = out->at_ms;
    out->explained = heard->incident != REFEREE_NO_INCIDENT;
    return true;
}

bool referee_read(struct referee *referee, int wait_ms, referee_hear *hear, void *context,
                  struct error *error)
{
    for (uint32_t i = 0; i < referee->readers_count; i++) {
        struct bus_record record;
        enum reader_event event;
        while ((event = reader_next(referee->readers[i].reader, wait_ms, &record, error)) ==
               READER_RECORD) {
            struct referee_alert alert = {.state = REFEREE_OPEN};
            if (referee->readers[i].topic == TOPIC_REQUESTS)
                referee->requests++;
            else if (referee->readers[i].topic == TOPIC_DEAD_LETTERS)
                referee->dead_letters++;
            else if (!take_alert(referee, &record, &alert))
                referee->bad_records++;
            else if (hear != NULL)
                hear(context, &alert);
        }
        if (event == READER_FAILED)
            return error_prefix(error, "reading the engine's outputs");
    }
    return true;
}
