/*
 * traces_measure.c - between the tracker's numbers and the metric table: results of digests in our order, and
 * what the tracker measures as additions to cells.
 */
#include "engine/flow/traces_internal.h"

#include "engine/base/check.h"

/* False: annotators measure more of content than a digest holds (the front refuses that too). */
bool traces_know_results(struct traces *t)
{
    struct content_metric list[CONTENT_METRICS_MAX];
    uint32_t count = measure_content_metrics(t->measure, list);
    uint8_t amounts = 0;
    if (count > DIGEST_RESULTS || t->class->metrics_count > DIGEST_RESULTS)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        bool summed = list[i].spec->sum_column != SPAN_COLUMN_COUNT;
        t->results[i] = (struct result_metric){.flag = list[i].spec->layout.kind == LAYOUT_FLAG,
                                               .asked = list[i].spec->content == METRIC_OF_CONTENT_ASKED,
                                               .amount = summed && amounts < DIGEST_AMOUNTS ? amounts++ : DIGEST_AMOUNTS};
        t->result_numbers[i] = list[i].metric;
    }
    t->results_count = count;
    for (uint32_t i = 0; i < t->class->metrics_count; i++) {
        const struct metric_spec *spec = &t->class->metrics[i];
        t->own_numbers[i] = metric_intern(t->metrics, bytes_from_text(spec->name), &spec->layout, (uint8_t)spec->epoch);
    }
    return true;
}

struct tracker_call traces_call(struct traces *t, const struct cell_id *id, int64_t now_ms)
{
    buffer_clear(&t->outputs);
    return (struct tracker_call){.conf = t->conf,
                                 .entity = bytes_of(id->bytes, sizeof id->bytes),
                                 .now_ms = now_ms,
                                 .outputs = &t->outputs,
                                 .counters = t->muted ? t->muted_counters : t->tracker_counters,
                                 .results = t->results,
                                 .results_count = t->results_count};
}

void traces_translate(const struct traces *t, const struct digest_block *block, struct digest *digest)
{
    struct digest from = *digest;
    uint32_t summed = 0;
    if (digest->kind == DIGEST_EVALUATION)
        return;
    memset(digest->results, 0xff, sizeof digest->results);
    memset(digest->amounts, 0, sizeof digest->amounts);
    for (uint32_t i = 0; i < block->metrics_count; i++) {
        uint32_t amount = block->metrics[i].summed ? summed++ : DIGEST_AMOUNTS;
        for (uint32_t own = 0; own < t->results_count; own++) {
            if (block->metrics[i].metric != t->result_numbers[own])
                continue;
            digest->results[own] = from.results[i];
            if (amount < DIGEST_AMOUNTS && t->results[own].amount < DIGEST_AMOUNTS)
                digest->amounts[t->results[own].amount] = from.amounts[amount];
        }
    }
}

/* False: it names what is not there (a damaged state). */
static bool resolve(const struct traces *t, const struct tracker_measurement *m, struct measurement *out)
{
    const struct digest_set *labels = label_sets_at(t->sets, m->labels);
    if (labels == NULL)
        return false;
    memcpy(out->labels, labels->labels, sizeof out->labels);
    if (m->measured == MEASURED_SCORE) {
        const struct digest_set *evaluator = label_sets_at(t->sets, m->evaluator);
        if (evaluator == NULL || !evaluator->score)
            return false;
        out->score = true;
        out->metric = evaluator->metric;
        out->labels[3] = evaluator->labels[3];
        out->labels[4] = evaluator->labels[4];
    } else if (m->measured == MEASURED_RESULT && m->which < t->results_count) {
        out->metric = t->result_numbers[m->which];
    } else if (m->measured == MEASURED_OWN && m->which < t->class->metrics_count) {
        out->metric = t->own_numbers[m->which];
    } else {
        return false;
    }
    return out->metric != METRIC_NONE && (out->score || !labels->score);
}

void traces_send(struct traces *t, const struct cell_id *id)
{
    struct reader reader = reader_of(buffer_bytes(&t->outputs));
    enum tracker_output kind;
    struct bytes key, value;
    CHECK(!t->outputs.failed); /* bounded by a state's items */
    while (!t->muted && tracker_next_output(&reader, &kind, &key, &value)) {
        struct tracker_measurement m;
        struct measurement add = {.trace_id = bytes_of(id->bytes, sizeof id->bytes)};
        CHECK(kind == OUTPUT_MEASUREMENT && value.size == sizeof m);
        memcpy(&m, value.data, sizeof m);
        add.minute = m.event_ms / 60000;
        add.bin = m.bin;
        add.amount = m.amount;
        bool known = resolve(t, &m, &add);
        if (known)
            measure_add(t->measure, &add);
        t->counters.measured += known;
        t->counters.bad += !known;
    }
}
