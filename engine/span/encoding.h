/*
 * encoding.h - the one way from a record's value to rows: which encoding it is (what the topic's option
 * says, else by looking), what is around it, and the decoder for it.
 *
 * Rows of log records (otlp_logs.h) come from OTLP only. `auto` looks at the framing, then at the first bytes; it never guesses twice: what is recognised and
 * cannot be read is refused with a reason that names the option.
 */
#ifndef ENGINE_SPAN_ENCODING_H
#define ENGINE_SPAN_ENCODING_H

#include "engine/span/framing.h"
#include "engine/span/otlp_proto.h"

enum encoding {
    ENCODING_AUTO,
    ENCODING_OTLP_PROTO,
    ENCODING_OTLP_JSON,
    ENCODING_JSON, /* json_span.h */
    ENCODING_AVRO,
    ENCODING_COUNT
};
/* "auto", "otlp_proto", …; NULL at the end. In the order of the enum. */
extern const char *const encoding_names[ENCODING_COUNT + 1];

/* Whether a record's schema is at hand. */
enum avro_look {
    AVRO_LOOK_READY,
    AVRO_LOOK_WAIT,        /* it is being fetched: hold the record back, and look again */
    AVRO_LOOK_UNKNOWN,     /* there is none */
    AVRO_LOOK_UNFIT,       /* there is one, and it cannot be read with */
    AVRO_LOOK_UNAVAILABLE, /* it was waited for long enough */
};
#define AVRO_REASON_BYTES 320

/* Avro needs schemas, which come from outside this layer: who has them fills this. */
struct avro_decoder {
    void *context;
    /* As otlp_proto_decode, on cursor->record; framing says which schema, if it says anything. */
    enum decode_result (*decode)(void *context, const struct framing *framing,
                                 struct otlp_cursor *cursor, struct span_batch *batch);
    /* Asked before decoding, by who can hold a record back; what is not READY has a reason for people. NULL:
     * always READY. Decoding what is not READY is refused with a reason, too. */
    enum avro_look (*look)(void *context, const struct framing *framing,
                           char reason[AVRO_REASON_BYTES]);
};

/* What a topic holds. ANY: whatever the record shows, for tools that read both. */
enum signal_kind { SIGNAL_SPANS, SIGNAL_LOGS, SIGNAL_ANY };

struct encoding_options {
    enum encoding encoding;
    enum signal_kind signal;
    const struct otlp_limits *limits;
    const struct avro_decoder *avro; /* NULL: Avro is refused */
};

/* A record on its way into rows. Borrows the value and the options. */
struct encoded_record {
    struct otlp_cursor cursor; /* bad_offset counts from the start of the value */
    struct framing framing;
    const struct encoding_options *options;
    enum encoding encoding; /* AUTO: refused, nothing to decode */
    size_t framing_bytes;   /* of the value, before what is decoded */
};

/* header: the value of the record's FRAMING_HEADER, or absent. */
void encoding_start(struct encoded_record *record, struct bytes value, struct bytes header,
                    uint32_t record_number, const struct encoding_options *options);
/* READY unless the record is Avro and its schema is not at hand: see avro_decoder. */
enum avro_look encoding_look(const struct encoded_record *record, char reason[AVRO_REASON_BYTES]);
/* The record's rows behind those that are there, in a batch that grows for it; roles are settled.
 * DECODE_MORE comes for huge records only (thousands of spans): work the batch off, and call again. What
 * went wrong stands in record->cursor. */
enum decode_result encoding_decode(struct encoded_record *record, struct span_batch *batch);

/* True when the topic's option makes it worth to look for FRAMING_HEADER. */
static inline bool encoding_wants_header(enum encoding encoding)
{
    return encoding == ENCODING_AUTO || encoding == ENCODING_AVRO;
}

#endif
