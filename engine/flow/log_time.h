/*
 * log_time.h - the clock of one back partition: a function of its exchange log and nothing else.
 *
 * It is the smallest log time over active sources minus `settle`, and never goes back. A source is
 * inactive when its writer says so, or when nothing was heard of it for `inactive_after` of the wall
 * time that the log itself carries. With no source active the clock follows that wall time, so
 * silence closes epochs too. It starts when every source was heard of, or after `inactive_after`.
 */
#ifndef ENGINE_FLOW_LOG_TIME_H
#define ENGINE_FLOW_LOG_TIME_H

#include "engine/base/buffer.h"
#include "engine/flow/counters.h"
#include "engine/flow/exchange.h"

struct log_time;

struct log_time *log_time_create(int64_t settle_ms, int64_t inactive_after_ms);
void log_time_destroy(struct log_time *clock);
/* Takes the punctuation of one exchange record; returns the clock's value afterwards. */
int64_t log_time_advance(struct log_time *clock, const struct exchange_stamp *stamp);
/* LOG_TIME_NONE until it has started. */
int64_t log_time_now(const struct log_time *clock);
/* Smallest log time of an active source, for holding back those far ahead; LOG_TIME_NONE: none. */
int64_t log_time_slowest(const struct log_time *clock);
/* The newest wall time carried by the log. */
int64_t log_time_wall(const struct log_time *clock);

/* Durable form: everything the next advance depends on. */
void log_time_encode(const struct log_time *clock, struct buffer *out);
bool log_time_decode(struct log_time *clock, struct bytes in);
void log_time_reset(struct log_time *clock);

#endif
