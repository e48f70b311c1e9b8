/*
 * file_records_test.c - the record-file format: round trip, golden bytes, damage of every kind.
 */
#include "engine/bus/file_records.h"
#include "engine/bus/file_source.h"
#include "tests/test.h"

#include <unistd.h>

static char path[300];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/test.records", test_scratch_folder());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(test_scratch_folder());
}

static const struct bus_header headers[] = {{BYTES_LITERAL("name"), BYTES_LITERAL("value")},
                                            {BYTES_LITERAL(""), BYTES_LITERAL("")},
                                            {BYTES_LITERAL("null"), BYTES_NONE}};

/* In the order of replay, so that they come back in this order. */
static const struct file_record rows[] = {
    {"no.time", 0, 5, -1, BYTES_NONE, BYTES_LITERAL("v"), NULL, 0},
    {"spans", 0, 0, 1000, BYTES_NONE, BYTES_NONE, NULL, 0},
    {"spans", 0, 1, 1000, BYTES_LITERAL(""), BYTES_LITERAL(""), NULL, 0},
    {"spans", 31, (int64_t)1 << 60, 1001, BYTES_LITERAL("key"), BYTES_LITERAL("value"), headers, 3},
    {"t", 2, 7, 5000, BYTES_LITERAL("k\0k"), BYTES_LITERAL("\0\n\xff"), headers, 1},
};
#define ROWS (sizeof rows / sizeof *rows)

static void write_rows(void)
{
    struct error why = {0};
    struct file_writer *writer = file_writer_create(path, &why);
    assert_non_null(writer);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(file_writer_put(writer, &rows[i], &why));
    assert_true(file_writer_close(writer, &why));
}

static size_t slurp(uint8_t *out, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t got = fread(out, 1, size, file);
    assert_true(got < size);
    fclose(file);
    return got;
}

static void spill(const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static struct file_source *open_source(struct error *why)
{
    const char *paths[] = {path};
    return file_source_open(paths, 1, NULL, why);
}

static void assert_same(struct bytes a, struct bytes b)
{
    assert_int_equal(bytes_present(a), bytes_present(b));
    assert_true(bytes_equal(a, b));
}

static void all_fields_come_back_as_written(void **state)
{
    (void)state;
    struct error why = {0};
    struct file_record got;
    write_rows();
    struct file_source *source = open_source(&why);
    assert_non_null(source);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(file_source_next(source, &got, &why), FILE_RECORD);
        assert_string_equal(got.topic, rows[i].topic);
        assert_int_equal(got.partition, rows[i].partition);
        assert_int_equal(got.offset, rows[i].offset);
        assert_int_equal(got.timestamp_ms, rows[i].timestamp_ms);
        assert_same(got.key, rows[i].key);
        assert_same(got.value, rows[i].value);
        assert_int_equal(got.headers_count, rows[i].headers_count);
        for (uint32_t k = 0; k < got.headers_count; k++) {
            assert_same(got.headers[k].name, rows[i].headers[k].name);
            assert_same(got.headers[k].value, rows[i].headers[k].value);
        }
    }
    assert_int_equal(file_source_next(source, &got, &why), FILE_END);
    file_source_close(source);
}

