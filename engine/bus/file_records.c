/* file_records.c - encoding, checking and decoding of frames; the writer. */
#include "engine/bus/file_records.h"

#include "engine/base/buffer.h"
#include "engine/base/memory.h"

#include <errno.h>
#include <stdio.h>

#define VERSION    1u
#define ABSENT     UINT32_MAX
#define BODY_LIMIT ((size_t)1 << 30)
/* Beyond any real one; below them no sum or conversion to nanoseconds overflows. */
#define OFFSET_MAX    (INT64_MAX / 2)
#define TIMESTAMP_MAX (INT64_MAX / 1000000)

static const char magic[8] = {'A', 'S', 'S', 'A', 'Y', 'R', 'E', 'C'};

static bool coordinates_are_sane(const struct file_record *record)
{
    return record->partition >= 0 && record->offset >= 0 && record->offset <= OFFSET_MAX &&
           record->timestamp_ms >= -1 && record->timestamp_ms <= TIMESTAMP_MAX &&
           record->headers_count <= BUS_HEADERS_MAX;
}

/* ---- reading ----------------------------------------------------------------------------------- */

bool file_records_check_header(const struct file_crc32c *crc, struct bytes header,
                               struct error *error)
{
    if (header.size < FILE_RECORDS_HEADER_BYTES || memcmp(header.data, magic, sizeof magic) != 0)
        return error_set(
            error, ERROR_INPUT,
            "is not a record file (it does not begin with ASSAYREC); rename it to what "
            "it is: .pb, .json or .jsonl");
    struct reader reader = reader_of(header);
    (void)reader_take(&reader, sizeof magic);
    uint32_t version = reader_u32(&reader);
    if (reader_u32(&reader) != file_crc32c_of(crc, 0, bytes_of(header.data, 12)))
        return error_set(error, ERROR_INPUT, "its first 16 bytes are damaged; get it again");
    if (version != VERSION)
        return error_set(error, ERROR_INPUT,
                         "has version %u of the record-file format, this program reads version %u",
                         version, VERSION);
    return true;
}

bool file_records_check_frame(const struct file_crc32c *crc, struct bytes frame)
{
    struct reader reader = reader_of(frame);
    uint32_t size = reader_u32(&reader);
    uint32_t expected = reader_u32(&reader);
    if (reader.failed || reader_left(&reader) != size)
        return false;
    uint32_t of_size = file_crc32c_of(crc, 0, bytes_of(frame.data, 4));
    return file_crc32c_of(crc, of_size, bytes_of(reader.at, size)) == expected;
}

static struct bytes take(struct reader *reader, uint32_t size)
{
    return size == ABSENT ? BYTES_NONE : reader_take(reader, size);
}

bool file_records_decode(struct bytes body, struct file_record *record, struct bytes *topic,
                         struct bus_header *headers)
{
    struct reader reader = reader_of(body);
    *record = (struct file_record){.headers = headers};
    record->timestamp_ms = (int64_t)reader_u64(&reader);
    record->offset = (int64_t)reader_u64(&reader);
    record->partition = (int32_t)reader_u32(&reader);
    uint32_t topic_size = reader_u32(&reader);
    uint32_t key_size = reader_u32(&reader);
    uint32_t value_size = reader_u32(&reader);
    record->headers_count = reader_u32(&reader);
    if (reader.failed || topic_size == 0 || topic_size > FILE_RECORDS_TOPIC_MAX ||
        !coordinates_are_sane(record))
        return false;
    *topic = reader_take(&reader, topic_size);
    for (uint32_t i = 0; i < record->headers_count; i++) {
        uint32_t name_size = reader_u32(&reader);
        uint32_t header_size = reader_u32(&reader);
        headers[i].name = reader_take(&reader, name_size);
        headers[i].value = take(&reader, header_size);
    }
    record->key = take(&reader, key_size);
    record->value = take(&reader, value_size);
    return !reader.failed && reader_left(&reader) == 0 &&
           memchr(topic->data, 0, topic->size) == NULL;
}

/* ---- writing -------------------------------------------------------------------------------------- */

struct file_writer {
    FILE *stream;
    char *path;
    struct file_crc32c crc;
    struct buffer body;
};

static void put_size(struct buffer *out, struct bytes b)
{
    buffer_put_u32(out, bytes_present(b) ? (uint32_t)b.size : ABSENT);
}

