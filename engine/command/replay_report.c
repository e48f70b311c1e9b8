/* replay_report.c - progress and summary; the series are walked in the order of their cells. */
#include "engine/command/replay_report.h"

#include "engine/base/json.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_NS 200000000
#define BAR_CELLS 30
#define LINES_MAX 20 /* of what is missing, in words */
#define SUMMARY_BYTES_MAX ((size_t)64 << 20)
#define DAY_MS 86400000.0

/* ---- progress ---------------------------------------------------------------------------------------------- */

void replay_progress_start(struct replay_progress *progress)
{
    *progress = (struct replay_progress){.on = isatty(STDERR_FILENO) == 1};
}

static void print_time(int64_t ms, char *out, size_t size)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL || strftime(out, size, "%Y-%m-%d %H:%M", &parts) == 0)
        (void)snprintf(out, size, "?");
}

void replay_progress_show(struct replay_progress *progress, uint64_t done, uint64_t total, uint64_t spans, int64_t time_ms)
{
    int64_t now_ns = progress->on ? clock_monotonic_ns() : 0;
    if (!progress->on || total == 0 || now_ns - progress->drawn_ns < REDRAW_NS)
        return;
    char bar[BAR_CELLS + 1], when[32];
    size_t full = (size_t)((double)done / (double)total * BAR_CELLS);
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', full < BAR_CELLS ? full : BAR_CELLS);
    bar[BAR_CELLS] = 0;
    print_time(time_ms, when, sizeof when);
    (void)fprintf(stderr, "\r[%s] %3.0f %%  %llu spans  %s\x1b[K", bar, 100.0 * (double)done / (double)total,
                  (unsigned long long)spans, when);
    (void)fflush(stderr);
    progress->drawn = true;
    progress->drawn_ns = now_ns;
}

void replay_progress_clear(struct replay_progress *progress)
{
    if (progress->drawn)
        (void)fputs("\r\x1b[K", stderr);
    progress->drawn = false;
}

/* ---- walking the series ------------------------------------------------------------------------------------ */

struct walk {
    const struct replay_facts *facts;
    uint32_t partition, cursor;
};

static bool next_series(struct walk *walk, struct watch_view *out, int64_t *now_ms)
{
    for (; walk->partition < walk->facts->partitions; walk->partition++, walk->cursor = 0) {
        struct back *back = shard_back(walk->facts->shard, walk->partition);
        *now_ms = back != NULL ? back_now(back) : LOG_TIME_NONE;
        if (back != NULL && back_next_watch(back, &walk->cursor, out))
            return true;
    }
    return false;
}

struct tally {
    uint32_t learning, watching, alerting, insufficient;
    bool seen[RULES_MAX]; /* rule has at least one series */
};

static bool lacks(const struct watch_view *view)
{
    return view->verdict.kind == VERDICT_INSUFFICIENT && strcmp(view->phase, "alerting") != 0;
}

static struct tally count_series(const struct replay_facts *facts)
{
    struct tally tally = {0};
    struct walk walk = {.facts = facts};
    struct watch_view view;
    int64_t now_ms;
    while (next_series(&walk, &view, &now_ms)) {
        tally.learning += strcmp(view.phase, "learning") == 0;
        tally.watching += strcmp(view.phase, "watching") == 0;
        tally.alerting += strcmp(view.phase, "alerting") == 0;
        tally.insufficient += lacks(&view);
        tally.seen[view.rule - facts->rules->rules] = true;
    }
    for (uint32_t r = 0; r < facts->rules->count; r++)
        tally.insufficient += !tally.seen[r];
    return tally;
}

/* Days of baseline gathered so far; NaN when the window is over. */
static double days_learned(const struct watch_view *view, int64_t now_ms)
{
    double days = (double)(now_ms - view->since_ms) / DAY_MS;
    bool waits = strcmp(view->phase, "learning") == 0 && now_ms - view->since_ms < view->rule->baseline_window_ms;
    return waits ? fmax(days, 0) : NAN;
}

/* ---- in words ---------------------------------------------------------------------------------------------- */

