/* parts_test.c - the demo's simulator: order, bytes, counts, the script's places, the judge's scores. */
#define _GNU_SOURCE /* memmem */
#include "tests/test.h"

#include "engine/bus/embedded_log.h"
#include "engine/demo/agenda.h"
#include "engine/demo/quality.h"
#include "engine/demo/traffic.h"
#include "engine/demo/traffic_span.h"
#include "engine/span/otlp_proto.h"

#include <math.h>

#define END_MS INT64_C(1795000000000)

/* ---- agenda ------------------------------------------------------------------------------------------------ */

static void agenda_gives_what_is_due_in_the_order_of_time(void **state)
{
    (void)state;
    struct dice dice = dice_fork(test_seed(1), 1);
    struct agenda *agenda = agenda_create(sizeof(uint32_t));
    int64_t now_ms = 0;
    uint32_t added = 0, taken = 0;
    for (int turn = 0; turn < 2000; turn++) {
        for (uint32_t n = dice_below(&dice, 20); n > 0; n--, added++)
            agenda_add(agenda, now_ms + dice_below(&dice, 500), &added);
        now_ms += dice_below(&dice, 60);
        int64_t before_ms = -1, at_ms = 0;
        uint32_t item = 0, item_before = 0;
        while (agenda_take(agenda, now_ms, &item, &at_ms)) {
            assert_true(at_ms <= now_ms && at_ms >= before_ms);
            assert_true(at_ms != before_ms || item > item_before); /* first added, first out */
            before_ms = at_ms;
            item_before = item;
            taken++;
        }
        assert_int_equal(agenda_count(agenda), added - taken);
    }
    uint32_t item;
    while (agenda_take(agenda, INT64_MAX, &item, NULL))
        taken++;
    assert_int_equal(added, taken);
    agenda_destroy(agenda);
}

/* ---- spans --------------------------------------------------------------------------------------------------- */

static void want_everything(struct span_batch *batch)
{
    for (int column = 0; column < SPAN_COLUMN_COUNT; column++)
        span_columns_add(&batch->wanted, (enum span_column)column);
}

static void records_look_like_a_collectors_and_say_what_happened(void **state)
{
    (void)state;
    struct answers *answers = answers_create(7);
    struct dice dice = dice_fork(7, 1);
    struct otlp_writer writer = otlp_writer_create(1 << 16);
    const struct traffic_span spans[] = {
        {.kind = SPAN_CALL,
         .intent = 0,
         .trace_id = {1, 2},
         .span_id = 3,
         .start_ms = 1000,
         .end_ms = 2500,
         .prompt = "v11",
         .form = ANSWER_AS_ASKED,
         .input_tokens = 700,
         .output_tokens = 80},
        {.kind = SPAN_AGENT,
         .intent = 8,
         .trace_id = {4, 5},
         .span_id = 6,
         .start_ms = 1000,
         .end_ms = 3000,
         .prompt = "r7"},
        {.kind = SPAN_CALL,
         .intent = 0,
         .trace_id = {7, 8},
         .span_id = 9,
         .parent_id = 6,
         .start_ms = 1200,
         .end_ms = 1300,
         .prompt = "v12",
         .failed = true},
    };
    struct bytes record = traffic_span_write(&writer, spans, 3, answers, &dice);
    assert_false(writer.full);
    static const uint8_t status[] = {0x7A, 0x00}; /* written empty, and first: fields descend */
    assert_non_null(memmem(record.data, 120, status, sizeof status));

    struct span_batch *batch = span_batch_create(16);
    want_everything(batch);
    struct otlp_cursor cursor;
    otlp_cursor_start(&cursor, record, 0, &otlp_limits_default);
    assert_int_equal(otlp_proto_decode(&cursor, batch), DECODE_DONE);
    assert_int_equal(cursor.bad_spans, 0);
    assert_int_equal(batch->rows,
                     3); /* the storefront's two in their order, then the other app's */
    assert_true(bytes_equal_text(batch->service[0], "storefront") &&
                bytes_equal_text(batch->service[2], "research-copilot"));
    assert_true(bytes_equal_text(batch->environment[0], "production"));
    assert_true(bytes_equal_text(batch->intent[0], "product_search") &&
                bytes_equal_text(batch->intent[2], "literature_search"));
    assert_true(bytes_equal_text(batch->prompt_version_given[0], "v11"));
    assert_true(bytes_equal_text(batch->output_type[0], "json"));
    assert_true(bytes_equal_text(batch->finish_reason[0], "stop"));
    assert_int_equal(batch->input_tokens[0], 700);
    assert_int_equal(batch->end_ns[0], 2500000000);
    assert_int_equal(batch->role[0], ROLE_CALL);
    assert_int_equal(batch->role[2], ROLE_AGENT);
    assert_int_equal(batch->status[1], 2);
    assert_int_equal(batch->parent_span_id[1].size, 8);
    assert_true(bytes_present(batch->error_type[1]) && !bytes_present(batch->output_messages[1]));
    span_batch_destroy(batch);
    otlp_writer_free(&writer);
    answers_destroy(answers);
}

