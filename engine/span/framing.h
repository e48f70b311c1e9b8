/*
 * framing.h - what stands around a record's value: Confluent's schema id before it or in a header, and
 * wrappings that are refused with their name. Only looks; the payload stays in the record.
 *
 * Facts: span-formats.md 5.1 (Confluent wire format, both versions); the magic numbers are those of the
 * formats' own specifications (RFC 1952, RFC 8878, LZ4 frame, framing of snappy).
 */
#ifndef ENGINE_SPAN_FRAMING_H
#define ENGINE_SPAN_FRAMING_H

#include "engine/base/bytes.h"

#define FRAMING_HEADER     "__value_schema_id" /* the record header that may hold the id */
#define FRAMING_ID_BYTES   ((size_t)5)
#define FRAMING_GUID_BYTES ((size_t)16)

enum framing_kind {
    FRAMING_NONE,
    FRAMING_ID,          /* magic 0 and a 4-byte id of the registry */
    FRAMING_GUID,        /* magic 1 and 16 bytes */
    FRAMING_FINGERPRINT, /* Avro single-object encoding: c3 01 and CRC-64-AVRO of the schema */
};

struct framing {
    enum framing_kind kind;
    uint32_t id;
    struct bytes guid;
    uint64_t fingerprint;
    bool in_header;
    bool indexed; /* in_header, and message indexes behind the id there: the payload is protobuf */
    struct bytes payload;
};

/* header: the value of FRAMING_HEADER, absent when the record has none; it wins over the prefix. False
 * with a reason for people when the framing is broken, or of a kind that is not read. */
bool framing_read(struct bytes value, struct bytes header, struct framing *out,
                  const char **reason);
/* The message indexes that Confluent's protobuf serializer puts before the payload, passed over; false
 * when there are none. */
bool framing_pass_indexes(struct bytes *payload);
/* Why a value that is compressed by itself is refused, with the name of the method; NULL: it does not
 * look compressed. */
const char *framing_compressed(struct bytes value);

#endif
