/* detect.h - the detectors of this folder, for the registry and for tests; they never see each other. */
#ifndef OPERATORS_DETECT_DETECT_H
#define OPERATORS_DETECT_DETECT_H

#include "engine/operator/detector.h"

extern const struct detector_class operator_shift;
extern const struct detector_class operator_effect;

#endif
