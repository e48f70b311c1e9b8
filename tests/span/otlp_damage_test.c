/*
 * otlp_damage_test.c - broken records: every truncation, thousands of random changes, hostile sizes.
 * Under the address sanitizer each record lies in a block of exactly its size.
 */
#include "tests/test.h"

#include "tests/span/otlp_build.h"
#include "tests/span/rows.h"

#define LIMIT ((size_t)16 << 20)
#define SPANS 6

static void put_sample(struct buffer *out)
{
    static const char *const finish[] = {"stop", NULL};
    struct buffer resource = BUFFER_WITH_LIMIT(LIMIT), scope = resource, scope_spans = resource,
                  both = resource, span = resource;
    otlp_put_text(&resource, 1, "service.name", "shop");
    otlp_put_text(&resource, 1, "deployment.environment.name", "prod");
    otlp_put_text_field(&scope, 1, "opentelemetry.instrumentation.genai.openai");
    otlp_put_message(&scope_spans, 1, buffer_bytes(&scope));
    for (uint64_t i = 0; i < SPANS; i++) {
        buffer_clear(&span);
        otlp_put_span_core(&span, i, "chat gpt-4o-mini", 1000, 2000);
        otlp_put_message(&span, 4, BYTES_LITERAL("12345678"));
        otlp_put_text(&span, 9, "gen_ai.operation.name", "chat");
        otlp_put_text(&span, 9, "gen_ai.provider.name", "openai");
        otlp_put_texts(&span, 9, "gen_ai.response.finish_reasons", finish);
        otlp_put_integer(&span, 9, "gen_ai.usage.input_tokens", 1234567);
        otlp_put_text(&span, 9, "gen_ai.output.messages",
                      "[{\"role\":\"assistant\",\"finish_reason\":\"stop\"}]");
        otlp_put_message(&span, 15,
                         BYTES_LITERAL("\x12\x03"
                                       "bad\x18\x02"));
        otlp_put_message(&scope_spans, 2, buffer_bytes(&span));
    }
    otlp_put_message(&both, 1, buffer_bytes(&resource));
    otlp_put_message(&both, 2, buffer_bytes(&scope_spans));
    otlp_put_message(out, 1, buffer_bytes(&both));
    struct buffer *all[] = {&resource, &scope, &scope_spans, &both, &span};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buffer_free(all[i]);
}

/* A copy of exactly this size, so that one byte too far is seen. */
static uint8_t *exact_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, data, size);
    return copy;
}

static void every_truncation_keeps_what_lies_before_it(void **state)
{
    (void)state;
    for (int order = ORDER_ASCENDING; order <= ORDER_DESCENDING; order++) {
        struct buffer ascending = BUFFER_WITH_LIMIT(LIMIT), record = ascending;
        put_sample(&ascending);
        assert_true(otlp_reorder(buffer_bytes(&ascending), (enum otlp_order)order, NULL, &record));
        struct span_batch *batch = span_batch_create(4);
        uint32_t rows_before = 0;
        for (size_t size = 0; size <= record.size; size++) {
            uint8_t *copy = exact_copy(record.data, size);
            struct otlp_cursor cursor;
            uint32_t rows = rows_check(bytes_of(copy, size), batch, &cursor);
            assert_in_range(rows, rows_before, SPANS);
            assert_int_equal(cursor.bad_spans > 0, size > 0 && size < record.size);
            if (cursor.bad_spans > 0)
                assert_in_range(cursor.bad_offset, 0, size);
            rows_before = rows;
            free(copy);
        }
        assert_int_equal(rows_before, SPANS);
        span_batch_destroy(batch);
        buffer_free(&ascending);
        buffer_free(&record);
    }
}

static void change(uint8_t *data, size_t size, uint64_t *rng)
{
    unsigned changes = 1 + (unsigned)(otlp_random(rng) % 4);
    for (unsigned i = 0; i < changes; i++) {
        size_t at = (size_t)(otlp_random(rng) % size);
        switch (otlp_random(rng) % 4) {
        case 0:
            data[at] ^= (uint8_t)(1u << otlp_random(rng) % 8);
            break;
        case 1:
            data[at] = (uint8_t)otlp_random(rng);
            break;
        case 2:
            data[at] = 0xff;
            break;
        default: {
            size_t from = (size_t)(otlp_random(rng) % size);
            size_t span = (size_t)(otlp_random(rng) % 64);
            if (at + span <= size && from + span <= size)
                memmove(data + at, data + from, span);
        }
        }
    }
}

static void change_and_decode(struct bytes record, unsigned times, uint64_t *rng)
{
    struct span_batch *batch = span_batch_create(8);
    for (unsigned i = 0; i < times; i++) {
        size_t size =
            otlp_random(rng) % 4 == 0 ? (size_t)(otlp_random(rng) % record.size) + 1 : record.size;
        uint8_t *copy = exact_copy(record.data, size);
        change(copy, size, rng);
        struct otlp_cursor cursor;
        (void)rows_check(bytes_of(copy, size), batch, &cursor);
        free(copy);
    }
    span_batch_destroy(batch);
}

