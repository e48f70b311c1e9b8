/* exchange_test.c - what crosses the exchange reads back as it was written; what is damaged is
 * refused. */
#include "tests/test.h"

#include "engine/flow/exchange.h"
#include "engine/state/summary.h"
#include "operators/math/random.h"

/* ---- headers --------------------------------------------------------------------------------- */

static struct exchange_stamp stamp_with(struct source_mark *marks, uint32_t count)
{
    return (struct exchange_stamp){.writer = BYTES_LITERAL("shop-0-1"),
                                   .sequence = 42,
                                   .wall_ms = 1700000000123,
                                   .sources_total = 12,
                                   .rates_version = 1700000040000,
                                   .rules_digest = 0xfedcba9876543210u,
                                   .marks = marks,
                                   .marks_count = count};
}

static void headers_read_back(void **state)
{
    (void)state;
    static struct source_mark marks[] = {
        {0, 0, 0, 0, INT64_MIN, false},
        {1, 11, 5, 900000000000, 1700000000000, true},
        {64, INT32_MAX, INT64_MAX - 1, INT64_MAX, INT64_MAX / 4 - 1, true}};
    static struct source_mark read_marks[SOURCES_MAX];
    struct buffer text = BUFFER_WITH_LIMIT(1 << 16);
    struct bus_header headers[EXCHANGE_HEADERS];
    for (uint32_t count = 0; count <= 3; count++) {
        struct exchange_stamp stamp = stamp_with(marks, count), read;
        struct error error = {0};
        exchange_write_headers(&stamp, &text, headers);
        assert_true(exchange_read_headers(headers, EXCHANGE_HEADERS, &read, read_marks, &error));
        assert_true(bytes_equal(read.writer, stamp.writer));
        assert_int_equal(read.sequence, stamp.sequence);
        assert_int_equal(read.wall_ms, stamp.wall_ms);
        assert_int_equal(read.sources_total, stamp.sources_total);
        assert_int_equal(read.rates_version, stamp.rates_version);
        assert_true(read.rules_digest == stamp.rules_digest);
        assert_int_equal(read.marks_count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(read.marks[i].topic, marks[i].topic);
            assert_int_equal(read.marks[i].partition, marks[i].partition);
            assert_true(read.marks[i].from == marks[i].from && read.marks[i].to == marks[i].to);
            assert_true(read.marks[i].log_time_ms == marks[i].log_time_ms);
            assert_int_equal(read.marks[i].active, marks[i].active);
        }
    }
    /* a time that arithmetic on clocks could overflow */
    struct source_mark hostile = {0, 0, 0, 0, INT64_MAX, true};
    struct exchange_stamp stamp = stamp_with(&hostile, 1), read;
    struct error error = {0};
    exchange_write_headers(&stamp, &text, headers);
    assert_false(exchange_read_headers(headers, EXCHANGE_HEADERS, &read, read_marks, &error));
    buffer_free(&text);
}

static const struct {
    const char *what, *name, *value;
} bad_headers[] = {
    {"another version", "assay-version", "2"},
    {"no version", "assay-version", ""},
    {"a sequence that is no number", "assay-sequence", "x"},
    {"a negative sequence", "assay-sequence", "-1"},
    {"a number beyond 64 bits", "assay-sequence", "99999999999999999999"},
    {"no wall time", "assay-wall-ms", ""},
    {"rates that are no number", "assay-rates", "v7"},
    {"a short digest", "assay-rules", "fedc"},
    {"a digest that is not hexadecimal", "assay-rules", "fedcba987654321g"},
    {"no number of sources", "assay-sources", ";0/0 0-1 5 a"},
    {"too many sources", "assay-sources", "5000"},
    {"a negative number of sources", "assay-sources", "-1"},
    {"a topic out of range", "assay-sources", "1;65/0 0-1 5 a"},
    {"a partition out of range", "assay-sources", "1;0/2147483648 0-1 5 a"},
    {"half a mark", "assay-sources", "1;0/0 0-1"},
    {"a mark without its state", "assay-sources", "1;0/0 0-1 5 "},
    {"another separator", "assay-sources", "1;0:0 0-1 5 a"},
};

