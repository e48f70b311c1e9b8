/* oracle_rates.c - see oracle_rates.h. Tables are made anew for each version, from all records. */
#include "tests/simulation/oracle_rates.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/flow/exchange.h"
#include "engine/operator/rates.h"

#include <stdio.h>
#include <stdlib.h>

/* A transaction took [from, to) of a partition under this version. */
struct range {
    uint32_t input;
    int32_t partition;
    int64_t from, to;
    uint64_t version, transaction, sequence;
    char writer[40];
};

struct named_rate {
    int64_t valid_from_ms;
    uint64_t stratum;
    struct rate rate;
};

struct versioned {
    uint64_t version;
    struct rates *table;
};

struct oracle_rates {
    const struct oracle *oracle;
    struct range *ranges;
    uint32_t ranges_count, ranges_capacity;
    struct named_rate *named;
    uint32_t named_count, named_capacity;
    struct versioned *versions;
    uint32_t versions_count;
    struct source_mark *marks;
    uint32_t hint;
    uint64_t overlaps;
};

/* ---- what the exchange says ------------------------------------------------------------------------------- */

static void visit_stamp(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    struct oracle_rates *r = context;
    struct bus_header headers[BUS_HEADERS_MAX];
    uint32_t count = reader_headers(reader, headers, BUS_HEADERS_MAX);
    struct exchange_stamp stamp;
    struct error error = {0};
    (void)record;
    CHECK(exchange_read_headers(headers, count, &stamp, r->marks, &error));
    uint64_t transaction = hash_bytes(stamp.writer, stamp.sequence ^ hash_mix64((uint64_t)stamp.wall_ms));
    for (uint32_t i = 0; i < stamp.marks_count; i++) {
        const struct source_mark *m = &stamp.marks[i];
        if (m->to <= m->from)
            continue;
        if (r->ranges_count == r->ranges_capacity) {
            r->ranges_capacity = r->ranges_capacity ? r->ranges_capacity * 2 : 256;
            r->ranges = memory_resize(r->ranges, r->ranges_capacity * sizeof *r->ranges);
        }
        struct range *range = &r->ranges[r->ranges_count++];
        *range = (struct range){m->topic, m->partition, m->from, m->to, stamp.rates_version, transaction, stamp.sequence, ""};
        (void)snprintf(range->writer, sizeof range->writer, "%.*s", BYTES_FMT(stamp.writer));
    }
}

static int order_ranges(const void *left, const void *right)
{
    const struct range *a = left, *b = right;
    if (a->input != b->input)
        return a->input < b->input ? -1 : 1;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    if (a->to != b->to)
        return a->to < b->to ? -1 : 1;
    return a->transaction < b->transaction ? -1 : a->transaction > b->transaction;
}

/* One range per transaction, in order; every pair of neighbours must be disjoint. */
static void settle_ranges(struct oracle_rates *r)
{
    if (r->ranges_count == 0)
        return;
    qsort(r->ranges, r->ranges_count, sizeof *r->ranges, order_ranges);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < r->ranges_count; i++)
        if (order_ranges(&r->ranges[i], &r->ranges[kept - 1]) != 0)
            r->ranges[kept++] = r->ranges[i];
    r->ranges_count = kept;
    for (uint32_t i = 1; i < kept; i++) {
        const struct range *a = &r->ranges[i - 1], *b = &r->ranges[i];
        if (a->input != b->input || a->partition != b->partition || b->from >= a->to)
            continue;
        r->overlaps += (uint64_t)((a->to < b->to ? a->to : b->to) - b->from);
        (void)fprintf(stderr, "oracle: %u/%d: %s took %lld to %lld in transaction %llu, %s %lld to %lld in %llu\n", a->input,
                      a->partition, a->writer, (long long)a->from, (long long)a->to, (unsigned long long)a->sequence,
                      b->writer, (long long)b->from, (long long)b->to, (unsigned long long)b->sequence);
    }
}

/* ---- what the rates topic says ------------------------------------------------------------------------------ */

