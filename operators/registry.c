/* registry.c - the one list of operators: adding one is its file, a line here, a line in
 * CMakeLists.txt. */
#include "operators/registry.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "operators/annotate/annotate.h"
#include "operators/detect/detect.h"
#include "operators/track/track.h"

const struct annotator_class *const registry_annotators[] = {
    &annotator_who,     &annotator_prompt, &annotator_format,
    &annotator_sampler, &annotator_score,  NULL,
};

const struct detector_class *const registry_detectors[] = {
    &operator_shift,
    &operator_effect,
    NULL,
};

const struct tracker_class *const registry_trackers[] = {
    &tracker_planner,
    &tracker_trace,
    NULL,
};

const struct annotator_class *registry_find_annotator(struct bytes name)
{
    uint32_t i = 0;
    while (registry_annotators[i] != NULL && !bytes_equal_text(name, registry_annotators[i]->name))
        i++;
    return registry_annotators[i];
}

const struct detector_class *registry_find_detector(struct bytes name)
{
    uint32_t i = 0;
    while (registry_detectors[i] != NULL && !bytes_equal_text(name, registry_detectors[i]->name))
        i++;
    return registry_detectors[i];
}

const struct tracker_class *registry_find_tracker(struct bytes name)
{
    uint32_t i = 0;
    while (registry_trackers[i] != NULL && !bytes_equal_text(name, registry_trackers[i]->name))
        i++;
    return registry_trackers[i];
}

/* ---- settings -------------------------------------------------------------------------------- */

/* The operator's table with names cut behind "operator."; NULL for NULL. */
static struct option *cut_names(const char *operator, const struct option * options)
{
    size_t prefix = strlen(operator) + 1;
    uint32_t count = 0;
    while (options[count].name != NULL)
        count++;
    struct option *cut = memory_allocate_array(count + 1, sizeof *cut);
    memcpy(cut, options, (count + 1) * sizeof *cut);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = options[i].name;
        CHECK(strncmp(name, operator, prefix - 1) == 0 &&
              name[prefix - 1] == '.'); /* "format.expect" */
        cut[i].name = name + prefix;
    }
    return cut;
}

/* A conf at its defaults, and a section for it when there is anything to set. */
static void *make_conf(struct registry *registry, const char *operator,
                       const struct option * options, size_t size)
{
    if (size == 0)
        return NULL;
    void *conf = memory_allocate(size);
    if (options == NULL)
        return conf;
    option_set_defaults(options, conf);
    struct registry_section *section = &registry->sections[registry->sections_count++];
    *section = (struct registry_section){operator, cut_names(operator, options), conf};
    return conf;
}

struct registry *registry_create(void)
{
    struct registry *registry = memory_allocate(sizeof *registry);
    for (uint32_t i = 0; registry_annotators[i] != NULL; i++) {
        const struct annotator_class *class = registry_annotators[i];
        CHECK(i < REGISTRY_OPERATORS_MAX);
        registry->annotators[registry->annotators_count++] = (struct registry_annotator){
            class, make_conf(registry, class->name, class->options, class->conf_bytes)};
    }
    for (uint32_t i = 0; registry_trackers[i] != NULL; i++) {
        const struct tracker_class *class = registry_trackers[i];
        CHECK(i < REGISTRY_OPERATORS_MAX);
        registry->trackers[registry->trackers_count++] = (struct registry_tracker){
            class, make_conf(registry, class->name, class->options, class->conf_bytes)};
    }
    return registry;
}

void registry_destroy(struct registry *registry)
{
    if (registry == NULL)
        return;
    for (uint32_t i = 0; i < registry->sections_count; i++) {
        option_free_all(registry->sections[i].options, registry->sections[i].conf);
        memory_free((void *)(uintptr_t)registry->sections[i].options);
    }
    for (uint32_t i = 0; i < registry->annotators_count; i++)
        memory_free((void *)(uintptr_t)registry->annotators[i].conf);
    for (uint32_t i = 0; i < registry->trackers_count; i++)
        memory_free((void *)(uintptr_t)registry->trackers[i].conf);
    memory_free(registry);
}

/* "format" of "format.expect"; absent when there is no dot. */
static struct bytes section_of(struct bytes name)
{
    const uint8_t *dot = name.size > 0 ? memchr(name.data, '.', name.size) : NULL;
    return dot != NULL ? bytes_of(name.data, (size_t)(dot - name.data)) : BYTES_NONE;
}

bool registry_set(struct registry *registry, struct bytes name, struct bytes value,
                  struct error *error)
{
    struct bytes operator= section_of(name);
    uint32_t i = 0;
    while (i < registry->sections_count && !bytes_equal_text(operator, registry->sections[i].name))
        i++;
    if (!bytes_present(operator) || i == registry->sections_count)
        return error_set(error, ERROR_INPUT,
                         "unknown option \"%.*s\": no operator of that name takes options",
                         BYTES_FMT(name));
    const struct registry_section *section = &registry->sections[i];
    struct bytes rest = bytes_of(name.data + operator.size + 1, name.size - operator.size - 1);
    const struct option *option = option_find(section->options, rest);
    if (option == NULL) {
        const char *near = option_suggest(section->options, rest);
        return error_set(error, ERROR_INPUT, "unknown option \"%.*s\"%s%s%s%s%s", BYTES_FMT(name),
                         near != NULL ? "; did you mean \"" : "", near != NULL ? section->name : "",
                         near != NULL ? "." : "", near != NULL ? near : "",
                         near != NULL ? "\"?" : "");
    }
    struct option whole = *option; /* its name goes on in front: so that the error says all of it */
    whole.name -= operator.size + 1;
    return option_set(&whole, section->conf, value, error);
}

bool registry_check(struct registry *registry, struct error *error)
{
    for (uint32_t i = 0; i < registry->annotators_count; i++) {
        const struct annotator_class *class = registry->annotators[i].class;
        if (class->check != NULL &&
            !class->check((void *)(uintptr_t)registry->annotators[i].conf, error))
            return error_prefix(error, "operator %s", class->name);
    }
    return true;
}
