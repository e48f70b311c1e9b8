/*
 * outbox.h - what one transaction writes: records produced at once, messages to entities gathered
 * for the exchange. Everything is copied into the transaction's arena and dropped at its end.
 *
 * One per shard. The transaction begins with the first thing put here.
 */
#ifndef ENGINE_FLOW_OUTBOX_H
#define ENGINE_FLOW_OUTBOX_H

#include "engine/flow/exchange.h"
#include "engine/flow/output_schemas.h"

struct outbox;

/* partitions: of the exchange topics. The member is borrowed; the arena grows to limit_bytes. */
struct outbox *outbox_create(struct member *member, uint32_t partitions, size_t limit_bytes);
void outbox_destroy(struct outbox *outbox);

/* Produces a copy. False (with *error) only when the record can never be written. */
bool outbox_send(struct outbox *outbox, const struct bus_output *output, struct error *error);
/* The same for a record of this schema, whose value is JSON: written as it is, or as Avro when schemas were
 * given. One that its schema does not allow is counted, and not written. */
bool outbox_send_record(struct outbox *outbox, enum schema_name name, const struct bus_output *output, struct error *error);
/* From here on records are Avro; NULL: JSON. Borrowed. */
void outbox_use_schemas(struct outbox *outbox, const struct output_schemas *schemas);
/* Records that were not written because their schema does not allow them, ever. */
uint64_t outbox_refused(const struct outbox *outbox);
/* To be delivered through the digests exchange with the next commit. */
void outbox_message(struct outbox *outbox, uint8_t kind, struct bytes name, struct bytes payload);
/* Body of all messages for one digests partition; empty when there are none. */
struct bytes outbox_messages(const struct outbox *outbox, uint32_t partition);
bool outbox_begun(const struct outbox *outbox);
/* Begins the transaction when that has not happened yet. */
bool outbox_begin(struct outbox *outbox, struct error *error);
/* Room for building a record; cleared by the caller. */
struct buffer *outbox_scratch(struct outbox *outbox);
/* After commit or abort. */
void outbox_reset(struct outbox *outbox);
/* Memory that the running transaction holds. */
size_t outbox_used_bytes(const struct outbox *outbox);

#endif
