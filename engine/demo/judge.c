/* judge.c - requests in, verdicts out; between the two an agenda. */
#include "engine/demo/judge.h"

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/demo/agenda.h"
#include "engine/demo/sender.h"

#include <math.h>

#define PARTITIONS_MAX    64
#define JSON_BYTES        ((size_t)1 << 20)
#define VERDICT_BYTES_MAX ((size_t)16384)
#define EVALUATOR         "house-judge"
#define REVISION          "3"
#define COST_NANOUSD      410000

#define CHANCE_UNANSWERED 0.004
#define CHANCE_REPEATED   0.004
#define DELAY_MEDIAN_MS   25000.0
#define DELAY_SIGMA       0.8
#define DELAY_MS_MAX      900000.0

/* A verdict to come; memory is the request id, then the finished record. */
struct answer {
    uint8_t *memory;
    uint32_t id_size, size;
};

struct judge {
    struct judge_options options;
    const struct quality *quality;
    struct bus_reader *readers[PARTITIONS_MAX];
    struct sender *sender;
    struct agenda *agenda;
    struct json_document *json;
    struct dice dice;
    struct answer *sent; /* borrowed by the open transaction */
    uint32_t sent_count, sent_capacity;
    struct judge_counts counts;
};

struct judge *judge_open(const struct judge_options *options, const struct quality *quality,
                         struct bus *bus, struct error *error)
{
    struct judge *judge = memory_allocate(sizeof *judge);
    judge->options = *options;
    judge->quality = quality;
    judge->agenda = agenda_create(sizeof(struct answer));
    judge->json = json_create(JSON_BYTES);
    judge->dice = dice_fork(options->seed, 0x6a756467);
    judge->sender = sender_open(bus, options->writer_id, options->verdicts, error);
    bool ok = judge->sender != NULL && options->requests_partitions <= PARTITIONS_MAX;
    for (int32_t p = 0; ok && p < options->requests_partitions; p++) {
        judge->readers[p] = bus_reader_open(bus, options->requests, p, -2, -1, error);
        ok = judge->readers[p] != NULL;
    }
    if (ok)
        return judge;
    judge_close(judge);
    return NULL;
}

static void free_sent(struct judge *judge)
{
    for (uint32_t i = 0; i < judge->sent_count; i++)
        memory_free(judge->sent[i].memory);
    judge->sent_count = 0;
}

void judge_close(struct judge *judge)
{
    if (judge == NULL)
        return;
    struct answer answer;
    while (agenda_take(judge->agenda, INT64_MAX, &answer, NULL))
        memory_free(answer.memory);
    sender_close(judge->sender);
    free_sent(judge);
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        if (judge->readers[p] != NULL)
            reader_close(judge->readers[p]);
    memory_free(judge->sent);
    agenda_destroy(judge->agenda);
    json_destroy(judge->json);
    memory_free(judge);
}

int64_t judge_newest_ms(const struct judge *judge) { return sender_newest_ms(judge->sender); }

struct judge_counts judge_count(const struct judge *judge)
{
    struct judge_counts counts = judge->counts;
    counts.verdicts = sender_records(judge->sender);
    counts.waiting = agenda_count(judge->agenda);
    return counts;
}

/* ---- reading a request ----------------------------------------------------------------------------------- */

/* The value of the member "echo" as it stands in the record: it is opaque, and goes back unchanged. */
static struct bytes raw_echo(struct bytes request)
{
    static const char key[] = "\"echo\":";
    const uint8_t *end = request.data + request.size, *at = request.data;
    while (at + sizeof key < end && memcmp(at, key, sizeof key - 1) != 0)
        at++;
    at += sizeof key - 1;
    const uint8_t *start = at;
    int depth = 0;
    for (bool quoted = false; at < end; at++) {
        if (quoted) {
            at += *at == '\\';
            quoted = at >= end || *at != '"';
        } else if (*at == '"') {
            quoted = true;
        } else if (*at == '{') {
            depth++;
        } else if (*at == '}' && --depth == 0) {
            return bytes_of(start, (size_t)(at + 1 - start));
        }
    }
    return BYTES_NONE;
}

static uint32_t find_intent(struct bytes app, struct bytes intent)
{
    uint32_t i = 0;
    while (i < WORLD_INTENTS && !(bytes_equal_text(intent, world_intents[i].name) &&
                                  bytes_equal_text(app, world_apps[world_intents[i].app].name)))
        i++;
    return i;
}

