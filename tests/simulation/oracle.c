/*
 * oracle.c - the naive answer: one record after another, unbounded memory, no exchange, no commits.
 *
 * Sums: every (cell, minute, metric, bin) from the input against the sum over the committed exchange.
 * Outputs: every request, result and dead letter against the topics. Back: alerts and state against a
 * fresh back that reads the committed exchange log from its start.
 */
#include "tests/simulation/world.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/flow/dedupe.h"
#include "engine/flow/pipeline.h"
#include "engine/flow/request.h"
#include "engine/flow/verdict.h"
#include "engine/state/summary.h"
#include "tests/simulation/lines.h"

#include <stdio.h>

/* ---- naive sums as text lines, sorted and compared ---------------------------------------------------------- */

struct naive {
    struct world *world;
    struct pipeline *pipeline;
    struct span_batch *batch;
    struct rates *rates;
    struct sha256 *sha;
    struct json_document *json;
    struct dedupe *seen[2][8];
    struct lines sums, requests, scores, letters;
};

static void add_sum(struct naive *n, const struct labels *labels, int64_t minute, const char *metric, uint32_t bin, int64_t amount)
{
    char key[512];
    size_t at = 0;
    for (uint32_t i = 0; i < labels->count; i++)
        at += (size_t)snprintf(key + at, sizeof key - at, "%.*s=%.*s,", BYTES_FMT(labels->pairs[i].name), BYTES_FMT(labels->pairs[i].value));
    (void)snprintf(key + at, sizeof key - at, " %lld %s %u", (long long)minute, metric, bin);
    lines_add(&n->sums, key, amount);
}

static void add_levels(struct naive *n, uint32_t row, const char *metric, uint32_t bin, int64_t amount)
{
    const struct span_batch *b = n->batch;
    int64_t minute = b->end_ns[row] / 60000000000;
    struct labels l = {0};
    labels_add(&l, BYTES_LITERAL("app"), b->app[row]);
    labels_add(&l, BYTES_LITERAL("env"), b->env[row]);
    add_sum(n, &l, minute, metric, bin, amount);
    labels_add(&l, BYTES_LITERAL("intent"), b->intent_label[row]);
    add_sum(n, &l, minute, metric, bin, amount);
    labels_add(&l, BYTES_LITERAL("prompt"), b->prompt_label[row]);
    labels_add(&l, BYTES_LITERAL("model"), b->model_label[row]);
    add_sum(n, &l, minute, metric, bin, amount);
}

static void add_score(struct naive *n, uint32_t row)
{
    const struct span_batch *b = n->batch;
    if (b->in_population[row] != 1)
        return;
    struct labels l = {0};
    labels_add(&l, BYTES_LITERAL("app"), b->app[row]);
    labels_add(&l, BYTES_LITERAL("env"), b->env[row]);
    labels_add(&l, BYTES_LITERAL("intent"), b->intent_label[row]);
    labels_add(&l, BYTES_LITERAL("evaluator"), b->evaluator[row]);
    labels_add(&l, BYTES_LITERAL("revision"), b->evaluator_revision[row]);
    char metric[96];
    (void)snprintf(metric, sizeof metric, "score.%.*s", BYTES_FMT(b->dimension[row]));
    add_sum(n, &l, b->end_ns[row] / 60000000000, metric, (uint32_t)(b->score[row] + 0.5) - 1, 1);
}

static void add_row(struct naive *n, uint32_t row)
{
    const struct span_batch *b = n->batch;
    if (b->kind[row] == ROW_VERDICT) {
        add_score(n, row);
        return;
    }
    add_levels(n, row, "spans", (uint32_t)b->role[row], 1);
    if (b->format_bin[row] != SPAN_BIN_ABSENT)
        add_levels(n, row, "format", b->format_bin[row], 1);
    if (b->truncated_bin[row] != SPAN_BIN_ABSENT)
        add_levels(n, row, "truncated", b->truncated_bin[row], 1);
    if (b->words_bin[row] != SPAN_BIN_ABSENT) {
        add_levels(n, row, "words", b->words_bin[row], 1);
        if (b->words[row] > 0)
            add_levels(n, row, "words", 65535, b->words[row]);
    }
}

