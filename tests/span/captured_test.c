/*
 * captured_test.c - real producers' records against what they are known to carry: core fields of every
 * dialect, attributes against the Collector's own JSON, field orders.
 */
#include "tests/test.h"

#include "engine/base/json.h"
#include "engine/span/dialect.h"
#include "tests/span/captured.h"
#include "tests/span/otlp_build.h"

#define DOCUMENT_BYTES ((size_t)64 << 20)
#define DEPTH          64

static char root_path[1200];

#define EXPECT(condition, p, what)                                                                 \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s span %lld (%s): %s", (p)->folder, (long long)(p)->index, (p)->span,       \
                     (what));                                                                      \
    } while (0)

static bool same_hex(struct bytes id, struct bytes hex)
{
    if (hex.size != id.size * 2)
        return false;
    for (size_t i = 0; i < id.size; i++) {
        char digits[3];
        snprintf(digits, sizeof digits, "%02x", id.data[i]);
        if (memcmp(digits, hex.data + 2 * i, 2) != 0)
            return false;
    }
    return true;
}

static void compare_core(const struct captured_place *p, const struct json_value *e,
                         const struct span_batch *b, uint32_t row)
{
    int64_t kind = 0, start = 0, end = 0, status = 0;
    EXPECT(same_hex(b->trace_id[row], json_text(json_get(e, "trace_id"))), p, "trace_id");
    EXPECT(same_hex(b->span_id[row], json_text(json_get(e, "span_id"))), p, "span_id");
    EXPECT(same_hex(b->parent_span_id[row], json_text(json_get(e, "parent_span_id"))), p,
           "parent_span_id");
    EXPECT(bytes_equal(b->name[row], json_text(json_get(e, "name"))), p, "name");
    assert_true(json_integer(json_get(e, "kind"), &kind) &&
                json_integer(json_get(e, "start_ns"), &start) &&
                json_integer(json_get(e, "end_ns"), &end));
    EXPECT(b->span_kind[row] == kind, p, "kind");
    EXPECT(b->start_ns[row] == start && b->end_ns[row] == end, p, "times");
    EXPECT(bytes_equal(b->scope[row], json_text(json_get(e, "scope"))), p, "scope");
    EXPECT(bytes_present(b->service[row]), p, "service");
    const struct json_value *state = json_get(e, "status");
    if (json_integer(json_get(state, "code"), &status))
        EXPECT(b->status[row] == status, p, "status code");
    struct bytes message =
        json_text(json_get(state, "message")); /* long ones are shortened there */
    EXPECT(b->status_message[row].size >= message.size &&
               (message.size == 0 ||
                memcmp(b->status_message[row].data, message.data, message.size) == 0),
           p, "status message");
    EXPECT(bytes_equal_text(json_text(json_get(e, "dialect")),
                            dialect_name((enum dialect)b->dialect[row])),
           p, "dialect");
    EXPECT(bytes_equal_text(json_text(json_get(e, "role")),
                            span_role_name((enum span_role)b->role[row])),
           p, "role");
}

static unsigned each_core(void *context, const struct captured_place *p, const struct json_value *e,
                          const struct span_batch *b, uint32_t row)
{
    (void)context;
    compare_core(p, e, b, row);
    return 1;
}

static void core_fields_of_every_dialect(void **state)
{
    (void)state;
    TEST_NEEDS_DATA(root_path, "captured");
    unsigned spans = 0;
    for (size_t i = 0; i < captured_folders_count; i++)
        spans += captured_each(root_path, captured_folders[i], NULL, each_core);
    print_message("%u spans of %zu producers\n", spans, captured_folders_count);
    assert_true(spans >= 400);
}

/* ---- against the Collector's own JSON -------------------------------------------------------------------- */

static unsigned compare_attributes(const char *file, const struct json_value *span,
                                   const struct span_batch *b, uint32_t row)
{
    unsigned compared = 0;
    const struct json_value *attributes = json_get(span, "attributes");
    for (size_t i = 0; i < json_count(attributes); i++) {
        const struct json_value *attribute = json_at(attributes, i);
        struct bytes key = json_text(json_get(attribute, "key"));
        struct bytes text = json_text(json_get(json_get(attribute, "value"), "stringValue"));
        const struct dialect_alias *alias = dialect_find(key.data, key.size);
        if (alias == NULL || alias->span_rank < 89 || alias->transform != TRANSFORM_TEXT ||
            text.size == 0)
            continue;
        struct bytes got = ((const struct bytes *)span_batch_column(b, alias->column))[row];
        if (!bytes_equal(got, text))
            fail_msg("%s span %u: %.*s", file, row, BYTES_FMT(key));
        compared++;
    }
    return compared;
}

