/*
 * who.c - whose span is it: application, environment, intent and model as labels.
 *
 * Spans, content and evaluations that stood on spans: verdicts, labels and feedback bring their labels in
 * their echo. Every
 * label is present afterwards ("unknown" where nobody said), and at most 64 bytes.
 */
#include "engine/operator/label.h"
#include "operators/annotate/annotate.h"

enum { COUNT_NO_APP, COUNT_NO_INTENT, COUNT_LONG_LABEL };

static const char *const counter_names[] = {"no_app", "no_intent", "long_label", NULL};

static const enum span_column reads[] = {
    SPAN_COLUMN_role,          SPAN_COLUMN_app_given, SPAN_COLUMN_service,
    SPAN_COLUMN_environment,   SPAN_COLUMN_intent,    SPAN_COLUMN_response_model,
    SPAN_COLUMN_request_model, SPAN_COLUMN_COUNT,
};
static const enum span_column writes[] = {
    SPAN_COLUMN_app,         SPAN_COLUMN_env,   SPAN_COLUMN_intent_label,
    SPAN_COLUMN_model_label, SPAN_COLUMN_COUNT,
};

static inline struct bytes first_of(struct bytes a, struct bytes b)
{
    return bytes_present(a) ? a : b;
}

static inline struct bytes label(struct bytes text, struct span_batch *batch, uint64_t *counters)
{
    if (text.size > LABEL_BYTES_MAX)
        counters[COUNT_LONG_LABEL]++;
    return label_fit(text, batch->arena);
}

static void annotate(const struct annotator_call *call, struct span_batch *batch)
{
    const struct bytes unknown = BYTES_LITERAL("unknown");
    for (uint32_t row = 0; row < batch->rows; row++) {
        bool on_span = batch->kind[row] == ROW_VERDICT && !bytes_present(batch->app[row]);
        if (batch->kind[row] != ROW_SPAN && batch->kind[row] != ROW_CONTENT && !on_span)
            continue;
        struct bytes app = first_of(batch->app_given[row], batch->service[row]);
        bool is_call = batch->role[row] == ROLE_CALL;
        call->counters[COUNT_NO_APP] += is_call && !bytes_present(app);
        call->counters[COUNT_NO_INTENT] += is_call && !bytes_present(batch->intent[row]);
        batch->app[row] = label(first_of(app, unknown), batch, call->counters);
        batch->env[row] = label(first_of(batch->environment[row], unknown), batch, call->counters);
        batch->intent_label[row] =
            label(first_of(batch->intent[row], unknown), batch, call->counters);
        struct bytes model = first_of(batch->response_model[row], batch->request_model[row]);
        batch->model_label[row] = label(first_of(model, unknown), batch, call->counters);
    }
}

const struct annotator_class annotator_who = {
    .name = "who",
    .summary = "application, environment, intent and model of a span as labels",
    .reads = reads,
    .writes = writes,
    .counter_names = counter_names,
    .annotate = annotate,
};