static void add_outputs(struct naive *n, uint32_t row, const struct world_record *r)
{
    const struct span_batch *b = n->batch;
    struct row_source source = {n->world->options.inputs[0].name, r->partition, r->offset, b->origin[row].span};
    struct buffer value = BUFFER_WITH_LIMIT(1 << 16);
    if (score_wanted(b, row)) {
        score_write(b, row, &source, &value);
        buffer_put_u8(&value, 0);
        lines_add(&n->scores, (const char *)value.data, 1);
    }
    if (b->sample_purpose[row] != SPAN_I64_ABSENT && b->sample_purpose[row] != 0) {
        char id[REQUEST_ID_CHARS];
        buffer_clear(&value);
        request_make_id(b, row, n->sha, id);
        request_write(b, row, &source, bytes_of(id, sizeof id), &value);
        buffer_put_u8(&value, 0);
        lines_add(&n->requests, (const char *)value.data, 1);
    }
    buffer_free(&value);
}

static void run_rows(struct naive *n, int which, const struct world_record *r)
{
    pipeline_run(n->pipeline, n->batch, n->rates);
    for (uint32_t row = 0; row < n->batch->rows; row++) {
        char id[256];
        const struct span_batch *b = n->batch;
        int size = b->kind[row] == ROW_SPAN
                       ? snprintf(id, sizeof id, "%016llx%016llx", (unsigned long long)hash_bytes(b->trace_id[row], 1),
                                  (unsigned long long)hash_bytes(b->span_id[row], 2))
                       : snprintf(id, sizeof id, "%.*s/%.*s", BYTES_FMT(b->request_id[row]), BYTES_FMT(b->dimension[row]));
        uint64_t place = (uint64_t)r->offset << 20 | b->origin[row].span;
        struct dedupe *seen = n->seen[which][r->partition];
        if (dedupe_seen(seen, dedupe_prefetch(seen, bytes_of(id, (size_t)size)), place, 0))
            continue;
        add_row(n, row);
        if (b->kind[row] == ROW_SPAN && b->role[row] == ROLE_CALL)
            add_outputs(n, row, r);
    }
    span_batch_reset(n->batch);
}

static void bury(struct naive *n, const struct world_record *r)
{
    char key[64];
    (void)snprintf(key, sizeof key, "%d/%lld", r->partition, (long long)r->offset);
    lines_add(&n->letters, key, 1);
}

static void run_record(struct naive *n, int which, const struct world_record *r)
{
    struct error error = {0};
    if (which == 1) {
        if (!verdict_decode(r->value, 0, n->json, n->batch, &error))
            bury(n, r);
        run_rows(n, which, r);
        return;
    }
    struct otlp_cursor cursor;
    otlp_cursor_start(&cursor, r->value, 0, &n->world->options.otlp);
    enum decode_result result;
    do {
        result = otlp_proto_decode(&cursor, n->batch);
        run_rows(n, which, r);
    } while (result == DECODE_MORE);
    if (cursor.bad_spans > 0)
        bury(n, r);
}

static struct naive *naive_create(struct world *w)
{
    struct naive *n = memory_allocate(sizeof *n);
    struct error error = {0};
    n->world = w;
    n->pipeline = pipeline_create(w->options.annotators, w->options.annotators_count, &error);
    CHECK(n->pipeline != NULL);
    n->batch = span_batch_create(256);
    n->batch->wanted = *pipeline_columns(n->pipeline);
    n->rates = rates_create(&w->options.rates_default);
    n->sha = sha256_create();
    n->json = json_create((size_t)1 << 20);
    for (int t = 0; t < 2; t++)
        for (int p = 0; p < 8; p++)
            n->seen[t][p] = dedupe_create(UINT32_MAX / 4, INT64_MAX / 4);
    for (int which = 0; which < 2; which++)
        for (uint32_t i = 0; i < w->records_count[which]; i++)
            run_record(n, which, &w->records[which][i]);
    return n;
}

static void naive_destroy(struct naive *n)
{
    pipeline_destroy(n->pipeline);
    span_batch_destroy(n->batch);
    rates_destroy(n->rates);
    sha256_destroy(n->sha);
    json_destroy(n->json);
    for (int t = 0; t < 2; t++)
        for (int p = 0; p < 8; p++)
            dedupe_destroy(n->seen[t][p]);
    lines_free(&n->sums);
    lines_free(&n->requests);
    lines_free(&n->scores);
    lines_free(&n->letters);
    memory_free(n);
}

