/*
 * outputs.c - nanoseconds per judge request and per score, as JSON and as Avro (JSON, parsed, encoded along its
 * schema): what a configured registry costs each output. The median of several rounds. --json: objects.
 */
#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/bus/ports.h"
#include "engine/flow/request.h"
#include "engine/flow/schema_texts.h"
#include "engine/span/avro_encode.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 21
#define RECORDS 20000

struct desk {
    struct avro_schema *schema;
    struct json_document *json;
    struct arena *arena;
    struct buffer text, avro;
    struct span_batch *batch;
    size_t text_bytes, avro_bytes;
};

static const struct row_source source = {"otlp_spans", 3, 123456789, 17};

static void fill_row(struct span_batch *batch)
{
    static const uint8_t ids[24] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
        span_columns_add(&batch->wanted, (enum span_column)column);
    (void)span_batch_add(batch, ROW_SPAN, (struct row_origin){0, 0});
    batch->trace_id[0] = bytes_of(ids, 16);
    batch->span_id[0] = bytes_of(ids + 16, 8);
    batch->app[0] = BYTES_LITERAL("storefront");
    batch->env[0] = BYTES_LITERAL("prod");
    batch->intent_label[0] = BYTES_LITERAL("refund");
    batch->prompt_label[0] = BYTES_LITERAL("checkout-v7");
    batch->model_label[0] = BYTES_LITERAL("gpt-4o-mini");
    batch->end_ns[0] = 1700000000123456789;
    batch->sample_purpose[0] = 5;
    batch->sample_probability[0] = 0.01;
    batch->format_bin[0] = 1;
    batch->truncated_bin[0] = 0;
    batch->words[0] = 240;
}

static void write_one(struct desk *desk, enum schema_name name, bool avro)
{
    struct error error;
    buffer_clear(&desk->text);
    if (name == SCHEMA_REQUEST)
        request_write(desk->batch, 0, &source, BYTES_LITERAL("0123456789abcdef0123456789abcdef"), &desk->text);
    else
        score_write(desk->batch, 0, &source, &desk->text);
    desk->text_bytes = desk->text.size;
    if (!avro)
        return;
    buffer_clear(&desk->avro);
    arena_reset(desk->arena);
    avro_put_frame(&desk->avro, 7);
    const struct json_value *record = json_parse(desk->json, buffer_bytes(&desk->text), 16, &error);
    CHECK(record != NULL && avro_encode(desk->schema, record, desk->arena, &desk->avro, &error));
    desk->avro_bytes = desk->avro.size;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double measure(struct desk *desk, enum schema_name name, bool avro)
{
    double rounds[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        int64_t before_ns = clock_monotonic_ns();
        for (int i = 0; i < RECORDS; i++)
            write_one(desk, name, avro);
        rounds[round] = (double)(clock_monotonic_ns() - before_ns) / RECORDS;
    }
    qsort(rounds, ROUNDS, sizeof *rounds, by_size);
    return rounds[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    static const char line[] = "%-14s json %6.0f ns %4zu bytes   avro %6.0f ns %4zu bytes\n";
    static const char object[] = "{\"stage\":\"outputs\",\"record\":\"%s\",\"json_ns\":%.0f,\"json_bytes\":%zu,\"avro_ns\":%.0f,\"avro_bytes\":%zu}\n";
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    static const char *const names[] = {"judge request", "score"};
    for (int name = SCHEMA_REQUEST; name <= SCHEMA_SCORE; name++) {
        struct error error;
        struct bytes text = schema_text((enum schema_name)name);
        struct desk desk = {.schema = avro_schema_parse(&text, 1, &avro_schema_limits_default, &error),
                            .json = json_create((size_t)4 << 20), .arena = arena_create((size_t)1 << 20),
                            .text = BUFFER_WITH_LIMIT((size_t)1 << 20), .avro = BUFFER_WITH_LIMIT((size_t)1 << 20),
                            .batch = span_batch_create(1)};
        CHECK(desk.schema != NULL);
        fill_row(desk.batch);
        double as_json = measure(&desk, (enum schema_name)name, false);
        double as_avro = measure(&desk, (enum schema_name)name, true);
        (void)printf(json ? object : line, names[name], as_json, desk.text_bytes, as_avro, desk.avro_bytes);
        avro_schema_destroy(desk.schema);
        json_destroy(desk.json);
        arena_destroy(desk.arena);
        buffer_free(&desk.text);
        buffer_free(&desk.avro);
        span_batch_destroy(desk.batch);
    }
    return 0;
}
