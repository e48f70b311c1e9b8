/* file_source.c - handing out the records of the index, one by one. */
#include "engine/bus/file_source.h"

#include "engine/base/memory.h"
#include "engine/bus/embedded_log.h"
#include "engine/bus/file_index.h"
#include "engine/bus/file_pool.h"

#define RECORD_BYTES_DEFAULT ((size_t)64 << 20)
#define RECORD_BYTES_MAX     ((size_t)1 << 30)
#define RECORDS_DEFAULT      ((uint64_t)32 << 20)

struct file_source {
    struct file_index index;
    struct file_pool pool;
    uint64_t next; /* entry to hand out */
    uint64_t bytes_done;
    struct bus_header headers[BUS_HEADERS_MAX];
};

struct file_source *file_source_open(const char *const *paths, uint32_t count,
                                     const struct file_source_options *options, struct error *error)
{
    struct error unseen = {0};
    struct file_source *source = memory_allocate(sizeof *source);
    struct file_source_options *chosen = &source->index.options;
    if (options != NULL)
        *chosen = *options;
    if (chosen->record_bytes_max == 0)
        chosen->record_bytes_max = RECORD_BYTES_DEFAULT;
    if (chosen->record_bytes_max > RECORD_BYTES_MAX)
        chosen->record_bytes_max = RECORD_BYTES_MAX;
    if (chosen->records_max == 0)
        chosen->records_max = RECORDS_DEFAULT;
    file_pool_init(&source->pool);
    if (file_index_build(&source->index, paths, count, error ? error : &unseen))
        return source;
    file_source_close(source);
    return NULL;
}

void file_source_close(struct file_source *source)
{
    file_pool_free(&source->pool);
    file_index_free(&source->index);
    memory_free(source);
}

struct file_totals file_source_totals(const struct file_source *source)
{
    return source->index.totals;
}

const char *file_source_topic(const struct file_source *source, uint32_t i, int32_t *partitions)
{
    const struct file_index *index = &source->index;
    uint32_t topics = 0;
    for (uint32_t k = 0; k < index->streams_count; k++) {
        const char *topic = index->streams[k].topic;
        bool last =
            k + 1 == index->streams_count || strcmp(topic, index->streams[k + 1].topic) != 0;
        if (!last || topics++ < i) /* sorted: the last of a topic has its largest partition */
            continue;
        *partitions = index->streams[k].partition + 1;
        return topic;
    }
    return NULL;
}

bool file_source_peek(const struct file_source *source, int64_t *timestamp_ms)
{
    if (source->next == source->index.count)
        return false;
    *timestamp_ms = source->index.entries[source->next].timestamp_ms;
    return true;
}

/* ---- reading again ----------------------------------------------------------------------------------- */

static bool changed(const struct file_input *input, const struct file_entry *entry,
                    struct error *error)
{
    char place[300];
    file_cut_place(input->path, input->kind, entry->at, entry->line, place, sizeof place);
    return error_set(error, ERROR_INPUT,
                     "%s: has changed since the first pass: replay files that stay as they are",
                     place);
}

static bool decode_frame(struct file_source *source, const struct file_entry *entry,
                         struct bytes frame, struct file_record *out)
{
    uint32_t crc = 0;
    struct bytes topic;
    if (!file_records_check_frame(&source->index.crc, frame))
        return false;
    memcpy(&crc, frame.data + 4, sizeof crc);
    struct bytes body =
        bytes_of(frame.data + FILE_RECORDS_FRAME_BYTES, frame.size - FILE_RECORDS_FRAME_BYTES);
    return crc == entry->crc && file_records_decode(body, out, &topic, source->headers);
}

static bool read_entry(struct file_source *source, const struct file_entry *entry,
                       struct file_record *out, struct error *error)
{
    const struct file_index *index = &source->index;
    const struct file_input *input = &index->inputs[entry->file];
    const struct file_stream *stream = &index->streams[entry->stream];
    struct bytes piece;
    if (!file_pool_read(&source->pool, entry->file, input->path, input->kept_fd, entry->at,
                        entry->size, &piece, error))
        return false;
    *out = (struct file_record){.value = piece};
    bool same = input->kind == FILE_RECORDS ? decode_frame(source, entry, piece, out)
                                            : file_crc32c_of(&index->crc, 0, piece) == entry->crc;
    if (!same)
        return changed(input, entry, error);
    out->topic = stream->topic[0] ? stream->topic : NULL;
    out->partition = stream->partition;
    out->offset = entry->offset;
    out->timestamp_ms = entry->timestamp_ms;
    return true;
}

enum file_event file_source_next(struct file_source *source, struct file_record *out,
                                 struct error *error)
{
    if (source->next == source->index.count)
        return FILE_END;
    const struct file_entry *entry = &source->index.entries[source->next];
    if (!read_entry(source, entry, out, error))
        return FILE_FAILED;
    source->next++;
    source->bytes_done += entry->size;
    return FILE_RECORD;
}

/* ---- places -------------------------------------------------------------------------------------------- */

static void place_of(const struct file_source *source, const struct file_entry *entry, char *out,
                     size_t size)
{
    const struct file_input *input = &source->index.inputs[entry->file];
    file_cut_place(input->path, input->kind, entry->at, entry->line, out, size);
}

void file_source_place(const struct file_source *source, char *out, size_t size)
{
    out[0] = 0;
    if (source->next > 0)
        place_of(source, &source->index.entries[source->next - 1], out, size);
}

bool file_source_find(const struct file_source *source, const char *topic, int32_t partition,
                      int64_t offset, char *out, size_t size)
{
    const struct file_index *index = &source->index;
    for (uint64_t i = 0; i < index->count; i++) {
        const struct file_entry *entry = &index->entries[i];
        const struct file_stream *stream = &index->streams[entry->stream];
        if (entry->offset != offset || stream->partition != partition ||
            strcmp(stream->topic, topic ? topic : "") != 0)
            continue;
        place_of(source, entry, out, size);
        return true;
    }
    return false;
}

/* ---- feeding --------------------------------------------------------------------------------------------- */

bool file_source_feed(struct file_source *source, struct bus *bus, const char *topic,
                      uint32_t records_max, uint32_t *fed, struct error *error)
{
    for (*fed = 0; *fed < records_max; ++*fed) {
        struct file_record record;
        enum file_event event = file_source_next(source, &record, error);
        if (event != FILE_RECORD)
            return event == FILE_END;
        struct bus_output output = {.topic = record.topic ? record.topic : topic,
                                    .partition = record.partition,
                                    .timestamp_ms = record.timestamp_ms,
                                    .key = record.key,
                                    .value = record.value,
                                    .headers = record.headers,
                                    .headers_count = record.headers_count};
        if (!embedded_log_append_at(bus, &output, record.offset, error)) {
            char place[300];
            file_source_place(source, place, sizeof place);
            return error_prefix(error, "%s", place);
        }
    }
    return true;
}

struct file_progress file_source_progress(const struct file_source *source)
{
    return (struct file_progress){.records_done = source->next,
                                  .records_total = source->index.totals.records,
                                  .bytes_done = source->bytes_done,
                                  .bytes_total = source->index.totals.bytes};
}
