/* pipeline.c - topological order over declared columns, then one call per annotator per batch. */
#include "engine/flow/pipeline.h"

#include "engine/base/memory.h"

#define ANNOTATORS_MAX 64
#define COUNTERS_MAX 16
#define METRICS_TOTAL_MAX 64

struct stage {
    const struct annotator_class *class;
    const void *conf;
    void *scratch;
    struct span_column_set reads, writes;
    uint64_t counters[COUNTERS_MAX];
    uint64_t rows, batches, nanoseconds;
};

struct pipeline {
    struct stage stages[ANNOTATORS_MAX];
    uint32_t count;
    struct span_column_set columns;
    const struct metric_spec *metrics[METRICS_TOTAL_MAX];
    uint32_t metrics_count;
};

/* What the flow itself looks at, whoever is configured. */
static const enum span_column engine_columns[] = {
    SPAN_COLUMN_trace_id, SPAN_COLUMN_span_id, SPAN_COLUMN_parent_span_id, SPAN_COLUMN_response_id, SPAN_COLUMN_end_ns, SPAN_COLUMN_role, SPAN_COLUMN_leaf, SPAN_COLUMN_service,
    SPAN_COLUMN_environment, SPAN_COLUMN_app, SPAN_COLUMN_env, SPAN_COLUMN_intent_label, SPAN_COLUMN_model_label,
    SPAN_COLUMN_prompt_label, SPAN_COLUMN_evaluator, SPAN_COLUMN_evaluator_revision, SPAN_COLUMN_dimension,
    SPAN_COLUMN_sample_purpose, SPAN_COLUMN_sample_probability, SPAN_COLUMN_base_probability,
    SPAN_COLUMN_format_bin, SPAN_COLUMN_truncated_bin, SPAN_COLUMN_words, SPAN_COLUMN_request_id,
    SPAN_COLUMN_score, SPAN_COLUMN_in_population, SPAN_COLUMN_purpose, SPAN_COLUMN_score_bin,
};

static struct span_column_set set_of(const enum span_column *columns)
{
    struct span_column_set set = {{0, 0}};
    for (; columns != NULL && *columns != SPAN_COLUMN_COUNT; columns++)
        span_columns_add(&set, *columns);
    return set;
}

static bool overlap(const struct span_column_set *a, const struct span_column_set *b)
{
    return ((a->bits[0] & b->bits[0]) | (a->bits[1] & b->bits[1])) != 0;
}

static bool no_double_writer(const struct stage *stages, uint32_t count, struct error *error)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = i + 1; j < count; j++)
            for (enum span_column c = 0; c < SPAN_COLUMN_COUNT; c++)
                if (span_columns_have(&stages[i].writes, c) && span_columns_have(&stages[j].writes, c))
                    return error_set(error, ERROR_INPUT, "annotators %s and %s both write column %s",
                                     stages[i].class->name, stages[j].class->name, span_column_name(c));
    return true;
}

/* Takes, again and again, the first stage that reads nothing an untaken stage writes. */
static bool order_stages(struct pipeline *p, struct stage *unordered, uint32_t count, struct error *error)
{
    bool taken[ANNOTATORS_MAX] = {false};
    while (p->count < count) {
        uint32_t pick = 0;
        for (; pick < count; pick++) {
            bool ready = !taken[pick];
            for (uint32_t other = 0; ready && other < count; other++)
                ready = other == pick || taken[other] || !overlap(&unordered[pick].reads, &unordered[other].writes);
            if (ready)
                break;
        }
        if (pick == count)
            return error_set(error, ERROR_INPUT, "annotators depend on each other in a circle: check the columns they read and write");
        taken[pick] = true;
        p->stages[p->count++] = unordered[pick];
    }
    return true;
}

static void gather(struct pipeline *p, const struct stage *stage)
{
    for (int i = 0; i < 2; i++)
        p->columns.bits[i] |= stage->reads.bits[i] | stage->writes.bits[i];
    for (uint32_t m = 0; m < stage->class->metrics_count && p->metrics_count < METRICS_TOTAL_MAX; m++)
        p->metrics[p->metrics_count++] = &stage->class->metrics[m];
}

struct pipeline *pipeline_create(const struct annotator_instance *annotators, uint32_t count, struct error *error)
{
    struct stage unordered[ANNOTATORS_MAX];
    if (count > ANNOTATORS_MAX) {
        (void)error_set(error, ERROR_LIMIT, "%u annotators, at most %d", count, ANNOTATORS_MAX);
        return NULL;
    }
    memset(unordered, 0, sizeof unordered);
    for (uint32_t i = 0; i < count; i++) {
        unordered[i].class = annotators[i].class;
        unordered[i].conf = annotators[i].conf;
        unordered[i].reads = set_of(annotators[i].class->reads);
        unordered[i].writes = set_of(annotators[i].class->writes);
    }
    struct pipeline *p = memory_allocate(sizeof *p);
    if (!no_double_writer(unordered, count, error) || !order_stages(p, unordered, count, error)) {
        memory_free(p);
        return NULL;
    }
    for (size_t i = 0; i < sizeof engine_columns / sizeof engine_columns[0]; i++)
        span_columns_add(&p->columns, engine_columns[i]);
    for (uint32_t i = 0; i < count; i++) {
        p->stages[i].scratch = memory_allocate(p->stages[i].class->scratch_bytes);
        if (p->stages[i].class->open != NULL)
            p->stages[i].class->open(p->stages[i].scratch);
        gather(p, &p->stages[i]);
    }
    return p;
}

void pipeline_destroy(struct pipeline *p)
{
    if (p == NULL)
        return;
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->stages[i].class->close != NULL)
            p->stages[i].class->close(p->stages[i].scratch);
        memory_free(p->stages[i].scratch);
    }
    memory_free(p);
}

const struct span_column_set *pipeline_columns(const struct pipeline *p) { return &p->columns; }

const struct metric_spec *const *pipeline_metrics(const struct pipeline *p, uint32_t *count)
{
    *count = p->metrics_count;
    return p->metrics;
}

void pipeline_run(struct pipeline *p, struct span_batch *batch, const struct rates *rates)
{
    int64_t before_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < p->count; i++) {
        struct stage *stage = &p->stages[i];
        struct annotator_call call = {stage->conf, stage->scratch, rates, stage->counters};
        stage->class->annotate(&call, batch);
        int64_t after_ns = clock_monotonic_ns();
        stage->rows += batch->rows;
        stage->batches++;
        stage->nanoseconds += (uint64_t)(after_ns - before_ns);
        before_ns = after_ns;
    }
}

uint32_t pipeline_count(const struct pipeline *p) { return p->count; }

struct pipeline_stage pipeline_stage_at(const struct pipeline *p, uint32_t index)
{
    const struct stage *s = &p->stages[index];
    return (struct pipeline_stage){s->class, s->rows, s->batches, s->nanoseconds, s->counters};
}
