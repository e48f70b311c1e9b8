/*
 * replay_test.c - `assay replay` end to end: a format regression is called out once per level, the same
 * files give the same bytes, what cannot be read is named.
 */
#include "tests/command/program.h"
#include "tests/command/traffic.h"

#include "engine/base/file.h"
#include "engine/bus/file_records.h"

#define STEP_MS 10000
#define CALM_RECORDS 1080 /* 3 h */
#define BAD_RECORDS 360   /* 1 h */

/* Files 0000.pb … of calm traffic, then of one intent failing; and rules.yaml. */
static int write_traffic(void **state)
{
    (void)state;
    struct traffic traffic = {.random = 7, .next_span = 1, .spans = 4, .fail_share = {0.01, 0.01}};
    char path[300], name[32];
    for (int i = 0; i < CALM_RECORDS + BAD_RECORDS; i++) {
        struct buffer record = BUFFER_WITH_LIMIT(1 << 20);
        if (i == CALM_RECORDS)
            traffic.fail_share[1] = 0.5;
        traffic_record(&traffic, TRAFFIC_START_MS + (int64_t)i * STEP_MS, &record);
        snprintf(name, sizeof name, "%04d.pb", i);
        program_file(name, buffer_bytes(&record), path);
        buffer_free(&record);
    }
    program_file("rules.yaml", bytes_from_text(traffic_rules), path);
    return 0;
}

static int remove_traffic(void **state)
{
    (void)state;
    program_clean();
    return 0;
}

/* Replays files from..to of the traffic, in reverse order of their names when asked to. */
static struct program_run replay(int from, int to, bool backwards, bool json)
{
    static char names[CALM_RECORDS + BAD_RECORDS][16];
    static const char *arguments[CALM_RECORDS + BAD_RECORDS + 8];
    int count = 0;
    arguments[count++] = "replay";
    arguments[count++] = "--set";
    arguments[count++] = "rules.file=rules.yaml";
    if (json)
        arguments[count++] = "--json";
    for (int i = from; i < to; i++) {
        snprintf(names[i], sizeof names[i], "%04d.pb", backwards ? to - 1 - (i - from) : i);
        arguments[count++] = names[i];
    }
    arguments[count] = NULL;
    return program_run(program_folder(), arguments);
}

static void a_format_regression_opens_one_alert_per_level(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    struct program_run run = replay(0, CALM_RECORDS + BAD_RECORDS, false, true);
    program_expect(&run, 1, "\"kind\":\"summary\"", "");
    const char *out = program_out(&run);
    assert_int_equal(program_count(out, "\"state\":\"open\""), 2);
    assert_int_equal(program_count(out, "\"state\":\"resolve\""), 0);
    assert_int_equal(program_count(out, "\"state\":\"open\",\"rule\":\"R094\""), 2);
    assert_non_null(strstr(out, "\"labels\":{\"app\":\"shop\",\"env\":\"prod\"}"));
    assert_non_null(strstr(out, "\"labels\":{\"app\":\"shop\",\"env\":\"prod\",\"intent\":\"refund\"}"));
    assert_null(strstr(out, "\"intent\":\"search\"},\"at\""));
    program_expect(&run, 1, "\"alerts_opened\":2,\"alerts_resolved\":0,\"series\":{\"learning\":0,\"watching\":1,\"alerting\":2", "");
    program_expect(&run, 1, "no verdict records", "");
    program_free(&run);
}

static void calm_traffic_opens_none(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    struct program_run run = replay(0, CALM_RECORDS, false, true);
    program_expect(&run, 0, "\"alerts_opened\":0", "");
    assert_int_equal(program_count(program_out(&run), "\n"), 1);
    program_free(&run);
    run = replay(0, 60, false, false);
    program_expect(&run, 0, "", "days of baseline");
    assert_string_equal(program_out(&run), "");
    program_free(&run);
}

static void the_same_files_give_the_same_bytes(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    struct program_run first = replay(0, CALM_RECORDS + BAD_RECORDS, false, true);
    struct program_run second = replay(0, CALM_RECORDS + BAD_RECORDS, false, true);
    program_expect(&first, 1, "\"kind\":\"summary\"", "");
    assert_string_equal(program_out(&first), program_out(&second));
    program_free(&second);
    /* Time decides, not the order on the command line. */
    second = replay(0, CALM_RECORDS + BAD_RECORDS, true, true);
    assert_string_equal(program_out(&first), program_out(&second));
    program_free(&first);
    program_free(&second);
}

/* The traffic again as a recording: partitions in turn, written one after the other. */
static void write_recording(const char *path, const char *topic, int partitions)
{
    struct error error = {0};
    struct file_writer *writer = file_writer_create(path, &error);
    assert_non_null(writer);
    for (int p = 0; p < partitions; p++) {
        for (int i = p; i < CALM_RECORDS + BAD_RECORDS; i += partitions) {
            char name[300];
            struct buffer value = BUFFER_WITH_LIMIT(1 << 20);
            snprintf(name, sizeof name, "%s/%04d.pb", program_folder(), i);
            assert_true(file_read_all(name, &value, &error));
            struct file_record record = {.topic = topic, .partition = p, .offset = 1000 + i, .key = BYTES_NONE,
                                         .timestamp_ms = TRAFFIC_START_MS + (int64_t)i * STEP_MS, .value = buffer_bytes(&value)};
            assert_true(file_writer_put(writer, &record, &error));
            buffer_free(&value);
        }
    }
    assert_true(file_writer_close(writer, &error));
}

