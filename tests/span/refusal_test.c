/*
 * refusal_test.c - every kind of poison through the decoders: its own stable code, the good spans beside it,
 * a count per code that adds up, and limits as they are configured.
 */
#include "tests/test.h"

#include "engine/base/file.h"
#include "engine/span/encoding.h"
#include "tests/span/otlp_build.h"
#include "tests/span/poison.h"
#include "tests/span/rows.h"

#define LIMIT  ((size_t)1 << 20)
#define END_NS 1700000000000000000u

#define NAME_OF(name, code) code,
static const char *const codes[] = {"", REFUSALS(NAME_OF)};

/* Part of the outputs' contract: may grow, never change. */
static void codes_are_stable(void **state)
{
    (void)state;
    static const char *const stable[] = {
        "",          "unrecognised",   "wrong_signal",        "compressed",
        "framing",   "no_schema",      "malformed",           "bad_id",
        "bad_value", "too_many_spans", "too_many_attributes", "too_deep",
        "too_large",
    };
    assert_int_equal(REFUSAL_COUNT, sizeof stable / sizeof *stable);
    for (int i = 0; i < REFUSAL_COUNT; i++)
        assert_string_equal(codes[i], stable[i]);
}

static void the_page_names_every_code(void **state)
{
    (void)state;
    struct buffer page = BUFFER_WITH_LIMIT(LIMIT);
    struct error error = {0};
    assert_true(file_read_all(ASSAY_SOURCE_DIR "/engine/README.md", &page, &error));
    buffer_put_u8(&page, 0);
    for (int code = 1; code < REFUSAL_COUNT; code++) {
        char row[64];
        snprintf(row, sizeof row, "\n| `%s` |", codes[code]);
        if (strstr((const char *)page.data, row) == NULL)
            fail_msg("engine/README.md does not say what %s is", codes[code]);
    }
    buffer_free(&page);
}

static uint32_t rows_of(struct bytes value, const struct otlp_limits *limits,
                        struct span_batch *batch, struct otlp_cursor *cursor)
{
    struct encoded_record record;
    const struct encoding_options options = {ENCODING_AUTO, SIGNAL_SPANS, limits, NULL};
    uint32_t rows = 0;
    encoding_start(&record, value, BYTES_NONE, 0, &options);
    enum decode_result result;
    do {
        span_batch_reset(batch);
        result = encoding_decode(&record, batch);
        rows += batch->rows;
    } while (result == DECODE_MORE);
    *cursor = record.cursor;
    return rows;
}

static void every_kind_has_its_code(void **state)
{
    (void)state;
    struct span_batch *batch = span_batch_create(64);
    struct buffer value = BUFFER_WITH_LIMIT(LIMIT);
    uint32_t met[REFUSAL_COUNT] = {0};
    batch->wanted = rows_all_columns();
    for (uint32_t kind = 0; kind < poison_kinds(); kind++) {
        struct otlp_cursor cursor;
        uint32_t refused = 0;
        buffer_clear(&value);
        struct poison_facts facts = poison_put(kind, kind, END_NS, &value);
        uint32_t rows = rows_of(buffer_bytes(&value), &poison_limits, batch, &cursor);
        for (int code = 0; code < REFUSAL_COUNT; code++)
            refused += cursor.refused[code];
        if (cursor.bad_reason == NULL || strcmp(codes[cursor.bad_code], facts.code) != 0 ||
            rows != facts.good || cursor.bad_spans != facts.bad || refused != facts.bad ||
            cursor.refused[cursor.bad_code] != facts.bad || cursor.bad_offset > value.size)
            fail_msg("%s: %u rows, %u bad (%u by codes), code %s, byte %zu of %zu: %s", facts.name,
                     rows, cursor.bad_spans, refused, codes[cursor.bad_code], cursor.bad_offset,
                     value.size, cursor.bad_reason ? cursor.bad_reason : "nothing");
        met[cursor.bad_code]++;
    }
    for (int code = 1; code < REFUSAL_COUNT; code++)
        if (met[code] == 0)
            fail_msg("no poison is refused as %s", codes[code]);
    buffer_free(&value);
    span_batch_destroy(batch);
}