static void random_changes_never_read_outside(void **state)
{
    (void)state;
    uint64_t rng = test_seed(20261122);
    struct buffer ascending = BUFFER_WITH_LIMIT(LIMIT), descending = ascending;
    put_sample(&ascending);
    assert_true(otlp_reorder(buffer_bytes(&ascending), ORDER_DESCENDING, NULL, &descending));
    unsigned times = test_is_full() ? 400000 : 20000;
    change_and_decode(buffer_bytes(&ascending), times, &rng);
    change_and_decode(buffer_bytes(&descending), times, &rng);
    buffer_free(&ascending);
    buffer_free(&descending);
}

static void random_changes_of_real_records(void **state)
{
    (void)state;
    static const char *const files[] = {"otel-genai-openai/0001", "openllmetry/0022",
                                        "strands/0000", "openinference/0001"};
    char path[1200];
    uint64_t rng = test_seed(20261123);
    TEST_NEEDS_DATA(path, "captured/otel-genai-openai/0001.otlp.pb");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[64];
        struct buffer record;
        snprintf(name, sizeof name, "captured/%s.otlp.pb", files[i]);
        if (!test_data_path(path, sizeof path, name) || !rows_read_file(path, &record))
            continue;
        change_and_decode(buffer_bytes(&record), test_is_full() ? 100000 : 3000, &rng);
        buffer_free(&record);
    }
}

/* One bad span between good ones, whatever is wrong inside it, costs one row. */
static void damage_inside_a_span_stays_there(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } damages[] = {
        {"\x4a\x7f", 2},                                          /* attribute goes beyond */
        {"\x4a\x02\x0a\x05", 4},                                  /* key goes beyond */
        {"\x39\x01", 2},                                          /* fixed64 cut */
        {"\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* varint of 11 bytes */
        {"\x07", 1},                                              /* wire type 7 */
        {"\x00\x01", 2},                                          /* field 0 */
        {"\x7a\x02\x12\x05", 4},                                  /* status message goes beyond */
        {"\xbb\x06\x0a", 3},                                      /* group without end */
        {"\x0c", 1},                                              /* end of no group */
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct buffer span = BUFFER_WITH_LIMIT(LIMIT), scope_spans = span, both = span,
                      request = span;
        for (uint64_t n = 0; n < 3; n++) {
            buffer_clear(&span);
            otlp_put_span_core(&span, n, "s", 1, 2);
            if (n == 1)
                buffer_append(&span, damages[i].bytes, damages[i].size);
            otlp_put_message(&scope_spans, 2, buffer_bytes(&span));
        }
        otlp_put_message(&both, 2, buffer_bytes(&scope_spans));
        otlp_put_message(&request, 1, buffer_bytes(&both));
        struct span_batch *batch = span_batch_create(8);
        struct otlp_cursor cursor;
        assert_int_equal(rows_check(buffer_bytes(&request), batch, &cursor), 2);
        assert_int_equal(cursor.bad_spans, 1);
        assert_int_equal(cursor.bad_index, 1);
        assert_in_range(cursor.bad_offset, span.size, request.size - span.size);
        span_batch_destroy(batch);
        struct buffer *all[] = {&span, &scope_spans, &both, &request};
        for (size_t b = 0; b < sizeof all / sizeof *all; b++)
            buffer_free(all[b]);
    }
}

/* Deep nesting and many empty things cost time in proportion to their bytes, no stack. */
static void deep_and_empty_records(void **state)
{
    (void)state;
    struct buffer deep = BUFFER_WITH_LIMIT(LIMIT), record = deep;
    struct span_batch *batch = span_batch_create(8);
    struct otlp_cursor cursor;
    for (int i = 0; i < 100000; i++)
        buffer_append(&deep, "\x0b", 1); /* groups in groups */
    otlp_put_message(&record, 1, buffer_bytes(&deep));
    assert_int_equal(rows_check(buffer_bytes(&record), batch, &cursor), 0);
    assert_int_equal(cursor.bad_spans, 1);
    buffer_clear(&record);
    for (int i = 0; i < 1000000; i++)
        buffer_append(&record, "\x0a\x00", 2); /* empty resources: legal */
    assert_int_equal(rows_check(buffer_bytes(&record), batch, &cursor), 0);
    assert_int_equal(cursor.bad_spans, 0);
    span_batch_destroy(batch);
    buffer_free(&deep);
    buffer_free(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_keeps_what_lies_before_it),
        cmocka_unit_test(random_changes_never_read_outside),
        cmocka_unit_test(random_changes_of_real_records),
        cmocka_unit_test(damage_inside_a_span_stays_there),
        cmocka_unit_test(deep_and_empty_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
