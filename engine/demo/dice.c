/* dice.c - the two distributions that need logarithms. */
#include "engine/demo/dice.h"

#include <math.h>

#define TWO_PI 6.283185307179586

double dice_exponential(struct dice *dice) { return -log(1.0 - dice_unit(dice)); }

double dice_normal(struct dice *dice)
{
    double radius = sqrt(2.0 * dice_exponential(dice));
    return radius * cos(TWO_PI * dice_unit(dice));
}