/* ---- traffic --------------------------------------------------------------------------------------------------- */

struct read_back {
    uint64_t records, spans, hash;
};

static struct bus *open_bus(int32_t partitions)
{
    struct error error;
    struct bus *bus = embedded_log_open(NULL);
    struct topic_spec spec = {"spans", partitions, TOPIC_DELETE, -1};
    assert_true(bus_create(bus, &spec, &error));
    return bus;
}

static void read_all(struct bus *bus, int32_t partitions, struct read_back *out)
{
    struct error error;
    struct span_batch *batch = span_batch_create(4096);
    want_everything(batch);
    for (int32_t p = 0; p < partitions; p++) {
        struct bus_reader *reader = bus_reader_open(bus, "spans", p, -2, -1, &error);
        struct bus_record record;
        int64_t before_ms = 0;
        while (reader_next(reader, 0, &record, &error) == READER_RECORD) {
            struct otlp_cursor cursor;
            otlp_cursor_start(&cursor, record.value, 0, &otlp_limits_default);
            assert_int_equal(otlp_proto_decode(&cursor, batch), DECODE_DONE);
            assert_true(record.timestamp_ms >= before_ms && !bytes_present(record.key));
            before_ms = record.timestamp_ms;
            out->records++;
            out->spans += batch->rows;
            out->hash =
                hash_combine(out->hash, hash_bytes(record.value, (uint64_t)record.timestamp_ms));
            span_batch_reset(batch);
        }
        reader_close(reader);
    }
    span_batch_destroy(batch);
}

static struct traffic_counts play(uint64_t seed, int64_t step_ms, struct read_back *back)
{
    struct error error;
    struct bus *bus = open_bus(3);
    struct script script = script_make(END_MS, 2, step_ms);
    struct traffic_options options = {.seed = seed,
                                      .spans = 60000,
                                      .topic = "spans",
                                      .partitions = 3,
                                      .writer_id = "test",
                                      .batch_ms = 10000};
    struct traffic *traffic = traffic_open(&options, &script, bus, &error);
    assert_non_null(traffic);
    for (int64_t now_ms = script.start_ms; now_ms <= script.end_ms; now_ms += step_ms) {
        assert_true(traffic_play(traffic, now_ms, &error));
        assert_true(traffic_newest_ms(traffic) <= now_ms); /* nothing from the future */
    }
    *back = (struct read_back){0};
    read_all(bus, 3, back);
    struct traffic_counts counts = *traffic_count(traffic);
    traffic_close(traffic);
    bus_close(bus);
    return counts;
}

static void traffic_is_counted_as_it_is_and_repeats_with_its_seed(void **state)
{
    (void)state;
    struct read_back one, again, other;
    struct traffic_counts counts = play(3, 30000, &one);
    assert_int_equal(one.records, counts.records + counts.strays);
    assert_int_equal(one.spans, counts.spans);
    assert_true(counts.spans > 50000 && counts.spans < 70000);
    assert_true(counts.repeated_spans > 200 && counts.late_spans > 100 && counts.prose == 0 &&
                counts.errors > 50);
    (void)play(3, 600000, &again); /* the same bytes, however large the steps */
    assert_true(one.hash == again.hash && one.records == again.records);
    (void)play(4, 30000, &other);
    assert_true(one.hash != other.hash);
}

static void a_week_of_rhythm_is_one_on_average(void **state)
{
    (void)state;
    for (uint32_t app = 0; app < WORLD_APPS; app++) {
        double sum = 0;
        for (int64_t hour = 0; hour < 168; hour++)
            sum += world_rhythm(app, END_MS + hour * WORLD_HOUR_MS) / 168;
        assert_true(fabs(sum - 1) < 1e-9);
    }
}

/* ---- the script ---------------------------------------------------------------------------------------------------- */

