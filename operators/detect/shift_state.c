/*
 * shift_state.c - size, view and validity of the shift detector's state; see shift_state.h.
 *
 * Validity is what keeps arithmetic defined on bytes from outside: every double finite and in its range,
 * every index inside, unused bytes zero. It does not try to prove that a state was ever reached.
 */
#include "operators/detect/shift_state.h"

#include "engine/base/check.h"

#include <math.h>
#include <string.h>

uint32_t shift_parts_max(const struct layout *layout)
{
    uint32_t bins = layout->bins;
    switch ((enum layout_kind)layout->kind) {
    case LAYOUT_FLAG:
        return 1;
    case LAYOUT_ORDINAL:
        if (bins <= 2)
            return 1;
        return 1 + (bins - 1 < SHIFT_CUTS_MAX ? bins - 1 : SHIFT_CUTS_MAX);
    case LAYOUT_LINEAR:
        return 1 + SHIFT_QUANTILES;
    case LAYOUT_LOG:
        return SHIFT_QUANTILES;
    case LAYOUT_CATEGORY:
        return bins < SHIFT_CATEGORIES_MAX ? bins : SHIFT_CATEGORIES_MAX;
    }
    return 1;
}

uint32_t shift_bets_max(const struct layout *layout)
{
    return layout->kind == LAYOUT_FLAG || layout->kind == LAYOUT_LOG ? BETTING_GRID_MAX
                                                                     : BETTING_GRID_SCORES;
}

uint32_t shift_state_bytes(const struct layout *layout)
{
    uint32_t parts = shift_parts_max(layout);
    return (uint32_t)sizeof(struct shift_header) + parts * (uint32_t)sizeof(struct shift_part) +
           parts * shift_bets_max(layout) * (uint32_t)sizeof(struct shift_bet);
}

struct shift_view shift_view_of(const struct layout *layout, void *state)
{
    struct shift_view view = {
        .header = state, .parts_max = shift_parts_max(layout), .bets_max = shift_bets_max(layout)};
    CHECK(((uintptr_t)state & 7u) == 0);
    view.parts = (struct shift_part *)(void *)(view.header + 1);
    view.bets = (struct shift_bet *)(void *)(view.parts + view.parts_max);
    return view;
}

static bool within(double value, double low, double high) { return value >= low && value <= high; }

static bool header_valid(const struct layout *layout, const struct shift_header *header)
{
    if (header->version != SHIFT_VERSION || header->layout_kind != layout->kind ||
        header->bins != layout->bins)
        return false;
    if ((header->flags & ~SHIFT_FLAGS_ALL) != 0 || header->parts > shift_parts_max(layout))
        return false;
    if ((header->flags & SHIFT_ARMED) != 0 && header->parts == 0)
        return false;
    if (header->start_ms < 0 || header->start_ms > INT64_C(1) << 53)
        return false;
    if (header->reverse_part != 0 && header->reverse_part >= header->parts)
        return false;
    if (header->baseline_value != 0.0 &&
        !(fabs(header->baseline_value) >= 1e-30)) /* effects stay finite */
        return false;
    return within(header->baseline_value, -1e300, 1e300) &&
           within(header->baseline_count, 0.0, 1e19) && within(header->needed, 0.0, 1e300) &&
           within(header->achievable, -1e300, 1e300) && within(header->reverse_null, 0.0, 1.0) &&
           (header->unused[0] | header->unused[1] | header->unused[2]) == 0;
}

static bool part_valid(const struct layout *layout, const struct shift_part *part, bool used)
{
    if (!used)
        return part->weight == 0.0 && part->bets == 0 && part->unused == 0;
    return part->kind < PART_KINDS && part->cut < layout->bins && part->bets >= 1 &&
           part->unused == 0 && part->bets <= shift_bets_max(layout) &&
           within(part->weight, 0.0, 1.0) &&
           within(part->null_mean, BETTING_NULL_MIN, 1.0 - BETTING_NULL_MIN) &&
           within(part->limit, 0.0, 1.0) && within(part->resolve_mean, 0.0, 1.0);
}

static bool bet_valid(const struct shift_bet *bet)
{
    return within(bet->wealth, 0.0, BETTING_WEALTH_MAX) && within(bet->height, 0.0, 1e9) &&
           within((double)bet->count, 0.0, 1e30) && within((double)bet->badness, 0.0, 1e30) &&
           bet->temper <= SHIFT_TEMPER_ONE && bet->unused == 0;
}

bool shift_state_valid(const struct layout *layout, const void *state, uint32_t size)
{
    struct shift_header header;
    const uint8_t *at = state;
    if (layout->bins == 0 || layout->bins > LAYOUT_BINS_MAX || size != shift_state_bytes(layout))
        return false;
    memcpy(&header, at, sizeof header);
    at += sizeof header;
    if (!header_valid(layout, &header))
        return false;
    for (uint32_t i = 0; i < shift_parts_max(layout); i++, at += sizeof(struct shift_part)) {
        struct shift_part part;
        memcpy(&part, at, sizeof part);
        if (!part_valid(layout, &part, i < header.parts))
            return false;
    }
    for (uint32_t i = 0; i < shift_parts_max(layout) * shift_bets_max(layout);
         i++, at += sizeof(struct shift_bet)) {
        struct shift_bet bet;
        memcpy(&bet, at, sizeof bet);
        if (!bet_valid(&bet))
            return false;
    }
    return true;
}

static bool in_share(enum shift_part_kind kind, uint32_t bin, uint16_t cut)
{
    return kind == PART_LOW ? bin <= cut : kind == PART_HIGH ? bin > cut : bin == cut;
}

void shift_part_sample(const struct layout *layout, enum direction direction,
                       enum shift_part_kind kind, uint16_t cut, const uint64_t *bins,
                       struct shift_sample *out)
{
    uint32_t used = 0;
    out->total = 0;
    if (kind != PART_MEAN) {
        out->values[0] = 0.0;
        out->values[1] = 1.0;
        out->counts[0] = out->counts[1] = 0;
        used = 2;
    }
    for (uint32_t j = 0; j < layout->bins; j++) {
        double badness;
        bool counts =
            layout_badness(layout, (uint16_t)j, &badness) || layout->kind == LAYOUT_CATEGORY;
        if (!counts)
            continue;
        out->total += bins[j];
        if (kind != PART_MEAN) {
            out->counts[in_share(kind, j, cut)] += bins[j];
            continue;
        }
        out->values[used] = direction == DIRECTION_WORSE ? badness : 1.0 - badness;
        out->counts[used++] = bins[j];
    }
    out->sample = (struct betting_sample){out->values, out->counts, used};
}

double shift_own_unit(const struct layout *layout, enum direction direction, double badness)
{
    double y = direction == DIRECTION_WORSE ? badness : 1.0 - badness;
    if (!(y >= 0.0)) /* a damaged state may say anything, NaN too */
        y = 0.0;
    if (y > 1.0)
        y = 1.0;
    switch ((enum layout_kind)layout->kind) {
    case LAYOUT_ORDINAL:
        return (double)layout->bins - y * (double)(layout->bins - 1u);
    case LAYOUT_LINEAR:
        return (double)layout->lo + y * ((double)layout->hi - (double)layout->lo);
    case LAYOUT_LOG: /* the value at this place of the logarithmic range */
        return layout_value(layout, (uint16_t)(y * (double)(layout->bins - 1u) + 0.5));
    case LAYOUT_FLAG:
    case LAYOUT_CATEGORY:
        break;
    }
    return y;
}
