/* row_evaluation.c - the items of evaluations, in order already, into rows. */
#include "engine/span/row_evaluation.h"

#include "engine/span/row_flat.h"

#define NAME_BYTES_MAX 64 /* they become labels */

struct evaluation {
    struct bytes name, evaluator;
    double score;
    bool scored;
};

static bool strip(struct bytes *field, const char *prefix)
{
    size_t size = strlen(prefix);
    if (field->size <= size || memcmp(field->data, prefix, size) != 0)
        return false;
    *field = bytes_of(field->data + size, field->size - size);
    return true;
}

static void take_field(struct row_sink *sink, const struct flat_item *item, struct evaluation *out)
{
    struct bytes field = item->field;
    if (flat_list(item) == FLAT_SCORES) {
        out->name = field;
        out->scored = row_value_real(&item->value, &out->score);
        return;
    }
    (void)(strip(&field, "gen_ai.evaluation.") || strip(&field, "annotation.") ||
           strip(&field, "evaluation."));
    if (bytes_equal_text(field, "name"))
        out->name = row_value_text(sink, &item->value);
    else if (bytes_equal_text(field, "score") || bytes_equal_text(field, "score.value"))
        out->scored = row_value_real(&item->value, &out->score);
    else if (bytes_equal_text(field, "identifier") || bytes_equal_text(field, "evaluator.name"))
        out->evaluator = row_value_text(sink, &item->value);
}

/* The next evaluation at *at or behind it. False: there is none. */
static bool next_evaluation(struct row_sink *sink, uint32_t *at, struct evaluation *out)
{
    const struct row_scratch *scratch = row_sink_scratch(sink);
    const struct flat_item *items = scratch->flats;
    uint32_t count = scratch->flats_count;
    while (*at < count) {
        uint32_t first = *at;
        unsigned list = flat_list(&items[first]);
        uint32_t index = flat_index(&items[first]);
        *out = (struct evaluation){.name = BYTES_NONE};
        for (; *at < count && flat_list(&items[*at]) == list && flat_index(&items[*at]) == index; ++*at)
            if (list == FLAT_EVALUATIONS || list == FLAT_SCORES || list == FLAT_EVENT_EVALUATION)
                take_field(sink, &items[*at], out);
        if (out->name.size > 0 && out->name.size <= NAME_BYTES_MAX && out->scored)
            return true;
    }
    return false;
}

struct evaluated_span row_evaluated_span(const struct span_batch *batch, uint32_t row)
{
    return (struct evaluated_span){
        .origin = batch->origin[row],
        .trace_id = batch->trace_id[row],
        .span_id = batch->span_id[row],
        .service = batch->service[row],
        .app_given = batch->app_given[row],
        .environment = batch->environment[row],
        .intent = batch->intent[row],
        .request_model = batch->request_model[row],
        .response_model = batch->response_model[row],
        .end_ns = batch->end_ns[row],
    };
}

/* One id per span: its evaluations are told apart by their dimension. */
static struct bytes id_of(struct arena *arena, const struct evaluated_span *span)
{
    size_t size = span->trace_id.size + span->span_id.size;
    uint8_t *id = size > 0 ? arena_alloc(arena, size) : NULL;
    if (id == NULL)
        return span->span_id;
    memcpy(id, span->trace_id.data, span->trace_id.size);
    memcpy(id + span->trace_id.size, span->span_id.data, span->span_id.size);
    return bytes_of(id, size);
}

static void write_row(struct span_batch *batch, const struct evaluated_span *span,
                      const struct evaluation *evaluation)
{
    uint32_t row = span_batch_add(batch, ROW_VERDICT, span->origin);
    bool named = evaluation->evaluator.size > 0 && evaluation->evaluator.size <= NAME_BYTES_MAX;
    batch->request_id[row] = id_of(batch->arena, span);
    batch->dimension[row] = evaluation->name;
    batch->evaluator[row] = named ? evaluation->evaluator : evaluation->name;
    batch->evaluator_revision[row] = BYTES_LITERAL("on-span");
    batch->score[row] = evaluation->score;
    batch->in_population[row] = 1;
    batch->trace_id[row] = span->trace_id;
    batch->end_ns[row] = span->end_ns;
    batch->service[row] = span->service;
    batch->app_given[row] = span->app_given;
    batch->environment[row] = span->environment;
    batch->intent[row] = span->intent;
    batch->request_model[row] = span->request_model;
    batch->response_model[row] = span->response_model;
}

bool row_evaluations_write(struct row_sink *sink, const struct evaluated_span *span, uint32_t *next)
{
    uint32_t at = 0;
    struct evaluation evaluation;
    for (uint32_t number = 0; number < ROW_EVALUATIONS_MAX && next_evaluation(sink, &at, &evaluation);
         number++) {
        if (number < *next)
            continue;
        if (span_batch_full(sink->batch))
            return false;
        write_row(sink->batch, span, &evaluation);
        *next = number + 1;
    }
    return true;
}
