/*
 * setup.h - from a configuration file to what the flow and the bus need; owned together.
 */
#ifndef ENGINE_COMMAND_SETUP_H
#define ENGINE_COMMAND_SETUP_H

#include "engine/command/command.h"
#include "engine/flow/rule.h"

struct setup {
    struct config *config;
    struct rule_set *rules;
    struct flow_options flow;
    /* setup_open_schemas */
    struct schema_registry *registry;
    struct avro_input *avro_input;
    struct output_schemas *output_schemas;
};

/* Reads configuration and rules, checks operators' options. NULL with a message that says where. */
struct setup *setup_load(const struct command_arguments *arguments, const struct command_operators *operators, struct error *error);
void setup_destroy(struct setup *setup);
/* Starts the registry's client and reads the local schema, as configured, so that Avro is read: shards made from
 * here on do. patient: for tools, records wait for their schema where they are. Asks the registry nothing yet. */
bool setup_open_schemas(struct setup *setup, bool patient, struct error *error);
/* Where there is a registry: outputs' schemas are held against it and, with `enter`, registered; shards made from
 * then on write Avro. Waits for it within registry.wait. */
bool setup_settle_outputs(struct setup *setup, bool enter, struct error *error);
/* The Kafka bus of this configuration; does not wait for the cluster. */
struct bus *setup_open_kafka(const struct setup *setup, struct error *error);

#endif
