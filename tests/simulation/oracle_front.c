/*
 * oracle_front.c - the naive answer: one record after another, unbounded memory, no exchange, no commits.
 */
#include "tests/simulation/oracle.h"
#include "tests/simulation/oracle_rates.h"
#include "tests/simulation/oracle_traces.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/flow/dedupe.h"
#include "engine/flow/digests.h"
#include "engine/flow/pipeline.h"
#include "engine/flow/request.h"
#include "engine/flow/verdict.h"
#include "engine/span/encoding.h"

#include <stdio.h>

#define PARTITIONS_MAX  64
#define RECORD_ROWS_MAX 4096 /* of the records the tests write */

struct naive {
    const struct oracle *oracle;
    struct oracle_answer *answer;
    struct oracle_rates *rates;
    struct oracle_traces *traces;
    struct pipeline *pipeline;
    struct span_batch *batch;
    struct sha256 *sha;
    struct json_document *json;
    struct dedupe *seen[INPUT_TOPICS_MAX][PARTITIONS_MAX];
    uint32_t input; /* of the record at hand */
    const struct oracle_record *record;
};

/* ---- sums as text lines ----------------------------------------------------------------------------------- */

static void add_sum(struct naive *n, const struct labels *labels, int64_t minute, const char *metric, uint32_t bin, int64_t amount)
{
    char key[1024];
    size_t at = 0;
    for (uint32_t i = 0; i < labels->count; i++)
        at += (size_t)snprintf(key + at, sizeof key - at, "%.*s=%.*s,", BYTES_FMT(labels->pairs[i].name), BYTES_FMT(labels->pairs[i].value));
    (void)snprintf(key + at, sizeof key - at, " %lld %s %u", (long long)minute, metric, bin);
    lines_add(&n->answer->sums, key, amount);
}

static struct bytes known(struct bytes label) { return label.size > 0 ? label : BYTES_LITERAL("unknown"); }

static void add_levels(struct naive *n, uint32_t row, const char *metric, uint32_t bin, int64_t amount)
{
    const struct span_batch *b = n->batch;
    int64_t minute = b->end_ns[row] / 60000000000;
    struct labels l = {0};
    labels_add(&l, BYTES_LITERAL("app"), known(b->app[row]));
    labels_add(&l, BYTES_LITERAL("env"), known(b->env[row]));
    add_sum(n, &l, minute, metric, bin, amount);
    labels_add(&l, BYTES_LITERAL("intent"), known(b->intent_label[row]));
    add_sum(n, &l, minute, metric, bin, amount);
    labels_add(&l, BYTES_LITERAL("prompt"), known(b->prompt_label[row]));
    labels_add(&l, BYTES_LITERAL("model"), known(b->model_label[row]));
    add_sum(n, &l, minute, metric, bin, amount);
}

static void add_score(struct naive *n, uint32_t row)
{
    const struct span_batch *b = n->batch;
    if (b->in_population[row] != 1 || b->score_bin[row] == SPAN_BIN_ABSENT)
        return;
    struct labels l = {0};
    labels_add(&l, BYTES_LITERAL("app"), known(b->app[row]));
    labels_add(&l, BYTES_LITERAL("env"), known(b->env[row]));
    labels_add(&l, BYTES_LITERAL("intent"), known(b->intent_label[row]));
    labels_add(&l, BYTES_LITERAL("evaluator"), known(b->evaluator[row]));
    labels_add(&l, BYTES_LITERAL("revision"), known(b->evaluator_revision[row]));
    char metric[96];
    (void)snprintf(metric, sizeof metric, "score.%.*s", BYTES_FMT(b->dimension[row]));
    add_sum(n, &l, b->end_ns[row] / 60000000000, metric, (uint32_t)(b->score[row] + 0.5) - 1, 1);
}

