/*
 * rates_follow.h - reads <app>-rates to its end, keeps what is not yet valid, and hands out the table
 * that is in force at a log time. One per shard; versions switch between commits only.
 *
 * The version of a table is the largest valid_from_ms in it: version and topic determine the table.
 */
#ifndef ENGINE_FLOW_RATES_FOLLOW_H
#define ENGINE_FLOW_RATES_FOLLOW_H

#include "engine/bus/ports.h"
#include "engine/operator/rates.h"

struct rates_follow;

/* topic must have exactly one partition. Reads to the end before it returns. NULL with the reason. */
struct rates_follow *rates_follow_open(struct bus *bus, const char *topic, const struct rate *defaults, struct error *error);
void rates_follow_close(struct rates_follow *follow);
/* Takes in what is new in the topic; never waits. False: fatal. */
bool rates_follow_poll(struct rates_follow *follow, struct error *error);
/* The table in force at log_time_ms; borrowed until the next call. */
const struct rates *rates_follow_at(struct rates_follow *follow, int64_t log_time_ms);
/* Records that could not be read, counted. */
uint64_t rates_follow_bad(const struct rates_follow *follow);

#endif
