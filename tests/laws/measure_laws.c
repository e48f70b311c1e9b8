/*
 * measure_laws.c - the sums of the whole pipeline, from rows to the back's store, with the exchange
 * in between. See laws.h.
 */
#include "engine/base/memory.h"
#include "engine/flow/exchange.h"
#include "engine/flow/exemplar.h"
#include "engine/flow/pipeline.h"
#include "engine/state/store.h"
#include "engine/state/summary.h"
#include "tests/laws/draw.h"
#include "tests/laws/laws.h"

#define FALLBACK_MS   ((int64_t)1700000000000)
#define PROCESSES_MAX 3
#define BODIES_MAX    16
#define MUTATIONS     10

/* ---- a front: annotate, measure, write ------------------------------------------------------- */

struct front_bench {
    struct metric_table *metrics;
    struct pipeline *pipeline;
    struct measure *measure;
    struct rates *rates;
    struct drawn *rows; /* those of the next batch */
};

static struct front_bench front_open(const struct measure_subject *subject)
{
    struct front_bench f = {.metrics = metric_table_create(), .rows = drawn_create()};
    struct annotator_instance instances[64];
    struct error error;
    for (uint32_t i = 0; i < subject->count; i++)
        instances[i] =
            (struct annotator_instance){subject->annotators[i].class, subject->annotators[i].conf};
    f.pipeline = pipeline_create(instances, subject->count, &error);
    uint32_t specs = 0;
    const struct metric_spec *const *all = pipeline_metrics(f.pipeline, &specs);
    f.measure = measure_create(f.metrics, all, specs, 1000);
    f.rates = rates_create(&(struct rate){.base = 0.3, .forced = 1});
    return f;
}

static void front_close(struct front_bench *f)
{
    measure_destroy(f->measure);
    pipeline_destroy(f->pipeline);
    metric_table_destroy(f->metrics);
    rates_destroy(f->rates);
    drawn_destroy(f->rows);
}

static void front_measure_rows(struct front_bench *f)
{
    pipeline_run(f->pipeline, f->rows->batch, f->rates);
    measure_rows(f->measure, f->rows->batch, NULL, FALLBACK_MS, NULL);
    span_batch_reset(f->rows->batch);
}

/* One commit's exchange body. */
static void front_flush(struct front_bench *f, struct buffer *body)
{
    uint32_t count = 0;
    *body = BUFFER_WITH_LIMIT((size_t)16 << 20);
    const struct cell_delta *deltas = measure_flush(f->measure, &count);
    exchange_write_cells(f->metrics, deltas, count, body);
    measure_release(f->measure);
}

/* ---- a back: a store of summaries per cell and minute ---------------------------------------- */

struct back_bench {
    struct metric_table *metrics;
    struct store *store;
    struct buffer scratch;
    merge_function *merge;
};

static struct back_bench back_open(merge_function *merge)
{
    return (struct back_bench){metric_table_create(), store_create((uint64_t)1 << 30),
                               BUFFER_WITH_LIMIT((size_t)16 << 20), merge};
}

static void back_close(struct back_bench *b)
{
    metric_table_destroy(b->metrics);
    store_destroy(b->store);
    buffer_free(&b->scratch);
}

/* Adds value to what is there. False when it cannot be added. */
static bool back_add(struct back_bench *b, const struct store_key *key, struct bytes value)
{
    struct bytes stored = store_get(b->store, key);
    if (!bytes_present(stored))
        stored = bytes_of("", 0); /* so that everything goes through the merge */
    bool ok = key->kind == 'X' ? exemplar_merge(stored, value, &b->scratch)
                               : b->merge(stored, value, &b->scratch);
    return ok && store_put(b->store, key, buffer_bytes(&b->scratch));
}

/* False on damage: then what came before it is in the store. */
static bool back_take(struct back_bench *b, struct bytes body)
{
    struct exchange_cells cells;
    struct cell_delta delta;
    uint32_t number = 0;
    if (!exchange_open_cells(body, &cells))
        return false;
    while (exchange_next_metric(&cells, b->metrics, &number)) {
    }
    while (!cells.reader.failed && exchange_next_cell(&cells, &delta)) {
        struct store_key key = {.kind = 'm', .slot = (uint32_t)delta.minute};
        memcpy(key.id, delta.id.bytes, sizeof key.id);
        if (!back_add(b, &key, delta.summary))
            return false;
        key.kind = 'X';
        if (!back_add(b, &key, delta.exemplars))
            return false;
    }
    return !cells.reader.failed;
}

