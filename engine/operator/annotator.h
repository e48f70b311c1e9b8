/*
 * annotator.h - the contract of an annotator: called once per batch of rows, reads declared columns,
 * writes declared columns; its metrics are bins in columns, which the engine adds to cells.
 *
 * Control plane (conf) may fail and say why. annotate returns void and cannot allocate (but for text
 * in the batch's arena), block, log or read a clock. The engine orders annotators by their columns.
 */
#ifndef ENGINE_OPERATOR_ANNOTATOR_H
#define ENGINE_OPERATOR_ANNOTATOR_H

#include "engine/base/option.h"
#include "engine/operator/rates.h"
#include "engine/span/span_batch.h"
#include "engine/state/layout.h"

enum metric_levels {
    LEVELS_TRAFFIC, /* {app, env}; + intent; + prompt version and model */
    LEVELS_SCORE,   /* {app, env, intent, evaluator, revision} */
};

enum metric_epoch { EPOCH_MINUTE, EPOCH_HOUR };

/* Who can say: messages may lie in log records, apart from the span they belong to. Such a row of content
 * has bins like a span's; they stand in where the span has none (a flag: where it says no_content). */
enum metric_content {
    METRIC_OF_SPAN,          /* what rows of content say about it is not looked at */
    METRIC_OF_CONTENT,
    METRIC_OF_CONTENT_ASKED, /* only the span knows whether it applies: a flag, and the span says no_content */
};

/* One metric: row adds 1 to bin `bin_column[row]` of the cell, when present. */
struct metric_spec {
    const char *name;
    struct layout layout;
    enum metric_levels levels;
    enum metric_epoch epoch;
    enum span_column bin_column;
    enum span_column sum_column;  /* i64 added to the exact sum; SPAN_COLUMN_COUNT: none */
    enum span_column name_column; /* bytes appended to the name (dimension); SPAN_COLUMN_COUNT: none */
    enum metric_content content;
};

struct annotator_call {
    const void *conf;
    void *scratch;
    const struct rates *rates; /* sampling rates in force for this batch */
    uint64_t *counters;        /* indexed like counter_names */
};

struct annotator_class {
    const char *name;
    const char *summary;
    const enum span_column *reads;  /* columns it looks at, ended by SPAN_COLUMN_COUNT */
    const enum span_column *writes; /* columns it fills, likewise; exactly one annotator writes a column */
    const struct metric_spec *metrics;
    uint32_t metrics_count;
    const char *const *counter_names; /* NULL-terminated; NULL: counts nothing */
    const struct option *options;     /* ended by a NULL name; fills conf; NULL: takes none */
    size_t conf_bytes;
    size_t scratch_bytes;
    /* Control plane, start-up thread: cross-checks conf after options were parsed. NULL: nothing to check. */
    bool (*check)(void *conf, struct error *error);
    /* Data plane, shard thread. */
    void (*annotate)(const struct annotator_call *call, struct span_batch *batch);
    /* Control plane, once per shard: fills zeroed scratch with what annotate needs (parsers, caches) and
     * gives it back. The engine keeps scratch apart per annotator; NULL: zeroes are fine. */
    void (*open)(void *scratch);
    void (*close)(void *scratch);
};

#endif
