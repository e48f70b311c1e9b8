/*
 * rules.c - one rule is read through an option table into a draft, checked, and copied into the plain
 * struct that the flow uses.
 */
#include "engine/config/rules.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/base/option.h"
#include "engine/base/sha256.h"
#include "engine/base/yaml.h"
#include "engine/config/flatten.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MINUTE 60000.0
#define DAY (1440 * MINUTE)

struct draft {
    char *id, *title, *metric;
    int direction;
    double effect_relative, effect_ratio, effect_threshold;
    int64_t effect_window_ms, effect_min_count;
    int baseline_kind;
    int64_t baseline_window_ms, baseline_min_count;
    double tolerance;
    char *budget;
    bool sure;
    int severity;
    char *failure_class, *first_action, *owner;
};

static const char *const directions[] = {"worse", "better", NULL};
static const char *const severities[] = {"page", "ticket", "investigate", NULL};
static const char *const baseline_kinds[] = {"trailing", NULL};

_Static_assert(DIRECTION_WORSE == 0 && DIRECTION_BETTER == 1, "directions is in this order");
_Static_assert(SEVERITY_PAGE == 0 && SEVERITY_INVESTIGATE == 2, "severities is in this order");

enum rule_option { ID, TITLE, METRIC, RELATIVE, RATIO, THRESHOLD, WINDOW, TOLERANCE, BUDGET, CLASS, FIRST_ACTION, OWNER, DIRECTION,
                   EFFECT_COUNT, BASELINE_KIND, BASELINE_WINDOW, BASELINE_COUNT, SURE, SEVERITY, RULE_OPTIONS };

#define AT(field) offsetof(struct draft, field)

/* Defaults of fields that must be given are only there to be within the bounds. */
static const struct option draft_options[RULE_OPTIONS + 1] = {
    [ID] = {"id", OPTION_TEXT, AT(id), "?", 1, 39, NULL, "Stable name of the rule: part of alert ids."},
    [TITLE] = {"title", OPTION_TEXT, AT(title), "?", 1, 255, NULL, "What moves, in words."},
    [METRIC] = {"metric", OPTION_TEXT, AT(metric), "?", 1, 95, NULL, "Metric, or a prefix and *."},
    [RELATIVE] = {"effect.relative", OPTION_REAL, AT(effect_relative), "5%", 0.001, 10, NULL, "Drop or rise as a part of the baseline."},
    [RATIO] = {"effect.ratio", OPTION_REAL, AT(effect_ratio), "2", 1.01, 1000, NULL, "Failure rate over the baseline's."},
    [THRESHOLD] = {"effect.threshold", OPTION_REAL, AT(effect_threshold), "0.05", 1e-6, 1, NULL, "A fixed failure rate instead of a baseline."},
    [WINDOW] = {"effect.window", OPTION_DURATION, AT(effect_window_ms), "1h", MINUTE, 35 * DAY, NULL, "Over which the effect is measured."},
    [EFFECT_COUNT] = {"effect.min_count", OPTION_INTEGER, AT(effect_min_count), "30", 1, 1e9, NULL, "Observations the window needs."},
    [BASELINE_KIND] = {"baseline.kind", OPTION_CHOICE, AT(baseline_kind), "trailing", 0, 0, baseline_kinds, "What is normal."},
    [BASELINE_WINDOW] = {"baseline.window", OPTION_DURATION, AT(baseline_window_ms), "14d", 60 * MINUTE, 35 * DAY, NULL, "How much of the past is normal."},
    [BASELINE_COUNT] = {"baseline.min_count", OPTION_INTEGER, AT(baseline_min_count), "1000", 1, 1e9, NULL, "Observations the baseline needs."},
    [TOLERANCE] = {"tolerance", OPTION_REAL, AT(tolerance), "0.01", 0, 1, NULL, "Badness that is still no worse than the baseline."},
    [BUDGET] = {"budget", OPTION_TEXT, AT(budget), "1 per 30d", 1, 60, NULL, "False alarms over all watched series."},
    [SURE] = {"sure", OPTION_BOOLEAN, AT(sure), "true", 0, 0, NULL, "false: the effect alone opens the alert."},
    [SEVERITY] = {"severity", OPTION_CHOICE, AT(severity), "ticket", 0, 0, severities, "Who should hear of it, and when."},
    [CLASS] = {"class", OPTION_TEXT, AT(failure_class), "?", 1, 39, NULL, "Failure class."},
    [FIRST_ACTION] = {"first_action", OPTION_TEXT, AT(first_action), "?", 1, 255, NULL, "What to do first."},
    [OWNER] = {"owner", OPTION_TEXT, AT(owner), "?", 1, 63, NULL, "Who is asked."},
    [DIRECTION] = {"direction", OPTION_CHOICE, AT(direction), "worse", 0, 0, directions, "Which way the alert looks."},
};

