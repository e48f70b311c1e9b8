/*
 * oracle.c - what the engine committed, as lines, against what the inputs must have become.
 */
#include "tests/simulation/oracle.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/flow/exchange.h"
#include "engine/state/summary.h"
#include "tests/simulation/oracle_rates.h"

#include <stdio.h>

#define READ_WAIT_MS 1000
#define READ_PATIENCE_NS ((int64_t)30 * 1000000000)

void oracle_visit(struct bus *bus, const char *topic, uint32_t partition, int64_t end, oracle_visit_record *function,
                  void *context)
{
    struct error error = {0};
    int64_t low = 0, high = 0;
    CHECK(bus_watermarks(bus, topic, (int32_t)partition, &low, &high, &error));
    if (end >= 0)
        high = end;
    if (high <= low)
        return;
    struct bus_reader *reader = bus_reader_open(bus, topic, (int32_t)partition, low, high, &error);
    CHECK(reader != NULL);
    struct bus_record record;
    int64_t deadline_ns = clock_monotonic_ns() + READ_PATIENCE_NS;
    while (reader_position(reader) < high) {
        enum reader_event event = reader_next(reader, READ_WAIT_MS, &record, &error);
        if (event == READER_RECORD)
            function(context, &record, reader);
        else if (event == READER_FAILED || clock_monotonic_ns() > deadline_ns)
            break;
    }
    if (reader_position(reader) < high)
        (void)fprintf(stderr, "oracle: %s/%u ends at %lld, read to %lld: %s\n", topic, partition, (long long)high,
                      (long long)reader_position(reader), error.code != ERROR_NONE ? error.message : "a transaction stays open");
    CHECK(reader_position(reader) >= high);
    reader_close(reader);
}

/* ---- sums -------------------------------------------------------------------------------------------------- */

struct sum_context {
    struct lines *sums;
    struct metric_table *metrics;
};

static void sum_delta(struct lines *sums, struct metric_table *metrics, const struct cell_delta *delta)
{
    struct labels labels;
    CHECK(labels_decode(delta->labels, &labels));
    char where[900];
    size_t at = 0;
    for (uint32_t i = 0; i < labels.count; i++)
        at += (size_t)snprintf(where + at, sizeof where - at, "%.*s=%.*s,", BYTES_FMT(labels.pairs[i].name), BYTES_FMT(labels.pairs[i].value));
    struct reader reader = reader_of(delta->summary);
    struct summary_metric m;
    while (summary_next(&reader, &m)) {
        const char *name = metric_at(metrics, metric_find(metrics, m.metric))->name;
        struct reader body = reader_of(m.body);
        struct summary_bin bin;
        uint32_t previous = 0;
        char key[1024];
        while (summary_next_bin(&body, &previous, &bin)) {
            (void)snprintf(key, sizeof key, "%s %lld %s %u", where, (long long)delta->minute, name, bin.bin);
            lines_add(sums, key, (int64_t)bin.count);
        }
        (void)snprintf(key, sizeof key, "%s %lld %s %u", where, (long long)delta->minute, name, 65535u);
        if (m.sum != 0)
            lines_add(sums, key, m.sum);
    }
}

static void visit_cells(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    (void)reader;
    struct sum_context *c = context;
    if (record->value.size == 0)
        return;
    struct exchange_cells cells;
    CHECK(exchange_open_cells(record->value, &cells));
    uint32_t number;
    while (exchange_next_metric(&cells, c->metrics, &number))
        CHECK(number != METRIC_NONE);
    struct cell_delta delta;
    while (exchange_next_cell(&cells, &delta))
        sum_delta(c->sums, c->metrics, &delta);
    CHECK(!cells.reader.failed);
}

void oracle_sum_exchange(struct bus *bus, const struct flow_options *options, struct lines *out)
{
    struct sum_context context = {out, metric_table_create()};
    for (uint32_t p = 0; p < options->exchange_partitions; p++)
        oracle_visit(bus, options->topics.cells, p, -1, visit_cells, &context);
    metric_table_destroy(context.metrics);
}

static void check_sums(const struct oracle *oracle, const struct oracle_answer *answer, struct lines_difference *out)
{
    struct lines sums = {0};
    oracle_sum_exchange(oracle->bus, oracle->options, &sums);
    lines_subtract("sums", &answer->sums, &sums, out);
    lines_free(&sums);
}

/* ---- outputs -------------------------------------------------------------------------------------------------- */

struct topic_context {
    const struct oracle *oracle;
    struct lines found;
};

static void visit_value(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    (void)reader;
    struct topic_context *c = context;
    char *text = memory_allocate(record->value.size + 1);
    memcpy(text, record->value.data, record->value.size);
    lines_add(&c->found, text, 1);
    memory_free(text);
}

static struct bytes find_header(const struct bus_header *headers, uint32_t count, const char *app, const char *name)
{
    char wanted[128];
    (void)snprintf(wanted, sizeof wanted, "__%s.errors.%s", app, name);
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal_text(headers[i].name, wanted))
            return headers[i].value;
    return BYTES_NONE;
}

static void visit_letter(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    (void)record;
    struct topic_context *c = context;
    struct bus_header headers[BUS_HEADERS_MAX];
    uint32_t count = reader_headers(reader, headers, BUS_HEADERS_MAX);
    const char *app = c->oracle->options->app;
    char key[160];
    (void)snprintf(key, sizeof key, "%.*s/%.*s/%.*s %.*s", BYTES_FMT(find_header(headers, count, app, "topic")),
                   BYTES_FMT(find_header(headers, count, app, "partition")), BYTES_FMT(find_header(headers, count, app, "offset")),
                   BYTES_FMT(find_header(headers, count, app, "code")));
    lines_add(&c->found, key, 1);
}

static void check_topic(const struct oracle *oracle, const char *topic, uint32_t partitions, oracle_visit_record *function,
                        const struct lines *expected, struct lines_difference *out)
{
    struct topic_context context = {.oracle = oracle};
    for (uint32_t p = 0; p < partitions; p++)
        oracle_visit(oracle->bus, topic, p, -1, function, &context);
    lines_subtract(topic, expected, &context.found, out);
    lines_free(&context.found);
}

static void check_overlaps(const struct oracle *oracle, struct lines_difference *out)
{
    struct oracle_rates *rates = oracle_rates_open(oracle);
    uint64_t overlaps = oracle_rates_overlaps(rates);
    if (overlaps > 0)
        (void)fprintf(stderr, "oracle: %llu offsets were taken by more than one transaction\n", (unsigned long long)overlaps);
    out->duplicated += overlaps;
    oracle_rates_close(rates);
}

void oracle_check_front(const struct oracle *oracle, struct lines_difference *out)
{
    struct oracle_answer answer = {0};
    const struct topic_names *topics = &oracle->options->topics;
    uint32_t partitions = oracle->options->exchange_partitions;
    oracle_recompute(oracle, &answer);
    check_overlaps(oracle, out);
    check_sums(oracle, &answer, out);
    check_topic(oracle, topics->requests, partitions, visit_value, &answer.requests, out);
    check_topic(oracle, topics->scores, partitions, visit_value, &answer.scores, out);
    check_topic(oracle, topics->dlq, 1, visit_letter, &answer.letters, out);
    oracle_answer_free(&answer);
}
