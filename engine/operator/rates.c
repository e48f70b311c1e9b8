/*
 * rates.c - a small open table from stratum to rate, and the sampling number of a trace.
 *
 * sample_u is a contract between every version of the engine, every process and every replay: the
 * salt and the mixing below never change, golden values in the tests hold them.
 */
#include "engine/operator/rates.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/table.h"

/* Strata beyond this many keep the defaults: the planner publishes far fewer. */
#define STRATA_MAX  (1u << 20)
#define SAMPLE_SALT 0xa55a7e5a3b1e0001ULL

struct stratum_rate {
    uint64_t stratum;
    struct rate rate;
};

struct rates {
    struct rate defaults;
    double ceiling; /* never falls: a lowered rate costs a look-up, no more */
    uint64_t version;
    struct table table;
    struct stratum_rate *entries;
    uint32_t count;
    uint32_t capacity;
};

/* Probabilities are in [0, 1], boost is never below base. NaN counts as 0. */
static struct rate tidy(const struct rate *rate)
{
    struct rate out = *rate;
    double *fields[] = {&out.base, &out.boost, &out.forced};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!(*fields[i] > 0))
            *fields[i] = 0;
        if (*fields[i] > 1)
            *fields[i] = 1;
    }
    if (out.boost < out.base)
        out.boost = out.base;
    return out;
}

struct rates *rates_create(const struct rate *defaults)
{
    struct rates *rates = memory_allocate(sizeof *rates);
    rates->defaults = tidy(defaults);
    rates->ceiling = rates->defaults.boost;
    return rates;
}

void rates_destroy(struct rates *rates)
{
    if (rates == NULL)
        return;
    table_free(&rates->table);
    memory_free(rates->entries);
    memory_free(rates);
}

static struct stratum_rate *find(const struct rates *rates, uint64_t stratum)
{
    uint32_t cursor;
    uint64_t hash = hash_mix64(stratum);
    for (uint32_t n = table_first(&rates->table, hash, &cursor); n != TABLE_NONE;
         n = table_next(&rates->table, hash, &cursor)) {
        if (rates->entries[n].stratum == stratum)
            return &rates->entries[n];
    }
    return NULL;
}

void rates_set(struct rates *rates, uint64_t stratum, const struct rate *rate)
{
    struct stratum_rate *known = find(rates, stratum);
    if (tidy(rate).boost > rates->ceiling)
        rates->ceiling = tidy(rate).boost;
    if (known != NULL) {
        known->rate = tidy(rate);
        return;
    }
    if (rates->count == STRATA_MAX)
        return;
    if (rates->count == rates->capacity) {
        rates->capacity = rates->capacity ? rates->capacity * 2 : 16;
        rates->entries = memory_resize(rates->entries, rates->capacity * sizeof *rates->entries);
    }
    rates->entries[rates->count] = (struct stratum_rate){stratum, tidy(rate)};
    table_insert(&rates->table, hash_mix64(stratum), rates->count);
    rates->count++;
}

struct rates *rates_copy(const struct rates *rates)
{
    struct rates *copy = rates_create(&rates->defaults);
    copy->version = rates->version;
    for (uint32_t i = 0; i < rates->count; i++)
        rates_set(copy, rates->entries[i].stratum, &rates->entries[i].rate);
    return copy;
}

void rates_set_version(struct rates *rates, uint64_t version) { rates->version = version; }

uint64_t rates_version(const struct rates *rates) { return rates->version; }

double rates_ceiling(const struct rates *rates) { return rates->ceiling; }

struct rate rates_find(const struct rates *rates, uint64_t stratum)
{
    const struct stratum_rate *known = find(rates, stratum);
    return known != NULL ? known->rate : rates->defaults;
}

uint64_t rates_stratum(struct bytes app, struct bytes intent, struct bytes prompt,
                       struct bytes model)
{
    const struct bytes labels[] = {app, intent, prompt, model};
    uint64_t hash = 0x5354524154554d31ULL; /* "STRATUM1" */
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        hash = hash_combine(hash, hash_bytes(labels[i], labels[i].size));
    return hash;
}

double sample_u(struct bytes trace_id)
{
    uint8_t id[16] = {0};
    if (trace_id.size > 0)
        memcpy(id, trace_id.data, trace_id.size < sizeof id ? trace_id.size : sizeof id);
    uint64_t mixed = hash_mix64(bytes_load64(id) + SAMPLE_SALT);
    mixed = hash_mix64(mixed ^ (bytes_load64(id + 8) + 0x9e3779b97f4a7c15ULL));
    return (double)(mixed >> 11) * 0x1p-53;
}