/* What the engine labels cells with. */
static const char *const label_names[] = {"app", "env", "intent", "prompt", "model", "evaluator", "revision", NULL};

struct parser {
    struct rule_set *rules;
    struct draft draft;
    bool given[RULE_OPTIONS];
    struct rule *rule;
    const struct yaml_node *node; /* of the rule */
    struct error *error;
};

/* ---- which series ---------------------------------------------------------------------------------- */

static bool known_label(struct bytes name)
{
    for (size_t i = 0; label_names[i] != NULL; i++)
        if (bytes_equal_text(name, label_names[i]))
            return true;
    return false;
}

/* Sorted by name, so that the order in the file says nothing. */
static void insert_label(struct rule_level *level, const struct rule_label *label)
{
    uint32_t at = level->labels_count++;
    for (; at > 0 && strcmp(level->labels[at - 1].name, label->name) > 0; at--)
        level->labels[at] = level->labels[at - 1];
    level->labels[at] = *label;
}

static bool parse_level(struct parser *parser, const struct yaml_node *node)
{
    struct rule_level *level = &parser->rule->levels[parser->rule->levels_count++];
    if (yaml_node_kind(node) != YAML_MAPPING || yaml_node_count(node) == 0)
        return yaml_node_error(node, parser->error, "watch: write labels, like {app: \"*\", env: \"*\"}");
    if (yaml_node_count(node) > RULE_LABELS_MAX)
        return yaml_node_error(node, parser->error, "watch: more than %d labels", RULE_LABELS_MAX);
    for (size_t i = 0; i < yaml_node_count(node); i++) {
        const struct yaml_node *key;
        const struct yaml_node *value;
        struct rule_label label = {0};
        yaml_node_pair(node, i, &key, &value);
        struct bytes text = yaml_node_text(value);
        if (!known_label(yaml_node_text(key)))
            return yaml_node_error(key, parser->error, "watch: \"%.*s\" is no label; there are app, env, intent, prompt, model, evaluator, revision",
                                   BYTES_FMT(yaml_node_text(key)));
        if (text.size == 0 || text.size >= sizeof label.value || memchr(text.data, 0, text.size) != NULL)
            return yaml_node_error(value, parser->error, "watch: write a value of at most %zu bytes, or \"*\"", sizeof label.value - 1);
        memcpy(label.name, yaml_node_text(key).data, yaml_node_text(key).size);
        memcpy(label.value, text.data, text.size);
        insert_label(level, &label);
    }
    return true;
}

static bool parse_watch(struct parser *parser, const struct yaml_node *node)
{
    if (yaml_node_kind(node) != YAML_SEQUENCE || yaml_node_count(node) == 0)
        return yaml_node_error(node, parser->error, "watch: write a list of label sets, like [{app: \"*\", env: \"*\"}]");
    if (yaml_node_count(node) > RULE_LEVELS_MAX)
        return yaml_node_error(node, parser->error, "watch: more than %d label sets", RULE_LEVELS_MAX);
    for (size_t i = 0; i < yaml_node_count(node); i++)
        if (!parse_level(parser, yaml_node_item(node, i)))
            return false;
    return true;
}

/* ---- one rule ---------------------------------------------------------------------------------------- */

