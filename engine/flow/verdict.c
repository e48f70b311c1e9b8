/* verdict.c - a judge's answer as rows; everything measured comes from the echo, no join. */
#include "engine/flow/verdict.h"

#include "engine/base/check.h"

#define VERDICT_BYTES_MAX ((size_t)64 * 1024)
#define VERDICT_DEPTH_MAX 8
#define VERDICT_TEXT_MAX 256

struct verdict_fields {
    struct bytes request_id, evaluator, revision, app, env, intent, prompt, model, trace_id;
    int64_t purpose, end_ns;
    bool in_population;
};

static bool take_text(struct span_batch *batch, const struct json_value *object, const char *key, bool required,
                      struct bytes *out, struct error *error)
{
    struct bytes text = json_text(json_get(object, key));
    if (!bytes_present(text))
        return !required || error_set(error, ERROR_INPUT, "verdict without \"%s\"", key);
    if (text.size > VERDICT_TEXT_MAX)
        return error_set(error, ERROR_LIMIT, "verdict: \"%s\" has %zu bytes, at most %d", key, text.size, VERDICT_TEXT_MAX);
    *out = arena_copy(batch->arena, text);
    return bytes_present(*out) || error_set(error, ERROR_LIMIT, "verdict: no room for its texts");
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 hex digits as 16 bytes; anything else counts as no trace id. */
static struct bytes take_trace_id(struct span_batch *batch, const struct json_value *echo)
{
    struct bytes text = json_text(json_get(echo, "trace_id"));
    uint8_t *id = text.size == 32 ? arena_alloc(batch->arena, 16) : NULL;
    for (size_t i = 0; id != NULL && i < 16; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return BYTES_NONE;
        id[i] = (uint8_t)(high << 4 | low);
    }
    return id != NULL ? bytes_of(id, 16) : BYTES_NONE;
}

static bool take_fields(const struct json_value *root, struct span_batch *batch, struct verdict_fields *f, struct error *error)
{
    const struct json_value *echo = json_get(root, "echo");
    if (!json_is_object(echo))
        return error_set(error, ERROR_INPUT, "verdict without \"echo\": return the request's echo unchanged");
    bool ok = take_text(batch, root, "request_id", true, &f->request_id, error) &&
              take_text(batch, root, "evaluator", true, &f->evaluator, error) &&
              take_text(batch, root, "revision", true, &f->revision, error) &&
              take_text(batch, echo, "app", true, &f->app, error) && take_text(batch, echo, "env", true, &f->env, error) &&
              take_text(batch, echo, "intent", true, &f->intent, error) &&
              take_text(batch, echo, "prompt", false, &f->prompt, error) &&
              take_text(batch, echo, "model", false, &f->model, error);
    if (!ok)
        return false;
    if (!json_integer(json_get(echo, "end_ns"), &f->end_ns) || !json_integer(json_get(echo, "purpose"), &f->purpose))
        return error_set(error, ERROR_INPUT, "verdict: echo without \"end_ns\" or \"purpose\"");
    f->in_population = json_is_true(json_get(echo, "population"));
    f->trace_id = take_trace_id(batch, echo);
    return true;
}

static void add_row(struct span_batch *batch, uint32_t record, uint32_t number, const struct verdict_fields *f,
                    struct bytes dimension, double score)
{
    uint32_t row = span_batch_add(batch, ROW_VERDICT, (struct row_origin){record, number});
    batch->request_id[row] = f->request_id;
    batch->evaluator[row] = f->evaluator;
    batch->evaluator_revision[row] = f->revision;
    batch->app[row] = f->app;
    batch->env[row] = f->env;
    batch->intent_label[row] = f->intent;
    batch->prompt_label[row] = f->prompt;
    batch->model_label[row] = f->model;
    batch->trace_id[row] = f->trace_id;
    batch->end_ns[row] = f->end_ns;
    batch->purpose[row] = f->purpose;
    batch->in_population[row] = f->in_population;
    batch->dimension[row] = dimension;
    batch->score[row] = score;
}

bool verdict_decode(struct bytes value, uint32_t record, struct json_document *json, struct span_batch *batch,
                    struct error *error)
{
    CHECK(batch->capacity - batch->rows >= VERDICT_DIMENSIONS_MAX);
    if (value.size > VERDICT_BYTES_MAX)
        return error_set(error, ERROR_LIMIT, "verdict has %zu bytes, at most %zu", value.size, VERDICT_BYTES_MAX);
    const struct json_value *root = json_parse(json, value, VERDICT_DEPTH_MAX, error);
    if (root == NULL)
        return error_prefix(error, "verdict is not JSON");
    struct verdict_fields fields = {0};
    if (!take_fields(root, batch, &fields, error))
        return false;
    const struct json_value *scores = json_get(root, "scores");
    size_t count = json_count(scores);
    if (!json_is_object(scores) || count == 0 || count > VERDICT_DIMENSIONS_MAX)
        return error_set(error, ERROR_INPUT, "verdict needs \"scores\": an object of 1 to %d dimensions", VERDICT_DIMENSIONS_MAX);
    struct json_members members = json_members(scores);
    struct bytes name;
    const struct json_value *score;
    uint32_t rows_before = batch->rows;
    while (json_next(&members, &name, &score)) {
        double number = 0;
        struct bytes dimension = name.size <= 64 ? arena_copy(batch->arena, name) : BYTES_NONE;
        if (!bytes_present(dimension) || !json_real(score, &number) || !(number >= 1 && number <= 5)) {
            while (batch->rows > rows_before)
                span_batch_drop_last(batch);
            return error_set(error, ERROR_INPUT, "verdict: score of dimension '%.*s' is not a number from 1 to 5", BYTES_FMT(name));
        }
        add_row(batch, record, batch->rows - rows_before, &fields, dimension, number);
    }
    return true;
}
