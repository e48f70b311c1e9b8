/* check_phase.c - see check_phase.h. A phase is done when nearly all of the newest calls carry what it asks. */
#include "engine/command/check_phase.h"

#include "engine/span/encoding.h"

#include <stdarg.h>
#include <stdio.h>

#define SAMPLE_PARTITIONS 16
#define SAMPLE_RECORDS 50 /* of each partition, the newest */
#define SAMPLE_WAIT_MS 2000
#define NEARLY_ALL 0.95
#define DAY_MS ((int64_t)86400000)

/* What stands in the topics. */
struct evidence {
    bool looked;
    uint64_t records, calls, with_cost, with_prompt, verdicts;
};

/* ---- looking ------------------------------------------------------------------------------------------------- */

static void count_record(struct bytes value, const struct encoding_options *encoding, struct span_batch *batch, struct evidence *out)
{
    struct encoded_record record;
    encoding_start(&record, value, BYTES_NONE, 0, encoding);
    enum decode_result result;
    do {
        span_batch_reset(batch);
        result = encoding_decode(&record, batch);
        for (uint32_t row = 0; row < batch->rows; row++) {
            if (batch->role[row] != ROLE_CALL)
                continue;
            out->calls++;
            out->with_cost += batch->input_tokens[row] != SPAN_I64_ABSENT && batch->output_tokens[row] != SPAN_I64_ABSENT;
            out->with_prompt += bytes_present(batch->prompt_version_given[row]) || bytes_present(batch->prompt_hash_given[row]) ||
                                bytes_present(batch->system_instructions[row]);
        }
    } while (result == DECODE_MORE);
    out->records++;
}

static bool sample_partition(struct bus *bus, const char *topic, int32_t partition, const struct encoding_options *encoding,
                             struct span_batch *batch, struct evidence *out, struct error *error)
{
    int64_t low = 0, high = 0;
    if (!bus_watermarks(bus, topic, partition, &low, &high, error))
        return false;
    int64_t from = high - SAMPLE_RECORDS > low ? high - SAMPLE_RECORDS : low;
    if (from == high)
        return true;
    struct bus_reader *reader = bus_reader_open(bus, topic, partition, from, high, error);
    if (reader == NULL)
        return false;
    struct bus_record record;
    enum reader_event event;
    while ((event = reader_next(reader, SAMPLE_WAIT_MS, &record, error)) == READER_RECORD)
        if (record.value.size > 0)
            count_record(record.value, encoding, batch, out);
    reader_close(reader);
    return event != READER_FAILED;
}

static bool sample_spans(const struct setup *setup, struct bus *bus, struct evidence *out, struct error *error)
{
    static const enum span_column columns[] = {SPAN_COLUMN_role, SPAN_COLUMN_input_tokens, SPAN_COLUMN_output_tokens,
                                               SPAN_COLUMN_prompt_version_given, SPAN_COLUMN_prompt_hash_given,
                                               SPAN_COLUMN_system_instructions};
    struct topic_info info = {0};
    const char *topic = setup->config->topic_spans;
    if (!bus_describe(bus, topic, &info, error))
        return false;
    struct span_batch *batch = span_batch_create(1024);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        span_columns_add(&batch->wanted, columns[i]);
    struct encoding_options encoding = {setup->flow.inputs[0].encoding, SIGNAL_SPANS, &setup->flow.otlp, setup->flow.avro};
    bool good = true;
    for (int32_t p = 0; good && p < info.partitions && p < SAMPLE_PARTITIONS; p++)
        good = sample_partition(bus, topic, p, &encoding, batch, out, error);
    span_batch_destroy(batch);
    return good;
}

static bool count_verdicts(const struct setup *setup, struct bus *bus, struct evidence *out, struct error *error)
{
    struct topic_info info = {0};
    const char *topic = setup->config->topic_verdicts;
    if (!bus_describe(bus, topic, &info, error))
        return false;
    for (int32_t p = 0; p < info.partitions; p++) {
        int64_t low = 0, high = 0;
        if (!bus_watermarks(bus, topic, p, &low, &high, error))
            return false;
        out->verdicts += (uint64_t)(high - low);
    }
    return true;
}

/* ---- judging -------------------------------------------------------------------------------------------------- */

