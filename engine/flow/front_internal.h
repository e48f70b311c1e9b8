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
    /* Its next record waits for this schema (front_hold.c); held_new: the member was not told yet. */
    bool held, held_new, held_verdict;
    struct framing held_framing;
    uint8_t held_guid[FRAMING_GUID_BYTES];
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
    uint32_t rows_allocated; /* of both */
    struct digests *digests; /* NULL: traces are not tracked */
    uint32_t *sets;          /* per row, its label set; NULL likewise */
    uint64_t work_ns;    /* in work_off, ever: what is left of front_take is decoding */
    struct source *sources;
    uint32_t sources_count, sources_capacity;
    struct record_facts *record_facts; /* per record of the running front_take */
    uint32_t record_facts_capacity;
    struct json_document *json;
    struct buffer verdict_json; /* of a verdict that came as Avro */
    struct encoding_options encodings[INPUT_TOPICS_MAX]; /* per input topic */
    struct sha256 *sha;
    struct front_counters counters;
    struct front_counters committed_counters; /* as of the last commit: what was aborted did not happen */
};

struct source *front_find_source(struct front *front, struct bus_partition partition);

/* dead_letter.c: the record as it came, with the reason in headers, inside the transaction. */
enum dead_letter_stage { STAGE_DECODE, STAGE_VERDICT };
struct dead_letter {
    uint32_t reason; /* enum refusal or enum dead_reason */
    const char *message;
    int64_t bad_byte;   /* -1: unknown */
    uint32_t bad_spans;
    enum dead_letter_stage stage;
};
/* Counts and sends; nothing for what is only read again. */
bool front_bury(struct front *front, const struct record_facts *facts, const struct dead_letter *letter,
                struct error *error);

/* front_records.c */
bool front_work_off(struct front *front, const struct rates *rates, int64_t wall_ms, struct error *error);
/* Log time of a record: its timestamp, or (plain files) the latest end of its rows from first_row on. */
void front_settle_time(struct front *front, struct record_facts *facts, uint32_t first_row, int64_t wall_ms);
/* The record's header that may name the schema of its value; absent when there is none. */
struct bytes front_schema_header(struct front *front, const struct bus_record *record);

/* front_hold.c: from this record on the source waits for its schema. */
void front_hold(struct front *front, struct source *source, const struct framing *framing, bool verdict);
/* Why a record whose schema is not at hand goes to the DLQ. */
enum dead_reason front_schema_reason(enum avro_look look);

/* front_verdict.c: false: fatal. The source may be held after it. */
bool front_take_verdict(struct front *front, uint32_t number, const struct rates *rates, int64_t wall_ms,
                        struct error *error);

#endif