static void write_verdict(struct judge *judge, struct bytes request_id, struct bytes echo,
                          uint32_t intent, int64_t at_ms, struct buffer *out)
{
    struct json_writer json = json_writer_on(out);
    json_open_object(&json);
    json_key(&json, "request_id");
    json_put_text(&json, request_id);
    json_key(&json, "evaluator");
    json_put_text(&json, BYTES_LITERAL(EVALUATOR));
    json_key(&json, "revision");
    json_put_text(&json, BYTES_LITERAL(REVISION));
    json_key(&json, "echo");
    json_put_raw(&json, echo);
    json_key(&json, "scores");
    json_open_object(&json);
    for (uint32_t d = 0; d < WORLD_DIMENSIONS; d++) {
        json_key(&json, world_dimensions[d]);
        json_put_unsigned(&json, quality_score(judge->quality, intent, d, at_ms, &judge->dice));
    }
    json_close_object(&json);
    json_key(&json, "cost_nanousd");
    json_put_integer(&json, COST_NANOUSD);
    json_close_object(&json);
}

static void plan_answer(struct judge *judge, struct bytes request_id, const struct buffer *verdict,
                        int64_t at_ms)
{
    struct answer answer = {memory_allocate_raw(request_id.size + verdict->size),
                            (uint32_t)request_id.size, (uint32_t)verdict->size};
    memcpy(answer.memory, request_id.data, request_id.size);
    memcpy(answer.memory + request_id.size, verdict->data, verdict->size);
    agenda_add(judge->agenda, at_ms, &answer);
}

static void take_request(struct judge *judge, const struct bus_record *record, int64_t now_ms)
{
    struct error ignored;
    judge->counts.requests++;
    const struct json_value *root = json_parse(judge->json, record->value, 8, &ignored);
    const struct json_value *labels = json_get(root, "echo");
    struct bytes id = json_text(json_get(root, "request_id")), echo = raw_echo(record->value);
    uint32_t intent =
        find_intent(json_text(json_get(labels, "app")), json_text(json_get(labels, "intent")));
    int64_t end_ns = 0;
    if (!bytes_present(id) || !bytes_present(echo) || intent == WORLD_INTENTS ||
        !json_integer(json_get(labels, "end_ns"), &end_ns)) {
        judge->counts.unreadable++;
        return;
    }
    if (dice_chance(&judge->dice, CHANCE_UNANSWERED)) {
        judge->counts.unanswered++;
        return;
    }
    struct buffer verdict = BUFFER_WITH_LIMIT(VERDICT_BYTES_MAX);
    write_verdict(judge, id, echo, intent, end_ns / 1000000, &verdict);
    double delay_ms =
        fmin(DELAY_MEDIAN_MS * exp(DELAY_SIGMA * dice_normal(&judge->dice)), DELAY_MS_MAX);
    int64_t at_ms = record->timestamp_ms + (int64_t)delay_ms;
    at_ms = at_ms > now_ms ? at_ms : now_ms;
    plan_answer(judge, id, &verdict, at_ms);
    if (dice_chance(&judge->dice, CHANCE_REPEATED)) {
        plan_answer(judge, id, &verdict, at_ms + 5000 + dice_below(&judge->dice, 60000));
        judge->counts.repeated++;
    }
    buffer_free(&verdict);
}

static bool read_requests(struct judge *judge, int64_t now_ms, int wait_ms, struct error *error)
{
    struct bus_record record;
    for (int32_t p = 0; p < judge->options.requests_partitions; p++) {
        enum reader_event event;
        while ((event = reader_next(judge->readers[p], wait_ms, &record, error)) == READER_RECORD)
            take_request(judge, &record, now_ms);
        if (event == READER_FAILED)
            return error_prefix(error, "reading %s", judge->options.requests);
    }
    return true;
}

/* ---- answering --------------------------------------------------------------------------------------------- */

bool judge_work(struct judge *judge, int64_t now_ms, int wait_ms, struct error *error)
{
    if (!read_requests(judge, now_ms, wait_ms, error))
        return false;
    struct answer answer;
    int64_t at_ms;
    while (agenda_take(judge->agenda, now_ms, &answer, &at_ms)) {
        if (judge->sent_count == judge->sent_capacity) {
            judge->sent_capacity = judge->sent_capacity ? judge->sent_capacity * 2 : 64;
            judge->sent = memory_resize(judge->sent, judge->sent_capacity * sizeof *judge->sent);
        }
        judge->sent[judge->sent_count++] = answer;
        sender_put(judge->sender, -1, at_ms, bytes_of(answer.memory, answer.id_size),
                   bytes_of(answer.memory + answer.id_size, answer.size));
    }
    bool ok = sender_commit(judge->sender, error);
    if (ok)
        free_sent(judge);
    return ok;
}