static bool all_in(const struct store *a, const struct store *b, struct error *why)
{
    uint32_t cursor = 0;
    struct store_key key;
    struct bytes value;
    while (store_walk(a, &cursor, &key, &value))
        if (!bytes_equal(value, store_get(b, &key)))
            return error_set(why, ERROR_INPUT, "sums differ: %zu bytes of kind %c here, %zu there",
                             value.size, key.kind, store_get(b, &key).size);
    return true;
}

static bool same_store(const struct store *a, const struct store *b, struct error *why)
{
    return all_in(a, b, why) && all_in(b, a, why);
}

/* Rows as decoding leaves them: what annotators write is absent, but for the labels that a verdict
 * brings. */
static struct drawn *input_rows(const struct measure_subject *subject, uint32_t rows, uint64_t seed)
{
    struct drawn *drawn = drawn_create();
    draw_rows(drawn, rows, seed);
    for (uint32_t i = 0; i < subject->count; i++)
        for (const enum span_column *column = subject->annotators[i].class->writes;
             *column != SPAN_COLUMN_COUNT; column++)
            draw_clear_column(drawn->batch, *column);
    draw_column(drawn, SPAN_COLUMN_app, seed);
    draw_column(drawn, SPAN_COLUMN_env, seed + 1);
    draw_column(drawn, SPAN_COLUMN_intent_label, seed + 2);
    return drawn;
}

/* ---- laws ------------------------------------------------------------------------------------ */

/* Gives each row to some process, which commits now and then. How many bodies there are. */
static uint32_t spread(const struct measure_subject *subject, const struct span_batch *rows,
                       struct random_stream *random, struct buffer *bodies)
{
    struct front_bench fronts[PROCESSES_MAX];
    uint32_t count = 0;
    for (uint32_t p = 0; p < PROCESSES_MAX; p++)
        fronts[p] = front_open(subject);
    for (uint32_t row = 0; row < rows->rows; row++) {
        struct front_bench *f = &fronts[random_u64(random) % PROCESSES_MAX];
        draw_copy_row(rows, row, f->rows->batch);
        if (random_u64(random) % 3 == 0)
            front_measure_rows(f);
        if (random_u64(random) % 8 == 0 && count < BODIES_MAX - PROCESSES_MAX) {
            front_measure_rows(f);
            front_flush(f, &bodies[count++]);
        }
    }
    for (uint32_t p = 0; p < PROCESSES_MAX; p++) {
        front_measure_rows(&fronts[p]);
        front_flush(&fronts[p], &bodies[count++]);
        front_close(&fronts[p]);
    }
    return count;
}

/* Folds bodies in any order, some into a second store that is then added to the first. */
static bool fold_in_any_order(struct back_bench *back, struct buffer *bodies, uint32_t count,
                              struct random_stream *random)
{
    struct back_bench second = back_open(back->merge);
    bool ok = true;
    for (uint32_t left = count; left > 0; left--) {
        uint32_t i = (uint32_t)(random_u64(random) % left);
        struct buffer body = bodies[i];
        bodies[i] = bodies[left - 1];
        bodies[left - 1] = body;
        ok = ok && back_take(random_u64(random) % 2 ? back : &second, buffer_bytes(&body));
    }
    uint32_t cursor = 0;
    struct store_key key;
    struct bytes value;
    while (ok && store_walk(second.store, &cursor, &key, &value))
        ok = back_add(back, &key, value);
    back_close(&second);
    return ok;
}

static void one_process(const struct measure_subject *subject, const struct span_batch *rows,
                        struct buffer *body)
{
    struct front_bench front = front_open(subject);
    for (uint32_t row = 0; row < rows->rows; row++)
        draw_copy_row(rows, row, front.rows->batch);
    front_measure_rows(&front);
    front_flush(&front, body);
    front_close(&front);
}

