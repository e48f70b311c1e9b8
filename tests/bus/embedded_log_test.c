/*
 * embedded_log_test.c - topics, records, isolation, atomicity, markers, fencing and crashes of one
 * member at a time.
 */
#include "tests/bus/bed.h"

struct fixture {
    struct bus *bus;
    struct bed_member m;
    char dump[4096];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->bus = bed_open(NULL);
    bed_topic(f->bus, "in", 2, TOPIC_DELETE);
    bed_topic(f->bus, "out", 3, TOPIC_DELETE);
    bed_join(f->bus, &f->m, "group", "id");
    bed_settle(&f->m, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    member_close(f->m.member);
    bus_close(f->bus);
    free(f);
    return 0;
}

static enum commit_outcome commit(struct fixture *f, uint32_t positions)
{
    struct error why = {0};
    return member_commit(f->m.member, f->m.owned, positions, &why);
}

/* ---- topics and records -------------------------------------------------------------------- */

static void unknown_topics_are_errors_that_say_so(void **state)
{
    struct fixture *f = *state;
    const char *topics[] = {"nowhere"};
    struct error why = {0};
    int64_t low = 0;
    int64_t high = 0;
    struct member_spec spec = {.group = "g", .topics_read = topics, .topics_read_count = 1};
    struct bus_output output = {.topic = "nowhere", .partition = -1};
    assert_null(bus_member_open(f->bus, &spec, &why));
    assert_string_equal(why.message, "topic \"nowhere\" is not there: create it first");
    assert_int_equal(why.code, ERROR_INPUT);
    assert_null(bus_reader_open(f->bus, "nowhere", 0, -2, -1, &why));
    assert_false(embedded_log_append(f->bus, &output, NULL, &why));
    assert_false(bus_watermarks(f->bus, "nowhere", 0, &low, &high, &why));
    assert_false(bus_purge(f->bus, "nowhere", 0, 0, &why));
    assert_false(bus_watermarks(f->bus, "in", 2, &low, &high, &why));
    assert_string_equal(why.message, "topic \"in\" has no partition 2, only 0 to 1");
    assert_null(bus_reader_open(f->bus, "in", -1, -2, -1, &why));
}

static void describe_tells_what_create_was_given_and_zero_for_what_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct topic_info info;
    struct topic_spec spec = {"table", 7, TOPIC_COMPACT, 5000};
    struct topic_spec none = {"none", 0, TOPIC_DELETE, -1};
    assert_true(bus_create(f->bus, &spec, &why));
    spec.partitions = 9; /* an existing topic is success and stays as it is */
    assert_true(bus_create(f->bus, &spec, &why));
    assert_true(bus_describe(f->bus, "table", &info, &why));
    assert_int_equal(info.partitions, 7);
    assert_int_equal(info.cleanup, TOPIC_COMPACT);
    assert_int_equal(info.retention_ms, 5000);
    assert_true(bus_describe(f->bus, "nowhere", &info, &why));
    assert_int_equal(info.partitions, 0);
    assert_false(bus_create(f->bus, &none, &why));
}

