/*
 * counters.h - what others may see of the flow: the status that a shard publishes, and its counters.
 *
 * For engine/serve, which may know no more of the flow than this.
 */
#ifndef ENGINE_FLOW_COUNTERS_H
#define ENGINE_FLOW_COUNTERS_H

#include "engine/flow/shard.h"

#endif
