/* exchange.c - writing and checked reading of exchange records. */
#include "engine/flow/exchange.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/flow/exemplar.h"
#include "engine/state/summary.h"

#include <stdlib.h>

enum { H_VERSION, H_WRITER, H_SEQUENCE, H_WALL, H_RATES, H_RULES, H_SOURCES };
static const char *const header_names[EXCHANGE_HEADERS] = {
    "assay-version", "assay-writer", "assay-sequence", "assay-wall-ms", "assay-rates", "assay-rules", "assay-sources",
};

static void print_marks(const struct exchange_stamp *stamp, struct buffer *text)
{
    buffer_printf(text, "%u", stamp->sources_total);
    for (uint32_t i = 0; i < stamp->marks_count; i++) {
        const struct source_mark *m = &stamp->marks[i];
        buffer_printf(text, ";%u/%d %lld-%lld %lld %c", m->topic, m->partition, (long long)m->from, (long long)m->to,
                      (long long)m->log_time_ms, m->active ? 'a' : 'i');
    }
}

void exchange_write_headers(const struct exchange_stamp *stamp, struct buffer *text, struct bus_header *out)
{
    size_t ends[EXCHANGE_HEADERS];
    buffer_clear(text);
    for (int i = 0; i < EXCHANGE_HEADERS; i++) {
        switch (i) {
        case H_VERSION: buffer_printf(text, "%d", EXCHANGE_VERSION); break;
        case H_WRITER: buffer_append(text, stamp->writer.data, stamp->writer.size); break;
        case H_SEQUENCE: buffer_printf(text, "%llu", (unsigned long long)stamp->sequence); break;
        case H_WALL: buffer_printf(text, "%lld", (long long)stamp->wall_ms); break;
        case H_RATES: buffer_printf(text, "%llu", (unsigned long long)stamp->rates_version); break;
        case H_RULES: buffer_printf(text, "%016llx", (unsigned long long)stamp->rules_digest); break;
        case H_SOURCES: print_marks(stamp, text); break;
        }
        ends[i] = text->size;
    }
    for (int i = 0; i < EXCHANGE_HEADERS; i++) {
        size_t start = i == 0 ? 0 : ends[i - 1];
        out[i].name = bytes_from_text(header_names[i]);
        out[i].value = bytes_of(text->data + start, ends[i] - start);
    }
}

/* Digits, with a minus in front where allowed; moves *at. False when there is no number. */
static bool read_number(struct bytes text, size_t *at, int64_t *out)
{
    bool negative = *at < text.size && text.data[*at] == '-';
    size_t i = *at + (negative ? 1 : 0);
    size_t start = i;
    uint64_t value = 0;
    while (i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && i - start < 20) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value))
            return false;
        i++;
    }
    if (i == start || value > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    *at = i;
    return true;
}

static bool read_char(struct bytes text, size_t *at, char expected)
{
    if (*at >= text.size || text.data[*at] != (uint8_t)expected)
        return false;
    (*at)++;
    return true;
}

static bool read_mark(struct bytes text, size_t *at, struct source_mark *mark)
{
    int64_t topic = 0, partition = 0;
    bool ok = read_char(text, at, ';') && read_number(text, at, &topic) && read_char(text, at, '/') &&
              read_number(text, at, &partition) && read_char(text, at, ' ') && read_number(text, at, &mark->from) &&
              read_char(text, at, '-') && read_number(text, at, &mark->to) && read_char(text, at, ' ') &&
              read_number(text, at, &mark->log_time_ms) && read_char(text, at, ' ');
    bool timed = ok && (mark->log_time_ms == INT64_MIN || (mark->log_time_ms > INT64_MIN / 4 && mark->log_time_ms < INT64_MAX / 4));
    if (!timed || topic < 0 || topic > 64 || partition < 0 || partition > INT32_MAX || *at >= text.size)
        return false;
    mark->topic = (uint32_t)topic;
    mark->partition = (int32_t)partition;
    mark->active = text.data[(*at)++] == 'a';
    return true;
}

static bool read_marks(struct bytes text, struct exchange_stamp *stamp, struct source_mark *marks)
{
    size_t at = 0;
    int64_t total = 0;
    if (!read_number(text, &at, &total) || total < 0 || total > SOURCES_MAX)
        return false;
    stamp->sources_total = (uint32_t)total;
    stamp->marks = marks;
    stamp->marks_count = 0;
    while (at < text.size)
        if (stamp->marks_count == SOURCES_MAX || !read_mark(text, &at, &marks[stamp->marks_count++]))
            return false;
    return true;
}

