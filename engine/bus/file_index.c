/* file_index.c - the first pass: every piece of every file becomes an entry. */
#define _POSIX_C_SOURCE 200809L
#include "engine/bus/file_index.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define COPY_BLOCK_BYTES ((size_t)64 * 1024)

/* ---- streams -------------------------------------------------------------------------------------- */

static uint32_t stream_number(struct file_index *index, struct bytes topic, int32_t partition,
                              const char *kept_name)
{
    uint64_t hash = hash_bytes(topic, (uint64_t)partition);
    uint32_t cursor = 0;
    uint32_t number = table_first(&index->streams_table, hash, &cursor);
    for (; number != TABLE_NONE; number = table_next(&index->streams_table, hash, &cursor))
        if (index->streams[number].partition == partition &&
            bytes_equal_text(topic, index->streams[number].topic))
            return number;
    if (kept_name == NULL) {
        char *name = memory_allocate(topic.size + 1);
        memcpy(name, topic.data, topic.size);
        index->names = memory_resize(index->names, (index->names_count + 1) * sizeof(char *));
        index->names[index->names_count++] = name;
        kept_name = name;
    }
    index->streams =
        memory_resize(index->streams, (index->streams_count + 1) * sizeof *index->streams);
    index->streams[index->streams_count] = (struct file_stream){kept_name, partition};
    table_insert(&index->streams_table, hash, index->streams_count);
    return index->streams_count++;
}

/* ---- the first pass ---------------------------------------------------------------------------------- */

static bool add_entry(struct file_index *index, const struct file_entry *entry, struct error *error)
{
    if (index->count >= index->options.records_max)
        return error_set(error, ERROR_LIMIT,
                         "%s: more than %llu records in all, the limit of one replay: give fewer "
                         "files at a time",
                         index->inputs[entry->file].path,
                         (unsigned long long)index->options.records_max);
    if (index->count == index->capacity) {
        index->capacity = index->capacity ? index->capacity * 2 : 1024;
        index->entries = memory_resize(index->entries, index->capacity * sizeof *index->entries);
    }
    index->entries[index->count++] = *entry;
    return true;
}

static bool add_frame(struct file_index *index, const struct cut_piece *piece,
                      struct file_entry *entry, struct error *error)
{
    struct bus_header headers[BUS_HEADERS_MAX];
    struct file_record record;
    struct bytes topic;
    struct bytes body = bytes_of(piece->bytes.data + FILE_RECORDS_FRAME_BYTES,
                                 piece->bytes.size - FILE_RECORDS_FRAME_BYTES);
    if (!file_records_decode(body, &record, &topic, headers))
        return error_set(error, ERROR_INPUT,
                         "%s@%llu: a record's lengths do not add up: the program that wrote it is "
                         "at fault",
                         index->inputs[entry->file].path, (unsigned long long)piece->at);
    memcpy(&entry->crc, piece->bytes.data + 4, sizeof entry->crc);
    entry->timestamp_ms = record.timestamp_ms;
    entry->offset = record.offset;
    entry->stream = stream_number(index, topic, record.partition, NULL);
    return add_entry(index, entry, error);
}

static bool add_plain(struct file_index *index, const struct cut_piece *piece,
                      struct file_entry *entry, struct error *error)
{
    struct file_record record = {
        .offset = index->plain_count++, .timestamp_ms = -1, .value = piece->bytes};
    if (index->options.examine != NULL)
        index->options.examine(index->options.context, index->inputs[entry->file].kind, &record);
    const char *topic = record.topic ? record.topic : "";
    entry->crc = file_crc32c_of(&index->crc, 0, piece->bytes);
    entry->timestamp_ms = record.timestamp_ms;
    entry->offset = record.offset;
    entry->stream = stream_number(index, bytes_from_text(topic), 0, topic);
    return add_entry(index, entry, error);
}

/* True: it was told and the piece passed over. */
static bool complain(struct file_index *index, const struct error *error)
{
    if (index->options.complain == NULL)
        return false;
    index->totals.unread++;
    index->options.complain(index->options.context, error);
    return true;
}

