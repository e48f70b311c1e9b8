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
};

/* Reads configuration and rules, checks operators' options. NULL with a message that says where. */
struct setup *setup_load(const struct command_arguments *arguments, const struct command_operators *operators, struct error *error);
void setup_destroy(struct setup *setup);
/* The Kafka bus of this configuration; does not wait for the cluster. */
struct bus *setup_open_kafka(const struct setup *setup, struct error *error);

#endif
