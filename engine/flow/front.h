/*
 * front.h - one record at a time: decode, annotate, measure, request; knows nothing of other records
 * but the ids it has seen. One per shard; owns the state of the source partitions assigned to it.
 */
#ifndef ENGINE_FLOW_FRONT_H
#define ENGINE_FLOW_FRONT_H

#include "engine/flow/counters.h"
#include "engine/flow/options.h"
#include "engine/flow/outbox.h"

struct front;
struct digests;
struct pipeline;

/* member is only used to read headers of records that go to the DLQ. */
struct front *front_create(const struct flow_options *options, struct metric_table *metrics, struct outbox *outbox,
                           struct member *member, struct error *error);
void front_destroy(struct front *front);

/* A source partition is ours from here on; committed is where its owner before us stopped. Returns the
 * offset to read from: earlier than committed when ids must be seen again. */
int64_t front_assign(struct front *front, const struct bus_position *committed);
void front_unassign(struct front *front, struct bus_partition partition);
/* After an abort: everything since the last commit is forgotten and will be read again. */
void front_rollback(struct front *front);

/* Records of input topics (source.topic < inputs_count), in the order polled. False: fatal. */
bool front_take(struct front *front, const struct bus_record *records, uint32_t count, const struct rates *rates,
                int64_t wall_ms, struct error *error);

/* Where each assigned source stands, for punctuation (marks) and for the commit (positions). Returns
 * how many; max bounds both. at_end is asked of the member. */
uint32_t front_marks(struct front *front, int64_t wall_ms, struct source_mark *marks, uint32_t max);
uint32_t front_positions(struct front *front, uint64_t sequence, uint64_t rates_version, struct bus_position *positions, uint32_t max);
/* Where reading goes on after an abort: before the position where ids are still to be seen again. */
int64_t front_resume(const struct front *front, struct bus_partition partition, int64_t position);
/* The transaction with these positions is committed. */
void front_committed(struct front *front);

/* Sums for the pipeline's metrics, and for those that trackers measure through the same way. */
struct measure *front_open_measure(const struct flow_options *options, const struct pipeline *pipeline, struct metric_table *metrics);
struct measure *front_measure(struct front *front);
/* NULL when traces are not tracked. */
struct digests *front_digests(struct front *front);
const struct front_counters *front_counts(const struct front *front);
struct pipeline *front_pipeline(struct front *front);
/* Log time of the source that is furthest behind, LOG_TIME_NONE when there is none. */
int64_t front_log_time(const struct front *front);
/* Walks the sources for lag metrics and pausing: false at the end. */
bool front_source(const struct front *front, uint32_t index, struct bus_partition *partition, int64_t *next_offset, int64_t *log_time_ms);
/* A record whose schema is being fetched holds its source: it and what follows there counts as not read.
 * Sources held since the last call, with where reading must go on; how many (at most max). */
uint32_t front_newly_held(struct front *front, struct bus_position *positions, uint32_t max);
/* True while a source (index as for front_source) is held; asks for its schema again. */
bool front_held(struct front *front, uint32_t index);
/* Remembers that a source (index as for front_source) is paused; true when that changed. */
bool front_set_paused(struct front *front, uint32_t index, bool paused);

#endif
