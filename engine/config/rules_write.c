/* rules_write.c - the canonical form of a rule set: what the digest is taken of, and what is published. */
#include "engine/config/rules.h"

#include "engine/base/json.h"

static void put_text(struct json_writer *json, const char *key, const char *text)
{
    json_key(json, key);
    json_put_text(json, bytes_from_text(text));
}

static void put_real(struct json_writer *json, const char *key, double value)
{
    json_key(json, key);
    json_put_real(json, value); /* NaN, not given: null */
}

static void put_integer(struct json_writer *json, const char *key, int64_t value)
{
    json_key(json, key);
    json_put_integer(json, value);
}

static void put_levels(struct json_writer *json, const struct rule *rule)
{
    json_key(json, "watch");
    json_open_array(json);
    for (uint32_t i = 0; i < rule->levels_count; i++) {
        json_open_object(json);
        for (uint32_t j = 0; j < rule->levels[i].labels_count; j++)
            put_text(json, rule->levels[i].labels[j].name, rule->levels[i].labels[j].value);
        json_close_object(json);
    }
    json_close_array(json);
}

void rules_write(const struct rule_set *rules, struct buffer *out)
{
    static const char *const severities[] = {"page", "ticket", "investigate"};
    struct json_writer json = json_writer_on(out);
    json_open_array(&json);
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->rules[i];
        json_open_object(&json);
        put_text(&json, "id", rule->id);
        put_text(&json, "title", rule->title);
        put_text(&json, "metric", rule->metric);
        put_levels(&json, rule);
        put_text(&json, "direction", rule->direction == DIRECTION_WORSE ? "worse" : "better");
        put_real(&json, "effect_relative", rule->effect_relative);
        put_real(&json, "effect_ratio", rule->effect_ratio);
        put_real(&json, "effect_threshold", rule->threshold);
        put_integer(&json, "effect_window_ms", rule->window_ms);
        put_integer(&json, "effect_min_count", rule->effect_min_count);
        put_integer(&json, "baseline_window_ms", rule->baseline_window_ms);
        put_integer(&json, "baseline_min_count", rule->baseline_min_count);
        put_real(&json, "tolerance", rule->tolerance);
        put_real(&json, "budget_alarms", rule->budget_alarms);
        put_integer(&json, "budget_period_ms", rule->budget_period_ms);
        json_key(&json, "sure");
        json_put_boolean(&json, rule->sure);
        put_text(&json, "severity", severities[rule->severity]);
        put_text(&json, "class", rule->failure_class);
        put_text(&json, "first_action", rule->first_action);
        put_text(&json, "owner", rule->owner);
        json_close_object(&json);
    }
    json_close_array(&json);
}