static bool parse_option(struct parser *parser, const struct flat_setting *setting)
{
    const struct option *option = option_find(draft_options, setting->name);
    struct bytes text = yaml_node_text(setting->value);
    struct error why = {0};
    if (option == NULL && setting->name.size > 6 && memcmp(setting->name.data, "watch.", 6) == 0)
        return yaml_node_error(setting->key, parser->error, "watch: write a list of label sets, like [{app: \"*\", env: \"*\"}]");
    if (option == NULL) {
        const char *near = option_suggest(draft_options, setting->name);
        return yaml_node_error(setting->key, parser->error, "unknown rule option \"%.*s\"%s%s%s", BYTES_FMT(setting->name),
                               near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (parser->given[option - draft_options])
        return yaml_node_error(setting->key, parser->error, "%s is here twice; remove one", option->name);
    if (!bytes_present(text))
        return yaml_node_error(setting->value, parser->error, "%s: a list; write one value", option->name);
    if (!option_set(option, &parser->draft, text, &why))
        return yaml_node_error(setting->value, parser->error, "%s", why.message);
    parser->given[option - draft_options] = true;
    return true;
}

static bool parse_settings(struct parser *parser)
{
    struct flat_walk walk;
    struct flat_setting setting;
    struct error why = {0};
    flat_start(&walk, parser->node);
    while (flat_next(&walk, &setting, &why)) {
        bool good = bytes_equal_text(setting.name, "watch") ? parse_watch(parser, setting.value) : parse_option(parser, &setting);
        if (!good)
            return false;
    }
    return why.code == ERROR_NONE || error_set(parser->error, why.code, "%s", why.message);
}

static bool check_given(struct parser *parser)
{
    static const enum rule_option required[] = {ID, TITLE, METRIC, WINDOW, CLASS, FIRST_ACTION, OWNER};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (!parser->given[required[i]])
            return yaml_node_error(parser->node, parser->error, "this rule has no %s: %s", draft_options[required[i]].name,
                                   draft_options[required[i]].help);
    if (parser->rule->levels_count == 0)
        return yaml_node_error(parser->node, parser->error, "rule %s watches nothing; add watch: [{app: \"*\", env: \"*\"}]", parser->draft.id);
    int effects = parser->given[RELATIVE] + parser->given[RATIO] + parser->given[THRESHOLD];
    if (effects != 1)
        return yaml_node_error(parser->node, parser->error, "rule %s has %d effects; write one of effect.relative, effect.ratio, effect.threshold",
                               parser->draft.id, effects);
    if (parser->given[THRESHOLD] && (parser->given[BASELINE_WINDOW] || parser->given[BASELINE_COUNT] || parser->given[BASELINE_KIND]))
        return yaml_node_error(parser->node, parser->error, "rule %s has a threshold, which stands in place of a baseline; remove one",
                               parser->draft.id);
    if (!parser->given[THRESHOLD] && parser->draft.baseline_window_ms < parser->draft.effect_window_ms)
        return yaml_node_error(parser->node, parser->error, "rule %s compares a window that is longer than its baseline; lengthen baseline.window",
                               parser->draft.id);
    return true;
}

static bool check_texts(struct parser *parser)
{
    static const char id_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const struct draft *draft = &parser->draft;
    const char *star = strchr(draft->metric, '*');
    if (strspn(draft->id, id_characters) != strlen(draft->id))
        return yaml_node_error(parser->node, parser->error, "id: \"%s\" has other characters than A-Z a-z 0-9 . _ -", draft->id);
    if (star != NULL && star[1] != 0)
        return yaml_node_error(parser->node, parser->error, "metric: \"%s\" may have one *, at its end", draft->metric);
    for (uint32_t i = 0; i + 1 < parser->rules->count; i++)
        if (strcmp(parser->rules->rules[i].id, draft->id) == 0)
            return yaml_node_error(parser->node, parser->error, "a second rule with id %s; ids name alerts for ever, choose another", draft->id);
    return true;
}

struct budget {
    double alarms;
    int64_t period_ms;
};

static const struct option budget_options[] = {
    {"budget", OPTION_REAL, offsetof(struct budget, alarms), "1", 1e-3, 1e6, NULL, "False alarms …"},
    {"budget", OPTION_DURATION, offsetof(struct budget, period_ms), "30d", 60 * MINUTE, 3660 * DAY, NULL, "… in this time."},
};

/* "2 per 30d" */
static bool parse_budget(struct parser *parser)
{
    const char *text = parser->draft.budget;
    const char *per = strstr(text, " per ");
    struct budget budget = {0};
    struct error why = {0};
    if (per == NULL)
        return yaml_node_error(parser->node, parser->error, "budget: \"%s\" is not like \"1 per 30d\"", text);
    if (!option_set(&budget_options[0], &budget, bytes_of(text, (size_t)(per - text)), &why) ||
        !option_set(&budget_options[1], &budget, bytes_from_text(per + strlen(" per ")), &why))
        return yaml_node_error(parser->node, parser->error, "%s; write it like 1 per 30d", why.message);
    parser->rule->budget_alarms = budget.alarms;
    parser->rule->budget_period_ms = budget.period_ms;
    return true;
}

static void copy_draft(struct parser *parser)
{
    const struct draft *draft = &parser->draft;
    const bool *given = parser->given;
    struct rule *rule = parser->rule;
    (void)snprintf(rule->id, sizeof rule->id, "%s", draft->id);
    (void)snprintf(rule->title, sizeof rule->title, "%s", draft->title);
    (void)snprintf(rule->metric, sizeof rule->metric, "%s", draft->metric);
    (void)snprintf(rule->failure_class, sizeof rule->failure_class, "%s", draft->failure_class);
    (void)snprintf(rule->first_action, sizeof rule->first_action, "%s", draft->first_action);
    (void)snprintf(rule->owner, sizeof rule->owner, "%s", draft->owner);
    rule->direction = (enum direction)draft->direction;
    rule->severity = (enum rule_severity)draft->severity;
    rule->effect_relative = given[RELATIVE] ? draft->effect_relative : NAN;
    rule->effect_ratio = given[RATIO] ? draft->effect_ratio : NAN;
    rule->threshold = given[THRESHOLD] ? draft->effect_threshold : NAN;
    rule->tolerance = given[TOLERANCE] ? draft->tolerance : NAN;
    rule->window_ms = draft->effect_window_ms;
    rule->effect_min_count = (uint32_t)draft->effect_min_count;
    rule->baseline_window_ms = draft->baseline_window_ms;
    rule->baseline_min_count = (uint32_t)draft->baseline_min_count;
    rule->sure = draft->sure;
}

static bool parse_rule(struct parser *parser, const struct yaml_node *node)
{
    if (parser->rules->count == RULES_MAX)
        return yaml_node_error(node, parser->error, "more than %d rules", RULES_MAX);
    if (yaml_node_kind(node) != YAML_MAPPING)
        return yaml_node_error(node, parser->error, "a rule is a mapping that starts with its id");
    parser->node = node;
    parser->rule = &parser->rules->rules[parser->rules->count++];
    memset(parser->given, 0, sizeof parser->given);
    option_set_defaults(draft_options, &parser->draft);
    bool good = parse_settings(parser) && check_given(parser) && check_texts(parser) && parse_budget(parser);
    if (good)
        copy_draft(parser);
    option_free_all(draft_options, &parser->draft);
    return good;
}

/* ---- the set ------------------------------------------------------------------------------------------ */

static bool parse_document(struct rule_set *rules, const struct yaml_document *document, const char *name, struct error *error)
{
    struct parser parser = {.rules = rules, .error = error};
    const struct yaml_node *root = yaml_root(document);
    if (root == NULL)
        return error_set(error, ERROR_INPUT, "%s:1:1: no rules; write \"rules: []\" to run without any", name);
    const struct yaml_node *list = yaml_node_get(root, "rules");
    if (list == NULL || yaml_node_kind(list) != YAML_SEQUENCE || yaml_node_count(root) != 1)
        return yaml_node_error(root, error, "write one list, \"rules:\", and nothing beside it");
    for (size_t i = 0; i < yaml_node_count(list); i++)
        if (!parse_rule(&parser, yaml_node_item(list, i)))
            return false;
    return true;
}

static void set_digest(struct rule_set *rules)
{
    struct buffer canonical = BUFFER_WITH_LIMIT((size_t)4 << 20);
    uint8_t digest[SHA256_BYTES];
    struct sha256 *sha = sha256_create();
    rules_write(rules, &canonical);
    CHECK(!canonical.failed);
    sha256_digest(sha, buffer_bytes(&canonical), digest);
    rules->digest = 0;
    for (int i = 0; i < 8; i++)
        rules->digest = rules->digest << 8 | digest[i];
    sha256_destroy(sha);
    buffer_free(&canonical);
}

static struct rule_set *rules_from(struct yaml_document *document, const char *name, struct error *error)
{
    if (document == NULL)
        return NULL;
    struct rule_set *rules = memory_allocate(sizeof *rules);
    bool good = parse_document(rules, document, name, error);
    yaml_destroy(document);
    if (!good) {
        memory_free(rules);
        return NULL;
    }
    set_digest(rules);
    return rules;
}

struct rule_set *rules_load(const char *path, struct error *error) { return rules_from(yaml_load(path, error), path, error); }

struct rule_set *rules_parse(const char *name, struct bytes text, struct error *error)
{
    return rules_from(yaml_parse(name, text, error), name, error);
}

void rules_destroy(struct rule_set *rules) { memory_free(rules); }
