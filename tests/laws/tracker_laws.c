/*
 * tracker_laws.c - see laws.h. Evidence is drawn hour by hour; each tracker takes the kinds it
 * declares.
 */
#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/span/span_batch.h"
#include "operators/math/random.h"
#include "tests/laws/allocations.h"
#include "tests/laws/laws.h"

#define HOUR_MS          ((int64_t)3600000)
#define FIRST_HOUR       ((int64_t)472222)
#define HOURS            30
#define PIECES_MAX       40
#define PIECE_BYTES      400
#define OUTPUT_BYTES_MAX ((size_t)16 << 20) /* what entities.c has room for */
#define VALUE_BYTES_MAX  8192
#define GROWN_BYTES      65568 /* the most that the trace tracker asks for */

/* The evidence of one hour. */
struct pieces {
    uint8_t bytes[PIECES_MAX][PIECE_BYTES];
    size_t sizes[PIECES_MAX];
    uint32_t count;
};

static struct bytes draw_label(struct random_stream *random, uint64_t variety)
{
    static const char *const labels[] = {
        "refund",    "order",
        "faq",       "v1",
        "v2",        "none",
        "",          "\xf0\x9f\x98\x80",
        "a\"b\\c\n", "0123456789012345678901234567890123456789012345678901234567890123",
        "w0",        "w1",
        "w2",        "w3",
        "w4",        "w5",
        "w6",        "w7",
        "w8",        "w9"};
    uint64_t count = sizeof labels / sizeof *labels;
    return bytes_from_text(labels[random_u64(random) % (variety < count ? variety : count)]);
}

/* Of few spans, so that they are about each other. What a digest says is a function of what it is of. */
static void draw_digest(struct random_stream *random, int64_t hour, struct digest *out)
{
    static const uint8_t roles[] = {ROLE_CALL, ROLE_CALL, ROLE_AGENT, ROLE_TOOL, ROLE_EMBEDDINGS, ROLE_CALL_ADDENDUM, ROLE_HTTP};
    uint64_t span = random_u64(random) % 8, kind = random_u64(random) % 5, link = random_u64(random) % 3;
    memset(out, 0, sizeof *out);
    out->span_id = span + (kind > 2);
    out->kind = (uint8_t)(kind == 3 ? DIGEST_CONTENT : kind == 4 ? DIGEST_EVALUATION : DIGEST_SPAN);
    out->link = link = out->kind == DIGEST_SPAN ? span / 2 : link;
    out->response = span % 3;
    out->role = out->kind == DIGEST_SPAN ? roles[span % sizeof roles] : 0;
    out->flags = (uint8_t)(span % 4);
    out->event_ms = hour * HOUR_MS + (int64_t)(span * 1000 + link);
    out->log_ms = (hour + 1) * HOUR_MS + (int64_t)(random_u64(random) % 20000);
    out->labels = (uint32_t)span;
    memset(out->results, 0xff, sizeof out->results);
    for (uint32_t i = 0; i < 3; i++)
        if ((span + link + i) % 3 != 0)
            out->results[i] = (uint16_t)((span + i) % 4);
    out->amounts[0] = (uint32_t)(10 * link);
}

static void draw_digests(struct random_stream *random, int64_t hour, struct pieces *out)
{
    out->count = 1 + (uint32_t)(random_u64(random) % PIECES_MAX);
    for (uint32_t i = 0; i < out->count; i++) {
        struct buffer piece = {out->bytes[i], 0, PIECE_BYTES, PIECE_BYTES, false};
        buffer_put_u8(&piece, EVIDENCE_DIGESTS);
        for (uint64_t n = 1 + random_u64(random) % 4; n > 0; n--) {
            struct digest digest;
            draw_digest(random, hour, &digest);
            buffer_append(&piece, &digest, sizeof digest);
        }
        out->sizes[i] = piece.size;
    }
}

