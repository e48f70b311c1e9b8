/*
 * front_encoding_test.c - records of every encoding through a front on the embedded log: spans counted,
 * texts that need more than one batch, and in the DLQ exactly what cannot be read, with its reason.
 */
#include "tests/test.h"

#include "engine/base/memory.h"
#include "engine/bus/embedded_log.h"
#include "engine/flow/front.h"
#include "engine/flow/topics.h"
#include "operators/annotate/annotate.h"
#include "tests/span/otlp_build.h"

#include "engine/base/option.h"

#define NOW_MS ((int64_t)1700000000000)
#define IDS(n) "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"01020304050607" n "\",\"endTimeUnixNano\":\"1700000000000000000\""

static const struct annotator_class *const classes[] = {&annotator_who, &annotator_prompt, &annotator_format, &annotator_sampler};
enum { CLASSES = sizeof classes / sizeof *classes };

struct rig {
    struct annotator_instance annotators[CLASSES];
    struct rule_set rules;
    struct flow_options options;
    struct bus *bus;
    struct member *member;
    struct outbox *outbox;
    struct metric_table *metrics;
    struct rates *rates;
    struct front *front;
    uint32_t records_seen;
};

static void open_rig(struct rig *rig, enum encoding encoding)
{
    struct error error = {0};
    uint32_t created = 0;
    *rig = (struct rig){.records_seen = 0};
    for (uint32_t i = 0; i < CLASSES; i++) {
        void *conf = memory_allocate(classes[i]->conf_bytes);
        if (classes[i]->options != NULL)
            option_set_defaults(classes[i]->options, conf);
        rig->annotators[i] = (struct annotator_instance){classes[i], conf};
    }
    rig->options = (struct flow_options){
        .app = "shop", .instance = "0", .inputs = {{"spans", INPUT_SPANS, encoding}}, .inputs_count = 1,
        .topics = {"shop-cells", "shop-digests", "shop-changelog", "shop-rates", "shop.requests", "shop.scores", "shop.alerts", "shop.dlq", "shop.decisions"},
        .exchange_partitions = 2, .future_max_ms = 300000, .dedupe_window_ms = 600000, .dedupe_ids_max = 1000, .leaves_max = 1024, .batch_rows = 64,
        .record_bytes_max = 16 << 20, .transaction_bytes_max = (size_t)64 << 20, .otlp = otlp_limits_default, .annotators = rig->annotators,
        .annotators_count = CLASSES, .rules = &rig->rules,
    };
    rig->bus = embedded_log_open(NULL);
    assert_true(topics_create(rig->bus, &rig->options, 1, &created, &error));
    static const char *const read[] = {"spans"}, *const written[] = {"shop.requests", "shop.scores", "shop.dlq"};
    struct member_spec spec = {.group = "shop", .transactional_id = "shop-0", .topics_read = read, .topics_read_count = 1,
                               .topics_written = written, .topics_written_count = 3};
    rig->member = bus_member_open(rig->bus, &spec, &error);
    assert_non_null(rig->member);
    rig->outbox = outbox_create(rig->member, 2, (size_t)64 << 20);
    rig->metrics = metric_table_create();
    rig->front = front_create(&rig->options, rig->metrics, rig->outbox, rig->member, &error);
    assert_non_null(rig->front);
    struct rate rate = {0, 0, 0};
    rig->rates = rates_create(&rate);
}

static void close_rig(struct rig *rig)
{
    front_destroy(rig->front);
    member_close(rig->member);
    outbox_destroy(rig->outbox);
    metric_table_destroy(rig->metrics);
    rates_destroy(rig->rates);
    bus_close(rig->bus);
    for (uint32_t i = 0; i < CLASSES; i++)
        memory_free((void *)(uintptr_t)rig->annotators[i].conf);
}

