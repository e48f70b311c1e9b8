/* registry_test.c - the lists hold together, and settings reach the operator they name. */
#include "tests/test.h"

#include "operators/registry.h"

static void names_are_different(void **state)
{
    (void)state;
    for (uint32_t i = 0; registry_annotators[i] != NULL; i++)
        assert_ptr_equal(registry_find_annotator(bytes_from_text(registry_annotators[i]->name)),
                         registry_annotators[i]);
    for (uint32_t i = 0; registry_detectors[i] != NULL; i++)
        assert_ptr_equal(registry_find_detector(bytes_from_text(registry_detectors[i]->name)),
                         registry_detectors[i]);
    for (uint32_t i = 0; registry_trackers[i] != NULL; i++)
        assert_ptr_equal(registry_find_tracker(bytes_from_text(registry_trackers[i]->name)),
                         registry_trackers[i]);
    assert_null(registry_find_detector(BYTES_LITERAL("nothing")));
}

/* A state's kind in the store is its tracker's place in the list: new ones go to the end. */
static void trackers_keep_their_places(void **state)
{
    (void)state;
    assert_string_equal(registry_trackers[0]->name, "planner");
}

static const struct option *section_option(const struct registry *registry, const char *section,
                                           const char *name, void **conf)
{
    for (uint32_t i = 0; i < registry->sections_count; i++)
        if (strcmp(registry->sections[i].name, section) == 0) {
            *conf = registry->sections[i].conf;
            return option_find(registry->sections[i].options, bytes_from_text(name));
        }
    return NULL;
}

static void assert_prints(const struct registry *registry, const char *section, const char *name,
                          const char *expected)
{
    char text[100];
    void *conf = NULL;
    const struct option *option = section_option(registry, section, name, &conf);
    assert_non_null(option);
    (void)option_print(option, conf, text, sizeof text);
    assert_string_equal(text, expected);
}

static void settings_reach_their_operator(void **state)
{
    (void)state;
    struct registry *registry = registry_create();
    struct error error = {0};
    assert_prints(registry, "format", "expect", "auto");
    assert_prints(registry, "planner", "target_per_day", "2000");
    assert_true(
        registry_set(registry, BYTES_LITERAL("format.expect"), BYTES_LITERAL("json"), &error));
    assert_true(registry_set(registry, BYTES_LITERAL("planner.target_per_day"),
                             BYTES_LITERAL("500"), &error));
    assert_prints(registry, "format", "expect", "json");
    assert_prints(registry, "planner", "target_per_day", "500");
    assert_true(registry_check(registry, &error));
    void *conf = NULL;
    (void)section_option(registry, "planner", "target_per_day", &conf);
    assert_ptr_equal(registry->trackers[0].conf, conf);
    registry_destroy(registry);
}

static void wrong_settings_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *message;
    } wrong[] = {
        {"format.expekt", "json",
         "unknown option \"format.expekt\"; did you mean \"format.expect\"?"},
        {"format.expect", "xml", "format.expect: \"xml\""},
        {"planner.target_per_day", "0", "planner.target_per_day: \"0\""},
        {"planner.target_per_day", "many", "planner.target_per_day: \"many\""},
        {"planer.target_per_day", "1", "unknown option \"planer.target_per_day\""},
        {"planner", "1", "unknown option \"planner\""},
        {"", "1", "unknown option \"\""},
        {".", "1", "unknown option \".\""},
        {"shift.x", "1", "unknown option \"shift.x\""},
    };
    struct registry *registry = registry_create();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error = {0};
        assert_false(registry_set(registry, bytes_from_text(wrong[i].name),
                                  bytes_from_text(wrong[i].value), &error));
        if (strstr(error.message, wrong[i].message) == NULL)
            fail_msg("%s: %s", wrong[i].name, error.message);
    }
    registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_different),
        cmocka_unit_test(trackers_keep_their_places),
        cmocka_unit_test(settings_reach_their_operator),
        cmocka_unit_test(wrong_settings_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
