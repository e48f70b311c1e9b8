/*
 * back_rings.c - report slots of a cell by event time: 60 minutes, 48 hours, 35 days, and exemplars.
 *
 * A slot is (absolute index mod ring); its value begins with the absolute index, so an old slot is
 * replaced when its place comes round again, and a late delta amends the slot it belongs to.
 */
#include "engine/flow/back_internal.h"

#include "engine/flow/exemplar.h"
#include "engine/state/summary.h"

void back_add_to_ring(struct back *back, const struct cell *cell, uint8_t kind, int64_t index, uint32_t ring,
                        struct bytes summary)
{
    struct store_key key = cell_key(cell, kind, (uint32_t)(index % ring));
    struct bytes stored = store_get(back->store, &key);
    struct bytes merged = summary;
    if (bytes_present(stored)) {
        struct reader reader = reader_of(stored);
        int64_t at = reader_zigzag(&reader);
        if (at > index) {
            back->counters.late_minutes += kind == KIND_DAY;
            return;
        }
        if (at == index) {
            if (!summary_add(bytes_of(reader.at, reader_left(&reader)), summary, &back->scratch[0]))
                return;
            merged = buffer_bytes(&back->scratch[0]);
        }
    }
    buffer_clear(&back->scratch[1]);
    buffer_put_zigzag(&back->scratch[1], index);
    buffer_append(&back->scratch[1], merged.data, merged.size);
    store_write(back->store, &key, buffer_bytes(&back->scratch[1]));
}

void back_add_exemplars(struct back *back, const struct cell *cell, int64_t minute, struct bytes exemplars)
{
    struct store_key key = cell_key(cell, KIND_EXEMPLARS, 0), before = cell_key(cell, KIND_EXEMPLARS, 1);
    struct bytes stored = store_get(back->store, &key);
    struct reader reader = reader_of(stored);
    int64_t hour = minute / 60, at = bytes_present(stored) ? reader_zigzag(&reader) : hour;
    if (at > hour)
        return;
    struct bytes kept = bytes_of(reader.at, reader_left(&reader));
    if (at < hour) {
        store_write(back->store, &before, stored);
        kept = bytes_of("", 0);
    }
    if (!exemplar_merge(kept, exemplars, &back->scratch[0]))
        return;
    buffer_clear(&back->scratch[1]);
    buffer_put_zigzag(&back->scratch[1], hour);
    buffer_append(&back->scratch[1], back->scratch[0].data, back->scratch[0].size);
    store_write(back->store, &key, buffer_bytes(&back->scratch[1]));
}

/* ---- reading ----------------------------------------------------------------------------------------- */

static bool collect_slot(struct back *back, const struct cell *cell, const struct metric *metric, uint8_t kind,
                         int64_t index, uint32_t ring, uint64_t *bins)
{
    struct store_key key = cell_key(cell, kind, (uint32_t)(index % ring));
    struct bytes stored = store_get(back->store, &key);
    if (!bytes_present(stored))
        return false;
    struct reader reader = reader_of(stored);
    if (reader_zigzag(&reader) != index)
        return false;
    return summary_collect(bytes_of(reader.at, reader_left(&reader)), metric->id, bins, metric->layout.bins, NULL);
}

void back_window(struct back *back, const struct cell *cell, const struct metric *metric, int64_t now_ms,
                 int64_t window_ms, uint64_t *bins)
{
    uint8_t kind = KIND_DAY;
    uint32_t ring = RING_DAYS;
    int64_t unit_ms = 86400000;
    if (window_ms <= RING_MINUTES * 60000) {
        kind = KIND_MINUTE, ring = RING_MINUTES, unit_ms = 60000;
    } else if (window_ms <= RING_HOURS * (int64_t)3600000) {
        kind = KIND_HOUR, ring = RING_HOURS, unit_ms = 3600000;
    }
    memset(bins, 0, metric->layout.bins * sizeof bins[0]);
    int64_t last = (now_ms + unit_ms - 1) / unit_ms;
    for (int64_t i = last - window_ms / unit_ms; i <= last; i++)
        if (i >= 0 && last - i < ring)
            (void)collect_slot(back, cell, metric, kind, i, ring, bins);
}

bool back_day(struct back *back, const struct cell *cell, const struct metric *metric, int64_t day, uint64_t *bins)
{
    return collect_slot(back, cell, metric, KIND_DAY, day, RING_DAYS, bins);
}

bool back_hour(struct back *back, const struct cell *cell, const struct metric *metric, int64_t hour, uint64_t *bins)
{
    return collect_slot(back, cell, metric, KIND_HOUR, hour, RING_HOURS, bins);
}
