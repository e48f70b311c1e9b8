/*
 * shift_state.h - the flat state of the shift detector, private to shift*.c.
 *
 *     struct shift_header | struct shift_part × parts_max | struct shift_bet × parts_max × bets_max
 *
 * parts_max and bets_max follow from the layout alone, so the size does too. A part is one way of
 * looking at the histogram: its mean badness, or the share of observations on one side of a bin. Each
 * part has its own null, grid of bets and weight; weights of the parts in use sum to 1.
 *
 *     flag        mean, up to 12 bets
 *     ordinal(k)  mean (half the weight) and at most 8 cuts, "at or beyond this score", 6 bets each
 *     linear(n)   mean (half the weight) and the shares beyond the baseline's median, p95, p99
 *     log         the three shares alone
 *     category    the share of each bin (at most 40 of them)
 *
 * With an SLO constant in the rule (threshold) there is one part, the mean, and no baseline.
 */
#ifndef OPERATORS_DETECT_SHIFT_STATE_H
#define OPERATORS_DETECT_SHIFT_STATE_H

#include "engine/operator/detector.h"
#include "operators/math/betting.h"

#define SHIFT_VERSION        1
#define SHIFT_CUTS_MAX       8
#define SHIFT_QUANTILES      3
#define SHIFT_CATEGORIES_MAX 40
#define SHIFT_TEMPER_ONE     32768u

enum shift_flags {
    SHIFT_ARMED = 1,
    SHIFT_THIN = 2,     /* the baseline cannot support the rule's effect */
    SHIFT_REVERSED = 4, /* watching for recovery */
    SHIFT_CONSTANT = 8, /* the null is a constant of the rule, not a baseline */
    SHIFT_TICKET_ONLY = 16,
    SHIFT_FLAGS_ALL = 31,
};

enum shift_part_kind {
    PART_MEAN,  /* badness in the rule's direction */
    PART_LOW,   /* 1 where bin <= cut */
    PART_HIGH,  /* 1 where bin > cut */
    PART_EQUAL, /* 1 where bin == cut */
    PART_KINDS,
};

struct shift_header {
    uint16_t version;
    uint8_t layout_kind;
    uint8_t flags;
    uint16_t bins;
    uint16_t parts;   /* in use */
    int64_t start_ms; /* first epoch since arm or reverse; stamps of walks count from it; 0: none */
    double baseline_value; /* mean in the metric's own unit */
    double baseline_count;
    double needed;     /* observations the baseline needs for the rule's effect; 0: enough */
    double achievable; /* smallest effect this baseline shows, as verdict.effect; 0: as the rule */
    double reverse_null; /* badness of reverse_part that must be undercut to resolve */
    uint16_t reverse_part;
    uint16_t unused[3];
};

struct shift_part {
    double weight;
    double null_mean;    /* b0: upper limit of the baseline plus tolerance */
    double limit;        /* upper limit of the baseline */
    double resolve_mean; /* half of the rule's drop above the baseline's mean */
    uint16_t cut;
    uint8_t kind; /* enum shift_part_kind */
    uint8_t bets; /* of the forward grid, at most bets_max */
    uint32_t unused;
};

struct shift_bet {
    double wealth;
    double height;        /* walk of this bet, see betting_walk */
    float count, badness; /* of the walk */
    uint32_t since;       /* seconds since header.start_ms */
    uint16_t temper;      /* eta times SHIFT_TEMPER_ONE */
    uint16_t unused;
};

_Static_assert(sizeof(struct shift_header) == 64, "no padding in a state");
_Static_assert(sizeof(struct shift_part) == 40, "no padding in a state");
_Static_assert(sizeof(struct shift_bet) == 32, "no padding in a state");

/* A state as its three runs. */
struct shift_view {
    struct shift_header *header;
    struct shift_part *parts;
    struct shift_bet *bets; /* bets_max of them per part */
    uint32_t parts_max, bets_max;
};

uint32_t shift_parts_max(const struct layout *layout);
uint32_t shift_bets_max(const struct layout *layout);
uint32_t shift_state_bytes(const struct layout *layout);
struct shift_view shift_view_of(const struct layout *layout, void *state);
bool shift_state_valid(const struct layout *layout, const void *state, uint32_t size);

/* Room for any part's histogram. */
struct shift_sample {
    double values[LAYOUT_BINS_MAX];
    uint64_t counts[LAYOUT_BINS_MAX];
    struct betting_sample sample; /* points at the two above */
    uint64_t total;               /* observations that count */
};
/* What a part sees of a histogram with layout->bins counts. */
void shift_part_sample(const struct layout *layout, enum direction direction,
                       enum shift_part_kind kind, uint16_t cut, const uint64_t *bins,
                       struct shift_sample *out);

/* The same mean badness, in the metric's own unit. */
double shift_own_unit(const struct layout *layout, enum direction direction, double badness);

void shift_explain(const struct detector_rule *rule, const struct baseline *baseline,
                   int64_t window_ms, struct detector_explanation *out);
void shift_arm(const struct detector_rule *rule, void *state, const struct baseline *baseline,
               struct verdict *out);

#endif
