/* canary.c - operators that break one law each. The laws must catch them, or prove nothing. */
#include "engine/base/memory.h"
#include "engine/state/summary.h"
#include "tests/laws/laws.h"

/* ---- annotators ------------------------------------------------------------------------------ */

#define COLUMN(name) SPAN_COLUMN_##name,
#define ANNOTATOR(tag, reads_list, writes_list)                                                    \
    static const enum span_column tag##_reads[] = {reads_list SPAN_COLUMN_COUNT};                  \
    static const enum span_column tag##_writes[] = {writes_list SPAN_COLUMN_COUNT};                \
    static void tag##_annotate(const struct annotator_call *call, struct span_batch *batch);       \
    const struct annotator_class canary_##tag = {.name = #tag,                                     \
                                                 .reads = tag##_reads,                             \
                                                 .writes = tag##_writes,                           \
                                                 .scratch_bytes = sizeof(uint64_t),                \
                                                 .annotate = tag##_annotate}

ANNOTATOR(undeclared_write, COLUMN(service), COLUMN(app));
ANNOTATOR(red_zone, COLUMN(service), COLUMN(app));
ANNOTATOR(undeclared_read, COLUMN(service), COLUMN(app));
ANNOTATOR(batch, COLUMN(role), COLUMN(words));
ANNOTATOR(hoarder, COLUMN(role), COLUMN(words));
ANNOTATOR(allocates, COLUMN(service), COLUMN(app));

static void undeclared_write_annotate(const struct annotator_call *call, struct span_batch *batch)
{
    (void)call;
    for (uint32_t row = 0; row < batch->rows; row++) {
        batch->app[row] = batch->service[row];
        if (batch->role[row] == ROLE_TOOL)
            batch->env[row] = BYTES_LITERAL("tools");
    }
}

static void red_zone_annotate(const struct annotator_call *call, struct span_batch *batch)
{
    (void)call;
    for (uint32_t row = 0; row <= batch->rows && row < batch->capacity; row++)
        batch->app[row] = batch->service[row];
}

static void undeclared_read_annotate(const struct annotator_call *call, struct span_batch *batch)
{
    (void)call;
    for (uint32_t row = 0; row < batch->rows; row++)
        batch->app[row] =
            bytes_present(batch->service[row]) ? batch->service[row] : batch->scope[row];
}

static void batch_annotate(const struct annotator_call *call, struct span_batch *batch)
{
    (void)call;
    for (uint32_t row = 0; row < batch->rows; row++)
        batch->words[row] = row > 0 && batch->role[row - 1] == batch->role[row] ? 1 : 0;
}

static void hoarder_annotate(const struct annotator_call *call, struct span_batch *batch)
{
    for (uint32_t row = 0; row < batch->rows; row++)
        batch->words[row] = (int64_t)(++*(uint64_t *)call->scratch / 1000 + (uint64_t)batch->role[row]);
    *(uint64_t *)call->scratch += 500;
}

static void allocates_annotate(const struct annotator_call *call, struct span_batch *batch)
{
    (void)call;
    void *volatile memory = memory_allocate(100);
    for (uint32_t row = 0; row < batch->rows; row++)
        batch->app[row] = batch->service[row];
    memory_free(memory);
}

/* ---- merges ---------------------------------------------------------------------------------- */

/* Adds all bins, and forgets the sums. */
bool canary_forgetful_merge(struct bytes a, struct bytes b, struct buffer *out)
{
    struct buffer added = BUFFER_WITH_LIMIT((size_t)1 << 24);
    bool ok = summary_add(a, b, &added);
    struct reader reader = reader_of(buffer_bytes(&added));
    struct summary_metric m;
    buffer_clear(out);
    while (summary_next(&reader, &m)) {
        buffer_put_u32(out, m.metric);
        buffer_put_zigzag(out, a.size == 0 || b.size == 0 ? m.sum : 0);
        buffer_put_varint(out, m.bins);
        buffer_append(out, m.body.data, m.body.size);
    }
    buffer_free(&added);
    return ok;
}

/* Keeps a metric's bins as they came first. */
bool canary_first_wins_merge(struct bytes a, struct bytes b, struct buffer *out)
{
    buffer_clear(out);
    struct bytes kept = a.size > 0 ? a : b;
    buffer_append(out, kept.data, kept.size);
    return true;
}

/* ---- detectors ------------------------------------------------------------------------------- */

struct detector_state {
    uint64_t count;
    const struct detector_state *self;
    uint32_t at, unused;
};

static uint32_t state_bytes(const struct layout *layout)
{
    (void)layout;
    return sizeof(struct detector_state);
}

static void arm(const struct detector_rule *rule, void *memory, const struct baseline *baseline,
                struct verdict *out)
{
    (void)rule;
    (void)baseline;
    (void)memory;
    *out = (struct verdict){.kind = VERDICT_OK};
}

