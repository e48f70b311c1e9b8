/* records.h - invented rows and alerts, as the front and the back have them when they write; seeded. */
#ifndef TESTS_SCHEMAS_RECORDS_H
#define TESTS_SCHEMAS_RECORDS_H

#include "engine/flow/request.h"
#include "engine/flow/watch.h"

struct records {
    uint64_t random;
    struct span_batch *batch; /* one row */
    struct watch watch;
    struct rule rule;
    struct metric metric;
    struct labels labels;
    struct verdict sure, big;
    struct alert alert;
    char texts[16][80];
};

/* Owner frees with records_close. */
void records_open(struct records *records, uint64_t seed);
void records_close(struct records *records);
/* Each appends one record's JSON as the engine writes it. */
void records_request(struct records *records, struct buffer *out);
void records_score(struct records *records, struct buffer *out);
void records_alert(struct records *records, struct buffer *out);

#endif
