/*
 * captured_test.c - real producers' records against what they are known to carry: core fields of every
 * dialect, all canonical fields of the OTel GenAI ones, attributes against the Collector's own JSON.
 */
#include "tests/test.h"

#include "engine/base/json.h"
#include "engine/span/dialect.h"
#include "tests/span/otlp_build.h"
#include "tests/span/rows.h"

#define DOCUMENT_BYTES ((size_t)64 << 20)
#define DEPTH          64
#define ROWS_MAX       4096

static const char *const folders[] = {
    "otel-genai-openai",
    "otel-genai-langchain",
    "otel-openai-v2-span",
    "otel-openai-v2-nocontent",
    "otel-openai-v2-events",
    "openinference",
    "openinference-langchain",
    "openlit",
    "openllmetry",
    "openllmetry-langchain",
    "langfuse",
    "litellm",
    "pydantic-ai",
    "strands",
    "vercel-ai-5",
};

static char root_path[1200];

/* ---- one decoded file at a time ------------------------------------------------------------------------ */

struct decoded {
    char name[2048];
    struct buffer bytes;
    struct span_batch *batch;
    struct otlp_cursor cursor;
};

static void load(struct decoded *d, const char *folder, struct bytes file)
{
    char path[2048];
    snprintf(path, sizeof path, "%s/%s/%.*s", root_path, folder, BYTES_FMT(file));
    if (d->batch != NULL && strcmp(d->name, path) == 0)
        return;
    buffer_free(&d->bytes);
    snprintf(d->name, sizeof d->name, "%s", path);
    assert_true(rows_read_file(path, &d->bytes));
    if (d->batch == NULL)
        d->batch = span_batch_create(ROWS_MAX);
    span_batch_reset(d->batch);
    d->batch->wanted = rows_all_columns();
    otlp_cursor_start(&d->cursor, buffer_bytes(&d->bytes), 0, &otlp_limits_default);
    assert_int_equal(otlp_proto_decode(&d->cursor, d->batch), DECODE_DONE);
    assert_int_equal(d->cursor.bad_spans, 0);
}

static void unload(struct decoded *d)
{
    buffer_free(&d->bytes);
    span_batch_destroy(d->batch);
}

/* ---- comparing ------------------------------------------------------------------------------------------ */

struct place {
    const char *folder;
    int64_t index;
    char span[40];
};

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

static void compare_core(const struct place *p, const struct json_value *e,
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
    bool known =
        b->role[row] != ROLE_OTHER; /* what is said about a role is true, if not yet complete */
    EXPECT(!known || bytes_equal_text(json_text(json_get(e, "role")),
                                      span_role_name((enum span_role)b->role[row])),
           p, "role");
}

enum fact_type { FACT_TEXT, FACT_INTEGER, FACT_FINISH, FACT_MILLISECONDS };

static const struct fact {
    const char *name;
    enum span_column column;
    enum fact_type type;
} facts[] = {
    {"operation", SPAN_COLUMN_operation, FACT_TEXT},
    {"provider", SPAN_COLUMN_provider, FACT_TEXT},
    {"request_model", SPAN_COLUMN_request_model, FACT_TEXT},
    {"response_model", SPAN_COLUMN_response_model, FACT_TEXT},
    {"response_id", SPAN_COLUMN_response_id, FACT_TEXT},
    {"input_tokens", SPAN_COLUMN_input_tokens, FACT_INTEGER},
    {"output_tokens", SPAN_COLUMN_output_tokens, FACT_INTEGER},
    {"cached_tokens", SPAN_COLUMN_cache_read_tokens, FACT_INTEGER},
    {"reasoning_tokens", SPAN_COLUMN_reasoning_tokens, FACT_INTEGER},
    {"finish", SPAN_COLUMN_finish_reason, FACT_FINISH},
    {"ttft_ms", SPAN_COLUMN_ttft_ns, FACT_MILLISECONDS},
    {"thread", SPAN_COLUMN_conversation_id, FACT_TEXT},
    {"session", SPAN_COLUMN_conversation_id, FACT_TEXT},
    {"tool_call_id", SPAN_COLUMN_tool_call_id, FACT_TEXT},
    {"tool_name", SPAN_COLUMN_tool_name, FACT_TEXT},
};

