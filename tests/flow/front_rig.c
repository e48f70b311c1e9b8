/* front_rig.c - see front_rig.h. */
#include "tests/flow/front_rig.h"

#include "engine/base/memory.h"
#include "engine/base/option.h"
#include "engine/flow/topics.h"
#include "operators/annotate/annotate.h"

static const struct annotator_class *const classes[] = {&annotator_who, &annotator_prompt, &annotator_format, &annotator_sampler, &annotator_score};
enum { CLASSES = sizeof classes / sizeof *classes };
_Static_assert((int)CLASSES == FRONT_RIG_CLASSES, "room for all");

void open_rig(struct rig *rig, enum input_kind kind, enum encoding encoding, bool track_traces)
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
        .app = "shop", .instance = "0", .inputs = {{"spans", kind, encoding}}, .inputs_count = 1,
        .topics = {"shop-cells", "shop-digests", "shop-changelog", "shop-rates", "shop.requests", "shop.scores", "shop.alerts", "shop.dlq", "shop.decisions"},
        .exchange_partitions = 2, .future_max_ms = 300000, .dedupe_window_ms = 600000, .dedupe_ids_max = 1000, .leaves_max = 1024, .batch_rows = 64,
        .record_bytes_max = 16 << 20, .transaction_bytes_max = (size_t)64 << 20, .otlp = otlp_limits_default, .annotators = rig->annotators,
        .annotators_count = CLASSES, .rules = &rig->rules, .track_traces = track_traces,
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

void close_rig(struct rig *rig)
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

void send(struct rig *rig, struct bytes value, struct bytes schema_id)
{
    struct error error = {0};
    struct bus_header header = {BYTES_LITERAL("__value_schema_id"), schema_id};
    struct bus_output output = {.topic = "spans", .partition = 0, .timestamp_ms = FRONT_RIG_NOW_MS, .value = value, .headers = &header,
                                .headers_count = bytes_present(schema_id)};
    assert_true(embedded_log_append(rig->bus, &output, NULL, &error));
}

static void poll(struct rig *rig, uint32_t records, bool commit)
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
        assert_true(front_take(rig->front, batch.records, batch.count, rig->rates, FRONT_RIG_NOW_MS, &error));
        rig->records_seen += batch.count;
        struct bus_position position;
        uint32_t count = front_positions(rig->front, 1, 0, &position, 1);
        if (commit) {
            assert_true(outbox_begin(rig->outbox, &error));
            assert_int_equal(member_commit(rig->member, &position, count, &error), COMMIT_DONE);
            outbox_reset(rig->outbox);
            front_committed(rig->front);
        }
        member_release(rig->member, &batch);
    }
}

void take(struct rig *rig, uint32_t records) { poll(rig, records, false); }

const struct front_counters *run(struct rig *rig, uint32_t records)
{
    poll(rig, records, true);
    return front_counts(rig->front);
}

uint32_t dead_letters(struct rig *rig, char *out, size_t size)
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
