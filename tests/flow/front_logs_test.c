/*
 * front_logs_test.c - log records through a front: repeats, what is measured without a span, what goes to the
 * owner of the trace instead, and that no text goes with it.
 */
#define _GNU_SOURCE
#include "tests/test.h"

#include "tests/flow/front_rig.h"

#include "engine/flow/digests.h"
#include "engine/flow/exchange_digests.h"
#include "engine/state/summary.h"

#define TRACE         "0102030405060708090a0b0c0d0e0f10"
#define IDS(n, time)  "\"traceId\":\"" TRACE "\",\"spanId\":\"01020304050607" n "\",\"timeUnixNano\":\"16999999990000000" time "\""
#define TEXT(key, text) "{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" text "\"}}"
#define SECRET        "confidential"
#define CHOICE(head, text, finish)                                                                                            \
    "{" head ",\"eventName\":\"gen_ai.choice\",\"body\":{\"kvlistValue\":{\"values\":[" TEXT("finish_reason", finish)        \
        ",{\"key\":\"message\",\"value\":{\"kvlistValue\":{\"values\":[" TEXT("content", text) "]}}}]}}}"
#define SCORE(head, name, value)                                                                                              \
    "{" head ",\"eventName\":\"gen_ai.evaluation.result\",\"attributes\":[" TEXT("gen_ai.evaluation.name", name)             \
        ",{\"key\":\"gen_ai.evaluation.score.value\",\"value\":{\"doubleValue\":" value "}}]}"

static void send_logs(struct rig *rig, const char *records)
{
    char text[8192];
    int size = snprintf(text, sizeof text, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[" TEXT("service.name", "shop") "]},"
                                           "\"scopeLogs\":[{\"logRecords\":[%s]}]}]}", records);
    assert_true(size > 0 && (size_t)size < sizeof text);
    rig_send(rig, bytes_of(text, (size_t)size), BYTES_NONE);
}

/* What the finest cells hold: "metric intent bin count" of one metric, as text. */
static void sums_of(struct rig *rig, const char *metric, char *out, size_t size)
{
    uint32_t count = 0;
    out[0] = 0;
    const struct cell_delta *deltas = measure_flush(front_measure(rig->front), &count);
    for (uint32_t i = 0; i < count; i++) {
        struct labels labels;
        struct summary_metric m;
        assert_true(labels_decode(deltas[i].labels, &labels));
        if (!bytes_present(labels_get(&labels, "prompt")) && !bytes_present(labels_get(&labels, "evaluator")))
            continue;
        struct reader reader = reader_of(deltas[i].summary);
        while (summary_next(&reader, &m)) {
            struct summary_bin bin;
            struct reader body = reader_of(m.body);
            uint32_t previous = 0;
            if (strcmp(metric_at(rig->metrics, metric_find(rig->metrics, m.metric))->name, metric) != 0)
                continue;
            while (summary_next_bin(&body, &previous, &bin))
                (void)snprintf(out + strlen(out), size - strlen(out), "%.*s/%.*s %u:%llu;", BYTES_FMT(labels_get(&labels, "app")),
                               BYTES_FMT(labels_get(&labels, "intent")), bin.bin, (unsigned long long)bin.count);
        }
    }
    measure_release(front_measure(rig->front));
}

static void untracked_logs_are_measured_without_their_span(void **state)
{
    (void)state;
    struct rig rig;
    char text[1024];
    rig_open_logs(&rig, false);
    send_logs(&rig, CHOICE(IDS("01", "01"), "not JSON", "stop") "," SCORE(IDS("01", "02"), "tone", "4.0") ","
                    "{" IDS("01", "03") ",\"eventName\":\"gen_ai.user.message\",\"body\":{\"stringValue\":\"hello\"}},"
                    "{" IDS("01", "04") ",\"eventName\":\"http.request\"}");
    const struct front_counters *counts = rig_run(&rig, 1);
    assert_int_equal(counts->spans, 0);
    assert_int_equal(counts->content_rows, 2);
    assert_int_equal(counts->verdict_rows, 1);
    assert_int_equal(counts->logs_skipped, 1);
    assert_int_equal(counts->unjoined, 3);
    sums_of(&rig, "words", text, sizeof text);
    assert_string_equal(text, "shop/unknown 35:1;");
    rig_close(&rig);
}

/* Whether JSON was asked for only the span knows; the finish reason speaks for itself. */
static void only_a_span_knows_what_was_asked_for(void **state)
{
    (void)state;
    const char *const metrics[] = {"format", "truncated", "score.tone", "spans"};
    const char *const expected[] = {"", "shop/unknown 1:1;", "shop/unknown 3:1;", ""};
    for (int i = 0; i < 4; i++) {
        struct rig rig;
        char text[1024];
        rig_open_logs(&rig, false);
        send_logs(&rig, CHOICE(IDS("01", "01"), "not JSON", "length") "," SCORE(IDS("01", "02"), "tone", "4.0"));
        (void)rig_run(&rig, 1);
        sums_of(&rig, metrics[i], text, sizeof text);
        assert_string_equal(text, expected[i]);
        rig_close(&rig);
    }
}

