/* walk.h - the OTLP walk and the alias table alone, as rows of bench_stages. */
#ifndef BENCH_WALK_H
#define BENCH_WALK_H

#include "engine/span/span_batch.h"

/* Prints ns and allocated bytes per lean span of the walk, leaves settled, with these columns. */
void walk_bench(const struct span_column_set *wanted, uint32_t spans_per_record, int rounds, bool json);
/* Prints ns per lookup: of names in the table, of real names that are not, and in the order a span has them. */
void alias_bench(int rounds, bool json);

#endif
