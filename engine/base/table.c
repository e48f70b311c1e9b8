/* table.c - growth, insertion and deletion of table.h. */
#include "engine/base/table.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

void table_free(struct table *table)
{
    memory_free(table->slots);
    *table = (struct table){0};
}

void table_clear(struct table *table)
{
    for (uint32_t i = 0; i < table->capacity; i++)
        table->slots[i].number = TABLE_NONE;
    table->count = 0;
}

static void place(struct table *table, uint64_t hash, uint32_t number)
{
    uint32_t mask = table->capacity - 1;
    uint32_t i = (uint32_t)hash & mask;
    while (table->slots[i].number != TABLE_NONE)
        i = (i + 1) & mask;
    table->slots[i].hash = hash;
    table->slots[i].number = number;
}

static void grow(struct table *table)
{
    struct table old = *table;
    CHECK(old.capacity <= UINT32_MAX / 4);
    table->capacity = old.capacity ? old.capacity * 2 : 64;
    table->slots = memory_allocate_array(table->capacity, sizeof *table->slots);
    for (uint32_t i = 0; i < table->capacity; i++)
        table->slots[i].number = TABLE_NONE;
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.slots[i].number != TABLE_NONE)
            place(table, old.slots[i].hash, old.slots[i].number);
    memory_free(old.slots);
}

void table_insert(struct table *table, uint64_t hash, uint32_t number)
{
    CHECK(number != TABLE_NONE);
    if (table->count >= table->capacity / 8 * 5)
        grow(table);
    place(table, hash, number);
    table->count++;
}

static uint32_t find(const struct table *table, uint64_t hash, uint32_t number)
{
    uint32_t cursor = 0;
    uint32_t found = table_first(table, hash, &cursor);
    while (found != number) {
        CHECK(found != TABLE_NONE);
        found = table_next(table, hash, &cursor);
    }
    return cursor;
}

void table_remove(struct table *table, uint64_t hash, uint32_t number)
{
    uint32_t mask = table->capacity - 1;
    uint32_t hole = find(table, hash, number);
    table->count--;
    for (uint32_t i = (hole + 1) & mask; table->slots[i].number != TABLE_NONE; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)table->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole].number = TABLE_NONE;
}

void table_renumber(struct table *table, uint64_t hash, uint32_t old_number, uint32_t new_number)
{
    table->slots[find(table, hash, old_number)].number = new_number;
}