static bool read_hex64(struct bytes text, uint64_t *out)
{
    if (text.size != 16)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        uint32_t digit = c >= '0' && c <= '9' ? c - (uint32_t)'0' : c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16u;
        if (digit == 16)
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

static bool read_header(int which, struct bytes value, struct exchange_stamp *stamp, struct source_mark *marks)
{
    size_t at = 0;
    int64_t number = 0;
    switch (which) {
    case H_VERSION: return read_number(value, &at, &number) && number == EXCHANGE_VERSION;
    case H_WRITER: stamp->writer = value; return true;
    case H_SEQUENCE:
        if (!read_number(value, &at, &number) || number < 0)
            return false;
        stamp->sequence = (uint64_t)number;
        return true;
    case H_WALL: return read_number(value, &at, &stamp->wall_ms);
    case H_RATES:
        if (!read_number(value, &at, &number) || number < 0)
            return false;
        stamp->rates_version = (uint64_t)number;
        return true;
    case H_RULES: return read_hex64(value, &stamp->rules_digest);
    case H_SOURCES: return read_marks(value, stamp, marks);
    }
    return false;
}

bool exchange_read_headers(const struct bus_header *headers, uint32_t count, struct exchange_stamp *stamp,
                           struct source_mark *marks, struct error *error)
{
    *stamp = (struct exchange_stamp){0};
    for (int which = 0; which < EXCHANGE_HEADERS; which++) {
        uint32_t i = 0;
        while (i < count && !bytes_equal_text(headers[i].name, header_names[which]))
            i++;
        if (i == count)
            return error_set(error, ERROR_INPUT, "exchange record without header %s: was it written by Assay?",
                             header_names[which]);
        if (!read_header(which, headers[i].value, stamp, marks))
            return error_set(error, ERROR_INPUT, "exchange record with bad header %s: '%.*s'", header_names[which],
                             BYTES_FMT(headers[i].value));
    }
    return true;
}

/* ---- cells ------------------------------------------------------------------------------------------ */

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Writes the metrics that occur, once each. */
static void write_dictionary(struct metric_table *metrics, const struct cell_delta *deltas, uint32_t count, struct buffer *out)
{
    uint32_t used[METRICS_MAX];
    uint32_t used_count = 0;
    bool seen[METRICS_MAX] = {false};
    for (uint32_t i = 0; i < count; i++) {
        struct reader reader = reader_of(deltas[i].summary);
        struct summary_metric m;
        while (summary_next(&reader, &m)) {
            uint32_t number = metric_find(metrics, m.metric);
            CHECK(number < METRICS_MAX);
            if (!seen[number])
                used[used_count++] = number;
            seen[number] = true;
        }
    }
    qsort(used, used_count, sizeof used[0], compare_numbers);
    buffer_put_varint(out, used_count);
    for (uint32_t i = 0; i < used_count; i++)
        metric_encode(metric_at(metrics, used[i]), out);
}

void exchange_write_cells(struct metric_table *metrics, const struct cell_delta *deltas, uint32_t count, struct buffer *out)
{
    write_dictionary(metrics, deltas, count, out);
    buffer_put_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        buffer_append(out, deltas[i].id.bytes, CELL_ID_BYTES);
        buffer_put_bytes(out, deltas[i].labels);
        buffer_put_zigzag(out, deltas[i].minute);
        buffer_put_bytes(out, deltas[i].summary);
        buffer_put_bytes(out, deltas[i].exemplars);
    }
}

bool exchange_open_cells(struct bytes body, struct exchange_cells *out)
{
    out->reader = reader_of(body);
    out->metrics_left = reader_varint(&out->reader);
    out->left = 0;
    return !out->reader.failed;
}

bool exchange_next_metric(struct exchange_cells *cells, struct metric_table *metrics, uint32_t *number)
{
    if (cells->metrics_left == 0) {
        cells->left = reader_varint(&cells->reader);
        return false;
    }
    cells->metrics_left--;
    *number = metric_decode(metrics, &cells->reader);
    return !cells->reader.failed;
}

bool exchange_next_cell(struct exchange_cells *cells, struct cell_delta *out)
{
    if (cells->left == 0)
        return false;
    struct reader *reader = &cells->reader;
    struct bytes id = reader_take(reader, CELL_ID_BYTES);
    out->labels = reader_bytes(reader);
    out->minute = reader_zigzag(reader);
    out->summary = reader_bytes(reader);
    out->exemplars = reader_bytes(reader);
    struct labels labels;
    if (reader->failed || !summary_valid(out->summary) || !labels_decode(out->labels, &labels) ||
        out->exemplars.size % EXEMPLAR_BYTES != 0) {
        reader->failed = true;
        return false;
    }
    memcpy(out->id.bytes, id.data, CELL_ID_BYTES);
    cells->left--;
    return true;
}

/* ---- messages ---------------------------------------------------------------------------------------- */

uint32_t trace_partition(struct bytes trace_id, uint32_t partitions)
{
    CHECK_HOT(trace_id.size == 16);
    uint64_t mixed = hash_combine(bytes_load64(trace_id.data), bytes_load64(trace_id.data + 8));
    return (uint32_t)((mixed >> 32) * partitions >> 32);
}

struct cell_id entity_id(uint8_t kind, struct bytes name, struct sha256 *sha)
{
    uint8_t text[1 + 256];
    size_t size = name.size < 256 ? name.size : 256;
    text[0] = kind;
    memcpy(text + 1, name.data, size);
    return cell_id_of(bytes_of(text, size + 1), sha);
}

void exchange_write_message(const struct entity_message *message, struct buffer *out)
{
    buffer_put_u8(out, message->kind);
    buffer_append(out, message->entity.bytes, CELL_ID_BYTES);
    buffer_put_bytes(out, message->name);
    buffer_put_bytes(out, message->payload);
}

bool exchange_next_message(struct reader *reader, struct entity_message *out)
{
    if (reader_left(reader) == 0)
        return false;
    out->kind = reader_u8(reader);
    struct bytes id = reader_take(reader, CELL_ID_BYTES);
    out->name = reader_bytes(reader);
    out->payload = reader_bytes(reader);
    if (reader->failed || out->kind < ENTITY_TRACE || out->kind > ENTITY_APP) {
        reader->failed = true;
        return false;
    }
    memcpy(out->entity.bytes, id.data, CELL_ID_BYTES);
    return true;
}
