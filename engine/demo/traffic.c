/*
 * traffic.c - requests arrive by chance around each app's rhythm; their spans wait in an agenda until a
 * Collector sends them, in batches, to a partition that has nothing to do with their traces.
 */
#include "engine/demo/traffic.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/demo/agenda.h"
#include "engine/demo/sender.h"
#include "engine/demo/traffic_span.h"

#include <math.h>

#define COLLECTORS       2
#define RECORD_SPANS_MAX 128
#define WRITER_BYTES     ((size_t)16 << 20)
#define RECORD_BYTES_MAX ((size_t)1 << 20)
#define AGENTIC_SPANS    3
#define LATE_MS          WORLD_MINUTE_MS

/* Chances of what happens on any day. */
#define CHANCE_FAILED        0.004 /* the provider refuses */
#define CHANCE_LATE          0.004 /* the sender was off line for minutes or hours */
#define CHANCE_REPEATED      0.012 /* a record's answer got lost: sent once more */
#define CHANCE_NEW_PARTITION 0.15  /* a Collector moves on to another partition */
#define EXPORT_DELAY_MS      5000  /* of the SDK's batch processor, at most */
#define STRAY_EVERY_MS       (3.0 * (double)WORLD_DAY_MS) /* somebody's log line in the wrong topic */

struct repeat {
    uint8_t *data; /* owned */
    size_t size;
    int32_t partition;
    uint32_t spans;
};

struct collector {
    int32_t partition;
    uint32_t count;
    struct traffic_span spans[RECORD_SPANS_MAX];
};

struct traffic {
    struct traffic_options options;
    const struct script *script;
    struct sender *sender;
    struct answers *answers;
    struct otlp_writer writer;
    struct agenda *spans, *repeats;
    double next_ms[WORLD_APPS];         /* arrival of the next request */
    double requests_per_ms[WORLD_APPS]; /* mean over a week */
    struct collector collectors[COLLECTORS];
    int64_t flushed_ms;
    double next_stray_ms;
    struct dice arrivals, requests, content, transport, mistakes;
    struct traffic_counts counts;
};

struct traffic *traffic_open(const struct traffic_options *options, const struct script *script,
                             struct bus *bus, struct error *error)
{
    struct sender *sender = sender_open(bus, options->writer_id, options->topic, error);
    if (sender == NULL)
        return NULL;
    struct traffic *traffic = memory_allocate(sizeof *traffic);
    traffic->options = *options;
    traffic->script = script;
    traffic->sender = sender;
    traffic->answers = answers_create(options->seed);
    traffic->writer = otlp_writer_create(WRITER_BYTES);
    traffic->spans = agenda_create(sizeof(struct traffic_span));
    traffic->repeats = agenda_create(sizeof(struct repeat));
    traffic->arrivals = dice_fork(options->seed, 1);
    traffic->requests = dice_fork(options->seed, 2);
    traffic->content = dice_fork(options->seed, 3);
    traffic->transport = dice_fork(options->seed, 4);
    traffic->mistakes = dice_fork(options->seed, 5);
    traffic->flushed_ms = script->start_ms;
    traffic->next_stray_ms =
        (double)script->start_ms + STRAY_EVERY_MS * dice_exponential(&traffic->mistakes);
    for (uint32_t app = 0; app < WORLD_APPS; app++) {
        double spans = (double)options->spans * world_apps[app].share;
        double requests = world_apps[app].agentic ? spans / AGENTIC_SPANS : spans;
        traffic->requests_per_ms[app] = requests / (double)(script->end_ms - script->start_ms);
        traffic->next_ms[app] = (double)script->start_ms;
    }
    for (int32_t i = 0; i < COLLECTORS; i++)
        traffic->collectors[i].partition = i % options->partitions;
    return traffic;
}

void traffic_close(struct traffic *traffic)
{
    if (traffic == NULL)
        return;
    struct repeat repeat;
    while (agenda_take(traffic->repeats, INT64_MAX, &repeat, NULL))
        memory_free(repeat.data);
    sender_close(traffic->sender);
    answers_destroy(traffic->answers);
    otlp_writer_free(&traffic->writer);
    agenda_destroy(traffic->spans);
    agenda_destroy(traffic->repeats);
    memory_free(traffic);
}

int64_t traffic_newest_ms(const struct traffic *traffic)
{
    return sender_newest_ms(traffic->sender);
}
const struct traffic_counts *traffic_count(const struct traffic *traffic)
{
    return &traffic->counts;
}

/* ---- requests -------------------------------------------------------------------------------------------- */

