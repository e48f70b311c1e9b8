/*
 * digest.h - what a trace's owner is told about a row: ids, role, times, results of annotators. Never content.
 *
 * A struct of fixed size that is the same in memory and on the exchange (little endian). Whatever is added
 * raises DIGEST_VERSION. Ids are the bytes as they came, read as numbers; 0: there is none.
 */
#ifndef ENGINE_OPERATOR_DIGEST_H
#define ENGINE_OPERATOR_DIGEST_H

#include <stdint.h>

#define DIGEST_VERSION 1
#define DIGEST_RESULTS 6 /* metrics that content may decide, at most */
#define DIGEST_AMOUNTS 2 /* of them with an exact sum */
#define DIGEST_ABSENT  UINT16_MAX

enum digest_kind { DIGEST_SPAN = 1, DIGEST_CONTENT = 2, DIGEST_EVALUATION = 3 };

enum digest_flag {
    DIGEST_TOKENS = 1, /* the span carries the tokens */
    DIGEST_CLIENT = 2, /* of a client library that traces itself */
    DIGEST_LEAF = 4,   /* the leaf of its call, as far as its record tells */
};

struct digest {
    uint8_t trace_id[16];
    uint64_t span_id; /* the row's own, or of the span it belongs to */
    uint64_t link;    /* span: its parent; else what tells it from others of the same span */
    uint64_t response; /* hash of the provider's id of the answer */
    int64_t event_ms;  /* end of the span, time of the event */
    int64_t log_ms;    /* log time of the record it stood in */
    uint32_t labels;   /* number of its label set, in the record's dictionary or its owner's */
    uint8_t kind, role, flags, unused;
    /* Bins in the order of the record's metrics; an evaluation's score is the first. Absent: none. */
    uint16_t results[DIGEST_RESULTS];
    uint32_t amounts[DIGEST_AMOUNTS]; /* of the metrics with a sum, in their order */
    uint32_t unused_too;
};

#define DIGEST_BYTES 88
_Static_assert(sizeof(struct digest) == DIGEST_BYTES, "no padding in a digest");

#endif