static void records_arrive_with_key_headers_timestamp_and_nulls(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bus_header headers[2] = {{BYTES_LITERAL("name"), BYTES_LITERAL("value")},
                                    {BYTES_LITERAL("empty"), BYTES_NONE}};
    struct bus_output full = {"in", 0, 42, BYTES_LITERAL("k"), BYTES_LITERAL("v"), headers, 2};
    struct bus_output bare = {"in", 0, -1, BYTES_NONE, BYTES_NONE, NULL, 0};
    struct bus_output hollow = {"in", 0, 7, BYTES_LITERAL(""), BYTES_LITERAL(""), NULL, 0};
    struct member_batch batch;
    struct bus_header got[4];
    int64_t offset = -1;
    BED_OK(embedded_log_append(f->bus, &full, &offset, &why), why);
    assert_int_equal(offset, 0);
    BED_OK(embedded_log_append(f->bus, &bare, &offset, &why), why);
    BED_OK(embedded_log_append(f->bus, &hollow, &offset, &why), why);
    assert_int_equal(offset, 2);
    assert_int_equal(bed_poll(&f->m, &batch), MEMBER_RECORDS);
    assert_int_equal(batch.count, 3);
    assert_int_equal(batch.records[0].timestamp_ms, 42);
    assert_true(bytes_equal_text(batch.records[0].key, "k"));
    assert_true(bytes_equal_text(batch.records[0].value, "v"));
    assert_int_equal(member_headers(f->m.member, &batch.records[0], got, 4), 2);
    assert_true(bytes_equal_text(got[0].name, "name"));
    assert_true(bytes_equal_text(got[0].value, "value"));
    assert_true(bytes_equal_text(got[1].name, "empty"));
    assert_false(bytes_present(got[1].value));
    assert_int_equal(member_headers(f->m.member, &batch.records[0], got, 1), 1);
    assert_int_equal(batch.records[1].timestamp_ms, -1);
    assert_false(bytes_present(batch.records[1].key));
    assert_false(bytes_present(batch.records[1].value));
    assert_true(bytes_present(batch.records[2].key));
    assert_true(bytes_present(batch.records[2].value));
    assert_int_equal(member_headers(f->m.member, &batch.records[2], got, 4), 0);
    member_release(f->m.member, &batch);
    assert_int_equal(embedded_log_largest_timestamp_ms(f->bus, "in"), 42);
    assert_int_equal(embedded_log_largest_timestamp_ms(f->bus, "out"), -1);
    assert_int_equal(embedded_log_largest_timestamp_ms(f->bus, NULL), 42);
}

/* Values of org.apache.kafka.common.utils.Utils.murmur2, as its own tests give them. */
static void keys_choose_partitions_as_the_java_client_does(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int32_t murmur2;
    } rows[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes key = bytes_from_text(rows[i].key);
        int32_t positive = (int32_t)((uint32_t)rows[i].murmur2 & 0x7fffffff);
        assert_int_equal(embedded_log_partition_of_key(key, 1000003), positive % 1000003);
    }
}

static void records_without_key_take_turns(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        bed_append(f->bus, "out", -1, NULL, "x", 0);
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "0=x 1=x");
    assert_string_equal(bed_dump(f->bus, "out", 1, f->dump, sizeof f->dump), "0=x");
    assert_string_equal(bed_dump(f->bus, "out", 2, f->dump, sizeof f->dump), "0=x");
}

static void records_that_can_never_be_written_are_refused(void **state)
{
    (void)state;
    struct embedded_log_options options = {.record_bytes_max = 100};
    struct bus *bus = bed_open(&options);
    struct bed_member m;
    struct error why = {0};
    struct bus_header headers[BUS_HEADERS_MAX + 1] = {{BYTES_LITERAL("n"), BYTES_NONE}};
    uint8_t large[101] = {0};
    bed_topic(bus, "in", 1, TOPIC_DELETE);
    bed_topic(bus, "out", 1, TOPIC_COMPACT);
    bed_topic(bus, "other", 1, TOPIC_DELETE);
    bed_join(bus, &m, "g", "id");
    struct {
        struct bus_output output;
        enum error_code code;
    } rows[] = {
        {{.topic = "in", .value = bytes_of(large, 101)}, ERROR_LIMIT},
        {{.topic = "in", .headers = headers, .headers_count = BUS_HEADERS_MAX + 1}, ERROR_LIMIT},
        {{.topic = "in", .partition = 1}, ERROR_INPUT},
        {{.topic = "in", .partition = -2}, ERROR_INPUT},
        {{.topic = "out", .value = BYTES_LITERAL("compacted, without key")}, ERROR_INPUT},
        {{.topic = "other"}, ERROR_INPUT}, /* there, but not opened for writing */
    };
    assert_true(member_begin(m.member, &why));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_false(member_produce(m.member, &rows[i].output, &why));
        assert_int_equal(why.code, rows[i].code);
        assert_non_null(strstr(why.message, rows[i].output.topic));
    }
    bed_produce(&m, "in", 0, NULL, "goes on");
    assert_int_equal(member_commit(m.member, NULL, 0, &why), COMMIT_DONE);
    member_close(m.member);
    bus_close(bus);
}

