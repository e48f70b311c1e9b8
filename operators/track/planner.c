/*
 * planner.c - how many calls of each stratum judges should see: from exact counts to published
 * rates.
 *
 * Once an hour, ten minutes after it, when every exchange partition has reported. Between two
 * plannings evidence only adds (counts), takes minima (first hour) and keeps those of smallest hash
 * (when there are too many strata), so the order in which it comes does not matter. The arithmetic
 * of a planning is in planner_publish.c.
 */
#include "engine/operator/rates.h"
#include "operators/track/planner_state.h"
#include "operators/track/track.h"

#define PLAN_AT_MS ((int64_t)600000) /* past the hour */
#define PLAN_APART_MS                                                                              \
    ((int64_t)3000000)        /* plannings are an hour apart, give or take how late they came */
#define AHEAD_HOURS_MAX    24 /* evidence this far ahead of our own clock is no evidence */
#define FORGET_AFTER_HOURS (7 * 24)
#define CALLS_MAX                                                                                  \
    ((uint64_t)1                                                                                   \
     << 26) /* of one stratum and environment in an hour: 18,000 a second; more counts as this */

static const struct option options[] = {
    {.name = "planner.target_per_day",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct planner_conf, target_per_day),
     .default_text = "2000",
     .minimum = 1,
     .maximum = 1e9,
     .help = "judge requests a day for each app, shared equally by its intents"},
    {.name = "planner.probability_min",
     .type = OPTION_REAL,
     .offset = offsetof(struct planner_conf, probability_min),
     .default_text = "0.01%",
     .minimum = 0.000001,
     .maximum = 1,
     .help = "no stratum is sampled less than this, even when that exceeds the target"},
    {.name = "planner.probability_max",
     .type = OPTION_REAL,
     .offset = offsetof(struct planner_conf, probability_max),
     .default_text = "100%",
     .minimum = 0.000001,
     .maximum = 1,
     .help = "no stratum is sampled more than this (wins over probability_min)"},
    {.name = "planner.change",
     .type = OPTION_REAL,
     .offset = offsetof(struct planner_conf, change),
     .default_text = "20%",
     .minimum = 0,
     .maximum = 10,
     .help = "smallest relative change of a rate that is worth publishing"},
    {.name = "planner.boost_factor",
     .type = OPTION_REAL,
     .offset = offsetof(struct planner_conf, boost_factor),
     .default_text = "2",
     .minimum = 1,
     .maximum = 1000,
     .help = "how much more of a new prompt version is judged; on top of the target; 1: no boost"},
    {.name = "planner.boost_for",
     .type = OPTION_DURATION,
     .offset = offsetof(struct planner_conf, boost_for_ms),
     .default_text = "48h",
     .minimum = 0,
     .maximum = 30 * 86400e3,
     .help = "how long a prompt version counts as new; 0: no boost"},
    {.name = "planner.forced_probability",
     .type = OPTION_REAL,
     .offset = offsetof(struct planner_conf, forced_probability),
     .default_text = "100%",
     .minimum = 0,
     .maximum = 1,
     .help = "share of errors, escalations and safety hits that judges see"},
    {.name = NULL},
};

static void start(const struct tracker_call *call, void *memory)
{
    struct planner_state *state = memory;
    (void)call;
    state->version = PLANNER_VERSION;
    state->first_hour = state->newest_hour = PLANNER_NO_HOUR;
    state->deadline_ms = TRACKER_NO_TIMER;
}

/* ---- evidence -------------------------------------------------------------------------------- */

static int compare_labels(const struct planner_stratum *stratum, const struct bytes *labels)
{
    int order = 0;
    for (int i = 0; order == 0 && i < PLANNER_LABELS; i++)
        order = bytes_compare(planner_label(stratum, (enum planner_label)i), labels[i]);
    return order;
}

