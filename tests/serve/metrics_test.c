/* metrics_test.c - OpenMetrics text by its grammar, golden lines, and by the official parser if there. */
#define _POSIX_C_SOURCE 200809L
#include "tests/test.h"

#include "engine/base/json.h"
#include "engine/serve/shard_metrics.h"

#include <unistd.h>

static void contains(const struct buffer *text, const char *line)
{
    char *copy = calloc(1, text->size + 1);
    memcpy(copy, text->data, text->size);
    if (strstr(copy, line) == NULL)
        fail_msg("no \"%s\" in:\n%s", line, copy);
    free(copy);
}

static void families_have_golden_lines(void **state)
{
    (void)state;
    static const struct metrics_family count = {"assay_x", METRICS_COUNTER, NULL, "How \"many\"\\."};
    static const struct metrics_family size = {"assay_y_bytes", METRICS_GAUGE, "bytes", "How large."};
    static const struct metrics_family info = {"assay_build", METRICS_INFO, NULL, "What."};
    struct buffer text = BUFFER_WITH_LIMIT(1 << 16);
    struct metrics_writer writer = metrics_writer_on(&text);
    metrics_begin(&writer, &count);
    metrics_put_count(&writer, METRICS_LABEL("why", "a \"b\" \\ \n \xff"), UINT64_MAX);
    metrics_put_count(&writer, METRICS_LABEL("why", ""), 0);
    metrics_begin(&writer, &size);
    metrics_put_real(&writer, METRICS_NO_LABELS, 1.5);
    metrics_begin(&writer, &info);
    metrics_put_info(&writer, (struct metrics_labels){.rows = {{"a", BYTES_LITERAL("1")}, {"b", BYTES_NONE}}, .count = 2});
    metrics_end(&writer);
    buffer_put_u8(&text, 0);
    assert_string_equal((const char *)text.data, "# TYPE assay_x counter\n"
                                                 "# HELP assay_x How \\\"many\\\"\\\\.\n"
                                                 "assay_x_total{why=\"a \\\"b\\\" \\\\ \\n \xef\xbf\xbd\"} 18446744073709551615\n"
                                                 "assay_x_total{why=\"\"} 0\n"
                                                 "# TYPE assay_y_bytes gauge\n"
                                                 "# UNIT assay_y_bytes bytes\n"
                                                 "# HELP assay_y_bytes How large.\n"
                                                 "assay_y_bytes 1.5\n"
                                                 "# TYPE assay_build info\n"
                                                 "# HELP assay_build What.\n"
                                                 "assay_build_info{a=\"1\",b=\"\"} 1\n"
                                                 "# EOF\n");
    buffer_free(&text);
}

static void durations_are_cumulative(void **state)
{
    (void)state;
    static const struct metrics_family family = {"assay_commit_seconds", METRICS_HISTOGRAM, "seconds", "Commits."};
    struct duration_histogram one = {0};
    struct duration_histogram both = {0};
    duration_count(&one, 0);
    duration_count(&one, 100000); /* bounds are inclusive */
    duration_count(&one, 100001);
    duration_count(&one, 1000000000);
    duration_count(&one, 61000000000);
    duration_add(&both, &one);
    duration_add(&both, &one);
    struct buffer text = BUFFER_WITH_LIMIT(1 << 16);
    struct metrics_writer writer = metrics_writer_on(&text);
    metrics_begin(&writer, &family);
    metrics_put_durations(&writer, METRICS_LABEL("shard", "0"), &both);
    contains(&text, "assay_commit_seconds_bucket{shard=\"0\",le=\"0.0001\"} 4\n");
    contains(&text, "assay_commit_seconds_bucket{shard=\"0\",le=\"0.00025\"} 6\n");
    contains(&text, "assay_commit_seconds_bucket{shard=\"0\",le=\"1.0\"} 8\n");
    contains(&text, "assay_commit_seconds_bucket{shard=\"0\",le=\"60.0\"} 8\n");
    contains(&text, "assay_commit_seconds_bucket{shard=\"0\",le=\"+Inf\"} 10\n");
    contains(&text, "assay_commit_seconds_count{shard=\"0\"} 10\n");
    contains(&text, "assay_commit_seconds_sum{shard=\"0\"} 124.000400002\n");
    buffer_free(&text);
}

/* ---- shards ---------------------------------------------------------------------------------------- */

static void two_shards(struct shard_status shards[2])
{
    memset(shards, 0, 2 * sizeof *shards);
    shards[0] = (struct shard_status){.number = 0, .ready = true, .commits = 5, .log_time_ms = 99000, .back_now_ms = LOG_TIME_NONE, .newest_ms = 100000};
    shards[1] = (struct shard_status){.number = 1, .commits = 7, .log_time_ms = LOG_TIME_NONE, .back_now_ms = 70000, .newest_ms = 40000};
    shards[0].front.spans = 10;
    shards[1].front.spans = 20;
    shards[0].front.decode_ns = 1500000000;
    shards[0].cells_partitions = 3;
    shards[0].front.bad_spans[REFUSAL_TOO_DEEP] = 3;
    shards[1].front.bad_spans[REFUSAL_TOO_DEEP] = 4;
    shards[1].front.dead[REFUSAL_TOO_DEEP] = 2;
    shards[1].front.dead[DEAD_OVERSIZED] = 5;
    shards[1].cells_partitions = 5;
    shards[1].restore_done = 12;
    shards[1].restore_total = 40;
    shards[1].restored_records = 12;
    snprintf(shards[1].message, sizeof shards[1].message, "restoring \"cells\" 3");
}

