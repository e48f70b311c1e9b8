/*
 * embedded_log_retention_test.c - what is deleted: purge, size, age, compaction; and that borrowed
 * records outlive it.
 */
#include "tests/bus/bed.h"

struct fixture {
    struct bus *bus;
    struct bed_member m;
    struct embedded_clock clock;
    char dump[65536];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    embedded_clock_init(&f->clock, 0);
    struct embedded_log_options options = {.clock = &f->clock.clock};
    f->bus = bed_open(&options);
    bed_topic(f->bus, "in", 1, TOPIC_DELETE);
    bed_topic(f->bus, "out", 1, TOPIC_DELETE);
    bed_topic(f->bus, "table", 1, TOPIC_COMPACT);
    bed_join(f->bus, &f->m, "g", "a");
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

static int64_t low_watermark(struct fixture *f, const char *topic)
{
    struct error why = {0};
    int64_t low = -1;
    int64_t high = -1;
    BED_OK(bus_watermarks(f->bus, topic, 0, &low, &high, &why), why);
    return low;
}

/* count records of about 1 KB. */
static void fill(struct fixture *f, const char *topic, int count)
{
    char value[1000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    for (int i = 0; i < count; i++)
        bed_append(f->bus, topic, 0, "key", value, i);
}

/* ---- purge ------------------------------------------------------------------------------------- */

static void purge_deletes_what_is_before_the_offset(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    for (int i = 0; i < 6; i++)
        bed_append(f->bus, "out", 0, NULL, "x", i);
    BED_OK(bus_purge(f->bus, "out", 0, 4, &why), why);
    assert_int_equal(low_watermark(f, "out"), 4);
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "4=x 5=x");
    BED_OK(bus_purge(f->bus, "out", 0, 2, &why), why); /* already gone: nothing to do */
    assert_int_equal(low_watermark(f, "out"), 4);
    assert_false(bus_purge(f->bus, "out", 0, 7, &why));
    assert_false(bus_purge(f->bus, "out", 0, -1, &why));
    BED_OK(bus_purge(f->bus, "out", 0, 6, &why), why);
    assert_int_equal(embedded_log_bytes(f->bus), 0);
    bed_append(f->bus, "out", 0, NULL, "y", 6);
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "6=y");
}

static void a_hole_in_what_is_kept_is_an_error_not_a_jump(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bus_record record;
    struct member_batch batch;
    for (int i = 0; i < 4; i++)
        bed_append(f->bus, "in", 0, NULL, "x", i);
    struct bus_reader *reader = bus_reader_open(f->bus, "in", 0, 0, -1, &why);
    assert_int_equal(reader_next(reader, 0, &record, &why), READER_RECORD);
    BED_OK(bus_purge(f->bus, "in", 0, 3, &why), why);
    assert_int_equal(reader_next(reader, 0, &record, &why), READER_FAILED);
    assert_string_equal(why.message, "in/0: offset 1 was deleted, the oldest kept is 3");
    reader_close(reader);
    assert_null(bus_reader_open(f->bus, "in", 0, 2, -1, &why));
    assert_int_equal(member_poll(f->m.member, 0, &batch, &why), MEMBER_FAILED);
    assert_non_null(strstr(why.message, "in/0: offset 0 was deleted"));
}

static void borrowed_records_outlive_purge(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct member_batch batch;
    struct bus_record record;
    bed_append(f->bus, "in", 0, "key", "borrowed by the member", 0);
    bed_append(f->bus, "out", 0, "key", "borrowed by the reader", 0);
    struct bus_reader *reader = bus_reader_open(f->bus, "out", 0, 0, -1, &why);
    assert_int_equal(reader_next(reader, 0, &record, &why), READER_RECORD);
    assert_int_equal(bed_poll(&f->m, &batch), MEMBER_RECORDS);
    BED_OK(bus_purge(f->bus, "in", 0, 1, &why), why);
    BED_OK(bus_purge(f->bus, "out", 0, 1, &why), why);
    fill(f, "in", 100);
    assert_true(bytes_equal_text(batch.records[0].value, "borrowed by the member"));
    assert_true(bytes_equal_text(record.value, "borrowed by the reader"));
    member_release(f->m.member, &batch);
    reader_close(reader);
}

/* ---- size and age ---------------------------------------------------------------------------------- */

static void a_size_limit_deletes_the_oldest_of_a_topic_nobody_subscribes(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    BED_OK(embedded_log_limit_topic(f->bus, "out", 1 << 20, &why), why);
    fill(f, "out", 8000);
    assert_in_range(embedded_log_bytes(f->bus), 1 << 19, 1 << 20);
    assert_in_range(low_watermark(f, "out"), 6500, 7500);
    assert_false(embedded_log_limit_topic(f->bus, "nowhere", 1, &why));
}

static void a_size_limit_spares_what_a_group_has_not_committed(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    BED_OK(embedded_log_limit_topic(f->bus, "in", 1 << 16, &why), why);
    fill(f, "in", 2000);
    assert_int_equal(low_watermark(f, "in"), 0);
    struct bus_position position = {.source = {0, 0}, .offset = 1000};
    assert_true(member_begin(f->m.member, &why));
    assert_int_equal(member_commit(f->m.member, &position, 1, &why), COMMIT_DONE);
    fill(f, "in", 1);
    assert_in_range(low_watermark(f, "in"), 700, 1000);
}

static void records_older_than_retention_expire_by_the_clock(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct topic_spec spec = {"days", 1, TOPIC_DELETE, 1000};
    BED_OK(bus_create(f->bus, &spec, &why), why);
    for (int i = 0; i < 2000; i++)
        bed_append(f->bus, "days", 0, NULL, "some value that takes room", i);
    assert_int_equal(low_watermark(f, "days"), 0);
    embedded_clock_set(&f->clock, 5000);
    bed_append(f->bus, "days", 0, NULL, "new", 4500);
    assert_in_range(low_watermark(f, "days"), 1, 2000);
    assert_in_range(embedded_log_bytes(f->bus), 1, 100000);
}

