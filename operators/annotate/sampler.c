/*
 * sampler.c - which calls deserve a judge, decided at once and the same way everywhere.
 *
 * u = hash(trace_id) is compared with probabilities of the span's stratum (app, intent, prompt,
 * model), so nothing is remembered and the choice of a smaller probability lies inside that of a
 * larger one. A span's inclusion probability is therefore the largest of those that apply to it; it is
 * written for spans that might have been selected, nearly all others are passed over without a look-up.
 */
#include "operators/annotate/annotate.h"

enum { COUNT_BASE, COUNT_BOOST, COUNT_FORCED, COUNT_FORCED_SKIPPED };

static const char *const counter_names[] = {"base", "boost", "forced", "forced_not_kept", NULL};

static const enum span_column reads[] = {
    SPAN_COLUMN_trace_id,     SPAN_COLUMN_role,        SPAN_COLUMN_status,
    SPAN_COLUMN_error_type,   SPAN_COLUMN_app,         SPAN_COLUMN_intent_label,
    SPAN_COLUMN_prompt_label, SPAN_COLUMN_model_label, SPAN_COLUMN_format_bin,
    SPAN_COLUMN_COUNT,
};
static const enum span_column writes[] = {
    SPAN_COLUMN_sample_purpose,
    SPAN_COLUMN_sample_probability,
    SPAN_COLUMN_base_probability,
    SPAN_COLUMN_COUNT,
};

struct conf {
    bool force_format_failures;
};

static const struct option options[] = {
    {.name = "sampler.force_format_failures",
     .type = OPTION_BOOLEAN,
     .offset = offsetof(struct conf, force_format_failures),
     .default_text = "false",
     .help = "keep answers that fail the format check like errors (with the forced probability)"},
    {.name = NULL},
};

#define STATUS_ERROR 2

static bool must_keep(const struct conf *conf, const struct span_batch *batch, uint32_t row)
{
    return batch->status[row] == STATUS_ERROR || bytes_present(batch->error_type[row]) ||
           (conf->force_format_failures && batch->format_bin[row] == FLAG_FAIL);
}

static void sample_row(const struct annotator_call *call, struct span_batch *batch, uint32_t row)
{
    double u = sample_u(batch->trace_id[row]);
    bool forced = must_keep(call->conf, batch, row);
    if (u >= rates_ceiling(call->rates) && !forced) { /* nearly all: no stratum would take it */
        batch->sample_purpose[row] = 0;
        return;
    }
    const struct rate rate =
        rates_find(call->rates, rates_stratum(batch->app[row], batch->intent_label[row],
                                              batch->prompt_label[row], batch->model_label[row]));
    double probability = rate.boost > rate.base ? rate.boost : rate.base;
    int64_t purpose = 0;
    if (u < rate.base) {
        purpose |= PURPOSE_BASE;
        call->counters[COUNT_BASE]++;
    }
    if (rate.boost > rate.base && u < rate.boost) {
        purpose |= PURPOSE_BOOST;
        call->counters[COUNT_BOOST]++;
    }
    if (forced) {
        if (rate.forced > probability)
            probability = rate.forced;
        bool kept = u < rate.forced;
        purpose |= kept ? PURPOSE_FORCED : 0;
        call->counters[kept ? COUNT_FORCED : COUNT_FORCED_SKIPPED]++;
    }
    batch->sample_purpose[row] = purpose;
    if (probability > 0)
        batch->sample_probability[row] = probability;
    if (rate.base > 0)
        batch->base_probability[row] = rate.base;
}

static void annotate(const struct annotator_call *call, struct span_batch *batch)
{
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (batch->kind[row] == ROW_SPAN && batch->role[row] == ROLE_CALL)
            sample_row(call, batch, row);
    }
}

const struct annotator_class annotator_sampler = {
    .name = "sampler",
    .summary =
        "selects calls for judges: stratified, stateless, with the inclusion probability stamped",
    .reads = reads,
    .writes = writes,
    .counter_names = counter_names,
    .options = options,
    .conf_bytes = sizeof(struct conf),
    .annotate = annotate,
};
