/*
 * label_sets.h - label sets of digests as numbers: what states hold in place of texts.
 *
 * Numbers are dense and hold as long as the table. Past its limit every further set is number 0, "other".
 */
#ifndef ENGINE_FLOW_LABEL_SETS_H
#define ENGINE_FLOW_LABEL_SETS_H

#include "engine/flow/exchange_digests.h"

struct label_sets;

struct label_sets *label_sets_create(uint32_t sets_max);
void label_sets_destroy(struct label_sets *sets);
uint32_t label_sets_intern(struct label_sets *sets, const struct digest_set *set);
/* NULL when there is none of that number. */
const struct digest_set *label_sets_at(const struct label_sets *sets, uint32_t number);

#endif