static uint32_t draw_intent(struct dice *dice, uint32_t app)
{
    double u = dice_unit(dice);
    uint32_t first = app * WORLD_INTENTS_PER_APP, last = first + WORLD_INTENTS_PER_APP - 1;
    uint32_t intent = first;
    while (intent < last && u >= world_intents[intent].share) {
        u -= world_intents[intent].share;
        intent++;
    }
    CHECK(world_intents[intent].app == app);
    return intent;
}

static enum answer_form draw_form(struct traffic *traffic, uint32_t intent, int64_t at_ms)
{
    double u = dice_unit(&traffic->requests);
    if (!world_intents[intent].json)
        return ANSWER_AS_ASKED;
    double prose = script_prose_share(traffic->script, intent, at_ms);
    if (u < prose)
        return ANSWER_PROSE;
    return u < prose + world_intents[intent].failure_rate ? ANSWER_BROKEN : ANSWER_AS_ASKED;
}

static void schedule(struct traffic *traffic, const struct traffic_span *span)
{
    struct dice *dice = &traffic->transport;
    double delay_ms = dice_unit(dice) * EXPORT_DELAY_MS;
    if (dice_chance(dice, CHANCE_LATE))
        delay_ms =
            2.0 * (double)WORLD_MINUTE_MS * pow(90.0, dice_unit(dice)); /* 2 minutes to 3 hours */
    agenda_add(traffic->spans, span->end_ms + (int64_t)delay_ms, span);
}

/* The agent's span around the call, and a tool it used before. */
static void schedule_agent(struct traffic *traffic, const struct traffic_span *call)
{
    struct traffic_span agent = *call, tool = *call;
    agent.kind = SPAN_AGENT;
    agent.span_id = call->parent_id;
    agent.parent_id = 0;
    agent.start_ms = call->start_ms - 900;
    agent.end_ms = call->end_ms + 20;
    tool.kind = SPAN_TOOL;
    tool.span_id = dice_u64(&traffic->requests) | 1;
    tool.start_ms = call->start_ms - 800;
    tool.end_ms = call->start_ms - 10;
    agent.failed = tool.failed = false;
    schedule(traffic, &tool);
    schedule(traffic, &agent);
}

static void make_request(struct traffic *traffic, uint32_t app, int64_t at_ms)
{
    struct dice *dice = &traffic->requests;
    struct traffic_span call = {.kind = SPAN_CALL, .intent = draw_intent(dice, app)};
    call.trace_id[0] = dice_u64(dice);
    call.trace_id[1] = dice_u64(dice) | 1;
    call.span_id = dice_u64(dice) | 1;
    call.parent_id = world_apps[app].agentic ? dice_u64(dice) | 1 : 0;
    call.conversation = dice_u64(dice) >> 24;
    call.model = dice_chance(dice, world_apps[app].second_model);
    double rollout = dice_unit(dice);
    const char *prompt = script_prompt(traffic->script, app, at_ms);
    call.prompt =
        prompt != NULL ? prompt : world_prompt(app, at_ms - traffic->script->start_ms, rollout);
    call.form = draw_form(traffic, call.intent, at_ms);
    call.failed = dice_chance(dice, CHANCE_FAILED);
    call.input_tokens = 180 + dice_below(dice, 900);
    call.output_tokens = 30 + dice_below(dice, 240);
    call.start_ms = at_ms;
    call.end_ms =
        at_ms + 300 + (int64_t)(4.0 * call.output_tokens * (0.5 + dice_exponential(dice)));
    schedule(traffic, &call);
    if (world_apps[app].agentic)
        schedule_agent(traffic, &call);
}

static void make_requests(struct traffic *traffic, int64_t until_ms)
{
    for (uint32_t app = 0; app < WORLD_APPS; app++) {
        while (traffic->next_ms[app] < (double)until_ms) {
            int64_t at_ms = (int64_t)traffic->next_ms[app];
            if (at_ms > traffic->script->start_ms)
                make_request(traffic, app, at_ms);
            double rate = traffic->requests_per_ms[app] * world_rhythm(app, at_ms);
            traffic->next_ms[app] += dice_exponential(&traffic->arrivals) / rate;
        }
    }
}

/* ---- Collectors ------------------------------------------------------------------------------------------ */

static void keep_for_repeat(struct traffic *traffic, struct bytes record, int32_t partition,
                            uint32_t spans, int64_t at_ms)
{
    struct repeat repeat = {memory_allocate_raw(record.size), record.size, partition, spans};
    memcpy(repeat.data, record.data, record.size);
    int64_t wait_ms = (int64_t)(1000.0 + 59000.0 * dice_unit(&traffic->transport));
    agenda_add(traffic->repeats, at_ms + wait_ms, &repeat);
}

