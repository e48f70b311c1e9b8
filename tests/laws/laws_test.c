/*
 * laws_test.c - every operator of the registry obeys every law, and operators that break one are
 * caught.
 *
 * ASSAY_SEED moves all cases; ASSAY_CASES sets their number (1,000 for each law and operator;
 * 10,000 under ./run test --full).
 */
#include "tests/test.h"

#include "engine/state/summary.h"
#include "operators/registry.h"
#include "tests/laws/allocations.h"
#include "tests/laws/laws.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char *name;
    annotator_law *law;
} annotator_laws[] = {
    {"writes only the columns it declares", law_writes_declared_columns_only},
    {"reads only the columns it declares", law_reads_declared_columns_only},
    {"does not care how rows are batched", law_batches_do_not_matter},
    {"keeps nothing that matters in scratch", law_scratch_is_worthless},
    {"does not allocate", law_annotate_does_not_allocate},
};

static const struct {
    const char *name;
    measure_law *law;
} measure_laws[] = {
    {"processes add up", law_processes_add_up},
    {"damaged bodies are safe", law_damaged_bodies_are_safe},
    {"the changelog restores", law_changelog_restores},
};

static const struct {
    const char *name;
    detector_law *law;
} detector_laws[] = {
    {"split events give the same bits", law_split_events_give_the_same_bits},
    {"the state is flat", law_detector_state_is_flat},
    {"the state is checked", law_detector_state_is_checked},
    {"does not allocate", law_detector_does_not_allocate},
};

static const struct {
    const char *name;
    tracker_law *law;
} tracker_laws[] = {
    {"the order of evidence does not matter", law_evidence_order_does_not_matter},
    {"the state is flat", law_tracker_state_is_flat},
    {"the state is checked", law_tracker_state_is_checked},
    {"outputs are bounded", law_tracker_outputs_are_bounded},
    {"does not allocate", law_tracker_does_not_allocate},
};

static uint64_t cases(void)
{
    const char *text = getenv("ASSAY_CASES");
    return text != NULL ? strtoull(text, NULL, 10) : test_is_full() ? 10000 : 1000;
}

static uint64_t first_seed(void)
{
    const char *text = getenv("ASSAY_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 1;
}

#define HOLDS(what, operator_name, call)                                                           \
    for (uint64_t seed = first_seed(), end = seed + cases(); seed < end; seed++) {                 \
        struct error why = {0};                                                                    \
        if (!(call))                                                                               \
            fail_msg("%s breaks \"%s\" with ASSAY_SEED=%llu: %s", operator_name, what,             \
                     (unsigned long long)seed, why.message);                                       \
    }

/* ---- the registry ---------------------------------------------------------------------------- */

static struct registry *registry;
static struct annotator_subject annotators[REGISTRY_OPERATORS_MAX];

static int set_up(void **state)
{
    (void)state;
    registry = registry_create();
    for (uint32_t i = 0; i < registry->annotators_count; i++)
        annotators[i] =
            (struct annotator_subject){registry->annotators[i].class, registry->annotators[i].conf};
    print_message("allocations are %s\n",
                  allocations_known() ? "counted" : "not counted in this build");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    registry_destroy(registry);
    return 0;
}

static void annotators_obey(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < registry->annotators_count; i++)
        for (size_t law = 0; law < LENGTH(annotator_laws); law++)
            HOLDS(annotator_laws[law].name, annotators[i].class->name,
                  annotator_laws[law].law(&annotators[i], seed, &why))
}

static void measurements_obey(void **state)
{
    (void)state;
    const struct measure_subject subject = {annotators, registry->annotators_count, summary_add};
    for (size_t law = 0; law < LENGTH(measure_laws); law++)
        HOLDS(measure_laws[law].name, "the pipeline", measure_laws[law].law(&subject, seed, &why))
}

