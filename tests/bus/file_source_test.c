/*
 * file_source_test.c - files as records: order, plain files, places, limits, feeding a log.
 */
#include "engine/bus/file_source.h"
#include "tests/bus/bed.h"

#include <fcntl.h>
#include <unistd.h>

#define FILES_MAX 80

struct fixture {
    char paths[FILES_MAX][300];
    const char *given[FILES_MAX];
    uint32_t count;
    struct error why;
    uint32_t complaints;
    char complaint[600];
    char dump[4096];
};

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < f->count; i++)
        (void)unlink(f->paths[i]);
    free(f);
    return 0;
}

static int remove_scratch(void **state)
{
    (void)state;
    return rmdir(test_scratch_folder());
}

static const char *new_path(struct fixture *f, const char *name)
{
    char *path = f->paths[f->count];
    snprintf(path, sizeof f->paths[0], "%s/%s", test_scratch_folder(), name);
    f->given[f->count++] = path;
    return path;
}

static void plain_file(struct fixture *f, const char *name, const char *text)
{
    FILE *file = fopen(new_path(f, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* rows: "topic/partition/offset/timestamp …"; the value is the row's text. */
static void record_file(struct fixture *f, const char *name, const char *rows)
{
    struct file_writer *writer = file_writer_create(new_path(f, name), &f->why);
    BED_OK(writer != NULL, f->why);
    char topic[20];
    int partition = 0;
    int offset = 0;
    int timestamp = 0;
    int used = 0;
    for (; sscanf(rows, "%19[^/]/%d/%d/%d%n", topic, &partition, &offset, &timestamp, &used) == 4;
         rows += used, rows += strspn(rows, " ")) {
        struct file_record record = {.topic = topic,
                                     .partition = partition,
                                     .offset = offset,
                                     .timestamp_ms = timestamp,
                                     .value = bytes_of(rows, (size_t)used)};
        BED_OK(file_writer_put(writer, &record, &f->why), f->why);
    }
    BED_OK(file_writer_close(writer, &f->why), f->why);
}

static struct file_source *open_all(struct fixture *f, const struct file_source_options *options)
{
    f->why = (struct error){0};
    return file_source_open(f->given, f->count, options, &f->why);
}

/* Everything as "topic/partition/offset/timestamp …", "-" for no topic. Closes. */
static const char *dump(struct fixture *f, struct file_source *source)
{
    struct file_record record;
    size_t used = 0;
    BED_OK(source != NULL, f->why);
    f->dump[0] = 0;
    enum file_event event = FILE_END;
    while ((event = file_source_next(source, &record, &f->why)) == FILE_RECORD)
        used += (size_t)snprintf(f->dump + used, sizeof f->dump - used, "%s%s/%d/%lld/%lld",
                                 used ? " " : "", record.topic ? record.topic : "-",
                                 (int)record.partition, (long long)record.offset,
                                 (long long)record.timestamp_ms);
    if (event == FILE_FAILED)
        fail_msg("%s", f->why.message);
    file_source_close(source);
    return f->dump;
}

/* ---- order ------------------------------------------------------------------------------------------ */

static void record_files_merge_by_time_topic_partition_offset(void **state)
{
    struct fixture *f = *state;
    record_file(f, "a.records", "spans/0/0/10 spans/0/1/20 spans/0/2/20 spans/0/3/40");
    record_file(f, "b.records", "labels/1/7/20 labels/0/9/20 spans/1/0/5 spans/0/4/60");
    assert_string_equal(dump(f, open_all(f, NULL)),
                        "spans/1/0/5 spans/0/0/10 labels/0/9/20 labels/1/7/20 spans/0/1/20 "
                        "spans/0/2/20 spans/0/3/40 spans/0/4/60");
}

static void the_order_of_the_command_line_does_not_matter_to_record_files(void **state)
{
    struct fixture *f = *state;
    record_file(f, "a.records", "t/0/5/50 t/0/1/10");
    record_file(f, "b.records", "t/0/3/30");
    char forwards[200];
    snprintf(forwards, sizeof forwards, "%s", dump(f, open_all(f, NULL)));
    const char *first = f->given[0];
    f->given[0] = f->given[1];
    f->given[1] = first;
    assert_string_equal(dump(f, open_all(f, NULL)), forwards);
    assert_string_equal(forwards, "t/0/1/10 t/0/3/30 t/0/5/50");
}

static void offsets_ascend_where_time_and_offset_disagree(void **state)
{
    struct fixture *f = *state;
    record_file(f, "a.records", "t/0/0/10 t/0/1/30 t/0/2/20 t/0/3/40 t/0/9/50");
    assert_string_equal(dump(f, open_all(f, NULL)), "t/0/0/10 t/0/2/20 t/0/3/30 t/0/4/40 t/0/9/50");
}

static void overlapping_recordings_are_read_once(void **state)
{
    struct fixture *f = *state;
    record_file(f, "a.records", "t/0/0/10 t/0/1/20");
    record_file(f, "b.records", "t/0/1/20 t/0/2/30");
    struct file_source *source = open_all(f, NULL);
    BED_OK(source != NULL, f->why);
    assert_int_equal(file_source_totals(source).records, 3);
    assert_int_equal(file_source_totals(source).repeated, 1);
    assert_int_equal(file_source_totals(source).first_ms, 10);
    assert_int_equal(file_source_totals(source).last_ms, 30);
    assert_string_equal(dump(f, source), "t/0/0/10 t/0/1/20 t/0/2/30");
}

static void two_records_of_one_place_are_an_error(void **state)
{
    struct fixture *f = *state;
    record_file(f, "a.records", "t/0/1/20");
    struct file_writer *writer = file_writer_create(new_path(f, "b.records"), &f->why);
    struct file_record other = {.topic = "t", .offset = 1, .timestamp_ms = 20};
    assert_true(file_writer_put(writer, &other, &f->why));
    assert_true(file_writer_close(writer, &f->why));
    assert_null(open_all(f, NULL));
    assert_non_null(strstr(f->why.message, "b.records@16: differs from "));
    assert_non_null(strstr(f->why.message, "a.records@16, but both are t/0 offset 1"));
}

static void plain_files_come_in_the_order_of_the_command_line(void **state)
{
    struct fixture *f = *state;
    plain_file(f, "b.pb", "x");
    plain_file(f, "a.jsonl", "{}\n\n  \r\n{\"a\": 1}\r\n{}");
    plain_file(f, "empty.pb", "");
    plain_file(f, "c.json", "{\n}\n");
    struct file_source *source = open_all(f, NULL);
    BED_OK(source != NULL, f->why);
    struct file_record record;
    static const struct {
        const char *value;
        const char *place;
    } rows[] = {{"x", "b.pb"},       {"{}", "a.jsonl:1"}, {"{\"a\": 1}", "a.jsonl:4"},
                {"{}", "a.jsonl:5"}, {"", "empty.pb"},    {"{\n}\n", "c.json"}};
    char place[400];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(file_source_next(source, &record, &f->why), FILE_RECORD);
        assert_true(bytes_present(record.value));
        assert_true(bytes_equal_text(record.value, rows[i].value));
        assert_int_equal(record.offset, i);
        assert_int_equal(record.timestamp_ms, -1);
        assert_null(record.topic);
        file_source_place(source, place, sizeof place);
        assert_non_null(strstr(place, rows[i].place));
        assert_true(file_source_find(source, NULL, 0, (int64_t)i, place, sizeof place));
        assert_non_null(strstr(place, rows[i].place));
    }
    assert_int_equal(file_source_next(source, &record, &f->why), FILE_END);
    assert_false(file_source_find(source, NULL, 0, 6, place, sizeof place));
    file_source_close(source);
}

/* The first byte is the time (none: '-'), the second the topic. */
static void examine(void *context, enum file_kind kind, struct file_record *record)
{
    (void)context;
    assert_int_equal(kind, FILE_LINES);
    if (record->value.data[0] != '-')
        record->timestamp_ms = record->value.data[0] - '0';
    record->topic = record->value.data[1] == 'v' ? "verdicts" : "spans";
}

static void what_examine_tells_takes_part_in_the_order(void **state)
{
    struct fixture *f = *state;
    struct file_source_options options = {.examine = examine};
    plain_file(f, "a.jsonl", "-s\n5s\n-v\n3s\n9v\n-s\n");
    record_file(f, "b.records", "spans/1/0/4 verdicts/0/100/9");
    assert_string_equal(dump(f, open_all(f, &options)),
                        "spans/0/3/3 spans/1/0/4 spans/0/4/5 spans/0/5/5 verdicts/0/2/5 "
                        "spans/0/6/9 verdicts/0/4/9 verdicts/0/100/9");
    int32_t partitions = 0;
    struct file_source *source = open_all(f, &options);
    assert_string_equal(file_source_topic(source, 0, &partitions), "spans");
    assert_int_equal(partitions, 2);
    assert_string_equal(file_source_topic(source, 1, &partitions), "verdicts");
    assert_int_equal(partitions, 1);
    assert_null(file_source_topic(source, 2, &partitions));
    file_source_close(source);
}

static void more_files_than_may_be_open_are_read_in_turns(void **state)
{
    struct fixture *f = *state;
    char rows[2000];
    for (int file = 0; file < FILES_MAX; file++) {
        char name[30];
        size_t used = 0;
        for (int i = 0; i < 20; i++)
            used += (size_t)snprintf(rows + used, sizeof rows - used, "t/%d/%d/%d ", file, i,
                                     i * 1000 + file);
        snprintf(name, sizeof name, "%d.records", file);
        record_file(f, name, rows);
    }
    struct file_source *source = open_all(f, NULL);
    BED_OK(source != NULL, f->why);
    struct file_record record;
    for (int i = 0; i < 20; i++)
        for (int file = 0; file < FILES_MAX; file++) {
            assert_int_equal(file_source_next(source, &record, &f->why), FILE_RECORD);
            assert_int_equal(record.timestamp_ms, i * 1000 + file);
        }
    assert_int_equal(file_source_next(source, &record, &f->why), FILE_END);
    file_source_close(source);
}

static void standard_input_is_lines(void **state)
{
    struct fixture *f = *state;
    plain_file(f, "in", "{\"a\": 1}\n{\"b\": 2}\n");
    int saved = dup(0);
    int fd = open(f->paths[0], O_RDONLY);
    assert_true(saved >= 0 && fd >= 0 && dup2(fd, 0) == 0);
    f->given[0] = "-";
    struct file_source *source = open_all(f, NULL);
    assert_true(dup2(saved, 0) == 0);
    close(saved);
    close(fd);
    BED_OK(source != NULL, f->why);
    char place[100];
    assert_true(file_source_find(source, NULL, 0, 1, place, sizeof place));
    assert_string_equal(place, "standard input:2");
    assert_string_equal(dump(f, source), "-/0/0/-1 -/0/1/-1");
}

/* ---- what is wrong ------------------------------------------------------------------------------------- */

static void errors_name_the_place_and_what_to_do(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        const char *text;
        const char *message;
    } rows[] = {
        {"a.jsonl", "{}\n0123456789abcdef\n",
         "a.jsonl:2: a record of more than 10 bytes, the limit"},
        {"a.json", "0123456789a", "a.json: a record of more than 10 bytes, the limit"},
        {"a.json", "", "a.json: the file is empty"},
        {"a.txt", "{}", "a.txt: what it holds is told by the end of its name"},
        {"a.json.gz", "{}", "unpack it first if it is compressed"},
        {"a.records", "{}", "a.records: is not a record file"},
    };
    struct file_source_options options = {.record_bytes_max = 10};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        f->count = 0;
        plain_file(f, rows[i].name, rows[i].text);
        assert_null(open_all(f, &options));
        if (strstr(f->why.message, rows[i].message) == NULL)
            fail_msg("row %zu: %s", i, f->why.message);
        (void)unlink(f->paths[0]);
    }
    f->count = 0;
    (void)new_path(f, "gone.json");
    assert_null(open_all(f, NULL));
    assert_non_null(strstr(f->why.message, "gone.json: cannot be opened"));
    f->given[0] = ".json";
    assert_null(open_all(f, NULL));
}