static void damaged_headers_are_refused_by_name(void **state)
{
    (void)state;
    static struct source_mark read_marks[SOURCES_MAX];
    struct buffer text = BUFFER_WITH_LIMIT(1 << 16);
    struct bus_header headers[EXCHANGE_HEADERS];
    struct exchange_stamp stamp = stamp_with(NULL, 0), read;
    for (size_t i = 0; i < sizeof bad_headers / sizeof *bad_headers; i++) {
        struct error error = {0};
        exchange_write_headers(&stamp, &text, headers);
        for (int h = 0; h < EXCHANGE_HEADERS; h++)
            if (bytes_equal_text(headers[h].name, bad_headers[i].name))
                headers[h].value = bytes_from_text(bad_headers[i].value);
        if (exchange_read_headers(headers, EXCHANGE_HEADERS, &read, read_marks, &error))
            fail_msg("%s was taken", bad_headers[i].what);
        assert_non_null(strstr(error.message, bad_headers[i].name));
    }
    for (int h = 0; h < EXCHANGE_HEADERS; h++) {
        struct error error = {0};
        exchange_write_headers(&stamp, &text, headers);
        headers[h].name = BYTES_LITERAL("other");
        assert_false(exchange_read_headers(headers, EXCHANGE_HEADERS, &read, read_marks, &error));
    }
    buffer_free(&text);
}

/* ---- cells ----------------------------------------------------------------------------------- */

static const struct layout layouts[] = {{LAYOUT_FLAG, FLAG_BINS, 0, 0},
                                        {LAYOUT_ORDINAL, 5, 0, 0},
                                        {LAYOUT_LOG, LAYOUT_BINS_MAX, 0, 0},
                                        {LAYOUT_LINEAR, 20, 0, 1.5f}};
static const char *const metric_names[] = {"format", "score.relevance", "words", "share"};

struct written {
    struct metric_table *metrics;
    struct buffer summaries[3], body;
    struct cell_delta deltas[3];
};

static int compare_metrics(const void *left, const void *right)
{
    uint32_t a = (*(const struct metric *const *)left)->id,
             b = (*(const struct metric *const *)right)->id;
    return a < b ? -1 : a > b;
}

static void write_body(struct written *w)
{
    *w = (struct written){.metrics = metric_table_create(), .body = BUFFER_WITH_LIMIT(1 << 16)};
    const struct metric *sorted[4];
    for (uint32_t m = 0; m < 4; m++)
        assert_int_equal(
            metric_intern(w->metrics, bytes_from_text(metric_names[m]), &layouts[m], m % 2), m);
    for (uint32_t m = 0; m < 4; m++)
        sorted[m] = metric_at(w->metrics, m);
    qsort(sorted, 4, sizeof *sorted, compare_metrics);
    for (uint32_t i = 0; i < 3; i++) {
        w->summaries[i] = BUFFER_WITH_LIMIT(1 << 12);
        for (uint32_t m = 0; m < 4; m++)
            if (strcmp(sorted[m]->name, "share") != 0 &&
                (i > 0 || strcmp(sorted[m]->name, "words") != 0))
                summary_put(&w->summaries[i], sorted[m]->id, -5 * (int64_t)i,
                            (const struct summary_bin[]){{0, 1 + i}, {3, 1000000000000}}, 2);
        w->deltas[i] = (struct cell_delta){.labels = BYTES_LITERAL("\3app\4shop"),
                                           .minute = 28333333 + (int64_t)i,
                                           .summary = buffer_bytes(&w->summaries[i]),
                                           .exemplars = BYTES_LITERAL("")};
        w->deltas[i].id.bytes[0] = (uint8_t)i;
    }
    w->deltas[2].minute = -1;
    static const uint8_t exemplars[29 * 2] = {1};
    w->deltas[1].exemplars = bytes_of(exemplars, sizeof exemplars);
    exchange_write_cells(w->metrics, w->deltas, 3, &w->body);
}

static void free_body(struct written *w)
{
    metric_table_destroy(w->metrics);
    for (int i = 0; i < 3; i++)
        buffer_free(&w->summaries[i]);
    buffer_free(&w->body);
}

/* Reads all; the number of cells, or -1 on damage. metrics may be of another shard. */
static int read_body(struct bytes body, struct metric_table *metrics, struct cell_delta *out,
                     uint32_t *dictionary)
{
    struct exchange_cells cells;
    struct cell_delta delta;
    uint32_t number = 0;
    int count = 0;
    *dictionary = 0;
    if (!exchange_open_cells(body, &cells))
        return -1;
    while (exchange_next_metric(&cells, metrics, &number))
        ++*dictionary;
    while (!cells.reader.failed && exchange_next_cell(&cells, &delta)) {
        if (out != NULL && count < 3)
            out[count] = delta;
        assert_true(summary_valid(delta.summary));
        count++;
    }
    return cells.reader.failed ? -1 : count;
}

