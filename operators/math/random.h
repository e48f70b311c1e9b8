/*
 * random.h - reproducible random draws for simulations: folklore rules, benches, tests.
 *
 * xoshiro256** (Blackman & Vigna 2021) seeded by splitmix64: the same seed gives the same stream on every
 * machine. Not for secrets.
 */
#ifndef OPERATORS_MATH_RANDOM_H
#define OPERATORS_MATH_RANDOM_H

#include <stdint.h>

struct random_stream {
    uint64_t word[4];
};

struct random_stream random_seed(uint64_t seed);
uint64_t random_u64(struct random_stream *stream);
double random_uniform(struct random_stream *stream); /* [0, 1), 53 bits */
double random_normal(struct random_stream *stream);
/* Exact draws; n up to 2^31, 0 <= p <= 1. Cost grows with the standard deviation. */
uint64_t random_binomial(struct random_stream *stream, uint64_t n, double p);
void random_multinomial(struct random_stream *stream, uint64_t n, const double *pmf, uint32_t bins,
                        uint64_t *out);

#endif