static bool add_piece(struct file_index *index, uint32_t file, const struct cut_piece *piece,
                      struct error *error)
{
    struct file_entry entry = {
        .at = piece->at, .file = file, .size = (uint32_t)piece->bytes.size, .line = piece->line};
    if (index->inputs[file].kind != FILE_RECORDS)
        return add_plain(index, piece, &entry, error);
    return add_frame(index, piece, &entry, error);
}

static bool read_pieces(struct file_index *index, uint32_t file, struct file_cut *cut,
                        struct error *error)
{
    struct cut_piece piece = {0};
    enum cut_event event = CUT_PIECE;
    while ((event = file_cut_next(cut, &piece, error)) != CUT_END) {
        if (event == CUT_PIECE && add_piece(index, file, &piece, error))
            continue;
        if (error->code == ERROR_LIMIT && event == CUT_PIECE)
            return false; /* too many records: no use in going on */
        if (!complain(index, error))
            return false;
    }
    return true;
}

/* Standard input cannot be read twice: a nameless copy can. */
static int copy_of_stdin(struct error *error)
{
    FILE *copy = tmpfile();
    if (copy == NULL) {
        (void)error_set(error, ERROR_SYSTEM, "standard input: no temporary file for it: %s",
                        strerror(errno));
        return -1;
    }
    uint8_t *block = memory_allocate_raw(COPY_BLOCK_BYTES);
    size_t got = 0;
    bool ok = true;
    while (ok && (got = fread(block, 1, COPY_BLOCK_BYTES, stdin)) > 0)
        ok = fwrite(block, 1, got, copy) == got;
    ok = ok && !ferror(stdin) && fflush(copy) == 0;
    int fd = ok ? dup(fileno(copy)) : -1;
    if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0)
        (void)error_set(error, ERROR_SYSTEM, "standard input: cannot be copied: %s",
                        strerror(errno));
    (void)fclose(copy);
    memory_free(block);
    return fd;
}

static bool read_input(struct file_index *index, uint32_t file, struct error *error)
{
    struct file_input *input = &index->inputs[file];
    bool is_stdin = strcmp(input->path, "-") == 0;
    int fd = is_stdin ? copy_of_stdin(error) : open(input->path, O_RDONLY | O_CLOEXEC);
    if (is_stdin) {
        input->kept_fd = fd;
        input->path = "standard input";
    }
    if (fd < 0 && is_stdin)
        return false;
    if (fd < 0)
        return error_set(error, ERROR_INPUT, "%s: cannot be opened: %s", input->path,
                         strerror(errno));
    struct file_cut *cut =
        file_cut_open(fd, input->path, input->kind, index->options.record_bytes_max, &index->crc);
    bool ok = read_pieces(index, file, cut, error);
    file_cut_close(cut);
    if (!is_stdin)
        (void)close(fd);
    return ok;
}

/* ---- all of it ----------------------------------------------------------------------------------------------- */

bool file_index_build(struct file_index *index, const char *const *paths, uint32_t count,
                      struct error *error)
{
    file_crc32c_init(&index->crc);
    index->inputs = memory_allocate_array(count, sizeof *index->inputs);
    index->inputs_count = count;
    for (uint32_t i = 0; i < count; i++)
        index->inputs[i] = (struct file_input){.path = paths[i], .kept_fd = -1};
    for (uint32_t i = 0; i < count; i++)
        if (!file_kind_of(paths[i], &index->inputs[i].kind, error))
            return false;
    for (uint32_t i = 0; i < count; i++)
        if (!read_input(index, i, error))
            return false;
    return file_index_sort(index, error);
}

void file_index_free(struct file_index *index)
{
    for (uint32_t i = 0; i < index->inputs_count; i++)
        if (index->inputs[i].kept_fd >= 0)
            (void)close(index->inputs[i].kept_fd);
    for (uint32_t i = 0; i < index->names_count; i++)
        memory_free(index->names[i]);
    memory_free(index->names);
    memory_free(index->inputs);
    memory_free(index->entries);
    memory_free(index->streams);
    table_free(&index->streams_table);
}
