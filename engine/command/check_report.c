/* check_report.c - see check_report.h. */
#include "engine/command/check_report.h"

#include "engine/base/json.h"

#include <math.h>
#include <stdio.h>

#define EXCHANGE_RECORDS_PER_SECOND 20000.0 /* DESIGN §5: what a cluster takes of small records */
#define DAY_MS 86400000.0
#define REPORT_BYTES_MAX ((size_t)4 << 20)

/* Each writer sends a record to each exchange partition at each commit. */
static double floor_ms(const struct config *config)
{
    return 1000.0 * (double)config->shards * (double)config->exchange_partitions / EXCHANGE_RECORDS_PER_SECOND;
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static void print_days(double days, char *out, size_t size)
{
    if (isnan(days))
        (void)snprintf(out, size, "-");
    else if (days > 365.25 * 1000)
        (void)snprintf(out, size, "over 1,000 years");
    else if (days >= 730)
        (void)snprintf(out, size, "%.0f years", days / 365.25);
    else if (days >= 60)
        (void)snprintf(out, size, "%.0f months", days / 30.44);
    else if (days >= 2)
        (void)snprintf(out, size, "%.0f days", days);
    else if (days >= 2.0 / 24)
        (void)snprintf(out, size, "%.0f hours", days * 24);
    else
        (void)snprintf(out, size, "%.0f minutes", fmax(1, days * 1440));
}

/* A length that somebody has set. */
static void print_window(int64_t ms, char *out, size_t size)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};
    size_t unit = 0;
    while (unit < 3 && ms % units[unit].ms != 0)
        unit++;
    long long count = (long long)(ms / units[unit].ms);
    (void)snprintf(out, size, "%lld %s%s", count, units[unit].name, count == 1 ? "" : "s");
}

/* A change as the rule itself would write it: x 2.0, or 5 %. */
static void print_change(const struct rule *rule, double change, char *out, size_t size)
{
    if (isnan(change))
        (void)snprintf(out, size, "none");
    else if (rule->effect_ratio > 1)
        (void)snprintf(out, size, change < 10 ? "x %.2f" : "x %.0f", 1 + change);
    else
        (void)snprintf(out, size, "%.2g %%", 100 * change);
}

static void print_effect(const struct rule *rule)
{
    char window[40];
    print_window(rule->window_ms, window, sizeof window);
    if (!isnan(rule->threshold))
        (void)printf("over %.3g %% of all, over %s", 100 * rule->threshold, window);
    else if (rule->effect_ratio > 1)
        (void)printf("%.3g times as many as usual, over %s", rule->effect_ratio, window);
    else
        (void)printf("%.3g %% %s than usual, over %s", 100 * rule->effect_relative, rule->direction == DIRECTION_WORSE ? "worse" : "better", window);
}

static void print_row(const char *title, char cells[CHECK_VOLUMES][40])
{
    (void)printf("  %-42s", title);
    for (int v = 0; v < CHECK_VOLUMES; v++)
        (void)printf("%18s", cells[v]);
    (void)printf("\n");
}

static void print_figures(const struct rule *rule, const struct rule_check *check)
{
    static const char *const horizons[CHECK_HORIZONS] = {"smallest change seen in a day", "                          in a week",
                                                         "                          in a month"};
    char cells[CHECK_VOLUMES][40];
    for (int v = 0; v < CHECK_VOLUMES; v++)
        (void)snprintf(cells[v], sizeof cells[v], "%.0f a day", check_volumes[v]);
    print_row("", cells);
    bool relative = isnan(rule->threshold); /* a threshold has no size of its own */
    if (rule->sure && relative) {
        for (int h = 0; h < CHECK_HORIZONS; h++) {
            for (int v = 0; v < CHECK_VOLUMES; v++)
                print_change(rule, check->figures[v].smallest[h], cells[v], sizeof cells[v]);
            print_row(horizons[h], cells);
        }
        for (int v = 0; v < CHECK_VOLUMES; v++)
            print_days(check->figures[v].days_to_effect, cells[v], sizeof cells[v]);
        print_row("time to the rule's own change", cells);
    }
    for (int v = 0; v < CHECK_VOLUMES; v++)
        print_days(check->figures[v].false_alarm_days, cells[v], sizeof cells[v]);
    print_row("a stable series cries wolf once in", cells);
    for (int v = 0; v < CHECK_VOLUMES; v++)
        print_days(check->figures[v].bare_false_alarm_days, cells[v], sizeof cells[v]);
    print_row(rule->sure ? "  were the effect alone enough, once in" : "  (the effect alone is enough here)", cells);
    for (int v = 0; v < CHECK_VOLUMES; v++)
        print_days(check->figures[v].learning_days, cells[v], sizeof cells[v]);
    if (relative)
        print_row("learns its baseline in", cells);
}

