/* records.c - see records.h. Texts hold what JSON must escape, and bytes that are no UTF-8. */
#include "tests/schemas/records.h"

#include "engine/operator/rates.h"
#include "tests/span/otlp_build.h"

#include <math.h>
#include <stdio.h>

static uint64_t draw(struct records *r, uint64_t below) { return otlp_random(&r->random) % below; }

static double draw_real(struct records *r)
{
    switch (draw(r, 6)) {
    case 0: return 0;
    case 1: return (double)draw(r, 1000) / 1000;
    case 2: return -1e-300;
    case 3: return 1.7976931348623157e308;
    case 4: return (double)(int64_t)otlp_random(&r->random);
    default: return 1.0 / 3;
    }
}

/* Where the window is empty there is no number. */
static double draw_level(struct records *r) { return draw(r, 8) == 0 ? (double)NAN : draw_real(r); }

static struct bytes draw_text(struct records *r, int slot)
{
    static const char *const pieces[] = {"checkout", "\"", "\\", "\n", "\x01", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xff", "{", " "};
    char *text = r->texts[slot];
    text[0] = 0;
    for (uint64_t i = draw(r, 6); i > 0; i--)
        strncat(text, pieces[draw(r, sizeof pieces / sizeof *pieces)], 79 - strlen(text));
    return bytes_from_text(text);
}

void records_open(struct records *r, uint64_t seed)
{
    *r = (struct records){.random = seed, .batch = span_batch_create(1)};
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
        span_columns_add(&r->batch->wanted, (enum span_column)column);
}

void records_close(struct records *r) { span_batch_destroy(r->batch); }

static struct row_source draw_row(struct records *r, uint8_t ids[24])
{
    struct span_batch *b = r->batch;
    span_batch_reset(b);
    uint32_t row = span_batch_add(b, ROW_SPAN, (struct row_origin){0, 0});
    for (int i = 0; i < 24; i++)
        ids[i] = (uint8_t)otlp_random(&r->random);
    b->trace_id[row] = bytes_of(ids, 16);
    b->span_id[row] = bytes_of(ids + 16, 8);
    b->app[row] = draw_text(r, 0);
    b->env[row] = draw_text(r, 1);
    b->intent_label[row] = draw_text(r, 2);
    b->prompt_label[row] = draw_text(r, 3);
    b->model_label[row] = draw_text(r, 4);
    b->end_ns[row] = (int64_t)(otlp_random(&r->random) >> 1);
    b->sample_purpose[row] = (int64_t)draw(r, 32);
    b->sample_probability[row] = draw_real(r);
    b->format_bin[row] = (uint16_t)draw(r, 5);
    b->truncated_bin[row] = draw(r, 3) == 0 ? SPAN_BIN_ABSENT : (uint16_t)draw(r, 2);
    b->words[row] = draw(r, 3) == 0 ? SPAN_I64_ABSENT : (int64_t)draw(r, 100000);
    return (struct row_source){"otlp_spans", (int32_t)draw(r, 1000), (int64_t)(otlp_random(&r->random) >> 1), (uint32_t)draw(r, 10000000)};
}

void records_request(struct records *r, struct buffer *out)
{
    uint8_t ids[24];
    struct row_source source = draw_row(r, ids);
    request_write(r->batch, 0, &source, BYTES_LITERAL("0123456789abcdef0123456789abcdef"), out);
}

void records_score(struct records *r, struct buffer *out)
{
    uint8_t ids[24];
    struct row_source source = draw_row(r, ids);
    score_write(r->batch, 0, &source, out);
}

static void draw_watch(struct records *r)
{
    struct watch *w = &r->watch;
    *w = (struct watch){.last_ms = 1700000000000, .first_ms = 1690000000000, .epochs = 1 + draw(r, 1000), .gamma = 1e6,
                        .opened_ms = (int64_t)draw(r, 4000000000000), .onset_ms = 1700000000123, .baseline_end_ms = 1695000000000,
                        .good_count = (uint32_t)draw(r, 4), .ticket_only = draw(r, 2) == 1};
    for (size_t i = 0; i < sizeof w->alert_id; i++)
        w->alert_id[i] = w->good[0][i] = (uint8_t)otlp_random(&r->random);
}

void records_alert(struct records *r, struct buffer *out)
{
    draw_watch(r);
    r->rule = (struct rule){.sure = draw(r, 2) == 1, .severity = (enum rule_severity)draw(r, 3), .window_ms = (int64_t)draw(r, 1u << 30)};
    snprintf(r->rule.id, sizeof r->rule.id, "R%03u", (unsigned)draw(r, 1000));
    snprintf(r->rule.title, sizeof r->rule.title, "%.*s", BYTES_FMT(draw_text(r, 5)));
    snprintf(r->rule.failure_class, sizeof r->rule.failure_class, "quality");
    snprintf(r->rule.first_action, sizeof r->rule.first_action, "%.*s", BYTES_FMT(draw_text(r, 6)));
    r->metric = (struct metric){.name = "score.relevance", .layout = {draw(r, 2) ? LAYOUT_FLAG : LAYOUT_CATEGORY, 4, 0, 0}};
    r->labels = (struct labels){0};
    labels_add(&r->labels, BYTES_LITERAL("app"), draw_text(r, 7));
    labels_add(&r->labels, BYTES_LITERAL("env"), draw_text(r, 8));
    if (draw(r, 2) == 1)
        labels_add(&r->labels, BYTES_LITERAL("intent"), draw_text(r, 9));
    r->sure = (struct verdict){.evidence = fabs(draw_real(r)), .since_onset = draw_level(r)};
    r->big = (struct verdict){.observed = draw_level(r), .baseline = draw_level(r), .effect = draw_real(r),
                              .interval_low = draw_level(r), .interval_high = draw_level(r), .count = draw(r, 1u << 30)};
    r->alert = (struct alert){.state = (enum alert_state)draw(r, 3), .watch = &r->watch, .rule = &r->rule, .metric = &r->metric,
                              .labels = &r->labels, .at_ms = 1700000000999, .sure = &r->sure, .big = &r->big,
                              .bad_count = (uint32_t)draw(r, 4), .epoch_ms = 60000};
    alert_write(&r->alert, out);
}