static unsigned compare_file(const char *file, const struct json_value *json,
                             const struct span_batch *b)
{
    uint32_t row = 0;
    unsigned compared = 0;
    const struct json_value *resources = json_get(json, "resourceSpans");
    for (size_t r = 0; r < json_count(resources); r++) {
        const struct json_value *scopes = json_get(json_at(resources, r), "scopeSpans");
        for (size_t s = 0; s < json_count(scopes); s++) {
            const struct json_value *spans = json_get(json_at(scopes, s), "spans");
            for (size_t i = 0; i < json_count(spans); i++, row++) {
                const struct json_value *span = json_at(spans, i);
                assert_in_range(row, 0, b->rows - 1);
                assert_true(same_hex(b->trace_id[row], json_text(json_get(span, "traceId"))));
                assert_true(same_hex(b->span_id[row], json_text(json_get(span, "spanId"))));
                compared += compare_attributes(file, span, b, row);
            }
        }
    }
    assert_int_equal(row, b->rows);
    return compared;
}

static void protobuf_equals_the_collectors_json(void **state)
{
    (void)state;
    TEST_NEEDS_DATA(root_path, "captured");
    struct json_document *document = json_create(DOCUMENT_BYTES);
    struct captured_file decoded = {0};
    unsigned files = 0, compared = 0;
    for (size_t f = 0; f < captured_folders_count; f++) {
        for (unsigned number = 0; number < 100; number++) {
            char path[2048], name[32];
            snprintf(path, sizeof path, "%s/%s/%04u.otlp.json", root_path, captured_folders[f], number);
            snprintf(name, sizeof name, "%04u.otlp.pb", number);
            struct buffer text;
            if (!rows_read_file(path, &text))
                continue;
            captured_load(&decoded, root_path, captured_folders[f], bytes_from_text(name));
            const struct json_value *json = json_parse(document, buffer_bytes(&text), DEPTH, NULL);
            assert_non_null(json);
            compared += compare_file(path, json, decoded.batch);
            buffer_free(&text);
            files++;
        }
    }
    print_message("%u attributes of %u files\n", compared, files);
    assert_true(files >= 20 && compared >= 400);
    captured_unload(&decoded);
    json_destroy(document);
}

/* ---- field orders ------------------------------------------------------------------------------------------ */

static void any_field_order_gives_the_same_rows(void **state)
{
    (void)state;
    TEST_NEEDS_DATA(root_path, "captured");
    uint64_t rng = test_seed(20261121);
    unsigned rewritten = 0;
    for (size_t f = 0; f < captured_folders_count; f++) {
        for (unsigned number = 0; number < 30; number++) {
            char path[2048];
            struct buffer original;
            snprintf(path, sizeof path, "%s/%s/%04u.otlp.pb", root_path, captured_folders[f], number);
            if (!rows_read_file(path, &original))
                continue;
            struct buffer rows = BUFFER_WITH_LIMIT((size_t)64 << 20);
            struct otlp_cursor cursor;
            rows_dump(buffer_bytes(&original), 64, NULL, &cursor, &rows);
            for (unsigned order = ORDER_ASCENDING; order < ORDER_RANDOM + 4; order++) {
                struct buffer other = BUFFER_WITH_LIMIT((size_t)64 << 20), other_rows = other;
                assert_true(otlp_reorder(buffer_bytes(&original),
                                         order < ORDER_RANDOM ? order : ORDER_RANDOM, &rng,
                                         &other));
                assert_int_equal(other.size, original.size);
                rows_dump(buffer_bytes(&other), 64, NULL, &cursor, &other_rows);
                assert_string_equal((char *)other_rows.data, (char *)rows.data);
                buffer_free(&other);
                buffer_free(&other_rows);
                rewritten++;
            }
            buffer_free(&rows);
            buffer_free(&original);
        }
    }
    print_message("%u records rewritten\n", rewritten);
    assert_true(rewritten >= 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_fields_of_every_dialect),
        cmocka_unit_test(protobuf_equals_the_collectors_json),
        cmocka_unit_test(any_field_order_gives_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
