/* oracle_traces.c - see oracle_traces.h. */
#include "tests/simulation/oracle_traces.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/state/labels.h"
#include "engine/state/layout.h"

#include <stdio.h>
#include <stdlib.h>

enum { APP, ENV, INTENT, PROMPT, MODEL, EVALUATOR, REVISION, DIMENSION, TEXTS };

struct kept {
    uint8_t trace_id[16];
    uint32_t number; /* in the order of coming */
    uint8_t kind;
    int64_t role;
    uint64_t span_id, parent;
    int64_t end_ns;
    char texts[TEXTS][72];
    uint16_t format, truncated, words_bin, score_bin;
    int64_t words;
    double score;
    uint32_t sizes[3];
    bool repeat, taken_back;
};

struct oracle_traces {
    struct kept *rows;
    uint32_t count, capacity;
};

struct oracle_traces *oracle_traces_open(void) { return memory_allocate(sizeof(struct oracle_traces)); }

void oracle_traces_close(struct oracle_traces *t)
{
    memory_free(t->rows);
    memory_free(t);
}

static uint64_t id_of(struct bytes id) { return id.size == 8 ? bytes_load64(id.data) : 0; }

void oracle_traces_add(struct oracle_traces *t, const struct span_batch *b, uint32_t row)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 1024;
        t->rows = memory_resize(t->rows, t->capacity * sizeof *t->rows);
    }
    struct kept *k = &t->rows[t->count];
    *k = (struct kept){.number = t->count, .kind = b->kind[row], .role = b->role[row], .span_id = id_of(b->span_id[row]),
                       .parent = id_of(b->parent_span_id[row]), .end_ns = b->end_ns[row], .format = b->format_bin[row],
                       .truncated = b->truncated_bin[row], .words_bin = b->words_bin[row], .score_bin = b->score_bin[row],
                       .words = b->words[row], .score = b->score[row],
                       .sizes = {(uint32_t)b->input_messages[row].size, (uint32_t)b->output_messages[row].size,
                                 (uint32_t)b->system_instructions[row].size}};
    const struct bytes texts[TEXTS] = {b->app[row], b->env[row], b->intent_label[row], b->prompt_label[row], b->model_label[row],
                                       b->evaluator[row], b->evaluator_revision[row], b->dimension[row]};
    CHECK(b->trace_id[row].size == 16);
    memcpy(k->trace_id, b->trace_id[row].data, 16);
    for (int i = 0; i < TEXTS; i++)
        (void)snprintf(k->texts[i], sizeof k->texts[i], "%.*s", BYTES_FMT(texts[i].size > 0 ? texts[i] : BYTES_LITERAL("unknown")));
    t->count++;
}

/* ---- lines --------------------------------------------------------------------------------------------------- */

static void add_line(struct lines *sums, const struct labels *labels, int64_t end_ns, const char *metric, uint32_t bin, int64_t amount)
{
    char key[1024];
    size_t at = 0;
    for (uint32_t i = 0; i < labels->count; i++)
        at += (size_t)snprintf(key + at, sizeof key - at, "%.*s=%.*s,", BYTES_FMT(labels->pairs[i].name), BYTES_FMT(labels->pairs[i].value));
    (void)snprintf(key + at, sizeof key - at, " %lld %s %u", (long long)(end_ns / 60000000000), metric, bin);
    lines_add(sums, key, amount);
}

static void add_levels(struct lines *sums, const struct kept *k, const char *metric, uint32_t bin, int64_t amount)
{
    struct labels l = {0};
    labels_add(&l, BYTES_LITERAL("app"), bytes_from_text(k->texts[APP]));
    labels_add(&l, BYTES_LITERAL("env"), bytes_from_text(k->texts[ENV]));
    add_line(sums, &l, k->end_ns, metric, bin, amount);
    labels_add(&l, BYTES_LITERAL("intent"), bytes_from_text(k->texts[INTENT]));
    add_line(sums, &l, k->end_ns, metric, bin, amount);
    labels_add(&l, BYTES_LITERAL("prompt"), bytes_from_text(k->texts[PROMPT]));
    labels_add(&l, BYTES_LITERAL("model"), bytes_from_text(k->texts[MODEL]));
    add_line(sums, &l, k->end_ns, metric, bin, amount);
}

static void add_words(struct lines *sums, const struct kept *labels, const struct kept *answer)
{
    if (answer->words_bin == SPAN_BIN_ABSENT)
        return;
    add_levels(sums, labels, "words", answer->words_bin, 1);
    if (answer->words > 0)
        add_levels(sums, labels, "words", 65535, answer->words);
}

static void add_score(struct lines *sums, const struct kept *k, const struct kept *of)
{
    struct labels l = {0};
    char metric[96];
    labels_add(&l, BYTES_LITERAL("app"), bytes_from_text(of->texts[APP]));
    labels_add(&l, BYTES_LITERAL("env"), bytes_from_text(of->texts[ENV]));
    labels_add(&l, BYTES_LITERAL("intent"), bytes_from_text(of->texts[INTENT]));
    labels_add(&l, BYTES_LITERAL("evaluator"), bytes_from_text(k->texts[EVALUATOR]));
    labels_add(&l, BYTES_LITERAL("revision"), bytes_from_text(k->texts[REVISION]));
    (void)snprintf(metric, sizeof metric, "score.%s", k->texts[DIMENSION]);
    if (k->score_bin != SPAN_BIN_ABSENT)
        add_line(sums, &l, k->end_ns, metric, k->score_bin, 1);
}

/* ---- one trace -------------------------------------------------------------------------------------------------- */

