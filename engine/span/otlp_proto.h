/*
 * otlp_proto.h - OTLP protobuf traces into rows: our own bounds-checked walker, no message objects.
 *
 * Fields may come in any order (the Collector writes them descending, value before key). Nothing in
 * a record can make it read outside the record, recurse, or allocate.
 */
#ifndef ENGINE_SPAN_OTLP_PROTO_H
#define ENGINE_SPAN_OTLP_PROTO_H

#include "engine/span/refusal.h"
#include "engine/span/span_batch.h"

struct otlp_limits {
    uint32_t spans_per_record_max;
    uint32_t attributes_per_span_max;
    uint32_t string_bytes_max; /* longer values are cut, counted */
    uint32_t
        nesting_depth_max; /* lists and maps inside each other in one value; at most 64 are read */
};
extern const struct otlp_limits otlp_limits_default;

/* A place inside a record, so that a record may fill several batches. Zero-initialise `state`. */
struct otlp_cursor {
    struct bytes record;
    uint32_t record_number; /* goes into row_origin.record */
    const struct otlp_limits *limits;
    bool logs; /* set it after starting: its leaves are log records, see otlp_logs.h */
    struct {
        size_t resource_at, scope_at, span_at; /* next field to look at, per nesting level */
        size_t resource_end, scope_end;
        uint32_t spans;
        uint32_t
            evaluations; /* rows written of the span at span_at, when the batch was full before its end */
        bool span_written; /* its own row was */
        bool in_resource, in_scope;
        struct bytes service, environment, app, scope_name, schema_url;
        struct bytes feature;
        bool damaged;          /* a container was broken: spans may be missing */
        uint8_t scope_dialect; /* enum dialect */
        /* of the JSON walk: where it is, how many objects are open, and what stands there */
        size_t at, resource_from, scope_from;
        uint8_t open_objects;
        bool in_list, after_value, found_list;
    } state;
    /* what went wrong so far in this record; one bad span never discards the others */
    uint32_t bad_spans;
    size_t bad_offset; /* of the first bad byte */
    const char *bad_reason;
    enum refusal bad_code;
    uint32_t refused[REFUSAL_COUNT]; /* bad_spans by their codes */
    uint32_t cut_strings;
    uint32_t bad_index; /* of the first bad span: its place among the spans of the record */
    uint32_t skipped;   /* log records that are about no GenAI call, or say nothing */
};

enum decode_result {
    DECODE_MORE, /* the batch is full; call again with a fresh batch */
    DECODE_DONE, /* the record is used up; look at bad_spans */
};

void otlp_cursor_start(struct otlp_cursor *cursor, struct bytes record, uint32_t record_number,
                       const struct otlp_limits *limits);
/* Appends rows until the record ends or the batch is full. A record that cannot be walked at all
 * gives DECODE_DONE, no rows, bad_spans >= 1 and the reason. Thread: the batch's. */
enum decode_result otlp_proto_decode(struct otlp_cursor *cursor, struct span_batch *batch);

#endif
