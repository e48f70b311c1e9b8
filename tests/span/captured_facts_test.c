/*
 * captured_facts_test.c - real producers' spans against the truth about their calls: what is carried
 * comes out, what was dropped is not made up, one call has one leaf. Prints a table per producer.
 *
 * `carried` and `dropped` were found by value, not by name. The few places where a producer's own word is
 * not the truth, or a value stands there for another reason, are in the table `known` with the reason.
 */
#include "tests/test.h"

#include "engine/base/json.h"
#include "engine/span/canonical_json.h"
#include "engine/span/leaves.h"
#include "tests/span/captured.h"

#define DOCUMENT_BYTES ((size_t)16 << 20)

static char root_path[1200];

struct table {
    unsigned right, wrong, missing, invented, known, roles;
    struct json_document *document;
    struct buffer line;
};

static const char *const facts[] = {
    "provider",      "request_model",      "response_model",   "response_id", "input_tokens",
    "output_tokens", "cached_tokens",      "reasoning_tokens", "finish",      "session",
    "user",          "cache_write_tokens", "tool_name",        "tool_call_id", "prompt_version",
    "ttft_ms",
};

static const struct {
    const char *folder, *fact, *why;
} known[] = {
    {"litellm", "response_id", "Anthropic's id is replaced by an own one"},
    {"litellm", "response_model", "streams repeat the model that was asked for"},
    {"litellm", "request_model", "only on the raw copy, where the response's model happens to be equal"},
    {"openllmetry-langchain", "response_model", "streams repeat the model that was asked for"},
    {"otel-genai-langchain", "session", "gen_ai.conversation.id is the thread's"},
};

static bool is_known(const char *folder, const char *fact)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].folder, folder) == 0 && strcmp(known[i].fact, fact) == 0)
            return true;
    return false;
}

static bool names(const struct json_value *array, const char *fact)
{
    for (size_t i = 0; i < json_count(array); i++)
        if (bytes_equal_text(json_text(json_at(array, i)), fact))
            return true;
    return json_get(array, fact) != NULL;
}

static bool on_the_span(const struct json_value *places)
{
    for (size_t i = 0; i < json_count(places); i++) {
        struct bytes place = json_text(json_at(places, i));
        if (place.size < 4 || memcmp(place.data, "log:", 4) != 0)
            return true;
    }
    return false;
}

/* TTFT was measured at the endpoint; what the client saw lies between that and the span's duration. */
static bool equal(const char *fact, const struct json_value *got, const struct json_value *truth,
                  double duration_ms)
{
    double a, b;
    if (strcmp(fact, "ttft_ms") == 0)
        return json_real(got, &a) && json_real(truth, &b) && a >= b - 1 && a <= duration_ms;
    if (json_is_text(truth))
        return bytes_equal(json_text(got), json_text(truth));
    return json_real(got, &a) && json_real(truth, &b) && a == b;
}

static void judge(struct table *t, const struct captured_place *p, const struct json_value *e,
                  const struct json_value *got, const char *fact, double duration_ms)
{
    const struct json_value *truth = json_get(json_get(e, "facts"), fact);
    const struct json_value *value = json_get(got, fact);
    bool wire_is_wrong = json_get(json_get(e, "misreported"), fact) != NULL;
    if (on_the_span(json_get(json_get(e, "carried"), fact))) {
        bool right = value != NULL && equal(fact, value, truth, duration_ms);
        if (right) {
            t->right++;
            return;
        }
        if (wire_is_wrong || is_known(p->folder, fact)) {
            t->known++;
            return;
        }
        *(value == NULL ? &t->missing : &t->wrong) += 1;
        print_message("%s span %lld (%s): %s is %s\n", p->folder, (long long)p->index, p->span, fact,
                      value == NULL ? "missing" : "wrong");
        return;
    }
    bool absent = names(json_get(e, "dropped"), fact) || names(json_get(e, "only_in_logs"), fact);
    if (!absent || value == NULL || equal(fact, value, truth, duration_ms))
        return; /* places are listed two at a time: the truth is no invention */
    if (wire_is_wrong || is_known(p->folder, fact)) {
        t->known++;
        return;
    }
    t->invented++;
    print_message("%s span %lld (%s): %s is made up\n", p->folder, (long long)p->index, p->span, fact);
}

static unsigned judge_span(void *context, const struct captured_place *p, const struct json_value *e,
                           const struct span_batch *b, uint32_t row)
{
    struct table *t = context;
    buffer_clear(&t->line);
    canonical_json_row(b, row, NULL, &t->line);
    const struct json_value *got = json_parse(t->document, buffer_bytes(&t->line), 8, NULL);
    assert_non_null(got);
    double duration_ms = (double)(b->end_ns[row] - b->start_ns[row]) / 1e6;
    struct bytes role = json_text(json_get(e, "role"));
    bool right = bytes_equal(json_text(json_get(got, "role")), role);
    t->roles += right;
    t->wrong += !right;
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        judge(t, p, e, got, facts[i], duration_ms);
    if (bytes_equal_text(role, "call") || bytes_equal_text(role, "embeddings"))
        judge(t, p, e, got, "operation", duration_ms);
    return 1;
}

