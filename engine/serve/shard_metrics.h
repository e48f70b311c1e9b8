/*
 * shard_metrics.h - what /metrics, /readyz and /livez say about the shards, from their published status.
 */
#ifndef ENGINE_SERVE_SHARD_METRICS_H
#define ENGINE_SERVE_SHARD_METRICS_H

#include "engine/bus/schema_registry.h"
#include "engine/flow/counters.h"
#include "engine/serve/metrics.h"

/* Counters are summed over the shards; what only makes sense apart has a label. now_ms: wall time. */
void shard_metrics_write(const struct shard_status *shards, uint32_t count, int64_t now_ms, struct metrics_writer *out);
/* The process itself: version, memory, CPU time. */
void process_metrics_write(const char *version, const char *kafka_version, struct metrics_writer *out);
/* The schema registry's client, where there is one. */
void registry_metrics_write(const struct schema_registry_counters *counters, struct metrics_writer *out);
/* JSON; true: every shard is assigned and restored. The body says why not. */
bool shard_ready_write(const struct shard_status *shards, uint32_t count, struct buffer *out);
/* JSON; true: no shard has failed, and each has published within stalled_after_ms (0: not checked). */
bool shard_live_write(const struct shard_status *shards, uint32_t count, int64_t now_ms, int64_t stalled_after_ms, struct buffer *out);

#endif