static void incidents_fit_between_two_weeks_of_calm_whenever_the_story_ends(void **state)
{
    (void)state;
    for (int64_t minutes = 0; minutes < 7 * 1440; minutes += 7) {
        struct script script = script_make(END_MS + minutes * WORLD_MINUTE_MS, 35, 30000);
        assert_int_equal(script.count, 2);
        const struct incident *cleanup = &script.incidents[0], *slide = &script.incidents[1];
        assert_true(cleanup->start_ms >= script.start_ms + 14 * WORLD_DAY_MS + 6 * WORLD_HOUR_MS);
        assert_true(cleanup->start_ms / WORLD_HOUR_MS % 24 == 10); /* a busy hour */
        assert_true(cleanup->open_by_ms - cleanup->start_ms == 2 * WORLD_MINUTE_MS);
        assert_true(slide->start_ms > cleanup->end_ms);
        assert_true(slide->end_ms + 14 * WORLD_DAY_MS <= script.end_ms);
    }
    assert_int_equal(script_make(END_MS, 16, 60000).count, 1);
    assert_int_equal(script_make(END_MS, 2, 30000).count, 0);
}

static void prose_and_prompt_come_and_go_with_the_cleanup(void **state)
{
    (void)state;
    struct script script = script_make(END_MS, 35, 30000);
    const struct incident *cleanup = &script.incidents[0];
    for (uint32_t i = 0; i < WORLD_INTENTS; i++) {
        bool hit = world_intents[i].app == cleanup->app && world_intents[i].json;
        assert_true(script_prose_share(&script, i, cleanup->start_ms - 1) == 0);
        assert_true((script_prose_share(&script, i, cleanup->start_ms) > 0.5) == hit);
        assert_true(script_prose_share(&script, i, cleanup->end_ms) == 0);
    }
    assert_non_null(script_prompt(&script, cleanup->app, cleanup->start_ms));
    assert_null(script_prompt(&script, cleanup->app + 1, cleanup->start_ms));
    assert_null(script_prompt(&script, cleanup->app, cleanup->end_ms));
}

/* ---- scores ---------------------------------------------------------------------------------------------------------- */

static double mean_score(const struct quality *quality, uint32_t intent, uint32_t dimension,
                         int64_t at_ms, struct dice *dice)
{
    double sum = 0;
    enum { DRAWS = 40000 };
    for (int i = 0; i < DRAWS; i++) {
        uint32_t score = quality_score(quality, intent, dimension, at_ms, dice);
        assert_true(score >= 1 && score <= 5);
        sum += score;
    }
    return sum / (double)DRAWS;
}

static void scores_have_the_mean_of_their_intent_and_slide_with_the_script(void **state)
{
    (void)state;
    struct script script = script_make(END_MS, 35, 30000);
    const struct incident *slide = &script.incidents[1];
    struct quality *quality = quality_create(5, &script);
    struct dice dice = dice_fork(test_seed(5), 1);
    for (uint32_t i = 0; i < WORLD_INTENTS; i++)
        for (uint32_t d = 0; d < WORLD_DIMENSIONS; d++) {
            double mean = mean_score(quality, i, d, script.start_ms, &dice);
            assert_true(fabs(mean / world_intents[i].score[d] - 1) <
                        0.03); /* 0.5 % of wobble between days */
        }
    assert_true(fabs(mean_score(quality, 4, 0, slide->bottom_ms, &dice) - 3.6) < 0.1);
    assert_true(fabs(mean_score(quality, 4, 1, slide->bottom_ms, &dice) - 4.35) < 0.1);
    assert_true(fabs(mean_score(quality, 4, 0, slide->end_ms, &dice) - 4.2) < 0.1);
    quality_destroy(quality);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agenda_gives_what_is_due_in_the_order_of_time),
        cmocka_unit_test(records_look_like_a_collectors_and_say_what_happened),
        cmocka_unit_test(traffic_is_counted_as_it_is_and_repeats_with_its_seed),
        cmocka_unit_test(a_week_of_rhythm_is_one_on_average),
        cmocka_unit_test(incidents_fit_between_two_weeks_of_calm_whenever_the_story_ends),
        cmocka_unit_test(prose_and_prompt_come_and_go_with_the_cleanup),
        cmocka_unit_test(scores_have_the_mean_of_their_intent_and_slide_with_the_script),
    };
    return cmocka_run_group_tests_name("demo parts", tests, NULL, NULL);
}
