/*
 * layout.c - value → bin, bin → value, bin → badness.
 *
 * Bins must be the same on every machine, so the logarithmic layout never trusts libm: log() only
 * proposes a bin, and edges made of IEEE multiplications alone decide.
 *
 * Log bins: 0 holds everything below 1 (zero, negative, NaN), bin i in 1 … 1151 holds
 * [gamma^(i-1), gamma^i) with gamma = 1.01/0.99, so 1 … 10^10 in the metric's unit. Metrics are
 * therefore counted in small units: µs or ms, nano-dollars, tokens, words. The representative value
 * 2 gamma^i / (gamma + 1) is within 1 % of every value of its bin (Masson, Rim & Lee 2019, §2).
 */
#include "engine/state/layout.h"

#include "engine/base/check.h"

#include <math.h>

#define LOG_GAMMA    (1.01 / 0.99)
#define LOG_OF_GAMMA 0.020000666706669435 /* log(1.01/0.99) */

/* gamma^n for 0 <= n < 2048 by squaring: multiplications only, hence the same bits everywhere. */
static double gamma_power(unsigned n)
{
    double power = 1.0, square = LOG_GAMMA;
    for (; n > 0; n >>= 1) {
        if (n & 1u)
            power *= square;
        square *= square;
    }
    return power;
}

static uint16_t log_bin(uint16_t bins, double value)
{
    if (!(value >= 1.0))
        return 0;
    unsigned last = bins - 1u;
    double guess = log(value) / LOG_OF_GAMMA;
    if (!(guess < (double)last))
        return (uint16_t)last;
    unsigned below =
        (unsigned)guess; /* gamma^below <= value < gamma^(below + 1), give or take one */
    while (below > 0 && gamma_power(below) > value)
        below--;
    while (below < last && gamma_power(below + 1) <= value)
        below++;
    return (uint16_t)(below + 1 < last ? below + 1 : last);
}

/* floor(value) clamped to 0 … bins - 1; NaN goes to 0. */
static uint16_t clamp_bin(uint16_t bins, double value)
{
    if (!(value >= 1.0))
        return 0;
    return value >= (double)bins ? (uint16_t)(bins - 1u) : (uint16_t)value;
}

uint16_t layout_bin(const struct layout *layout, double value)
{
    CHECK_HOT(layout->bins > 0);
    switch ((enum layout_kind)layout->kind) {
    case LAYOUT_FLAG:
        return value >= 0.5 ? FLAG_FAIL : FLAG_PASS;
    case LAYOUT_ORDINAL:
        return clamp_bin(layout->bins, value - 0.5);
    case LAYOUT_LINEAR: {
        double width = (double)layout->hi - (double)layout->lo;
        return width > 0.0
                   ? clamp_bin(layout->bins, (value - (double)layout->lo) / width * layout->bins)
                   : 0;
    }
    case LAYOUT_LOG:
        return log_bin(layout->bins, value);
    case LAYOUT_CATEGORY:
        return clamp_bin(layout->bins, value);
    }
    return 0;
}

double layout_value(const struct layout *layout, uint16_t bin)
{
    CHECK_HOT(bin < layout->bins);
    switch ((enum layout_kind)layout->kind) {
    case LAYOUT_FLAG:
        return bin == FLAG_FAIL ? 1.0 : 0.0;
    case LAYOUT_ORDINAL:
        return 1.0 + bin;
    case LAYOUT_LINEAR: {
        double width = (double)layout->hi - (double)layout->lo;
        return (double)layout->lo + width * ((double)bin + 0.5) / layout->bins;
    }
    case LAYOUT_LOG:
        return bin == 0 ? 0.0 : gamma_power(bin) * 2.0 / (LOG_GAMMA + 1.0);
    case LAYOUT_CATEGORY:
        return bin;
    }
    return 0.0;
}

bool layout_badness(const struct layout *layout, uint16_t bin, double *badness)
{
    CHECK_HOT(bin < layout->bins);
    *badness = 0.0;
    switch ((enum layout_kind)layout->kind) {
    case LAYOUT_FLAG:
        *badness = bin == FLAG_FAIL ? 1.0 : 0.0;
        return bin == FLAG_PASS || bin == FLAG_FAIL;
    case LAYOUT_ORDINAL:
        if (layout->bins > 1)
            *badness = (double)(layout->bins - 1u - bin) / (double)(layout->bins - 1u);
        return true;
    case LAYOUT_LINEAR: /* larger = worse; rules about "smaller is worse" say direction: better */
        *badness = ((double)bin + 0.5) / layout->bins;
        return true;
    case LAYOUT_LOG:
        if (layout->bins > 1)
            *badness = (double)bin / (double)(layout->bins - 1u);
        return true;
    case LAYOUT_CATEGORY: /* no order, so no badness: detectors look at each bin's share */
        return false;
    }
    return false;
}

bool layout_equal(const struct layout *a, const struct layout *b)
{
    if (a->kind != b->kind || a->bins != b->bins)
        return false;
    return a->kind != LAYOUT_LINEAR || (a->lo == b->lo && a->hi == b->hi);
}
