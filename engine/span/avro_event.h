/*
 * avro_event.h - a record as a sequence of events: every value of the reader's schema in the order it
 * is met. For tools and tests; rows have a target of their own (avro_span.h).
 */
#ifndef ENGINE_SPAN_AVRO_EVENT_H
#define ENGINE_SPAN_AVRO_EVENT_H

#include "engine/span/avro_program.h"

enum avro_event_kind {
    AVRO_EVENT_VALUE, /* type says which member counts */
    AVRO_EVENT_KEY,   /* of the map's next value: bytes */
    AVRO_EVENT_ITEM,  /* the next value is one of the array */
    AVRO_EVENT_MARK   /* mark and index; only of programs compiled with marks */
};

struct avro_event {
    enum avro_event_kind kind;
    enum avro_type type;
    enum avro_mark mark;
    uint32_t index;
    int64_t integer; /* BOOLEAN, INT, LONG; ENUM: number of the reader's symbol */
    double real;
    struct bytes bytes; /* borrowed from the record or the program; ENUM: the symbol */
};

/* Calls `take` for each event. False: fault says where and why; events before it have been given. */
bool avro_events(const struct avro_program *program, struct bytes record,
                 const struct avro_limits *limits,
                 void (*take)(void *context, const struct avro_event *event), void *context,
                 struct avro_fault *fault);

#endif
