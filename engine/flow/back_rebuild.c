/* back_rebuild.c - everything derived (cells, timers, clock) made again from the store. */
#include "engine/flow/back_internal.h"

#include "engine/base/check.h"

static void rebuild_entry(struct back *back, const struct store_key *key, struct bytes value)
{
    if (key->kind == KIND_METRIC) {
        struct reader reader = reader_of(value);
        (void)metric_decode(back->metrics, &reader);
    } else if (key->kind == KIND_CELL) {
        struct cell_id id;
        memcpy(id.bytes, key->id, sizeof id.bytes);
        if (back_find_cell(back, &id) == TABLE_NONE)
            (void)back_add_cell(back, &id, value);
    }
}

static void rebuild_epoch(struct back *back, const struct store_key *key, struct bytes value)
{
    struct cell_id id;
    memcpy(id.bytes, key->id, sizeof id.bytes);
    uint32_t number = back_find_cell(back, &id);
    if (number == TABLE_NONE || key->slot > EPOCH_HOUR || value.size <= sizeof(int64_t))
        return;
    int64_t end_ms = 0;
    memcpy(&end_ms, value.data, sizeof end_ms);
    back->cells[number].epoch_end_ms[key->slot] = end_ms;
    timer_heap_push(&back->timers, (struct timer){end_ms, id, key->slot});
}

void back_rebuild(struct back *back)
{
    table_clear(&back->cell_table);
    back->cells_count = back->timers.count = 0;
    back->metrics_known = 0;
    back->reported_hour = LOG_TIME_NONE;
    arena_reset(back->labels_arena);
    log_time_reset(back->clock);
    uint32_t cursor = 0;
    struct store_key key;
    struct bytes value;
    while (store_walk(back->store, &cursor, &key, &value))
        rebuild_entry(back, &key, value);
    cursor = 0;
    while (store_walk(back->store, &cursor, &key, &value))
        if (key.kind == KIND_EPOCH)
            rebuild_epoch(back, &key, value);
    struct store_key clock_key = {.kind = KIND_CLOCK};
    struct bytes clock = store_get(back->store, &clock_key);
    if (clock.size > sizeof(uint64_t)) {
        memcpy(&back->reported_hour, clock.data + clock.size - sizeof(uint64_t), sizeof(uint64_t));
        CHECK(log_time_decode(back->clock, bytes_of(clock.data, clock.size - sizeof(uint64_t))));
    }
    back_learn_metrics(back);
}