static void arm_self(const struct detector_rule *rule, void *memory,
                     const struct baseline *baseline, struct verdict *out)
{
    arm(rule, memory, baseline, out);
    ((struct detector_state *)memory)->self = memory;
}

static void close_epoch(const struct detector_rule *rule, void *memory,
                        const struct detector_epoch *epoch, struct verdict *out)
{
    struct detector_state *state = memory;
    (void)rule;
    state->count += epoch->bins[0];
    *out = (struct verdict){
        .kind = VERDICT_OK, .count = state->count, .ticket_only = state->self == state};
}

/* Its own `at` stays 0; a damaged one that passed for good does not stay good. */
static void close_epoch_doubles(const struct detector_rule *rule, void *memory,
                                const struct detector_epoch *epoch, struct verdict *out)
{
    close_epoch(rule, memory, epoch, out);
    ((struct detector_state *)memory)->at *= 2;
}

static void reverse(const struct detector_rule *rule, void *memory)
{
    (void)rule;
    (void)memory;
}

static bool valid(const struct layout *layout, const void *memory, uint32_t size)
{
    (void)layout;
    (void)memory;
    return size == sizeof(struct detector_state);
}

static bool valid_until_used(const struct layout *layout, const void *memory, uint32_t size)
{
    return valid(layout, memory, size) && ((const struct detector_state *)memory)->count < 100;
}

static bool valid_when_small(const struct layout *layout, const void *memory, uint32_t size)
{
    return valid(layout, memory, size) && ((const struct detector_state *)memory)->at < 3;
}

const struct detector_class canary_self_pointer = {.name = "self_pointer",
                                                   .state_bytes = state_bytes,
                                                   .arm = arm_self,
                                                   .close_epoch = close_epoch,
                                                   .reverse = reverse,
                                                   .valid = valid};
const struct detector_class canary_refuses_itself = {.name = "refuses_itself",
                                                     .state_bytes = state_bytes,
                                                     .arm = arm,
                                                     .close_epoch = close_epoch,
                                                     .reverse = reverse,
                                                     .valid = valid_until_used};
const struct detector_class canary_unchecked = {.name = "unchecked",
                                                .state_bytes = state_bytes,
                                                .arm = arm,
                                                .close_epoch = close_epoch_doubles,
                                                .reverse = reverse,
                                                .valid = valid_when_small};

/* ---- trackers -------------------------------------------------------------------------------- */

struct tracker_state {
    uint64_t calls;
    int64_t deadline_ms;
};

static void start(const struct tracker_call *call, void *memory)
{
    (void)call;
    ((struct tracker_state *)memory)->deadline_ms = TRACKER_NO_TIMER;
}

/* Should have added. */
static void last_wins(const struct tracker_call *call, void *memory, struct bytes payload)
{
    struct tracker_state *state = memory;
    struct evidence_population e;
    if (!evidence_read_population(payload, &e))
        return;
    state->calls = e.calls;
    if (state->deadline_ms == TRACKER_NO_TIMER)
        state->deadline_ms = (call->now_ms / 3600000 + 1) * 3600000;
}

static void emit(const struct tracker_call *call, void *memory)
{
    struct tracker_state *state = memory;
    tracker_emit(call, OUTPUT_DECISION, BYTES_LITERAL("key"),
                 state->calls % 2 ? BYTES_LITERAL("{}") : BYTES_LITERAL("{\"even\":true}"));
    state->deadline_ms = TRACKER_NO_TIMER;
}

static void emit_and_stay(const struct tracker_call *call, void *memory)
{
    tracker_emit(call, OUTPUT_DECISION, BYTES_LITERAL("key"), BYTES_LITERAL("{}"));
    (void)memory;
}

static void emit_anything(const struct tracker_call *call, void *memory)
{
    emit(call, memory);
    tracker_emit(call, OUTPUT_DECISION, BYTES_LITERAL("key"), call->entity);
}

static int64_t deadline(const void *memory)
{
    return ((const struct tracker_state *)memory)->deadline_ms;
}

static bool tracker_valid(const void *memory, uint32_t size)
{
    (void)memory;
    return size == sizeof(struct tracker_state);
}

#define TRACKER(tag, on_timer)                                                                     \
    const struct tracker_class canary_##tag = {.name = #tag,                                       \
                                               .entity = 3,                                        \
                                               .evidence = 1u << EVIDENCE_POPULATION,              \
                                               .state_bytes = sizeof(struct tracker_state),        \
                                               .start = start,                                     \
                                               .evidence_in = last_wins,                           \
                                               .timer = on_timer,                                  \
                                               .deadline = deadline,                               \
                                               .valid = tracker_valid}

TRACKER(last_wins, emit);
TRACKER(forgets_deadline, emit_and_stay);
TRACKER(chatter, emit_anything);