/* RFC 3720 B.4 and a long run in two pieces. */
static void crc32c_has_its_known_values(void **state)
{
    (void)state;
    struct file_crc32c crc;
    uint8_t bytes[1000];
    file_crc32c_init(&crc);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(file_crc32c_of(&crc, 0, bytes_of(bytes, 32)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(file_crc32c_of(&crc, 0, bytes_of(bytes, 32)), 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(file_crc32c_of(&crc, 0, bytes_of(bytes, 32)), 0x46dd794e);
    assert_int_equal(file_crc32c_of(&crc, 0, BYTES_LITERAL("123456789")), 0xe3069283);
    for (size_t cut = 0; cut < 40; cut++) {
        uint32_t head = file_crc32c_of(&crc, 0, bytes_of(bytes, cut));
        assert_int_equal(file_crc32c_of(&crc, head, bytes_of(bytes + cut, sizeof bytes - cut)),
                         file_crc32c_of(&crc, 0, bytes_of(bytes, sizeof bytes)));
    }
}

static void the_bytes_of_a_file_are_those_of_the_description(void **state)
{
    (void)state;
    struct error why = {0};
    uint8_t got[200];
    static const uint8_t body[] = {
        'A', 'S', 'S', 'A', 'Y', 'R', 'E', 'C', 1, 0, 0, 0, 0, 0,   0, 0, /* CRC: below */
        46,  0,   0,   0,   0,   0,   0,   0,                             /* size, CRC */
        2,   0,   0,   0,   0,   0,   0,   0,   3, 0, 0, 0, 0, 0,   0, 0, 4, 0, 0, 0, 1, 0, 0,
        0,   255, 255, 255, 255, 0,   0,   0,   0, 1, 0, 0, 0, 't', 1, 0, 0, 0, 0, 0, 0, 0, 'h'};
    struct bus_header header = {BYTES_LITERAL("h"), BYTES_LITERAL("")};
    struct file_record record = {"t", 4, 3, 2, BYTES_NONE, BYTES_LITERAL(""), &header, 1};
    struct file_writer *writer = file_writer_create(path, &why);
    assert_non_null(writer);
    assert_true(file_writer_put(writer, &record, &why));
    assert_true(file_writer_close(writer, &why));
    assert_int_equal(slurp(got, sizeof got), sizeof body);
    memset(got + 12, 0, 4);
    memset(got + 20, 0, 4);
    assert_memory_equal(got, body, sizeof body);
}

static void the_writer_refuses_what_has_no_coordinates(void **state)
{
    (void)state;
    struct error why = {0};
    char long_topic[300];
    memset(long_topic, 'x', 250);
    long_topic[250] = 0;
    const struct file_record bad[] = {
        {.topic = NULL},
        {.topic = ""},
        {.topic = long_topic},
        {.topic = "t", .partition = -1},
        {.topic = "t", .offset = -1},
        {.topic = "t", .offset = INT64_MAX},
        {.topic = "t", .timestamp_ms = -2},
        {.topic = "t", .timestamp_ms = INT64_MAX},
        {.topic = "t", .headers_count = BUS_HEADERS_MAX + 1},
    };
    struct file_writer *writer = file_writer_create(path, &why);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(file_writer_put(writer, &bad[i], &why));
    assert_true(file_writer_close(writer, &why));
    assert_null(file_writer_create("/nowhere/at/all.records", &why));
    assert_non_null(strstr(why.message, "/nowhere/at/all.records: cannot be created"));
}

/* ---- damage ---------------------------------------------------------------------------------------- */

static void a_cut_file_says_where_and_how_many_records_are_good(void **state)
{
    (void)state;
    struct error why = {0};
    uint8_t whole[2000];
    write_rows();
    size_t size = slurp(whole, sizeof whole);
    uint64_t good = 0;
    size_t frame = FILE_RECORDS_HEADER_BYTES; /* begin of the frame that is cut */
    for (size_t cut = FILE_RECORDS_HEADER_BYTES; cut < size; cut++) {
        uint32_t body = 0;
        memcpy(&body, whole + frame, sizeof body);
        if (cut == frame + 8 + body) {
            frame = cut;
            good++;
        }
        spill(whole, cut);
        struct file_source *source = open_source(&why);
        if (cut == frame) { /* between two frames: a shorter file, but a whole one */
            assert_non_null(source);
            assert_int_equal(file_source_totals(source).records, good);
            file_source_close(source);
            continue;
        }
        char expected[500];
        snprintf(expected, sizeof expected,
                 "%s@%zu: the file ends within a record; the %llu records before it are good: keep "
                 "those with truncate -s %zu, or get the file again",
                 path, frame, (unsigned long long)good, frame);
        assert_null(source);
        assert_string_equal(why.message, expected);
    }
    assert_int_equal(good, ROWS - 1);
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    struct error why = {0};
    uint8_t whole[2000];
    write_rows();
    size_t size = slurp(whole, sizeof whole);
    for (size_t bit = 0; bit < size * 8; bit++) {
        whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
        spill(whole, size);
        whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_null(open_source(&why));
        assert_int_equal(why.code, ERROR_INPUT);
        assert_non_null(strstr(why.message, path));
    }
}

static void other_files_and_later_versions_are_told_apart(void **state)
{
    (void)state;
    struct file_crc32c crc;
    struct error why = {0};
    uint8_t header[16] = "ASSAYREC\2";
    file_crc32c_init(&crc);
    uint32_t sum = file_crc32c_of(&crc, 0, bytes_of(header, 12));
    memcpy(header + 12, &sum, 4);
    spill(header, 16);
    assert_null(open_source(&why));
    assert_non_null(strstr(why.message, "has version 2 of the record-file format"));
    spill((const uint8_t *)"{\"resourceSpans\": []}", 21);
    assert_null(open_source(&why));
    assert_non_null(strstr(why.message, "is not a record file"));
    spill((const uint8_t *)"ASSAY", 5);
    assert_null(open_source(&why));
    assert_non_null(strstr(why.message, "is not a record file"));
    spill(header, 0);
    assert_null(open_source(&why));
}

/* A checksum says that bytes are as written, not that they make sense. */
static void a_body_that_does_not_add_up_is_refused(void **state)
{
    (void)state;
    uint8_t whole[2000];
    struct bus_header room[BUS_HEADERS_MAX];
    struct file_record record;
    struct bytes topic;
    write_rows();
    size_t size = slurp(whole, sizeof whole);
    uint64_t refused = 0;
    for (size_t at = FILE_RECORDS_HEADER_BYTES; at < size;) {
        uint32_t body = 0;
        memcpy(&body, whole + at, sizeof body);
        at += 8;
        assert_true(file_records_decode(bytes_of(whole + at, body), &record, &topic, room));
        for (uint32_t cut = 0; cut < body; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, whole + at, cut);
            assert_false(file_records_decode(bytes_of(copy, cut), &record, &topic, room));
            free(copy);
        }
        for (uint32_t bit = 0; bit < body * 8; bit++) {
            whole[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
            refused += !file_records_decode(bytes_of(whole + at, body), &record, &topic, room);
            whole[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        at += body;
    }
    assert_true(refused > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_fields_come_back_as_written),
        cmocka_unit_test(crc32c_has_its_known_values),
        cmocka_unit_test(the_bytes_of_a_file_are_those_of_the_description),
        cmocka_unit_test(the_writer_refuses_what_has_no_coordinates),
        cmocka_unit_test(a_cut_file_says_where_and_how_many_records_are_good),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(other_files_and_later_versions_are_told_apart),
        cmocka_unit_test(a_body_that_does_not_add_up_is_refused),
    };
    return cmocka_run_group_tests_name("file_records", tests, set_up, tear_down);
}
