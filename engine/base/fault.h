/*
 * fault.h - places where a test build may die, hang or misbehave; nothing at all in other builds.
 *
 * With ASSAY_FAULT_POINTS defined:
 *   ASSAY_FAULT_AT=name:count           SIGKILL at the count-th pass of fault_point("name")
 *   ASSAY_FAULT_AT=name:count:stop      SIGSTOP there, once; goes on after SIGCONT
 *   ASSAY_FAULT_AT=name:count:sleep=MS  this thread waits there; the others go on
 *   ASSAY_FAULT_AT=name:count:hang      never returns from there
 *   ASSAY_FAULT_AT=random:seed:p        SIGKILL at each pass of any point with probability p
 *   ASSAY_FAULT_RULES_OFF=rule,rule     fault_rule_off("rule") is true: the guard is taken out, so
 *                                       that a test can show that it fails without it
 */
#ifndef ENGINE_BASE_FAULT_H
#define ENGINE_BASE_FAULT_H

#include <stdbool.h>

#ifdef ASSAY_FAULT_POINTS
void fault_point(const char *name);
bool fault_rule_off(const char *rule);
#else
#define fault_point(name)    ((void)0)
#define fault_rule_off(rule) (false)
#endif

#endif
