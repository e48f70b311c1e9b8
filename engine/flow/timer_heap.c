/* timer_heap.c - a binary heap in an array. */
#include "engine/flow/timer_heap.h"

#include "engine/base/memory.h"

static bool before(const struct timer *a, const struct timer *b)
{
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms;
    int order = memcmp(a->id.bytes, b->id.bytes, CELL_ID_BYTES);
    return order != 0 ? order < 0 : a->tag < b->tag;
}

void timer_heap_free(struct timer_heap *heap)
{
    memory_free(heap->timers);
    *heap = (struct timer_heap){0};
}

void timer_heap_push(struct timer_heap *heap, struct timer timer)
{
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity ? heap->capacity * 2 : 64;
        heap->timers = memory_resize(heap->timers, heap->capacity * sizeof *heap->timers);
    }
    uint32_t at = heap->count++;
    while (at > 0 && before(&timer, &heap->timers[(at - 1) / 2])) {
        heap->timers[at] = heap->timers[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->timers[at] = timer;
}

static void sift_down(struct timer_heap *heap, struct timer last)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(&heap->timers[child + 1], &heap->timers[child]))
            child++;
        if (!before(&heap->timers[child], &last))
            break;
        heap->timers[at] = heap->timers[child];
        at = child;
    }
    heap->timers[at] = last;
}

bool timer_heap_pop_due(struct timer_heap *heap, int64_t now_ms, struct timer *out)
{
    if (heap->count == 0 || heap->timers[0].at_ms > now_ms)
        return false;
    *out = heap->timers[0];
    struct timer last = heap->timers[--heap->count];
    if (heap->count > 0)
        sift_down(heap, last);
    return true;
}
