/* shipped_test.c - the files in config/ are complete, true to the tables, and can be loaded. */
#define _POSIX_C_SOURCE 200809L
#include "tests/test.h"

#include "engine/base/yaml.h"
#include "engine/config/config.h"
#include "engine/config/flatten.h"
#include "engine/config/rules.h"
#include "operators/registry.h"

#define FOLDER ASSAY_SOURCE_DIR "/config/"
#define SECTIONS_MAX 64

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    assert_non_null(file);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static void same(const struct flat_setting *setting, const char *prefix, const struct option *option)
{
    char name[200];
    snprintf(name, sizeof name, "%s%s", prefix, option->name);
    if (!bytes_equal_text(setting->name, name))
        fail_msg("config/assay.yaml has %.*s where the tables have %s", BYTES_FMT(setting->name), name);
    if (!bytes_equal_text(yaml_node_text(setting->value), option->default_text ? option->default_text : ""))
        fail_msg("config/assay.yaml says %s: %.*s, the table %s", name, BYTES_FMT(yaml_node_text(setting->value)), option->default_text);
}

/* config/assay.yaml names every option once, in the order of the tables, with its default; those of
 * the engine with their help, too. */
static void every_option_is_there_with_its_default(void **state)
{
    (void)state;
    struct error error = {0};
    struct yaml_document *document = yaml_load(FOLDER "assay.yaml", &error);
    assert_string_equal(error.message, "");
    struct registry *registry = registry_create();
    char *text = read_whole(FOLDER "assay.yaml");
    struct flat_walk walk;
    struct flat_setting setting;
    flat_start(&walk, yaml_root(document));
    for (const struct option *option = config_options; option->name != NULL; option++) {
        char line[400];
        if (!flat_next(&walk, &setting, &error))
            fail_msg("config/assay.yaml lacks %s", option->name);
        same(&setting, "", option);
        snprintf(line, sizeof line, "# %s", option->help);
        if (strstr(text, line) == NULL)
            fail_msg("config/assay.yaml does not say of %s: %s", option->name, line);
    }
    for (uint32_t i = 0; i < registry->sections_count; i++)
        for (const struct option *option = registry->sections[i].options; option->name != NULL; option++) {
            char prefix[100];
            snprintf(prefix, sizeof prefix, "%s.", registry->sections[i].name);
            if (!flat_next(&walk, &setting, &error))
                fail_msg("config/assay.yaml lacks %s%s", prefix, option->name);
            same(&setting, prefix, option);
        }
    if (flat_next(&walk, &setting, &error))
        fail_msg("config/assay.yaml has %.*s, which no table has", BYTES_FMT(setting.name));
    assert_string_equal(error.message, "");
    free(text);
    registry_destroy(registry);
    yaml_destroy(document);
}

static void loads(const char *path)
{
    struct error error = {0};
    struct registry *registry = registry_create();
    struct config_section sections[SECTIONS_MAX];
    assert_true(registry->sections_count <= SECTIONS_MAX);
    for (uint32_t i = 0; i < registry->sections_count; i++)
        sections[i] = (struct config_section){registry->sections[i].name, registry->sections[i].options, registry->sections[i].conf};
    struct config_request request = {.path = path, .sections = sections, .sections_count = registry->sections_count};
    struct config *config = config_load(&request, &error);
    if (config == NULL)
        fail_msg("%s", error.message);
    assert_true(registry_check(registry, &error));
    struct rule_set *rules = rules_load(config->rules_file, &error);
    if (rules == NULL)
        fail_msg("%s", error.message);
    rules_destroy(rules);
    config_destroy(config);
    registry_destroy(registry);
}

static void files_can_be_loaded(void **state)
{
    (void)state;
    setenv("ASSAY_HTTP_TOKEN", "token", 1);
    loads(FOLDER "assay.yaml");
    loads(FOLDER "deploy/compose.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_is_there_with_its_default),
        cmocka_unit_test(files_can_be_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
