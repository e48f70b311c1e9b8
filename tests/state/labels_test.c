/* labels_test.c - label sets: sorted whatever the order of adding, one encoding, refused when
 * damaged. */
#include "tests/test.h"

#include "engine/state/labels.h"

static struct labels three_labels(const int order[3])
{
    static const char *const names[] = {"app", "env", "intent"}, *const values[] = {"shop", "prod",
                                                                                    "refund"};
    struct labels labels = {0};
    for (int i = 0; i < 3; i++)
        labels_add(&labels, bytes_from_text(names[order[i]]), bytes_from_text(values[order[i]]));
    return labels;
}

static void any_order_of_adding_gives_one_encoding(void **state)
{
    (void)state;
    static const char golden[] = "\3app\4shop\3env\4prod\6intent\6refund";
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct buffer out = BUFFER_WITH_LIMIT(1024);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct labels labels = three_labels(orders[i]);
        buffer_clear(&out);
        labels_encode(&labels, &out);
        assert_true(bytes_equal_text(buffer_bytes(&out), golden));
    }
    buffer_free(&out);
}

static void an_encoding_reads_back(void **state)
{
    (void)state;
    struct labels labels = three_labels((const int[]){2, 0, 1}), read;
    labels_add(&labels, BYTES_LITERAL("prompt"), BYTES_NONE); /* absent is written as empty */
    struct buffer out = BUFFER_WITH_LIMIT(1024);
    labels_encode(&labels, &out);
    assert_true(labels_decode(buffer_bytes(&out), &read));
    assert_int_equal(read.count, 4);
    assert_true(bytes_equal_text(labels_get(&read, "app"), "shop"));
    assert_true(bytes_equal_text(labels_get(&read, "intent"), "refund"));
    assert_true(bytes_present(labels_get(&read, "prompt")));
    assert_int_equal(labels_get(&read, "prompt").size, 0);
    assert_false(bytes_present(labels_get(&read, "model")));
    buffer_free(&out);
}

static const struct {
    const char *what;
    struct bytes encoded;
    bool good;
} encodings[] = {
    {"nothing", BYTES_LITERAL(""), true},
    {"one", BYTES_LITERAL("\1a\1b"), true},
    {"two", BYTES_LITERAL("\1a\1b\1c\1d"), true},
    {"an empty value", BYTES_LITERAL("\1a\0"), true},
    {"a name twice", BYTES_LITERAL("\1a\1b\1a\1c"), false},
    {"not sorted", BYTES_LITERAL("\1c\1b\1a\1c"), false},
    {"a name without a value", BYTES_LITERAL("\1a"), false},
    {"a length past the end", BYTES_LITERAL("\1a\2b"), false},
    {"a huge length", BYTES_LITERAL("\1a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), false},
    {"eight", BYTES_LITERAL("\1a\0\1b\0\1c\0\1d\0\1e\0\1f\0\1g\0\1h\0"), true},
    {"nine", BYTES_LITERAL("\1a\0\1b\0\1c\0\1d\0\1e\0\1f\0\1g\0\1h\0\1i\0"), false},
};

static void damage_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        struct labels labels;
        if (labels_decode(encodings[i].encoded, &labels) != encodings[i].good)
            fail_msg("%s: expected %s", encodings[i].what, encodings[i].good ? "good" : "refused");
    }
}

/* Python: hashlib.sha256(b"\3app\4shop\3env\4prod\6intent\6refund").digest()[:16] */
static void a_cells_id_is_sha256_and_its_partition_the_first_four_bytes(void **state)
{
    (void)state;
    static const uint8_t golden[CELL_ID_BYTES] = {0x4a, 0xa6, 0x11, 0xfe, 0x5d, 0x46, 0x4c, 0xde,
                                                  0xec, 0x44, 0xd9, 0x05, 0x51, 0x5a, 0x1e, 0x56};
    struct sha256 *sha = sha256_create();
    struct cell_id id = cell_id_of(BYTES_LITERAL("\3app\4shop\3env\4prod\6intent\6refund"), sha);
    assert_memory_equal(id.bytes, golden, sizeof golden);
    uint32_t first = (uint32_t)golden[0] << 24 | (uint32_t)golden[1] << 16 |
                     (uint32_t)golden[2] << 8 | golden[3];
    for (uint32_t n = 1; n < 40; n++)
        assert_int_equal(cell_partition(&id, n), first % n);
    sha256_destroy(sha);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_of_adding_gives_one_encoding),
        cmocka_unit_test(an_encoding_reads_back),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(a_cells_id_is_sha256_and_its_partition_the_first_four_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
