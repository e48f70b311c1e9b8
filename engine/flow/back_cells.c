/*
 * back_cells.c - the cells of a partition: found by id, matched to rules once, bounded in number.
 *
 * What has no room is folded into one cell "other" per partition, which no rule watches: counted,
 * never dropped.
 */
#include "engine/flow/back_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"

#include <stdio.h>

struct store_key cell_key(const struct cell *cell, uint8_t kind, uint32_t slot)
{
    struct store_key key = {.kind = kind, .slot = slot};
    memcpy(key.id, cell->id.bytes, sizeof key.id);
    return key;
}

/* ---- cells ------------------------------------------------------------------------------------------- */

static bool level_matches(const struct rule_level *level, const struct labels *labels)
{
    if (level->labels_count != labels->count)
        return false;
    for (uint32_t i = 0; i < level->labels_count; i++) {
        struct bytes value = labels_get(labels, level->labels[i].name);
        if (!bytes_present(value))
            return false;
        if (strcmp(level->labels[i].value, "*") != 0 && !bytes_equal_text(value, level->labels[i].value))
            return false;
    }
    return true;
}

static bool rule_matches(const struct rule *rule, const struct labels *labels)
{
    for (uint32_t i = 0; i < rule->levels_count; i++)
        if (level_matches(&rule->levels[i], labels))
            return true;
    return false;
}

uint32_t back_find_cell(const struct back *back, const struct cell_id *id)
{
    uint64_t hash = bytes_load64(id->bytes);
    uint32_t cursor = 0;
    uint32_t n = table_first(&back->cell_table, hash, &cursor);
    while (n != TABLE_NONE && memcmp(back->cells[n].id.bytes, id->bytes, CELL_ID_BYTES) != 0)
        n = table_next(&back->cell_table, hash, &cursor);
    return n;
}

uint32_t back_add_cell(struct back *back, const struct cell_id *id, struct bytes labels)
{
    if (back->cells_count == back->cells_capacity) {
        back->cells_capacity = back->cells_capacity ? back->cells_capacity * 2 : 64;
        back->cells = memory_resize(back->cells, back->cells_capacity * sizeof *back->cells);
    }
    struct cell *cell = &back->cells[back->cells_count];
    *cell = (struct cell){.id = *id, .labels = arena_copy(back->labels_arena, labels)};
    CHECK(bytes_present(cell->labels));
    struct labels decoded;
    if (labels_decode(cell->labels, &decoded))
        for (uint32_t r = 0; r < back->rules->count; r++)
            if (rule_matches(&back->rules->rules[r], &decoded))
                cell->rules |= (uint64_t)1 << r;
    table_insert(&back->cell_table, bytes_load64(id->bytes), back->cells_count);
    return back->cells_count++;
}

/* The cell that takes what has no room: one per partition, watched by no rule. */
static uint32_t other_cell(struct back *back)
{
    struct labels labels = {0};
    char number[16];
    int size = snprintf(number, sizeof number, "%u", back->partition);
    labels_add(&labels, BYTES_LITERAL("other"), bytes_of(number, (size_t)size));
    buffer_clear(&back->scratch[0]);
    labels_encode(&labels, &back->scratch[0]);
    struct bytes encoded = buffer_bytes(&back->scratch[0]);
    struct cell_id id = cell_id_of(encoded, back->sha);
    uint32_t n = back_find_cell(back, &id);
    if (n == TABLE_NONE) {
        n = back_add_cell(back, &id, encoded);
        struct store_key key = cell_key(&back->cells[n], KIND_CELL, 0);
        store_write(back->store, &key, back->cells[n].labels);
    }
    return n;
}

uint32_t back_intern_cell(struct back *back, const struct cell_delta *delta)
{
    uint32_t n = back_find_cell(back, &delta->id);
    if (n != TABLE_NONE)
        return n;
    if (back->cells_count < back->options.cells_max) {
        n = back_add_cell(back, &delta->id, delta->labels);
        struct store_key key = cell_key(&back->cells[n], KIND_CELL, 0);
        if (store_put(back->store, &key, delta->labels))
            return n;
        back->cells_count--;
        table_remove(&back->cell_table, bytes_load64(delta->id.bytes), n);
    }
    back->counters.cells_refused++;
    return other_cell(back);
}
