/*
 * trace.c - one trace: which of its spans count, and where messages and evaluations of log records belong.
 *
 * Digests are gathered, each once. When the trace was quiet for some minutes of log time it settles: leaves are
 * found across records, halves meet, and what nobody in front could know is measured. Digests that come later
 * amend: they only add. Everything depends on the digests and the clock alone; trace_settle.c decides.
 */
#include "operators/track/trace_state.h"
#include "operators/track/track.h"

static const struct option options[] = {
    {.name = "trace.quiet",
     .type = OPTION_DURATION,
     .offset = offsetof(struct trace_conf, quiet_ms),
     .default_text = "3m",
     .minimum = 1e3,
     .maximum = 3600e3,
     .help = "a trace settles when nothing of it was heard for this long, in log time"},
    {.name = "trace.remember",
     .type = OPTION_DURATION,
     .offset = offsetof(struct trace_conf, remember_ms),
     .default_text = "1h",
     .minimum = 60e3,
     .maximum = 7 * 86400e3,
     .help = "late spans, messages and evaluations still find their trace for this long; what a new owner reads again"},
    {.name = NULL},
};

static const char *const counter_names[] = {
    [TRACE_DIGESTS] = "digests", [TRACE_DUPLICATES] = "duplicates", [TRACE_JOINED] = "joined",
    [TRACE_LATE] = "late",       [TRACE_MISSING] = "missing",       [TRACE_UNJOINED] = "unjoined",
    [TRACE_RECOUNTED] = "recounted", [TRACE_OVERFLOW] = "overflow", [TRACE_COUNTERS] = NULL,
};

/* Spans that the front counted under a role and that are another's copy, or around it, or a repeat: calls are
 * `spans` minus this. Sums only add, so what is too much is counted apart. */
static const struct metric_spec metrics[] = {
    [TRACE_METRIC_RECOUNTED] = {.name = "spans.recounted",
                                .layout = {LAYOUT_CATEGORY, 16, 0, 0},
                                .levels = LEVELS_TRAFFIC,
                                .epoch = EPOCH_MINUTE,
                                .bin_column = SPAN_COLUMN_COUNT,
                                .sum_column = SPAN_COLUMN_COUNT,
                                .name_column = SPAN_COLUMN_COUNT},
};
_Static_assert(ROLE_COUNT <= 16, "a bin for each role");

static void start(const struct tracker_call *call, void *memory)
{
    struct trace_state *state = memory;
    (void)call;
    state->version = TRACE_VERSION;
    state->first_ms = state->last_ms = INT64_MIN;
    state->deadline_ms = TRACKER_NO_TIMER;
}

/* ---- taking digests in -------------------------------------------------------------------------- */

static int compare(const struct trace_item *item, uint64_t span_id, uint8_t kind, uint64_t link)
{
    if (item->span_id != span_id)
        return item->span_id < span_id ? -1 : 1;
    if (item->kind != kind)
        return item->kind < kind ? -1 : 1;
    if (item->link == link || kind == DIGEST_SPAN)
        return 0;
    return item->link < link ? -1 : 1;
}