static void draw_pieces(const struct tracker_subject *subject, struct random_stream *random, int64_t hour, struct pieces *out)
{
    if (subject->class->evidence >> EVIDENCE_DIGESTS & 1) {
        draw_digests(random, hour, out);
        return;
    }
    uint64_t variety = 1 + random_u64(random) % 20;
    out->count = 1 + (uint32_t)(random_u64(random) % PIECES_MAX);
    for (uint32_t i = 0; i < out->count; i++) {
        struct buffer piece = {out->bytes[i], 0, PIECE_BYTES, PIECE_BYTES, false};
        struct evidence_population e = {
            .hour = hour - (random_u64(random) % 10 == 0 ? (int64_t)(random_u64(random) % 5) : 0),
            .calls = random_u64(random) % 6 ? random_u64(random) % 3000 : random_u64(random),
            .env = draw_label(random, 2),
            .intent = draw_label(random, variety),
            .prompt = draw_label(random, variety),
            .model = draw_label(random, variety)};
        evidence_write_population(&e, &piece);
        out->sizes[i] = piece.size;
    }
}

/* Another order of the same pieces. */
static void shuffle(struct random_stream *random, const struct pieces *from, struct pieces *to)
{
    uint32_t order[PIECES_MAX];
    for (uint32_t i = 0; i < from->count; i++)
        order[i] = i;
    to->count = from->count;
    for (uint32_t i = from->count; i > 0; i--) {
        uint32_t at = (uint32_t)(random_u64(random) % i), pick = order[at];
        order[at] = order[i - 1];
        memcpy(to->bytes[i - 1], from->bytes[pick], PIECE_BYTES);
        to->sizes[i - 1] = from->sizes[pick];
    }
}

/* ---- a tracker as entities.c runs it --------------------------------------------------------- */

struct seat {
    const struct tracker_subject *subject;
    uint8_t *state;
    uint32_t size;         /* of the state */
    uint64_t counters[16];
    struct buffer outputs; /* all since the start */
    bool stuck;            /* a timer that did not move its deadline */
};

static struct tracker_call call_at(struct seat *seat, int64_t now_ms)
{
    static const struct result_metric results[] = {{true, true, DIGEST_AMOUNTS}, {true, false, DIGEST_AMOUNTS}, {false, false, 0}};
    return (struct tracker_call){.conf = seat->subject->conf,
                                 .entity = BYTES_LITERAL("shop"),
                                 .counters = seat->counters,
                                 .results = results,
                                 .results_count = 3,
                                 .now_ms = now_ms,
                                 .outputs = &seat->outputs};
}

static struct seat seat_open(const struct tracker_subject *subject, int64_t now_ms)
{
    uint32_t size = subject->class->room != NULL ? GROWN_BYTES : subject->class->state_bytes;
    struct seat seat = {.subject = subject,
                        .state = memory_allocate(size),
                        .size = size,
                        .outputs = BUFFER_WITH_LIMIT(4 * OUTPUT_BYTES_MAX)};
    struct tracker_call call = call_at(&seat, now_ms);
    subject->class->start(&call, seat.state);
    return seat;
}

static void seat_close(struct seat *seat)
{
    memory_free(seat->state);
    buffer_free(&seat->outputs);
}

static void fire_due(struct seat *seat, int64_t now_ms)
{
    for (int i = 0;
         !seat->stuck && i < 100 && seat->subject->class->deadline(seat->state) <= now_ms; i++) {
        int64_t before = seat->subject->class->deadline(seat->state);
        struct tracker_call call = call_at(seat, now_ms);
        seat->subject->class->timer(&call, seat->state);
        seat->stuck = seat->subject->class->deadline(seat->state) <= before;
    }
}

/* Evidence comes a little after its hour, one piece a second. */
static void live_hour(struct seat *seat, const struct pieces *pieces, int64_t hour)
{
    int64_t now_ms = (hour + 1) * HOUR_MS;
    for (uint32_t i = 0; i < pieces->count; i++) {
        fire_due(seat, now_ms + i * 1000);
        struct bytes payload = bytes_of(pieces->bytes[i], pieces->sizes[i]);
        struct tracker_call call = call_at(seat, now_ms + i * 1000);
        CHECK(seat->subject->class->room == NULL || seat->subject->class->room(seat->state, payload) <= seat->size);
        seat->subject->class->evidence_in(&call, seat->state, payload);
    }
    fire_due(seat, now_ms + HOUR_MS - 1);
}

/* ---- laws ------------------------------------------------------------------------------------ */

