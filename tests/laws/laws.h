/*
 * laws.h - what every operator must obey, as functions that say in `why` what was broken. The
 * registry must pass them all; the faulty operators of canary.c must be caught.
 *
 * A law is one seeded case; a runner tries many seeds.
 */
#ifndef TESTS_LAWS_LAWS_H
#define TESTS_LAWS_LAWS_H

#include "engine/operator/annotator.h"
#include "engine/operator/detector.h"
#include "engine/operator/tracker.h"

/* ---- annotators ------------------------------------------------------------------------------ */

struct annotator_subject {
    const struct annotator_class *class;
    const void *conf;
};
typedef bool annotator_law(const struct annotator_subject *subject, uint64_t seed,
                           struct error *why);

annotator_law law_writes_declared_columns_only; /* and nothing behind the last row */
annotator_law law_reads_declared_columns_only;  /* poison elsewhere changes nothing */
annotator_law law_batches_do_not_matter;        /* rows in one batch or in many: the same columns */
annotator_law law_scratch_is_worthless;         /* used or new: the same columns */
annotator_law law_annotate_does_not_allocate;

/* ---- measurements of the whole pipeline ------------------------------------------------------ */

typedef bool merge_function(struct bytes a, struct bytes b, struct buffer *out);
struct measure_subject {
    const struct annotator_subject *annotators;
    uint32_t count;
    merge_function *merge; /* summary_add, or a faulty one */
};
typedef bool measure_law(const struct measure_subject *subject, uint64_t seed, struct error *why);

measure_law
    law_processes_add_up; /* split over processes, through the exchange, merged in any order */
measure_law law_damaged_bodies_are_safe; /* every truncation refused, mutations refused or valid */
measure_law law_changelog_restores;

/* ---- detectors ------------------------------------------------------------------------------- */

typedef bool detector_law(const struct detector_class *class, uint64_t seed, struct error *why);

detector_law law_split_events_give_the_same_bits;
detector_law law_detector_state_is_flat;
detector_law law_detector_state_is_checked; /* own states valid, damaged ones refused or survived */
detector_law law_detector_does_not_allocate;

/* ---- trackers -------------------------------------------------------------------------------- */

struct tracker_subject {
    const struct tracker_class *class;
    const void *conf;
};
typedef bool tracker_law(const struct tracker_subject *subject, uint64_t seed, struct error *why);

tracker_law law_evidence_order_does_not_matter;
tracker_law law_tracker_state_is_flat;
tracker_law law_tracker_state_is_checked;
tracker_law law_tracker_outputs_are_bounded; /* and readable; deadlines move on */
tracker_law law_tracker_does_not_allocate;

/* ---- operators that break them, see canary.c ------------------------------------------------- */

extern const struct annotator_class canary_undeclared_write, canary_red_zone,
    canary_undeclared_read, canary_batch, canary_hoarder, canary_allocates;
merge_function canary_forgetful_merge, canary_first_wins_merge;
extern const struct detector_class canary_self_pointer, canary_refuses_itself, canary_unchecked;
extern const struct tracker_class canary_last_wins, canary_forgets_deadline, canary_chatter;

#endif