static void add_row(struct naive *n, uint32_t row)
{
    const struct span_batch *b = n->batch;
    bool tracked = n->oracle->options->track_traces && digest_wanted(b, row), span = b->kind[row] == ROW_SPAN;
    if (tracked)
        oracle_traces_add(n->traces, b, row);
    if (tracked && !span)
        return;
    if (b->kind[row] == ROW_VERDICT) {
        add_score(n, row);
        return;
    }
    if (span)
        add_levels(n, row, "spans", (uint32_t)b->role[row], 1);
    if (span && b->format_bin[row] != SPAN_BIN_ABSENT && !(tracked && b->format_bin[row] == FLAG_NO_CONTENT))
        add_levels(n, row, "format", b->format_bin[row], 1);
    if (b->truncated_bin[row] != SPAN_BIN_ABSENT && !(tracked && b->truncated_bin[row] == FLAG_NO_CONTENT))
        add_levels(n, row, "truncated", b->truncated_bin[row], 1);
    if (b->words_bin[row] != SPAN_BIN_ABSENT) {
        add_levels(n, row, "words", b->words_bin[row], 1);
        if (b->words[row] > 0)
            add_levels(n, row, "words", 65535, b->words[row]);
    }
}

/* ---- outputs ------------------------------------------------------------------------------------------------ */

static void add_outputs(struct naive *n, uint32_t row)
{
    const struct span_batch *b = n->batch;
    struct row_source source = {n->oracle->options->inputs[n->input].name, n->record->partition, n->record->offset, b->origin[row].span};
    struct buffer value = BUFFER_WITH_LIMIT(1 << 16);
    if (score_wanted(b, row)) {
        score_write(b, row, &source, &value);
        buffer_put_u8(&value, 0);
        lines_add(&n->answer->scores, (const char *)value.data, 1);
    }
    if (b->sample_purpose[row] != SPAN_I64_ABSENT && b->sample_purpose[row] != 0) {
        char id[REQUEST_ID_CHARS];
        buffer_clear(&value);
        request_make_id(b, row, n->sha, id);
        request_write(b, row, &source, bytes_of(id, sizeof id), &value);
        buffer_put_u8(&value, 0);
        lines_add(&n->answer->requests, (const char *)value.data, 1);
    }
    buffer_free(&value);
}

static void bury(struct naive *n, const char *code)
{
    char key[160];
    (void)snprintf(key, sizeof key, "%s/%d/%lld %s", n->oracle->options->inputs[n->input].name, n->record->partition,
                   (long long)n->record->offset, code);
    lines_add(&n->answer->letters, key, 1);
}

/* ---- records -------------------------------------------------------------------------------------------------- */

/* Spans that end nowhere, or later than clocks may run ahead, happened when their record was written. */
static void settle_ends(struct naive *n)
{
    struct span_batch *b = n->batch;
    int64_t latest_ns = (n->record->timestamp_ms + n->oracle->options->future_max_ms) * 1000000;
    for (uint32_t row = 0; row < b->rows; row++)
        if (b->end_ns[row] == SPAN_I64_ABSENT || b->end_ns[row] <= 0 || (b->kind[row] == ROW_SPAN && b->end_ns[row] > latest_ns))
            b->end_ns[row] = n->record->timestamp_ms * 1000000;
}

/* All that a log record says. */
static uint64_t log_hash(const struct span_batch *b, uint32_t row)
{
    struct buffer all = BUFFER_WITH_LIMIT(1 << 20);
    const struct bytes texts[] = {b->trace_id[row], b->span_id[row], b->input_messages[row], b->output_messages[row],
                                  b->finish_reason[row], b->evaluator[row], b->dimension[row]};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        buffer_put_bytes(&all, texts[i]);
    buffer_printf(&all, "%lld %g", (long long)b->end_ns[row], b->score[row]);
    uint64_t hash = hash_bytes(buffer_bytes(&all), 5);
    buffer_free(&all);
    return hash;
}

static bool seen_before(struct naive *n, uint32_t row)
{
    char id[300];
    const struct span_batch *b = n->batch;
    bool of_log = n->oracle->options->inputs[n->input].kind == INPUT_LOGS;
    int size = of_log ? snprintf(id, sizeof id, "%016llx", (unsigned long long)log_hash(b, row))
               : b->kind[row] == ROW_SPAN
                   ? snprintf(id, sizeof id, "%016llx%016llx", (unsigned long long)hash_bytes(b->trace_id[row], 1),
                              (unsigned long long)hash_bytes(b->span_id[row], 2))
                   : snprintf(id, sizeof id, "%.*s/%.*s", BYTES_FMT(b->request_id[row]), BYTES_FMT(b->dimension[row]));
    uint64_t place = (uint64_t)n->record->offset << 20 | (b->origin[row].span & 0xFFFFF);
    struct dedupe *seen = n->seen[n->input][n->record->partition];
    return dedupe_seen(seen, hash_bytes(bytes_of(id, (size_t)size), 3), place, 0);
}

