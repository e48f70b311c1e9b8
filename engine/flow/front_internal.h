/* front_internal.h - what front.c and front_records.c share; nobody else includes it. */
#ifndef ENGINE_FLOW_FRONT_INTERNAL_H
#define ENGINE_FLOW_FRONT_INTERNAL_H

#include "engine/base/json.h"
#include "engine/flow/dedupe.h"
#include "engine/flow/digests.h"
#include "engine/flow/front.h"
#include "engine/flow/log_time.h"
#include "engine/flow/pipeline.h"

#define PLACE_SPAN_BITS 20 /* of a dedupe place: the span's number in its record */

struct source {
    struct bus_partition at;
    int64_t next;      /* offset to read next; -1: nothing known */
    int64_t committed; /* the same at the last commit */
    /* Records in [relearn_from, relearn_until) are read for their ids only; done up to relearn_next. */
    int64_t relearn_from, relearn_until, relearn_next;
    int64_t log_time_ms, committed_log_time_ms;
    int64_t progress_wall_ms; /* wall time of the newest record taken */
    struct dedupe *dedupe;
    bool paused;
};

/* What the rows of a record need to know about it. */
struct record_facts {
    const struct bus_record *record;
    struct source *source;
    int64_t time_ms; /* log time of the record */
    bool quiet;      /* read again for its ids only */
};

struct front {
    const struct flow_options *options;
    struct outbox *outbox;
    struct member *member;
    struct pipeline *pipeline;
    struct measure *measure;
    struct span_batch *batch;
    uint8_t *include;    /* per row: 0 = duplicate or quiet */
    uint64_t *id_hashes; /* per row */
    struct digests *digests; /* NULL: traces are not tracked */
    uint32_t *sets;          /* per row, its label set; NULL likewise */
    uint64_t work_ns;    /* in work_off, ever: what is left of front_take is decoding */
    struct source *sources;
    uint32_t sources_count, sources_capacity;
    struct record_facts *record_facts; /* per record of the running front_take */
    uint32_t record_facts_capacity;
    struct json_document *json;
    struct encoding_options encodings[INPUT_TOPICS_MAX]; /* per input topic */
    struct sha256 *sha;
    struct front_counters counters;
    struct front_counters committed_counters; /* as of the last commit: what was aborted did not happen */
};

struct source *front_find_source(struct front *front, struct bus_partition partition);

/* dead_letter.c: the record as it came, with the reason in headers, inside the transaction. */
enum dead_letter_stage { STAGE_DECODE, STAGE_VERDICT };
struct dead_letter {
    enum dead_reason reason;
    const char *message;
    int64_t bad_byte;   /* -1: unknown */
    uint32_t bad_spans;
    enum dead_letter_stage stage;
};
bool dead_letter_send(struct front *front, const struct bus_record *record, const struct dead_letter *letter,
                      struct error *error);

#endif
