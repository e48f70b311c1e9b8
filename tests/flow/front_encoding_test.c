/*
 * front_encoding_test.c - records of every encoding through a front on the embedded log: spans counted,
 * texts that need more than one batch, and in the DLQ exactly what cannot be read, with its reason.
 */
#include "tests/flow/front_rig.h"
#include "tests/test.h"

#define IDS(n) "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"01020304050607" n "\",\"endTimeUnixNano\":\"1700000000000000000\""

/* The messages of all dead letters, one a line; returns how many. */
static uint32_t dead_letters(struct rig *rig, char *out, size_t size)
{
    struct error error = {0};
    struct topic_info info;
    uint32_t letters = 0;
    out[0] = 0;
    assert_true(bus_describe(rig->bus, "shop.dlq", &info, &error));
    for (int32_t partition = 0; partition < info.partitions; partition++) {
        struct bus_record record;
        struct bus_reader *reader = bus_reader_open(rig->bus, "shop.dlq", partition, -2, -1, &error);
        assert_non_null(reader);
        while (reader_next(reader, 0, &record, &error) == READER_RECORD) {
            struct bus_header headers[BUS_HEADERS_MAX];
            uint32_t count = reader_headers(reader, headers, BUS_HEADERS_MAX);
            letters++;
            for (uint32_t i = 0; i < count; i++)
                if (bytes_equal_text(headers[i].name, "__shop.errors.message"))
                    snprintf(out + strlen(out), size - strlen(out), "%.*s\n", BYTES_FMT(headers[i].value));
        }
        reader_close(reader);
    }
    return letters;
}

static void every_encoding_is_counted_and_poison_is_buried(void **state)
{
    (void)state;
    struct rig rig;
    char text[4096];
    struct buffer proto = BUFFER_WITH_LIMIT(1 << 20), framed = proto;
    rig_open(&rig, ENCODING_AUTO);
    rig_put_request(&proto);
    buffer_append(&framed, "\0\0\0\0\x07\0", 6);
    buffer_append(&framed, proto.data, proto.size);
    rig_send(&rig, buffer_bytes(&proto), BYTES_NONE);
    rig_send(&rig, BYTES_LITERAL("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS("01") "},{" IDS("02") "}]}]}]}"), BYTES_NONE);
    rig_send(&rig, BYTES_LITERAL("[{" IDS("03") "},{\"no\":\"ids\"},{" IDS("04") "}]"), BYTES_NONE);
    rig_send(&rig, buffer_bytes(&framed), BYTES_NONE);          /* the first span again, in another record */
    rig_send(&rig, buffer_bytes(&proto), BYTES_LITERAL("\0\0\0\0\x07\0")); /* and again */
    rig_send(&rig, BYTES_LITERAL("\x0a\x01x"), BYTES_LITERAL("\0\0\0\0\x09")); /* bare; a header without indexes says Avro */
    rig_send(&rig, BYTES_LITERAL("\0\0\0\0\x09\x08" "abcd"), BYTES_NONE);
    rig_send(&rig, BYTES_LITERAL("\x1f\x8b\x08"), BYTES_NONE);
    const struct front_counters *counts = rig_run(&rig, 8);
    assert_int_equal(counts->records, 8);
    assert_int_equal(counts->spans, 7);
    assert_int_equal(counts->duplicates, 2);
    assert_int_equal(counts->dead_letters, 4);
    assert_int_equal(dead_letters(&rig, text, sizeof text), 4);
    assert_non_null(strstr(text, "trace_id is not 16 bytes"));
    const char *avro = strstr(text, "configure the schema registry");
    assert_non_null(avro);
    assert_non_null(strstr(avro + 1, "configure the schema registry"));
    assert_non_null(strstr(text, "(gzip)"));
    rig_close(&rig);
    buffer_free(&proto);
    buffer_free(&framed);
}

static void one_option_reads_one_encoding(void **state)
{
    (void)state;
    struct rig rig;
    char text[4096];
    rig_open(&rig, ENCODING_OTLP_JSON);
    rig_send(&rig, BYTES_LITERAL("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS("01") "}]}]}]}"), BYTES_NONE);
    rig_send(&rig, BYTES_LITERAL("\x0a\x00"), BYTES_NONE);
    const struct front_counters *counts = rig_run(&rig, 2);
    assert_int_equal(counts->spans, 1);
    assert_int_equal(dead_letters(&rig, text, sizeof text), 1);
    rig_close(&rig);
}

/* A registry in miniature: what a schema id below 5 says is its enum avro_look. */
static enum avro_look look_at_id(void *context, const struct framing *framing, char reason[AVRO_REASON_BYTES])
{
    const bool *away = context;
    snprintf(reason, AVRO_REASON_BYTES, "schema %u", (unsigned)framing->id);
    return framing->id == AVRO_LOOK_WAIT && !*away ? AVRO_LOOK_READY : (enum avro_look)framing->id;
}

