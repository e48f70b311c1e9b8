/*
 * otlp_twin_test.c - the same random requests in protobuf and in JSON give the same rows, the same bad
 * spans and the same cut strings, in batches of any size: 10^4 requests, with ASSAY_FULL 10^6.
 */
#include "tests/test.h"

#include "tests/span/otlp_twin.h"
#include "tests/span/rows.h"

static void compare(struct twin *twin, uint64_t number, const struct otlp_limits *limits)
{
    static const uint32_t capacities[] = {1, 3, 64};
    enum signal_kind signal = twin->logs ? SIGNAL_LOGS : SIGNAL_SPANS;
    struct encoding_options proto = {ENCODING_OTLP_PROTO, signal, limits, NULL};
    struct encoding_options json = {ENCODING_AUTO, signal, limits, NULL};
    struct encoded_record a, b;
    struct buffer left = BUFFER_WITH_LIMIT((size_t)64 << 20), right = left;
    rows_dump_encoded(buffer_bytes(&twin->proto), &proto, 64, &a, &left);
    rows_dump_encoded(buffer_bytes(&twin->json), &json, capacities[number % 3], &b, &right);
    bool same = bytes_equal(buffer_bytes(&left), buffer_bytes(&right)) &&
                a.cursor.bad_spans == b.cursor.bad_spans &&
                a.cursor.cut_strings == b.cursor.cut_strings &&
                a.cursor.skipped == b.cursor.skipped && a.cursor.bad_index == b.cursor.bad_index;
    if (!same) { /* in full: cmocka would cut it */
        fprintf(stderr, "%.*s\n--- protobuf\n%s--- JSON\n%s", (int)twin->json.size,
                (const char *)twin->json.data, (const char *)left.data, (const char *)right.data);
        fail_msg("request %llu differs: bad %u and %u (%s), cut %u and %u, skipped %u and %u",
                 (unsigned long long)number, a.cursor.bad_spans, b.cursor.bad_spans,
                 b.cursor.bad_reason ? b.cursor.bad_reason : "", a.cursor.cut_strings,
                 b.cursor.cut_strings, a.cursor.skipped, b.cursor.skipped);
    }
    assert_int_equal(b.encoding, ENCODING_OTLP_JSON);
    if (!twin->logs)
        assert_int_equal(a.cursor.bad_spans, twin->bad_leaves);
    buffer_free(&left);
    buffer_free(&right);
}

static void compare_many(bool logs)
{
    const struct otlp_limits small = {.spans_per_record_max = 6,
                                      .attributes_per_span_max = 9,
                                      .string_bytes_max = 64,
                                      .nesting_depth_max = 32};
    struct twin twin;
    uint64_t requests = test_is_full() ? 1000000 : 10000, leaves = 0, bad = 0;
    twin_open(&twin, test_seed(20261121) + logs, logs);
    for (uint64_t number = 0; number < requests; number++) {
        twin_next(&twin);
        compare(&twin, number, &otlp_limits_default);
        leaves += twin.leaves;
        bad += twin.bad_leaves;
        if (number % 4 == 0) {
            twin.bad_leaves = 0;
            struct encoded_record a, b;
            struct encoding_options options = {ENCODING_OTLP_PROTO,
                                               logs ? SIGNAL_LOGS : SIGNAL_SPANS, &small, NULL};
            struct buffer left = BUFFER_WITH_LIMIT((size_t)64 << 20), right = left;
            rows_dump_encoded(buffer_bytes(&twin.proto), &options, 64, &a, &left);
            options.encoding = ENCODING_OTLP_JSON;
            rows_dump_encoded(buffer_bytes(&twin.json), &options, 2, &b, &right);
            assert_string_equal((const char *)left.data, (const char *)right.data);
            assert_int_equal(a.cursor.bad_spans, b.cursor.bad_spans);
            assert_int_equal(a.cursor.cut_strings, b.cursor.cut_strings);
            buffer_free(&left);
            buffer_free(&right);
        }
    }
    print_message("%llu requests, %llu leaves, %llu of them bad\n", (unsigned long long)requests,
                  (unsigned long long)leaves, (unsigned long long)bad);
    assert_true(leaves > requests / 2);
    twin_close(&twin);
}

static void traces_are_the_same(void **state)
{
    (void)state;
    compare_many(false);
}

static void logs_are_the_same(void **state)
{
    (void)state;
    compare_many(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traces_are_the_same),
        cmocka_unit_test(logs_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