bool law_processes_add_up(const struct measure_subject *subject, uint64_t seed, struct error *why)
{
    struct random_stream random = random_seed(seed);
    struct buffer bodies[BODIES_MAX], whole;
    struct drawn *rows =
        input_rows(subject, 1 + (uint32_t)(random_u64(&random) % DRAW_ROWS_MAX), seed);
    struct back_bench back = back_open(subject->merge), single = back_open(subject->merge);
    one_process(subject, rows->batch, &whole);
    uint32_t count = spread(subject, rows->batch, &random, bodies);
    bool ok = back_take(&single, buffer_bytes(&whole)) &&
              fold_in_any_order(&back, bodies, count, &random);
    ok = ok ? same_store(single.store, back.store, why)
            : error_set(why, ERROR_INPUT, "an undamaged body was refused");
    for (uint32_t i = 0; i < count; i++)
        buffer_free(&bodies[i]);
    buffer_free(&whole);
    back_close(&back);
    back_close(&single);
    drawn_destroy(rows);
    return ok;
}

static bool store_valid(const struct store *store, struct error *why)
{
    uint32_t cursor = 0;
    struct store_key key;
    struct bytes value;
    while (store_walk(store, &cursor, &key, &value))
        if (key.kind == 'm' ? !summary_valid(value) : value.size % EXEMPLAR_BYTES != 0)
            return error_set(why, ERROR_INPUT, "a damaged body was taken and left damaged sums");
    return true;
}

static void mutate(struct buffer *body, struct random_stream *random)
{
    for (uint64_t n = 1 + random_u64(random) % 4; n > 0; n--) {
        uint8_t *at = &body->data[random_u64(random) % body->size];
        *at = random_u64(random) % 2 ? (uint8_t)random_u64(random)
                                     : (uint8_t)(*at ^ 1u << random_u64(random) % 8);
    }
}

bool law_damaged_bodies_are_safe(const struct measure_subject *subject, uint64_t seed,
                                 struct error *why)
{
    struct random_stream random = random_seed(seed);
    struct buffer body;
    struct drawn *rows = input_rows(subject, 1 + (uint32_t)(seed % 6), seed);
    one_process(subject, rows->batch, &body);
    struct back_bench back = back_open(subject->merge);
    bool ok = true;
    for (size_t size = 0; ok && size < body.size; size += seed % 16 ? 97 : 1) {
        uint8_t *exact = memory_allocate_raw(size + 1); /* so that a look past the end is seen */
        memcpy(exact + 1, body.data, size);
        ok = !back_take(&back, bytes_of(exact + 1, size)) ||
             error_set(why, ERROR_INPUT, "took %zu of %zu bytes", size, body.size);
        memory_free(exact);
    }
    uint8_t *original = memory_allocate_raw(body.size);
    memcpy(original, body.data, body.size);
    for (int n = 0; ok && n < MUTATIONS; n++) {
        memcpy(body.data, original, body.size);
        mutate(&body, &random);
        (void)back_take(&back, buffer_bytes(&body));
        ok = store_valid(back.store, why);
    }
    memory_free(original);
    buffer_free(&body);
    back_close(&back);
    drawn_destroy(rows);
    return ok;
}

static void append_changes(const struct store *store, struct store *restored)
{
    for (uint32_t i = 0; i < store_changes(store); i++) {
        struct store_key key, read;
        struct bytes value;
        uint8_t encoded[STORE_KEY_BYTES];
        store_change(store, i, &key, &value);
        store_key_encode(&key, encoded);
        if (store_key_decode(bytes_of(encoded, sizeof encoded), &read))
            store_load(restored, &read, value);
    }
}

bool law_changelog_restores(const struct measure_subject *subject, uint64_t seed, struct error *why)
{
    struct random_stream random = random_seed(seed);
    struct back_bench back = back_open(subject->merge), committed = back_open(subject->merge);
    bool ok = true;
    for (int n = 0; ok && n < 3; n++) {
        struct buffer body;
        struct drawn *rows = input_rows(subject, 8, seed * 3 + (uint64_t)n);
        one_process(subject, rows->batch, &body);
        (void)back_take(&back, buffer_bytes(&body));
        if (random_u64(&random) % 3 > 0) {
            append_changes(back.store, committed.store);
            store_commit(back.store);
        } else {
            store_rollback(back.store);
        }
        ok = same_store(back.store, committed.store, why);
        buffer_free(&body);
        drawn_destroy(rows);
    }
    back_close(&back);
    back_close(&committed);
    return ok;
}
