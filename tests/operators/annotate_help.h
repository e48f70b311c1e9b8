/* annotate_help.h - runs one annotator over rows set by hand. */
#ifndef TESTS_OPERATORS_ANNOTATE_HELP_H
#define TESTS_OPERATORS_ANNOTATE_HELP_H

#include "tests/test.h"

#include "engine/base/memory.h"
#include "operators/annotate/annotate.h"

struct bench {
    const struct annotator_class *class;
    struct span_batch *batch;
    void *conf, *scratch;
    struct rates *rates;
    uint64_t counters[16];
};

static inline struct bench bench_open(const struct annotator_class *class, uint32_t rows)
{
    struct bench b = {.class = class, .batch = span_batch_create(rows)};
    memset(&b.batch->wanted, 0xff, sizeof b.batch->wanted);
    b.conf = memory_allocate(class->conf_bytes + 1);
    b.scratch = memory_allocate(class->scratch_bytes + 1);
    if (class->options != NULL)
        option_set_defaults(class->options, b.conf);
    if (class->open != NULL)
        class->open(b.scratch);
    b.rates = rates_create(&(struct rate){.base = 0.1, .boost = 0.1, .forced = 1});
    return b;
}

static inline void bench_set(struct bench *b, const char *option, const char *value)
{
    struct error error = {0};
    const struct option *known = option_find(b->class->options, bytes_from_text(option));
    assert_non_null(known);
    if (!option_set(known, b->conf, bytes_from_text(value), &error))
        fail_msg("%s", error.message);
}

static inline uint32_t bench_row(struct bench *b, enum row_kind kind, enum span_role role)
{
    uint32_t row = span_batch_add(b->batch, kind, (struct row_origin){0, b->batch->rows});
    if (kind == ROW_SPAN)
        b->batch->role[row] = role;
    return row;
}

static inline void bench_run(struct bench *b)
{
    struct annotator_call call = {b->conf, b->scratch, b->rates, b->counters};
    b->class->annotate(&call, b->batch);
}

static inline void bench_close(struct bench *b)
{
    if (b->class->close != NULL)
        b->class->close(b->scratch);
    if (b->class->options != NULL)
        option_free_all(b->class->options, b->conf);
    rates_destroy(b->rates);
    span_batch_destroy(b->batch);
    memory_free(b->conf);
    memory_free(b->scratch);
}

static inline void expect_text(struct bytes got, const char *text)
{
    if (text == NULL) {
        assert_null(got.data);
        return;
    }
    assert_non_null(got.data);
    assert_int_equal(got.size, strlen(text));
    assert_memory_equal(got.data, text, got.size);
}

#endif