/* Where these labels are, or would be. */
static uint32_t place_of(const struct planner_state *state, const struct bytes *labels)
{
    uint32_t low = 0, high = state->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (compare_labels(&state->strata[middle], labels) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_at(struct planner_state *state, uint32_t at)
{
    state->count--;
    memmove(state->strata + at, state->strata + at + 1,
            (state->count - at) * sizeof *state->strata);
    memset(state->strata + state->count, 0, sizeof *state->strata);
}

static uint64_t hash_of(struct bytes app, const struct planner_stratum *s)
{
    return rates_stratum(app, planner_label(s, PLANNER_INTENT), planner_label(s, PLANNER_PROMPT),
                         planner_label(s, PLANNER_MODEL));
}

static uint64_t calls_of(const struct planner_stratum *s)
{
    uint64_t calls = 0;
    for (int i = 0; i < PLANNER_HOURS; i++)
        calls += s->calls[i];
    return calls;
}

/* Of the newcomers the one of largest hash leaves, when this one's is smaller: whoever came first,
 * the same ones stay. False: there is no room for this one. */
static bool make_room(struct planner_state *state, struct bytes app, uint64_t hash)
{
    uint32_t largest = 0;
    uint64_t largest_hash = 0;
    for (uint32_t i = 0; i < state->count; i++) {
        uint64_t other = state->strata[i].settled ? 0 : hash_of(app, &state->strata[i]);
        if (other > largest_hash) {
            largest_hash = other;
            largest = i;
        }
    }
    if (hash >= largest_hash)
        return false;
    state->lumped_calls += calls_of(&state->strata[largest]);
    remove_at(state, largest);
    return true;
}

/* NULL: no room. */
static struct planner_stratum *find_stratum(struct planner_state *state, struct bytes app,
                                            const struct bytes *labels)
{
    uint32_t at = place_of(state, labels);
    if (at < state->count && compare_labels(&state->strata[at], labels) == 0)
        return &state->strata[at];
    if (state->count == PLANNER_STRATA_MAX) {
        uint64_t hash = rates_stratum(app, labels[PLANNER_INTENT], labels[PLANNER_PROMPT],
                                      labels[PLANNER_MODEL]);
        if (!make_room(state, app, hash))
            return NULL;
        at = place_of(state, labels);
    }
    struct planner_stratum *stratum = &state->strata[at];
    memmove(stratum + 1, stratum, (state->count - at) * sizeof *stratum);
    state->count++;
    *stratum =
        (struct planner_stratum){.first_hour = PLANNER_NO_HOUR, .last_hour = PLANNER_NO_HOUR};
    for (int i = 0; i < PLANNER_LABELS; i++) {
        if (labels[i].size > 0)
            memcpy(stratum->text[i], labels[i].data, labels[i].size);
        stratum->size[i] = (uint8_t)labels[i].size;
    }
    return stratum;
}

/* The places of hours that have passed are given to new ones. */
static void advance_to(struct planner_state *state, int64_t hour)
{
    int64_t from = state->newest_hour;
    if (hour - from > PLANNER_HOURS || from == PLANNER_NO_HOUR)
        from = hour - PLANNER_HOURS;
    for (int64_t h = from + 1; h <= hour; h++)
        for (uint32_t i = 0; i < state->count; i++)
            state->strata[i].calls[((h % PLANNER_HOURS) + PLANNER_HOURS) % PLANNER_HOURS] = 0;
    state->newest_hour = hour;
}

static void add_calls(struct planner_state *state, struct bytes app,
                      const struct evidence_population *e)
{
    const struct bytes labels[PLANNER_LABELS] = {e->intent, e->prompt, e->model};
    const uint64_t calls = e->calls < CALLS_MAX ? e->calls : CALLS_MAX;
    struct planner_stratum *stratum = find_stratum(state, app, labels);
    if (stratum == NULL) {
        state->lumped_calls += calls;
        return;
    }
    if (stratum->first_hour == PLANNER_NO_HOUR || e->hour < stratum->first_hour)
        stratum->first_hour = e->hour;
    if (e->hour > stratum->last_hour)
        stratum->last_hour = e->hour;
    uint32_t *hour = &stratum->calls[e->hour % PLANNER_HOURS];
    *hour = *hour + calls < UINT32_MAX ? (uint32_t)(*hour + calls) : UINT32_MAX;
}

/* Ten minutes past an hour; not again in the hour of the last planning, late or not. */
static int64_t next_planning(const struct planner_state *state, int64_t now_ms)
{
    int64_t earliest =
        state->planned_ms + PLAN_APART_MS > now_ms ? state->planned_ms + PLAN_APART_MS : now_ms + 1;
    int64_t hours = (earliest - PLAN_AT_MS + PLANNER_HOUR_MS - 1) / PLANNER_HOUR_MS;
    return (hours > 0 ? hours : 0) * PLANNER_HOUR_MS + PLAN_AT_MS;
}

static void evidence_in(const struct tracker_call *call, void *memory, struct bytes payload)
{
    struct planner_state *state = memory;
    struct evidence_population e;
    int64_t now_ms = call->now_ms > 0 ? call->now_ms : 0;
    if (!evidence_read_population(payload, &e) || e.hour < 0 || e.hour >= PLANNER_HOUR_MAX ||
        e.calls == 0 || e.intent.size > LABEL_BYTES_MAX || e.prompt.size > LABEL_BYTES_MAX ||
        e.model.size > LABEL_BYTES_MAX)
        return;
    if (now_ms > 0 && e.hour > now_ms / PLANNER_HOUR_MS + AHEAD_HOURS_MAX)
        return;
    if (state->newest_hour != PLANNER_NO_HOUR && e.hour <= state->newest_hour - PLANNER_HOURS)
        return; /* its place has gone to a newer hour */
    if (state->first_hour == PLANNER_NO_HOUR || e.hour < state->first_hour)
        state->first_hour = e.hour;
    if (e.hour > state->newest_hour)
        advance_to(state, e.hour);
    add_calls(state, call->entity, &e);
    if (state->deadline_ms == TRACKER_NO_TIMER)
        state->deadline_ms = next_planning(state, now_ms);
}

/* ---- planning -------------------------------------------------------------------------------- */

static void timer(const struct tracker_call *call, void *memory)
{
    struct planner_state *state = memory;
    for (uint32_t i = state->count; i-- > 0;)
        if (state->strata[i].last_hour < state->newest_hour - FORGET_AFTER_HOURS)
            remove_at(state, i);
    planner_publish(call, state);
    for (uint32_t i = 0; i < state->count; i++)
        state->strata[i].settled = 1;
    state->lumped_calls = 0;
    state->planned_ms = call->now_ms > 0 ? call->now_ms : 0;
    state->deadline_ms = TRACKER_NO_TIMER; /* until there is new evidence */
}

static int64_t deadline(const void *memory)
{
    return ((const struct planner_state *)memory)->deadline_ms;
}

static bool hour_valid(int64_t hour) { return hour >= PLANNER_NO_HOUR && hour < PLANNER_HOUR_MAX; }

static bool stratum_valid(const struct planner_stratum *s)
{
    for (int i = 0; i < PLANNER_LABELS; i++) {
        if (s->size[i] > LABEL_BYTES_MAX)
            return false;
        for (uint32_t at = s->size[i]; at < LABEL_BYTES_MAX; at++)
            if (s->text[i][at] != 0)
                return false;
    }
    return s->settled <= 1 && s->unused == 0 && s->base <= s->boost &&
           s->boost <= PLANNER_MILLION && hour_valid(s->first_hour) && hour_valid(s->last_hour) &&
           s->first_hour <= s->last_hour;
}

static bool valid(const void *memory, uint32_t size)
{
    const struct planner_state *state = memory;
    if (size != sizeof *state || state->version != PLANNER_VERSION ||
        state->count > PLANNER_STRATA_MAX || state->unused != 0)
        return false;
    if (!hour_valid(state->first_hour) || !hour_valid(state->newest_hour) ||
        state->first_hour > state->newest_hour)
        return false;
    if (state->planned_ms < 0 || state->planned_ms > PLANNER_HOUR_MAX * PLANNER_HOUR_MS ||
        state->deadline_ms < 0 ||
        (state->deadline_ms != TRACKER_NO_TIMER &&
         state->deadline_ms > (PLANNER_HOUR_MAX + 2) * PLANNER_HOUR_MS))
        return false;
    for (uint32_t i = 0; i < state->count; i++) {
        const struct planner_stratum *s = &state->strata[i];
        if (!stratum_valid(s) || s->last_hour > state->newest_hour)
            return false;
        const struct bytes labels[PLANNER_LABELS] = {planner_label(s, PLANNER_INTENT),
                                                     planner_label(s, PLANNER_PROMPT),
                                                     planner_label(s, PLANNER_MODEL)};
        if (i > 0 && compare_labels(s - 1, labels) >= 0)
            return false;
    }
    return true;
}

const struct tracker_class tracker_planner = {
    .name = "planner",
    .summary =
        "sampling rates per stratum from exact counts, so that each app gets its requests a day",
    .entity = 3,
    .evidence = 1u << EVIDENCE_POPULATION,
    .state_version = PLANNER_VERSION,
    .state_bytes = sizeof(struct planner_state),
    .options = options,
    .conf_bytes = sizeof(struct planner_conf),
    .start = start,
    .evidence_in = evidence_in,
    .timer = timer,
    .deadline = deadline,
    .valid = valid,
};
