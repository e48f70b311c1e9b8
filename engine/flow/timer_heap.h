/*
 * timer_heap.h - deadlines in log time, smallest first; equal times in the order of (id, tag), so
 * that firing order does not depend on how the heap was filled.
 */
#ifndef ENGINE_FLOW_TIMER_HEAP_H
#define ENGINE_FLOW_TIMER_HEAP_H

#include "engine/state/labels.h"

struct timer {
    int64_t at_ms;
    struct cell_id id;
    uint32_t tag;
};

struct timer_heap {
    struct timer *timers;
    uint32_t count, capacity;
};

void timer_heap_free(struct timer_heap *heap);
void timer_heap_push(struct timer_heap *heap, struct timer timer);
/* Takes the first one out when it is due at now_ms; false: none is. */
bool timer_heap_pop_due(struct timer_heap *heap, int64_t now_ms, struct timer *out);

#endif
