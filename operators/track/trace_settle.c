/*
 * trace_settle.c - what a trace knows when it settles: which spans count, whose content and scores these are.
 *
 * Every measurement is made once; what was measured is marked and never taken back. So a second settling only
 * adds what came since.
 */
#include "operators/track/trace_state.h"

#define NOBODY TRACE_ITEMS_MAX

static struct tracker_measurement measurement_of(const struct tracker_call *call, const struct trace_item *item)
{
    struct tracker_measurement m = {.labels = item->labels, .event_ms = item->event_ms};
    if (call->entity.size == sizeof m.trace_id)
        memcpy(m.trace_id, call->entity.data, sizeof m.trace_id);
    return m;
}

/* One result under the labels and the time of `item`. */
static void measure_result(const struct tracker_call *call, const struct trace_item *item, uint32_t which,
                           uint16_t bin, const struct trace_item *amounts_of)
{
    struct tracker_measurement m = measurement_of(call, item);
    uint8_t amount = call->results[which].amount;
    m.measured = MEASURED_RESULT;
    m.which = (uint8_t)which;
    m.bin = bin;
    if (amounts_of != NULL && amount < DIGEST_AMOUNTS)
        m.amount = amounts_of->amounts[amount];
    tracker_measure(call, &m);
}

/* labels: whose application and intent it is. */
static void measure_score(const struct tracker_call *call, const struct trace_item *evaluation, uint32_t labels)
{
    struct tracker_measurement m = measurement_of(call, evaluation);
    m.measured = MEASURED_SCORE;
    m.bin = evaluation->results[0];
    m.labels = labels;
    m.evaluator = evaluation->labels;
    tracker_measure(call, &m);
}

/* ---- which spans count --------------------------------------------------------------------------- */

/* Once of what the front counted under the span's role. */
static void take_back(const struct tracker_call *call, const struct trace_item *span)
{
    struct tracker_measurement m = measurement_of(call, span);
    m.measured = MEASURED_OWN;
    m.which = TRACE_METRIC_RECOUNTED;
    m.bin = span->role;
    tracker_measure(call, &m);
    call->counters[TRACE_RECOUNTED]++;
}

static void settle_roles(const struct tracker_call *call, struct trace_state *state)
{
    struct leaf_span spans[TRACE_ITEMS_MAX];
    uint32_t slots[2 * TRACE_ITEMS_MAX];
    uint32_t count = 0, slots_count = 4;
    for (uint32_t i = 0; i < state->count; i++) {
        const struct trace_item *item = &state->items[i];
        if (item->kind == DIGEST_SPAN)
            spans[count++] = (struct leaf_span){.id = item->span_id,
                                                .parent = item->link,
                                                .response = item->response,
                                                .tag = i,
                                                .role = item->role,
                                                .leaf = (item->flags & DIGEST_LEAF) != 0,
                                                .tokens = (item->flags & DIGEST_TOKENS) != 0,
                                                .client = (item->flags & DIGEST_CLIENT) != 0};
    }
    while (slots_count < 2 * count)
        slots_count *= 2;
    leaf_rules_settle(spans, count, slots, slots_count);
    for (uint32_t i = 0; i < count; i++) {
        struct trace_item *item = &state->items[spans[i].tag];
        item->now_role = spans[i].role;
        item->flags = (uint8_t)((item->flags & ~DIGEST_LEAF) | (spans[i].leaf ? DIGEST_LEAF : 0));
        if (leaf_rules_counts(item->role) && !leaf_rules_counts(item->now_role) &&
            !(item->marks & TRACE_TAKEN_BACK)) {
            take_back(call, item);
            item->marks |= TRACE_TAKEN_BACK;
        }
        for (; item->repeats_told < item->repeats; item->repeats_told++)
            take_back(call, item);
    }
}

/* ---- halves that meet ------------------------------------------------------------------------------ */

/* The span that an item of another kind is about, by its id, else by the id of the answer; NOBODY. */
static uint32_t span_of(const struct trace_state *state, const struct trace_item *item)
{
    bool found = false;
    uint32_t at = trace_find(state, item->span_id, DIGEST_SPAN, 0, &found);
    if (found && item->span_id != 0)
        return at;
    for (uint32_t i = 0; item->response != 0 && i < state->count; i++)
        if (state->items[i].kind == DIGEST_SPAN && state->items[i].response == item->response &&
            leaf_rules_counts(state->items[i].now_role))
            return i;
    return NOBODY;
}

