/* summary.c - the one exact, order-free addition everything rests on. */
#include "engine/state/summary.h"

bool summary_next(struct reader *reader, struct summary_metric *out)
{
    if (reader_left(reader) == 0)
        return false;
    out->metric = reader_u32(reader);
    out->sum = reader_zigzag(reader);
    uint64_t bins = reader_varint(reader);
    if (reader->failed || bins > LAYOUT_BINS_MAX) {
        reader->failed = true;
        return false;
    }
    out->bins = (uint32_t)bins;
    const uint8_t *start = reader->at;
    for (uint64_t i = 0; i < 2 * bins; i++)
        (void)reader_varint(reader);
    if (reader->failed)
        return false;
    out->body = bytes_of(start, (size_t)(reader->at - start));
    return true;
}

bool summary_next_bin(struct reader *body, uint32_t *previous, struct summary_bin *out)
{
    if (reader_left(body) == 0)
        return false;
    uint64_t step = reader_varint(body);
    uint64_t count = reader_varint(body);
    if (body->failed || step > LAYOUT_BINS_MAX || *previous + step >= LAYOUT_BINS_MAX) {
        body->failed = true;
        return false;
    }
    *previous += (uint32_t)step;
    out->bin = (uint16_t)*previous;
    out->count = count;
    return true;
}

void summary_put(struct buffer *out, uint32_t metric, int64_t sum, const struct summary_bin *bins, uint32_t count)
{
    buffer_put_u32(out, metric);
    buffer_put_zigzag(out, sum);
    buffer_put_varint(out, count);
    uint32_t previous = 0;
    for (uint32_t i = 0; i < count; i++) {
        buffer_put_varint(out, bins[i].bin - previous);
        buffer_put_varint(out, bins[i].count);
        previous = bins[i].bin;
    }
}

static void copy_metric(struct buffer *out, const struct summary_metric *m)
{
    buffer_put_u32(out, m->metric);
    buffer_put_zigzag(out, m->sum);
    buffer_put_varint(out, m->bins);
    buffer_append(out, m->body.data, m->body.size);
}

static bool merge_metric(const struct summary_metric *a, const struct summary_metric *b, struct buffer *out)
{
    struct summary_bin merged[LAYOUT_BINS_MAX];
    uint32_t count = 0;
    struct reader ra = reader_of(a->body), rb = reader_of(b->body);
    uint32_t pa = 0, pb = 0;
    struct summary_bin ba, bb;
    bool more_a = summary_next_bin(&ra, &pa, &ba), more_b = summary_next_bin(&rb, &pb, &bb);
    while (more_a || more_b) {
        if (count == LAYOUT_BINS_MAX)
            return false;
        if (more_a && more_b && ba.bin == bb.bin) {
            if (__builtin_add_overflow(ba.count, bb.count, &merged[count].count))
                return false;
            merged[count++].bin = ba.bin;
            more_a = summary_next_bin(&ra, &pa, &ba);
            more_b = summary_next_bin(&rb, &pb, &bb);
        } else if (more_a && (!more_b || ba.bin < bb.bin)) {
            merged[count++] = ba;
            more_a = summary_next_bin(&ra, &pa, &ba);
        } else {
            merged[count++] = bb;
            more_b = summary_next_bin(&rb, &pb, &bb);
        }
    }
    int64_t sum = 0;
    if (ra.failed || rb.failed || __builtin_add_overflow(a->sum, b->sum, &sum))
        return false;
    summary_put(out, a->metric, sum, merged, count);
    return true;
}

bool summary_add(struct bytes a, struct bytes b, struct buffer *out)
{
    buffer_clear(out);
    struct reader ra = reader_of(a), rb = reader_of(b);
    struct summary_metric ma, mb;
    bool more_a = summary_next(&ra, &ma), more_b = summary_next(&rb, &mb);
    while (more_a || more_b) {
        if (more_a && more_b && ma.metric == mb.metric) {
            if (!merge_metric(&ma, &mb, out))
                return false;
            more_a = summary_next(&ra, &ma);
            more_b = summary_next(&rb, &mb);
        } else if (more_a && (!more_b || ma.metric < mb.metric)) {
            copy_metric(out, &ma);
            more_a = summary_next(&ra, &ma);
        } else {
            copy_metric(out, &mb);
            more_b = summary_next(&rb, &mb);
        }
    }
    return !ra.failed && !rb.failed && !out->failed;
}

bool summary_valid(struct bytes summary)
{
    struct reader reader = reader_of(summary);
    struct summary_metric m;
    uint64_t last = 0;
    bool first = true;
    while (summary_next(&reader, &m)) {
        if (!first && m.metric <= last)
            return false;
        first = false;
        last = m.metric;
        struct reader body = reader_of(m.body);
        struct summary_bin bin;
        uint32_t previous = 0, before = 0, seen = 0;
        while (summary_next_bin(&body, &previous, &bin)) {
            if (bin.count == 0 || (seen > 0 && bin.bin <= before))
                return false;
            before = bin.bin;
            seen++;
        }
        if (body.failed || seen != m.bins)
            return false;
    }
    return !reader.failed;
}

bool summary_collect(struct bytes summary, uint32_t metric, uint64_t *bins, uint16_t bins_count, int64_t *sum)
{
    struct reader reader = reader_of(summary);
    struct summary_metric m;
    while (summary_next(&reader, &m)) {
        if (m.metric < metric)
            continue;
        if (m.metric > metric)
            return false;
        struct reader body = reader_of(m.body);
        struct summary_bin bin;
        uint32_t previous = 0;
        while (summary_next_bin(&body, &previous, &bin))
            if (bin.bin < bins_count)
                bins[bin.bin] += bin.count;
        if (sum != NULL)
            *sum += m.sum;
        return true;
    }
    return false;
}
