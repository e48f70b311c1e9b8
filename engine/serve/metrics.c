/* metrics.c - the OpenMetrics grammar: name, suffix by type, labels, value, line end. */
#include "engine/serve/metrics.h"

#include "engine/base/check.h"
#include "engine/base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const char name_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

static bool is_name(const char *name)
{
    return name[0] != 0 && (name[0] < '0' || name[0] > '9') && strspn(name, name_characters) == strlen(name);
}

static bool ends_with_unit(const struct metrics_family *family)
{
    size_t name = strlen(family->name);
    size_t unit = strlen(family->unit);
    return name > unit + 1 && family->name[name - unit - 1] == '_' && strcmp(family->name + name - unit, family->unit) == 0;
}

/* Quotes, backslashes and line ends escaped; what is not UTF-8 becomes U+FFFD. */
static void put_escaped(struct buffer *out, struct bytes text)
{
    const uint8_t *end = text.data + text.size;
    for (const uint8_t *at = text.data; at < end;) {
        bool valid = false;
        size_t length = utf8_step(at, end, &valid);
        if (*at == '"' || *at == '\\')
            buffer_append(out, (const char[]){'\\', (char)*at}, 2);
        else if (*at == '\n')
            buffer_append_text(out, "\\n");
        else if (valid)
            buffer_append(out, at, length);
        else
            buffer_append_text(out, "\xef\xbf\xbd");
        at += length;
    }
}

void metrics_begin(struct metrics_writer *writer, const struct metrics_family *family)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "info"};
    CHECK(is_name(family->name));
    CHECK(family->unit == NULL || ends_with_unit(family));
    writer->family = family;
    buffer_printf(writer->out, "# TYPE %s %s\n", family->name, types[family->type]);
    if (family->unit != NULL)
        buffer_printf(writer->out, "# UNIT %s %s\n", family->name, family->unit);
    buffer_printf(writer->out, "# HELP %s ", family->name);
    put_escaped(writer->out, bytes_from_text(family->help));
    buffer_put_u8(writer->out, '\n');
}

/* name, suffix, {labels}; extra is one more label ("le") or NULL. */
static void put_sample(struct metrics_writer *writer, const char *suffix, const struct metrics_labels *labels, const char *extra,
                       const char *extra_value)
{
    struct buffer *out = writer->out;
    char mark = '{';
    CHECK(writer->family != NULL);
    buffer_append_text(out, writer->family->name);
    buffer_append_text(out, suffix);
    for (unsigned i = 0; i < labels->count; i++) {
        CHECK(is_name(labels->rows[i].name));
        buffer_put_u8(out, (uint8_t)mark);
        buffer_printf(out, "%s=\"", labels->rows[i].name);
        put_escaped(out, bytes_present(labels->rows[i].value) ? labels->rows[i].value : BYTES_LITERAL(""));
        buffer_put_u8(out, '"');
        mark = ',';
    }
    if (extra != NULL) {
        buffer_printf(out, "%c%s=\"%s\"", mark, extra, extra_value);
        mark = ',';
    }
    if (mark == ',')
        buffer_put_u8(out, '}');
    buffer_put_u8(out, ' ');
}

static const char *suffix_of(const struct metrics_family *family) { return family->type == METRICS_COUNTER ? "_total" : ""; }

void metrics_put_count(struct metrics_writer *writer, struct metrics_labels labels, uint64_t value)
{
    CHECK(writer->family->type == METRICS_COUNTER || writer->family->type == METRICS_GAUGE);
    put_sample(writer, suffix_of(writer->family), &labels, NULL, NULL);
    buffer_printf(writer->out, "%" PRIu64 "\n", value);
}

void metrics_put_real(struct metrics_writer *writer, struct metrics_labels labels, double value)
{
    CHECK(writer->family->type == METRICS_COUNTER || writer->family->type == METRICS_GAUGE);
    put_sample(writer, suffix_of(writer->family), &labels, NULL, NULL);
    if (isfinite(value))
        buffer_printf(writer->out, "%.15g\n", value);
    else
        buffer_append_text(writer->out, isnan(value) ? "NaN\n" : value > 0 ? "+Inf\n" : "-Inf\n");
}

void metrics_put_durations(struct metrics_writer *writer, struct metrics_labels labels, const struct duration_histogram *histogram)
{
    uint64_t below = 0;
    CHECK(writer->family->type == METRICS_HISTOGRAM);
    for (unsigned bin = 0; bin <= DURATION_BOUNDS; bin++) {
        char bound[32] = "+Inf";
        if (bin < DURATION_BOUNDS)
            (void)snprintf(bound, sizeof bound, "%.15g", (double)duration_bounds_ns[bin] / 1e9);
        if (bin < DURATION_BOUNDS && strpbrk(bound, ".e") == NULL)
            memcpy(bound + strlen(bound), ".0", 3); /* canonical: le is always a float */
        below += histogram->bins[bin];
        put_sample(writer, "_bucket", &labels, "le", bound);
        buffer_printf(writer->out, "%" PRIu64 "\n", below);
    }
    put_sample(writer, "_count", &labels, NULL, NULL);
    buffer_printf(writer->out, "%" PRIu64 "\n", below);
    put_sample(writer, "_sum", &labels, NULL, NULL);
    buffer_printf(writer->out, "%.15g\n", (double)histogram->sum_ns / 1e9);
}

void metrics_put_info(struct metrics_writer *writer, struct metrics_labels labels)
{
    CHECK(writer->family->type == METRICS_INFO);
    put_sample(writer, "_info", &labels, NULL, NULL);
    buffer_append_text(writer->out, "1\n");
}

void metrics_end(struct metrics_writer *writer)
{
    writer->family = NULL;
    buffer_append_text(writer->out, "# EOF\n");
}
