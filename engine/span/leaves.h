/*
 * leaves.h - one request, one leaf: several spans of a record about the same call are told apart.
 *
 * Libraries trace themselves below the instrumentation that wraps them, gateways write a raw copy, some
 * send a second span when a stream is done. Decided among the rows of one record in one batch; what lies
 * in other records is the trace tracker's. Linear in the rows, nothing allocated once warm.
 */
#ifndef ENGINE_SPAN_LEAVES_H
#define ENGINE_SPAN_LEAVES_H

#include "engine/span/span_batch.h"

/* Settles role and leaf of rows first … rows-1, which are one record's; it does nothing unless `role` is
 * wanted. encoding_decode calls it with whole records. */
void leaves_settle(struct span_batch *batch, uint32_t first);

#endif