static void large_and_small_records_share_a_partition(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    static uint8_t large[3u << 20];
    memset(large, 'x', sizeof large);
    struct bus_output output = {.topic = "in", .value = bytes_of(large, sizeof large)};
    struct member_batch batch;
    bed_append(f->bus, "in", 0, NULL, "before", 0);
    BED_OK(embedded_log_append(f->bus, &output, NULL, &why), why);
    bed_append(f->bus, "in", 0, NULL, "after", 0);
    assert_int_equal(bed_poll(&f->m, &batch), MEMBER_RECORDS);
    assert_int_equal(batch.count, 3);
    assert_true(bytes_equal_text(batch.records[0].value, "before"));
    assert_true(bytes_equal(batch.records[1].value, output.value));
    assert_true(bytes_equal_text(batch.records[2].value, "after"));
    member_release(f->m.member, &batch);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void nothing_is_visible_before_commit_and_everything_after(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bus_position position;
    assert_true(member_begin(f->m.member, &why));
    bed_produce(&f->m, "out", 0, NULL, "a");
    bed_produce(&f->m, "out", 1, NULL, "b");
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "");
    assert_string_equal(bed_dump(f->bus, "out", 1, f->dump, sizeof f->dump), "");
    BED_OK(embedded_log_position(f->bus, "group", "in", 0, &position, &why), why);
    assert_int_equal(position.offset, -1);
    f->m.owned[0].offset = f->m.owned[1].offset = 0;
    assert_int_equal(commit(f, 2), COMMIT_DONE);
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "0=a");
    assert_string_equal(bed_dump(f->bus, "out", 1, f->dump, sizeof f->dump), "0=b");
    BED_OK(embedded_log_position(f->bus, "group", "in", 0, &position, &why), why);
    assert_int_equal(position.offset, 0);
}

static void each_commit_leaves_one_marker_per_touched_partition(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    int64_t low = -1;
    int64_t high = -1;
    for (int i = 0; i < 2; i++) {
        assert_true(member_begin(f->m.member, &why));
        bed_produce(&f->m, "out", 0, NULL, "a");
        bed_produce(&f->m, "out", 2, NULL, "b");
        bed_produce(&f->m, "out", 0, NULL, "c");
        assert_int_equal(commit(f, 0), COMMIT_DONE);
    }
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "0=a 1=c 3=a 4=c");
    assert_string_equal(bed_dump(f->bus, "out", 1, f->dump, sizeof f->dump), "");
    assert_string_equal(bed_dump(f->bus, "out", 2, f->dump, sizeof f->dump), "0=b 2=b");
    BED_OK(bus_watermarks(f->bus, "out", 0, &low, &high, &why), why);
    assert_int_equal(low, 0);
    assert_int_equal(high, 6);
    BED_OK(bus_watermarks(f->bus, "out", 1, &low, &high, &why), why);
    assert_int_equal(high, 0);
}

static void aborted_records_never_come_out_but_use_up_offsets(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    assert_true(member_begin(f->m.member, &why));
    bed_produce(&f->m, "out", 0, NULL, "never");
    bed_produce(&f->m, "out", 0, NULL, "never");
    assert_int_equal(member_abort(f->m.member, &why), COMMIT_ABORTED);
    assert_true(member_begin(f->m.member, &why));
    bed_produce(&f->m, "out", 0, NULL, "a");
    assert_int_equal(commit(f, 0), COMMIT_DONE);
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "3=a");
}

static void reader_and_member_step_over_markers_at_the_end(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bus_record record;
    struct member_batch batch;
    struct bus_partition source = {0, 0};
    assert_true(member_at_end(f->m.member, source));
    assert_true(member_begin(f->m.member, &why));
    bed_produce(&f->m, "in", 0, NULL, "a");
    assert_int_equal(commit(f, 0), COMMIT_DONE);
    assert_false(member_at_end(f->m.member, source));
    assert_int_equal(member_behind(f->m.member, source, 0), 2); /* the record and its marker */
    struct bus_reader *reader = bus_reader_open(f->bus, "in", 0, 0, 2, &why);
    BED_OK(reader != NULL, why);
    assert_int_equal(reader_next(reader, 0, &record, &why), READER_RECORD);
    assert_int_equal(reader_position(reader), 1);
    assert_int_equal(reader_next(reader, 0, &record, &why), READER_END);
    assert_int_equal(reader_position(reader), 2);
    reader_close(reader);
    assert_int_equal(bed_poll(&f->m, &batch), MEMBER_RECORDS);
    member_release(f->m.member, &batch);
    assert_true(member_at_end(f->m.member, source));
    assert_int_equal(member_behind(f->m.member, source, 1), 0);
    assert_int_equal(member_behind(f->m.member, (struct bus_partition){0, 99}, 1), -1);
    assert_int_equal(bed_poll(&f->m, &batch), MEMBER_IDLE);
}

