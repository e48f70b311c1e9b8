/*
 * avro_wire.h - a record while it is read, and the smallest pieces of it: numbers, lengths, texts. Shared by
 * everything that interprets programs (avro_run.h).
 *
 * Nothing is used before it is checked against what is left of the record.
 */
#ifndef ENGINE_SPAN_AVRO_WIRE_H
#define ENGINE_SPAN_AVRO_WIRE_H

#include "engine/span/avro_program.h"

#define AVRO_INLINE static inline __attribute__((always_inline))

struct avro_frame {
    uint32_t back; /* where to go on after RETURN */
    uint64_t items_left;
};

struct avro_run {
    const uint8_t *at, *end;
    uint64_t steps_left;
    uint32_t depth;
    const char *reason;
    enum refusal code; /* of the fault: MALFORMED until it is something else */
    struct avro_frame frames[AVRO_DEPTH_CAP];
};

/* The byte behind it; NULL when it does not end within 10 bytes or 64 bits. */
const uint8_t *avro_varint_slow(const uint8_t *at, const uint8_t *end, uint64_t *out);

AVRO_INLINE bool avro_read_long(struct avro_run *run, int64_t *out)
{
    uint64_t raw;
    if (run->at < run->end && *run->at < 0x80) {
        raw = *run->at++;
    } else {
        const uint8_t *next = avro_varint_slow(run->at, run->end, &raw);
        if (next == NULL) {
            run->reason = "a number is cut off or longer than 64 bits";
            return false;
        }
        run->at = next;
    }
    *out = (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
    return true;
}

AVRO_INLINE bool avro_read_int(struct avro_run *run, int64_t *out)
{
    if (!avro_read_long(run, out))
        return false;
    if (*out < INT32_MIN || *out > INT32_MAX) {
        run->reason = "an int is beyond 32 bits";
        return false;
    }
    return true;
}

AVRO_INLINE bool avro_take(struct avro_run *run, uint64_t size, struct bytes *out)
{
    if (size > (uint64_t)(run->end - run->at)) {
        run->reason = "a value goes beyond the record";
        return false;
    }
    *out = bytes_of(run->at, (size_t)size);
    run->at += size;
    return true;
}

AVRO_INLINE bool avro_read_text(struct avro_run *run, struct bytes *out)
{
    int64_t size;
    const uint8_t *start = run->at;
    if (start < run->end && (*start & 0x81) == 0 && *start >> 1 < run->end - start) {
        *out = bytes_of(start + 1, *start >> 1); /* below 64 bytes, as most are */
        run->at = start + 1 + (*start >> 1);
        return true;
    }
    if (!avro_read_long(run, &size))
        return false;
    if (size >= 0 && avro_take(run, (uint64_t)size, out))
        return true;
    run->at = start;
    run->reason = size < 0 ? "a length is negative" : "a length goes beyond the record";
    return false;
}

AVRO_INLINE bool avro_read_boolean(struct avro_run *run, int64_t *out)
{
    if (run->at == run->end || *run->at > 1) {
        run->reason =
            run->at == run->end ? "a value goes beyond the record" : "a boolean is neither 0 nor 1";
        return false;
    }
    *out = *run->at++;
    return true;
}

/* Below `count`; the place is left at the number when it is not. */
AVRO_INLINE bool avro_read_index(struct avro_run *run, uint32_t count, uint32_t *out,
                                 const char *reason)
{
    int64_t index;
    const uint8_t *start = run->at;
    if (!avro_read_long(run, &index))
        return false;
    if (index < 0 || index >= count) {
        run->at = start;
        run->reason = reason;
        return false;
    }
    *out = (uint32_t)index;
    return true;
}

AVRO_INLINE bool avro_pay(struct avro_run *run, uint64_t steps)
{
    if (steps > run->steps_left) {
        run->code = REFUSAL_TOO_LARGE;
        run->reason = "reading it takes more operations than a record is allowed";
        return false;
    }
    run->steps_left -= steps;
    return true;
}

#endif