static void judge(struct phase *phase, enum phase_state state, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void judge(struct phase *phase, enum phase_state state, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    phase->state = state;
    (void)vsnprintf(phase->why, sizeof phase->why, format, arguments);
    va_end(arguments);
}

static void judge_share(struct phase *phase, const struct evidence *e, uint64_t with, const char *what)
{
    if (!e->looked)
        judge(phase, PHASE_UNKNOWN, "not looked at; --kafka samples the newest spans");
    else if (e->calls == 0)
        judge(phase, PHASE_OPEN, "no model calls in the newest %llu records", (unsigned long long)e->records);
    else
        judge(phase, (double)with >= NEARLY_ALL * (double)e->calls ? PHASE_DONE : PHASE_OPEN, "%.0f %% of the newest %llu calls carry %s",
              100.0 * (double)with / (double)e->calls, (unsigned long long)e->calls, what);
}

static bool has_score_rule(const struct rule_set *rules, bool *long_baseline)
{
    bool any = false;
    *long_baseline = true;
    for (uint32_t r = 0; r < rules->count; r++) {
        if (strncmp(rules->rules[r].metric, "score", 5) != 0)
            continue;
        any = true;
        *long_baseline = *long_baseline && rules->rules[r].baseline_window_ms >= 14 * DAY_MS;
    }
    return any;
}

static bool has_check_rule(const struct rule_set *rules)
{
    for (uint32_t r = 0; r < rules->count; r++)
        if (strncmp(rules->rules[r].metric, "score", 5) != 0)
            return true;
    return false;
}

static void judge_judging(const struct setup *setup, const struct evidence *e, struct phase *phase)
{
    bool long_baseline = false;
    double share = 100 * setup->config->sampler_base;
    if (!has_score_rule(setup->rules, &long_baseline))
        judge(phase, PHASE_OPEN, "no rule watches score.*");
    else if (setup->config->sampler_base <= 0)
        judge(phase, PHASE_OPEN, "sampler.base_probability is 0: nothing is judged");
    else if (e->looked && e->verdicts == 0)
        judge(phase, PHASE_OPEN, "%.3g %% of calls go to judges, no verdict has come yet", share);
    else if (!long_baseline)
        judge(phase, PHASE_OPEN, "a score rule has a baseline of less than two weeks");
    else
        judge(phase, e->looked ? PHASE_DONE : PHASE_UNKNOWN, "%.3g %% of calls go to judges, baselines are two weeks or more%s", share,
              e->looked ? "" : "; --kafka looks for verdicts");
}

bool phase_find(const struct setup *setup, struct bus *bus, struct phase_report *out, struct error *error)
{
    static const struct phase texts[PHASES] = {
        {.id = "R100", .title = "trace id and cost on every span",
         .next = "let the instrumentation write token counts on every call, and point the Collector's Kafka exporter at the spans topic"},
        {.id = "R101", .title = "prompt hash and version on every span",
         .next = "write gen_ai.prompt.version (or the system instructions) on every call"},
        {.id = "R102", .title = "rule checks on all traffic", .next = "add a rule on format or truncated"},
        {.id = "R103", .title = "50 to 200 ratings by hand, judge agreement of kappa 0.6 or more",
         .next = "rate 50 to 200 answers by hand and compare with the judge; until then sampler.trust: measured keeps judging at 2 % or less"},
        {.id = "R104", .title = "judge 1 to 2 %, two weeks of baseline, then 5 to 10 %",
         .next = "start a judge worker on the judge-requests topic, and wait two weeks before believing drift alerts"},
    };
    struct evidence e = {.looked = bus != NULL};
    memcpy(out->phases, texts, sizeof texts);
    if (bus != NULL && (!sample_spans(setup, bus, &e, error) || !count_verdicts(setup, bus, &e, error)))
        return false;
    judge_share(&out->phases[0], &e, e.with_cost, "the token counts that cost is made of");
    judge_share(&out->phases[1], &e, e.with_prompt, "a prompt version, hash, or instructions to hash");
    if (has_check_rule(setup->rules))
        judge(&out->phases[2], PHASE_DONE, "checks run on every call, and rules watch them");
    else
        judge(&out->phases[2], PHASE_OPEN, "checks run on every call, but no rule watches them");
    if (setup->config->sampler_trust == TRUST_ASSUMED)
        judge(&out->phases[3], PHASE_OPEN, "skipped: sampler.trust is assumed");
    else
        judge(&out->phases[3], PHASE_OPEN, "no ratings are read by this version; sampler.trust is measured");
    judge_judging(setup, &e, &out->phases[4]);
    out->sampled_records = e.records;
    out->sampled_calls = e.calls;
    out->current = 0;
    while (out->current < PHASES && out->phases[out->current].state != PHASE_OPEN)
        out->current++;
    return true;
}
