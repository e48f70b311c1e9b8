/* file_order.c - from the order of the files to that of replay: dating, sorting, no repetitions. */
#include "engine/bus/file_index.h"

#include "engine/base/memory.h"

#include <stdlib.h>

static bool is_plain(const struct file_index *index, const struct file_entry *entry)
{
    return index->inputs[entry->file].kind != FILE_RECORDS;
}

/* Entries are still in the order of the command line. */
static void date_by_neighbours(struct file_index *index)
{
    int64_t before = -1;
    for (uint64_t i = 0; i < index->count && before < 0; i++)
        if (is_plain(index, &index->entries[i]))
            before = index->entries[i].timestamp_ms;
    for (uint64_t i = 0; i < index->count; i++) {
        struct file_entry *entry = &index->entries[i];
        if (!is_plain(index, entry))
            continue;
        if (entry->timestamp_ms < 0)
            entry->timestamp_ms = before;
        before = entry->timestamp_ms;
    }
}

static int compare(int64_t a, int64_t b) { return a < b ? -1 : a > b; }

struct ranked {
    struct file_stream stream;
    uint32_t number;
};

static int by_name(const void *left, const void *right)
{
    const struct ranked *a = left;
    const struct ranked *b = right;
    int order = strcmp(a->stream.topic, b->stream.topic);
    return order != 0 ? order : compare(a->stream.partition, b->stream.partition);
}

/* Renumbers streams by (topic, partition), so that entries sort by number. */
static void rank_streams(struct file_index *index)
{
    struct ranked *ranked = memory_allocate_array(index->streams_count, sizeof *ranked);
    uint32_t *rank = memory_allocate_array(index->streams_count, sizeof *rank);
    for (uint32_t i = 0; i < index->streams_count; i++)
        ranked[i] = (struct ranked){index->streams[i], i};
    qsort(ranked, index->streams_count, sizeof *ranked, by_name);
    for (uint32_t i = 0; i < index->streams_count; i++) {
        index->streams[i] = ranked[i].stream;
        rank[ranked[i].number] = i;
    }
    for (uint64_t i = 0; i < index->count; i++)
        index->entries[i].stream = rank[index->entries[i].stream];
    memory_free(ranked);
    memory_free(rank);
}

/* The last two make the order total, whatever the sort does. */
static int by_order(const void *left, const void *right)
{
    const struct file_entry *a = left;
    const struct file_entry *b = right;
    int order = compare(a->timestamp_ms, b->timestamp_ms);
    if (order == 0)
        order = compare(a->stream, b->stream);
    if (order == 0)
        order = compare(a->offset, b->offset);
    if (order == 0)
        order = compare(a->file, b->file);
    if (order == 0)
        order = compare((int64_t)a->at, (int64_t)b->at);
    return order;
}

static void sort_entries(struct file_index *index)
{
    bool sorted = true;
    for (uint64_t i = 1; sorted && i < index->count; i++)
        sorted = by_order(&index->entries[i - 1], &index->entries[i]) <= 0;
    if (!sorted)
        qsort(index->entries, index->count, sizeof *index->entries, by_order);
}

static void place_of(const struct file_index *index, const struct file_entry *entry, char *out,
                     size_t size)
{
    const struct file_input *input = &index->inputs[entry->file];
    file_cut_place(input->path, input->kind, entry->at, entry->line, out, size);
}

static bool tell_apart(const struct file_index *index, const struct file_entry *entry,
                       const struct file_entry *other, struct error *error)
{
    char here[300];
    char there[300];
    const struct file_stream *stream = &index->streams[entry->stream];
    place_of(index, entry, here, sizeof here);
    place_of(index, other, there, sizeof there);
    return error_set(error, ERROR_INPUT,
                     "%s: differs from %s, but both are %s/%d offset %lld: give recordings of one "
                     "cluster only",
                     here, there, stream->topic, (int)stream->partition, (long long)entry->offset);
}

/* Leaves out records that were there before; tells of two that claim one place. */
static bool drop_repeated(struct file_index *index, struct error *error)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; i < index->count; i++) {
        const struct file_entry *entry = &index->entries[i];
        const struct file_entry *last = kept > 0 ? &index->entries[kept - 1] : NULL;
        bool same_place = last != NULL && last->timestamp_ms == entry->timestamp_ms &&
                          last->stream == entry->stream && last->offset == entry->offset &&
                          !is_plain(index, last) && !is_plain(index, entry);
        if (!same_place) {
            index->entries[kept++] = *entry;
            continue;
        }
        if (last->crc != entry->crc || last->size != entry->size)
            return tell_apart(index, entry, last, error);
        index->totals.repeated++;
    }
    index->count = kept;
    return true;
}

/* Offsets ascend in a log: a record behind a younger one takes the next free place. */
static void settle(struct file_index *index)
{
    int64_t *next = memory_allocate_array(index->streams_count, sizeof *next);
    index->totals.first_ms = index->totals.last_ms = -1;
    for (uint64_t i = 0; i < index->count; i++) {
        struct file_entry *entry = &index->entries[i];
        if (entry->offset < next[entry->stream])
            entry->offset = next[entry->stream];
        next[entry->stream] = entry->offset + 1;
        index->totals.bytes += entry->size;
        if (index->totals.first_ms < 0)
            index->totals.first_ms = entry->timestamp_ms;
        if (entry->timestamp_ms >= 0)
            index->totals.last_ms = entry->timestamp_ms;
    }
    index->totals.records = index->count;
    memory_free(next);
}

bool file_index_sort(struct file_index *index, struct error *error)
{
    date_by_neighbours(index);
    rank_streams(index);
    sort_entries(index);
    if (!drop_repeated(index, error))
        return false;
    settle(index);
    return true;
}
