/* embedded_log_partition.c - appending, finding and deleting entries in segments. */
#include "engine/bus/embedded_log_partition.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define SEGMENT_PER_ENTRY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEGMENT_PER_ENTRY 1
#endif
#endif
#ifndef SEGMENT_PER_ENTRY
#define SEGMENT_PER_ENTRY 0
#endif

#define SEGMENT_BYTES_MIN 4096u
#define SEGMENT_BYTES_MAX (256u * 1024u)

_Static_assert(sizeof(struct log_entry) == 40, "entries are packed");
_Static_assert(offsetof(struct log_segment, data) % 8 == 0, "entries are aligned to 8");

/* ---- entries ------------------------------------------------------------------------------- */

static const uint8_t *entry_payload(const struct log_entry *entry)
{
    return (const uint8_t *)(entry + 1);
}

static uint32_t present_size(uint32_t size) { return size == LOG_ABSENT ? 0 : size; }

static uint32_t wire_size(struct bytes b)
{
    return bytes_present(b) ? (uint32_t)b.size : LOG_ABSENT;
}

struct bytes log_entry_key(const struct log_entry *entry)
{
    if (entry->key_size == LOG_ABSENT)
        return BYTES_NONE;
    return bytes_of(entry_payload(entry) + entry->headers_size, entry->key_size);
}

struct bytes log_entry_value(const struct log_entry *entry)
{
    if (entry->value_size == LOG_ABSENT)
        return BYTES_NONE;
    return bytes_of(entry_payload(entry) + entry->headers_size + present_size(entry->key_size),
                    entry->value_size);
}

uint32_t log_entry_headers(const struct log_entry *entry, struct bus_header *out, uint32_t max)
{
    const uint8_t *at = entry_payload(entry);
    const uint8_t *end = at + entry->headers_size;
    uint32_t count = 0;
    while (at < end && count < max) {
        uint32_t sizes[2];
        memcpy(sizes, at, sizeof sizes);
        at += sizeof sizes;
        out[count].name = bytes_of(at, sizes[0]);
        at += sizes[0];
        out[count].value = sizes[1] == LOG_ABSENT ? BYTES_NONE : bytes_of(at, sizes[1]);
        at += present_size(sizes[1]);
        count++;
    }
    return count;
}

static uint64_t headers_bytes(const struct bus_output *output)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < output->headers_count; i++)
        bytes += 8 + output->headers[i].name.size + output->headers[i].value.size;
    return bytes;
}

uint64_t log_output_bytes(const struct bus_output *output)
{
    if (output->headers_count > BUS_HEADERS_MAX)
        return UINT64_MAX;
    return headers_bytes(output) + output->key.size + output->value.size;
}

static uint8_t *put(uint8_t *at, struct bytes b)
{
    if (b.size > 0)
        memcpy(at, b.data, b.size);
    return at + b.size;
}

static void entry_fill(struct log_entry *entry, const struct bus_output *output)
{
    uint8_t *at = (uint8_t *)(entry + 1);
    for (uint32_t i = 0; i < output->headers_count; i++) {
        const struct bus_header *header = &output->headers[i];
        uint32_t sizes[2] = {(uint32_t)header->name.size, wire_size(header->value)};
        memcpy(at, sizes, sizeof sizes);
        at = put(put(at + sizeof sizes, header->name), header->value);
    }
    at = put(put(at, output->key), output->value);
    CHECK_HOT(at <= (uint8_t *)entry + entry->size);
}

/* ---- segments -------------------------------------------------------------------------------- */

static struct log_segment *segment_at(const struct log_partition *partition, uint32_t index)
{
    return partition->segments[partition->first + index];
}

void log_segment_release(struct log_segment *segment)
{
    CHECK(segment->references > 0);
    if (--segment->references == 0)
        memory_free(segment);
}

static void make_room_for_segment(struct log_partition *partition)
{
    if (partition->first + partition->count < partition->capacity)
        return;
    if (partition->first > partition->capacity / 2) {
        memmove(partition->segments, partition->segments + partition->first,
                partition->count * sizeof *partition->segments);
        partition->first = 0;
        return;
    }
    partition->capacity = partition->capacity ? partition->capacity * 2 : 8;
    partition->segments =
        memory_resize(partition->segments, partition->capacity * sizeof *partition->segments);
}

static struct log_segment *add_segment(struct log_partition *partition, uint32_t needed)
{
    uint32_t capacity = SEGMENT_BYTES_MIN;
    if (partition->count > 0)
        capacity = segment_at(partition, partition->count - 1)->capacity * 2;
    if (capacity > SEGMENT_BYTES_MAX)
        capacity = SEGMENT_BYTES_MAX;
    if (capacity < needed || SEGMENT_PER_ENTRY)
        capacity = needed;
    struct log_segment *segment = memory_allocate_raw(sizeof *segment + capacity);
    *segment = (struct log_segment){.references = 1,
                                    .capacity = capacity,
                                    .first_offset = -1,
                                    .last_offset = -1,
                                    .largest_timestamp_ms = -1};
    make_room_for_segment(partition);
    partition->segments[partition->first + partition->count++] = segment;
    return segment;
}

