/*
 * planner_publish.c - one planning: a quota that all intents share, a probability for each, records
 * for what changed.
 *
 * Every intent is to get the same number of requests a day; an intent with fewer calls than that
 * gives all of them, and what it leaves goes to the others. All strata of an intent have one base
 * probability, always, so a change of the mix of prompts or models does not move the population
 * series. A boost is per stratum and comes on top.
 */
#include "engine/base/json.h"
#include "engine/operator/rates.h"
#include "operators/track/planner_state.h"

#include <stdio.h>

#define VALID_AHEAD_MS   ((int64_t)60000)
#define MINUTE_MS        ((int64_t)60000)
#define RECORD_BYTES_MAX 4096
#define REASON_BYTES_MAX 1024

/* What one planning knows of an intent: strata[from … to-1]. */
struct intent_plan {
    uint32_t from, to;
    double calls; /* a day */
    int64_t first_hour;
    uint32_t base; /* millionths */
};

struct plan {
    struct intent_plan intents[PLANNER_STRATA_MAX];
    uint32_t count;
    uint32_t hours; /* of counts, at most 24 */
    double quota;   /* requests a day for each intent that has enough calls */
    double least, most;
    int64_t valid_from_ms;
};

/* ---- quota ----------------------------------------------------------------------------------- */

static void gather_intents(const struct planner_state *state, struct plan *plan)
{
    int64_t hours = state->newest_hour - state->first_hour + 1;
    plan->hours = hours < PLANNER_HOURS ? (uint32_t)hours : PLANNER_HOURS;
    for (uint32_t i = 0; i < state->count; i++) {
        const struct planner_stratum *s = &state->strata[i];
        struct intent_plan *intent = plan->count > 0 ? &plan->intents[plan->count - 1] : NULL;
        if (intent == NULL ||
            !bytes_equal(planner_label(s, PLANNER_INTENT),
                         planner_label(&state->strata[intent->from], PLANNER_INTENT))) {
            intent = &plan->intents[plan->count++];
            *intent = (struct intent_plan){.from = i, .first_hour = s->first_hour};
        }
        intent->to = i + 1;
        intent->first_hour =
            s->first_hour < intent->first_hour ? s->first_hour : intent->first_hour;
        for (int h = 0; h < PLANNER_HOURS; h++)
            intent->calls += s->calls[h];
    }
    for (uint32_t i = 0; i < plan->count; i++)
        plan->intents[i].calls *= (double)PLANNER_HOURS / plan->hours;
}

static double requests_of(const struct plan *plan, const struct intent_plan *intent, double quota)
{
    double low = intent->calls * plan->least, high = intent->calls * plan->most;
    return quota < low ? low : quota > high ? high : quota;
}

/* The quota at which all intents together get the target; by halving, as the sum only grows with
 * it. */
static void find_quota(struct plan *plan, double target)
{
    double low = 0, high = target;
    for (int step = 0; step < 60; step++) {
        double middle = (low + high) / 2, sum = 0;
        for (uint32_t i = 0; i < plan->count; i++)
            sum += requests_of(plan, &plan->intents[i], middle);
        if (sum < target)
            low = middle;
        else
            high = middle;
    }
    plan->quota = high;
}

/* Three digits are enough for people, and an exact number of millionths for JSON. */
static uint32_t round_probability(double probability)
{
    double scaled = probability * PLANNER_MILLION;
    uint32_t value = scaled >= PLANNER_MILLION ? PLANNER_MILLION
                     : scaled > 1              ? (uint32_t)(scaled + 0.5)
                                               : 1;
    uint32_t unit = 1;
    while (value / unit >= 1000)
        unit *= 10;
    return (value + unit / 2) / unit * unit;
}

static void find_probabilities(struct plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        struct intent_plan *intent = &plan->intents[i];
        if (intent->calls > 0)
            intent->base =
                round_probability(requests_of(plan, intent, plan->quota) / intent->calls);
    }
}

/* ---- what changed ---------------------------------------------------------------------------- */