struct group {
    struct kept *rows;
    uint32_t count;
};

static bool same_event(const struct kept *a, const struct kept *b)
{
    if (a->kind != b->kind || a->span_id != b->span_id)
        return false;
    bool same = a->end_ns == b->end_ns && memcmp(a->sizes, b->sizes, sizeof a->sizes) == 0;
    if (a->kind == ROW_VERDICT)
        same = same && strcmp(a->texts[DIMENSION], b->texts[DIMENSION]) == 0 && strcmp(a->texts[EVALUATOR], b->texts[EVALUATOR]) == 0 &&
               a->score_bin == b->score_bin;
    return same || a->kind == ROW_SPAN;
}

static struct kept *span_with(struct group g, uint64_t span_id)
{
    for (uint32_t i = 0; i < g.count && span_id != 0; i++)
        if (g.rows[i].kind == ROW_SPAN && !g.rows[i].repeat && g.rows[i].span_id == span_id)
            return &g.rows[i];
    return NULL;
}

static bool is_call(const struct kept *k) { return k->kind == ROW_SPAN && k->role == ROLE_CALL && !k->repeat; }

/* Calls of the simulation have no tokens or all of them have: the deepest counts. */
static void take_back_above(struct group g, const struct kept *call, struct lines *sums)
{
    struct kept *above = span_with(g, call->parent);
    for (int hops = 0; above != NULL && hops < 32; hops++, above = span_with(g, above->parent)) {
        if (above->role == ROLE_TOOL || above->role == ROLE_AGENT || above->role == ROLE_WORKFLOW || above->role == ROLE_RETRIEVAL)
            return;
        if (!is_call(above) || above->taken_back)
            continue;
        above->taken_back = true;
        add_levels(sums, above, "spans.recounted", ROLE_CALL, 1);
    }
}

static const struct kept *content_of(struct group g, const struct kept *span)
{
    const struct kept *first = NULL;
    for (uint32_t i = 0; i < g.count; i++) {
        const struct kept *k = &g.rows[i];
        bool decides = k->format != SPAN_BIN_ABSENT || k->truncated != SPAN_BIN_ABSENT || k->words_bin != SPAN_BIN_ABSENT;
        if (k->kind == ROW_CONTENT && !k->repeat && decides && k->span_id == span->span_id && (first == NULL || k->end_ns < first->end_ns))
            first = k;
    }
    return first;
}

static void measure_span(struct group g, const struct kept *span, struct lines *sums)
{
    const struct kept *content = content_of(g, span);
    if (span->taken_back)
        return;
    if (span->format == FLAG_NO_CONTENT)
        add_levels(sums, span, "format", content != NULL && content->format != SPAN_BIN_ABSENT ? content->format : FLAG_NO_CONTENT, 1);
    if (span->truncated == FLAG_NO_CONTENT)
        add_levels(sums, span, "truncated", content != NULL && content->truncated != SPAN_BIN_ABSENT ? content->truncated : FLAG_NO_CONTENT, 1);
    if (span->words_bin == SPAN_BIN_ABSENT && content != NULL && is_call(span))
        add_words(sums, span, content);
}

static const struct kept *main_call(struct group g)
{
    const struct kept *best = NULL;
    for (uint32_t i = 0; i < g.count; i++) {
        const struct kept *k = &g.rows[i];
        if (is_call(k) && !k->taken_back && (best == NULL || k->end_ns / 1000000 < best->end_ns / 1000000))
            best = k;
    }
    return best;
}

static void finish_group(struct group g, struct lines *sums)
{
    for (uint32_t i = 0; i < g.count; i++)
        for (uint32_t j = 0; j < i && !g.rows[i].repeat; j++)
            g.rows[i].repeat = same_event(&g.rows[i], &g.rows[j]);
    for (uint32_t i = 0; i < g.count; i++)
        if (g.rows[i].repeat && g.rows[i].kind == ROW_SPAN)
            add_levels(sums, &g.rows[i], "spans.recounted", (uint32_t)g.rows[i].role, 1);
    for (uint32_t i = 0; i < g.count; i++)
        if (is_call(&g.rows[i]))
            take_back_above(g, &g.rows[i], sums);
    for (uint32_t i = 0; i < g.count; i++) {
        const struct kept *k = &g.rows[i];
        if (k->repeat)
            continue;
        const struct kept *span = span_with(g, k->span_id);
        if (k->kind == ROW_SPAN) {
            measure_span(g, k, sums);
        } else if (k->kind == ROW_VERDICT) {
            span = span != NULL ? span : main_call(g);
            add_score(sums, k, span != NULL ? span : k);
        } else if (span == NULL) {
            add_words(sums, k, k);
            if (k->truncated != SPAN_BIN_ABSENT)
                add_levels(sums, k, "truncated", k->truncated, 1);
        }
    }
}

static int compare_rows(const void *left, const void *right)
{
    const struct kept *a = left, *b = right;
    int order = memcmp(a->trace_id, b->trace_id, sizeof a->trace_id);
    return order != 0 ? order : a->number < b->number ? -1 : 1;
}

void oracle_traces_finish(struct oracle_traces *t, struct lines *sums)
{
    if (t->count > 0)
        qsort(t->rows, t->count, sizeof *t->rows, compare_rows);
    for (uint32_t from = 0, to = 0; from < t->count; from = to) {
        while (to < t->count && memcmp(t->rows[to].trace_id, t->rows[from].trace_id, 16) == 0)
            to++;
        finish_group((struct group){t->rows + from, to - from}, sums);
    }
}
