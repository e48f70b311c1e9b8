/* annotator_laws.c - see laws.h. */
#include "engine/base/memory.h"
#include "tests/laws/allocations.h"
#include "tests/laws/draw.h"
#include "tests/laws/laws.h"

#define COUNTERS_MAX 16
#define ROUNDS       4 /* batches met once, and then again */

/* An annotator with its own scratch, as on one shard. */
struct bench {
    const struct annotator_subject *subject;
    void *scratch;
    struct rates *rates;
    uint64_t counters[COUNTERS_MAX];
};

static struct bench bench_open(const struct annotator_subject *subject, uint64_t seed)
{
    struct random_stream random = random_seed(seed ^ 0x7261746573);
    struct rate defaults = {.base = random_uniform(&random), .forced = random_uniform(&random)};
    struct bench bench = {.subject = subject,
                          .scratch = memory_allocate(subject->class->scratch_bytes),
                          .rates = rates_create(&defaults)};
    if (subject->class->open != NULL)
        subject->class->open(bench.scratch);
    return bench;
}

static void bench_close(struct bench *bench)
{
    if (bench->subject->class->close != NULL)
        bench->subject->class->close(bench->scratch);
    memory_free(bench->scratch);
    rates_destroy(bench->rates);
}

static void bench_run(struct bench *bench, struct span_batch *batch)
{
    const struct annotator_call call = {bench->subject->conf, bench->scratch, bench->rates,
                                        bench->counters};
    bench->subject->class->annotate(&call, batch);
}

static bool listed(const enum span_column *columns, enum span_column column)
{
    for (; columns != NULL && *columns != SPAN_COLUMN_COUNT; columns++)
        if (*columns == column)
            return true;
    return false;
}

/* Rows as an annotator gets them: what it writes is absent before. */
static struct drawn *input_rows(const struct annotator_class *class, uint32_t rows, uint64_t seed)
{
    struct drawn *drawn = drawn_create();
    draw_rows(drawn, rows, seed);
    for (const enum span_column *column = class->writes; *column != SPAN_COLUMN_COUNT; column++)
        draw_clear_column(drawn->batch, *column);
    return drawn;
}

static uint32_t rows_for(uint64_t seed) { return 1 + (uint32_t)(seed * 7 % (DRAW_ROWS_MAX - 1)); }

/* ---- declared columns ------------------------------------------------------------------------ */

/* All columns of all rows with room, row by row of a second batch of the same capacity. */
static void copy_all_cells(const struct span_batch *from, struct span_batch *to)
{
    for (enum span_column column = 0; column < SPAN_COLUMN_COUNT; column++)
        memcpy(span_batch_column(to, column), span_batch_column(from, column),
               from->capacity * draw_cell_bytes(column));
    memcpy(to->kind, from->kind, from->capacity * sizeof *to->kind);
    memcpy(to->origin, from->origin, from->capacity * sizeof *to->origin);
    to->rows = from->rows;
}

bool law_writes_declared_columns_only(const struct annotator_subject *subject, uint64_t seed,
                                      struct error *why)
{
    struct drawn *drawn = input_rows(subject->class, DRAW_ROWS_MAX, seed), *before = drawn_create();
    uint32_t rows = rows_for(seed);
    drawn->batch->rows = rows; /* the rest is a red zone full of plausible rows */
    copy_all_cells(drawn->batch, before->batch);
    struct bench bench = bench_open(subject, seed);
    bench_run(&bench, drawn->batch);
    bool ok = drawn->batch->rows == rows &&
              memcmp(drawn->batch->kind, before->batch->kind, DRAW_ROWS_MAX) == 0;
    if (!ok)
        (void)error_set(why, ERROR_INPUT, "changed the rows themselves");
    for (enum span_column column = 0; ok && column < SPAN_COLUMN_COUNT; column++)
        for (uint32_t row = listed(subject->class->writes, column) ? rows : 0;
             ok && row < DRAW_ROWS_MAX; row++) {
            ok = draw_same(drawn->batch, row, before->batch, row, column);
            if (!ok)
                (void)error_set(why, ERROR_INPUT,
                                "wrote %s of row %u of %u, which it does not declare",
                                span_column_name(column), row, rows);
        }
    bench_close(&bench);
    drawn_destroy(drawn);
    drawn_destroy(before);
    return ok;
}

