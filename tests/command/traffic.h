/*
 * traffic.h - a small application's spans as files of OTLP records, and rules that learn within hours.
 *
 * Answers should be JSON. One record every `step_ms`, `spans` spans each, two intents in turn.
 */
#ifndef TESTS_COMMAND_TRAFFIC_H
#define TESTS_COMMAND_TRAFFIC_H

#include "engine/base/buffer.h"

#define TRAFFIC_START_MS ((int64_t)1700000000000)

struct traffic {
    uint64_t random;
    uint64_t next_span;
    double fail_share[2]; /* of each intent's answers */
    uint32_t spans;
};

/* One OTLP record whose spans end within the second before `at_ms`, appended to out. */
void traffic_record(struct traffic *traffic, int64_t at_ms, struct buffer *out);
/* R094 on format over app and app + intent: baseline 2 h, window 1 h; R090 on scores. */
extern const char traffic_rules[];

#endif
