/* demo_alone.c - `assay demo` alone, put together as main.c does; a program for the tests beside it. */
#include "engine/command/command.h"
#include "operators/registry.h"
static bool check_registry(void *registry, struct error *error) { return registry_check(registry, error); }
int main(int argc, char **argv)
{
    struct registry *registry = registry_create();
    struct annotator_instance annotators[REGISTRY_OPERATORS_MAX];
    struct tracker_instance trackers[REGISTRY_OPERATORS_MAX];
    struct config_section sections[2 * REGISTRY_OPERATORS_MAX];
    for (uint32_t i = 0; i < registry->annotators_count; i++)
        annotators[i] = (struct annotator_instance){registry->annotators[i].class, registry->annotators[i].conf};
    for (uint32_t i = 0; i < registry->trackers_count; i++)
        trackers[i] = (struct tracker_instance){registry->trackers[i].class, registry->trackers[i].conf};
    for (uint32_t i = 0; i < registry->sections_count; i++)
        sections[i] = (struct config_section){registry->sections[i].name, registry->sections[i].options, registry->sections[i].conf};
    struct command_operators operators = {
        .annotators = annotators, .annotators_count = registry->annotators_count,
        .trackers = trackers, .trackers_count = registry->trackers_count,
        .sure = registry_find_detector(BYTES_LITERAL("shift")), .big = registry_find_detector(BYTES_LITERAL("effect")),
        .sections = sections, .sections_count = registry->sections_count,
        .check = check_registry, .registry = registry,
    };
    int code = command_demo(argc, argv, &operators);
    registry_destroy(registry);
    return code;
}
