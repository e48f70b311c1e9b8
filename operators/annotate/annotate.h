/* annotate.h - the annotators of this folder, for the registry and for tests; they never see each other. */
#ifndef OPERATORS_ANNOTATE_ANNOTATE_H
#define OPERATORS_ANNOTATE_ANNOTATE_H

#include "engine/operator/annotator.h"

extern const struct annotator_class annotator_who;
extern const struct annotator_class annotator_prompt;
extern const struct annotator_class annotator_format;
extern const struct annotator_class annotator_sampler;
extern const struct annotator_class annotator_score;

#endif
