/* detector_laws.c - see laws.h. Series, rules and baselines are drawn; verdicts are compared bit
 * by bit. */
#include "engine/base/memory.h"
#include "engine/state/summary.h"
#include "operators/math/random.h"
#include "tests/laws/allocations.h"
#include "tests/laws/laws.h"

#include <math.h>

#define EPOCHS   10
#define RED_ZONE 32
#define RED      0xA5

/* ---- what is drawn --------------------------------------------------------------------------- */

static const struct layout layouts[] = {
    {LAYOUT_FLAG, FLAG_BINS, 0, 0}, {LAYOUT_ORDINAL, 5, 0, 0},           {LAYOUT_ORDINAL, 2, 0, 0},
    {LAYOUT_LINEAR, 20, 0, 1},      {LAYOUT_LOG, LAYOUT_BINS_MAX, 0, 0}, {LAYOUT_CATEGORY, 8, 0, 0},
};

/* One series under one rule: a baseline, then epochs. */
struct series {
    struct detector_rule rule;
    struct baseline baseline;
    uint64_t pooled[LAYOUT_BINS_MAX], days[BASELINE_DAYS_MAX][LAYOUT_BINS_MAX];
    const uint64_t *day_bins[BASELINE_DAYS_MAX];
    struct random_stream random;
    uint64_t bins[LAYOUT_BINS_MAX], window[LAYOUT_BINS_MAX]; /* of the newest epoch */
    struct detector_epoch epoch;
};

static double maybe(struct random_stream *random, double value)
{
    return random_u64(random) % 2 ? value : NAN;
}

static uint16_t draw_bin(struct random_stream *random, const struct layout *layout, double worse)
{
    double u = random_uniform(random);
    if (layout->kind == LAYOUT_FLAG && random_u64(random) % 4)
        return u < worse ? FLAG_FAIL : FLAG_PASS;
    double at = layout->bins * (u * u * (1.0 - worse) + worse * u);
    return (uint16_t)(at < layout->bins ? at : layout->bins - 1);
}

static struct series *draw_series(uint64_t seed)
{
    struct series *s = memory_allocate(sizeof *s);
    s->random = random_seed(seed);
    struct random_stream *r = &s->random;
    const struct layout *layout = &layouts[seed % (sizeof layouts / sizeof *layouts)];
    s->rule =
        (struct detector_rule){.layout = *layout,
                               .direction = random_u64(r) % 3 ? DIRECTION_WORSE : DIRECTION_BETTER,
                               .effect_relative = 0.02 + 0.5 * random_uniform(r),
                               .effect_ratio = maybe(r, 2),
                               .threshold = random_u64(r) % 5 ? NAN : 0.1,
                               .tolerance = maybe(r, 0.01),
                               .gamma = exp(7 + 7 * random_uniform(r)),
                               .effect_min_count = (uint32_t)(random_u64(r) % 40),
                               .epoch_ms = random_u64(r) % 2 ? 60000 : 3600000};
    s->baseline = (struct baseline){.bins = s->pooled,
                                    .day_bins = s->day_bins,
                                    .days = (uint32_t)(random_u64(r) % (BASELINE_DAYS_MAX + 1)),
                                    .end_ms = 1700000000000};
    s->baseline.start_ms = s->baseline.end_ms - (int64_t)s->baseline.days * 86400000;
    for (uint32_t d = 0; d < s->baseline.days; d++) {
        s->day_bins[d] = s->days[d];
        for (uint64_t n = random_u64(r) % 300; n > 0; n--) {
            uint16_t bin = draw_bin(r, layout, 0.1);
            s->days[d][bin]++;
            s->pooled[bin]++;
        }
    }
    s->epoch = (struct detector_epoch){.end_ms = s->baseline.end_ms,
                                       .bins = s->bins,
                                       .window_bins = s->window,
                                       .window_ms = 86400000};
    return s;
}

/* The next epoch's histogram; when halves is not NULL, its events also go to one of two of them. */
static void next_epoch(struct series *s, uint64_t (*halves)[LAYOUT_BINS_MAX])
{
    const struct layout *layout = &s->rule.layout;
    double worse = random_uniform(&s->random);
    memset(s->bins, 0, sizeof s->bins);
    for (uint64_t n = 1 + random_u64(&s->random) % 80; n > 0; n--) {
        uint16_t bin = draw_bin(&s->random, layout, worse);
        uint64_t side = random_u64(&s->random) % 2;
        s->bins[bin]++;
        s->window[bin]++;
        if (halves != NULL)
            halves[side][bin]++;
    }
    s->epoch.start_ms = s->epoch.end_ms + (int64_t)(random_u64(&s->random) % 3) * s->rule.epoch_ms;
    s->epoch.end_ms = s->epoch.start_ms + s->rule.epoch_ms;
}

/* ---- a detector with its state between red zones --------------------------------------------- */