static void a_reader_stops_at_its_end_though_more_is_there(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bus_record record;
    for (int i = 0; i < 5; i++)
        bed_append(f->bus, "out", 0, NULL, "x", i);
    struct bus_reader *reader = bus_reader_open(f->bus, "out", 0, 1, 3, &why);
    BED_OK(reader != NULL, why);
    assert_int_equal(reader_next(reader, 0, &record, &why), READER_RECORD);
    assert_int_equal(record.offset, 1);
    assert_int_equal(reader_next(reader, 0, &record, &why), READER_RECORD);
    assert_int_equal(record.offset, 2);
    assert_int_equal(reader_next(reader, 1000, &record, &why), READER_END);
    assert_int_equal(reader_position(reader), 3);
    reader_close(reader);
    assert_null(bus_reader_open(f->bus, "out", 0, 6, -1, &why));
    assert_string_equal(why.message, "out/0: offset 6 is not kept, only 0 to 5 are");
}

static void metadata_comes_back_as_it_was_committed(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bus_position back[2] = {{.source = {0, 0}}, {.source = {0, 1}}};
    BED_OK(member_committed(f->m.member, back, 2, &why), why);
    assert_int_equal(back[0].offset, -1);
    assert_string_equal(back[0].metadata, "");
    bed_append(f->bus, "in", 1, NULL, "x", 0);
    struct bus_position one = {.source = {0, 1}, .offset = 1};
    memset(one.metadata, 'm', BUS_METADATA_MAX);
    assert_true(member_begin(f->m.member, &why));
    assert_int_equal(member_commit(f->m.member, &one, 1, &why), COMMIT_DONE);
    BED_OK(member_committed(f->m.member, back, 2, &why), why);
    assert_int_equal(back[0].offset, -1);
    assert_int_equal(back[1].offset, 1);
    assert_string_equal(back[1].metadata, one.metadata);
}

static void seek_after_abort_reads_the_same_records_again(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct member_batch batch;
    for (int round = 0; round < 3; round++) {
        if (round == 0)
            for (int i = 0; i < 6; i++)
                bed_append(f->bus, "in", i % 2, NULL, "x", i);
        assert_true(member_begin(f->m.member, &why));
        assert_int_equal(bed_poll(&f->m, &batch), MEMBER_RECORDS);
        assert_int_equal(batch.count, 6);
        member_release(f->m.member, &batch);
        assert_int_equal(bed_poll(&f->m, &batch), MEMBER_IDLE);
        assert_int_equal(member_abort(f->m.member, &why), COMMIT_ABORTED);
        bed_rewind(&f->m);
    }
}

static void positions_outside_of_the_log_are_fatal(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bus_position wrong = {.source = {0, 0}, .offset = 1};
    assert_true(member_begin(f->m.member, &why));
    bed_produce(&f->m, "out", 0, NULL, "never");
    assert_int_equal(member_commit(f->m.member, &wrong, 1, &why), COMMIT_FAILED);
    assert_string_equal(why.message, "in/0: position 1 is outside of the log, 0 to 0");
    assert_false(member_seek(f->m.member, &wrong, 1, &why));
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "");
}

static void paused_partitions_give_nothing_until_resumed(void **state)
{
    struct fixture *f = *state;
    struct member_batch batch;
    bed_append(f->bus, "in", 0, NULL, "zero", 0);
    bed_append(f->bus, "in", 1, NULL, "one", 0);
    assert_true(member_pause(f->m.member, (struct bus_partition){0, 0}, true));
    assert_false(member_pause(f->m.member, (struct bus_partition){0, 9}, true));
    assert_int_equal(bed_poll(&f->m, &batch), MEMBER_RECORDS);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.records[0].source.partition, 1);
    member_release(f->m.member, &batch);
    assert_false(member_at_end(f->m.member, (struct bus_partition){0, 0}));
    assert_true(member_pause(f->m.member, (struct bus_partition){0, 0}, false));
    assert_int_equal(bed_poll(&f->m, &batch), MEMBER_RECORDS);
    assert_int_equal(batch.records[0].source.partition, 0);
    member_release(f->m.member, &batch);
}

