/*
 * state.c - what series cost: bytes per series and time to restore, at 10,000 cells of ten series each
 * with fourteen days of hours, two days of hours and an hour of minutes in their rings.
 *
 * Deltas go through back_fold; the changelog goes to the embedded log and is read back from there, so
 * restore time is Assay's own: a broker adds its reading. --quick: 500 cells; --json.
 */
#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/bus/embedded_log.h"
#include "engine/flow/owned.h"
#include "engine/flow/topics.h"
#include "engine/state/summary.h"
#include "operators/registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_PER_CELL 10
#define DAYS 14
#define START_MINUTE ((int64_t)29000000 / 1440 * 1440)

struct state_bench {
    struct flow_options options;
    struct rule_set rules;
    struct bus *bus;
    struct member *member;
    struct outbox *outbox;
    struct metric_table *metrics;
    struct cell_delta *deltas;
    struct buffer summaries;
    uint32_t cells;
    uint64_t random;
    uint64_t sequence;
};

static void make_options(struct state_bench *b)
{
    b->options = (struct flow_options){
        .app = "state", .instance = "0", .inputs = {{"otlp_spans", INPUT_SPANS, ENCODING_OTLP_PROTO}}, .inputs_count = 1,
        .topics = {"s-cells", "s-digests", "s-changelog", "s-rates", "s.requests", "s.scores", "s.alerts", "s.dlq", "s.decisions"},
        .exchange_partitions = 1,
        .back = {.settle_ms = 30000, .inactive_after_ms = 10000, .series_max = 1000, .cells_max = 1000000,
                 .store_limit_bytes = (uint64_t)1 << 40, .topic_alerts = "s.alerts",
                 .sure = registry_find_detector(BYTES_LITERAL("shift")), .big = registry_find_detector(BYTES_LITERAL("effect"))},
        .rules = &b->rules,
    };
}

static void make_rule(struct rule_set *set)
{
    struct rule *rule = &set->rules[set->count++];
    *rule = (struct rule){.id = "R094", .metric = "flag*", .effect_relative = NAN, .effect_ratio = 2, .threshold = NAN,
                          .tolerance = NAN, .window_ms = 3600000, .effect_min_count = 20, .baseline_window_ms = DAYS * (int64_t)86400000,
                          .baseline_min_count = 100, .budget_alarms = 1, .budget_period_ms = 30 * (int64_t)86400000, .sure = true,
                          .levels_count = 1};
    rule->levels[0].labels_count = 2;
    memcpy(rule->levels[0].labels[0].name, "app", 4);
    memcpy(rule->levels[0].labels[0].value, "*", 2);
    memcpy(rule->levels[0].labels[1].name, "intent", 7);
    memcpy(rule->levels[0].labels[1].value, "*", 2);
}

static void open_bench(struct state_bench *b, uint32_t cells)
{
    struct error error = {0};
    uint32_t created = 0;
    make_options(b);
    make_rule(&b->rules);
    b->cells = cells;
    b->random = 1;
    b->bus = embedded_log_open(NULL);
    CHECK(topics_create(b->bus, &b->options, 1, &created, &error));
    const char *written[] = {"s.alerts", "s-changelog", "s-digests"};
    struct member_spec spec = {.group = "s", .transactional_id = "s", .topics_written = written, .topics_written_count = 3};
    b->member = bus_member_open(b->bus, &spec, &error);
    b->outbox = outbox_create(b->member, 1, (size_t)1 << 34);
    b->metrics = metric_table_create();
    b->deltas = memory_allocate_array(cells, sizeof *b->deltas);
    b->summaries = BUFFER_WITH_LIMIT((size_t)1 << 32);
}

static int by_id(const void *left, const void *right)
{
    return memcmp(((const struct cell_delta *)left)->id.bytes, ((const struct cell_delta *)right)->id.bytes, CELL_ID_BYTES);
}

static void make_cells(struct state_bench *b, struct arena *arena)
{
    struct sha256 *sha = sha256_create();
    for (uint32_t i = 0; i < b->cells; i++) {
        char app[32], intent[32];
        struct labels labels = {0};
        struct buffer text = BUFFER_WITH_LIMIT(256);
        (void)snprintf(app, sizeof app, "application-%u", i / 100);
        (void)snprintf(intent, sizeof intent, "intent-%u", i % 100);
        labels_add(&labels, BYTES_LITERAL("app"), bytes_from_text(app));
        labels_add(&labels, BYTES_LITERAL("intent"), bytes_from_text(intent));
        labels_encode(&labels, &text);
        b->deltas[i].labels = arena_copy(arena, buffer_bytes(&text));
        b->deltas[i].id = cell_id_of(b->deltas[i].labels, sha);
        buffer_free(&text);
    }
    sha256_destroy(sha);
    qsort(b->deltas, b->cells, sizeof *b->deltas, by_id);
}

static uint64_t next_random(struct state_bench *b) { return b->random = b->random * 6364136223846793005u + 1442695040888963407u; }

