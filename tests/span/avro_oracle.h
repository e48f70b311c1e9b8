/*
 * avro_oracle.h - Apache Avro C: what it makes of a record, as text. The one file of tests that sees
 * avro.h is avro_oracle.c.
 */
#ifndef TESTS_SPAN_AVRO_ORACLE_H
#define TESTS_SPAN_AVRO_ORACLE_H

#include "engine/base/buffer.h"

struct oracle;

/* NULL: Avro C cannot read a schema, or not resolve the two. */
struct oracle *oracle_create(struct bytes writer, struct bytes reader);
void oracle_destroy(struct oracle *oracle);
/* False: it refuses. Beware: it trusts lengths. The text is that of avro_text.h. `left`: unread bytes. */
bool oracle_decode(struct oracle *oracle, struct bytes record, struct buffer *out, size_t *left);
/* Decodes and forgets, as a bench wants it. */
bool oracle_read(struct oracle *oracle, struct bytes record);

#endif
