/* otlp_logs_test.c - log records of GenAI calls: which become rows, what the rows say, what is passed over. */
#include "tests/test.h"

#include "tests/span/expect.h"
#include "tests/span/rows.h"

#include "engine/base/json.h"
#include "engine/span/content.h"

#include <dirent.h>
#include <math.h>

#define IDS                                                                                        \
    "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\","            \
    "\"timeUnixNano\":\"1700000000000000001\""
#define BODY(members)   "\"body\":{\"kvlistValue\":{\"values\":[" members "]}}"
#define TEXT(key, text) "{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" text "\"}}"

struct fixture {
    struct span_batch *batch;
    struct json_document *json;
    struct arena *arena;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->batch = span_batch_create(16);
    f->json = json_create((size_t)1 << 20);
    f->arena = arena_create((size_t)1 << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    span_batch_destroy(f->batch);
    json_destroy(f->json);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static struct otlp_cursor decode(struct fixture *f, const char *records)
{
    static char text[8192];
    static const struct encoding_options options = {ENCODING_AUTO, SIGNAL_LOGS,
                                                    &otlp_limits_default, NULL};
    struct encoded_record record;
    snprintf(text, sizeof text,
             "{\"resourceLogs\":[{\"resource\":{\"attributes\":[" TEXT(
                 "service.name", "shop") "]},\"scopeLogs\":[{\"scope\":{\"name\":\"s\"},"
                                         "\"logRecords\":[%s]}]}]}",
             records);
    span_batch_reset(f->batch);
    f->batch->wanted = rows_all_columns();
    encoding_start(&record, bytes_from_text(text), BYTES_NONE, 0, &options);
    assert_int_equal(record.encoding, ENCODING_OTLP_JSON);
    assert_int_equal(encoding_decode(&record, f->batch), DECODE_DONE);
    return record.cursor;
}

static void messages_in_and_out(void **state)
{
    struct fixture *f = *state;
    struct otlp_cursor cursor = decode(
        f, "{" IDS ",\"eventName\":\"gen_ai.user.message\"," BODY(TEXT(
               "content",
               "where "
               "\\\"is"
               "\\\" "
               "it?"
               "\\n")) ",\"attributes\":[" TEXT("gen_ai.system",
                                                "openai") "]},"
                                                          "{" IDS ",\"attributes\":[" TEXT(
                                                              "event.name",
                                                              "gen_ai.system.message") "],\"body\":"
                                                                                       "{\"stringVa"
                                                                                       "lue\":\"be "
                                                                                       "brief\"}},"
                                                                                       "{" IDS
                                                                                       ",\"eventNam"
                                                                                       "e\":\"gen_"
                                                                                       "ai."
                                                                                       "choice\""
                                                                                       "," BODY(
                                                                                           "{\"key"
                                                                                           "\":"
                                                                                           "\"index"
                                                                                           "\","
                                                                                           "\"value"
                                                                                           "\":{"
                                                                                           "\"intVa"
                                                                                           "lue\":"
                                                                                           "\"0\"}}"
                                                                                           "," TEXT("finish_reason", "tool_calls") ",{\"key\":\"message\",\"value\":{\"kvlistValue\":{\"values\":[" TEXT("role", "assistant") "," TEXT(
                                                                                               "con"
                                                                                               "ten"
                                                                                               "t",
                                                                                               "on "
                                                                                               "its"
                                                                                               " wa"
                                                                                               "y") ",{"
                                                                                                    "\"key"
                                                                                                    "\":"
                                                                                                    "\"too"
                                                                                                    "l_"
                                                                                                    "calls"
                                                                                                    "\","
                                                                                                    "\"val"
                                                                                                    "ue\":"
                                                                                                    "{\"ar"
                                                                                                    "rayVa"
                                                                                                    "lue\""
                                                                                                    ":{"
                                                                                                    "\"val"
                                                                                                    "ues\""
                                                                                                    ":[{"
                                                                                                    "\"kvl"
                                                                                                    "istVa"
                                                                                                    "lue\""
                                                                                                    ":{"
                                                                                                    "\"val"
                                                                                                    "ues\""
                                                                                                    ":"
                                                                                                    "[" TEXT(
                                                                                                        "id",
                                                                                                        "c1") "]}}]}}}]}}}") "}");
    assert_int_equal(cursor.bad_spans, 0);
    assert_int_equal(cursor.skipped, 0);
    assert_int_equal(f->batch->rows, 3);
    const struct span_batch *b = f->batch;
    for (uint32_t row = 0; row < 3; row++) {
        assert_int_equal(b->kind[row], ROW_CONTENT);
        assert_int_equal(b->trace_id[row].size, 16);
        assert_int_equal(b->span_id[row].size, 8);
        assert_int_equal(b->end_ns[row], 1700000000000000001);
        expect_text(b->service[row], "shop");
    }
    expect_text(b->provider[0], "openai");
    expect_text(b->input_messages[0],
                "[{\"role\":\"user\",\"content\":\"where \\\"is\\\" it?\\n\"}]");
    expect_text(b->input_messages[1], "[{\"role\":\"system\",\"content\":\"be brief\"}]");
    expect_text(content_system_message(b->input_messages[1]),
                "{\"role\":\"system\",\"content\":\"be brief\"}");
    expect_text(b->output_messages[2],
                "[{\"role\":\"assistant\",\"finish_reason\":\"tool_calls\",\"content\":\"on its "
                "way\",\"tool_calls\":[{\"id\":\"c1\"}]}]");
    expect_text(b->finish_reason[2], "tool_calls");
    struct answer answer = content_answer(b->output_messages[2], f->json, f->arena);
    assert_int_equal(answer.kind, ANSWER_TEXT);
    expect_text(answer.text, "on its way");
}

static void bodies_that_are_json_text(void **state)
{
    struct fixture *f = *state;
    decode(f,
           "{" IDS ",\"eventName\":\"gen_ai.choice\",\"attributes\":[" TEXT(
               "gen_ai.event.content",
               "{\\\"index\\\":0,\\\"message\\\":{\\\"role\\\":\\\"assistant\\\",\\\"content\\\":"
               "\\\"yes\\\"}}") "]},"
                                "{" IDS
                                ",\"eventName\":\"gen_ai.tool.message\",\"body\":{\"stringValue\":"
                                "\"{\\\"role\\\":\\\"tool\\\",\\\"content\\\":\\\"42\\\"}\"}}");
    assert_int_equal(f->batch->rows, 2);
    expect_text(f->batch->output_messages[0], "[{\"role\":\"assistant\",\"content\":\"yes\"}]");
    expect_text(f->batch->input_messages[1], "[{\"role\":\"tool\",\"content\":\"42\"}]");
    decode(f, "{" IDS ",\"eventName\":\"gen_ai.user.message\",\"body\":{\"stringValue\":\"{name} "
                      "is not JSON\"}}");
    expect_text(f->batch->input_messages[0],
                "[{\"role\":\"user\",\"content\":\"{name} is not JSON\"}]");
}

static void details_are_what_a_span_would_carry(void **state)
{
    struct fixture *f = *state;
    decode(
        f,
        "{" IDS
        ",\"eventName\":\"gen_ai.client.inference.operation.details\",\"attributes\":[" TEXT(
            "gen_ai.operation.name",
            "chat") "," TEXT("gen_ai.output.messages",
                             "[{\\\"role\\\":\\\"assistant\\\",\\\"finish_reason\\\":\\\"stop\\\"}"
                             "]") ","
                                  "{\"key\":\"gen_ai.input.messages\",\"value\":{\"arrayValue\":{"
                                  "\"values\":[{\"kvlistValue\":{\"values\":[" TEXT(
                                      "role", "user") "]}}]}}},"
                                                      "{\"key\":\"gen_ai.usage.input_tokens\","
                                                      "\"value\":{\"intValue\":\"9\"}}]}");
    assert_int_equal(f->batch->rows, 1);
    assert_int_equal(f->batch->kind[0], ROW_CONTENT);
    expect_text(f->batch->operation[0], "chat");
    expect_text(f->batch->finish_reason[0], "stop");
    assert_int_equal(f->batch->input_tokens[0], 9);
    expect_text(f->batch->input_messages[0], "[{\"role\":\"user\"}]");
}

static void evaluations_are_scores(void **state)
{
    struct fixture *f = *state;
    struct otlp_cursor cursor = decode(
        f,
        "{" IDS ",\"eventName\":\"gen_ai.evaluation.result\",\"attributes\":[" TEXT(
            "gen_ai.evaluation.name",
            "relevance") ","
                         "{\"key\":\"gen_ai.evaluation.score.value\",\"value\":{\"doubleValue\":4."
                         "5}}," TEXT(
                             "gen_ai.response.id",
                             "r1") "]},"
                                   "{" IDS
                                   ",\"eventName\":\"gen_ai.evaluation.result\",\"attributes\":"
                                   "[" TEXT(
                                       "gen_ai.evaluation.name",
                                       "tone") ","
                                               "{\"key\":\"gen_ai.evaluation.score.value\","
                                               "\"value\":{\"intValue\":\"3\"}}]},"
                                               "{" IDS
                                               ",\"eventName\":\"gen_ai.evaluation.result\","
                                               "\"attributes\":[" TEXT(
                                                   "gen_ai.evaluation.name",
                                                   "label only") "," TEXT("gen_ai.evaluation.score."
                                                                          "label",
                                                                          "good") "]},"
                                                                                  "{" IDS
                                                                                  ",\"eventName\":"
                                                                                  "\"gen_ai."
                                                                                  "evaluation."
                                                                                  "result\","
                                                                                  "\"attributes\":["
                                                                                  "{\"key\":\"gen_"
                                                                                  "ai.evaluation."
                                                                                  "score.value\","
                                                                                  "\"value\":{"
                                                                                  "\"doubleValue\":"
                                                                                  "1}}]}");
    assert_int_equal(cursor.bad_spans, 0);
    assert_int_equal(cursor.skipped, 2);
    assert_int_equal(f->batch->rows, 2);
    assert_int_equal(f->batch->kind[0], ROW_VERDICT);
    expect_text(f->batch->dimension[0], "relevance");
    expect_text(f->batch->evaluator[0], "relevance");
    expect_text(f->batch->response_id[0], "r1");
    assert_true(fabs(f->batch->score[0] - 4.5) < 1e-12 && fabs(f->batch->score[1] - 3) < 1e-12);
    assert_int_equal(f->batch->origin[1].span, 1);
}

static void others_are_passed_over_and_counted(void **state)
{
    struct fixture *f = *state;
    struct otlp_cursor cursor = decode(
        f,
        "{" IDS ",\"body\":{\"stringValue\":\"GET /\"}},"  /* an ordinary log line */
        "{" IDS ",\"eventName\":\"gen_ai.user.message\"}," /* content was not captured */
        "{" IDS ",\"eventName\":\"gen_ai.user.message\"," BODY(TEXT(
            "role",
            "user")) "}," /* the same */
                     "{\"eventName\":\"gen_ai.user.message\",\"body\":{\"stringValue\":\"no "
                     "ids\"}}," /* some writers know none */
                     "{\"traceId\":\"0102\",\"eventName\":\"gen_ai.user.message\",\"body\":{"
                     "\"stringValue\":\"x\"}},"
                     "{" IDS
                     ",\"eventName\":\"gen_ai.user.message\",\"body\":{\"stringValue\":\"last\"}}");
    assert_int_equal(cursor.skipped, 3);
    assert_int_equal(cursor.bad_spans, 1);
    assert_int_equal(cursor.bad_index, 4);
    assert_int_equal(f->batch->rows, 2);
    assert_null(f->batch->trace_id[0].data);
    expect_text(f->batch->input_messages[1], "[{\"role\":\"user\",\"content\":\"last\"}]");
}

/* ---- what real producers wrote ------------------------------------------------------------------------------------- */

/* Rows of every captured logs file: at least one message in or out where content was captured. */
static void captured_logs_have_content(void **state)
{
    struct fixture *f = *state;
    static const struct encoding_options options = {ENCODING_AUTO, SIGNAL_ANY, &otlp_limits_default,
                                                    NULL};
    char root[1024], folder[1300], path[1600];
    uint64_t rows = 0, answers = 0, skipped = 0;
    TEST_NEEDS_DATA(root, "captured");
    DIR *producers = opendir(root);
    assert_non_null(producers);
    for (struct dirent *p = readdir(producers); p != NULL; p = readdir(producers)) {
        snprintf(folder, sizeof folder, "%s/%s", root, p->d_name);
        DIR *files = p->d_name[0] != '.' ? opendir(folder) : NULL;
        for (struct dirent *e = files != NULL ? readdir(files) : NULL; e != NULL;
             e = readdir(files)) {
            if (strstr(e->d_name, ".logs.pb") == NULL)
                continue;
            struct buffer value;
            struct encoded_record record;
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            assert_true(rows_read_file(path, &value));
            f->batch->wanted = rows_all_columns();
            encoding_start(&record, buffer_bytes(&value), BYTES_NONE, 0, &options);
            assert_true(record.cursor.logs);
            for (enum decode_result result = DECODE_MORE; result == DECODE_MORE;) {
                span_batch_reset(f->batch);
                result = encoding_decode(&record, f->batch);
                rows += f->batch->rows;
                for (uint32_t row = 0; row < f->batch->rows; row++) {
                    if (!bytes_present(f->batch->output_messages[row]))
                        continue;
                    arena_reset(f->arena);
                    struct answer answer =
                        content_answer(f->batch->output_messages[row], f->json, f->arena);
                    assert_int_not_equal(answer.kind, ANSWER_UNPARSED);
                    answers += answer.kind == ANSWER_TEXT;
                }
            }
            assert_int_equal(record.cursor.bad_spans, 0);
            skipped += record.cursor.skipped;
            buffer_free(&value);
        }
        if (files != NULL)
            closedir(files);
    }
    closedir(producers);
    print_message("%llu rows, %llu answers, %llu log records passed over\n",
                  (unsigned long long)rows, (unsigned long long)answers,
                  (unsigned long long)skipped);
    assert_true(rows > 0 && answers > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(messages_in_and_out),
        TEST(bodies_that_are_json_text),
        TEST(details_are_what_a_span_would_carry),
        TEST(evaluations_are_scores),
        TEST(others_are_passed_over_and_counted),
        TEST(captured_logs_have_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
