/*
 * dedupe.h - has this (trace, span) been seen on this source partition within the window?
 *
 * An id is kept with the place it was first seen at, so reading the same record again after an abort
 * or a restart is not a duplicate of itself. Bounded: past ids_max the oldest go, and duplicates of
 * those are counted as new. Two generations, swapped by time or fill; nothing is allocated per span.
 */
#ifndef ENGINE_FLOW_DEDUPE_H
#define ENGINE_FLOW_DEDUPE_H

#include "engine/base/bytes.h"

struct dedupe;

struct dedupe *dedupe_create(uint32_t ids_max, int64_t window_ms);
void dedupe_destroy(struct dedupe *dedupe);
/* What stands for an id; any good 64-bit hash of another kind of id does too. */
uint64_t dedupe_hash_span(struct bytes trace_id, struct bytes span_id);
/* Asks for the memory where the id would be, so that a dedupe_seen some calls later does not wait for it. */
void dedupe_prefetch(const struct dedupe *dedupe, uint64_t id_hash);
/* True when the id with this hash was seen before at another place. place: offset * 2^20 + span number. */
bool dedupe_seen(struct dedupe *dedupe, uint64_t id_hash, uint64_t place, int64_t time_ms);
/* Ids forgotten early because of ids_max. */
uint64_t dedupe_evicted(const struct dedupe *dedupe);
/* Start of what must be re-read to rebuild: the place of the oldest id kept; UINT64_MAX: none. */
uint64_t dedupe_oldest_place(const struct dedupe *dedupe);

#endif