static void note(void *context, const struct error *error)
{
    struct fixture *f = context;
    f->complaints++;
    size_t used = strlen(f->complaint);
    snprintf(f->complaint + used, sizeof f->complaint - used, "%.150s\n", error->message);
}

static void with_complain_the_rest_is_read(void **state)
{
    struct fixture *f = *state;
    struct file_source_options options = {.record_bytes_max = 20, .complain = note, .context = f};
    plain_file(f, "a.jsonl", "{}\n0123456789abcdef0123456789\n{}\n0123456789abcdef0123456789");
    plain_file(f, "b.json", "");
    record_file(f, "c.records", "t/0/0/10 t/0/1/20");
    assert_int_equal(truncate(f->paths[2], 80), 0);
    struct file_source *source = open_all(f, &options);
    BED_OK(source != NULL, f->why);
    assert_int_equal(f->complaints, 4);
    assert_int_equal(file_source_totals(source).unread, 4);
    assert_non_null(strstr(f->complaint, "a.jsonl:2: "));
    assert_non_null(strstr(f->complaint, "a.jsonl:4: "));
    assert_non_null(strstr(f->complaint, "b.json: "));
    assert_non_null(strstr(f->complaint, "the 1 records before it are good"));
    assert_string_equal(dump(f, source), "-/0/0/-1 -/0/1/-1 t/0/0/10");
}

