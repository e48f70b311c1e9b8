/*
 * random.c - see random.h. Binomial by inversion: from 0 where n p is small, else outwards from the mode
 * (Kemp 1986), whose probability comes from log Gamma. Multinomial as a chain of conditional binomials.
 */
#include "operators/math/random.h"

#include "operators/math/special.h"

#include <math.h>

static uint64_t rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

struct random_stream random_seed(uint64_t seed)
{
    struct random_stream stream;
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        stream.word[i] = z ^ (z >> 31);
    }
    return stream;
}

uint64_t random_u64(struct random_stream *stream)
{
    uint64_t *s = stream->word, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double random_uniform(struct random_stream *stream)
{
    return (double)(random_u64(stream) >> 11) * 0x1p-53;
}

double random_normal(struct random_stream *stream)
{
    double u = random_uniform(stream);
    return special_normal_quantile(u > 0.0 ? u : 0x1p-54);
}

static uint64_t binomial_from_zero(struct random_stream *stream, uint64_t n, double p)
{
    double u = random_uniform(stream), odds = p / (1.0 - p), mass = exp((double)n * log1p(-p));
    uint64_t k = 0;
    while (u > mass && k < n) {
        u -= mass;
        k++;
        mass *= odds * (double)(n - k + 1) / (double)k;
    }
    return k;
}

static uint64_t binomial_from_mode(struct random_stream *stream, uint64_t n, double p)
{
    double u = random_uniform(stream), odds = p / (1.0 - p);
    uint64_t mode = (uint64_t)((double)(n + 1) * p), up = mode, down = mode;
    double log_mass = special_log_gamma((double)n + 1) - special_log_gamma((double)mode + 1) -
                      special_log_gamma((double)(n - mode) + 1) + (double)mode * log(p) +
                      (double)(n - mode) * log1p(-p);
    double mass_up = exp(log_mass), mass_down = mass_up;
    u -= mass_up;
    while (u > 0.0 && (up < n || down > 0)) {
        if (up < n) {
            up++;
            mass_up *= odds * (double)(n - up + 1) / (double)up;
            u -= mass_up;
            if (u <= 0.0)
                return up;
        }
        if (down > 0) {
            mass_down *= (double)down / (odds * (double)(n - down + 1));
            down--;
            u -= mass_down;
            if (u <= 0.0)
                return down;
        }
        if (mass_up < 1e-18 && mass_down < 1e-18) /* rounding left a crumb of u */
            break;
    }
    return mode;
}

uint64_t random_binomial(struct random_stream *stream, uint64_t n, double p)
{
    if (n == 0 || !(p > 0.0))
        return 0;
    if (!(p < 1.0))
        return n;
    double q = p > 0.5 ? 1.0 - p : p;
    uint64_t k =
        (double)n * q < 8.0 ? binomial_from_zero(stream, n, q) : binomial_from_mode(stream, n, q);
    return p > 0.5 ? n - k : k;
}

void random_multinomial(struct random_stream *stream, uint64_t n, const double *pmf, uint32_t bins,
                        uint64_t *out)
{
    double rest = 1.0;
    for (uint32_t j = 0; j < bins; j++) {
        double share = rest > 0.0 ? pmf[j] / rest : 1.0;
        out[j] = j + 1 == bins ? n : random_binomial(stream, n, share < 1.0 ? share : 1.0);
        n -= out[j];
        rest -= pmf[j];
    }
}
