/*
 * exchange.c - bytes from an exchange topic: headers, a body of cells, of messages, of digests. Whatever
 * is taken must be whole: summaries that add, exemplars that merge, and it must read back as
 * written.
 *
 * The first byte says which; headers are the lines that follow, one for each.
 */
#include "engine/flow/exchange.h"
#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/flow/exchange_digests.h"
#include "engine/flow/exemplar.h"
#include "engine/flow/log_time.h"
#include "engine/flow/traces.h"
#include "engine/operator/tracker.h"
#include "engine/state/summary.h"
#include "operators/track/track.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DELTAS_MAX 64

static const char *const names[EXCHANGE_HEADERS] = {
    "assay-version", "assay-writer", "assay-sequence", "assay-wall-ms",
    "assay-rates",   "assay-rules",  "assay-sources"};

static void check_same_stamp(const struct exchange_stamp *a, const struct exchange_stamp *b)
{
    CHECK(a->sequence == b->sequence && a->wall_ms == b->wall_ms &&
          a->rates_version == b->rates_version);
    CHECK(a->rules_digest == b->rules_digest && a->sources_total == b->sources_total &&
          a->marks_count == b->marks_count);
    CHECK(bytes_equal(a->writer, b->writer));
    for (uint32_t i = 0; i < a->marks_count; i++) {
        const struct source_mark *x = &a->marks[i], *y = &b->marks[i];
        CHECK(x->topic == y->topic && x->partition == y->partition && x->from == y->from &&
              x->to == y->to);
        CHECK(x->log_time_ms == y->log_time_ms && x->active == y->active);
    }
}

/* The clock survives any stamps, and its durable form reads back. */
static void check_clock(const struct exchange_stamp *stamp)
{
    struct log_time *clock = log_time_create(30000, 10000), *again = log_time_create(30000, 10000);
    struct buffer one = BUFFER_WITH_LIMIT(1 << 20), other = BUFFER_WITH_LIMIT(1 << 20);
    int64_t before = log_time_advance(clock, stamp);
    CHECK(log_time_advance(clock, stamp) >= before);
    log_time_encode(clock, &one);
    CHECK(log_time_decode(again, buffer_bytes(&one)));
    log_time_encode(again, &other);
    CHECK(bytes_equal(buffer_bytes(&one), buffer_bytes(&other)));
    log_time_destroy(clock);
    log_time_destroy(again);
    buffer_free(&one);
    buffer_free(&other);
}

static void try_headers(struct bytes text)
{
    static struct source_mark marks[2][SOURCES_MAX];
    struct bus_header headers[EXCHANGE_HEADERS], written[EXCHANGE_HEADERS];
    const uint8_t *at = text.data, *end = text.data + text.size;
    for (int i = 0; i < EXCHANGE_HEADERS; i++) {
        const uint8_t *line = memchr(at, '\n', (size_t)(end - at));
        line = line != NULL ? line : end;
        headers[i] =
            (struct bus_header){bytes_from_text(names[i]), bytes_of(at, (size_t)(line - at))};
        at = line < end ? line + 1 : end;
    }
    struct exchange_stamp stamp, again;
    struct error error = {0};
    if (!exchange_read_headers(headers, EXCHANGE_HEADERS, &stamp, marks[0], &error)) {
        CHECK(error.message[0] != '\0');
        return;
    }
    struct buffer room = BUFFER_WITH_LIMIT(1 << 20);
    exchange_write_headers(&stamp, &room, written);
    CHECK(!room.failed &&
          exchange_read_headers(written, EXCHANGE_HEADERS, &again, marks[1], &error));
    check_same_stamp(&stamp, &again);
    buffer_free(&room);
    if (stamp.marks_count < 64)
        check_clock(&stamp);
}

static bool all_known(const struct metric_table *metrics, struct bytes summary)
{
    struct reader reader = reader_of(summary);
    struct summary_metric m;
    while (summary_next(&reader, &m))
        if (metric_find(metrics, m.metric) == METRIC_NONE)
            return false;
    return true;
}

static void check_delta(const struct cell_delta *delta)
{
    struct buffer out = BUFFER_WITH_LIMIT(1 << 22);
    struct labels labels;
    CHECK(labels_decode(delta->labels, &labels));
    CHECK(summary_add(delta->summary, bytes_of("", 0), &out));
    CHECK(bytes_equal(buffer_bytes(&out), delta->summary) || summary_valid(buffer_bytes(&out)));
    if (summary_add(delta->summary, delta->summary, &out)) /* false: counts beyond 64 bits */
        CHECK(summary_valid(buffer_bytes(&out)));
    CHECK(exemplar_merge(delta->exemplars, bytes_of("", 0), &out));
    buffer_free(&out);
}

/* Reads what it can; out: the deltas whose metrics are all known. False on damage. */
static bool read_cells(struct bytes body, struct metric_table *metrics, struct cell_delta *out,
                       uint32_t *count)
{
    struct exchange_cells cells;
    struct cell_delta delta;
    uint32_t number = 0;
    *count = 0;
    if (!exchange_open_cells(body, &cells))
        return false;
    while (exchange_next_metric(&cells, metrics, &number))
        CHECK(number == METRIC_NONE || number < metric_count(metrics));
    while (!cells.reader.failed && exchange_next_cell(&cells, &delta)) {
        check_delta(&delta);
        if (*count < DELTAS_MAX && all_known(metrics, delta.summary))
            out[(*count)++] = delta;
    }
    return !cells.reader.failed;
}

