/*
 * front_hold.c - a source whose next record waits for its schema: it is read no further until the schema has
 * come or will not come, and nothing else waits with it.
 *
 * Held means: the record counts as not read. Position, log time and sums stay before it, so a commit or an abort
 * meanwhile needs to know nothing of it.
 */
#include "engine/flow/front_internal.h"

#include "engine/base/check.h"
#include "engine/flow/avro_input.h"

void front_hold(struct front *front, struct source *source, const struct framing *framing, bool verdict)
{
    source->held = source->held_new = true;
    source->held_verdict = verdict;
    source->held_framing = (struct framing){.kind = framing->kind, .id = framing->id, .in_header = framing->in_header};
    if (framing->kind == FRAMING_GUID)
        memcpy(source->held_guid, framing->guid.data, sizeof source->held_guid);
    front->counters.schema_waits++;
}

enum dead_reason front_schema_reason(enum avro_look look)
{
    return look == AVRO_LOOK_UNKNOWN ? DEAD_SCHEMA_UNKNOWN
           : look == AVRO_LOOK_UNFIT ? DEAD_SCHEMA_UNFIT
                                     : DEAD_SCHEMA_UNAVAILABLE;
}

uint32_t front_newly_held(struct front *front, struct bus_position *positions, uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < front->sources_count && count < max; i++) {
        struct source *source = &front->sources[i];
        if (!source->held_new)
            continue;
        source->held_new = false;
        positions[count++] = (struct bus_position){.source = source->at, .offset = front_resume(front, source->at, source->next)};
    }
    return count;
}

/* The record itself decides again when it is read: this only asks whether that is worth while. */
static bool still_waiting(const struct front *front, const struct source *source)
{
    const struct flow_options *o = front->options;
    char reason[AVRO_REASON_BYTES];
    struct framing framing = source->held_framing;
    framing.guid = bytes_of(source->held_guid, sizeof source->held_guid);
    if (source->held_verdict)
        return avro_input_look_verdict(o->avro_input, &framing, reason) == AVRO_LOOK_WAIT;
    return o->avro->look(o->avro->context, &framing, reason) == AVRO_LOOK_WAIT;
}

bool front_held(struct front *front, uint32_t index)
{
    CHECK(index < front->sources_count);
    struct source *source = &front->sources[index];
    source->held = source->held && still_waiting(front, source);
    return source->held;
}
