/*
 * dead_letter_test.c - what cannot be taken goes to the DLQ once: the original key, headers and bytes, the
 * place it had, a stable code, and how much of it was bad; everything beside it is counted through.
 */
#include "tests/flow/front_rig.h"
#include "tests/test.h"

#include "tests/span/poison.h"

#define KINDS_MAX 64

struct letter {
    struct bytes code, message, topic, partition, offset, stage, byte, bad_spans, size, original;
};

static struct letter read_letter(struct bus_reader *reader, struct bus_header *headers)
{
    static const char *const names[] = {"code", "message", "topic", "partition", "offset", "stage", "byte", "bad_spans", "size"};
    struct letter letter = {.code = BYTES_NONE};
    struct bytes *fields[] = {&letter.code, &letter.message, &letter.topic, &letter.partition, &letter.offset, &letter.stage,
                              &letter.byte, &letter.bad_spans, &letter.size};
    uint32_t count = reader_headers(reader, headers, BUS_HEADERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char name[64];
        for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
            snprintf(name, sizeof name, "__shop.errors.%s", names[n]);
            if (bytes_equal_text(headers[i].name, name))
                *fields[n] = headers[i].value;
        }
        if (bytes_equal_text(headers[i].name, "tenant"))
            letter.original = headers[i].value;
    }
    return letter;
}

static int64_t number_of(struct bytes text)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%.*s", BYTES_FMT(text));
    return text.size > 0 ? strtoll(digits, NULL, 10) : -1;
}

static const char *code_names[REFUSAL_COUNT];

static void name_codes(void)
{
#define NAME_OF(name, code) code_names[REFUSAL_##name] = code;
    REFUSALS(NAME_OF)
#undef NAME_OF
}

/* Every kind of poison, one record each, with a good record behind each: one letter per bad record with all that
 * an operator needs, and everything good counted through. */
static void every_poison_has_one_letter(void **state)
{
    (void)state;
    struct rig rig;
    struct buffer value = BUFFER_WITH_LIMIT(1 << 20), good = value;
    struct poison_facts facts[KINDS_MAX];
    uint32_t kinds = poison_kinds(), spans = 0, by_code[REFUSAL_COUNT] = {0}, sizes[KINDS_MAX];
    name_codes();
    rig_open(&rig, ENCODING_AUTO);
    rig.options.otlp = poison_limits;
    rig_put_request(&good);
    for (uint32_t kind = 0; kind < kinds; kind++) {
        struct error error = {0};
        struct bus_header header = {BYTES_LITERAL("tenant"), BYTES_LITERAL("t-7")};
        buffer_clear(&value);
        facts[kind] = poison_put(kind, kind + 10, (uint64_t)NOW_MS * 1000000u, &value);
        sizes[kind] = (uint32_t)value.size;
        struct bus_output output = {.topic = "spans", .partition = 0, .timestamp_ms = NOW_MS + kind, .key = BYTES_LITERAL("k"),
                                    .value = buffer_bytes(&value), .headers = &header, .headers_count = 1};
        assert_true(embedded_log_append(rig.bus, &output, NULL, &error));
        rig_send(&rig, buffer_bytes(&good), BYTES_NONE); /* the same span: all but the first are repeats */
        spans += facts[kind].good + 1;
        for (int code = 1; code < REFUSAL_COUNT; code++)
            by_code[code] += strcmp(code_names[code], facts[kind].code) == 0 ? facts[kind].bad : 0;
    }
    const struct front_counters *counts = rig_run(&rig, 2 * kinds);
    assert_int_equal(counts->spans, spans);
    assert_int_equal(counts->duplicates, kinds - 1);
    assert_int_equal(counts->dead_letters, kinds);
    for (int code = 0; code < REFUSAL_COUNT; code++)
        assert_int_equal(counts->bad_spans[code], by_code[code]);

    struct error error = {0};
    struct bus_record record;
    struct topic_info info;
    uint32_t letters = 0;
    bool seen[KINDS_MAX] = {false};
    assert_true(bus_describe(rig.bus, "shop.dlq", &info, &error));
    for (int32_t partition = 0; partition < info.partitions; partition++) {
        struct bus_reader *reader = bus_reader_open(rig.bus, "shop.dlq", partition, -2, -1, &error);
        while (reader_next(reader, 0, &record, &error) == READER_RECORD) {
            struct bus_header headers[BUS_HEADERS_MAX];
            struct letter letter = read_letter(reader, headers);
            uint32_t kind = (uint32_t)number_of(letter.offset) / 2;
            assert_true(kind < kinds && number_of(letter.offset) % 2 == 0 && !seen[kind]);
            seen[kind] = true;
            letters++;
            if (!bytes_equal_text(letter.code, facts[kind].code) || number_of(letter.bad_spans) != facts[kind].bad)
                fail_msg("%s: code %.*s, bad spans %.*s", facts[kind].name, BYTES_FMT(letter.code), BYTES_FMT(letter.bad_spans));
            assert_true(letter.message.size > 0);
            assert_true(bytes_equal_text(letter.topic, "spans") && bytes_equal_text(letter.partition, "0"));
            assert_true(bytes_equal_text(letter.stage, "decode") && bytes_equal_text(letter.original, "t-7"));
            assert_true(number_of(letter.byte) >= 0 && number_of(letter.byte) <= sizes[kind]);
            assert_int_equal(number_of(letter.size), sizes[kind]);
            assert_true(bytes_equal_text(record.key, "k"));
            buffer_clear(&value);
            (void)poison_put(kind, kind + 10, (uint64_t)NOW_MS * 1000000u, &value);
            assert_true(bytes_equal(record.value, buffer_bytes(&value)));
        }
        reader_close(reader);
    }
    assert_int_equal(letters, kinds);
    rig_close(&rig);
    buffer_free(&value);
    buffer_free(&good);
}

/* Of a record beyond the limit: the first 64 KB, and its whole size. */
static void oversized_records_keep_their_beginning(void **state)
{
    (void)state;
    struct rig rig;
    struct error error = {0};
    struct buffer value = BUFFER_WITH_LIMIT(1 << 20);
    rig_open(&rig, ENCODING_AUTO);
    rig.options.record_bytes_max = 100000;
    memset(buffer_reserve(&value, 100001), 'q', 100001);
    value.size = 100001;
    value.data[65535] = 'x';
    rig_send(&rig, buffer_bytes(&value), BYTES_NONE);
    const struct front_counters *counts = rig_run(&rig, 1);
    assert_int_equal(counts->dead[DEAD_OVERSIZED], 1);
    uint32_t letters = 0;
    for (int32_t partition = 0; partition < 2; partition++) {
        struct bus_record record;
        struct bus_reader *reader = bus_reader_open(rig.bus, "shop.dlq", partition, -2, -1, &error);
        while (reader != NULL && reader_next(reader, 0, &record, &error) == READER_RECORD) {
            struct bus_header headers[BUS_HEADERS_MAX];
            struct letter letter = read_letter(reader, headers);
            letters++;
            assert_true(bytes_equal_text(letter.code, "oversized"));
            assert_int_equal(number_of(letter.size), 100001);
            assert_int_equal(number_of(letter.offset), 0);
            assert_int_equal(record.value.size, 65536);
            assert_memory_equal(record.value.data, value.data, 65536);
        }
        if (reader != NULL)
            reader_close(reader);
    }
    assert_int_equal(letters, 1);
    rig_close(&rig);
    buffer_free(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_poison_has_one_letter),
        cmocka_unit_test(oversized_records_keep_their_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