static void too_many_records_are_refused_before_memory_is_gone(void **state)
{
    struct fixture *f = *state;
    struct file_source_options options = {.records_max = 2, .complain = note, .context = f};
    plain_file(f, "a.jsonl", "{}\n{}\n");
    file_source_close(open_all(f, &options));
    plain_file(f, "b.json", "{}");
    assert_null(open_all(f, &options));
    assert_non_null(strstr(f->why.message, "b.json: more than 2 records in all"));
}

static void files_that_change_between_the_passes_are_noticed(void **state)
{
    struct fixture *f = *state;
    struct file_record record;
    plain_file(f, "a.jsonl", "{\"a\": 1}\n{\"b\": 2}\n");
    struct file_source *source = open_all(f, NULL);
    FILE *file = fopen(f->paths[0], "r+b");
    assert_true(file != NULL && fputs("{\"a\": 7}", file) >= 0 && fclose(file) == 0);
    assert_int_equal(file_source_next(source, &record, &f->why), FILE_FAILED);
    assert_non_null(strstr(f->why.message, "a.jsonl:1: has changed since the first pass"));
    file_source_close(source);
    source = open_all(f, NULL);
    assert_int_equal(truncate(f->paths[0], 3), 0);
    assert_int_equal(file_source_next(source, &record, &f->why), FILE_FAILED);
    assert_non_null(strstr(f->why.message, "a.jsonl: has become shorter"));
    file_source_close(source);
    plain_file(f, "c.json", "{}");
    f->given[0] = f->given[1];
    f->count = 1;
    source = open_all(f, NULL);
    (void)unlink(f->paths[1]);
    assert_int_equal(file_source_next(source, &record, &f->why), FILE_FAILED);
    assert_non_null(strstr(f->why.message, "c.json: cannot be opened again"));
    file_source_close(source);
}