uint32_t trace_find(const struct trace_state *state, uint64_t span_id, uint8_t kind, uint64_t link,
                    bool *found)
{
    uint32_t low = 0, high = state->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (compare(&state->items[middle], span_id, kind, link) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < state->count && compare(&state->items[low], span_id, kind, link) == 0;
    return low;
}

static struct trace_item item_of(const struct digest *digest)
{
    struct trace_item item = {.span_id = digest->span_id,
                              .link = digest->link,
                              .response = digest->response,
                              .event_ms = digest->event_ms,
                              .labels = digest->labels,
                              .kind = digest->kind,
                              .role = digest->role,
                              .now_role = digest->role,
                              .flags = digest->flags};
    memcpy(item.results, digest->results, sizeof item.results);
    memcpy(item.amounts, digest->amounts, sizeof item.amounts);
    return item;
}

static void take_digest(const struct tracker_call *call, struct trace_state *state,
                        const struct digest *digest)
{
    bool found = false;
    uint32_t at = trace_find(state, digest->span_id, digest->kind, digest->link, &found);
    call->counters[TRACE_DIGESTS]++;
    if (found) { /* two source partitions carried it, and both fronts counted it */
        call->counters[TRACE_DUPLICATES]++;
        if (state->items[at].repeats < UINT8_MAX)
            state->items[at].repeats++;
    } else if (state->count == TRACE_ITEMS_MAX) {
        struct trace_item alone = item_of(digest);
        call->counters[TRACE_OVERFLOW]++;
        trace_measure_alone(call, &alone);
        return;
    } else {
        call->counters[TRACE_LATE] += state->settled;
        memmove(state->items + at + 1, state->items + at,
                (size_t)(state->count - at) * sizeof *state->items);
        state->items[at] = item_of(digest);
        state->count++;
    }
    state->fresh = 1;
    if (state->first_ms == INT64_MIN || digest->log_ms < state->first_ms)
        state->first_ms = digest->log_ms;
    if (digest->log_ms > state->last_ms)
        state->last_ms = digest->log_ms;
}

static uint32_t digests_in(struct bytes payload)
{
    bool ours = payload.size > 0 && payload.data[0] == EVIDENCE_DIGESTS &&
                (payload.size - 1) % DIGEST_BYTES == 0;
    return ours ? (uint32_t)((payload.size - 1) / DIGEST_BYTES) : 0;
}

/* By doubling, so that a trace is not moved for each of its spans. */
static uint32_t room(const void *memory, struct bytes payload)
{
    const struct trace_state *state = memory;
    uint32_t items = state->count + digests_in(payload), step = 4;
    while (step < items && step < TRACE_ITEMS_MAX)
        step *= 2;
    return (uint32_t)(sizeof *state + step * sizeof *state->items);
}

/* ---- time ------------------------------------------------------------------------------------------- */

static int64_t next_deadline(const struct trace_conf *conf, const struct trace_state *state)
{
    if (state->last_ms == INT64_MIN)
        return TRACKER_NO_TIMER;
    int64_t quiet_ms = state->last_ms + conf->quiet_ms;
    int64_t forget_ms = state->first_ms + conf->remember_ms;
    if (state->fresh)
        return quiet_ms;
    return forget_ms > quiet_ms ? forget_ms : quiet_ms + 1;
}

static int64_t deadline(const void *memory)
{
    return ((const struct trace_state *)memory)->deadline_ms;
}

static void end(const struct tracker_call *call, void *memory)
{
    struct trace_state *state = memory;
    if (state->fresh)
        trace_settle(call, state);
    trace_give_up(call, state);
    state->count = 0;
    state->settled = state->fresh = 0;
    state->first_ms = state->last_ms = INT64_MIN;
    state->deadline_ms = TRACKER_NO_TIMER;
}

static void timer(const struct tracker_call *call, void *memory)
{
    struct trace_state *state = memory;
    if (!state->fresh) {
        end(call, state);
        return;
    }
    trace_settle(call, state);
    state->settled = 1;
    state->fresh = 0;
    state->deadline_ms = next_deadline(call->conf, state);
}

static void evidence_in(const struct tracker_call *call, void *memory, struct bytes payload)
{
    struct trace_state *state = memory;
    uint32_t count = digests_in(payload);
    for (uint32_t i = 0; i < count; i++) {
        struct digest digest;
        memcpy(&digest, payload.data + 1 + (size_t)i * DIGEST_BYTES, sizeof digest);
        if (digest.kind >= DIGEST_SPAN && digest.kind <= DIGEST_EVALUATION && digest.role < ROLE_COUNT)
            take_digest(call, state, &digest);
    }
    state->deadline_ms = next_deadline(call->conf, state);
}

static bool valid(const void *memory, uint32_t size)
{
    const struct trace_state *state = memory;
    if (size < sizeof *state || state->version != TRACE_VERSION || state->count > TRACE_ITEMS_MAX ||
        size < sizeof *state + state->count * sizeof *state->items)
        return false;
    for (uint32_t i = 0; i < state->count; i++)
        if (state->items[i].role >= ROLE_COUNT || state->items[i].now_role >= ROLE_COUNT)
            return false;
    return true;
}

const struct tracker_class tracker_trace = {
    .name = "trace",
    .summary = "spans of a trace told apart across records; messages and evaluations of log records "
               "measured with the labels of their span",
    .entity = 1,
    .evidence = 1u << EVIDENCE_DIGESTS,
    .state_version = TRACE_VERSION,
    .state_bytes = sizeof(struct trace_state),
    .options = options,
    .conf_bytes = sizeof(struct trace_conf),
    .start = start,
    .evidence_in = evidence_in,
    .timer = timer,
    .deadline = deadline,
    .valid = valid,
    .counter_names = counter_names,
    .metrics = metrics,
    .metrics_count = sizeof metrics / sizeof *metrics,
    .forgets = true,
    .room = room,
    .end = end,
};
