/* metric.c - interning of metrics by name and layout. */
#include "engine/flow/metric.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/table.h"

#include <stdio.h>

struct metric_table {
    struct metric *metrics;
    uint32_t count, capacity;
    struct table by_id;   /* hash of id -> number */
    struct table by_name; /* hash of name and layout -> number */
    struct sha256 *sha;
};

struct metric_table *metric_table_create(void)
{
    struct metric_table *table = memory_allocate(sizeof *table);
    table->sha = sha256_create();
    return table;
}

void metric_table_destroy(struct metric_table *table)
{
    if (table == NULL)
        return;
    memory_free(table->metrics);
    table_free(&table->by_id);
    table_free(&table->by_name);
    sha256_destroy(table->sha);
    memory_free(table);
}

static uint64_t name_hash(struct bytes name, const struct layout *layout)
{
    return hash_combine(hash_bytes(name, 7), (uint64_t)layout->kind << 32 | layout->bins);
}

static uint32_t make_id(struct metric_table *table, const struct metric *metric)
{
    char text[192];
    int size = snprintf(text, sizeof text, "%s|%u|%u|%.9g|%.9g", metric->name, metric->layout.kind,
                        metric->layout.bins, (double)metric->layout.lo, (double)metric->layout.hi);
    uint8_t digest[SHA256_BYTES];
    sha256_digest(table->sha, bytes_of(text, (size_t)size), digest);
    uint32_t id;
    memcpy(&id, digest, sizeof id);
    return id;
}

uint32_t metric_find(const struct metric_table *table, uint32_t id)
{
    uint32_t cursor = 0;
    uint64_t hash = hash_mix64(id);
    uint32_t n = table_first(&table->by_id, hash, &cursor);
    while (n != TABLE_NONE && table->metrics[n].id != id)
        n = table_next(&table->by_id, hash, &cursor);
    return n;
}

uint32_t metric_intern(struct metric_table *table, struct bytes name, const struct layout *layout, uint8_t epoch)
{
    uint64_t hash = name_hash(name, layout);
    uint32_t cursor = 0;
    for (uint32_t n = table_first(&table->by_name, hash, &cursor); n != TABLE_NONE;
         n = table_next(&table->by_name, hash, &cursor))
        if (bytes_equal_text(name, table->metrics[n].name) && layout_equal(layout, &table->metrics[n].layout))
            return n;
    struct metric metric = {.layout = *layout, .epoch = epoch};
    if (table->count == METRICS_MAX || name.size >= sizeof metric.name || layout->bins > LAYOUT_BINS_MAX)
        return METRIC_NONE;
    memcpy(metric.name, name.data, name.size);
    if (strlen(metric.name) != name.size)
        return METRIC_NONE;
    metric.id = make_id(table, &metric);
    if (metric_find(table, metric.id) != METRIC_NONE)
        return METRIC_NONE;
    if (table->count == table->capacity) {
        table->capacity = table->capacity ? table->capacity * 2 : 32;
        table->metrics = memory_resize(table->metrics, table->capacity * sizeof *table->metrics);
    }
    table->metrics[table->count] = metric;
    table_insert(&table->by_id, hash_mix64(metric.id), table->count);
    table_insert(&table->by_name, hash, table->count);
    return table->count++;
}

struct metric *metric_at(struct metric_table *table, uint32_t number) { return &table->metrics[number]; }

uint32_t metric_count(const struct metric_table *table) { return table->count; }

void metric_encode(const struct metric *metric, struct buffer *out)
{
    buffer_put_u32(out, metric->id);
    buffer_put_bytes(out, bytes_from_text(metric->name));
    buffer_put_u8(out, metric->layout.kind);
    buffer_put_varint(out, metric->layout.bins);
    buffer_append(out, &metric->layout.lo, sizeof metric->layout.lo);
    buffer_append(out, &metric->layout.hi, sizeof metric->layout.hi);
    buffer_put_u8(out, metric->epoch);
}

uint32_t metric_decode(struct metric_table *table, struct reader *reader)
{
    uint32_t id = reader_u32(reader);
    struct bytes name = reader_bytes(reader);
    struct layout layout = {.kind = reader_u8(reader), .bins = (uint16_t)reader_varint(reader)};
    uint32_t lo = reader_u32(reader), hi = reader_u32(reader);
    memcpy(&layout.lo, &lo, sizeof lo);
    memcpy(&layout.hi, &hi, sizeof hi);
    uint8_t epoch = reader_u8(reader);
    if (reader->failed || layout.kind > LAYOUT_CATEGORY || layout.bins == 0 || layout.bins > LAYOUT_BINS_MAX ||
        epoch > EPOCH_HOUR) {
        reader->failed = true;
        return METRIC_NONE;
    }
    uint32_t number = metric_intern(table, name, &layout, epoch);
    return number != METRIC_NONE && table->metrics[number].id == id ? number : METRIC_NONE;
}
