/*
 * referee.h - reads what the engine publishes, from the start of its output topics, and holds it against
 * the script: was every incident called out in time and called off again, was anything cried for
 * nothing, and do the sums agree with what was really sent?
 */
#ifndef ENGINE_DEMO_REFEREE_H
#define ENGINE_DEMO_REFEREE_H

#include "engine/bus/ports.h"
#include "engine/demo/judge.h"
#include "engine/demo/traffic.h"

#define REFEREE_TEXT_MAX   640
#define REFEREE_LEDGER_MAX 9

struct referee_options {
    const char *alerts, *requests, *dead_letters; /* topics */
    int32_t alerts_partitions, requests_partitions, dead_letters_partitions;
};

/* One record of the alerts topic as it came. */
enum referee_state { REFEREE_OPEN, REFEREE_UPDATE, REFEREE_RESOLVE };
struct referee_alert {
    struct bytes record; /* JSON, borrowed for the call */
    enum referee_state state;
    int64_t at_ms;
    bool explained; /* by the script */
    char text[REFEREE_TEXT_MAX];
};

struct referee;

struct referee *referee_open(const struct referee_options *options, const struct script *script,
                             struct bus *bus, struct error *error);
void referee_close(struct referee *referee);
typedef void referee_hear(void *context, const struct referee_alert *alert);
/* Reads on; each alert record is also told to `hear` (may be NULL). wait_ms as for the judge. */
bool referee_read(struct referee *referee, int wait_ms, referee_hear *hear, void *context,
                  struct error *error);
/* "2026-03-01T12:00:00Z", with or without milliseconds, as ms since 1970; false when it is not a time. */
bool referee_read_time(struct bytes text, int64_t *out);
/* Alerts that are open now. */
uint32_t referee_open_alerts(const struct referee *referee);

/* ---- the verdict ------------------------------------------------------------------------------------------ */

/* The engine's own sums over all shards, as plain numbers. */
struct referee_engine {
    uint64_t spans, verdicts, verdict_rows, measured, duplicates, requests, dead_letters;
};

struct referee_incident {
    const struct incident *incident;
    uint32_t alerts;     /* opened because of it */
    int64_t opened_ms;   /* of the first; 0: none */
    int64_t resolved_ms; /* of the last; 0: one is still open, or none was opened */
    bool in_time;
};

/* Two counts of the same thing. */
struct referee_entry {
    const char *what;
    uint64_t expected, counted;
};

struct referee_result {
    uint32_t alerts, expected, missed, false_alarms;
    struct referee_incident incidents[SCRIPT_INCIDENTS_MAX];
    uint32_t incidents_count;
    struct referee_entry ledger[REFEREE_LEDGER_MAX];
    uint32_t ledger_count;
    uint64_t unreconciled; /* what the entries differ by, added up */
};

void referee_judge(const struct referee *referee, const struct referee_engine *engine,
                   const struct traffic_counts *sent, const struct judge_counts *judged,
                   struct referee_result *out);

#endif