/* The first call of the trace that counts; without one its first span; NOBODY. */
static uint32_t main_span(const struct trace_state *state)
{
    uint32_t best = NOBODY;
    for (uint32_t i = 0; i < state->count; i++) {
        const struct trace_item *item = &state->items[i];
        if (item->kind != DIGEST_SPAN)
            continue;
        const struct trace_item *other = best != NOBODY ? &state->items[best] : NULL;
        bool counts = leaf_rules_counts(item->now_role);
        bool other_counts = other != NULL && leaf_rules_counts(other->now_role);
        if (other == NULL || (counts && !other_counts) ||
            (counts == other_counts && item->event_ms < other->event_ms))
            best = i;
    }
    return best;
}

static bool earlier(const struct trace_item *a, const struct trace_item *b)
{
    return a->event_ms != b->event_ms ? a->event_ms < b->event_ms : a->link < b->link;
}

/* contents[i]: of the content that came since the last settling, which is the first of span i. */
static void join_contents(const struct tracker_call *call, struct trace_state *state, uint16_t *contents)
{
    for (uint32_t i = 0; i < state->count; i++)
        contents[i] = NOBODY;
    for (uint32_t i = 0; i < state->count; i++) {
        struct trace_item *item = &state->items[i];
        if (item->kind != DIGEST_CONTENT || (item->marks & TRACE_HAS_SPAN))
            continue;
        uint32_t span = span_of(state, item);
        if (span == NOBODY)
            continue;
        item->marks |= TRACE_HAS_SPAN;
        call->counters[TRACE_JOINED]++;
        if (contents[span] == NOBODY || earlier(item, &state->items[contents[span]]))
            contents[span] = (uint16_t)i;
    }
}

static void join_evaluations(const struct tracker_call *call, struct trace_state *state)
{
    for (uint32_t i = 0; i < state->count; i++) {
        struct trace_item *item = &state->items[i];
        if (item->kind != DIGEST_EVALUATION || (item->marks & TRACE_HAS_SPAN))
            continue;
        uint32_t span = span_of(state, item);
        if (span == NOBODY)
            span = main_span(state);
        if (span == NOBODY)
            continue;
        item->marks |= TRACE_HAS_SPAN;
        call->counters[TRACE_JOINED]++;
        measure_score(call, item, state->items[span].labels);
    }
}

/* ---- what the front kept back ------------------------------------------------------------------------- */

/* Whether content may still decide this result of a span: a flag that says no_content, or nothing at all. */
static bool is_open(const struct tracker_call *call, const struct trace_item *span, uint32_t which)
{
    if (call->results[which].flag)
        return span->results[which] == FLAG_NO_CONTENT;
    return span->results[which] == DIGEST_ABSENT && span->now_role == ROLE_CALL;
}

static void measure_span(const struct tracker_call *call, struct trace_item *span, const struct trace_item *content)
{
    bool first = !(span->marks & TRACE_MEASURED), missing = false;
    if ((span->marks & TRACE_HAS_CONTENT) || (!first && content == NULL))
        return;
    span->marks |= (uint8_t)(TRACE_MEASURED | (content != NULL ? TRACE_HAS_CONTENT : 0));
    if (span->marks & TRACE_TAKEN_BACK)
        return; /* its call is counted where it was made */
    for (uint32_t which = 0; which < call->results_count; which++) {
        if (!is_open(call, span, which))
            continue;
        if (content != NULL && content->results[which] != DIGEST_ABSENT) {
            measure_result(call, span, which, content->results[which], content);
        } else if (call->results[which].flag && first) {
            measure_result(call, span, which, FLAG_NO_CONTENT, NULL);
            missing = content == NULL;
        }
    }
    call->counters[TRACE_MISSING] += missing;
}

void trace_settle(const struct tracker_call *call, struct trace_state *state)
{
    uint16_t contents[TRACE_ITEMS_MAX];
    settle_roles(call, state);
    join_contents(call, state, contents);
    for (uint32_t i = 0; i < state->count; i++)
        if (state->items[i].kind == DIGEST_SPAN)
            measure_span(call, &state->items[i], contents[i] != NOBODY ? &state->items[contents[i]] : NULL);
    join_evaluations(call, state);
}

/* ---- alone --------------------------------------------------------------------------------------------- */

void trace_measure_alone(const struct tracker_call *call, struct trace_item *item)
{
    if (item->kind == DIGEST_SPAN) {
        measure_span(call, item, NULL);
        return;
    }
    call->counters[TRACE_UNJOINED]++;
    if (item->kind == DIGEST_EVALUATION) {
        measure_score(call, item, item->labels);
        return;
    }
    for (uint32_t which = 0; which < call->results_count; which++)
        if (item->results[which] != DIGEST_ABSENT && !call->results[which].asked)
            measure_result(call, item, which, item->results[which], item);
}

void trace_give_up(const struct tracker_call *call, struct trace_state *state)
{
    for (uint32_t i = 0; i < state->count; i++)
        if (state->items[i].kind != DIGEST_SPAN && !(state->items[i].marks & TRACE_HAS_SPAN))
            trace_measure_alone(call, &state->items[i]);
}
