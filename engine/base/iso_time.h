/* iso_time.h - ISO 8601 times as instrumentations and people write them: 2026-11-21T02:34:20.069701Z. */
#ifndef ENGINE_BASE_ISO_TIME_H
#define ENGINE_BASE_ISO_TIME_H

#include "engine/base/bytes.h"

/* Nanoseconds since 1970; INT64_MIN when it is no such time. Date and time are needed; fraction and
 * offset may be missing (then UTC). */
int64_t iso_time_ns(struct bytes text);

#endif