static void cells_read_back_with_their_dictionary(void **state)
{
    (void)state;
    struct written w;
    write_body(&w);
    struct metric_table *elsewhere = metric_table_create();
    (void)metric_intern(elsewhere, BYTES_LITERAL("other"), &layouts[0], 0);
    struct cell_delta read[3];
    uint32_t dictionary = 0;
    assert_int_equal(read_body(buffer_bytes(&w.body), elsewhere, read, &dictionary), 3);
    assert_int_equal(dictionary, 3); /* "share" occurs in no delta */
    assert_int_equal(metric_count(elsewhere), 4);
    for (uint32_t m = 0; m < 3; m++) {
        uint32_t number = metric_find(elsewhere, metric_at(w.metrics, m)->id);
        assert_true(number != METRIC_NONE);
        const struct metric *metric = metric_at(elsewhere, number);
        assert_string_equal(metric->name, metric_names[m]);
        assert_true(layout_equal(&metric->layout, &layouts[m]));
        assert_int_equal(metric->epoch, m % 2);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_memory_equal(read[i].id.bytes, w.deltas[i].id.bytes, CELL_ID_BYTES);
        assert_true(bytes_equal(read[i].labels, w.deltas[i].labels));
        assert_true(read[i].minute == w.deltas[i].minute);
        assert_true(bytes_equal(read[i].summary, w.deltas[i].summary));
        assert_true(bytes_equal(read[i].exemplars, w.deltas[i].exemplars));
    }
    metric_table_destroy(elsewhere);
    free_body(&w);
}

static void a_cut_body_is_refused(void **state)
{
    (void)state;
    struct written w;
    write_body(&w);
    struct metric_table *metrics = metric_table_create();
    uint32_t dictionary = 0;
    for (size_t size = 0; size < w.body.size; size++) {
        uint8_t *exact = malloc(size + 1); /* so that reading past the end is seen */
        memcpy(exact + 1, w.body.data, size);
        assert_int_equal(read_body(bytes_of(exact + 1, size), metrics, NULL, &dictionary), -1);
        free(exact);
    }
    metric_table_destroy(metrics);
    free_body(&w);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void messages_read_back_and_damage_is_refused(void **state)
{
    (void)state;
    static const uint8_t kinds[] = {ENTITY_TRACE, ENTITY_SESSION, ENTITY_APP};
    struct sha256 *sha = sha256_create();
    struct buffer body = BUFFER_WITH_LIMIT(1 << 12);
    size_t ends[4] = {0};
    for (int i = 0; i < 3; i++) {
        struct entity_message message = {.kind = kinds[i],
                                         .name = BYTES_LITERAL("shop"),
                                         .payload = bytes_of("payload", (size_t)i * 3)};
        message.entity = entity_id(message.kind, message.name, sha);
        exchange_write_message(&message, &body);
        ends[i + 1] = body.size;
    }
    struct reader reader = reader_of(buffer_bytes(&body));
    struct entity_message read, first;
    for (int i = 0; i < 3; i++) {
        assert_true(exchange_next_message(&reader, &read));
        assert_int_equal(read.kind, kinds[i]);
        assert_true(bytes_equal_text(read.name, "shop"));
        assert_int_equal(read.payload.size, i * 3);
        first = i == 0 ? read : first;
        assert_true(i == 0 || memcmp(first.entity.bytes, read.entity.bytes, CELL_ID_BYTES) !=
                                  0); /* by kind, too */
    }
    assert_false(exchange_next_message(&reader, &read));
    assert_false(reader.failed);
    for (size_t size = 0; size < body.size; size++) {
        bool whole = size == ends[0] || size == ends[1] || size == ends[2];
        reader = reader_of(bytes_of(body.data, size));
        while (exchange_next_message(&reader, &read)) {
        }
        assert_int_equal(reader.failed, !whole);
    }
    body.data[0] = 9; /* no such kind */
    reader = reader_of(buffer_bytes(&body));
    assert_false(exchange_next_message(&reader, &read));
    assert_true(reader.failed);
    buffer_free(&body);
    sha256_destroy(sha);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_read_back),
        cmocka_unit_test(damaged_headers_are_refused_by_name),
        cmocka_unit_test(cells_read_back_with_their_dictionary),
        cmocka_unit_test(a_cut_body_is_refused),
        cmocka_unit_test(messages_read_back_and_damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
