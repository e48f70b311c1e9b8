/* referee_verdict.c - incidents against alerts, and what was sent against what was counted. */
#include "engine/demo/referee_internal.h"

static void judge_incident(const struct referee *referee, uint32_t number,
                           struct referee_incident *out)
{
    const struct incident *incident = &referee->script->incidents[number];
    *out = (struct referee_incident){.incident = incident};
    bool open = false;
    for (uint32_t i = 0; i < referee->alerts_count; i++) {
        const struct referee_heard *heard = &referee->alerts[i];
        if (heard->incident != number)
            continue;
        out->alerts++;
        if (out->opened_ms == 0 || heard->opened_ms < out->opened_ms)
            out->opened_ms = heard->opened_ms;
        if (heard->resolved_ms > out->resolved_ms)
            out->resolved_ms = heard->resolved_ms;
        open = open || heard->resolved_ms == 0;
    }
    if (open)
        out->resolved_ms = 0;
    out->in_time = out->opened_ms != 0 && out->opened_ms <= incident->open_by_ms;
}

static void enter(struct referee_result *out, const char *what, uint64_t expected, uint64_t counted)
{
    out->ledger[out->ledger_count++] = (struct referee_entry){what, expected, counted};
    out->unreconciled += expected > counted ? expected - counted : counted - expected;
}

static void balance(const struct referee *referee, const struct referee_engine *engine,
                    const struct traffic_counts *sent, const struct judge_counts *judged,
                    struct referee_result *out)
{
    uint64_t repeated_rows = sent->repeated_spans + judged->repeated * WORLD_DIMENSIONS;
    uint64_t first_rows = sent->spans - sent->repeated_spans +
                          (judged->verdicts - judged->repeated) * WORLD_DIMENSIONS;
    enter(out, "spans the applications sent / the engine read", sent->spans, engine->spans);
    enter(out, "verdicts the judge sent / the engine read", judged->verdicts, engine->verdicts);
    enter(out, "spans and scores sent once / measured", first_rows, engine->measured);
    enter(out, "spans and scores sent again / recognised as repeats", repeated_rows,
          engine->duplicates);
    enter(out, "judge requests the engine counts / on the topic", engine->requests,
          referee->requests);
    enter(out, "judge requests on the topic / answered, given up or still with the judge",
          referee->requests,
          judged->verdicts - judged->repeated + judged->unanswered + judged->unreadable +
              judged->waiting);
    enter(out, "alert records / opened, updated and resolved in this order", referee->alert_records,
          referee->alert_records - referee->bad_records);
    enter(out, "dead letters the engine counts / on the topic", engine->dead_letters,
          referee->dead_letters);
    enter(out, "records that are no spans, sent / dead letters", sent->strays,
          engine->dead_letters);
}

void referee_judge(const struct referee *referee, const struct referee_engine *engine,
                   const struct traffic_counts *sent, const struct judge_counts *judged,
                   struct referee_result *out)
{
    *out = (struct referee_result){.alerts = referee->alerts_count,
                                   .expected = referee->script->count,
                                   .incidents_count = referee->script->count};
    for (uint32_t i = 0; i < referee->script->count; i++) {
        judge_incident(referee, i, &out->incidents[i]);
        out->missed += !out->incidents[i].in_time || out->incidents[i].resolved_ms == 0;
    }
    for (uint32_t i = 0; i < referee->alerts_count; i++)
        out->false_alarms += referee->alerts[i].incident == REFEREE_NO_INCIDENT;
    balance(referee, engine, sent, judged, out);
}