/* Ten series: four flags, four scores, two with log bins (a dozen bins in use each). */
static void put_summary(struct state_bench *b)
{
    struct layout flag = LAYOUT_OF_FLAG, ordinal = LAYOUT_OF_ORDINAL(5), log_bins = LAYOUT_OF_LOG;
    uint32_t ids[SERIES_PER_CELL];
    for (int i = 0; i < SERIES_PER_CELL; i++) {
        char name[32];
        const struct layout *layout = i < 4 ? &flag : i < 8 ? &ordinal : &log_bins;
        (void)snprintf(name, sizeof name, "%s%d", i < 4 ? "flag" : i < 8 ? "score" : "log", i);
        ids[i] = metric_at(b->metrics, metric_intern(b->metrics, bytes_from_text(name), layout, EPOCH_MINUTE))->id;
    }
    for (int i = 1; i < SERIES_PER_CELL; i++) /* summaries ascend by id */
        for (int j = i; j > 0 && ids[j - 1] > ids[j]; j--) {
            uint32_t swap = ids[j];
            ids[j] = ids[j - 1];
            ids[j - 1] = swap;
        }
    for (int i = 0; i < SERIES_PER_CELL; i++) {
        const struct metric *metric = metric_at(b->metrics, metric_find(b->metrics, ids[i]));
        struct summary_bin bins[12];
        uint32_t count = metric->layout.kind == LAYOUT_LOG ? 12 : metric->layout.kind == LAYOUT_FLAG ? 2 : 5;
        uint16_t first = metric->layout.kind == LAYOUT_LOG ? (uint16_t)(300 + next_random(b) % 7) : 0;
        for (uint32_t k = 0; k < count; k++)
            bins[k] = (struct summary_bin){(uint16_t)(first + k), 1 + (next_random(b) >> 33) % (k == 1 ? 3 : 40)};
        summary_put(&b->summaries, ids[i], metric->layout.kind == LAYOUT_LOG ? 12345 : 0, bins, count);
    }
}

/* One exchange record with a delta of every cell at this minute. */
static void fold_minute(struct state_bench *b, struct back *back, int64_t minute)
{
    size_t *starts = memory_allocate_array(b->cells + 1, sizeof *starts);
    buffer_clear(&b->summaries);
    for (uint32_t i = 0; i < b->cells; i++) {
        starts[i] = b->summaries.size;
        put_summary(b);
    }
    starts[b->cells] = b->summaries.size;
    for (uint32_t i = 0; i < b->cells; i++) {
        b->deltas[i].minute = minute;
        b->deltas[i].summary = bytes_of(b->summaries.data + starts[i], starts[i + 1] - starts[i]);
        b->deltas[i].exemplars = bytes_of("", 0);
    }
    struct buffer body = BUFFER_WITH_LIMIT((size_t)1 << 32);
    exchange_write_cells(b->metrics, b->deltas, b->cells, &body);
    struct source_mark mark = {.log_time_ms = minute * 60000, .active = true};
    struct exchange_stamp stamp = {.writer = BYTES_LITERAL("w"), .sequence = ++b->sequence, .wall_ms = minute * 60000,
                                   .sources_total = 1, .marks = &mark, .marks_count = 1};
    back_fold(back, &stamp, buffer_bytes(&body));
    store_commit(back_store(back));
    buffer_free(&body);
    memory_free(starts);
}

static void write_changelog(struct state_bench *b, struct store *store)
{
    uint32_t cursor = 0;
    struct store_key key;
    struct bytes value;
    struct error error = {0};
    while (store_walk(store, &cursor, &key, &value)) {
        uint8_t encoded[STORE_KEY_BYTES];
        store_key_encode(&key, encoded);
        struct bus_output output = {.topic = "s-changelog", .partition = 0, .key = bytes_of(encoded, sizeof encoded), .value = value};
        CHECK(embedded_log_append(b->bus, &output, NULL, &error));
    }
}

static double restore(struct state_bench *b)
{
    struct error error = {0};
    struct owned_set *set = owned_create(&b->options, b->bus, b->metrics, NULL, b->outbox);
    struct bus_position position = {.source = {1, 0}, .offset = 0};
    int64_t start_ns = clock_monotonic_ns();
    CHECK(owned_assign(set, false, &position, &error));
    struct owned *ready = NULL;
    while (ready == NULL)
        CHECK(owned_restore_step(set, 20000, &ready, &error));
    double seconds = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    owned_destroy(set);
    return seconds;
}

int main(int argc, char **argv)
{
    uint32_t cells = 10000;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        cells = strcmp(argv[i], "--quick") == 0 ? 500 : cells;
        json = json || strcmp(argv[i], "--json") == 0;
    }
    struct state_bench *b = memory_allocate(sizeof *b);
    struct arena *arena = arena_create((size_t)1 << 30);
    open_bench(b, cells);
    make_cells(b, arena);
    struct back *back = back_create(0, &b->options.back, b->metrics, &b->rules, b->outbox);
    for (int64_t hour = 0; hour < DAYS * 24; hour++)
        fold_minute(b, back, START_MINUTE + hour * 60);
    for (int64_t minute = 1; minute < 60; minute++)
        fold_minute(b, back, START_MINUTE + (DAYS * 24 - 1) * 60 + minute);
    double series = (double)cells * SERIES_PER_CELL, bytes = (double)store_bytes(back_store(back));
    write_changelog(b, back_store(back));
    double seconds = restore(b);
    if (json)
        printf("{\"bench\":\"state\",\"series\":%.0f,\"bytes_per_series\":%.0f,\"entries\":%u,\"restore_seconds\":%.2f}\n", series,
               bytes / series, store_count(back_store(back)), seconds);
    else
        printf("%.0f series in %u cells: %.0f bytes a series, %u entries, restored in %.2f s\n", series, cells, bytes / series,
               store_count(back_store(back)), seconds);
    back_destroy(back);
    metric_table_destroy(b->metrics);
    arena_destroy(arena);
    return 0;
}
