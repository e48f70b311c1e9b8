/* rates_follow.c - pending rates in a small array; applied to a fresh copy, then swapped. */
#include "engine/flow/rates_follow.h"

#include "engine/base/json.h"
#include "engine/base/memory.h"

#define PENDING_MAX 65536
#define RATE_RECORD_BYTES_MAX 8192

struct pending {
    int64_t valid_from_ms;
    uint64_t stratum;
    struct rate rate;
};

struct rates_follow {
    struct bus_reader *reader;
    struct rates *rates;
    struct pending *pending;
    uint32_t count, capacity;
    struct json_document *json;
    uint64_t bad;
};

/* A record is JSON: app, intent, prompt, model, base, boost, forced, valid_from_ms, reason. */
static bool read_rate(struct json_document *json, struct bytes value, struct pending *out)
{
    struct error ignored;
    const struct json_value *root = value.size <= RATE_RECORD_BYTES_MAX ? json_parse(json, value, 4, &ignored) : NULL;
    if (!json_is_object(root))
        return false;
    bool ok = json_integer(json_get(root, "valid_from_ms"), &out->valid_from_ms) &&
              json_real(json_get(root, "base"), &out->rate.base) && json_real(json_get(root, "boost"), &out->rate.boost) &&
              json_real(json_get(root, "forced"), &out->rate.forced);
    if (!ok || !(out->rate.base >= 0 && out->rate.base <= out->rate.boost && out->rate.boost <= 1) ||
        !(out->rate.forced >= 0 && out->rate.forced <= 1))
        return false;
    out->stratum = rates_stratum(json_text(json_get(root, "app")), json_text(json_get(root, "intent")),
                                 json_text(json_get(root, "prompt")), json_text(json_get(root, "model")));
    return true;
}

static void take(struct rates_follow *f, const struct bus_record *record)
{
    if (!bytes_present(record->value))
        return;
    struct pending pending;
    if (f->count == PENDING_MAX || !read_rate(f->json, record->value, &pending)) {
        f->bad++;
        return;
    }
    if (f->count == f->capacity) {
        f->capacity = f->capacity ? f->capacity * 2 : 64;
        f->pending = memory_resize(f->pending, f->capacity * sizeof *f->pending);
    }
    uint32_t at = f->count++;
    while (at > 0 && f->pending[at - 1].valid_from_ms > pending.valid_from_ms) {
        f->pending[at] = f->pending[at - 1];
        at--;
    }
    f->pending[at] = pending;
}

static bool read_to(struct rates_follow *f, int64_t end, struct error *error)
{
    struct bus_record record;
    while (reader_position(f->reader) < end) {
        enum reader_event event = reader_next(f->reader, 1000, &record, error);
        if (event == READER_FAILED)
            return false;
        if (event == READER_RECORD)
            take(f, &record);
    }
    return true;
}

struct rates_follow *rates_follow_open(struct bus *bus, const char *topic, const struct rate *defaults, struct error *error)
{
    int64_t low = 0, high = 0;
    if (!bus_watermarks(bus, topic, 0, &low, &high, error))
        return NULL;
    struct bus_reader *reader = bus_reader_open(bus, topic, 0, low, -1, error);
    if (reader == NULL)
        return NULL;
    struct rates_follow *f = memory_allocate(sizeof *f);
    f->reader = reader;
    f->rates = rates_create(defaults);
    f->json = json_create((size_t)64 * 1024);
    if (!read_to(f, high, error)) {
        rates_follow_close(f);
        return NULL;
    }
    return f;
}

void rates_follow_close(struct rates_follow *f)
{
    if (f == NULL)
        return;
    reader_close(f->reader);
    rates_destroy(f->rates);
    memory_free(f->pending);
    json_destroy(f->json);
    memory_free(f);
}

bool rates_follow_poll(struct rates_follow *f, struct error *error)
{
    struct bus_record record;
    for (;;) {
        enum reader_event event = reader_next(f->reader, 0, &record, error);
        if (event != READER_RECORD)
            return event != READER_FAILED;
        take(f, &record);
    }
}

const struct rates *rates_follow_at(struct rates_follow *f, int64_t log_time_ms)
{
    uint32_t due = 0;
    while (due < f->count && f->pending[due].valid_from_ms <= log_time_ms)
        due++;
    if (due == 0)
        return f->rates;
    for (uint32_t i = 0; i < due; i++)
        rates_set(f->rates, f->pending[i].stratum, &f->pending[i].rate);
    uint64_t version = (uint64_t)f->pending[due - 1].valid_from_ms;
    if (version > rates_version(f->rates))
        rates_set_version(f->rates, version);
    memmove(f->pending, f->pending + due, (f->count - due) * sizeof *f->pending);
    f->count -= due;
    return f->rates;
}

uint64_t rates_follow_bad(const struct rates_follow *f) { return f->bad; }