/* Each bad span is counted by what is wrong with it; the letter has the code of the first. */
static void spans_are_counted_each_by_its_code(void **state)
{
    (void)state;
    struct span_batch *batch = span_batch_create(64);
    struct otlp_cursor cursor;
    batch->wanted = rows_all_columns();
    uint32_t rows = rows_of(
        BYTES_LITERAL(
            "[{\"no\":\"ids\"},{\"start_ms\":\"x\"},{\"no\":\"ids\"},"
            "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\"}"),
        &poison_limits, batch, &cursor);
    assert_int_equal(rows, 1);
    assert_int_equal(cursor.bad_code, REFUSAL_BAD_ID);
    assert_int_equal(cursor.refused[REFUSAL_BAD_ID], 2);
    assert_int_equal(cursor.refused[REFUSAL_BAD_VALUE], 1);
    assert_int_equal(cursor.bad_spans, 3); /* the array's missing end costs no span more */
    span_batch_destroy(batch);
}

static void put_nested(struct buffer *out, bool json, uint32_t depth, uint32_t number)
{
    static const char open[] = "{\"arrayValue\":{\"values\":[";
    struct buffer value = BUFFER_WITH_LIMIT(LIMIT), span = value, scope = value, resource = value;
    if (json) {
        buffer_printf(out,
                      "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"%032x\","
                      "\"spanId\":\"%016x\","
                      "\"attributes\":[{\"key\":\"gen_ai.output.messages\",\"value\":",
                      number, number);
        for (uint32_t i = 0; i < depth; i++)
            buffer_append_text(out, open);
        for (uint32_t i = 0; i < depth; i++)
            buffer_append_text(out, "]}}");
        buffer_append_text(out, "}]}]}]}]}");
        return;
    }
    for (uint32_t i = 0; i < depth; i++) {
        struct buffer array = BUFFER_WITH_LIMIT(LIMIT);
        if (i > 0)
            otlp_put_message(&array, 1, buffer_bytes(&value));
        buffer_clear(&value);
        otlp_put_message(&value, 5, buffer_bytes(&array));
        buffer_free(&array);
    }
    otlp_put_span_core(&span, number, "chat", 1, 2);
    otlp_put_value(&span, 9, "gen_ai.output.messages", buffer_bytes(&value));
    otlp_put_message(&scope, 2, buffer_bytes(&span));
    otlp_put_message(&resource, 2, buffer_bytes(&scope));
    otlp_put_message(out, 1, buffer_bytes(&resource));
    buffer_free(&value);
    buffer_free(&span);
    buffer_free(&scope);
    buffer_free(&resource);
}

/* The same depth in both encodings, up to the most that can be configured. */
static void depth_is_counted_alike(void **state)
{
    (void)state;
    struct span_batch *batch = span_batch_create(64);
    struct buffer value = BUFFER_WITH_LIMIT(LIMIT);
    batch->wanted = rows_all_columns();
    for (uint32_t most = 4; most <= 64; most += 20) {
        struct otlp_limits limits = otlp_limits_default;
        limits.nesting_depth_max = most;
        for (uint32_t depth = most - 1; depth <= most + 1; depth++) {
            for (int json = 0; json <= 1; json++) {
                struct otlp_cursor cursor;
                buffer_clear(&value);
                put_nested(&value, json, depth, depth);
                uint32_t rows = rows_of(buffer_bytes(&value), &limits, batch, &cursor);
                assert_int_equal(rows, depth <= most);
                assert_int_equal(cursor.refused[REFUSAL_TOO_DEEP], depth > most);
                assert_int_equal(cursor.bad_spans, depth > most);
            }
        }
    }
    buffer_free(&value);
    span_batch_destroy(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_stable),
        cmocka_unit_test(the_page_names_every_code),
        cmocka_unit_test(every_kind_has_its_code),
        cmocka_unit_test(spans_are_counted_each_by_its_code),
        cmocka_unit_test(depth_is_counted_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
