/*
 * score.c - judged scores into population series: one bin per verdict dimension.
 *
 * Only scores whose trace would have been judged anyway count (u below the base probability of the
 * series' own labels), so a boost or a forced keep never shifts a population.
 */
#include "operators/annotate/annotate.h"

enum { COUNT_IN, COUNT_OUT };

static const char *const counter_names[] = {"in_population", "outside_population", NULL};

static const enum span_column reads[] = {SPAN_COLUMN_score, SPAN_COLUMN_in_population,
                                         SPAN_COLUMN_dimension, SPAN_COLUMN_COUNT};
static const enum span_column writes[] = {SPAN_COLUMN_score_bin, SPAN_COLUMN_COUNT};

static const struct metric_spec metrics[] = {{
    .name = "score.",
    .layout = {LAYOUT_ORDINAL, 5, 0, 0},
    .levels = LEVELS_SCORE,
    .epoch = EPOCH_HOUR,
    .bin_column = SPAN_COLUMN_score_bin,
    .sum_column = SPAN_COLUMN_COUNT,
    .name_column = SPAN_COLUMN_dimension,
}};

static void annotate(const struct annotator_call *call, struct span_batch *batch)
{
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (batch->kind[row] != ROW_VERDICT)
            continue;
        double score = batch->score[row];
        bool counts =
            batch->in_population[row] == 1 && score >= 1 && score <= 5; /* false for NaN */
        call->counters[counts ? COUNT_IN : COUNT_OUT]++;
        batch->score_bin[row] = counts ? layout_bin(&metrics[0].layout, score) : SPAN_BIN_ABSENT;
    }
}

const struct annotator_class annotator_score = {
    .name = "score",
    .summary = "judged scores, 1 to 5, per dimension: the population series of what judges say",
    .reads = reads,
    .writes = writes,
    .metrics = metrics,
    .metrics_count = sizeof metrics / sizeof *metrics,
    .counter_names = counter_names,
    .annotate = annotate,
};
