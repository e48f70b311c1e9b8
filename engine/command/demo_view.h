/*
 * demo_view.h - the watched series of the stage's shards as lines for the screen.
 */
#ifndef ENGINE_COMMAND_DEMO_VIEW_H
#define ENGINE_COMMAND_DEMO_VIEW_H

#include "engine/command/demo_stage.h"
#include "engine/demo/screen.h"

/* Sorted by name; returns how many, at most max. Only between steps. */
uint32_t demo_view_series(struct stage *stage, struct screen_series *out, uint32_t max);
struct screen_facts demo_view_facts(struct stage *stage, double seconds);

#endif