static enum decode_result decode_one(void *context, const struct framing *framing, struct otlp_cursor *cursor, struct span_batch *batch)
{
    static const uint8_t ids[24] = {1, 2, 3};
    (void)context;
    (void)framing;
    uint32_t row = span_batch_add(batch, ROW_SPAN, (struct row_origin){cursor->record_number, 0});
    batch->trace_id[row] = bytes_of(ids, 16);
    batch->span_id[row] = cursor->record; /* the payload: 8 bytes */
    return DECODE_DONE;
}

/* Nothing behind a record that waits is taken, everything before it is; each refusal has its code. */
static void schemas_that_are_not_at_hand(void **state)
{
    (void)state;
    struct rig rig;
    struct error error = {0};
    char text[4096];
    bool away = true;
    const struct avro_decoder decoder = {&away, decode_one, look_at_id};
    rig_open(&rig, ENCODING_AVRO);
    front_destroy(rig.front); /* made anew, with a decoder */
    rig.options.avro = &decoder;
    rig.front = front_create(&rig.options, rig.metrics, rig.outbox, rig.member, &error);
    rig_send(&rig, BYTES_LITERAL("\0\0\0\0\0aaaaaaaa"), BYTES_NONE);
    rig_send(&rig, BYTES_LITERAL("\0\0\0\0\2bbbbbbbb"), BYTES_NONE);
    rig_send(&rig, BYTES_LITERAL("\0\0\0\0\3bbbbbbbb"), BYTES_NONE);
    rig_send(&rig, BYTES_LITERAL("\0\0\0\0\4bbbbbbbb"), BYTES_NONE);
    rig_send(&rig, BYTES_LITERAL("\0\0\0\0\1cccccccc"), BYTES_NONE); /* waits */
    rig_send(&rig, BYTES_LITERAL("\0\0\0\0\0dddddddd"), BYTES_NONE);
    const struct front_counters *counts = rig_run(&rig, 6);
    assert_int_equal(counts->records, 4);
    assert_int_equal(counts->spans, 1);
    assert_int_equal(counts->schema_waits, 1);
    assert_int_equal(counts->dead[DEAD_SCHEMA_UNKNOWN], 1);
    assert_int_equal(counts->dead[DEAD_SCHEMA_UNFIT], 1);
    assert_int_equal(counts->dead[DEAD_SCHEMA_UNAVAILABLE], 1);
    assert_int_equal(dead_letters(&rig, text, sizeof text), 3);
    assert_string_equal(text, "schema 2\nschema 3\nschema 4\n");
    struct bus_position position;
    assert_int_equal(front_positions(rig.front, 1, 0, &position, 1), 1);
    assert_int_equal(position.offset, 4);
    assert_true(front_held(rig.front, 0));
    assert_int_equal(front_newly_held(rig.front, &position, 1), 1);
    assert_int_equal(position.offset, 4);
    assert_int_equal(front_newly_held(rig.front, &position, 1), 0);
    away = false;
    assert_false(front_held(rig.front, 0));
    assert_true(member_seek(rig.member, &position, 1, &error));
    counts = rig_run(&rig, 8); /* the two that are left, again */
    assert_int_equal(counts->records, 6);
    assert_int_equal(counts->spans, 3);
    assert_int_equal(counts->duplicates, 0);
    rig_close(&rig);
}

/* One record whose texts fill the arena of a batch several times. */
static void large_texts_take_several_batches(void **state)
{
    (void)state;
    struct rig rig;
    char text[4096];
    struct buffer record = BUFFER_WITH_LIMIT(16 << 20);
    rig_open(&rig, ENCODING_AUTO);
    buffer_append_text(&record, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[");
    for (int i = 0; i < 40; i++) {
        buffer_printf(&record, "%s{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"%016x\",\"name\":\"", i > 0 ? "," : "", i + 1);
        uint8_t *name = buffer_reserve(&record, 150000);
        memset(name, 'n', 150000);
        record.size += 150000;
        buffer_append_text(&record, "\"}");
    }
    buffer_append_text(&record, "]}]}]}");
    rig_send(&rig, buffer_bytes(&record), BYTES_NONE);
    const struct front_counters *counts = rig_run(&rig, 1);
    assert_int_equal(counts->spans, 40);
    assert_int_equal(counts->measured, 40);
    assert_int_equal(dead_letters(&rig, text, sizeof text), 0);
    rig_close(&rig);
    buffer_free(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_encoding_is_counted_and_poison_is_buried),
        cmocka_unit_test(one_option_reads_one_encoding),
        cmocka_unit_test(schemas_that_are_not_at_hand),
        cmocka_unit_test(large_texts_take_several_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