/* ---- feeding ----------------------------------------------------------------------------------------------- */

static void feeding_a_log_keeps_order_coordinates_and_headers(void **state)
{
    struct fixture *f = *state;
    struct embedded_log_options options = {.poll_in_append_order = true};
    struct bus *bus = bed_open(&options);
    struct bed_member m;
    struct member_batch batch;
    uint32_t fed = 0;
    bed_topic(bus, "in", 3, TOPIC_DELETE);
    bed_topic(bus, "out", 1, TOPIC_DELETE);
    record_file(f, "a.records", "in/0/5/10 in/2/0/20 in/1/9/15 in/0/6/40");
    plain_file(f, "b.json", "{}");
    struct file_source *source = open_all(f, NULL);
    BED_OK(source != NULL, f->why);
    assert_int_equal(file_source_progress(source).records_total, 5);
    BED_OK(file_source_feed(source, bus, "out", 3, &fed, &f->why), f->why);
    assert_int_equal(fed, 3);
    assert_in_range(file_source_progress(source).bytes_done, 1,
                    file_source_progress(source).bytes_total - 1);
    int64_t next_ms = 0;
    assert_true(file_source_peek(source, &next_ms));
    assert_int_equal(next_ms, 20);
    BED_OK(file_source_feed(source, bus, "out", 100, &fed, &f->why), f->why);
    assert_int_equal(fed, 2);
    assert_false(file_source_peek(source, &next_ms));
    assert_int_equal(file_source_progress(source).bytes_done,
                     file_source_progress(source).bytes_total);
    assert_string_equal(bed_dump(bus, "out", 0, f->dump, sizeof f->dump), "0={}");
    bed_join(bus, &m, "g", NULL);
    bed_poll(&m, &batch);
    assert_int_equal(bed_poll(&m, &batch), MEMBER_RECORDS);
    static const int64_t expected[][3] = {{10, 0, 5}, {15, 1, 9}, {20, 2, 0}, {40, 0, 6}};
    assert_int_equal(batch.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(batch.records[i].timestamp_ms, expected[i][0]);
        assert_int_equal(batch.records[i].source.partition, expected[i][1]);
        assert_int_equal(batch.records[i].offset, expected[i][2]);
    }
    member_release(m.member, &batch);
    member_close(m.member);
    file_source_close(source);
    bus_close(bus);
}