static void run_rows(struct naive *n)
{
    settle_ends(n);
    pipeline_run(n->pipeline, n->batch, oracle_rates_for(n->rates, n->input, n->record));
    for (uint32_t row = 0; row < n->batch->rows; row++) {
        if (seen_before(n, row))
            continue;
        add_row(n, row);
        if (n->batch->kind[row] == ROW_SPAN && n->batch->role[row] == ROLE_CALL)
            add_outputs(n, row);
    }
    span_batch_reset(n->batch);
}

static void run_spans(struct naive *n)
{
#define NAME_OF(name, code) code,
    static const char *const codes[] = {"", REFUSALS(NAME_OF)};
#undef NAME_OF
    const struct flow_options *o = n->oracle->options;
    const struct encoding_options options = {o->inputs[n->input].encoding, o->inputs[n->input].kind == INPUT_LOGS ? SIGNAL_LOGS : SIGNAL_SPANS, &o->otlp, o->avro};
    struct encoded_record record;
    encoding_start(&record, n->record->value, BYTES_NONE, 0, &options);
    CHECK(encoding_decode(&record, n->batch) == DECODE_DONE);
    run_rows(n);
    if (record.cursor.bad_spans > 0)
        bury(n, codes[record.cursor.bad_code]);
}

static void run_record(struct naive *n)
{
    const struct flow_options *o = n->oracle->options;
    struct error error = {0};
    CHECK(n->record->partition < PARTITIONS_MAX);
    if (n->record->value.size == 0)
        return;
    if (n->record->value.size > o->record_bytes_max) {
        bury(n, "oversized");
    } else if (o->inputs[n->input].kind != INPUT_VERDICTS) {
        run_spans(n);
    } else {
        if (!verdict_decode(n->record->value, 0, n->json, n->batch, &error))
            bury(n, "bad_verdict");
        run_rows(n);
    }
}

static void open_parts(struct naive *n)
{
    const struct flow_options *o = n->oracle->options;
    struct error error = {0};
    n->pipeline = pipeline_create(o->annotators, o->annotators_count, &error);
    CHECK(n->pipeline != NULL);
    n->batch = span_batch_create(RECORD_ROWS_MAX);
    n->batch->wanted = *pipeline_columns(n->pipeline);
    n->rates = oracle_rates_open(n->oracle);
    n->traces = oracle_traces_open();
    n->sha = sha256_create();
    n->json = json_create((size_t)1 << 20);
    for (int t = 0; t < INPUT_TOPICS_MAX; t++)
        for (int p = 0; p < PARTITIONS_MAX; p++)
            n->seen[t][p] = dedupe_create(UINT32_MAX / 4, INT64_MAX / 4);
}

static void close_parts(struct naive *n)
{
    pipeline_destroy(n->pipeline);
    span_batch_destroy(n->batch);
    oracle_rates_close(n->rates);
    sha256_destroy(n->sha);
    json_destroy(n->json);
    for (int t = 0; t < INPUT_TOPICS_MAX; t++)
        for (int p = 0; p < PARTITIONS_MAX; p++)
            dedupe_destroy(n->seen[t][p]);
}

void oracle_recompute(const struct oracle *oracle, struct oracle_answer *out)
{
    struct naive *n = memory_allocate(sizeof *n);
    n->oracle = oracle;
    n->answer = out;
    open_parts(n);
    for (n->input = 0; n->input < oracle->options->inputs_count; n->input++) {
        const struct oracle_input *input = &oracle->inputs[n->input];
        for (uint32_t i = 0; i < input->count; i++) {
            n->record = &input->records[i];
            run_record(n);
        }
    }
    oracle_traces_finish(n->traces, &out->sums);
    oracle_traces_close(n->traces);
    close_parts(n);
    memory_free(n);
}

void oracle_answer_free(struct oracle_answer *answer)
{
    lines_free(&answer->sums);
    lines_free(&answer->requests);
    lines_free(&answer->scores);
    lines_free(&answer->letters);
}
