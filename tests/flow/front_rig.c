/* front_rig.c - see front_rig.h. */
#include "tests/flow/front_rig.h"
#include "tests/test.h"

#include "engine/base/memory.h"
#include "engine/base/option.h"
#include "engine/flow/topics.h"
#include "operators/annotate/annotate.h"
#include "tests/span/otlp_build.h"

static const struct annotator_class *const classes[] = {&annotator_who, &annotator_prompt, &annotator_format, &annotator_sampler,
                                                     &annotator_score};
_Static_assert(sizeof classes / sizeof *classes == RIG_ANNOTATORS, "one instance each");

static void open_kind(struct rig *rig, enum input_kind kind, enum encoding encoding, bool track_traces)
{
    struct error error = {0};
    uint32_t created = 0;
    *rig = (struct rig){.records_seen = 0};
    for (uint32_t i = 0; i < RIG_ANNOTATORS; i++) {
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
        .annotators_count = RIG_ANNOTATORS, .rules = &rig->rules, .track_traces = track_traces,
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

void rig_open(struct rig *rig, enum encoding encoding) { open_kind(rig, INPUT_SPANS, encoding, false); }

void rig_open_logs(struct rig *rig, bool track_traces) { open_kind(rig, INPUT_LOGS, ENCODING_AUTO, track_traces); }

void rig_close(struct rig *rig)
{
    front_destroy(rig->front);
    member_close(rig->member);
    outbox_destroy(rig->outbox);
    metric_table_destroy(rig->metrics);
    rates_destroy(rig->rates);
    bus_close(rig->bus);
    for (uint32_t i = 0; i < RIG_ANNOTATORS; i++)
        memory_free((void *)(uintptr_t)rig->annotators[i].conf);
}

void rig_send(struct rig *rig, struct bytes value, struct bytes schema_id)
{
    struct error error = {0};
    struct bus_header header = {BYTES_LITERAL("__value_schema_id"), schema_id};
    struct bus_output output = {.topic = "spans", .partition = 0, .timestamp_ms = NOW_MS, .value = value, .headers = &header,
                                .headers_count = bytes_present(schema_id)};
    assert_true(embedded_log_append(rig->bus, &output, NULL, &error));
}

static void take(struct rig *rig, uint32_t records, bool commit)
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
        if (commit) {
            assert_true(outbox_begin(rig->outbox, &error));
            assert_int_equal(member_commit(rig->member, &position, count, &error), COMMIT_DONE);
            outbox_reset(rig->outbox);
            front_committed(rig->front);
        }
        member_release(rig->member, &batch);
    }
}

const struct front_counters *rig_run(struct rig *rig, uint32_t records)
{
    take(rig, records, true);
    return front_counts(rig->front);
}

void rig_take(struct rig *rig, uint32_t records) { take(rig, records, false); }

void rig_put_request(struct buffer *out)
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
