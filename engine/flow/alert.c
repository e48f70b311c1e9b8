/*
 * alert.c - an alert as a record for programs and as a sentence for someone woken at 3 a.m.
 *
 * Both are functions of the watch and its verdicts: no clock, no lookups.
 */
#include "engine/base/json.h"
#include "engine/flow/watch.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

void alert_make_id(const struct rule *rule, const struct metric *metric, struct bytes labels, int64_t opened_ms,
                   struct sha256 *sha, uint8_t out[16])
{
    struct buffer text = BUFFER_WITH_LIMIT(4096);
    buffer_put_bytes(&text, bytes_from_text(rule->id));
    buffer_put_bytes(&text, bytes_from_text(metric->name));
    buffer_put_bytes(&text, labels);
    buffer_put_u8(&text, (uint8_t)rule->direction);
    buffer_put_u64(&text, (uint64_t)opened_ms);
    uint8_t digest[SHA256_BYTES];
    sha256_digest(sha, buffer_bytes(&text), digest);
    memcpy(out, digest, 16);
    buffer_free(&text);
}

/* ---- words --------------------------------------------------------------------------------------------- */

static void print_duration(double days, char *out, size_t size)
{
    if (days < 2)
        (void)snprintf(out, size, "%.0f hours", fmax(1, days * 24));
    else if (days < 60)
        (void)snprintf(out, size, "%.0f days", days);
    else if (days < 730)
        (void)snprintf(out, size, "%.0f months", days / 30.44);
    else if (days < 365.25 * 1000)
        (void)snprintf(out, size, "%.0f years", days / 365.25);
    else
        (void)snprintf(out, size, "over 1,000 years");
}

static void print_time(int64_t ms, const char *format, char *out, size_t size)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL || strftime(out, size, format, &parts) == 0)
        (void)snprintf(out, size, "?");
}

static void print_value(const struct metric *metric, double value, char *out, size_t size)
{
    if (metric->layout.kind == LAYOUT_FLAG)
        (void)snprintf(out, size, value < 0.01 ? "%.2f %%" : "%.1f %%", value * 100);
    else
        (void)snprintf(out, size, "%.2f", value);
}

/* "checkout / refund" of {app: checkout, intent: refund}. */
static void print_where(const struct labels *labels, char *out, size_t size)
{
    struct bytes app = labels_get(labels, "app"), intent = labels_get(labels, "intent");
    if (bytes_present(intent))
        (void)snprintf(out, size, "%.*s / %.*s", BYTES_FMT(app), BYTES_FMT(intent));
    else
        (void)snprintf(out, size, "%.*s", BYTES_FMT(app));
}

/* "format failures" for the metric format, "relevance" for score.relevance. */
static const char *subject(const struct alert *alert)
{
    const char *dot = strchr(alert->metric->name, '.');
    return dot != NULL && alert->metric->layout.kind != LAYOUT_FLAG ? dot + 1 : alert->rule->title;
}

/* How often a series that has not changed would show evidence like this: E epochs, with data in them. */
static void print_rarity(const struct alert *alert, char *out, size_t size)
{
    const struct watch *w = alert->watch;
    double e = fmax(alert->sure->evidence, w->gamma);
    double span_ms = (double)(w->last_ms - w->first_ms) + alert->epoch_ms;
    double epochs_per_day = (double)w->epochs / (span_ms / 86400000.0);
    print_duration(e / fmax(epochs_per_day, 1e-6), out, size);
}

/* On resolve the effect window still holds the bad stretch: what counts is the level since it ended. */
static double observed(const struct alert *alert)
{
    bool resolved = alert->state == ALERT_RESOLVE && isfinite(alert->sure->since_onset);
    return resolved ? alert->sure->since_onset : alert->big->observed;
}

void alert_text(const struct alert *alert, char *out, size_t size)
{
    char where[160], from[32], to[32], since[40], rare[48];
    print_where(alert->labels, where, sizeof where);
    print_value(alert->metric, alert->big->baseline, from, sizeof from);
    print_value(alert->metric, observed(alert), to, sizeof to);
    print_time(alert->watch->onset_ms, "%H:%M on %d %b (UTC)", since, sizeof since);
    print_rarity(alert, rare, sizeof rare);
    const char *verb = alert->big->observed < alert->big->baseline ? "fell" : "rose";
    if (alert->state == ALERT_RESOLVE)
        (void)snprintf(out, size, "%s: %s back to normal: %s now, %s in the baseline.", where, subject(alert), to, from);
    else if (alert->rule->sure)
        (void)snprintf(out, size, "%s: %s %s from %s to %s since about %s. On a stable series evidence this strong comes once in %s.",
                       where, subject(alert), verb, from, to, since, rare);
    else
        (void)snprintf(out, size, "%s: %s %s from %s to %s since about %s.", where, subject(alert), verb, from, to, since);
}

