/* pipeline_test.c - annotators run in the order of their columns; circles and double writers are
 * refused. */
#include "tests/test.h"

#include "engine/flow/pipeline.h"

/* Four annotators whose order is written down in the columns alone. Each notes that it ran. */
struct trace {
    char ran[16];
    uint32_t count;
    int opened, closed;
};

struct scratch {
    uint32_t batches;
    bool open;
};

static void note(const struct annotator_call *call, char name)
{
    struct trace *trace = (struct trace *)(uintptr_t)call->conf;
    struct scratch *scratch = call->scratch;
    trace->ran[trace->count++ % sizeof trace->ran] = name;
    scratch->batches++;
    call->counters[0] = scratch->batches;
}

#define ANNOTATOR(letter, reads_list, writes_list)                                                 \
    static const enum span_column letter##_reads[] = {reads_list SPAN_COLUMN_COUNT};               \
    static const enum span_column letter##_writes[] = {writes_list SPAN_COLUMN_COUNT};             \
    static void annotate_##letter(const struct annotator_call *call, struct span_batch *batch)     \
    {                                                                                              \
        (void)batch;                                                                               \
        note(call, #letter[0]);                                                                    \
    }                                                                                              \
    static const struct annotator_class letter = {.name = #letter,                                 \
                                                  .reads = letter##_reads,                         \
                                                  .writes = letter##_writes,                       \
                                                  .scratch_bytes = sizeof(struct scratch),         \
                                                  .annotate = annotate_##letter}
#define COLUMN(name) SPAN_COLUMN_##name,

ANNOTATOR(a, COLUMN(service), COLUMN(app));
ANNOTATOR(b, COLUMN(app) COLUMN(words), COLUMN(sample_purpose));
ANNOTATOR(c, COLUMN(app), COLUMN(words));
ANNOTATOR(d, COLUMN(sample_purpose) COLUMN(app), COLUMN(score_bin));
ANNOTATOR(circle, COLUMN(score_bin), COLUMN(service));
ANNOTATOR(twin, COLUMN(name), COLUMN(words));

static struct pipeline *make(const struct annotator_class *const *classes, uint32_t count,
                             struct trace *trace, struct error *error)
{
    struct annotator_instance instances[8];
    for (uint32_t i = 0; i < count; i++)
        instances[i] = (struct annotator_instance){classes[i], trace};
    return pipeline_create(instances, count, error);
}

static void columns_decide_the_order_not_the_list(void **state)
{
    (void)state;
    static const struct annotator_class *const lists[][4] = {
        {&a, &b, &c, &d}, {&d, &c, &b, &a}, {&b, &d, &a, &c}, {&d, &a, &b, &c}};
    struct span_batch *batch = span_batch_create(4);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct trace trace = {0};
        struct error error = {0};
        struct pipeline *pipeline = make(lists[i], 4, &trace, &error);
        assert_non_null(pipeline);
        pipeline_run(pipeline, batch, NULL);
        pipeline_run(pipeline, batch, NULL);
        assert_memory_equal(trace.ran, "acbdacbd", 8);
        assert_int_equal(pipeline_count(pipeline), 4);
        for (uint32_t s = 0; s < 4; s++) {
            struct pipeline_stage stage = pipeline_stage_at(pipeline, s);
            assert_int_equal(stage.class->name[0], "acbd"[s]);
            assert_int_equal(stage.batches, 2);
            assert_int_equal(stage.counters[0], 2);
        }
        pipeline_destroy(pipeline);
    }
    span_batch_destroy(batch);
}

static void all_declared_columns_are_asked_for(void **state)
{
    (void)state;
    struct trace trace = {0};
    struct error error = {0};
    struct pipeline *pipeline =
        make((const struct annotator_class *const[]){&twin}, 1, &trace, &error);
    assert_true(span_columns_have(pipeline_columns(pipeline), SPAN_COLUMN_name));
    assert_true(span_columns_have(pipeline_columns(pipeline), SPAN_COLUMN_words));
    assert_true(
        span_columns_have(pipeline_columns(pipeline), SPAN_COLUMN_trace_id)); /* the engine's own */
    assert_false(span_columns_have(pipeline_columns(pipeline), SPAN_COLUMN_input_messages));
    pipeline_destroy(pipeline);
}

static void circles_and_double_writers_are_refused_with_the_reason(void **state)
{
    (void)state;
    struct trace trace = {0};
    struct error error = {0};
    assert_null(
        make((const struct annotator_class *const[]){&a, &b, &c, &d, &circle}, 5, &trace, &error));
    assert_non_null(strstr(error.message, "circle"));
    assert_null(make((const struct annotator_class *const[]){&a, &c, &twin}, 3, &trace, &error));
    assert_non_null(strstr(error.message, "c and twin both write column words"));
}

/* ---- scratch --------------------------------------------------------------------------------- */

static void open_scratch(void *scratch)
{
    assert_false(((struct scratch *)scratch)->open); /* zeroed, and only once */
    ((struct scratch *)scratch)->open = true;
}

static void close_scratch(void *scratch) { assert_true(((struct scratch *)scratch)->open); }

static void annotate_opened(const struct annotator_call *call, struct span_batch *batch)
{
    (void)batch;
    assert_true(((struct scratch *)call->scratch)->open);
    note(call, 'o');
}

static void scratch_is_opened_before_the_first_batch_and_kept(void **state)
{
    (void)state;
    static const enum span_column none[] = {SPAN_COLUMN_COUNT};
    static const struct annotator_class opened = {.name = "opened",
                                                  .reads = none,
                                                  .writes = none,
                                                  .scratch_bytes = sizeof(struct scratch),
                                                  .annotate = annotate_opened,
                                                  .open = open_scratch,
                                                  .close = close_scratch};
    struct trace trace = {0};
    struct error error = {0};
    struct span_batch *batch = span_batch_create(1);
    struct pipeline *pipeline =
        make((const struct annotator_class *const[]){&opened, &opened}, 2, &trace, &error);
    for (int i = 0; i < 3; i++)
        pipeline_run(pipeline, batch, NULL);
    assert_int_equal(trace.count, 6);
    assert_int_equal(pipeline_stage_at(pipeline, 0).counters[0], 3); /* scratch is per annotator */
    assert_int_equal(pipeline_stage_at(pipeline, 1).counters[0], 3);
    pipeline_destroy(pipeline);
    span_batch_destroy(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_decide_the_order_not_the_list),
        cmocka_unit_test(all_declared_columns_are_asked_for),
        cmocka_unit_test(circles_and_double_writers_are_refused_with_the_reason),
        cmocka_unit_test(scratch_is_opened_before_the_first_batch_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