bool law_evidence_order_does_not_matter(const struct tracker_subject *subject, uint64_t seed,
                                        struct error *why)
{
    struct random_stream random = random_seed(seed);
    struct seat one = seat_open(subject, FIRST_HOUR * HOUR_MS),
                other = seat_open(subject, FIRST_HOUR * HOUR_MS);
    struct pieces *pieces = memory_allocate(2 * sizeof *pieces);
    bool ok = true;
    for (int64_t h = 0; ok && h < HOURS; h++) {
        draw_pieces(subject, &random, FIRST_HOUR + h, &pieces[0]);
        shuffle(&random, &pieces[0], &pieces[1]);
        live_hour(&one, &pieces[0], FIRST_HOUR + h);
        live_hour(&other, &pieces[1], FIRST_HOUR + h);
        ok = bytes_equal(buffer_bytes(&one.outputs), buffer_bytes(&other.outputs)) &&
             memcmp(one.state, other.state, one.size) == 0;
    }
    memory_free(pieces);
    seat_close(&one);
    seat_close(&other);
    return ok || error_set(why, ERROR_INPUT, "the order of an hour's evidence shows");
}

bool law_tracker_state_is_flat(const struct tracker_subject *subject, uint64_t seed,
                               struct error *why)
{
    struct random_stream random = random_seed(seed);
    struct seat still = seat_open(subject, FIRST_HOUR * HOUR_MS),
                moving = seat_open(subject, FIRST_HOUR * HOUR_MS);
    struct pieces *pieces = memory_allocate(sizeof *pieces);
    uint32_t size = still.size;
    bool ok = true;
    for (int64_t h = 0; ok && h < 8; h++) {
        draw_pieces(subject, &random, FIRST_HOUR + h, pieces);
        uint8_t *elsewhere = memory_allocate_raw(size);
        memcpy(elsewhere, moving.state, size);
        memset(moving.state, 0xee, size);
        memory_free(moving.state);
        moving.state = elsewhere;
        live_hour(&still, pieces, FIRST_HOUR + h);
        live_hour(&moving, pieces, FIRST_HOUR + h);
        ok = bytes_equal(buffer_bytes(&still.outputs), buffer_bytes(&moving.outputs)) &&
             memcmp(still.state, moving.state, size) == 0;
    }
    memory_free(pieces);
    seat_close(&still);
    seat_close(&moving);
    return ok || error_set(why, ERROR_INPUT, "a state that was moved does not go on as before");
}

static bool survives_damage(const struct seat *seat, const struct pieces *pieces, int64_t hour,
                            struct random_stream *random, struct error *why)
{
    uint32_t size = seat->size;
    struct seat damaged = seat_open(seat->subject, hour * HOUR_MS);
    bool ok = true;
    for (int n = 0; ok && n < 3; n++) {
        memcpy(damaged.state, seat->state, size);
        for (uint64_t flips = 1 + random_u64(random) % 3; flips > 0; flips--)
            damaged.state[random_u64(random) %
                          (random_u64(random) % 4 ? 48
                           : size < 4096          ? size
                                                  : 4096) %
                          size] ^= (uint8_t)(1u << random_u64(random) % 8);
        if (!seat->subject->class->valid(damaged.state, size))
            continue;
        live_hour(&damaged, pieces, hour);
        ok = seat->subject->class->valid(damaged.state, size) ||
             error_set(why, ERROR_INPUT, "took a damaged state and made an invalid one of it");
    }
    seat_close(&damaged);
    return ok;
}

/* Evidence with flipped bytes, or cut: whatever it is taken for, the state stays valid. */
static bool survives_damaged_evidence(struct seat *seat, struct pieces *pieces, int64_t hour,
                                      struct random_stream *random, struct error *why)
{
    for (uint32_t i = 0; i < pieces->count; i++) {
        pieces->bytes[i][random_u64(random) % pieces->sizes[i]] ^=
            (uint8_t)(1u << random_u64(random) % 8);
        if (random_u64(random) % 3 == 0)
            pieces->sizes[i] = random_u64(random) % pieces->sizes[i];
    }
    live_hour(seat, pieces, hour);
    return seat->subject->class->valid(seat->state, seat->size) ||
           error_set(why, ERROR_INPUT, "damaged evidence made its state invalid");
}

