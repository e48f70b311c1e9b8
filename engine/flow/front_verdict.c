/*
 * front_verdict.c - records of judges: JSON, or Avro that a schema makes JSON of. Rare beside spans, so the
 * second pass costs nothing that shows.
 */
#include "engine/flow/avro_input.h"
#include "engine/flow/front_internal.h"
#include "engine/flow/verdict.h"

/* JSON behind a frame is that of a JSON schema. */
static bool is_avro(const struct framing *framing)
{
    return framing->kind != FRAMING_NONE && (framing->payload.size == 0 || framing->payload.data[0] != '{');
}

static bool bury(struct front *front, struct record_facts *facts, enum dead_reason reason, const char *why, struct error *error)
{
    struct dead_letter letter = {reason, why, -1, 0, STAGE_VERDICT};
    return front_bury(front, facts, &letter, error);
}

static bool take_json(struct front *front, uint32_t number, struct bytes json, struct error *error)
{
    struct error why;
    if (verdict_decode(json, number, front->json, front->batch, &why))
        return true;
    return bury(front, &front->record_facts[number], DEAD_BAD_VERDICT, why.message, error);
}

static bool take_avro(struct front *front, uint32_t number, const struct framing *framing, struct error *error)
{
    struct record_facts *facts = &front->record_facts[number];
    struct avro_input *input = front->options->avro_input;
    char reason[AVRO_REASON_BYTES];
    struct error why;
    if (input == NULL)
        return bury(front, facts, DEAD_BAD_VERDICT, "verdict in Avro: configure the schema registry (registry.url)", error);
    enum avro_look look = avro_input_look_verdict(input, framing, reason);
    if (look == AVRO_LOOK_WAIT) {
        front_hold(front, facts->source, framing, true);
        return true;
    }
    if (look != AVRO_LOOK_READY)
        return bury(front, facts, front_schema_reason(look), reason, error);
    buffer_clear(&front->verdict_json);
    if (!avro_input_verdict(input, framing, &front->verdict_json, &why))
        return bury(front, facts, DEAD_BAD_VERDICT, why.message, error);
    return take_json(front, number, buffer_bytes(&front->verdict_json), error);
}

bool front_take_verdict(struct front *front, uint32_t number, const struct rates *rates, int64_t wall_ms,
                        struct error *error)
{
    struct record_facts *facts = &front->record_facts[number];
    struct framing framing;
    const char *reason;
    if (front->batch->capacity - front->batch->rows < VERDICT_DIMENSIONS_MAX && !front_work_off(front, rates, wall_ms, error))
        return false;
    bool framed = framing_read(facts->record->value, front_schema_header(front, facts->record), &framing, &reason);
    front_settle_time(front, facts, front->batch->rows, wall_ms);
    bool ok = !framed            ? bury(front, facts, DEAD_BAD_VERDICT, reason, error)
              : is_avro(&framing) ? take_avro(front, number, &framing, error)
                                  : take_json(front, number, framing.payload, error);
    front->counters.verdicts += !facts->quiet && !facts->source->held;
    return ok;
}
