/* check_report.h - the findings of `assay check`, for people and as one JSON object. */
#ifndef ENGINE_COMMAND_CHECK_REPORT_H
#define ENGINE_COMMAND_CHECK_REPORT_H

#include "engine/command/check_phase.h"
#include "engine/command/check_rule.h"

struct check_findings {
    struct setup *setup;
    const char *config_path; /* NULL: defaults */
    const struct rule_check *rules; /* as many as the rule set has */
    struct phase_report phases;
    bool kafka;          /* topics were looked at, … */
    const char *topics;  /* … and this is wrong with them; NULL: nothing */
};

void check_report_words(const struct check_findings *findings);
void check_report_json(const struct check_findings *findings);

#endif
