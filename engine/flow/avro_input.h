/*
 * avro_input.h - who has the schemas of incoming Avro records: from the registry by the id a record names, or
 * one local schema for records that name none. Compiled once per schema, shared by all shards.
 *
 * Looking neither waits nor does I/O, unless it was made patient (tools). What was compiled is immutable, is
 * found without a lock and lives until destroy: there are at most twice as many as the registry remembers.
 */
#ifndef ENGINE_FLOW_AVRO_INPUT_H
#define ENGINE_FLOW_AVRO_INPUT_H

#include "engine/bus/schema_registry.h"
#include "engine/span/encoding.h"

struct avro_input_options {
    struct schema_registry *registry; /* borrowed; NULL: the local schema reads everything */
    struct bytes local;               /* a writer's schema, for records that name none; absent: none */
    uint32_t schemas_max;             /* as the registry's */
    int64_t wait_ms; /* a schema that was fetched for longer is UNAVAILABLE */
    bool patient;    /* look and decode wait themselves; decode says why it refused: then one thread only */
};

struct avro_input;

/* NULL: the local schema cannot be read; the error says why. Owner frees with avro_input_destroy. */
struct avro_input *avro_input_create(const struct avro_input_options *options, struct error *error);
/* NULL is allowed. */
void avro_input_destroy(struct avro_input *input);

/* For spans; lives as long as the input. Any thread. */
const struct avro_decoder *avro_input_decoder(const struct avro_input *input);

/* For verdicts: as decoder->look, then the record as JSON with the names of schemas/verdict.avsc, appended to out.
 * False: the error says where and why. Any thread. */
enum avro_look avro_input_look_verdict(struct avro_input *input, const struct framing *framing,
                                       char reason[AVRO_REASON_BYTES]);
bool avro_input_verdict(struct avro_input *input, const struct framing *framing, struct buffer *out,
                        struct error *error);

#endif