static void send(struct rig *rig, struct bytes value, struct bytes schema_id)
{
    struct error error = {0};
    struct bus_header header = {BYTES_LITERAL("__value_schema_id"), schema_id};
    struct bus_output output = {.topic = "spans", .partition = 0, .timestamp_ms = NOW_MS, .value = value, .headers = &header,
                                .headers_count = bytes_present(schema_id)};
    assert_true(embedded_log_append(rig->bus, &output, NULL, &error));
}

/* Reads everything, works it off and commits. */
static const struct front_counters *run(struct rig *rig, uint32_t records)
{
    struct error error = {0};
    while (rig->records_seen < records) {
        struct member_batch batch;
        enum member_event event = member_poll(rig->member, 0, &batch, &error);
        if (event == MEMBER_ASSIGN) {
            struct bus_position start = {.source = batch.partitions[0], .offset = 0};
            (void)front_assign(rig->front, &start);
            assert_true(member_assign(rig->member, &start, 1, &error));
            continue;
        }
        assert_int_equal(event, MEMBER_RECORDS);
        assert_true(front_take(rig->front, batch.records, batch.count, rig->rates, NOW_MS, &error));
        rig->records_seen += batch.count;
        struct bus_position position;
        uint32_t count = front_positions(rig->front, 1, 0, &position, 1);
        assert_true(outbox_begin(rig->outbox, &error));
        assert_int_equal(member_commit(rig->member, &position, count, &error), COMMIT_DONE);
        outbox_reset(rig->outbox);
        front_committed(rig->front);
        member_release(rig->member, &batch);
    }
    return front_counts(rig->front);
}

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

static void put_request(struct buffer *out)
{
    struct buffer span = BUFFER_WITH_LIMIT(1 << 20), scope = span, resource = span;
    otlp_put_span_core(&span, 1, "chat", 1000, (uint64_t)NOW_MS * 1000000u);
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
    open_rig(&rig, ENCODING_AUTO);
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
    open_rig(&rig, ENCODING_OTLP_JSON);
    send(&rig, BYTES_LITERAL("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS("01") "}]}]}]}"), BYTES_NONE);
    send(&rig, BYTES_LITERAL("\x0a\x00"), BYTES_NONE);
    const struct front_counters *counts = run(&rig, 2);
    assert_int_equal(counts->spans, 1);
    assert_int_equal(dead_letters(&rig, text, sizeof text), 1);
    close_rig(&rig);
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
    open_rig(&rig, ENCODING_AVRO);
    front_destroy(rig.front); /* made anew, with a decoder */
    rig.options.avro = &decoder;
    rig.front = front_create(&rig.options, rig.metrics, rig.outbox, rig.member, &error);
    send(&rig, BYTES_LITERAL("\0\0\0\0\0aaaaaaaa"), BYTES_NONE);
    send(&rig, BYTES_LITERAL("\0\0\0\0\2bbbbbbbb"), BYTES_NONE);
    send(&rig, BYTES_LITERAL("\0\0\0\0\3bbbbbbbb"), BYTES_NONE);
    send(&rig, BYTES_LITERAL("\0\0\0\0\4bbbbbbbb"), BYTES_NONE);
    send(&rig, BYTES_LITERAL("\0\0\0\0\1cccccccc"), BYTES_NONE); /* waits */
    send(&rig, BYTES_LITERAL("\0\0\0\0\0dddddddd"), BYTES_NONE);
    const struct front_counters *counts = run(&rig, 6);
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
    counts = run(&rig, 8); /* the two that are left, again */
    assert_int_equal(counts->records, 6);
    assert_int_equal(counts->spans, 3);
    assert_int_equal(counts->duplicates, 0);
    close_rig(&rig);
}

/* One record whose texts fill the arena of a batch several times. */
static void large_texts_take_several_batches(void **state)
{
    (void)state;
    struct rig rig;
    char text[4096];
    struct buffer record = BUFFER_WITH_LIMIT(16 << 20);
    open_rig(&rig, ENCODING_AUTO);
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
        cmocka_unit_test(schemas_that_are_not_at_hand),
        cmocka_unit_test(large_texts_take_several_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