static void repeats_are_known_and_two_events_of_a_span_differ(void **state)
{
    (void)state;
    struct rig rig;
    const char *const records = CHOICE(IDS("01", "01"), "one", "stop") "," CHOICE(IDS("01", "01"), "two", "stop") "," CHOICE(
        IDS("01", "02"), "one", "stop") "," CHOICE(IDS("02", "01"), "one", "stop") "," SCORE(IDS("01", "01"), "tone", "4.0") "," SCORE(
        IDS("01", "01"), "relevance", "4.0") "," SCORE(IDS("01", "02"), "tone", "4.0");
    rig_open_logs(&rig, false);
    send_logs(&rig, records);
    assert_int_equal(rig_run(&rig, 1)->duplicates, 0);
    send_logs(&rig, records);
    const struct front_counters *counts = rig_run(&rig, 2);
    assert_int_equal(counts->duplicates, 7);
    assert_int_equal(counts->unjoined, 7);
    rig_close(&rig);
}

/* All digests of the running transaction; returns how many. */
static uint32_t read_digests(struct rig *rig, struct digest *out, uint32_t max, struct digest_block *block, struct buffer *body)
{
    uint32_t found = 0;
    for (uint32_t partition = 0; partition < rig->options.exchange_partitions; partition++) {
        uint32_t at = 0;
        buffer_clear(body);
        (void)digests_write(front_digests(rig->front), rig->metrics, partition, &at, 1 << 20, body);
        struct reader reader = reader_of(buffer_bytes(body));
        if (!exchange_has_digests(&reader))
            continue;
        struct digest_set set;
        struct bytes rows;
        assert_true(exchange_open_digests(&reader, rig->metrics, block));
        while (exchange_next_digest_set(block, rig->metrics, &set))
            assert_true(bytes_equal_text(set.labels[0], "shop"));
        assert_true(exchange_digest_rows(block, &rows));
        for (uint32_t i = 0; i < rows.size / DIGEST_BYTES && found < max; i++)
            assert_true(exchange_digest_at(block, rows, i, &out[found++]));
    }
    return found;
}

static void tracked_logs_go_to_the_owner_of_the_trace(void **state)
{
    (void)state;
    struct rig rig;
    struct digest all[8];
    struct digest_block block;
    struct buffer body = BUFFER_WITH_LIMIT(1 << 20);
    rig_open_logs(&rig, true);
    send_logs(&rig, CHOICE(IDS("01", "01"), "so " SECRET, "stop") "," SCORE(IDS("01", "02"), "tone", "4.0") ","
                    "{" IDS("01", "03") ",\"eventName\":\"gen_ai.user.message\",\"body\":{\"stringValue\":\"hi\"}},"
                    "{\"traceId\":\"" TRACE "\",\"eventName\":\"gen_ai.user.message\",\"body\":{\"stringValue\":\"hello\"}}");
    rig_take(&rig, 1);
    const struct front_counters *counts = front_counts(rig.front);
    assert_int_equal(counts->unjoined, 1); /* of no span */
    uint32_t count = read_digests(&rig, all, 8, &block, &body);
    assert_int_equal(count, 2);
    assert_int_equal(block.metrics_count, 3);
    assert_int_equal(all[0].kind, DIGEST_CONTENT);
    assert_int_equal(all[0].log_ms, NOW_MS);
    assert_int_equal(all[0].results[0], FLAG_FAIL); /* if JSON was asked for */
    assert_int_equal(all[0].results[1], FLAG_PASS);
    assert_int_equal(all[0].amounts[0], 2);
    assert_int_equal(all[1].kind, DIGEST_EVALUATION);
    assert_int_equal(all[1].results[0], 3);
    assert_memory_equal(&all[0].span_id, "\x01\x02\x03\x04\x05\x06\x07\x01", 8);
    assert_null(memmem(body.data, body.size, SECRET, strlen(SECRET)));
    assert_true(measure_empty(front_measure(rig.front)));
    front_rollback(rig.front);
    assert_int_equal(digests_bytes(front_digests(rig.front)), 0);
    buffer_free(&body);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untracked_logs_are_measured_without_their_span),
        cmocka_unit_test(only_a_span_knows_what_was_asked_for),
        cmocka_unit_test(repeats_are_known_and_two_events_of_a_span_differ),
        cmocka_unit_test(tracked_logs_go_to_the_owner_of_the_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
