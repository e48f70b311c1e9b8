/*
 * spans.h - one span per record, as Avro in Confluent framing or as plain JSON, with past timestamps so that
 * hours of log time take seconds; the span's id is its number.
 */
#ifndef TESTS_CONTRACT_SPANS_H
#define TESTS_CONTRACT_SPANS_H

#include "engine/bus/ports.h"

/* The writer's schema: names of its own, other types than schemas/span.avsc. `more`: with a field nobody knows. */
#define SPANS_SCHEMA(more)                                                                         \
    "{\"type\":\"record\",\"name\":\"LlmSpan\",\"namespace\":\"shop\",\"fields\":[" more           \
    "{\"name\":\"traceId\",\"type\":{\"type\":\"fixed\",\"name\":\"Id\",\"size\":16}},"            \
    "{\"name\":\"spanId\",\"type\":\"string\"},"                                                   \
    "{\"name\":\"end_time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"   \
    "{\"name\":\"operation\",\"type\":\"string\"},"                                                \
    "{\"name\":\"intent\",\"type\":[\"string\",\"null\"]},"                                        \
    "{\"name\":\"output_type\",\"type\":\"string\"},"                                              \
    "{\"name\":\"output_messages\",\"type\":\"string\"},"                                          \
    "{\"name\":\"resource\",\"type\":{\"type\":\"map\",\"values\":\"string\"}}]}"

struct spans {
    struct member *member;
    const char *topic;
    int32_t partitions;
    bool avro;
    uint32_t schema_id;
    bool tenant;    /* with the additional field */
    bool in_header; /* the id goes into a header */
    uint64_t next;  /* number of the next span */
    uint32_t prose; /* answers that were not JSON */
    int64_t now_ms; /* of the next record */
};

/* Opens a producer on the topic. */
void spans_open(struct spans *spans, struct bus *bus, const char *topic, int32_t partitions);
void spans_close(struct spans *spans);
/* That many records, step_ms apart, over all partitions (partition -1) or into one; every n-th answer (fail_every)
 * is prose where JSON was asked for, 0: none. Committed when it returns. */
void spans_send(struct spans *spans, uint32_t count, int64_t step_ms, uint32_t fail_every, int32_t partition);
/* One record of these bytes, committed. header: value of __value_schema_id, or absent. */
void spans_send_raw(struct spans *spans, int32_t partition, struct bytes value, struct bytes header);

#endif
