/*
 * metric.h - the metrics a shard knows: id, name, layout, epoch. Ids travel on the exchange and in
 * state, names only beside them in dictionaries.
 *
 * id = first 4 bytes of SHA-256 of "name|kind|bins|lo|hi". Two names with one id are refused: the
 * second is measured as "other". One table per shard; numbers are dense and never reused.
 */
#ifndef ENGINE_FLOW_METRIC_H
#define ENGINE_FLOW_METRIC_H

#include "engine/base/buffer.h"
#include "engine/base/sha256.h"
#include "engine/operator/annotator.h"

#define METRICS_MAX 4096
#define METRIC_NONE UINT32_MAX

struct metric {
    uint32_t id;
    char name[96];
    struct layout layout;
    uint8_t epoch; /* enum metric_epoch */
    uint64_t rules; /* bit i: rule i may watch it; filled by the watches */
};

struct metric_table;

struct metric_table *metric_table_create(void);
void metric_table_destroy(struct metric_table *table);
/* Number of the metric of this name and layout, added when new. METRIC_NONE: full or id taken. */
uint32_t metric_intern(struct metric_table *table, struct bytes name, const struct layout *layout, uint8_t epoch);
/* METRIC_NONE when unknown. */
uint32_t metric_find(const struct metric_table *table, uint32_t id);
struct metric *metric_at(struct metric_table *table, uint32_t number);
uint32_t metric_count(const struct metric_table *table);

/* One dictionary entry: id is recomputed on reading and must agree. */
void metric_encode(const struct metric *metric, struct buffer *out);
/* Reads one entry and interns it; its number, or METRIC_NONE (reader->failed on damage). */
uint32_t metric_decode(struct metric_table *table, struct reader *reader);

#endif