static void what_is_carried_comes_out(void **state)
{
    (void)state;
    TEST_NEEDS_DATA(root_path, "captured");
    struct table sum = {0};
    print_message("%-26s %6s %6s %6s %8s %9s %6s\n", "producer", "spans", "right", "wrong", "missing",
                  "invented", "known");
    for (size_t i = 0; i < captured_folders_count; i++) {
        struct table t = {.document = json_create(DOCUMENT_BYTES),
                          .line = BUFFER_WITH_LIMIT(DOCUMENT_BYTES)};
        unsigned spans = captured_each(root_path, captured_folders[i], &t, judge_span);
        print_message("%-26s %6u %6u %6u %8u %9u %6u\n", captured_folders[i], spans, t.right, t.wrong,
                      t.missing, t.invented, t.known);
        assert_true(t.right > 0 && t.roles == spans);
        sum.right += t.right;
        sum.wrong += t.wrong;
        sum.missing += t.missing;
        sum.invented += t.invented;
        json_destroy(t.document);
        buffer_free(&t.line);
    }
    assert_int_equal(sum.wrong + sum.missing + sum.invented, 0);
    assert_true(sum.right >= 1500);
}

/* ---- leaves and their tokens ---------------------------------------------------------------------------------- */

/* All records of a run in one batch: what the trace tracker sees of them. */
struct run {
    struct span_batch *batch;
    struct buffer bytes[256];
    uint32_t files;
};

static void run_open(struct run *run, const char *folder)
{
    *run = (struct run){.batch = span_batch_create(CAPTURED_ROWS_MAX)};
    for (unsigned number = 0; number < 256; number++) {
        char path[2048];
        snprintf(path, sizeof path, "%s/%s/%04u.otlp.pb", root_path, folder, number);
        struct buffer *bytes = &run->bytes[run->files];
        if (!rows_read_file(path, bytes))
            continue;
        struct otlp_cursor cursor;
        run->batch->wanted = rows_all_columns();
        otlp_cursor_start(&cursor, buffer_bytes(bytes), run->files++, &otlp_limits_default);
        uint32_t first = run->batch->rows;
        assert_int_equal(otlp_proto_decode(&cursor, run->batch), DECODE_DONE);
        leaves_settle(run->batch, first);
        assert_int_equal(cursor.bad_spans, 0);
    }
    leaves_settle(run->batch, 0);
}

static void run_close(struct run *run)
{
    for (uint32_t i = 0; i < run->files; i++)
        buffer_free(&run->bytes[i]);
    span_batch_destroy(run->batch);
}

struct tokens {
    struct run *run;
    int64_t carried_input, carried_output;
};

static unsigned expect_leaf(void *context, const struct captured_place *p, const struct json_value *e,
                            const struct span_batch *b, uint32_t row)
{
    struct tokens *tokens = context;
    const struct span_batch *all = tokens->run->batch;
    uint32_t at = 0;
    while (at < all->rows && !(bytes_equal(all->span_id[at], b->span_id[row]) &&
                               bytes_equal(all->trace_id[at], b->trace_id[row])))
        at++;
    assert_true(at < all->rows);
    const struct json_value *leaf = json_get(e, "leaf");
    int64_t expected = leaf == NULL ? SPAN_I64_ABSENT : json_is_true(leaf);
    if (all->leaf[at] != expected)
        fail_msg("%s span %lld (%s): leaf is %lld", p->folder, (long long)p->index, p->span,
                 (long long)all->leaf[at]);
    int64_t count;
    const struct json_value *truth = json_get(e, "facts");
    if (expected == 1 && on_the_span(json_get(json_get(e, "carried"), "input_tokens")) &&
        json_integer(json_get(truth, "input_tokens"), &count))
        tokens->carried_input += count;
    if (expected == 1 && on_the_span(json_get(json_get(e, "carried"), "output_tokens")) &&
        json_integer(json_get(truth, "output_tokens"), &count))
        tokens->carried_output += count;
    return leaf != NULL;
}

/* What spans say without being the truth: a count too many, counts that the library made up itself. */
static int64_t misreported(const char *folder, const char *what)
{
    static const struct {
        const char *folder, *what;
        int64_t extra;
    } rows[] = {{"openllmetry", "output", 1191}, {"openlit", "input", 59}, {"openlit", "output", 32}};
    int64_t sum = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].folder, folder) == 0 && strcmp(rows[i].what, what) == 0)
            sum += rows[i].extra;
    return sum;
}

static void leaves_carry_the_tokens_of_every_request_once(void **state)
{
    (void)state;
    TEST_NEEDS_DATA(root_path, "captured");
    for (size_t i = 0; i < captured_folders_count; i++) {
        struct run run;
        run_open(&run, captured_folders[i]);
        struct tokens tokens = {.run = &run};
        unsigned leaves = captured_each(root_path, captured_folders[i], &tokens, expect_leaf);
        int64_t input = 0, output = 0;
        for (uint32_t row = 0; row < run.batch->rows; row++) {
            if (run.batch->leaf[row] != 1)
                continue;
            input += run.batch->input_tokens[row] > 0 ? run.batch->input_tokens[row] : 0;
            output += run.batch->output_tokens[row] > 0 ? run.batch->output_tokens[row] : 0;
        }
        print_message("%-26s %3u calls, leaves sum to %lld + %lld tokens\n", captured_folders[i], leaves,
                      (long long)input, (long long)output);
        assert_int_equal(input, tokens.carried_input + misreported(captured_folders[i], "input"));
        assert_int_equal(output, tokens.carried_output + misreported(captured_folders[i], "output"));
        run_close(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_carried_comes_out),
        cmocka_unit_test(leaves_carry_the_tokens_of_every_request_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