/* ---- compaction ---------------------------------------------------------------------------------------- */

static void compaction_keeps_the_latest_of_each_key_at_its_offset(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bus_record record;
    char key[20];
    char value[40];
    for (int i = 0; i < 50000; i++) {
        snprintf(key, sizeof key, "key-%d", i % 100);
        snprintf(value, sizeof value, "value %d", i);
        bed_append(f->bus, "table", 0, key, value, i);
    }
    assert_in_range(embedded_log_count(f->bus).compactions, 3, 100);
    assert_in_range(embedded_log_bytes(f->bus), 1, 300000);
    assert_int_equal(low_watermark(f, "table"), 0);
    int64_t latest[100];
    memset(latest, -1, sizeof latest);
    int64_t before = -1;
    struct bus_reader *reader = bus_reader_open(f->bus, "table", 0, 0, 50000, &why);
    BED_OK(reader != NULL, why);
    while (reader_next(reader, 0, &record, &why) == READER_RECORD) {
        assert_true(record.offset > before);
        before = record.offset;
        snprintf(key, sizeof key, "key-%d", (int)(record.offset % 100));
        snprintf(value, sizeof value, "value %d", (int)record.offset);
        assert_true(bytes_equal_text(record.key, key));
        assert_true(bytes_equal_text(record.value, value));
        assert_int_equal(record.timestamp_ms, record.offset);
        latest[record.offset % 100] = record.offset;
    }
    assert_int_equal(reader_position(reader), 50000);
    reader_close(reader);
    for (int i = 0; i < 100; i++)
        assert_int_equal(latest[i], 49900 + i);
}

/* Fills the table under one key until it was compacted again. */
static void compact(struct fixture *f)
{
    uint64_t before = embedded_log_count(f->bus).compactions;
    while (embedded_log_count(f->bus).compactions < before + 1)
        fill(f, "table", 1);
}

static void a_reader_on_its_way_still_meets_the_tombstone(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bus_record record;
    bool deleted = false;
    bed_append(f->bus, "table", 0, "gone", "old value", 0);
    struct bus_reader *reader = bus_reader_open(f->bus, "table", 0, 0, -1, &why);
    assert_int_equal(reader_next(reader, 0, &record, &why), READER_RECORD);
    assert_true(bytes_equal_text(record.value, "old value"));
    bed_append(f->bus, "table", 0, "gone", NULL, 1);
    compact(f);
    compact(f);
    while (reader_next(reader, 0, &record, &why) == READER_RECORD)
        if (bytes_equal_text(record.key, "gone"))
            deleted = !bytes_present(record.value);
    assert_true(deleted);
    compact(f); /* now nobody is on the way any more */
    bed_dump(f->bus, "table", 0, f->dump, sizeof f->dump);
    assert_null(strstr(f->dump, "1="));
    reader_close(reader);
}

static void a_reader_keeps_its_place_when_compaction_moves_records(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct bus_record record;
    char key[20];
    for (int i = 0; i < 300; i++) { /* the even ones will be replaced */
        snprintf(key, sizeof key, "key-%d", i);
        bed_append(f->bus, "table", 0, key, key, i);
    }
    struct bus_reader *reader = bus_reader_open(f->bus, "table", 0, 0, -1, &why);
    for (int i = 0; i < 101; i++)
        assert_int_equal(reader_next(reader, 0, &record, &why), READER_RECORD);
    assert_int_equal(record.offset, 100);
    for (int i = 0; i < 300; i += 2) {
        snprintf(key, sizeof key, "key-%d", i);
        bed_append(f->bus, "table", 0, key, "new", i);
    }
    compact(f);
    for (int i = 101; i < 300; i += 2) {
        assert_int_equal(reader_next(reader, 0, &record, &why), READER_RECORD);
        snprintf(key, sizeof key, "key-%d", i);
        assert_int_equal(record.offset, i);
        assert_true(bytes_equal_text(record.key, key));
        assert_true(bytes_equal_text(record.value, key));
    }
    for (int i = 0; i < 300; i += 2) {
        assert_int_equal(reader_next(reader, 0, &record, &why), READER_RECORD);
        assert_true(bytes_equal_text(record.value, "new"));
    }
    reader_close(reader);
}

static void tombstones_go_when_no_reader_needs_them(void **state)
{
    struct fixture *f = *state;
    char key[20];
    for (int i = 0; i < 40000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        bed_append(f->bus, "table", 0, key, "value", i);
        bed_append(f->bus, "table", 0, key, NULL, i);
    }
    assert_in_range(embedded_log_bytes(f->bus), 0, 300000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(purge_deletes_what_is_before_the_offset),
        CASE(a_hole_in_what_is_kept_is_an_error_not_a_jump),
        CASE(borrowed_records_outlive_purge),
        CASE(a_size_limit_deletes_the_oldest_of_a_topic_nobody_subscribes),
        CASE(a_size_limit_spares_what_a_group_has_not_committed),
        CASE(records_older_than_retention_expire_by_the_clock),
        CASE(compaction_keeps_the_latest_of_each_key_at_its_offset),
        CASE(a_reader_on_its_way_still_meets_the_tombstone),
        CASE(a_reader_keeps_its_place_when_compaction_moves_records),
        CASE(tombstones_go_when_no_reader_needs_them),
    };
    return cmocka_run_group_tests_name("embedded_log_retention", tests, NULL, NULL);
}
