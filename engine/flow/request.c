/* request.c - JSON of judge requests and span results; no content, only references. */
#include "engine/flow/request.h"

#include "engine/base/json.h"
#include "engine/operator/rates.h"
#include "engine/state/layout.h"

#include <math.h>
#include <stdio.h>

#define EVALUATOR_POOL "default"

void request_make_id(const struct span_batch *batch, uint32_t row, struct sha256 *sha, char out[REQUEST_ID_CHARS])
{
    struct buffer text = BUFFER_WITH_LIMIT(1024);
    buffer_put_bytes(&text, batch->trace_id[row]);
    buffer_put_bytes(&text, batch->span_id[row]);
    buffer_append_text(&text, EVALUATOR_POOL);
    uint8_t digest[SHA256_BYTES];
    sha256_digest(sha, buffer_bytes(&text), digest);
    buffer_free(&text);
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < REQUEST_ID_CHARS / 2; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
}

static void put_text(struct json_writer *json, const char *key, struct bytes value)
{
    json_key(json, key);
    json_put_text(json, value);
}

static void put_labels(struct json_writer *json, const struct span_batch *batch, uint32_t row)
{
    put_text(json, "app", batch->app[row]);
    put_text(json, "env", batch->env[row]);
    put_text(json, "intent", batch->intent_label[row]);
    put_text(json, "prompt", batch->prompt_label[row]);
    put_text(json, "model", batch->model_label[row]);
}

static void put_span(struct json_writer *json, const struct span_batch *batch, uint32_t row)
{
    json_key(json, "trace_id");
    json_put_hex(json, batch->trace_id[row]);
    json_key(json, "span_id");
    json_put_hex(json, batch->span_id[row]);
}

static void put_source(struct json_writer *json, const struct row_source *source)
{
    json_key(json, "source");
    json_open_object(json);
    put_text(json, "topic", bytes_from_text(source->topic));
    json_key(json, "partition");
    json_put_integer(json, source->partition);
    json_key(json, "offset");
    json_put_integer(json, source->offset);
    json_key(json, "span");
    json_put_unsigned(json, source->span);
    json_close_object(json);
}

static void put_purposes(struct json_writer *json, int64_t purposes)
{
    static const struct { int64_t bit; const char *name; } names[] = {
        {PURPOSE_BASE, "base"}, {PURPOSE_BOOST, "boost"}, {PURPOSE_FORCED, "forced"},
        {PURPOSE_SAFETY, "safety"}, {PURPOSE_CALIBRATION, "calibration"},
    };
    json_key(json, "purposes");
    json_open_array(json);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (purposes & names[i].bit)
            json_put_text(json, bytes_from_text(names[i].name));
    json_close_array(json);
}

/* Opaque to judges: they return it unchanged, and the verdict is measured from it without a join. */
static void put_echo(struct json_writer *json, const struct span_batch *batch, uint32_t row)
{
    json_key(json, "echo");
    json_open_object(json);
    put_labels(json, batch, row);
    json_key(json, "trace_id");
    json_put_hex(json, batch->trace_id[row]);
    json_key(json, "end_ns");
    json_put_integer(json, batch->end_ns[row]);
    json_key(json, "purpose");
    json_put_integer(json, batch->sample_purpose[row]);
    json_key(json, "population");
    json_put_boolean(json, (batch->sample_purpose[row] & PURPOSE_BASE) != 0);
    json_key(json, "probability");
    json_put_real(json, batch->sample_probability[row]);
    json_close_object(json);
}

void request_write(const struct span_batch *batch, uint32_t row, const struct row_source *source,
                   struct bytes request_id, struct buffer *out)
{
    struct json_writer json = json_writer_on(out);
    json_open_object(&json);
    put_text(&json, "request_id", request_id);
    put_text(&json, "kind", BYTES_LITERAL("judge"));
    put_purposes(&json, batch->sample_purpose[row]);
    json_key(&json, "probability");
    json_put_real(&json, batch->sample_probability[row]);
    put_text(&json, "rubric", BYTES_LITERAL("default"));
    put_text(&json, "evaluator_pool", BYTES_LITERAL(EVALUATOR_POOL));
    put_text(&json, "content", BYTES_LITERAL("reference"));
    put_span(&json, batch, row);
    put_source(&json, source);
    put_echo(&json, batch, row);
    json_close_object(&json);
}

bool score_wanted(const struct span_batch *batch, uint32_t row)
{
    return batch->format_bin[row] == FLAG_FAIL || batch->truncated_bin[row] == FLAG_FAIL ||
           (batch->sample_purpose[row] != SPAN_I64_ABSENT && batch->sample_purpose[row] != 0);
}

static void put_flag(struct json_writer *json, const char *name, uint16_t bin)
{
    static const char *const outcomes[FLAG_BINS] = {"pass", "fail", "no_content", "unparsed"};
    if (bin >= FLAG_BINS)
        return;
    json_open_object(json);
    put_text(json, "name", bytes_from_text(name));
    put_text(json, "label", bytes_from_text(outcomes[bin]));
    json_close_object(json);
}

void score_write(const struct span_batch *batch, uint32_t row, const struct row_source *source, struct buffer *out)
{
    struct json_writer json = json_writer_on(out);
    json_open_object(&json);
    put_span(&json, batch, row);
    put_labels(&json, batch, row);
    json_key(&json, "end_ns");
    json_put_integer(&json, batch->end_ns[row]);
    json_key(&json, "results");
    json_open_array(&json);
    put_flag(&json, "format", batch->format_bin[row]);
    put_flag(&json, "truncated", batch->truncated_bin[row]);
    json_close_array(&json);
    if (batch->words[row] != SPAN_I64_ABSENT) {
        json_key(&json, "words");
        json_put_integer(&json, batch->words[row]);
    }
    put_source(&json, source);
    json_close_object(&json);
}