static bool names(const struct json_value *array, const char *fact)
{
    for (size_t i = 0; i < json_count(array); i++) {
        if (bytes_equal_text(json_text(json_at(array, i)), fact))
            return true;
    }
    return false;
}

/* Where the span carries it: an attribute of its own, or the finish reason inside its messages. */
static bool on_the_span(const struct json_value *places, const struct fact *fact)
{
    for (size_t i = 0; i < json_count(places); i++) {
        struct bytes place = json_text(json_at(places, i));
        bool elsewhere = (place.size >= 4 && memcmp(place.data, "log:", 4) == 0) ||
                         memchr(place.data, '~', place.size) != NULL ||
                         bytes_equal_text(place, "gen_ai.output.messages");
        if (!elsewhere || (fact->type == FACT_FINISH &&
                           bytes_equal_text(place, "gen_ai.output.messages~/0/finish_reason")))
            return true;
    }
    return false;
}

static bool fact_present(const struct span_batch *b, uint32_t row, const struct fact *fact)
{
    const void *column = span_batch_column(b, fact->column);
    if (fact->type == FACT_TEXT || fact->type == FACT_FINISH)
        return bytes_present(((const struct bytes *)column)[row]);
    return ((const int64_t *)column)[row] != SPAN_I64_ABSENT;
}

static bool fact_equal(const struct span_batch *b, uint32_t row, const struct fact *fact,
                       const struct json_value *truth)
{
    const void *column = span_batch_column(b, fact->column);
    int64_t integer;
    double real, got;
    switch (fact->type) {
    case FACT_TEXT:
        return bytes_equal(((const struct bytes *)column)[row], json_text(truth));
    case FACT_FINISH:
        return bytes_equal(dialect_finish(((const struct bytes *)column)[row]), json_text(truth));
    case FACT_INTEGER:
        return json_integer(truth, &integer) && ((const int64_t *)column)[row] == integer;
    case FACT_MILLISECONDS: /* measured at the endpoint: the client sees it a few ms later */
        got = (double)((const int64_t *)column)[row] / 1e6;
        return json_real(truth, &real) && got >= real - 1 && got <= real + 100;
    }
    return false;
}

static unsigned compare_facts(const struct place *p, const struct json_value *e,
                              const struct span_batch *b, uint32_t row)
{
    unsigned compared = 0;
    const struct json_value *truths = json_get(e, "facts");
    EXPECT(bytes_equal_text(json_text(json_get(e, "role")),
                            span_role_name((enum span_role)b->role[row])),
           p, "role");
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        const struct fact *fact = &facts[i];
        const struct json_value *truth = json_get(truths, fact->name);
        const struct json_value *places = json_get(json_get(e, "carried"), fact->name);
        bool carried =
            on_the_span(places, fact) || (strcmp(fact->name, "operation") == 0 && truth != NULL);
        if (carried) {
            EXPECT(fact_equal(b, row, fact, truth), p, fact->name);
            compared++;
        } else if (strcmp(fact->name, "session") != 0 && strcmp(fact->name, "thread") != 0 &&
                   json_get(json_get(e, "misreported"), fact->name) == NULL &&
                   (names(json_get(e, "dropped"), fact->name) ||
                    names(json_get(e, "only_in_logs"), fact->name))) {
            EXPECT(!fact_present(b, row, fact), p, fact->name);
            compared++;
        }
    }
    return compared;
}