/* ---- what the engine committed ------------------------------------------------------------------------------- */

static void sum_delta(struct lines *sums, struct metric_table *metrics, const struct cell_delta *delta)
{
    struct labels labels;
    CHECK(labels_decode(delta->labels, &labels));
    char where[400];
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
        char key[512];
        while (summary_next_bin(&body, &previous, &bin)) {
            (void)snprintf(key, sizeof key, "%s %lld %s %u", where, (long long)delta->minute, name, bin.bin);
            lines_add(sums, key, (int64_t)bin.count);
        }
        (void)snprintf(key, sizeof key, "%s %lld %s %u", where, (long long)delta->minute, name, 65535u);
        if (m.sum != 0)
            lines_add(sums, key, m.sum);
    }
}

typedef void visit_record(void *context, const struct bus_record *record, struct bus_reader *reader);

/* end -1: to the end of the log. */
static void visit_until(struct world *w, const char *topic, uint32_t partition, int64_t end, visit_record *function, void *context)
{
    struct error error = {0};
    int64_t low = 0, high = 0;
    CHECK(bus_watermarks(w->bus, topic, (int32_t)partition, &low, &high, &error));
    if (end >= 0)
        high = end;
    struct bus_reader *reader = bus_reader_open(w->bus, topic, (int32_t)partition, low, high, &error);
    CHECK(reader != NULL);
    struct bus_record record;
    while (reader_next(reader, 0, &record, &error) == READER_RECORD)
        function(context, &record, reader);
    reader_close(reader);
}

static void visit(struct world *w, const char *topic, uint32_t partition, visit_record *function, void *context)
{
    visit_until(w, topic, partition, -1, function, context);
}

struct sum_context {
    struct lines *sums;
    struct metric_table *metrics;
};

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

void oracle_check_sums(struct world *w)
{
    struct naive *n = naive_create(w);
    struct lines sums = {0};
    struct sum_context context = {&sums, metric_table_create()};
    for (uint32_t p = 0; p < w->options.exchange_partitions; p++)
        visit(w, w->options.topics.cells, p, visit_cells, &context);
    lines_compare("sums", &n->sums, &sums);
    metric_table_destroy(context.metrics);
    lines_free(&sums);
    naive_destroy(n);
}

static void visit_value(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    (void)reader;
    char *text = memory_allocate(record->value.size + 1);
    memcpy(text, record->value.data, record->value.size);
    lines_add(context, text, 1);
    memory_free(text);
}

static void visit_letter(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    (void)record;
    struct bus_header headers[BUS_HEADERS_MAX];
    uint32_t count = reader_headers(reader, headers, BUS_HEADERS_MAX);
    struct bytes partition = BYTES_NONE, offset = BYTES_NONE;
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_equal_text(headers[i].name, "__sim.errors.partition"))
            partition = headers[i].value;
        if (bytes_equal_text(headers[i].name, "__sim.errors.offset"))
            offset = headers[i].value;
    }
    char key[64];
    (void)snprintf(key, sizeof key, "%.*s/%.*s", BYTES_FMT(partition), BYTES_FMT(offset));
    lines_add(context, key, 1);
}

static void check_topic(struct world *w, const char *topic, uint32_t partitions, visit_record *function, struct lines *expected)
{
    struct lines found = {0};
    for (uint32_t p = 0; p < partitions; p++)
        visit(w, topic, p, function, &found);
    lines_compare(topic, expected, &found);
    lines_free(&found);
}

void oracle_check_outputs(struct world *w)
{
    struct naive *n = naive_create(w);
    uint32_t partitions = w->options.exchange_partitions;
    check_topic(w, w->options.topics.requests, partitions, visit_value, &n->requests);
    check_topic(w, w->options.topics.scores, partitions, visit_value, &n->scores);
    check_topic(w, w->options.topics.dlq, 1, visit_letter, &n->letters);
    naive_destroy(n);
}

/* ---- back: alerts and state from the committed exchange log ---------------------------------------------------- */

