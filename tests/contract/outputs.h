/*
 * outputs.h - reads what the engine wrote, as it stands on the broker: every record against its schema, by our own
 * reader; and dead letters by their reason.
 */
#ifndef TESTS_CONTRACT_OUTPUTS_H
#define TESTS_CONTRACT_OUTPUTS_H

#include "engine/base/json.h"
#include "engine/bus/ports.h"
#include "engine/bus/schema_registry.h"

/* Every committed record of the topic; fails the test when one does not fit the schema in this file. registry: values
 * are Avro; NULL: JSON. Each is shown to `take` (may be NULL) as JSON. Returns how many. */
uint32_t outputs_read(struct bus *bus, const char *topic, const char *file, struct schema_registry *registry,
                      void (*take)(void *context, const struct json_value *record), void *context);
/* Dead letters with this __<app>.errors.code. */
uint32_t outputs_letters(struct bus *bus, const char *topic, const char *app, const char *code);

#endif