static void encode_body(struct buffer *out, const struct file_record *record, struct bytes topic)
{
    buffer_put_u64(out, (uint64_t)record->timestamp_ms);
    buffer_put_u64(out, (uint64_t)record->offset);
    buffer_put_u32(out, (uint32_t)record->partition);
    put_size(out, topic);
    put_size(out, record->key);
    put_size(out, record->value);
    buffer_put_u32(out, record->headers_count);
    buffer_append(out, topic.data, topic.size);
    for (uint32_t i = 0; i < record->headers_count; i++) {
        const struct bus_header *header = &record->headers[i];
        buffer_put_u32(out, (uint32_t)header->name.size);
        put_size(out, header->value);
        buffer_append(out, header->name.data, header->name.size);
        buffer_append(out, header->value.data, header->value.size);
    }
    buffer_append(out, record->key.data, record->key.size);
    buffer_append(out, record->value.data, record->value.size);
}

static bool write_bytes(struct file_writer *writer, struct bytes b, struct error *error)
{
    if (fwrite(b.data, 1, b.size, writer->stream) == b.size)
        return true;
    return error_set(error, ERROR_SYSTEM, "%s: cannot be written: %s", writer->path,
                     strerror(errno));
}

/* Size and CRC, or version and CRC: what stands in front of checked bytes. */
static struct bytes two_words(uint8_t out[8], uint32_t first, uint32_t second)
{
    memcpy(out, &first, sizeof first);
    memcpy(out + 4, &second, sizeof second);
    return bytes_of(out, 8);
}

bool file_writer_put(struct file_writer *writer, const struct file_record *record,
                     struct error *error)
{
    struct bytes topic = bytes_from_text(record->topic);
    if (topic.size == 0 || topic.size > FILE_RECORDS_TOPIC_MAX || !coordinates_are_sane(record))
        return error_set(
            error, ERROR_INPUT,
            "%s: a record needs a topic of 1 to %u bytes, a partition, an offset and at "
            "most %d headers",
            writer->path, FILE_RECORDS_TOPIC_MAX, BUS_HEADERS_MAX);
    buffer_clear(&writer->body);
    encode_body(&writer->body, record, topic);
    if (writer->body.failed)
        return error_set(error, ERROR_LIMIT, "%s: a record has more than %zu bytes", writer->path,
                         BODY_LIMIT);
    uint8_t words[8];
    struct bytes body = buffer_bytes(&writer->body);
    (void)two_words(words, (uint32_t)body.size, 0);
    uint32_t crc = file_crc32c_of(&writer->crc, 0, bytes_of(words, 4));
    crc = file_crc32c_of(&writer->crc, crc, body);
    return write_bytes(writer, two_words(words, (uint32_t)body.size, crc), error) &&
           write_bytes(writer, body, error);
}

static bool write_header(struct file_writer *writer, struct error *error)
{
    uint8_t header[FILE_RECORDS_HEADER_BYTES];
    memcpy(header, magic, sizeof magic);
    (void)two_words(header + 8, VERSION, 0);
    (void)two_words(header + 8, VERSION, file_crc32c_of(&writer->crc, 0, bytes_of(header, 12)));
    return write_bytes(writer, bytes_of(header, sizeof header), error);
}

struct file_writer *file_writer_create(const char *path, struct error *error)
{
    struct file_writer *writer = memory_allocate(sizeof *writer);
    writer->path = memory_copy_text(path);
    writer->body = BUFFER_WITH_LIMIT(BODY_LIMIT);
    file_crc32c_init(&writer->crc);
    writer->stream = fopen(path, "wb");
    bool ok = writer->stream != NULL;
    if (!ok)
        (void)error_set(error, ERROR_INPUT, "%s: cannot be created: %s", path, strerror(errno));
    if (ok && write_header(writer, error))
        return writer;
    (void)file_writer_close(writer, NULL);
    return NULL;
}

bool file_writer_close(struct file_writer *writer, struct error *error)
{
    bool ok = writer->stream == NULL || fclose(writer->stream) == 0;
    if (!ok)
        (void)error_set(error, ERROR_SYSTEM, "%s: cannot be written: %s", writer->path,
                        strerror(errno));
    buffer_free(&writer->body);
    memory_free(writer->path);
    memory_free(writer);
    return ok;
}
