/*
 * fuzz_records.c - the body of a frame of a record file, past its checksum: refused, or read to the
 * last byte and no further.
 */
#include "engine/base/check.h"
#include "engine/bus/file_records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inside(struct bytes whole, struct bytes part)
{
    if (part.size > 0)
        CHECK(part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
    return part.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes body = bytes_of(data, size);
    struct bus_header headers[BUS_HEADERS_MAX];
    struct file_record record;
    struct bytes topic;
    if (!file_records_decode(body, &record, &topic, headers))
        return 0;
    CHECK(record.partition >= 0 && record.offset >= 0 && record.timestamp_ms >= -1);
    CHECK(topic.size > 0 && topic.size <= FILE_RECORDS_TOPIC_MAX);
    size_t read = 36 + inside(body, topic) + inside(body, record.key) + inside(body, record.value);
    for (uint32_t i = 0; i < record.headers_count; i++)
        read += 8 + inside(body, headers[i].name) + inside(body, headers[i].value);
    CHECK(read == size);
    return 0;
}
