/*
 * oracle_rates.h - which rates were in force for an input record: the version stamped on the exchange
 * record that covers its offset, and the table of that version from the rates topic.
 */
#ifndef TESTS_SIMULATION_ORACLE_RATES_H
#define TESTS_SIMULATION_ORACLE_RATES_H

#include "tests/simulation/oracle.h"

struct oracle_rates;

struct oracle_rates *oracle_rates_open(const struct oracle *oracle);
void oracle_rates_close(struct oracle_rates *rates);
const struct rates *oracle_rates_for(struct oracle_rates *rates, uint32_t input, const struct oracle_record *record);
/* Offsets that more than one transaction says it took: 0, or something was folded twice. */
uint64_t oracle_rates_overlaps(const struct oracle_rates *rates);
/* Different versions that were stamped on ranges with records in them. */
uint32_t oracle_rates_versions(const struct oracle_rates *rates);

#endif