static void print_labels(const struct labels *labels, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < labels->count && used < size; i++) {
        int wrote = snprintf(out + used, size - used, "%s%.*s=%.*s", i > 0 ? " " : "", BYTES_FMT(labels->pairs[i].name),
                             BYTES_FMT(labels->pairs[i].value));
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

static void print_lack(const struct watch_view *view, int64_t now_ms)
{
    char labels[600];
    const struct verdict *v = &view->verdict;
    double learned = days_learned(view, now_ms), window = (double)view->rule->baseline_window_ms / DAY_MS;
    print_labels(&view->labels, labels, sizeof labels);
    (void)fprintf(stderr, "  %s %s {%s}: ", view->rule->id, view->metric->name, labels);
    if (!isnan(learned))
        (void)fprintf(stderr, "not enough evidence: %.3g of %.3g days of baseline\n", learned, window);
    else if (strcmp(view->phase, "watching") == 0 && isfinite(v->achievable) && v->achievable != 0)
        (void)fprintf(stderr, "watched for larger changes: a baseline of %llu shows a %s of %.3g %% or more; the rule needs %.0f\n",
                      (unsigned long long)v->count, v->achievable < 0 ? "drop" : "rise", 100 * fabs(v->achievable), v->needed);
    else
        (void)fprintf(stderr, "not enough evidence: %llu of %.0f observations\n", (unsigned long long)v->count, v->needed);
}

static const char *why_no_series(const struct rule *rule, const struct shard_status *status)
{
    return strncmp(rule->metric, "score.", 6) == 0 && status->front.verdicts == 0
               ? "no verdict records in these files"
               : "no data for any series it watches";
}

static void say_what_is_missing(const struct replay_facts *facts, const struct tally *tally, const struct shard_status *status)
{
    struct walk walk = {.facts = facts};
    struct watch_view view;
    int64_t now_ms;
    uint32_t said = 0, lacking = 0;
    while (next_series(&walk, &view, &now_ms)) {
        if (!lacks(&view) || ++lacking > LINES_MAX)
            continue;
        print_lack(&view, now_ms);
        said++;
    }
    if (lacking > said)
        (void)fprintf(stderr, "  … and %u more (--json lists all)\n", lacking - said);
    for (uint32_t r = 0; r < facts->rules->count; r++)
        if (!tally->seen[r])
            (void)fprintf(stderr, "  %s %s: not enough evidence: %s\n", facts->rules->rules[r].id, facts->rules->rules[r].title,
                          why_no_series(&facts->rules->rules[r], status));
}

static void in_words(const struct replay_facts *facts, const struct tally *tally, const struct shard_status *s)
{
    char from[32], to[32];
    print_time(facts->first_ms, from, sizeof from);
    print_time(facts->last_ms, to, sizeof to);
    (void)fprintf(stderr, "%llu spans and %llu verdicts in %llu records", (unsigned long long)s->front.spans,
                  (unsigned long long)s->front.verdicts, (unsigned long long)facts->records);
    if (facts->records > 0)
        (void)fprintf(stderr, ", %s to %s UTC", from, to);
    (void)fprintf(stderr, ", in %.1f s", facts->elapsed_seconds);
    if (s->front.duplicates > 0)
        (void)fprintf(stderr, "; %llu were seen before", (unsigned long long)s->front.duplicates);
    (void)fprintf(stderr, "\n%llu alerts opened, %llu resolved, %u open\n", (unsigned long long)s->back.alerts_opened,
                  (unsigned long long)s->back.alerts_resolved, tally->alerting);
    if (facts->repeated > 0)
        (void)fprintf(stderr, "%llu records were in the files more than once, and read once\n", (unsigned long long)facts->repeated);
    if (facts->bad_records > 0)
        (void)fprintf(stderr, "%llu records could not be read%s\n", (unsigned long long)facts->bad_records,
                      facts->bad_records > facts->named_max ? ", the first are named above" : " (named above)");
    (void)fprintf(stderr, "%u series watched, %u alerting, %u learning\n", tally->watching, tally->alerting, tally->learning);
    say_what_is_missing(facts, tally, s);
}

/* ---- as JSON ----------------------------------------------------------------------------------------------- */

static void put_count(struct json_writer *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_put_unsigned(json, value);
}

static void put_real(struct json_writer *json, const char *key, double value)
{
    json_key(json, key);
    json_put_real(json, value);
}

static void put_text(struct json_writer *json, const char *key, const char *value)
{
    json_key(json, key);
    json_put_text(json, bytes_from_text(value));
}

static void put_lack(struct json_writer *json, const struct watch_view *view, int64_t now_ms)
{
    json_open_object(json);
    put_text(json, "rule", view->rule->id);
    put_text(json, "metric", view->metric->name);
    put_text(json, "phase", view->phase);
    json_key(json, "labels");
    json_open_object(json);
    for (uint32_t i = 0; i < view->labels.count; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", BYTES_FMT(view->labels.pairs[i].name));
        json_key(json, name);
        json_put_text(json, view->labels.pairs[i].value);
    }
    json_close_object(json);
    double learned = days_learned(view, now_ms);
    if (!isnan(learned)) {
        put_real(json, "baseline_days", learned);
        put_real(json, "baseline_days_needed", (double)view->rule->baseline_window_ms / DAY_MS);
    } else {
        put_count(json, "count", view->verdict.count);
        put_real(json, "needed", view->verdict.needed);
        put_real(json, "achievable", view->verdict.achievable != 0 ? view->verdict.achievable : NAN);
    }
    json_close_object(json);
}

static void put_missing(struct json_writer *json, const struct replay_facts *facts, const struct tally *tally,
                        const struct shard_status *status)
{
    struct walk walk = {.facts = facts};
    struct watch_view view;
    int64_t now_ms;
    json_key(json, "missing");
    json_open_array(json);
    while (next_series(&walk, &view, &now_ms))
        if (lacks(&view))
            put_lack(json, &view, now_ms);
    for (uint32_t r = 0; r < facts->rules->count; r++) {
        if (tally->seen[r])
            continue;
        json_open_object(json);
        put_text(json, "rule", facts->rules->rules[r].id);
        put_text(json, "metric", facts->rules->rules[r].metric);
        put_text(json, "phase", "no series");
        put_text(json, "reason", why_no_series(&facts->rules->rules[r], status));
        json_close_object(json);
    }
    json_close_array(json);
}

static void as_line(const struct replay_facts *facts, const struct tally *tally, const struct shard_status *s)
{
    struct buffer text = BUFFER_WITH_LIMIT(SUMMARY_BYTES_MAX);
    struct json_writer json = json_writer_on(&text);
    json_open_object(&json);
    put_text(&json, "kind", "summary");
    put_count(&json, "spans", s->front.spans);
    put_count(&json, "verdicts", s->front.verdicts);
    put_count(&json, "records", facts->records);
    put_count(&json, "bad_records", facts->bad_records);
    put_count(&json, "repeated_records", facts->repeated);
    put_count(&json, "duplicates", s->front.duplicates);
    put_count(&json, "requests", s->front.requests);
    put_count(&json, "alerts_opened", s->back.alerts_opened);
    put_count(&json, "alerts_resolved", s->back.alerts_resolved);
    json_key(&json, "series");
    json_open_object(&json);
    put_count(&json, "learning", tally->learning);
    put_count(&json, "watching", tally->watching);
    put_count(&json, "alerting", tally->alerting);
    put_count(&json, "insufficient", tally->insufficient);
    json_close_object(&json);
    put_missing(&json, facts, tally, s);
    put_real(&json, "seconds", (double)(facts->last_ms - facts->first_ms) / 1000);
    json_close_object(&json);
    (void)printf("%.*s\n", (int)text.size, (const char *)text.data);
    buffer_free(&text);
}

uint32_t replay_summary(const struct replay_facts *facts, bool as_json)
{
    struct shard_status status;
    shard_read_status(facts->shard, &status);
    struct tally tally = count_series(facts);
    if (as_json)
        as_line(facts, &tally, &status);
    else
        in_words(facts, &tally, &status);
    return tally.alerting;
}
