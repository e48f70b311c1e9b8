/* track.h - the trackers of this folder, for the registry and for tests; they never see each
 * other. */
#ifndef OPERATORS_TRACK_TRACK_H
#define OPERATORS_TRACK_TRACK_H

#include "engine/operator/tracker.h"

extern const struct tracker_class tracker_planner, tracker_trace;

#endif
