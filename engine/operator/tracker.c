/* tracker.c - encodings that trackers and the engine share: evidence in, outputs out. */
#include "engine/operator/tracker.h"

void evidence_write_population(const struct evidence_population *e, struct buffer *out)
{
    buffer_put_u8(out, EVIDENCE_POPULATION);
    buffer_put_zigzag(out, e->hour);
    buffer_put_varint(out, e->calls);
    buffer_put_bytes(out, e->env);
    buffer_put_bytes(out, e->intent);
    buffer_put_bytes(out, e->prompt);
    buffer_put_bytes(out, e->model);
}

bool evidence_read_population(struct bytes payload, struct evidence_population *out)
{
    struct reader reader = reader_of(payload);
    if (reader_u8(&reader) != EVIDENCE_POPULATION)
        return false;
    out->hour = reader_zigzag(&reader);
    out->calls = reader_varint(&reader);
    out->env = reader_bytes(&reader);
    out->intent = reader_bytes(&reader);
    out->prompt = reader_bytes(&reader);
    out->model = reader_bytes(&reader);
    return !reader.failed && reader_left(&reader) == 0;
}

void tracker_emit(const struct tracker_call *call, enum tracker_output kind, struct bytes key, struct bytes value)
{
    buffer_put_u8(call->outputs, (uint8_t)kind);
    buffer_put_bytes(call->outputs, key);
    buffer_put_bytes(call->outputs, value);
}

void tracker_measure(const struct tracker_call *call, const struct tracker_measurement *measurement)
{
    buffer_put_u8(call->outputs, OUTPUT_MEASUREMENT);
    buffer_put_bytes(call->outputs, BYTES_NONE);
    buffer_put_bytes(call->outputs, bytes_of(measurement, sizeof *measurement));
}

bool tracker_next_output(struct reader *reader, enum tracker_output *kind, struct bytes *key, struct bytes *value)
{
    if (reader_left(reader) == 0)
        return false;
    *kind = (enum tracker_output)reader_u8(reader);
    *key = reader_bytes(reader);
    *value = reader_bytes(reader);
    return !reader->failed;
}
