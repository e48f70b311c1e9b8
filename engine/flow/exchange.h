/*
 * exchange.h - the record between front and back: one per (commit, exchange partition).
 *
 * Headers are text, so that kcat can read them: writer, sequence, wall time, punctuation of the
 * writer's sources, versions. The body is binary: a dictionary of metrics, then cells in ascending
 * id, or, on the digests topic, blocks of digests (exchange_digests.h) and messages to entities. Everything
 * read from it is checked first.
 */
#ifndef ENGINE_FLOW_EXCHANGE_H
#define ENGINE_FLOW_EXCHANGE_H

#include "engine/bus/ports.h"
#include "engine/flow/measure.h"

#define EXCHANGE_VERSION 1
#define EXCHANGE_HEADERS 7
#define SOURCES_MAX 4096

/* Where a source partition of the front stands: crosses the exchange as punctuation. */
struct source_mark {
    uint32_t topic;     /* number of the input topic in the configured order */
    int32_t partition;
    int64_t from, to;   /* offsets covered by this record: [from, to) */
    int64_t log_time_ms; /* largest record timestamp read; INT64_MIN: none yet */
    bool active;
};

struct exchange_stamp {
    struct bytes writer;
    uint64_t sequence;
    int64_t wall_ms;
    uint32_t sources_total; /* partitions of all input topics: the back waits for all of them */
    uint64_t rates_version;
    uint64_t rules_digest;
    const struct source_mark *marks;
    uint32_t marks_count;
};

/* Text of the headers in `text` (cleared); out gets EXCHANGE_HEADERS entries pointing into it. */
void exchange_write_headers(const struct exchange_stamp *stamp, struct buffer *text, struct bus_header *out);
/* marks: room for SOURCES_MAX; stamp->marks will point to it. False with the reason. */
bool exchange_read_headers(const struct bus_header *headers, uint32_t count, struct exchange_stamp *stamp,
                           struct source_mark *marks, struct error *error);

/* ---- cells ------------------------------------------------------------------------------------------ */

/* Appends the body for deltas[0 … count-1], all of one exchange partition, ascending. */
void exchange_write_cells(struct metric_table *metrics, const struct cell_delta *deltas, uint32_t count, struct buffer *out);

struct exchange_cells {
    struct reader reader;
    uint64_t metrics_left; /* dictionary entries still to come */
    uint64_t left;         /* deltas still to come, once the dictionary is read */
};
/* False on damage. The dictionary is read first, to its end, then the cells. */
bool exchange_open_cells(struct bytes body, struct exchange_cells *out);
/* Interns the next entry of the dictionary; METRIC_NONE in *number when it cannot be taken. False at
 * its end or on damage (reader.failed). */
bool exchange_next_metric(struct exchange_cells *cells, struct metric_table *metrics, uint32_t *number);
/* Next delta, checked; borrowed from the body. False at the end or on damage (reader.failed). */
bool exchange_next_cell(struct exchange_cells *cells, struct cell_delta *out);

/* ---- messages to entities ---------------------------------------------------------------------------- */

enum entity_kind { ENTITY_TRACE = 1, ENTITY_SESSION = 2, ENTITY_APP = 3 };

struct entity_message {
    uint8_t kind;
    struct cell_id entity; /* hash of kind and name: also chooses the partition */
    struct bytes name;     /* trace id, session id, app */
    struct bytes payload;  /* see operator/tracker.h */
};

/* Which digests partition owns a trace. Trace ids need not be random in any of their bytes. */
uint32_t trace_partition(struct bytes trace_id, uint32_t partitions);
struct cell_id entity_id(uint8_t kind, struct bytes name, struct sha256 *sha);
void exchange_write_message(const struct entity_message *message, struct buffer *out);
/* Walks messages of a body; false at the end or on damage (reader->failed). */
bool exchange_next_message(struct reader *reader, struct entity_message *out);

#endif