static void visit_rate(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    struct oracle_rates *r = context;
    (void)reader;
    if (record->value.size == 0)
        return;
    struct json_document *json = json_create((size_t)64 * 1024);
    struct error error;
    const struct json_value *root = json_parse(json, record->value, 4, &error);
    struct named_rate one = {0};
    CHECK(json_is_object(root) && json_integer(json_get(root, "valid_from_ms"), &one.valid_from_ms) &&
          json_real(json_get(root, "base"), &one.rate.base) && json_real(json_get(root, "boost"), &one.rate.boost) &&
          json_real(json_get(root, "forced"), &one.rate.forced));
    one.stratum = rates_stratum(json_text(json_get(root, "app")), json_text(json_get(root, "intent")),
                                json_text(json_get(root, "prompt")), json_text(json_get(root, "model")));
    json_destroy(json);
    if (r->named_count == r->named_capacity) {
        r->named_capacity = r->named_capacity ? r->named_capacity * 2 : 64;
        r->named = memory_resize(r->named, r->named_capacity * sizeof *r->named);
    }
    r->named[r->named_count++] = one;
}

/* Of each stratum the record that became valid last, up to the version; of equals the later written. */
static struct rates *make_table(const struct oracle_rates *r, uint64_t version)
{
    struct rates *table = rates_create(&r->oracle->options->rates_default);
    for (uint32_t i = 0; i < r->named_count; i++) {
        const struct named_rate *one = &r->named[i];
        bool newest = one->valid_from_ms <= (int64_t)version;
        for (uint32_t k = 0; newest && k < r->named_count; k++) {
            const struct named_rate *other = &r->named[k];
            newest = other->stratum != one->stratum || other->valid_from_ms > (int64_t)version ||
                     other->valid_from_ms < one->valid_from_ms || (other->valid_from_ms == one->valid_from_ms && k <= i);
        }
        if (newest)
            rates_set(table, one->stratum, &one->rate);
    }
    rates_set_version(table, version);
    return table;
}

static const struct rates *table_of(struct oracle_rates *r, uint64_t version)
{
    for (uint32_t i = 0; i < r->versions_count; i++)
        if (r->versions[i].version == version)
            return r->versions[i].table;
    r->versions = memory_resize(r->versions, (r->versions_count + 1) * sizeof *r->versions);
    r->versions[r->versions_count] = (struct versioned){version, make_table(r, version)};
    return r->versions[r->versions_count++].table;
}

static bool covers(const struct range *range, uint32_t input, const struct oracle_record *record)
{
    return range->input == input && range->partition == record->partition && range->from <= record->offset &&
           record->offset < range->to;
}

const struct rates *oracle_rates_for(struct oracle_rates *r, uint32_t input, const struct oracle_record *record)
{
    for (uint32_t n = 0; n < r->ranges_count; n++) {
        uint32_t i = (r->hint + n) % r->ranges_count;
        if (!covers(&r->ranges[i], input, record))
            continue;
        r->hint = i;
        return table_of(r, r->ranges[i].version);
    }
    return table_of(r, 0); /* nothing in it was measured */
}

uint64_t oracle_rates_overlaps(const struct oracle_rates *r) { return r->overlaps; }
uint32_t oracle_rates_versions(const struct oracle_rates *r) { return r->versions_count; }

struct oracle_rates *oracle_rates_open(const struct oracle *oracle)
{
    struct oracle_rates *r = memory_allocate(sizeof *r);
    const struct flow_options *o = oracle->options;
    r->oracle = oracle;
    r->marks = memory_allocate_array(SOURCES_MAX, sizeof *r->marks);
    for (uint32_t p = 0; p < o->exchange_partitions; p++)
        oracle_visit(oracle->bus, o->topics.cells, p, -1, visit_stamp, r);
    settle_ranges(r);
    oracle_visit(oracle->bus, o->topics.rates, 0, -1, visit_rate, r);
    return r;
}

void oracle_rates_close(struct oracle_rates *r)
{
    for (uint32_t i = 0; i < r->versions_count; i++)
        rates_destroy(r->versions[i].table);
    memory_free(r->versions);
    memory_free(r->ranges);
    memory_free(r->named);
    memory_free(r->marks);
    memory_free(r);
}