static void print_thin(const struct rule *rule, const struct rule_check *check)
{
    for (int v = 0; v < CHECK_VOLUMES; v++) {
        char change[40], baseline[40];
        if (!check->figures[v].thin)
            continue;
        print_change(rule, check->figures[v].achievable, change, sizeof change);
        print_window(rule->baseline_window_ms, baseline, sizeof baseline);
        (void)printf("  At %.0f a day %s of baseline are too few for this rule: it shows %s, and more as it grows.\n", check_volumes[v], baseline, change);
    }
}

static void print_rule(const struct check_findings *f, uint32_t number)
{
    static const char *const severities[] = {"page", "ticket", "investigate"};
    const struct rule *rule = &f->setup->rules->rules[number];
    char period[40];
    (void)printf("\n%s  %s: %s ", rule->id, rule->title, rule->metric);
    print_effect(rule);
    (void)printf("; %s\n  watches", severities[rule->severity]);
    for (uint32_t l = 0; l < rule->levels_count; l++) {
        (void)printf("%s {", l > 0 ? "," : "");
        for (uint32_t i = 0; i < rule->levels[l].labels_count; i++) {
            const struct rule_label *label = &rule->levels[l].labels[i];
            bool any = strcmp(label->value, "*") == 0;
            (void)printf("%s%s%s%s", i > 0 ? ", " : "", label->name, any ? "" : "=", any ? "" : label->value);
        }
        (void)printf("}");
    }
    print_window(rule->budget_period_ms, period, sizeof period);
    if (rule->sure)
        (void)printf("\n  budget: %.3g false alarm%s in %s over all %lld series together (series.max)\n", rule->budget_alarms,
                     rule->budget_alarms == 1 ? "" : "s", period, (long long)f->setup->config->series_max);
    else
        (void)printf("\n  no budget: the effect alone opens the alert (sure: false)\n");
    print_figures(rule, &f->rules[number]);
    print_thin(rule, &f->rules[number]);
    (void)printf("  for a calm series: %s\n", f->rules[number].assumed);
}

static void print_phases(const struct phase_report *report)
{
    static const char *const states[] = {"?", "open", "done"};
    (void)printf("\nRoll-out, one phase at a time (R105):\n");
    for (uint32_t i = 0; i < PHASES; i++)
        (void)printf("  %u  %-4s  %s (%s): %s\n", i + 1, states[report->phases[i].state], report->phases[i].title, report->phases[i].id,
                     report->phases[i].why);
    if (report->current < PHASES)
        (void)printf("You are in phase %u. Next: %s.\n", report->current + 1, report->phases[report->current].next);
    else
        (void)printf("No phase is open. Next: raise judging to 5 to 10 %%, and rate again by hand every month.\n");
}