/* Room for an entry with this payload; the caller fills what follows the struct. */
static struct log_entry *add_entry(struct log_partition *partition, uint32_t payload,
                                   int64_t offset, int64_t timestamp_ms)
{
    uint32_t exact = (uint32_t)sizeof(struct log_entry) + payload;
    uint32_t stride = SEGMENT_PER_ENTRY ? exact : (exact + 7u) & ~7u;
    struct log_segment *segment =
        partition->count ? segment_at(partition, partition->count - 1) : NULL;
    if (segment == NULL || SEGMENT_PER_ENTRY || segment->capacity - segment->used < stride)
        segment = add_segment(partition, stride);
    struct log_entry *entry = (struct log_entry *)(void *)(segment->data + segment->used);
    segment->used += stride;
    if (segment->first_offset < 0)
        segment->first_offset = offset;
    segment->last_offset = offset;
    if (timestamp_ms > segment->largest_timestamp_ms)
        segment->largest_timestamp_ms = timestamp_ms;
    partition->bytes += stride;
    entry->offset = offset;
    entry->timestamp_ms = timestamp_ms;
    entry->size = stride;
    return entry;
}

void log_partition_append(struct log_partition *partition, const struct bus_output *output,
                          uint64_t sequence)
{
    uint64_t headers = headers_bytes(output);
    uint64_t payload = headers + output->key.size + output->value.size;
    CHECK(payload < UINT32_MAX / 2);
    struct log_entry *entry =
        add_entry(partition, (uint32_t)payload, partition->next, output->timestamp_ms);
    entry->sequence = sequence;
    entry->headers_size = (uint32_t)headers;
    entry->key_size = wire_size(output->key);
    entry->value_size = wire_size(output->value);
    entry_fill(entry, output);
    partition->next++;
}

void log_partition_append_entry(struct log_partition *partition, const struct log_entry *entry)
{
    uint32_t payload =
        entry->headers_size + present_size(entry->key_size) + present_size(entry->value_size);
    struct log_entry *copy = add_entry(partition, payload, entry->offset, entry->timestamp_ms);
    uint32_t stride = copy->size;
    memcpy(copy, entry, sizeof *entry + payload);
    copy->size = stride;
}

void log_partition_free(struct log_partition *partition)
{
    for (uint32_t i = 0; i < partition->count; i++)
        log_segment_release(segment_at(partition, i));
    memory_free(partition->segments);
    *partition = (struct log_partition){0};
}

/* ---- finding ---------------------------------------------------------------------------------- */

/* Index of the first segment whose last offset is at or after position; count when there is none. */
static uint32_t segment_search(const struct log_partition *partition, int64_t position)
{
    uint32_t low = 0;
    uint32_t high = partition->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (segment_at(partition, middle)->last_offset < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void cursor_locate(const struct log_partition *partition, int64_t position,
                          struct log_cursor *cursor)
{
    uint32_t index = segment_search(partition, position);
    uint32_t at = 0;
    if (index < partition->count) {
        const struct log_segment *segment = segment_at(partition, index);
        for (;;) {
            const struct log_entry *entry = (const void *)(segment->data + at);
            if (entry->offset >= position)
                break;
            at += entry->size;
        }
    } else if (index > 0) {
        index--;
        at = segment_at(partition, index)->used;
    }
    *cursor = (struct log_cursor){.segment = partition->dropped + index,
                                  .epoch = partition->epoch,
                                  .position = position,
                                  .at = at,
                                  .known = true};
}

const struct log_entry *log_partition_find(const struct log_partition *partition, int64_t position,
                                           struct log_cursor *cursor, struct log_segment **segment)
{
    if (!cursor->known || cursor->position != position || cursor->epoch != partition->epoch ||
        cursor->segment < partition->dropped)
        cursor_locate(partition, position, cursor);
    for (;;) {
        uint64_t index = cursor->segment - partition->dropped;
        if (index >= partition->count)
            return NULL;
        *segment = segment_at(partition, (uint32_t)index);
        if (cursor->at < (*segment)->used)
            return (const void *)((*segment)->data + cursor->at);
        if (index + 1 >= partition->count)
            return NULL;
        cursor->segment++;
        cursor->at = 0;
    }
}

void log_cursor_pass(struct log_cursor *cursor, const struct log_entry *entry)
{
    cursor->at += entry->size;
    cursor->position = entry->offset + 1;
}

/* ---- deleting ---------------------------------------------------------------------------------- */

static void drop_first_segment(struct log_partition *partition)
{
    struct log_segment *segment = segment_at(partition, 0);
    partition->bytes -= segment->used;
    partition->first++;
    partition->count--;
    partition->dropped++;
    log_segment_release(segment);
}

void log_partition_purge(struct log_partition *partition, int64_t before)
{
    if (before <= partition->low)
        return;
    CHECK(before <= partition->next);
    partition->low = before;
    while (partition->count > 0 && segment_at(partition, 0)->last_offset < before)
        drop_first_segment(partition);
    if (partition->bytes_compacted > partition->bytes)
        partition->bytes_compacted = partition->bytes;
}

void log_partition_shrink(struct log_partition *partition, uint64_t bytes_max, int64_t floor)
{
    while (partition->bytes > bytes_max && partition->count > 0 &&
           segment_at(partition, 0)->last_offset < floor)
        log_partition_purge(partition, segment_at(partition, 0)->last_offset + 1);
}

void log_partition_expire(struct log_partition *partition, int64_t oldest_timestamp_ms)
{
    while (partition->count > 0 && segment_at(partition, 0)->largest_timestamp_ms >= 0 &&
           segment_at(partition, 0)->largest_timestamp_ms < oldest_timestamp_ms)
        log_partition_purge(partition, segment_at(partition, 0)->last_offset + 1);
}
