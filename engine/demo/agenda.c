/* agenda.c - a binary heap of (time, order, place); items stay in their places. */
#include "engine/demo/agenda.h"

#include "engine/base/memory.h"

#include <string.h>

struct entry {
    int64_t at_ms;
    uint64_t order;
    uint32_t place;
};

struct agenda {
    uint32_t item_bytes, count, capacity;
    uint64_t added;
    struct entry *heap; /* [0, count) is the heap; the places of the rest are free */
    uint8_t *items;
};

struct agenda *agenda_create(uint32_t item_bytes)
{
    struct agenda *agenda = memory_allocate(sizeof *agenda);
    agenda->item_bytes = item_bytes;
    return agenda;
}

void agenda_destroy(struct agenda *agenda)
{
    if (agenda == NULL)
        return;
    memory_free(agenda->heap);
    memory_free(agenda->items);
    memory_free(agenda);
}

uint32_t agenda_count(const struct agenda *agenda) { return agenda->count; }

static bool before(const struct entry *a, const struct entry *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void grow(struct agenda *agenda)
{
    uint32_t old = agenda->capacity;
    agenda->capacity = old ? old * 2 : 256;
    agenda->heap = memory_resize(agenda->heap, agenda->capacity * sizeof *agenda->heap);
    agenda->items = memory_resize(agenda->items, (size_t)agenda->capacity * agenda->item_bytes);
    for (uint32_t i = old; i < agenda->capacity; i++)
        agenda->heap[i].place = i;
}

void agenda_add(struct agenda *agenda, int64_t at_ms, const void *item)
{
    if (agenda->count == agenda->capacity)
        grow(agenda);
    uint32_t i = agenda->count++;
    struct entry entry = {at_ms, agenda->added++, agenda->heap[i].place};
    memcpy(agenda->items + (size_t)entry.place * agenda->item_bytes, item, agenda->item_bytes);
    for (; i > 0 && before(&entry, &agenda->heap[(i - 1) / 2]); i = (i - 1) / 2)
        agenda->heap[i] = agenda->heap[(i - 1) / 2];
    agenda->heap[i] = entry;
}

bool agenda_take(struct agenda *agenda, int64_t now_ms, void *item, int64_t *at_ms)
{
    if (agenda->count == 0 || agenda->heap[0].at_ms > now_ms)
        return false;
    struct entry top = agenda->heap[0], last = agenda->heap[--agenda->count];
    memcpy(item, agenda->items + (size_t)top.place * agenda->item_bytes, agenda->item_bytes);
    if (at_ms != NULL)
        *at_ms = top.at_ms;
    uint32_t i = 0;
    for (uint32_t child = 1; child < agenda->count; child = 2 * i + 1) {
        if (child + 1 < agenda->count && before(&agenda->heap[child + 1], &agenda->heap[child]))
            child++;
        if (!before(&agenda->heap[child], &last))
            break;
        agenda->heap[i] = agenda->heap[child];
        i = child;
    }
    agenda->heap[i] = last;
    agenda->heap[agenda->count].place = top.place;
    return true;
}
