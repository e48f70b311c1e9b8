/*
 * front_encoding_test.c - records of every encoding through a front on the embedded log: spans counted,
 * texts that need more than one batch, and in the DLQ exactly what cannot be read, with its reason.
 */
#include "tests/test.h"

#include "tests/flow/front_rig.h"
#include "tests/span/otlp_build.h"

#define IDS(n) "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"01020304050607" n "\",\"endTimeUnixNano\":\"1700000000000000000\""

static void put_request(struct buffer *out)
{
    struct buffer span = BUFFER_WITH_LIMIT(1 << 20), scope = span, resource = span;
    otlp_put_span_core(&span, 1, "chat", 1000, (uint64_t)FRONT_RIG_NOW_MS * 1000000u);
    otlp_put_message(&scope, 2, buffer_bytes(&span));
    otlp_put_message(&resource, 2, buffer_bytes(&scope));
    otlp_put_message(out, 1, buffer_bytes(&resource));
    buffer_free(&span);
    buffer_free(&scope);
    buffer_free(&resource);
}

static void every_encoding_is_counted_and_poison_is_buried(void **state)
{
    (void)state;
    struct rig rig;
    char text[4096];
    struct buffer proto = BUFFER_WITH_LIMIT(1 << 20), framed = proto;
    open_rig(&rig, INPUT_SPANS, ENCODING_AUTO, false);
    put_request(&proto);
    buffer_append(&framed, "\0\0\0\0\x07\0", 6);
    buffer_append(&framed, proto.data, proto.size);
    send(&rig, buffer_bytes(&proto), BYTES_NONE);
    send(&rig, BYTES_LITERAL("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS("01") "},{" IDS("02") "}]}]}]}"), BYTES_NONE);
    send(&rig, BYTES_LITERAL("[{" IDS("03") "},{\"no\":\"ids\"},{" IDS("04") "}]"), BYTES_NONE);
    send(&rig, buffer_bytes(&framed), BYTES_NONE);          /* the first span again, in another record */
    send(&rig, buffer_bytes(&proto), BYTES_LITERAL("\0\0\0\0\x07\0")); /* and again */
    send(&rig, BYTES_LITERAL("\x0a\x01x"), BYTES_LITERAL("\0\0\0\0\x09")); /* bare; a header without indexes says Avro */
    send(&rig, BYTES_LITERAL("\0\0\0\0\x09\x08" "abcd"), BYTES_NONE);
    send(&rig, BYTES_LITERAL("\x1f\x8b\x08"), BYTES_NONE);
    const struct front_counters *counts = run(&rig, 8);
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
    close_rig(&rig);
    buffer_free(&proto);
    buffer_free(&framed);
}

static void one_option_reads_one_encoding(void **state)
{
    (void)state;
    struct rig rig;
    char text[4096];
    open_rig(&rig, INPUT_SPANS, ENCODING_OTLP_JSON, false);
    send(&rig, BYTES_LITERAL("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS("01") "}]}]}]}"), BYTES_NONE);
    send(&rig, BYTES_LITERAL("\x0a\x00"), BYTES_NONE);
    const struct front_counters *counts = run(&rig, 2);
    assert_int_equal(counts->spans, 1);
    assert_int_equal(dead_letters(&rig, text, sizeof text), 1);
    close_rig(&rig);
}

/* One record whose texts fill the arena of a batch several times. */
static void large_texts_take_several_batches(void **state)
{
    (void)state;
    struct rig rig;
    char text[4096];
    struct buffer record = BUFFER_WITH_LIMIT(16 << 20);
    open_rig(&rig, INPUT_SPANS, ENCODING_AUTO, false);
    buffer_append_text(&record, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[");
    for (int i = 0; i < 40; i++) {
        buffer_printf(&record, "%s{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"%016x\",\"name\":\"", i > 0 ? "," : "", i + 1);
        uint8_t *name = buffer_reserve(&record, 150000);
        memset(name, 'n', 150000);
        record.size += 150000;
        buffer_append_text(&record, "\"}");
    }
    buffer_append_text(&record, "]}]}]}");
    send(&rig, buffer_bytes(&record), BYTES_NONE);
    const struct front_counters *counts = run(&rig, 1);
    assert_int_equal(counts->spans, 40);
    assert_int_equal(counts->measured, 40);
    assert_int_equal(dead_letters(&rig, text, sizeof text), 0);
    close_rig(&rig);
    buffer_free(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_encoding_is_counted_and_poison_is_buried),
        cmocka_unit_test(one_option_reads_one_encoding),
        cmocka_unit_test(large_texts_take_several_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