struct replica {
    struct world *world;
    struct back *back;
    struct source_mark *marks;
};

static void visit_fold(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    struct replica *r = context;
    struct bus_header headers[BUS_HEADERS_MAX];
    uint32_t count = reader_headers(reader, headers, BUS_HEADERS_MAX);
    struct exchange_stamp stamp;
    struct error error = {0};
    CHECK(exchange_read_headers(headers, count, &stamp, r->marks, &error));
    back_fold(r->back, &stamp, record->value);
}

static void put_state_line(struct lines *lines, struct bytes key, struct bytes value)
{
    char text[128];
    size_t at = 0;
    for (size_t i = 0; i < key.size; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%02x", key.data[i]);
    (void)snprintf(text + at, sizeof text - at, " %zu %016llx", value.size, (unsigned long long)hash_bytes(value, 3));
    lines_add(lines, text, 1);
}

static void visit_changelog(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    (void)reader;
    struct store_key key;
    CHECK(store_key_decode(record->key, &key));
    store_load(context, &key, record->value);
}

static void lines_of_store(struct lines *lines, const struct store *store)
{
    uint32_t cursor = 0;
    struct store_key key;
    struct bytes value;
    while (store_walk(store, &cursor, &key, &value)) {
        uint8_t encoded[STORE_KEY_BYTES];
        store_key_encode(&key, encoded);
        put_state_line(lines, bytes_of(encoded, sizeof encoded), value);
    }
}

/* A bus of its own takes the replica's alerts. */
static void check_partition(struct world *w, uint32_t p, struct bus *bus, struct member *member)
{
    struct outbox *outbox = outbox_create(member, w->options.exchange_partitions, (size_t)1 << 28);
    struct metric_table *metrics = metric_table_create();
    struct replica replica = {w, back_create(p, &w->options.back, metrics, &w->rules, outbox),
                              memory_allocate_array(SOURCES_MAX, sizeof(struct source_mark))};
    struct bus_position folded; /* the newest punctuation is always still to come */
    struct error why = {0};
    CHECK(embedded_log_position(w->bus, w->options.app, w->options.topics.cells, (int32_t)p, &folded, &why));
    visit_until(w, w->options.topics.cells, p, folded.offset, visit_fold, &replica);
    if (outbox_begun(outbox)) {
        struct error error = {0};
        CHECK(member_commit(member, NULL, 0, &error) == COMMIT_DONE);
    }
    store_commit(back_store(replica.back));
    struct store *restored = store_create(UINT64_MAX / 2);
    visit(w, w->options.topics.changelog, p, visit_changelog, restored);
    struct lines expected = {0}, found = {0};
    lines_of_store(&expected, back_store(replica.back));
    lines_of_store(&found, restored);
    lines_compare("state", &expected, &found);
    lines_free(&expected);
    lines_free(&found);
    store_destroy(restored);
    back_destroy(replica.back);
    metric_table_destroy(metrics);
    outbox_destroy(outbox);
    memory_free(replica.marks);
    (void)bus;
}

void oracle_check_back(struct world *w)
{
    struct bus *bus = embedded_log_open(NULL);
    struct error error = {0};
    struct topic_spec spec = {w->options.topics.alerts, 1, TOPIC_DELETE, -1};
    CHECK(bus_create(bus, &spec, &error));
    const char *written[] = {w->options.topics.alerts, w->options.topics.digests};
    struct member_spec member_spec = {.group = "oracle", .transactional_id = "oracle", .topics_written = written, .topics_written_count = 1};
    struct member *member = bus_member_open(bus, &member_spec, &error);
    if (member == NULL)
        (void)fprintf(stderr, "%s\n", error.message);
    CHECK(member != NULL);
    for (uint32_t p = 0; p < w->options.exchange_partitions; p++)
        check_partition(w, p, bus, member);
    struct lines expected = {0}, found = {0};
    struct bus *own = w->bus;
    visit(w, w->options.topics.alerts, 0, visit_value, &found);
    w->bus = bus;
    visit(w, w->options.topics.alerts, 0, visit_value, &expected);
    w->bus = own;
    lines_compare("alerts", &expected, &found);
    lines_free(&expected);
    lines_free(&found);
    member_close(member);
    bus_close(bus);
}
