/*
 * log.h - one JSON object per line on stderr: per event of the program, never per record, never
 * content. Rate-limited per call site by the caller's struct; thread-safe (one write per line).
 */
#ifndef ENGINE_BASE_LOG_H
#define ENGINE_BASE_LOG_H

#include "engine/base/error.h"
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* Process-wide threshold; set once by main before threads start. */
void log_set_level(enum log_level level);
/* component: "shard", "kafka", …; shard: -1 when none. */
void log_line(enum log_level level, const char *component, int shard, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