static void try_cells(struct bytes body)
{
    struct metric_table *metrics = metric_table_create();
    struct cell_delta deltas[DELTAS_MAX], again[DELTAS_MAX];
    uint32_t count = 0, count_again = 0;
    if (read_cells(body, metrics, deltas, &count)) {
        struct buffer written = BUFFER_WITH_LIMIT(1 << 22);
        exchange_write_cells(metrics, deltas, count, &written);
        CHECK(read_cells(buffer_bytes(&written), metrics, again, &count_again) &&
              count == count_again);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(bytes_equal(deltas[i].summary, again[i].summary) &&
                  bytes_equal(deltas[i].labels, again[i].labels));
            CHECK(bytes_equal(deltas[i].exemplars, again[i].exemplars) &&
                  deltas[i].minute == again[i].minute);
        }
        buffer_free(&written);
    }
    metric_table_destroy(metrics);
}

static void try_messages(struct bytes body)
{
    struct reader reader = reader_of(body);
    struct entity_message message, again;
    struct evidence_population evidence;
    while (exchange_next_message(&reader, &message)) {
        struct buffer written = BUFFER_WITH_LIMIT(1 << 20);
        exchange_write_message(&message, &written);
        struct reader back = reader_of(buffer_bytes(&written));
        CHECK(exchange_next_message(&back, &again));
        CHECK(bytes_equal(message.name, again.name) &&
              bytes_equal(message.payload, again.payload) && message.kind == again.kind);
        buffer_clear(&written);
        if (message.payload.size > 0 && evidence_read_population(message.payload, &evidence))
            evidence_write_population(&evidence, &written);
        buffer_free(&written);
    }
}

static bool read_digests(struct bytes body, struct metric_table *metrics, struct buffer *again)
{
    struct reader reader = reader_of(body);
    struct digest_block block;
    struct digest_set set;
    struct bytes rows;
    struct digest digest;
    if (!exchange_has_digests(&reader) || !exchange_open_digests(&reader, metrics, &block))
        return false;
    for (uint32_t i = 0; i < block.metrics_count; i++)
        if (block.metrics[i].metric == METRIC_NONE)
            return false;
    exchange_write_digests_head(metrics, block.metrics, block.metrics_count, block.sets_count, again);
    while (exchange_next_digest_set(&block, metrics, &set)) {
        if (set.score && set.metric == METRIC_NONE)
            return false;
        exchange_write_digest_set(metrics, &set, again);
    }
    if (!exchange_digest_rows(&block, &rows))
        return false;
    exchange_write_digest_rows(rows, again);
    for (uint32_t i = 0; i < rows.size / DIGEST_BYTES; i++)
        if (exchange_digest_at(&block, rows, i, &digest))
            CHECK(digest.role < ROLE_COUNT && digest.labels < block.sets_count);
    return true;
}

/* The owner of traces takes whatever it is, settles it, and forgets it. */
static void try_owner(struct bytes body)
{
    struct flow_options options = {.traces_bytes_max = 1 << 16, .trackers_count = 1};
    void *conf = memory_allocate(tracker_trace.conf_bytes);
    struct tracker_instance instance = {&tracker_trace, conf};
    struct metric_table *metrics = metric_table_create();
    const struct metric_spec *specs[] = {&tracker_trace.metrics[0]};
    struct measure *measure = measure_create(metrics, specs, 1, 1000);
    struct reader reader = reader_of(body);
    option_set_defaults(tracker_trace.options, conf);
    options.trackers = &instance;
    struct traces *traces = traces_create(&options, metrics, measure);
    for (int64_t offset = 0; exchange_has_digests(&reader); offset++)
        traces_take(traces, &reader, offset, 0);
    traces_fire(traces, INT64_MAX / 4);
    traces_commit(traces);
    CHECK(traces_counts(traces)->remembered == 0 && traces_counts(traces)->bytes == 0);
    traces_destroy(traces);
    measure_destroy(measure);
    metric_table_destroy(metrics);
    memory_free(conf);
}

static void try_digests(struct bytes body)
{
    struct metric_table *metrics = metric_table_create();
    struct buffer once = BUFFER_WITH_LIMIT(1 << 22), twice = BUFFER_WITH_LIMIT(1 << 22);
    if (read_digests(body, metrics, &once)) {
        CHECK(!once.failed && read_digests(buffer_bytes(&once), metrics, &twice));
        CHECK(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
    }
    buffer_free(&once);
    buffer_free(&twice);
    metric_table_destroy(metrics);
    try_owner(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 65536)
        return 0;
    struct bytes rest = bytes_of(data + 1, size - 1);
    switch (data[0]) {
    case 'h':
        try_headers(rest);
        break;
    case 'c':
        try_cells(rest);
        break;
    case 'm':
        try_messages(rest);
        break;
    case 'd':
        try_digests(rest);
        break;
    default:
        break;
    }
    return 0;
}
