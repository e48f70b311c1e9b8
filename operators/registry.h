/*
 * registry.h - every operator of the program, and their settings. Seen by main.c and by tests
 * alone.
 *
 * A registry is the lists of registry.c with one conf per operator: created with defaults, set by
 * dotted name or section by section, checked once, then read-only and shared by all shards.
 */
#ifndef OPERATORS_REGISTRY_H
#define OPERATORS_REGISTRY_H

#include "engine/operator/annotator.h"
#include "engine/operator/detector.h"
#include "engine/operator/tracker.h"

#define REGISTRY_OPERATORS_MAX 64

/* ---- the lists, NULL-terminated -------------------------------------------------------------- */

extern const struct annotator_class *const registry_annotators[];
extern const struct detector_class *const registry_detectors[];
extern const struct tracker_class *const registry_trackers[];

/* NULL when there is none of that name. */
const struct annotator_class *registry_find_annotator(struct bytes name);
const struct detector_class *registry_find_detector(struct bytes name);
const struct tracker_class *registry_find_tracker(struct bytes name);

/* ---- their settings -------------------------------------------------------------------------- */

/* An operator that takes options. Their names are without the operator's own: option "expect" of
 * section "format" is "format.expect" to people. conf may be set through this table, as config
 * does. */
struct registry_section {
    const char *name;
    const struct option *options;
    void *conf;
};

/* In the order of the lists above. */
struct registry_annotator {
    const struct annotator_class *class;
    const void *conf;
};
struct registry_tracker {
    const struct tracker_class *class;
    const void *conf;
};

struct registry {
    struct registry_annotator annotators[REGISTRY_OPERATORS_MAX];
    struct registry_tracker trackers[REGISTRY_OPERATORS_MAX];
    struct registry_section sections[2 * REGISTRY_OPERATORS_MAX];
    uint32_t annotators_count, trackers_count, sections_count;
};

/* All confs at their defaults. Owner frees with registry_destroy, after everyone who uses them. */
struct registry *registry_create(void);
void registry_destroy(struct registry *registry);
/* "format.expect". The error names the option, and the nearest one when there is none of that
 * name; the caller prefixes where the setting was read. */
bool registry_set(struct registry *registry, struct bytes name, struct bytes value,
                  struct error *error);
/* After the last setting: what each operator has to say about its options together. */
bool registry_check(struct registry *registry, struct error *error);

#endif
