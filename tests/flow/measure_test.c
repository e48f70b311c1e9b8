/*
 * measure_test.c - the front's sums against the simplest program that could be right: one line of
 * text for every (labels, minute, metric, bin) that a row adds to.
 */
#include "tests/test.h"

#include "engine/flow/exemplar.h"
#include "engine/flow/measure.h"
#include "engine/state/summary.h"
#include "operators/annotate/annotate.h"
#include "operators/math/random.h"
#include "tests/simulation/lines.h"

#define ROWS        400
#define FALLBACK_MS ((int64_t)1700000000000)

static const struct metric_spec *specs[16];
static uint32_t specs_count;

static int gather_specs(void **state)
{
    (void)state;
    static const struct annotator_class *const classes[] = {&annotator_format, &annotator_score};
    for (size_t c = 0; c < 2; c++)
        for (uint32_t m = 0; m < classes[c]->metrics_count; m++)
            specs[specs_count++] = &classes[c]->metrics[m];
    return 0;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static struct bytes pick(struct random_stream *random, const char *const *texts, uint32_t count)
{
    return bytes_from_text(texts[random_u64(random) % count]); /* NULL: absent */
}

static void draw_row(struct random_stream *random, struct span_batch *batch, uint8_t (*ids)[16])
{
    static const char *const apps[] = {"shop", "desk"}, *const envs[] = {"prod", "", NULL},
                             *const intents[] = {"refund", "order", "faq"};
    static const char *const prompts[] = {"v1", "v2", NULL}, *const dimensions[] = {"relevance",
                                                                                    "tone"};
    bool verdict = random_u64(random) % 4 == 0;
    uint32_t row = span_batch_add(batch,
                                  verdict                   ? ROW_VERDICT
                                  : random_u64(random) % 20 ? ROW_SPAN
                                                            : ROW_CONTENT,
                                  (struct row_origin){0, 0});
    for (int i = 0; i < 16; i++)
        ids[row][i] = (uint8_t)random_u64(random);
    if (random_u64(random) % 10)
        batch->trace_id[row] = bytes_of(ids[row], 16);
    batch->end_ns[row] = random_u64(random) % 10
                             ? (FALLBACK_MS - (int64_t)(random_u64(random) % 300000)) * 1000000
                             : SPAN_I64_ABSENT;
    batch->role[row] = (int64_t)(random_u64(random) % 20) - 2;
    batch->app[row] = pick(random, apps, 2);
    batch->env[row] = pick(random, envs, 3);
    batch->intent_label[row] = pick(random, intents, 3);
    batch->prompt_label[row] = pick(random, prompts, 3);
    batch->model_label[row] = pick(random, prompts, 2);
    batch->evaluator[row] = pick(random, prompts, 3);
    batch->evaluator_revision[row] = pick(random, prompts, 2);
    batch->dimension[row] = pick(random, dimensions, 2);
    batch->score_bin[row] =
        random_u64(random) % 6 ? (uint16_t)(random_u64(random) % 6) : SPAN_BIN_ABSENT;
    batch->format_bin[row] =
        random_u64(random) % 5 ? (uint16_t)(random_u64(random) % 5) : SPAN_BIN_ABSENT;
    batch->truncated_bin[row] = (uint16_t)(random_u64(random) % 2);
    batch->words_bin[row] =
        random_u64(random) % 3 ? (uint16_t)(random_u64(random) % LAYOUT_BINS_MAX) : SPAN_BIN_ABSENT;
    batch->words[row] =
        random_u64(random) % 3 ? (int64_t)(random_u64(random) % 5000) : SPAN_I64_ABSENT;
}

/* ---- the naive program ----------------------------------------------------------------------- */

static const char *text_of(struct bytes label)
{
    return label.size > 0 ? (const char *)label.data
                          : "unknown"; /* the texts above are C strings */
}

static void naive_add(struct lines *lines, const char *labels, int64_t minute, const char *metric,
                      const char *bin, int64_t amount)
{
    char line[400];
    snprintf(line, sizeof line, "%s @%lld %s %s", labels, (long long)minute, metric, bin);
    lines_add(lines, line, amount);
}

static void naive_bin(struct lines *lines, const char *const *levels, int levels_count,
                      int64_t minute, const char *metric, uint16_t bin, int64_t sum)
{
    char text[16];
    snprintf(text, sizeof text, "%u", bin);
    for (int i = 0; i < levels_count; i++) {
        naive_add(lines, levels[i], minute, metric, text, 1);
        if (sum != SPAN_I64_ABSENT && sum != 0)
            naive_add(lines, levels[i], minute, metric, "sum", sum);
    }
}

static void naive_row(struct lines *lines, const struct span_batch *b, uint32_t row)
{
    char app[100], intent[200], leaf[300], metric[100];
    const char *levels[] = {app, intent, leaf};
    int64_t minute =
        (b->end_ns[row] == SPAN_I64_ABSENT ? FALLBACK_MS * 1000000 : b->end_ns[row]) / 60000000000;
    snprintf(app, sizeof app, "app=%s env=%s", text_of(b->app[row]), text_of(b->env[row]));
    snprintf(intent, sizeof intent, "%s intent=%s", app, text_of(b->intent_label[row]));
    if (b->kind[row] == ROW_SPAN || b->kind[row] == ROW_CONTENT) {
        bool span = b->kind[row] == ROW_SPAN; /* content has no role, and its format nobody asked for */
        snprintf(leaf, sizeof leaf, "%s model=%s prompt=%s", intent, text_of(b->model_label[row]),
                 text_of(b->prompt_label[row]));
        uint16_t role = b->role[row] >= 0 && b->role[row] < 16 ? (uint16_t)b->role[row] : 0;
        if (span)
            naive_bin(lines, levels, 3, minute, "spans", role, 0);
        if (span && b->format_bin[row] < FLAG_BINS)
            naive_bin(lines, levels, 3, minute, "format", b->format_bin[row], 0);
        if (b->truncated_bin[row] < FLAG_BINS)
            naive_bin(lines, levels, 3, minute, "truncated", b->truncated_bin[row], 0);
        if (b->words_bin[row] < LAYOUT_BINS_MAX)
            naive_bin(lines, levels, 3, minute, "words", b->words_bin[row], b->words[row]);
    } else if (b->kind[row] == ROW_VERDICT && b->score_bin[row] < 5) {
        snprintf(leaf, sizeof leaf, "app=%s env=%s evaluator=%s intent=%s revision=%s",
                 text_of(b->app[row]), text_of(b->env[row]), text_of(b->evaluator[row]),
                 text_of(b->intent_label[row]), text_of(b->evaluator_revision[row]));
        snprintf(metric, sizeof metric, "score.%s", text_of(b->dimension[row]));
        naive_bin(lines, levels + 2, 1, minute, metric, b->score_bin[row], 0);
    }
}

/* ---- what measure says ----------------------------------------------------------------------- */

static void delta_lines(struct metric_table *metrics, const struct cell_delta *delta,
                        struct sha256 *sha, struct lines *lines)
{
    struct labels labels;
    char text[300] = "", bin_text[16];
    assert_true(labels_decode(delta->labels, &labels));
    struct cell_id id = cell_id_of(delta->labels, sha);
    assert_memory_equal(id.bytes, delta->id.bytes, CELL_ID_BYTES);
    for (uint32_t i = 0; i < labels.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s=%.*s", i ? " " : "",
                 BYTES_FMT(labels.pairs[i].name), BYTES_FMT(labels.pairs[i].value));
    assert_true(summary_valid(delta->summary));
    struct reader reader = reader_of(delta->summary);
    struct summary_metric m;
    while (summary_next(&reader, &m)) {
        const char *name = metric_at(metrics, metric_find(metrics, m.metric))->name;
        struct reader body = reader_of(m.body);
        struct summary_bin bin;
        uint32_t previous = 0;
        while (summary_next_bin(&body, &previous, &bin)) {
            snprintf(bin_text, sizeof bin_text, "%u", bin.bin);
            naive_add(lines, text, delta->minute, name, bin_text, (int64_t)bin.count);
        }
        if (m.sum != 0)
            naive_add(lines, text, delta->minute, name, "sum", m.sum);
    }
}

static void flush_lines(struct measure *measure, struct metric_table *metrics, struct sha256 *sha,
                        struct lines *lines)
{
    uint32_t count = 0;
    const struct cell_delta *deltas = measure_flush(measure, &count);
    for (uint32_t i = 0; i < count; i++) {
        int order = i > 0 ? memcmp(deltas[i - 1].id.bytes, deltas[i].id.bytes, CELL_ID_BYTES) : -1;
        assert_true(order < 0 || (order == 0 && deltas[i - 1].minute < deltas[i].minute));
        delta_lines(metrics, &deltas[i], sha, lines);
    }
    measure_release(measure);
    assert_true(measure_empty(measure));
}

static void sums_at_every_level_are_the_naive_ones(void **state)
{
    (void)state;
    struct random_stream random = random_seed(test_seed(71));
    struct metric_table *metrics = metric_table_create();
    struct measure *measure =
        measure_create(metrics, specs, specs_count, 20); /* often full: leaves come back */
    struct span_batch *batch = span_batch_create(ROWS);
    struct sha256 *sha = sha256_create();
    static uint8_t ids[ROWS][16], include[ROWS];
    memset(&batch->wanted, 0xff, sizeof batch->wanted);
    for (int round = 0; round < 40; round++) {
        struct lines expected = {0}, found = {0};
        for (int part = 0; part < 3; part++) {
            span_batch_reset(batch);
            for (uint32_t row = 0; row < ROWS; row++)
                draw_row(&random, batch, ids);
            for (uint32_t row = 0; row < ROWS; row++) {
                include[row] = random_u64(&random) % 5 > 0;
                if (part < 2 && (part == 0 || include[row]))
                    naive_row(&expected, batch, row);
            }
            if (part == 0)
                measure_rows(measure, batch, NULL, FALLBACK_MS, NULL);
            else if (part == 1)
                measure_rows(measure, batch, include, FALLBACK_MS, NULL);
            if (part < 2) {
                flush_lines(measure, metrics, sha, &found);
            } else {
                measure_rows(measure, batch, NULL,
                             FALLBACK_MS, NULL); /* an aborted transaction leaves nothing */
                assert_false(measure_empty(measure));
                measure_discard(measure);
                assert_true(measure_empty(measure));
            }
        }
        lines_compare("sums", &expected, &found);
        lines_free(&expected);
        lines_free(&found);
    }
    measure_destroy(measure);
    metric_table_destroy(metrics);
    span_batch_destroy(batch);
    sha256_destroy(sha);
}

/* With more label sets than it may remember, it asks for a flush, and starts afresh after it. */
static void many_label_sets_ask_for_a_flush(void **state)
{
    (void)state;
    struct metric_table *metrics = metric_table_create();
    struct measure *measure = measure_create(metrics, specs, specs_count, 10);
    struct span_batch *batch = span_batch_create(1);
    memset(&batch->wanted, 0xff, sizeof batch->wanted);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 10; i++) {
            char app[16];
            snprintf(app, sizeof app, "app%d", i);
            span_batch_reset(batch);
            (void)span_batch_add(batch, ROW_SPAN, (struct row_origin){0, 0});
            batch->app[0] = bytes_from_text(app);
            assert_false(measure_wants_flush(measure));
            measure_rows(measure, batch, NULL, FALLBACK_MS, NULL);
        }
        assert_true(measure_wants_flush(measure));
        uint32_t count = 0;
        (void)measure_flush(measure, &count);
        assert_int_equal(count, 30); /* three levels each */
        measure_release(measure);
    }
    measure_destroy(measure);
    metric_table_destroy(metrics);
    span_batch_destroy(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_at_every_level_are_the_naive_ones),
        cmocka_unit_test(many_label_sets_ask_for_a_flush),
    };
    return cmocka_run_group_tests(tests, gather_specs, NULL);
}