/* ---- identity and death -------------------------------------------------------------------------- */

static void the_second_member_with_an_id_fences_the_first(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bed_member twin;
    assert_true(member_begin(f->m.member, &why));
    bed_produce(&f->m, "out", 0, NULL, "of the first");
    bed_join(f->bus, &twin, "other group", "id");
    assert_int_equal(commit(f, 0), COMMIT_FENCED);
    assert_false(member_begin(f->m.member, &why));
    assert_int_equal(why.code, ERROR_FENCED);
    assert_non_null(strstr(why.message, "\"id\""));
    assert_true(member_begin(twin.member, &why));
    bed_produce(&twin, "out", 0, NULL, "of the second");
    assert_int_equal(member_commit(twin.member, NULL, 0, &why), COMMIT_DONE);
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "2=of the second");
    assert_int_equal(embedded_log_count(f->bus).commits_fenced, 1);
    member_close(twin.member);
}

static void a_crashed_member_leaves_nothing_behind_but_its_partitions(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bed_member heir;
    struct member_batch batch;
    bed_append(f->bus, "in", 0, NULL, "x", 0);
    assert_int_equal(bed_poll(&f->m, &batch), MEMBER_RECORDS);
    assert_true(member_begin(f->m.member, &why));
    bed_produce(&f->m, "out", 0, NULL, "never");
    bed_join(f->bus, &heir, "group", "id2");
    assert_int_equal(bed_poll(&heir, &batch), MEMBER_IDLE);
    embedded_log_crash(f->m.member);
    assert_int_equal(member_commit(f->m.member, NULL, 0, &why), COMMIT_FAILED);
    member_release(f->m.member, &batch);
    assert_int_equal(member_poll(f->m.member, 0, &batch, &why), MEMBER_FAILED);
    assert_int_equal(bed_poll(&heir, &batch), MEMBER_ASSIGN);
    assert_int_equal(heir.owned_count, 2);
    assert_int_equal(bed_poll(&heir, &batch), MEMBER_RECORDS);
    assert_int_equal(batch.count, 1);
    member_release(heir.member, &batch);
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "");
    member_close(heir.member);
}

static void closing_aborts_the_open_transaction(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bed_member brief;
    bed_join(f->bus, &brief, "other", "brief");
    assert_true(member_begin(brief.member, &why));
    bed_produce(&brief, "out", 0, NULL, "never");
    member_close(brief.member);
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "");
}

static void the_clock_stands_still_until_it_is_set(void **state)
{
    (void)state;
    struct embedded_clock clock;
    embedded_clock_init(&clock, 100);
    assert_int_equal(clock.clock.now_ms(&clock.clock), 100);
    embedded_clock_set(&clock, 250);
    assert_int_equal(clock.clock.now_ms(&clock.clock), 250);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(unknown_topics_are_errors_that_say_so),
        CASE(describe_tells_what_create_was_given_and_zero_for_what_is_not_there),
        CASE(records_arrive_with_key_headers_timestamp_and_nulls),
        CASE(keys_choose_partitions_as_the_java_client_does),
        CASE(records_without_key_take_turns),
        CASE(records_that_can_never_be_written_are_refused),
        CASE(large_and_small_records_share_a_partition),
        CASE(nothing_is_visible_before_commit_and_everything_after),
        CASE(each_commit_leaves_one_marker_per_touched_partition),
        CASE(aborted_records_never_come_out_but_use_up_offsets),
        CASE(reader_and_member_step_over_markers_at_the_end),
        CASE(a_reader_stops_at_its_end_though_more_is_there),
        CASE(metadata_comes_back_as_it_was_committed),
        CASE(seek_after_abort_reads_the_same_records_again),
        CASE(positions_outside_of_the_log_are_fatal),
        CASE(paused_partitions_give_nothing_until_resumed),
        CASE(the_second_member_with_an_id_fences_the_first),
        CASE(a_crashed_member_leaves_nothing_behind_but_its_partitions),
        CASE(closing_aborts_the_open_transaction),
        CASE(the_clock_stands_still_until_it_is_set),
    };
    return cmocka_run_group_tests_name("embedded_log", tests, NULL, NULL);
}
