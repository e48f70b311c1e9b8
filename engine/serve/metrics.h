/*
 * metrics.h - OpenMetrics 1.0 text: families with help and unit, samples with labels, one end mark.
 *
 * A family is begun, gets all its samples, and is never begun again. Names are checked (our own bug
 * when wrong), label values are escaped (they come from outside).
 */
#ifndef ENGINE_SERVE_METRICS_H
#define ENGINE_SERVE_METRICS_H

#include "engine/base/buffer.h"
#include "engine/base/duration.h"

#define METRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define METRICS_LABELS_MAX 4

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM, METRICS_INFO };

/* name without "_total", "_bucket", "_info", but with its unit: "assay_state_bytes". */
struct metrics_family {
    const char *name;
    enum metrics_type type;
    const char *unit; /* the end of the name, "bytes"; NULL: a plain count */
    const char *help;
};

struct metrics_label {
    const char *name;
    struct bytes value;
};

struct metrics_labels {
    struct metrics_label rows[METRICS_LABELS_MAX];
    unsigned count;
};
#define METRICS_NO_LABELS ((struct metrics_labels){.count = 0})
#define METRICS_LABEL(name, text) ((struct metrics_labels){.rows = {{(name), bytes_from_text(text)}}, .count = 1})

struct metrics_writer {
    struct buffer *out;
    const struct metrics_family *family; /* the one that is open */
};

static inline struct metrics_writer metrics_writer_on(struct buffer *out) { return (struct metrics_writer){out, NULL}; }
void metrics_begin(struct metrics_writer *writer, const struct metrics_family *family);
void metrics_put_count(struct metrics_writer *writer, struct metrics_labels labels, uint64_t value);
void metrics_put_real(struct metrics_writer *writer, struct metrics_labels labels, double value);
/* In seconds; the family's unit must be seconds. */
void metrics_put_durations(struct metrics_writer *writer, struct metrics_labels labels, const struct duration_histogram *histogram);
/* An info family's one sample: labels are the information. */
void metrics_put_info(struct metrics_writer *writer, struct metrics_labels labels);
void metrics_end(struct metrics_writer *writer);

/* What a program adds to an answer of /metrics. */
struct metrics_source {
    void (*collect)(void *context, struct metrics_writer *out);
    void *context;
};

#endif
