/* screen_summary.c - how it ended: the referee's verdict and the sums, in words or as one JSON line. */
#include "engine/demo/screen_internal.h"

#include "engine/base/json.h"

static void print_span_of_time(int64_t ms, char *out, size_t size)
{
    double minutes = (double)ms / (double)WORLD_MINUTE_MS;
    if (minutes < 3)
        (void)snprintf(out, size, "%.0f s", (double)ms / 1000.0);
    else if (minutes < 120)
        (void)snprintf(out, size, "%.0f minutes", minutes);
    else if (minutes < 48 * 60)
        (void)snprintf(out, size, "%.0f hours", minutes / 60);
    else
        (void)snprintf(out, size, "%.1f days", minutes / 1440);
}

static void print_incident(const struct referee_incident *found)
{
    char when[40], after[40], over[40];
    screen_print_time(found->incident->start_ms, false, when, sizeof when);
    (void)printf("  %s, %s:\n", when, found->incident->title);
    if (found->opened_ms == 0) {
        (void)printf("    MISSED: no alert said so\n");
        return;
    }
    print_span_of_time(found->opened_ms - found->incident->start_ms, after, sizeof after);
    (void)printf("    %s after %s%s, %u alert%s",
                 found->in_time ? "called out" : "called out TOO LATE,", after,
                 found->incident->kind == INCIDENT_SCORE_SLIDE ? " of sliding" : "", found->alerts,
                 found->alerts == 1 ? "" : "s");
    if (found->resolved_ms == 0) {
        (void)printf("; NOT RESOLVED\n");
        return;
    }
    print_span_of_time(found->resolved_ms - found->incident->end_ms, over, sizeof over);
    if (found->resolved_ms < found->incident->end_ms)
        (void)printf("; resolved while it recovered\n");
    else
        (void)printf("; the last one resolved %s after it was over\n", over);
}

static void print_ledger(const struct referee_result *result)
{
    char left[32], right[32];
    for (uint32_t i = 0; i < result->ledger_count; i++) {
        const struct referee_entry *entry = &result->ledger[i];
        screen_print_count(entry->expected, left, sizeof left);
        screen_print_count(entry->counted, right, sizeof right);
        (void)printf("  %s %12s %s %-12s %s\n", entry->expected == entry->counted ? " " : "!", left,
                     entry->expected == entry->counted ? "=" : "/", right, entry->what);
    }
}

static void print_words(const struct screen_facts *facts, const struct referee_result *result)
{
    char spans[32];
    screen_print_count(facts->spans, spans, sizeof spans);
    (void)printf("\n%d simulated days, %s spans, in %.1f s (%.0f spans a second); seed %llu\n",
                 (int)((facts->end_ms - facts->start_ms) / WORLD_DAY_MS), spans, facts->seconds,
                 (double)facts->spans / (facts->seconds > 0.001 ? facts->seconds : 0.001),
                 (unsigned long long)facts->seed);
    (void)printf("\nWhat went wrong, and what was said about it\n");
    for (uint32_t i = 0; i < result->incidents_count; i++)
        print_incident(&result->incidents[i]);
    if (result->incidents_count == 0)
        (void)printf("  nothing went wrong: these days are too few for an incident after two weeks "
                     "of calm\n");
    if (result->false_alarms == 0)
        (void)printf("  no false alarm\n");
    else
        (void)printf("  FALSE ALARMS: %u alerts that nothing explains\n", result->false_alarms);
    (void)printf("\nDo the sums agree?  %s\n",
                 result->unreconciled == 0 ? "yes, to the last span" : "NO");
    print_ledger(result);
}

static void put(struct json_writer *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_put_unsigned(json, value);
}

/* A function of the story alone: no real time in it, so that equal seeds give equal bytes. */
static void print_json(const struct screen_facts *facts, const struct referee_result *result)
{
    struct buffer out = BUFFER_WITH_LIMIT(8192);
    struct json_writer json = json_writer_on(&out);
    json_open_object(&json);
    json_key(&json, "kind");
    json_put_text(&json, BYTES_LITERAL("summary"));
    put(&json, "spans", facts->spans);
    put(&json, "alerts", result->alerts);
    put(&json, "expected", result->expected);
    put(&json, "missed", result->missed);
    put(&json, "false_alarms", result->false_alarms);
    put(&json, "unreconciled", result->unreconciled);
    put(&json, "seed", facts->seed);
    put(&json, "days", (uint64_t)((facts->end_ms - facts->start_ms) / WORLD_DAY_MS));
    put(&json, "repeats", facts->repeats);
    put(&json, "late_spans", facts->late_spans);
    put(&json, "requests", facts->requests);
    put(&json, "verdicts", facts->verdicts);
    json_key(&json, "incidents");
    json_open_array(&json);
    for (uint32_t i = 0; i < result->incidents_count; i++) {
        const struct referee_incident *found = &result->incidents[i];
        json_open_object(&json);
        json_key(&json, "rule");
        json_put_text(&json, bytes_from_text(found->incident->rule));
        put(&json, "alerts", found->alerts);
        json_key(&json, "opened_after_ms");
        if (found->opened_ms != 0)
            json_put_integer(&json, found->opened_ms - found->incident->start_ms);
        else
            json_put_null(&json);
        json_key(&json, "resolved_after_ms");
        if (found->resolved_ms != 0)
            json_put_integer(&json, found->resolved_ms - found->incident->end_ms);
        else
            json_put_null(&json);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_close_object(&json);
    (void)fwrite(out.data, 1, out.size, stdout);
    (void)fputc('\n', stdout);
    buffer_free(&out);
}

void screen_summary(enum screen_mode mode, const struct screen_facts *facts,
                    const struct referee_result *result)
{
    if (mode == SCREEN_JSON)
        print_json(facts, result);
    else
        print_words(facts, result);
    (void)fflush(stdout);
}
