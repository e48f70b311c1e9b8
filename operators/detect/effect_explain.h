/* effect_explain.h - the effect gate's explanation for people; private to effect*.c. */
#ifndef OPERATORS_DETECT_EFFECT_EXPLAIN_H
#define OPERATORS_DETECT_EFFECT_EXPLAIN_H

#include "engine/operator/detector.h"

void effect_explain(const struct detector_rule *rule, const struct baseline *baseline,
                    int64_t window_ms, struct detector_explanation *out);

#endif