bool law_tracker_state_is_checked(const struct tracker_subject *subject, uint64_t seed,
                                  struct error *why)
{
    struct random_stream random = random_seed(seed);
    struct seat seat = seat_open(subject, FIRST_HOUR * HOUR_MS);
    struct pieces *pieces = memory_allocate(sizeof *pieces);
    uint32_t size = seat.size, least = subject->class->state_bytes;
    bool ok = true;
    for (int64_t h = 0; ok && h < 6; h++) {
        ok = subject->class->valid(seat.state, size) ||
             error_set(why, ERROR_INPUT, "calls its own state invalid");
        ok = ok && (!subject->class->valid(seat.state, least - 1) ||
                    error_set(why, ERROR_INPUT, "takes a state that is too short"));
        draw_pieces(subject, &random, FIRST_HOUR + h, pieces);
        live_hour(&seat, pieces, FIRST_HOUR + h);
        ok = ok && survives_damage(&seat, pieces, FIRST_HOUR + h + 1, &random, why);
        ok = ok && survives_damaged_evidence(&seat, pieces, FIRST_HOUR + h, &random, why);
    }
    memory_free(pieces);
    seat_close(&seat);
    return ok;
}

/* Every output has a key, and a JSON object of bounded size for a value. */
static bool outputs_readable(struct bytes outputs, struct error *why)
{
    struct json_document *json = json_create((size_t)64 * 1024);
    struct reader reader = reader_of(outputs);
    enum tracker_output kind;
    struct bytes key, value;
    bool ok = true;
    while (ok && tracker_next_output(&reader, &kind, &key, &value)) {
        if (kind == OUTPUT_MEASUREMENT) {
            ok = value.size == sizeof(struct tracker_measurement);
            continue;
        }
        ok = kind <= OUTPUT_DECISION && key.size > 0 && key.size <= 256 &&
             value.size <= VALUE_BYTES_MAX;
        ok = ok && json_is_object(json_parse(json, value, 4, why));
    }
    json_destroy(json);
    return (ok && !reader.failed) ||
           error_set(why, ERROR_INPUT, "an output is not a record: %.*s", BYTES_FMT(value));
}

bool law_tracker_outputs_are_bounded(const struct tracker_subject *subject, uint64_t seed,
                                     struct error *why)
{
    struct random_stream random = random_seed(seed);
    struct seat seat = seat_open(subject, FIRST_HOUR * HOUR_MS);
    struct pieces *pieces = memory_allocate(sizeof *pieces);
    bool ok = true;
    for (int64_t h = 0; ok && h < HOURS; h++) {
        draw_pieces(subject, &random, FIRST_HOUR + h, pieces);
        buffer_clear(&seat.outputs);
        live_hour(&seat, pieces, FIRST_HOUR + h);
        if (seat.stuck)
            ok = error_set(why, ERROR_INPUT, "a timer left its deadline where it was");
        else if (seat.outputs.failed || seat.outputs.size > OUTPUT_BYTES_MAX)
            ok = error_set(why, ERROR_INPUT, "%zu bytes of output in an hour", seat.outputs.size);
        else
            ok = outputs_readable(buffer_bytes(&seat.outputs), why);
    }
    memory_free(pieces);
    seat_close(&seat);
    return ok;
}

bool law_tracker_does_not_allocate(const struct tracker_subject *subject, uint64_t seed,
                                   struct error *why)
{
    struct random_stream random = random_seed(seed);
    struct seat seat = seat_open(subject, FIRST_HOUR * HOUR_MS);
    struct pieces *pieces = memory_allocate(sizeof *pieces);
    (void)buffer_reserve(&seat.outputs, (size_t)2 << 20); /* the engine's, made before */
    bool ok = true;
    for (int64_t h = 0; ok && h < 3; h++) {
        draw_pieces(subject, &random, FIRST_HOUR + h, pieces);
        uint64_t before = allocations_mark();
        live_hour(&seat, pieces, FIRST_HOUR + h);
        ok = allocations_mark() == before;
    }
    memory_free(pieces);
    seat_close(&seat);
    return ok || error_set(why, ERROR_INPUT, "allocates");
}
