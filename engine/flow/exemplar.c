/* exemplar.c - merging of sorted, bounded lists of trace ids. */
#include "engine/flow/exemplar.h"

void exemplar_put(struct buffer *out, const struct exemplar *exemplar)
{
    buffer_put_u32(out, exemplar->metric);
    buffer_put_u8(out, exemplar->side);
    buffer_put_u64(out, exemplar->order);
    buffer_append(out, exemplar->trace_id, sizeof exemplar->trace_id);
}

static bool next(struct reader *reader, struct exemplar *out)
{
    if (reader_left(reader) == 0)
        return false;
    out->metric = reader_u32(reader);
    out->side = reader_u8(reader);
    out->order = reader_u64(reader);
    struct bytes id = reader_take(reader, sizeof out->trace_id);
    if (reader->failed)
        return false;
    memcpy(out->trace_id, id.data, sizeof out->trace_id);
    return true;
}

static int compare(const struct exemplar *a, const struct exemplar *b)
{
    if (a->metric != b->metric)
        return a->metric < b->metric ? -1 : 1;
    if (a->side != b->side)
        return a->side < b->side ? -1 : 1;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return memcmp(a->trace_id, b->trace_id, sizeof a->trace_id);
}

bool exemplar_merge(struct bytes a, struct bytes b, struct buffer *out)
{
    buffer_clear(out);
    struct reader ra = reader_of(a), rb = reader_of(b);
    struct exemplar ea, eb, last = {0};
    bool more_a = next(&ra, &ea), more_b = next(&rb, &eb);
    uint32_t kept = 0;
    bool any = false;
    while (more_a || more_b) {
        int order = !more_b ? -1 : !more_a ? 1 : compare(&ea, &eb);
        struct exemplar taken = order <= 0 ? ea : eb;
        if (order <= 0)
            more_a = next(&ra, &ea);
        if (order >= 0)
            more_b = next(&rb, &eb);
        kept = any && taken.metric == last.metric && taken.side == last.side ? kept + 1 : 1;
        any = true;
        last = taken;
        if (kept <= EXEMPLARS_KEPT)
            exemplar_put(out, &taken);
    }
    return !ra.failed && !rb.failed && !out->failed;
}

uint32_t exemplar_collect(struct bytes all, uint32_t metric, uint8_t side, uint8_t out[][16], uint32_t max)
{
    struct reader reader = reader_of(all);
    struct exemplar e;
    uint32_t count = 0;
    while (count < max && next(&reader, &e))
        if (e.metric == metric && e.side == side)
            memcpy(out[count++], e.trace_id, sizeof e.trace_id);
    return count;
}