static bool differs(const struct planner_conf *conf, uint32_t wanted, uint32_t published)
{
    double change = wanted > published ? (double)wanted - published : (double)published - wanted;
    return published == 0 || change > conf->change * published;
}

/* One base for the whole intent: the published one until the wanted one is far enough from it. */
static uint32_t settle_base(const struct planner_conf *conf, const struct planner_state *state,
                            const struct intent_plan *intent)
{
    for (uint32_t i = intent->from; i < intent->to; i++)
        if (state->strata[i].base > 0)
            return differs(conf, intent->base, state->strata[i].base) ? intent->base
                                                                      : state->strata[i].base;
    return intent->base;
}

/* A version is new when its intent and its app were known before it. */
static bool is_new_prompt(const struct planner_conf *conf, const struct planner_state *state,
                          const struct intent_plan *intent, const struct planner_stratum *s)
{
    int64_t first_hour = s->first_hour;
    struct bytes prompt = planner_label(s, PLANNER_PROMPT);
    if (bytes_equal_text(prompt, "none") || bytes_equal_text(prompt, "unknown"))
        return false;
    for (uint32_t i = intent->from; i < intent->to; i++)
        if (state->strata[i].first_hour < first_hour &&
            bytes_equal(planner_label(&state->strata[i], PLANNER_PROMPT), prompt))
            first_hour = state->strata[i].first_hour;
    return first_hour > intent->first_hour && first_hour >= state->first_hour + PLANNER_HOURS &&
           (state->newest_hour - first_hour) * PLANNER_HOUR_MS < conf->boost_for_ms;
}

static uint32_t boost_of(const struct planner_conf *conf, const struct plan *plan, uint32_t base)
{
    double boosted = base * conf->boost_factor / PLANNER_MILLION;
    uint32_t boost = round_probability(boosted < plan->most ? boosted : plan->most);
    return boost > base ? boost : base;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* 1,240 */
static void put_count(struct buffer *out, double count)
{
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%.0f", count < 1e15 ? count : 1e15);
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            buffer_put_u8(out, ',');
        buffer_put_u8(out, (uint8_t)digits[i]);
    }
}

static void put_percent(struct buffer *out, uint32_t millionths)
{
    buffer_printf(out, "%.6g %%", millionths / 1e4);
}

static void put_label(struct buffer *out, struct bytes label)
{
    buffer_append(out, label.data, label.size);
}

static void put_reason(const struct planner_conf *conf, const struct planner_state *state,
                       const struct plan *plan, const struct intent_plan *intent,
                       const struct planner_stratum *s, struct buffer *out)
{
    put_label(out, planner_label(s, PLANNER_INTENT));
    buffer_append_text(out, plan->hours < PLANNER_HOURS ? ": about " : ": ");
    put_count(out, intent->calls);
    buffer_append_text(out, " calls a day");
    if (plan->hours < PLANNER_HOURS)
        buffer_printf(out, " (from %u %s)", plan->hours, plan->hours == 1 ? "hour" : "hours");
    buffer_append_text(out, ", ");
    put_count(out, plan->quota);
    buffer_append_text(out, " requests a day wanted: ");
    put_percent(out, s->base);
    if (s->base >= round_probability(plan->most))
        buffer_append_text(out, s->base == PLANNER_MILLION ? "" : ", the most allowed");
    else if (s->base <= round_probability(plan->least))
        buffer_append_text(out, ", the least allowed");
    if (s->boost > s->base) {
        buffer_append_text(out, "; prompt ");
        put_label(out, planner_label(s, PLANNER_PROMPT));
        buffer_append_text(out, " is new: ");
        put_percent(out, s->boost);
        buffer_printf(out, " for %lld h", (long long)(conf->boost_for_ms / PLANNER_HOUR_MS));
    }
    if (state->lumped_calls > 0) {
        buffer_append_text(out, "; ");
        put_count(out, (double)state->lumped_calls);
        buffer_printf(out, " calls of strata beyond the first %d keep the default",
                      PLANNER_STRATA_MAX);
    }
}

