/*
 * shard_metrics.c - one table from fields of struct shard_status to OpenMetrics families. Rows of one
 * family stand together; a row with a label value is one sample of its family.
 */
#include "engine/serve/shard_metrics.h"

#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define AT(field) offsetof(struct shard_status, field)

enum scale { AS_IT_IS, NANOSECONDS, WIDE_32, SIGNED_64 };

struct row {
    const char *name;
    enum metrics_type type;
    const char *unit;
    const char *label, *label_value; /* NULL: the family's only sample */
    size_t offset;
    enum scale scale;
    const char *help; /* of the family: that of its first row */
};

#define COUNT(name, field, help) {name, METRICS_COUNTER, NULL, NULL, NULL, AT(field), AS_IT_IS, help}
#define STAGE(stage, field, help) {"assay_stage_seconds", METRICS_COUNTER, "seconds", "stage", stage, AT(field), NANOSECONDS, help}

#define DEAD(code, reason)                                                                                             \
    {"assay_dead_letters", METRICS_COUNTER, NULL, "code", code, AT(front.dead[reason]), AS_IT_IS,                      \
     "Records that went to the dead-letter topic, by __<app>.errors.code."}
#define DEAD_REFUSAL(name, code) DEAD(code, REFUSAL_##name),
#define BAD_SPANS(name, code)                                                                                          \
    {"assay_bad_spans", METRICS_COUNTER, NULL, "code", code, AT(front.bad_spans[REFUSAL_##name]), AS_IT_IS,            \
     "Spans that were refused, by what is wrong with each."},

static const struct row rows[] = {
    /* in front */
    COUNT("assay_records", front.records, "Input records read."),
    {"assay_input_bytes", METRICS_COUNTER, "bytes", NULL, NULL, AT(front.bytes), AS_IT_IS, "Bytes of input records read."},
    {"assay_rows", METRICS_COUNTER, NULL, "kind", "span", AT(front.spans), AS_IT_IS, "Rows decoded, those read again after a start included."},
    {"assay_rows", METRICS_COUNTER, NULL, "kind", "verdict", AT(front.verdict_rows), AS_IT_IS, NULL},
    {"assay_rows", METRICS_COUNTER, NULL, "kind", "content", AT(front.content_rows), AS_IT_IS, NULL},
    COUNT("assay_rows_measured", front.measured, "Rows that were counted: decoded, new, not seen before."),
    COUNT("assay_duplicates", front.duplicates, "Rows recognised as seen before, and not counted."),
    COUNT("assay_dedupe_evictions", front.dedupe_evicted, "Ids forgotten before the window ended: raise dedupe.ids_max."),
    COUNT("assay_empty_records", front.empty, "Input records without a value."),
    DEAD("oversized", DEAD_OVERSIZED),
    DEAD("bad_verdict", DEAD_BAD_VERDICT),
    DEAD("schema_unknown", DEAD_SCHEMA_UNKNOWN),
    DEAD("schema_unfit", DEAD_SCHEMA_UNFIT),
    DEAD("schema_unavailable", DEAD_SCHEMA_UNAVAILABLE),
    REFUSALS(DEAD_REFUSAL)
    REFUSALS(BAD_SPANS)
    COUNT("assay_schema_waits", front.schema_waits, "Times a source partition was held back because a schema was being fetched."),
    COUNT("assay_cut_strings", front.cut_strings, "Values cut at limits.string_bytes."),
    COUNT("assay_logs_skipped", front.logs_skipped, "Log records that say nothing of a call."),
    {"assay_unjoined", METRICS_COUNTER, NULL, "where", "front", AT(front.unjoined), AS_IT_IS, "Messages and evaluations of log records whose span nobody knows, measured without its labels."},
    {"assay_unjoined", METRICS_COUNTER, NULL, "where", "trace", AT(traces.unjoined), AS_IT_IS, NULL},
    COUNT("assay_skipped", front.skipped_role, "Rows without a measurement because of their role."),
    COUNT("assay_requests", front.requests, "Judge requests written."),
    COUNT("assay_verdicts", front.verdicts, "Verdicts read."),
    COUNT("assay_scores", front.scores, "Per-span results written."),
    COUNT("assay_outputs_refused", outputs_refused, "Outputs that were not written because their schema does not allow them: a fault of Assay."),
    /* behind the exchange */
    COUNT("assay_exchange_read", back.records, "Exchange records folded."),
    COUNT("assay_exchange_bad", back.bad_records, "Exchange records that could not be read."),
    COUNT("assay_deltas", back.deltas, "Measurements added to series."),
    COUNT("assay_cells_refused", back.cells_refused, "Label sets counted as other because state was full."),
    COUNT("assay_late_minutes", back.late_minutes, "Measurements too late for their minute, kept by the day."),
    COUNT("assay_epochs_closed", back.epochs_closed, "Epochs closed and judged."),
    COUNT("assay_alerts_opened", back.alerts_opened, "Alerts opened."),
    COUNT("assay_alerts_resolved", back.alerts_resolved, "Alerts resolved."),
    /* traces */
    COUNT("assay_digests", traces.digests, "Digests of spans, messages and evaluations that came to the owner of their trace."),
    COUNT("assay_digests_bad", traces.bad, "Digests that could not be read."),
    COUNT("assay_digests_repeated", traces.duplicates, "Digests of what the trace had already: repeats over several partitions."),
    COUNT("assay_halves_joined", traces.joined, "Messages and evaluations of log records that met their span."),
    COUNT("assay_halves_late", traces.late, "Digests that came after their trace had settled: they amend it."),
    COUNT("assay_halves_missing", traces.missing, "Calls without an answer, and no log record brought it."),
    COUNT("assay_spans_recounted", traces.recounted, "Spans counted in front that are around a call, its copy, or a repeat."),
    COUNT("assay_trace_overflow", traces.overflow, "Digests beyond the most that one trace may have, measured as they stand."),
    COUNT("assay_traces_forgotten", traces.forgotten, "Traces given up before trace.remember: raise traces.bytes_max."),
    {"assay_traces", METRICS_GAUGE, NULL, NULL, NULL, AT(traces.remembered), AS_IT_IS, "Traces that are remembered."},
    {"assay_traces_bytes", METRICS_GAUGE, "bytes", NULL, NULL, AT(traces.bytes), AS_IT_IS, "Memory for them."},
    /* transactions and state */
    COUNT("assay_commits", commits, "Transactions committed."),
    COUNT("assay_aborts", aborts, "Transactions aborted and repeated."),
    COUNT("assay_exchange_written", exchange_records, "Exchange records written."),
    COUNT("assay_changelog_written", changelog_records, "State changes written."),
    COUNT("assay_rebalances", rebalances, "Times partitions were given or taken."),
    COUNT("assay_restored", restored_records, "State changes read back."),
    STAGE("poll", poll_ns, "Wall time of the shards by stage; poll is waiting, all is everything."),
    STAGE("decode", front.decode_ns, NULL),
    STAGE("dedupe", front.dedupe_ns, NULL),
    STAGE("annotate", front.annotate_ns, NULL),
    STAGE("measure", front.measure_ns, NULL),
    STAGE("output", front.output_ns, NULL),
    STAGE("fold", fold_ns, NULL),
    STAGE("commit", commit_ns, NULL),
    STAGE("all", total_ns, NULL),
    {"assay_state_bytes", METRICS_GAUGE, "bytes", NULL, NULL, AT(state_bytes), AS_IT_IS, "State held in memory."},
    {"assay_state_entries", METRICS_GAUGE, NULL, NULL, NULL, AT(state_entries), AS_IT_IS, "Entries of that state."},
    {"assay_cells", METRICS_GAUGE, NULL, NULL, NULL, AT(cells_watched), AS_IT_IS, "Label sets with state."},
    {"assay_partitions", METRICS_GAUGE, NULL, "kind", "source", AT(sources), WIDE_32, "Partitions assigned to this process."},
    {"assay_partitions", METRICS_GAUGE, NULL, "kind", "cells", AT(cells_partitions), WIDE_32, NULL},
    {"assay_partitions", METRICS_GAUGE, NULL, "kind", "digests", AT(digests_partitions), WIDE_32, NULL},
    {"assay_lag_offsets", METRICS_GAUGE, NULL, "kind", "source", AT(sources_behind), SIGNED_64, "Offsets still to read in the partitions of this process, as of the last fetch."},
    {"assay_lag_offsets", METRICS_GAUGE, NULL, "kind", "exchange", AT(exchange_behind), SIGNED_64, NULL},
    {"assay_restore_records", METRICS_GAUGE, NULL, "part", "done", AT(restore_done), SIGNED_64, "Progress of reading state back."},
    {"assay_restore_records", METRICS_GAUGE, NULL, "part", "total", AT(restore_total), SIGNED_64, NULL},
};

static uint64_t read_field(const struct shard_status *shard, const struct row *row)
{
    const uint8_t *at = (const uint8_t *)shard + row->offset;
    uint64_t wide = 0;
    int64_t negative = 0;
    uint32_t narrow = 0;
    switch (row->scale) {
    case WIDE_32:
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    case SIGNED_64:
        memcpy(&negative, at, sizeof negative);
        return negative < 0 ? 0 : (uint64_t)negative;
    default:
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
}

static void write_sums(const struct shard_status *shards, uint32_t count, struct metrics_writer *out)
{
    struct metrics_family families[sizeof rows / sizeof rows[0]];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        uint64_t sum = 0;
        for (uint32_t s = 0; s < count; s++)
            sum += read_field(&shards[s], row);
        families[i] = (struct metrics_family){row->name, row->type, row->unit, row->help};
        if (i == 0 || strcmp(rows[i - 1].name, row->name) != 0)
            metrics_begin(out, &families[i]);
        struct metrics_labels labels = row->label ? METRICS_LABEL(row->label, row->label_value) : METRICS_NO_LABELS;
        if (row->scale == NANOSECONDS)
            metrics_put_real(out, labels, (double)sum / 1e9);
        else
            metrics_put_count(out, labels, sum);
    }
    out->family = NULL;
}

/* How far behind now a clock is; 0 when it has not started or is ahead. */
static double behind_seconds(int64_t clock_ms, int64_t now_ms)
{
    return clock_ms == LOG_TIME_NONE || clock_ms > now_ms ? 0 : (double)(now_ms - clock_ms) / 1000.0;
}

static void write_per_shard(const struct shard_status *shards, uint32_t count, int64_t now_ms, struct metrics_writer *out)
{
    static const struct metrics_family lag = {"assay_log_time_lag_seconds", METRICS_GAUGE, "seconds",
                                              "How far the slowest source of a shard is behind wall time."};
    static const struct metrics_family back_lag = {"assay_clock_lag_seconds", METRICS_GAUGE, "seconds",
                                                   "How far the clock that closes epochs is behind wall time."};
    static const struct metrics_family ready = {"assay_shard_ready", METRICS_GAUGE, NULL, "1: assigned and restored."};
    static const struct metrics_family version = {"assay_rates_version", METRICS_GAUGE, NULL, "Version of the sampling rates in force."};
    const struct metrics_family *families[] = {&lag, &back_lag, &ready, &version};
    for (int family = 0; family < 4; family++) {
        metrics_begin(out, families[family]);
        for (uint32_t i = 0; i < count; i++) {
            char number[16];
            (void)snprintf(number, sizeof number, "%u", shards[i].number);
            struct metrics_labels labels = METRICS_LABEL("shard", number);
            if (family == 0)
                metrics_put_real(out, labels, behind_seconds(shards[i].log_time_ms, now_ms));
            else if (family == 1)
                metrics_put_real(out, labels, behind_seconds(shards[i].back_now_ms, now_ms));
            else
                metrics_put_count(out, labels, family == 2 ? (uint64_t)shards[i].ready : shards[i].rates_version);
        }
    }
}

void shard_metrics_write(const struct shard_status *shards, uint32_t count, int64_t now_ms, struct metrics_writer *out)
{
    write_sums(shards, count, out);
    write_per_shard(shards, count, now_ms, out);
}

static uint64_t resident_bytes(void)
{
    unsigned long long total = 0;
    unsigned long long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    (void)fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void process_metrics_write(const char *version, const char *kafka_version, struct metrics_writer *out)
{
    static const struct metrics_family build = {"assay_build", METRICS_INFO, NULL, "What is running."};
    static const struct metrics_family cpu = {"process_cpu_seconds", METRICS_COUNTER, "seconds", "CPU time, user and system."};
    static const struct metrics_family resident = {"process_resident_memory_bytes", METRICS_GAUGE, "bytes", "Resident memory."};
    static const struct metrics_family allocated = {"assay_allocated_bytes", METRICS_GAUGE, "bytes", "Memory handed out: what memory.limit bounds."};
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    metrics_begin(out, &build);
    metrics_put_info(out, (struct metrics_labels){
                              .rows = {{"version", bytes_from_text(version)}, {"librdkafka", bytes_from_text(kafka_version)}}, .count = 2});
    metrics_begin(out, &cpu);
    metrics_put_real(out, METRICS_NO_LABELS,
                     (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    metrics_begin(out, &resident);
    metrics_put_count(out, METRICS_NO_LABELS, resident_bytes());
    metrics_begin(out, &allocated);
    metrics_put_count(out, METRICS_NO_LABELS, memory_allocated_bytes());
}

void registry_metrics_write(const struct schema_registry_counters *counters, struct metrics_writer *out)
{
    static const struct metrics_family requests = {"assay_registry_requests", METRICS_COUNTER, NULL, "Schemas asked of the registry, attempts repeated included."};
    static const struct metrics_family failures = {"assay_registry_failures", METRICS_COUNTER, NULL, "Attempts of these that gave no schema."};
    metrics_begin(out, &requests);
    metrics_put_count(out, METRICS_NO_LABELS, counters->requests);
    metrics_begin(out, &failures);
    metrics_put_count(out, METRICS_NO_LABELS, counters->failures);
}

/* ---- ready and live -------------------------------------------------------------------------------- */

static void write_shard(struct json_writer *json, const struct shard_status *shard, bool good, const char *why)
{
    json_open_object(json);
    json_key(json, "shard");
    json_put_unsigned(json, shard->number);
    json_key(json, "ok");
    json_put_boolean(json, good);
    if (!good) {
        json_key(json, "why");
        json_put_text(json, bytes_from_text(why));
        json_key(json, "restored");
        json_put_integer(json, shard->restore_done);
        json_key(json, "to_restore");
        json_put_integer(json, shard->restore_total);
    }
    json_close_object(json);
}

static void open_answer(struct json_writer *json)
{
    json_open_object(json);
    json_key(json, "shards");
    json_open_array(json);
}

static bool close_answer(struct json_writer *json, const char *name, bool all)
{
    json_close_array(json);
    json_key(json, name);
    json_put_boolean(json, all);
    json_close_object(json);
    buffer_put_u8(json->out, '\n');
    return all;
}

bool shard_ready_write(const struct shard_status *shards, uint32_t count, struct buffer *out)
{
    struct json_writer json = json_writer_on(out);
    bool all = count > 0;
    open_answer(&json);
    for (uint32_t i = 0; i < count; i++) {
        bool good = shards[i].ready && !shards[i].failed;
        write_shard(&json, &shards[i], good, shards[i].message[0] ? shards[i].message : "waiting for partitions");
        all = all && good;
    }
    return close_answer(&json, "ready", all);
}

bool shard_live_write(const struct shard_status *shards, uint32_t count, int64_t now_ms, int64_t stalled_after_ms, struct buffer *out)
{
    struct json_writer json = json_writer_on(out);
    bool all = true;
    open_answer(&json);
    for (uint32_t i = 0; i < count; i++) {
        bool stalled = stalled_after_ms > 0 && shards[i].newest_ms > 0 && now_ms - shards[i].newest_ms > stalled_after_ms;
        bool good = !shards[i].failed && !stalled;
        const char *why = shards[i].failed ? shards[i].message : "no turn was finished for too long";
        write_shard(&json, &shards[i], good, why);
        all = all && good;
    }
    return close_answer(&json, "live", all);
}
