/*
 * demo.h - what the files of `assay demo` share: the engine's part of the options.
 */
#ifndef ENGINE_COMMAND_DEMO_H
#define ENGINE_COMMAND_DEMO_H

#include "engine/command/command.h"
#include "engine/config/rules.h"

/* The engine as the demo runs it: shipped defaults, shipped rules, the program's operators. Topics and
 * names are the stage's own. Owned together. */
struct demo_engine {
    struct config *config;
    struct rule_set *rules;
    struct flow_options flow;
};

bool demo_engine_open(struct demo_engine *engine, const struct command_operators *operators,
                      struct error *error);
void demo_engine_close(struct demo_engine *engine);

#endif