static void write_everything(struct buffer *text)
{
    struct shard_status shards[2];
    struct metrics_writer writer = metrics_writer_on(text);
    two_shards(shards);
    process_metrics_write("0.1.0", "2.15.1", &writer);
    registry_metrics_write(&(struct schema_registry_counters){.requests = 7, .failures = 2}, &writer);
    shard_metrics_write(shards, 2, 100000, &writer);
    metrics_end(&writer);
}

static void shards_are_summed_or_labelled(void **state)
{
    (void)state;
    struct buffer text = BUFFER_WITH_LIMIT(1 << 20);
    write_everything(&text);
    contains(&text, "\nassay_commits_total 12\n");
    contains(&text, "\nassay_rows_total{kind=\"span\"} 30\nassay_rows_total{kind=\"verdict\"} 0\n");
    contains(&text, "\nassay_stage_seconds_total{stage=\"decode\"} 1.5\n");
    contains(&text, "\nassay_partitions{kind=\"cells\"} 8\n");
    contains(&text, "\nassay_bad_spans_total{code=\"too_deep\"} 7\n");
    contains(&text, "\nassay_dead_letters_total{code=\"too_deep\"} 2\n");
    contains(&text, "\nassay_dead_letters_total{code=\"oversized\"} 5\n");
    contains(&text, "\nassay_dead_letters_total{code=\"bad_verdict\"} 0\n");
    contains(&text, "\nassay_restore_records{part=\"total\"} 40\n");
    contains(&text, "\nassay_log_time_lag_seconds{shard=\"0\"} 1\nassay_log_time_lag_seconds{shard=\"1\"} 0\n");
    contains(&text, "\nassay_clock_lag_seconds{shard=\"1\"} 30\n");
    contains(&text, "\nassay_shard_ready{shard=\"0\"} 1\n");
    contains(&text, "\nassay_registry_requests_total 7\n");
    contains(&text, "\nassay_build_info{version=\"0.1.0\",librdkafka=\"2.15.1\"} 1\n");
    assert_memory_equal(text.data + text.size - 6, "# EOF\n", 6);
    buffer_free(&text);
}

/* The rules of the grammar that a table could break: families once, samples under their own family. */
static void every_line_belongs_to_its_family(void **state)
{
    (void)state;
    struct buffer text = BUFFER_WITH_LIMIT(1 << 20);
    write_everything(&text);
    buffer_put_u8(&text, 0);
    char family[100] = "";
    char seen[200][100];
    int families = 0;
    char *next = (char *)text.data;
    for (char *line = next; *line != 0; line = next) {
        next = line + strcspn(line, "\n");
        *next++ = 0;
        if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_int_equal(sscanf(line + 7, "%99s", family), 1);
            for (int i = 0; i < families; i++)
                assert_string_not_equal(seen[i], family);
            snprintf(seen[families++], sizeof seen[0], "%s", family);
        } else if (line[0] == '#') {
            assert_true(strcmp(line, "# EOF") == 0 || strncmp(line + 7, family, strlen(family)) == 0);
        } else {
            if (strncmp(line, family, strlen(family)) != 0)
                fail_msg("%s under %s", line, family);
        }
    }
    assert_true(families > 30);
    buffer_free(&text);
}

/* The one that has the distribution's packages, when another stands before it in PATH. */
#define PYTHON "$(test -x /usr/bin/python3 && echo /usr/bin/python3 || echo python3)"

static void official_parser_takes_it(void **state)
{
    (void)state;
    if (system(PYTHON " -c 'import prometheus_client' 2>/dev/null") != 0) {
        print_message("skipped: no python3 prometheus_client\n");
        skip();
    }
    char path[300];
    char command[700];
    snprintf(path, sizeof path, "%s/metrics", test_scratch_folder());
    struct buffer text = BUFFER_WITH_LIMIT(1 << 20);
    write_everything(&text);
    FILE *file = fopen(path, "w");
    fwrite(text.data, 1, text.size, file);
    fclose(file);
    snprintf(command, sizeof command,
             PYTHON " -c 'import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as p; "
             "f = list(p(open(sys.argv[1]).read())); assert len(f) > 30; assert all(x.documentation for x in f)' %s",
             path);
    assert_int_equal(system(command), 0);
    unlink(path);
    rmdir(test_scratch_folder());
    buffer_free(&text);
}

static void readiness_says_why_not(void **state)
{
    (void)state;
    struct shard_status shards[2];
    struct buffer text = BUFFER_WITH_LIMIT(1 << 16);
    two_shards(shards);
    assert_false(shard_ready_write(shards, 2, &text));
    contains(&text, "{\"shards\":[{\"shard\":0,\"ok\":true},{\"shard\":1,\"ok\":false,\"why\":\"restoring \\\"cells\\\" 3\",\"restored\":12,"
                    "\"to_restore\":40}],\"ready\":false}\n");
    buffer_clear(&text);
    assert_true(shard_ready_write(shards, 1, &text));
    buffer_clear(&text);
    assert_false(shard_ready_write(shards, 0, &text));
    buffer_clear(&text);
    assert_true(shard_live_write(shards, 2, 100000, 0, &text));
    buffer_clear(&text);
    assert_false(shard_live_write(shards, 2, 100001, 60000, &text)); /* the second is stalled */
    contains(&text, "\"why\":\"no turn was finished for too long\"");
    shards[0].failed = true;
    buffer_clear(&text);
    assert_false(shard_live_write(shards, 1, 100000, 0, &text));
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_have_golden_lines),    cmocka_unit_test(durations_are_cumulative),
        cmocka_unit_test(shards_are_summed_or_labelled), cmocka_unit_test(every_line_belongs_to_its_family),
        cmocka_unit_test(official_parser_takes_it),      cmocka_unit_test(readiness_says_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