static void feeding_a_topic_that_is_not_there_names_the_record(void **state)
{
    struct fixture *f = *state;
    struct bus *bus = bed_open(NULL);
    uint32_t fed = 0;
    record_file(f, "a.records", "t/0/5/10");
    struct file_source *source = open_all(f, NULL);
    assert_false(file_source_feed(source, bus, "out", 3, &fed, &f->why));
    assert_non_null(strstr(f->why.message, "a.records@16: topic \"t\" is not there"));
    file_source_close(source);
    bus_close(bus);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(record_files_merge_by_time_topic_partition_offset),
        CASE(the_order_of_the_command_line_does_not_matter_to_record_files),
        CASE(offsets_ascend_where_time_and_offset_disagree),
        CASE(overlapping_recordings_are_read_once),
        CASE(two_records_of_one_place_are_an_error),
        CASE(plain_files_come_in_the_order_of_the_command_line),
        CASE(what_examine_tells_takes_part_in_the_order),
        CASE(more_files_than_may_be_open_are_read_in_turns),
        CASE(standard_input_is_lines),
        CASE(errors_name_the_place_and_what_to_do),
        CASE(with_complain_the_rest_is_read),
        CASE(too_many_records_are_refused_before_memory_is_gone),
        CASE(files_that_change_between_the_passes_are_noticed),
        CASE(feeding_a_log_keeps_order_coordinates_and_headers),
        CASE(feeding_a_topic_that_is_not_there_names_the_record),
    };
    return cmocka_run_group_tests_name("file_source", tests, NULL, remove_scratch);
}