static bool make_room(struct traffic *traffic, struct error *error)
{
    if (otlp_writer_room(&traffic->writer) >= RECORD_BYTES_MAX)
        return true;
    if (!sender_commit(traffic->sender, error))
        return false;
    otlp_writer_clear(&traffic->writer);
    return true;
}

static bool send_batch(struct traffic *traffic, struct collector *collector, int64_t at_ms,
                       struct error *error)
{
    if (collector->count == 0)
        return true;
    if (!make_room(traffic, error))
        return false;
    struct bytes record = traffic_span_write(&traffic->writer, collector->spans, collector->count,
                                             traffic->answers, &traffic->content);
    CHECK(!traffic->writer.full);
    if (dice_chance(&traffic->transport, CHANCE_NEW_PARTITION))
        collector->partition =
            (int32_t)dice_below(&traffic->transport, (uint32_t)traffic->options.partitions);
    sender_put(traffic->sender, collector->partition, at_ms, BYTES_NONE, record);
    if (dice_chance(&traffic->transport, CHANCE_REPEATED))
        keep_for_repeat(traffic, record, collector->partition, collector->count, at_ms);
    struct traffic_counts *counts = &traffic->counts;
    counts->records++;
    counts->spans += collector->count;
    for (uint32_t i = 0; i < collector->count; i++) {
        const struct traffic_span *span = &collector->spans[i];
        counts->late_spans += at_ms - span->end_ms > LATE_MS;
        counts->calls += span->kind == SPAN_CALL;
        counts->errors += span->kind == SPAN_CALL && span->failed;
        counts->prose += span->kind == SPAN_CALL && span->form == ANSWER_PROSE;
    }
    collector->count = 0;
    return true;
}

static bool send_repeats(struct traffic *traffic, int64_t at_ms, struct error *error)
{
    struct repeat repeat;
    while (agenda_take(traffic->repeats, at_ms, &repeat, NULL)) {
        bool room = make_room(traffic, error);
        if (room) {
            sender_put(traffic->sender, repeat.partition, at_ms, BYTES_NONE,
                       otlp_copy(&traffic->writer, bytes_of(repeat.data, repeat.size)));
            traffic->counts.records++;
            traffic->counts.spans += repeat.spans;
            traffic->counts.repeated_records++;
            traffic->counts.repeated_spans += repeat.spans;
        }
        memory_free(repeat.data);
        if (!room)
            return false;
    }
    return true;
}

static void send_strays(struct traffic *traffic, int64_t at_ms)
{
    while (traffic->next_stray_ms <= (double)at_ms) {
        int32_t partition =
            (int32_t)dice_below(&traffic->mistakes, (uint32_t)traffic->options.partitions);
        sender_put(traffic->sender, partition, at_ms, BYTES_NONE,
                   BYTES_LITERAL(
                       "{\"level\":\"info\",\"msg\":\"cache warmed\",\"service\":\"price-feed\"}"));
        traffic->counts.strays++;
        traffic->next_stray_ms += STRAY_EVERY_MS * dice_exponential(&traffic->mistakes);
    }
}

/* What the Collectors send at this moment. All spans of an app that are due go through the same one. */
static bool flush(struct traffic *traffic, int64_t at_ms, struct error *error)
{
    uint32_t way[WORLD_APPS];
    struct traffic_span span;
    for (uint32_t app = 0; app < WORLD_APPS; app++)
        way[app] = dice_below(&traffic->transport, COLLECTORS);
    while (agenda_take(traffic->spans, at_ms, &span, NULL)) {
        struct collector *collector = &traffic->collectors[way[world_intents[span.intent].app]];
        collector->spans[collector->count++] = span;
        if (collector->count == RECORD_SPANS_MAX && !send_batch(traffic, collector, at_ms, error))
            return false;
    }
    for (uint32_t i = 0; i < COLLECTORS; i++)
        if (!send_batch(traffic, &traffic->collectors[i], at_ms, error))
            return false;
    send_strays(traffic, at_ms);
    return send_repeats(traffic, at_ms, error);
}

bool traffic_play(struct traffic *traffic, int64_t until_ms, struct error *error)
{
    while (traffic->flushed_ms + traffic->options.batch_ms <= until_ms) {
        traffic->flushed_ms += traffic->options.batch_ms;
        make_requests(traffic, traffic->flushed_ms);
        if (!flush(traffic, traffic->flushed_ms, error))
            return false;
    }
    if (!sender_commit(traffic->sender, error))
        return false;
    otlp_writer_clear(&traffic->writer);
    return true;
}