void check_report_words(const struct check_findings *f)
{
    const struct config *config = f->setup->config;
    double least_ms = floor_ms(config);
    (void)printf("%s is right: application %s, instance %s, %lld shards, %lld exchange partitions\n",
                 f->config_path != NULL ? f->config_path : "The default configuration", config->app, config->instance,
                 (long long)config->shards, (long long)config->exchange_partitions);
    (void)printf("commit.interval %lld ms; its floor here is %.2g ms (%lld writers x %lld exchange partitions / 20,000 a second)",
                 (long long)config->commit_interval_ms, least_ms, (long long)config->shards, (long long)config->exchange_partitions);
    if ((double)config->commit_interval_ms < least_ms)
        (void)printf(": TOO SHORT, raise it or lower exchange.partitions\n");
    else
        (void)printf(", good for %.0f such processes\n", floor((double)config->commit_interval_ms / least_ms));
    if (config->sampler_base > 0)
        (void)printf("%.3g %% of calls are judged: a score takes %.0f calls (sampler.base_probability)\n", 100 * config->sampler_base,
                     1 / config->sampler_base);
    if (f->kafka)
        (void)printf("topics: %s\n", f->topics != NULL ? f->topics : "all there and right");
    (void)printf("%s: %u rule%s\n", config->rules_file, f->setup->rules->count, f->setup->rules->count == 1 ? "" : "s");
    for (uint32_t r = 0; r < f->setup->rules->count; r++)
        print_rule(f, r);
    print_phases(&f->phases);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void put_text(struct json_writer *json, const char *key, const char *value)
{
    json_key(json, key);
    json_put_text(json, value != NULL ? bytes_from_text(value) : BYTES_NONE);
}

static void put_real(struct json_writer *json, const char *key, double value)
{
    json_key(json, key);
    json_put_real(json, value);
}

static void put_figures(struct json_writer *json, const struct rule_check *check, int v)
{
    const struct rule_figures *f = &check->figures[v];
    json_open_object(json);
    put_real(json, "per_day", check_volumes[v]);
    put_real(json, "smallest_in_a_day", f->smallest[0]);
    put_real(json, "smallest_in_a_week", f->smallest[1]);
    put_real(json, "smallest_in_a_month", f->smallest[2]);
    put_real(json, "days_to_effect", f->days_to_effect);
    put_real(json, "false_alarm_days", f->false_alarm_days);
    put_real(json, "bare_false_alarm_days", f->bare_false_alarm_days);
    put_real(json, "learning_days", f->learning_days);
    json_key(json, "thin_baseline");
    json_put_boolean(json, f->thin);
    put_real(json, "achievable", f->achievable);
    json_close_object(json);
}

static void put_rule(struct json_writer *json, const struct rule *rule, const struct rule_check *check)
{
    json_open_object(json);
    put_text(json, "id", rule->id);
    put_text(json, "title", rule->title);
    put_text(json, "metric", rule->metric);
    put_real(json, "effect_relative", rule->effect_relative);
    put_real(json, "effect_ratio", rule->effect_ratio);
    put_real(json, "threshold", rule->threshold);
    put_real(json, "window_days", (double)rule->window_ms / DAY_MS);
    put_real(json, "budget_alarms", rule->budget_alarms);
    put_real(json, "budget_days", (double)rule->budget_period_ms / DAY_MS);
    json_key(json, "sure");
    json_put_boolean(json, rule->sure);
    put_text(json, "assumed_series", check->assumed);
    json_key(json, "volumes");
    json_open_array(json);
    for (int v = 0; v < CHECK_VOLUMES; v++)
        put_figures(json, check, v);
    json_close_array(json);
    json_close_object(json);
}

static void put_phases(struct json_writer *json, const struct phase_report *report)
{
    static const char *const states[] = {"unknown", "open", "done"};
    json_key(json, "phases");
    json_open_array(json);
    for (uint32_t i = 0; i < PHASES; i++) {
        json_open_object(json);
        put_text(json, "id", report->phases[i].id);
        put_text(json, "title", report->phases[i].title);
        put_text(json, "state", states[report->phases[i].state]);
        put_text(json, "why", report->phases[i].why);
        json_close_object(json);
    }
    json_close_array(json);
    json_key(json, "phase");
    json_put_unsigned(json, report->current + 1);
    put_text(json, "next", report->current < PHASES ? report->phases[report->current].next : NULL);
}

void check_report_json(const struct check_findings *f)
{
    const struct config *config = f->setup->config;
    struct buffer text = BUFFER_WITH_LIMIT(REPORT_BYTES_MAX);
    struct json_writer json = json_writer_on(&text);
    json_open_object(&json);
    put_text(&json, "kind", "check");
    put_text(&json, "config", f->config_path);
    put_text(&json, "app", config->app);
    put_text(&json, "instance", config->instance);
    json_key(&json, "shards");
    json_put_integer(&json, config->shards);
    json_key(&json, "exchange_partitions");
    json_put_integer(&json, config->exchange_partitions);
    json_key(&json, "commit_interval_ms");
    json_put_integer(&json, config->commit_interval_ms);
    put_real(&json, "commit_interval_floor_ms", floor_ms(config));
    put_real(&json, "judged_share", config->sampler_base);
    if (f->kafka)
        put_text(&json, "topics", f->topics != NULL ? f->topics : "right");
    put_text(&json, "rules_file", config->rules_file);
    json_key(&json, "rules");
    json_open_array(&json);
    for (uint32_t r = 0; r < f->setup->rules->count; r++)
        put_rule(&json, &f->setup->rules->rules[r], &f->rules[r]);
    json_close_array(&json);
    put_phases(&json, &f->phases);
    json_close_object(&json);
    (void)printf("%.*s\n", (int)text.size, (const char *)text.data);
    buffer_free(&text);
}
