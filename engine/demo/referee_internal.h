/* referee_internal.h - what referee*.c share; nobody else includes it. */
#ifndef ENGINE_DEMO_REFEREE_INTERNAL_H
#define ENGINE_DEMO_REFEREE_INTERNAL_H

#include "engine/demo/referee.h"

#define REFEREE_READERS_MAX 128
#define REFEREE_NO_INCIDENT UINT32_MAX

enum referee_topic { TOPIC_ALERTS, TOPIC_REQUESTS, TOPIC_DEAD_LETTERS };

struct referee_reader {
    struct bus_reader *reader;
    enum referee_topic topic;
};

struct referee_heard {
    char id[64], rule[40], metric[96], app[72],
        intent[72];                 /* intent empty: the alert is about the app */
    int64_t opened_ms, resolved_ms; /* resolved_ms 0: open */
    uint32_t incident;              /* that explains it */
};

struct referee {
    const struct script *script;
    struct json_document *json;
    struct referee_reader readers[REFEREE_READERS_MAX];
    uint32_t readers_count;
    struct referee_heard *alerts;
    uint32_t alerts_count, alerts_capacity;
    uint64_t requests, dead_letters, alert_records, bad_records;
};

#endif