static void detectors_obey(void **state)
{
    (void)state;
    for (uint32_t i = 0; registry_detectors[i] != NULL; i++)
        for (size_t law = 0; law < LENGTH(detector_laws); law++)
            HOLDS(detector_laws[law].name, registry_detectors[i]->name,
                  detector_laws[law].law(registry_detectors[i], seed, &why))
}

static void trackers_obey(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < registry->trackers_count; i++) {
        const struct tracker_subject subject = {registry->trackers[i].class,
                                                registry->trackers[i].conf};
        for (size_t law = 0; law < LENGTH(tracker_laws); law++)
            HOLDS(tracker_laws[law].name, subject.class->name,
                  tracker_laws[law].law(&subject, seed, &why))
    }
}

/* ---- canaries -------------------------------------------------------------------------------- */

#define CAUGHT(what, operator_name, call)                                                          \
    do {                                                                                           \
        bool caught = false;                                                                       \
        for (uint64_t seed = 1; seed <= 300 && !caught; seed++) {                                  \
            struct error why = {0};                                                                \
            caught = !(call);                                                                      \
            if (caught && why.message[0] == '\0')                                                  \
                fail_msg("%s was caught by \"%s\" without a reason", operator_name, what);         \
        }                                                                                          \
        if (!caught)                                                                               \
            fail_msg("%s breaks \"%s\" and was not caught", operator_name, what);                  \
    } while (0)

static void faulty_annotators_are_caught(void **state)
{
    (void)state;
    static const struct {
        const struct annotator_class *class;
        size_t law;
    } faulty[] = {{&canary_undeclared_write, 0}, {&canary_red_zone, 0},
                  {&canary_undeclared_read, 1},  {&canary_batch, 2},
                  {&canary_hoarder, 3},          {&canary_allocates, 4}};
    for (size_t i = 0; i < LENGTH(faulty); i++) {
        const struct annotator_subject subject = {faulty[i].class, NULL};
        if (faulty[i].class != &canary_allocates || allocations_known())
            CAUGHT(annotator_laws[faulty[i].law].name, faulty[i].class->name,
                   annotator_laws[faulty[i].law].law(&subject, seed, &why));
    }
}

static void faulty_merges_are_caught(void **state)
{
    (void)state;
    static merge_function *const faulty[] = {canary_forgetful_merge, canary_first_wins_merge};
    for (size_t i = 0; i < LENGTH(faulty); i++) {
        const struct measure_subject subject = {annotators, registry->annotators_count, faulty[i]};
        CAUGHT(measure_laws[0].name, "a faulty merge", measure_laws[0].law(&subject, seed, &why));
    }
}

static void faulty_detectors_are_caught(void **state)
{
    (void)state;
    CAUGHT(detector_laws[1].name, "self_pointer",
           detector_laws[1].law(&canary_self_pointer, seed, &why));
    CAUGHT(detector_laws[2].name, "refuses_itself",
           detector_laws[2].law(&canary_refuses_itself, seed, &why));
    CAUGHT(detector_laws[2].name, "unchecked", detector_laws[2].law(&canary_unchecked, seed, &why));
}

static void faulty_trackers_are_caught(void **state)
{
    (void)state;
    static const struct {
        const struct tracker_class *class;
        size_t law;
    } faulty[] = {{&canary_last_wins, 0}, {&canary_forgets_deadline, 3}, {&canary_chatter, 3}};
    for (size_t i = 0; i < LENGTH(faulty); i++) {
        const struct tracker_subject subject = {faulty[i].class, NULL};
        CAUGHT(tracker_laws[faulty[i].law].name, faulty[i].class->name,
               tracker_laws[faulty[i].law].law(&subject, seed, &why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(annotators_obey),
        cmocka_unit_test(measurements_obey),
        cmocka_unit_test(detectors_obey),
        cmocka_unit_test(trackers_obey),
        cmocka_unit_test(faulty_annotators_are_caught),
        cmocka_unit_test(faulty_merges_are_caught),
        cmocka_unit_test(faulty_detectors_are_caught),
        cmocka_unit_test(faulty_trackers_are_caught),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
