/* buffer_test.c - varints at their edges, limits, and a reader that never leaves its bytes. */
#include "tests/test.h"

#include "engine/base/buffer.h"

static void varints_have_their_golden_bytes(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *bytes;
        size_t size;
    } rows[] = {
        {0, "\x00", 1},
        {1, "\x01", 1},
        {127, "\x7f", 1},
        {128, "\x80\x01", 2},
        {300, "\xac\x02", 2},
        {16383, "\xff\x7f", 2},
        {16384, "\x80\x80\x01", 3},
        {UINT32_MAX, "\xff\xff\xff\xff\x0f", 5},
        {(uint64_t)INT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9},
        {UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer buffer = BUFFER_WITH_LIMIT(100);
        buffer_put_varint(&buffer, rows[i].value);
        assert_int_equal(buffer.size, rows[i].size);
        assert_memory_equal(buffer.data, rows[i].bytes, rows[i].size);
        struct reader reader = reader_of(buffer_bytes(&buffer));
        assert_true(reader_varint(&reader) == rows[i].value);
        assert_false(reader.failed);
        assert_int_equal(reader_left(&reader), 0);
        for (size_t cut = 0; cut < rows[i].size; cut++) {
            struct reader shorter = reader_of(bytes_of(buffer.data, cut));
            assert_int_equal(reader_varint(&shorter), 0);
            assert_true(shorter.failed);
        }
        buffer_free(&buffer);
    }
}

static void varints_that_are_too_long_fail(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", /* 65 bits */
        "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", /* no end within ten */
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81", /* goes on after ten */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char eleven[12] = {0};
        memcpy(eleven, bad[i], 10);
        struct reader reader = reader_of(bytes_of(eleven, sizeof eleven));
        assert_int_equal(reader_varint(&reader), 0);
        assert_true(reader.failed);
        assert_int_equal(reader_left(&reader), 0);
    }
    /* Padding with zero groups is protobuf's right. */
    struct reader padded = reader_of(bytes_of("\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10));
    assert_int_equal(reader_varint(&padded), 1);
    assert_false(padded.failed);
}

static void zigzag_returns_every_sign(void **state)
{
    (void)state;
    static const int64_t values[] = {0, -1, 1, -2, 63, -64, 64, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    struct buffer buffer = BUFFER_WITH_LIMIT(1000);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        buffer_put_zigzag(&buffer, values[i]);
    assert_memory_equal(buffer.data, "\x00\x01\x02\x03\x7e\x7f", 6);
    struct reader reader = reader_of(buffer_bytes(&buffer));
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_true(reader_zigzag(&reader) == values[i]);
    assert_int_equal(reader_left(&reader), 0);
    assert_false(reader.failed);
    buffer_free(&buffer);
}

static void everything_written_is_read_back(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_WITH_LIMIT(1 << 16);
    buffer_put_u8(&buffer, 0xfe);
    buffer_put_u32(&buffer, 0x01020304);
    buffer_put_u64(&buffer, 0x0102030405060708);
    buffer_put_bytes(&buffer, BYTES_LITERAL("text"));
    buffer_put_bytes(&buffer, BYTES_NONE);
    buffer_printf(&buffer, "%d-%s", 42, "x");
    assert_memory_equal(buffer.data + 1, "\x04\x03\x02\x01", 4); /* little endian */
    struct reader reader = reader_of(buffer_bytes(&buffer));
    assert_int_equal(reader_u8(&reader), 0xfe);
    assert_int_equal(reader_u32(&reader), 0x01020304);
    assert_true(reader_u64(&reader) == 0x0102030405060708);
    assert_true(bytes_equal_text(reader_bytes(&reader), "text"));
    assert_int_equal(reader_bytes(&reader).size, 0);
    assert_true(bytes_equal_text(reader_take(&reader, 4), "42-x"));
    assert_int_equal(reader_left(&reader), 0);
    assert_false(reader.failed);
    buffer_free(&buffer);
}

static void writing_past_the_limit_fails_and_keeps_what_is_there(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_WITH_LIMIT(8);
    buffer_append_text(&buffer, "12345678");
    assert_false(buffer.failed);
    buffer_put_u8(&buffer, '9');
    assert_true(buffer.failed);
    assert_int_equal(buffer.size, 8);
    assert_memory_equal(buffer.data, "12345678", 8);
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    buffer_clear(&buffer);
    assert_false(buffer.failed);
    buffer_printf(&buffer, "%s", "123456789");
    assert_true(buffer.failed);
    assert_int_equal(buffer.size, 0);
    buffer_free(&buffer);
}

static void reading_past_the_end_fails_for_good(void **state)
{
    (void)state;
    struct reader reader = reader_of(bytes_of("\x05" "abc", 4));
    assert_int_equal(reader_bytes(&reader).size, 0); /* says five, has three */
    assert_true(reader.failed);
    assert_int_equal(reader_u8(&reader), 0);
    struct reader huge = reader_of(bytes_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "abc", 13));
    assert_int_equal(reader_bytes(&huge).size, 0);
    assert_true(huge.failed);
    struct reader empty = reader_of(bytes_of("", 0));
    assert_int_equal(reader_take(&empty, 0).size, 0);
    assert_false(empty.failed);
    assert_int_equal(reader_u32(&empty), 0);
    assert_true(empty.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_have_their_golden_bytes),
        cmocka_unit_test(varints_that_are_too_long_fail),
        cmocka_unit_test(zigzag_returns_every_sign),
        cmocka_unit_test(everything_written_is_read_back),
        cmocka_unit_test(writing_past_the_limit_fails_and_keeps_what_is_there),
        cmocka_unit_test(reading_past_the_end_fails_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