struct seat {
    const struct detector_class *class;
    uint32_t size;
    uint8_t *memory, *state;
};

static struct seat seat_open(const struct detector_class *class, const struct layout *layout)
{
    struct seat seat = {.class = class, .size = class->state_bytes(layout)};
    seat.memory = memory_allocate(seat.size + 2 * RED_ZONE);
    seat.state = seat.memory + RED_ZONE;
    memset(seat.memory, RED, RED_ZONE);
    memset(seat.state + seat.size, RED, RED_ZONE);
    return seat;
}

static bool seat_close(struct seat *seat)
{
    bool intact = true;
    for (uint32_t i = 0; i < RED_ZONE; i++)
        intact = intact && seat->memory[i] == RED && seat->state[seat->size + i] == RED;
    memory_free(seat->memory);
    return intact;
}

/* The state moves to new memory, the old one is overwritten. */
static bool seat_move(struct seat *seat, const struct layout *layout)
{
    struct seat other = seat_open(seat->class, layout);
    memcpy(other.state, seat->state, seat->size);
    memset(seat->state, 0xee, seat->size);
    bool intact = seat_close(seat);
    *seat = other;
    return intact;
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static bool same_verdict(const struct verdict *a, const struct verdict *b)
{
    const double *x[] = {&a->evidence, &a->threshold,    &a->observed,      &a->baseline,
                         &a->effect,   &a->interval_low, &a->interval_high, &a->log_increment,
                         &a->needed,   &a->achievable,   &a->since_onset};
    const double *y[] = {&b->evidence, &b->threshold,    &b->observed,      &b->baseline,
                         &b->effect,   &b->interval_low, &b->interval_high, &b->log_increment,
                         &b->needed,   &b->achievable,   &b->since_onset};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        if (!same_bits(*x[i], *y[i]))
            return false;
    return a->kind == b->kind && a->count == b->count && a->onset_ms == b->onset_ms &&
           a->ticket_only == b->ticket_only;
}

static void maybe_reverse(struct series *s, struct seat *one, struct seat *other)
{
    if (random_u64(&s->random) % 6 > 0)
        return;
    one->class->reverse(&s->rule, one->state);
    if (other != NULL)
        other->class->reverse(&s->rule, other->state);
}

/* ---- laws ------------------------------------------------------------------------------------ */

/* The bins as two summaries that were added. */
static void through_summaries(uint64_t (*halves)[LAYOUT_BINS_MAX], const struct layout *layout,
                              uint64_t *out)
{
    struct buffer encoded[3] = {BUFFER_WITH_LIMIT(1 << 20), BUFFER_WITH_LIMIT(1 << 20),
                                BUFFER_WITH_LIMIT(1 << 20)};
    for (int side = 0; side < 2; side++) {
        struct summary_bin bins[LAYOUT_BINS_MAX];
        uint32_t count = 0;
        for (uint16_t b = 0; b < layout->bins; b++)
            if (halves[side][b] > 0)
                bins[count++] = (struct summary_bin){b, halves[side][b]};
        summary_put(&encoded[side], 7, 0, bins, count);
    }
    memset(out, 0, layout->bins * sizeof *out);
    (void)summary_add(buffer_bytes(&encoded[1]), buffer_bytes(&encoded[0]), &encoded[2]);
    (void)summary_collect(buffer_bytes(&encoded[2]), 7, out, layout->bins, NULL);
    for (int i = 0; i < 3; i++)
        buffer_free(&encoded[i]);
}

bool law_split_events_give_the_same_bits(const struct detector_class *class, uint64_t seed,
                                         struct error *why)
{
    struct series *s = draw_series(seed);
    struct seat one = seat_open(class, &s->rule.layout), other = seat_open(class, &s->rule.layout);
    struct verdict a = {0}, b = {0};
    class->arm(&s->rule, one.state, &s->baseline, &a);
    class->arm(&s->rule, other.state, &s->baseline, &b);
    bool ok = same_verdict(&a, &b);
    for (int i = 0; ok && i < EPOCHS; i++) {
        static uint64_t halves[2][LAYOUT_BINS_MAX], merged[LAYOUT_BINS_MAX];
        memset(halves, 0, sizeof halves);
        next_epoch(s, halves);
        through_summaries(halves, &s->rule.layout, merged);
        class->close_epoch(&s->rule, one.state, &s->epoch, &a);
        s->epoch.bins = merged;
        class->close_epoch(&s->rule, other.state, &s->epoch, &b);
        s->epoch.bins = s->bins;
        ok = same_verdict(&a, &b) && memcmp(one.state, other.state, one.size) == 0;
        maybe_reverse(s, &one, &other);
    }
    bool intact = seat_close(&one);
    intact = seat_close(&other) && intact;
    memory_free(s);
    if (!intact)
        return error_set(why, ERROR_INPUT, "wrote outside its state");
    return ok || error_set(why, ERROR_INPUT,
                           "the same events give other bits when two processes counted them");
}

bool law_detector_state_is_flat(const struct detector_class *class, uint64_t seed,
                                struct error *why)
{
    struct series *s = draw_series(seed);
    struct seat still = seat_open(class, &s->rule.layout),
                moving = seat_open(class, &s->rule.layout);
    struct verdict a = {0}, b = {0};
    class->arm(&s->rule, still.state, &s->baseline, &a);
    class->arm(&s->rule, moving.state, &s->baseline, &b);
    bool ok = still.size == class->state_bytes(&s->rule.layout) && same_verdict(&a, &b),
         intact = true;
    for (int i = 0; ok && i < EPOCHS; i++) {
        intact = seat_move(&moving, &s->rule.layout) && intact;
        next_epoch(s, NULL);
        class->close_epoch(&s->rule, still.state, &s->epoch, &a);
        class->close_epoch(&s->rule, moving.state, &s->epoch, &b);
        ok = same_verdict(&a, &b) && memcmp(still.state, moving.state, still.size) == 0;
        maybe_reverse(s, &still, &moving);
    }
    intact = seat_close(&still) && intact;
    intact = seat_close(&moving) && intact;
    memory_free(s);
    if (!intact)
        return error_set(why, ERROR_INPUT, "wrote outside its state");
    return ok || error_set(why, ERROR_INPUT, "a state that was moved does not go on as before");
}

/* Some flipped bytes: refused, or two more epochs do no harm and leave a state that is still
 * valid. */
static bool survives_damage(struct series *s, const struct seat *seat, struct error *why)
{
    struct seat damaged = seat_open(seat->class, &s->rule.layout);
    bool ok = true;
    for (int n = 0; ok && n < 4; n++) {
        struct verdict ignored;
        memcpy(damaged.state, seat->state, seat->size);
        for (uint64_t flips = 1 + random_u64(&s->random) % 3; flips > 0; flips--)
            damaged.state[random_u64(&s->random) % (random_u64(&s->random) % 2 ? seat->size
                                                    : 64 < seat->size          ? 64
                                                                               : seat->size)] ^=
                (uint8_t)(1u << random_u64(&s->random) % 8);
        if (!seat->class->valid(&s->rule.layout, damaged.state, damaged.size))
            continue;
        seat->class->close_epoch(&s->rule, damaged.state, &s->epoch, &ignored);
        seat->class->reverse(&s->rule, damaged.state);
        seat->class->close_epoch(&s->rule, damaged.state, &s->epoch, &ignored);
        ok = seat->class->valid(&s->rule.layout, damaged.state, damaged.size) ||
             error_set(why, ERROR_INPUT, "took a damaged state and made an invalid one of it");
    }
    if (!seat_close(&damaged))
        return error_set(why, ERROR_INPUT, "wrote outside a damaged state");
    return ok;
}

bool law_detector_state_is_checked(const struct detector_class *class, uint64_t seed,
                                   struct error *why)
{
    struct series *s = draw_series(seed);
    struct seat seat = seat_open(class, &s->rule.layout);
    struct verdict verdict = {0};
    class->arm(&s->rule, seat.state, &s->baseline, &verdict);
    bool ok = true;
    for (int i = 0; ok && i < EPOCHS; i++) {
        ok = class->valid(&s->rule.layout, seat.state, seat.size) ||
             error_set(why, ERROR_INPUT, "calls its own state invalid");
        ok = ok && (!class->valid(&s->rule.layout, seat.state, seat.size - 1) ||
                    error_set(why, ERROR_INPUT, "takes a state that is too short"));
        next_epoch(s, NULL);
        class->close_epoch(&s->rule, seat.state, &s->epoch, &verdict);
        maybe_reverse(s, &seat, NULL);
        ok = ok && survives_damage(s, &seat, why);
    }
    bool intact = seat_close(&seat);
    memory_free(s);
    return ok && (intact || error_set(why, ERROR_INPUT, "wrote outside its state"));
}

bool law_detector_does_not_allocate(const struct detector_class *class, uint64_t seed,
                                    struct error *why)
{
    struct series *s = draw_series(seed);
    struct seat seat = seat_open(class, &s->rule.layout);
    struct verdict verdict = {0};
    uint64_t before = allocations_mark();
    class->arm(&s->rule, seat.state, &s->baseline, &verdict);
    for (int i = 0; i < 4; i++) {
        next_epoch(s, NULL);
        class->close_epoch(&s->rule, seat.state, &s->epoch, &verdict);
        class->reverse(&s->rule, seat.state);
    }
    bool ok = allocations_mark() == before;
    bool intact = seat_close(&seat);
    memory_free(s);
    if (!intact)
        return error_set(why, ERROR_INPUT, "wrote outside its state");
    return ok || error_set(why, ERROR_INPUT, "allocates while closing an epoch");
}
