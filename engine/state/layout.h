/*
 * layout.h - the bins of a metric. A value becomes a bin number in front; from there on all is
 * integer addition.
 *
 *   flag         pass, fail, no_content, unparsed (only the first two are in the rate)
 *   ordinal(k)   1 … k          category(k)  named bins
 *   linear(n)    n equal bins over [lo, hi], ends clamped
 *   log          value relative accuracy 1 % (DDSketch, Masson, Rim & Lee 2019: gamma = 1.01/0.99)
 */
#ifndef ENGINE_STATE_LAYOUT_H
#define ENGINE_STATE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

enum layout_kind { LAYOUT_FLAG, LAYOUT_ORDINAL, LAYOUT_LINEAR, LAYOUT_LOG, LAYOUT_CATEGORY };

enum { FLAG_PASS, FLAG_FAIL, FLAG_NO_CONTENT, FLAG_UNPARSED, FLAG_BINS };

#define LAYOUT_BINS_MAX 1152

struct layout {
    uint8_t kind;  /* enum layout_kind */
    uint16_t bins; /* FLAG_BINS for flag, k for ordinal and category, n for linear, 1152 for log */
    float lo, hi;  /* linear only */
};

#define LAYOUT_OF_FLAG ((struct layout){LAYOUT_FLAG, FLAG_BINS, 0, 0})
#define LAYOUT_OF_ORDINAL(k) ((struct layout){LAYOUT_ORDINAL, (k), 0, 0})
#define LAYOUT_OF_LOG ((struct layout){LAYOUT_LOG, LAYOUT_BINS_MAX, 0, 0})

/* Bin of a value; values outside go to the end bins. Ordinal: nearest integer 1…k. */
uint16_t layout_bin(const struct layout *layout, double value);
/* Representative value of a bin: ordinal 1…k, flag 0/1 (fail = 1), linear and log the bin's middle. */
double layout_value(const struct layout *layout, uint16_t bin);
/* Badness y in [0,1] of a bin for detectors, larger = worse, and false for bins that do not count
 * (flag's no_content and unparsed). Ordinal: (k - value)/(k - 1). */
bool layout_badness(const struct layout *layout, uint16_t bin, double *badness);
bool layout_equal(const struct layout *a, const struct layout *b);

#endif