/* Calls `each` for every line of a folder's expected.jsonl, with its row decoded. */
static unsigned for_each_expected(const char *folder,
                                  unsigned (*each)(const struct place *, const struct json_value *,
                                                   const struct span_batch *, uint32_t row))
{
    char path[2048];
    struct buffer text;
    struct decoded decoded = {0};
    unsigned compared = 0;
    snprintf(path, sizeof path, "%s/%s/expected.jsonl", root_path, folder);
    assert_true(rows_read_file(path, &text));
    struct json_document *document = json_create(DOCUMENT_BYTES);
    const uint8_t *at = text.data;
    const uint8_t *end = at + text.size;
    while (at < end) {
        const uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL)
            line_end = end;
        struct error error = {0};
        const struct json_value *e =
            json_parse(document, bytes_of(at, (size_t)(line_end - at)), DEPTH, &error);
        if (e == NULL)
            fail_msg("%s: %s", path, error.message);
        struct place place = {.folder = folder};
        assert_true(json_integer(json_get(e, "index"), &place.index));
        snprintf(place.span, sizeof place.span, "%.*s",
                 BYTES_FMT(json_text(json_get(e, "span_id"))));
        load(&decoded, folder, json_text(json_get(e, "file")));
        assert_in_range(place.index, 0, decoded.batch->rows - 1);
        compared += each(&place, e, decoded.batch, (uint32_t)place.index);
        at = line_end + 1;
    }
    json_destroy(document);
    buffer_free(&text);
    unload(&decoded);
    return compared;
}

static unsigned each_core(const struct place *p, const struct json_value *e,
                          const struct span_batch *b, uint32_t row)
{
    compare_core(p, e, b, row);
    return 1;
}

static void core_fields_of_every_dialect(void **state)
{
    (void)state;
    TEST_NEEDS_DATA(root_path, "captured");
    unsigned spans = 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        spans += for_each_expected(folders[i], each_core);
    print_message("%u spans of %zu producers\n", spans, sizeof folders / sizeof *folders);
    assert_true(spans >= 400);
}

static void all_facts_of_otel_genai(void **state)
{
    (void)state;
    TEST_NEEDS_DATA(root_path, "captured");
    unsigned compared = 0;
    for (size_t i = 0; i < 5; i++)
        compared += for_each_expected(folders[i], compare_facts);
    print_message("%u facts\n", compared);
    assert_true(compared >= 700);
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
        if (alias == NULL || alias->span_rank < 9 || alias->transform != TRANSFORM_TEXT ||
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
    struct decoded decoded = {0};
    unsigned files = 0, compared = 0;
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        for (unsigned number = 0; number < 100; number++) {
            char path[2048], name[32];
            snprintf(path, sizeof path, "%s/%s/%04u.otlp.json", root_path, folders[f], number);
            snprintf(name, sizeof name, "%04u.otlp.pb", number);
            struct buffer text;
            if (!rows_read_file(path, &text))
                continue;
            load(&decoded, folders[f], bytes_from_text(name));
            const struct json_value *json = json_parse(document, buffer_bytes(&text), DEPTH, NULL);
            assert_non_null(json);
            compared += compare_file(path, json, decoded.batch);
            buffer_free(&text);
            files++;
        }
    }
    print_message("%u attributes of %u files\n", compared, files);
    assert_true(files >= 20 && compared >= 400);
    unload(&decoded);
    json_destroy(document);
}

/* ---- field orders ------------------------------------------------------------------------------------------ */

static void any_field_order_gives_the_same_rows(void **state)
{
    (void)state;
    TEST_NEEDS_DATA(root_path, "captured");
    uint64_t rng = test_seed(20261121);
    unsigned rewritten = 0;
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        for (unsigned number = 0; number < 30; number++) {
            char path[2048];
            struct buffer original;
            snprintf(path, sizeof path, "%s/%s/%04u.otlp.pb", root_path, folders[f], number);
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
        cmocka_unit_test(all_facts_of_otel_genai),
        cmocka_unit_test(protobuf_equals_the_collectors_json),
        cmocka_unit_test(any_field_order_gives_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