/* ---- records --------------------------------------------------------------------------------- */

static void put_text(struct json_writer *json, const char *key, struct bytes text)
{
    json_key(json, key);
    json_put_text(json, text);
}

static void put_real(struct json_writer *json, const char *key, double value)
{
    json_key(json, key);
    json_put_real(json, value);
}

static void put_integer(struct json_writer *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_put_integer(json, value);
}

static void emit_rate(const struct tracker_call *call, const struct plan *plan,
                      const struct planner_stratum *s, struct bytes reason)
{
    const struct planner_conf *conf = call->conf;
    uint8_t room[RECORD_BYTES_MAX], key_room[LABEL_BYTES_MAX + 1 + 16];
    struct buffer text = {room, 0, sizeof room, sizeof room, false};
    struct buffer key = {key_room, 0, sizeof key_room, sizeof key_room, false};
    struct bytes intent = planner_label(s, PLANNER_INTENT),
                 prompt = planner_label(s, PLANNER_PROMPT);
    struct bytes model = planner_label(s, PLANNER_MODEL);
    char hash[16];
    label_hex64(rates_stratum(call->entity, intent, prompt, model), hash);
    put_label(&key,
              bytes_of(call->entity.data,
                       call->entity.size < LABEL_BYTES_MAX ? call->entity.size : LABEL_BYTES_MAX));
    buffer_put_u8(&key, '/');
    buffer_append(&key, hash, sizeof hash);
    struct json_writer json = json_writer_on(&text);
    json_open_object(&json);
    put_text(&json, "app", call->entity);
    put_text(&json, "intent", intent);
    put_text(&json, "prompt", prompt);
    put_text(&json, "model", model);
    put_real(&json, "base", s->base / 1e6);
    put_real(&json, "boost", s->boost / 1e6);
    put_real(&json, "forced", conf->forced_probability);
    put_integer(&json, "valid_from_ms", plan->valid_from_ms);
    put_integer(&json, "version", plan->valid_from_ms);
    put_integer(&json, "published_ms", call->now_ms);
    put_text(&json, "reason", reason);
    json_close_object(&json);
    if (!text.failed && !key.failed)
        tracker_emit(call, OUTPUT_RATES, buffer_bytes(&key), buffer_bytes(&text));
}

static void publish_intent(const struct tracker_call *call, struct planner_state *state,
                           const struct plan *plan, const struct intent_plan *intent)
{
    const struct planner_conf *conf = call->conf;
    uint32_t base = settle_base(conf, state, intent);
    for (uint32_t i = intent->from; i < intent->to; i++) {
        struct planner_stratum *s = &state->strata[i];
        uint32_t boost = is_new_prompt(conf, state, intent, s) ? boost_of(conf, plan, base) : base;
        if (s->base == base && s->boost == boost)
            continue;
        s->base = base;
        s->boost = boost;
        uint8_t room[REASON_BYTES_MAX];
        struct buffer reason = {room, 0, sizeof room, sizeof room, false};
        put_reason(conf, state, plan, intent, s, &reason);
        emit_rate(call, plan, s, buffer_bytes(&reason));
    }
}

void planner_publish(const struct tracker_call *call, struct planner_state *state)
{
    const struct planner_conf *conf = call->conf;
    if (state->count == 0)
        return;
    struct plan plan = {.most = conf->probability_max};
    plan.least = conf->probability_min < plan.most ? conf->probability_min : plan.most;
    plan.valid_from_ms = (call->now_ms + VALID_AHEAD_MS + MINUTE_MS - 1) / MINUTE_MS * MINUTE_MS;
    gather_intents(state, &plan);
    find_quota(&plan, (double)conf->target_per_day);
    find_probabilities(&plan);
    for (uint32_t i = 0; i < plan.count; i++)
        if (plan.intents[i].calls > 0)
            publish_intent(call, state, &plan, &plan.intents[i]);
}