/* ---- record --------------------------------------------------------------------------------------------- */

static void put_time(struct json_writer *json, const char *key, int64_t ms)
{
    char text[40], whole[48];
    print_time(ms, "%Y-%m-%dT%H:%M:%S", text, sizeof text);
    int size = snprintf(whole, sizeof whole, "%s.%03dZ", text, (int)(ms % 1000));
    json_key(json, key);
    json_put_text(json, bytes_of(whole, (size_t)size));
}

static void put_text(struct json_writer *json, const char *key, const char *text)
{
    json_key(json, key);
    json_put_text(json, bytes_from_text(text));
}

static void put_real(struct json_writer *json, const char *key, double value)
{
    json_key(json, key);
    json_put_real(json, value);
}

static void put_identity(struct json_writer *json, const struct alert *alert)
{
    static const char *const states[] = {"open", "update", "resolve"};
    static const char *const severities[] = {"page", "ticket", "investigate"};
    put_text(json, "kind", "alert");
    json_key(json, "id");
    json_put_hex(json, bytes_of(alert->watch->alert_id, 16));
    put_text(json, "state", states[alert->state]);
    put_text(json, "rule", alert->rule->id);
    bool ticket = alert->rule->severity == SEVERITY_PAGE && alert->watch->ticket_only;
    put_text(json, "severity", severities[ticket ? SEVERITY_TICKET : alert->rule->severity]);
    put_text(json, "failure_class", alert->rule->failure_class);
    put_text(json, "metric", alert->metric->name);
    json_key(json, "labels");
    json_open_object(json);
    for (uint32_t i = 0; i < alert->labels->count; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", BYTES_FMT(alert->labels->pairs[i].name));
        json_key(json, name);
        json_put_text(json, alert->labels->pairs[i].value);
    }
    json_close_object(json);
}

static void put_evidence(struct json_writer *json, const struct alert *alert)
{
    put_real(json, "observed", observed(alert));
    put_real(json, "window_observed", alert->big->observed);
    put_real(json, "baseline", alert->big->baseline);
    put_real(json, "effect", alert->big->effect);
    put_real(json, "interval_low", alert->big->interval_low);
    put_real(json, "interval_high", alert->big->interval_high);
    put_real(json, "e", alert->sure->evidence);
    put_real(json, "gamma", alert->watch->gamma);
    json_key(json, "n");
    json_put_unsigned(json, alert->big->count);
    put_time(json, "baseline_start", alert->watch->baseline_start_ms);
    put_time(json, "baseline_end", alert->watch->baseline_end_ms);
    json_key(json, "window_ms");
    json_put_integer(json, alert->rule->window_ms);
}

static void put_exemplars(struct json_writer *json, const struct alert *alert)
{
    json_key(json, "exemplars");
    json_open_object(json);
    json_key(json, "bad");
    json_open_array(json);
    for (uint32_t i = 0; i < alert->bad_count; i++)
        json_put_hex(json, bytes_of(alert->bad[i], 16));
    json_close_array(json);
    json_key(json, "good");
    json_open_array(json);
    for (uint32_t i = 0; i < alert->watch->good_count && i < 3; i++)
        json_put_hex(json, bytes_of(alert->watch->good[i], 16));
    json_close_array(json);
    json_close_object(json);
}

void alert_write(const struct alert *alert, struct buffer *out)
{
    struct json_writer json = json_writer_on(out);
    char text[640];
    alert_text(alert, text, sizeof text);
    json_open_object(&json);
    put_identity(&json, alert);
    put_time(&json, "at", alert->at_ms);
    put_time(&json, "opened_at", alert->watch->opened_ms);
    put_time(&json, "onset", alert->watch->onset_ms);
    put_evidence(&json, alert);
    put_exemplars(&json, alert);
    put_text(&json, "first_action", alert->rule->first_action);
    put_text(&json, "owner", alert->rule->owner);
    put_text(&json, "text", text);
    json_close_object(&json);
}