static void a_recording_gives_the_same_alerts(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    char path[300];
    snprintf(path, sizeof path, "%s/traffic.records", program_folder());
    write_recording(path, "otlp_spans", 3);
    struct program_run run = PROGRAM_RUN(program_folder(), "replay", "--set", "rules.file=rules.yaml", "--json", "traffic.records");
    program_expect(&run, 1, "\"alerts_opened\":2,\"alerts_resolved\":0,", "");
    assert_int_equal(program_count(program_out(&run), "\"state\":\"open\",\"rule\":\"R094\""), 2);
    program_free(&run);
    /* Another topic is no input, until it is named one. */
    write_recording(path, "spans.v2", 1);
    run = PROGRAM_RUN(program_folder(), "replay", "--set", "rules.file=rules.yaml", "traffic.records");
    program_expect(&run, 2, "", "--set topics.spans=spans.v2");
    program_free(&run);
    run = PROGRAM_RUN(program_folder(), "replay", "--set", "rules.file=rules.yaml", "--set", "topics.spans=spans.v2", "traffic.records");
    program_expect(&run, 1, "\"state\":\"open\"", "2 alerts opened");
    program_free(&run);
}

static void a_terminal_sees_a_progress_bar(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    const char *const arguments[] = {"replay", "--set", "rules.file=rules.yaml", "0000.pb", "0001.pb", "0002.pb", NULL};
    struct program_run run = program_run_on_terminal(program_folder(), arguments);
    program_expect(&run, 0, "", "\r[##");
    program_expect(&run, 0, "", "0 alerts opened");
    program_free(&run);
    run = program_run(program_folder(), arguments);
    assert_null(strchr(program_err(&run), '\r'));
    program_free(&run);
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    char path[300];
    program_file("poison.pb", BYTES_LITERAL("\x0a\xff\xff\xff\x7f poison"), path);
    program_file("lines.jsonl", BYTES_LITERAL("{\"request_id\":\"7\",\"scores\":{}}\n\nnot json\n"), path);
    program_file("empty.pb", BYTES_LITERAL(""), path);
    struct program_run run = PROGRAM_RUN(program_folder(), "replay", "--set", "rules.file=rules.yaml", "--json", "0000.pb", "poison.pb",
                                         "lines.jsonl", "empty.pb", "0001.pb");
    program_expect(&run, 1, "\"records\":6,\"bad_records\":3,", "{\"error\":\"poison.pb: ");
    program_expect(&run, 1, "\"spans\":8,", "lines.jsonl:1: ");
    program_expect(&run, 1, "", "lines.jsonl:3: ");
    program_free(&run);
    run = PROGRAM_RUN(program_folder(), "replay", "--set", "rules.file=rules.yaml", "poison.pb");
    program_expect(&run, 1, "", "1 records could not be read");
    program_free(&run);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    static const struct {
        const char *arguments[6];
        const char *says;
    } rows[] = {
        {{"replay"}, "replay needs files"},
        {{"replay", "--jobs", "2", "0000.pb"}, "--jobs takes 1"},
        {{"replay", "--jobs"}, "--jobs takes 1"},
        {{"replay", "--set", "rules.file=nowhere.yaml", "0000.pb"}, "nowhere.yaml: cannot be opened"},
        {{"replay", "--set", "rules.file=rules.yaml", "nowhere.pb"}, "nowhere.pb: cannot be opened"},
        {{"replay", "--set", "rules.file=rules.yaml", "rules.yaml"}, "rules.yaml: what it holds is told by the end of its name"},
        {{"replay", "-c", "nowhere.yaml", "0000.pb"}, "nowhere.yaml: cannot be opened"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct program_run run = program_run(program_folder(), rows[i].arguments);
        program_expect(&run, 2, "", rows[i].says);
        assert_string_equal(program_out(&run), "");
        program_free(&run);
    }
}

static void verdicts_are_measured(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    struct buffer lines = BUFFER_WITH_LIMIT(1 << 22);
    char path[300];
    for (int i = 0; i < 200; i++)
        buffer_printf(&lines, "{\"request_id\":\"r%d\",\"evaluator\":\"judge\",\"revision\":\"r1\",\"echo\":{\"app\":\"shop\","
                              "\"env\":\"prod\",\"intent\":\"refund\",\"end_ns\":%lld000000,\"purpose\":1,\"population\":true},"
                              "\"scores\":{\"relevance\":%d}}\n", i, (long long)(TRAFFIC_START_MS + i * 60000), 4 + i % 2);
    program_file("verdicts.jsonl", buffer_bytes(&lines), path);
    buffer_free(&lines);
    struct program_run run = PROGRAM_RUN(program_folder(), "replay", "--set", "rules.file=rules.yaml", "--json", "verdicts.jsonl");
    program_expect(&run, 0, "\"verdicts\":200,", "");
    program_expect(&run, 0, "\"metric\":\"score.relevance\",\"phase\":\"learning\"", "");
    program_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_format_regression_opens_one_alert_per_level),
        cmocka_unit_test(calm_traffic_opens_none),
        cmocka_unit_test(the_same_files_give_the_same_bytes),
        cmocka_unit_test(a_recording_gives_the_same_alerts),
        cmocka_unit_test(a_terminal_sees_a_progress_bar),
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(verdicts_are_measured),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, write_traffic, remove_traffic);
}