/* The declared columns of every row are the same in both. */
static bool same_results(const struct annotator_class *class, const struct span_batch *a,
                         const struct span_batch *b, uint32_t from_b, const char *what,
                         struct error *why)
{
    for (const enum span_column *column = class->writes; *column != SPAN_COLUMN_COUNT; column++)
        for (uint32_t row = 0; row < a->rows; row++)
            if (!draw_same(a, row, b, from_b + row, *column))
                return error_set(why, ERROR_INPUT, "%s of row %u %s", span_column_name(*column),
                                 from_b + row, what);
    return true;
}

bool law_reads_declared_columns_only(const struct annotator_subject *subject, uint64_t seed,
                                     struct error *why)
{
    uint32_t rows = rows_for(seed);
    struct drawn *plain = input_rows(subject->class, rows, seed),
                 *poisoned = input_rows(subject->class, rows, seed);
    for (enum span_column column = 0; column < SPAN_COLUMN_COUNT; column++)
        if (!listed(subject->class->reads, column) && !listed(subject->class->writes, column))
            draw_column(poisoned, column, seed + 1000 + (uint64_t)column);
    struct bench one = bench_open(subject, seed), other = bench_open(subject, seed);
    bench_run(&one, plain->batch);
    bench_run(&other, poisoned->batch);
    bool ok = same_results(subject->class, plain->batch, poisoned->batch, 0,
                           "depends on a column it does not declare", why);
    bench_close(&one);
    bench_close(&other);
    drawn_destroy(plain);
    drawn_destroy(poisoned);
    return ok;
}

/* ---- batches and scratch --------------------------------------------------------------------- */

bool law_batches_do_not_matter(const struct annotator_subject *subject, uint64_t seed,
                               struct error *why)
{
    struct random_stream random = random_seed(seed);
    struct drawn *whole = input_rows(subject->class, rows_for(seed), seed),
                 *input = input_rows(subject->class, rows_for(seed), seed);
    struct drawn *part = drawn_create();
    struct bench one = bench_open(subject, seed), other = bench_open(subject, seed);
    bench_run(&one, whole->batch);
    bool ok = true;
    for (uint32_t row = 0; ok && row < input->batch->rows;) {
        uint32_t from = row;
        span_batch_reset(part->batch);
        do
            draw_copy_row(input->batch, row++, part->batch);
        while (row < input->batch->rows && random_u64(&random) % 4 > 0);
        bench_run(&other, part->batch);
        ok = same_results(subject->class, part->batch, whole->batch, from,
                          "depends on the other rows of its batch", why);
    }
    bench_close(&one);
    bench_close(&other);
    drawn_destroy(whole);
    drawn_destroy(input);
    drawn_destroy(part);
    return ok;
}

bool law_scratch_is_worthless(const struct annotator_subject *subject, uint64_t seed,
                              struct error *why)
{
    struct drawn *fresh = input_rows(subject->class, rows_for(seed), seed),
                 *used = input_rows(subject->class, rows_for(seed), seed);
    struct bench one = bench_open(subject, seed), other = bench_open(subject, seed);
    for (uint64_t i = 1; i <= 3; i++) {
        struct drawn *past = input_rows(subject->class, rows_for(seed + i), seed * 31 + i);
        bench_run(&other, past->batch);
        drawn_destroy(past);
    }
    bench_run(&one, fresh->batch);
    bench_run(&other, used->batch);
    bool ok = same_results(subject->class, fresh->batch, used->batch, 0,
                           "depends on earlier batches", why);
    bench_close(&one);
    bench_close(&other);
    drawn_destroy(fresh);
    drawn_destroy(used);
    return ok;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* In the steady state: what an annotator has met before costs it no memory. (What is new may:
 * OpenSSL allocates for each digest.) */
bool law_annotate_does_not_allocate(const struct annotator_subject *subject, uint64_t seed,
                                    struct error *why)
{
    struct bench bench = bench_open(subject, seed);
    struct drawn *drawn = drawn_create();
    bool ok = true;
    for (uint64_t i = 0; ok && i < 2 * ROUNDS; i++) {
        draw_rows(drawn, DRAW_ROWS_MAX, seed + i % ROUNDS);
        for (const enum span_column *column = subject->class->writes; *column != SPAN_COLUMN_COUNT;
             column++)
            draw_clear_column(drawn->batch, *column);
        size_t arena_before = arena_used_bytes(drawn->batch->arena);
        uint64_t before = allocations_mark();
        bench_run(&bench, drawn->batch);
        uint64_t after = allocations_mark();
        bool arena_used = arena_used_bytes(drawn->batch->arena) > arena_before;
        ok = after == before || (arena_used && allocations_arena_counts()) || i < ROUNDS;
    }
    bench_close(&bench);
    drawn_destroy(drawn);
    return ok || error_set(why, ERROR_INPUT, "allocates while annotating");
}
