/*
 * file_records.h - the record-file format (.records): Kafka records as a file, and its writer.
 *
 * All integers are little endian.
 *
 *   file:    "ASSAYREC" | u32 version = 1 | u32 CRC-32C of the 12 bytes before
 *            then frames up to the end of the file
 *   frame:   u32 size of the body | u32 CRC-32C of that size and the body | body
 *   body:    i64 timestamp in ms (-1: none) | i64 offset | u32 partition
 *            u32 topic size | u32 key size | u32 value size | u32 number of headers
 *            topic | per header: u32 name size, u32 value size, name, value | key | value
 *
 * A size of 0xffffffff means null (key, value, header value). Topics are 1 to 249 bytes without NUL.
 * Frames may stand in any order; (topic, partition, offset) names a record. A body whose lengths do
 * not add up exactly is refused.
 */
#ifndef ENGINE_BUS_FILE_RECORDS_H
#define ENGINE_BUS_FILE_RECORDS_H

#include "engine/bus/file_crc32c.h"
#include "engine/bus/ports.h"

#define FILE_RECORDS_HEADER_BYTES 16u
#define FILE_RECORDS_FRAME_BYTES  8u
#define FILE_RECORDS_TOPIC_MAX    249u
/* What a body may have beside key, value and headers' text. */
#define FILE_RECORDS_OVERHEAD_MAX (36u + FILE_RECORDS_TOPIC_MAX + 8u * BUS_HEADERS_MAX)

struct file_record {
    const char *topic; /* NULL: a plain file's record that nobody has given a topic */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1: none */
    struct bytes key;
    struct bytes value;
    const struct bus_header *headers;
    uint32_t headers_count;
};

/* ---- writing --------------------------------------------------------------------------------- */

struct file_writer;

/* Replaces what is at path. */
struct file_writer *file_writer_create(const char *path, struct error *error);
bool file_writer_put(struct file_writer *writer, const struct file_record *record,
                     struct error *error);
/* Frees. False when something was not written: the file is not whole then. */
bool file_writer_close(struct file_writer *writer, struct error *error);

/* ---- reading: the pieces that file_cut.c and file_source.c need -------------------------------- */

/* Checks the first FILE_RECORDS_HEADER_BYTES of a file; the error has no name in it. */
bool file_records_check_header(const struct file_crc32c *crc, struct bytes header,
                               struct error *error);
/* True when the frame (size, CRC and body) is whole and unharmed. */
bool file_records_check_frame(const struct file_crc32c *crc, struct bytes frame);
/* Everything but record->topic, which is not NUL-terminated here: *topic. Borrows the body; headers
 * has room for BUS_HEADERS_MAX. False: malformed. */
bool file_records_decode(struct bytes body, struct file_record *record, struct bytes *topic,
                         struct bus_header *headers);

#endif
