/*
 * avro.c - nanoseconds and allocations per Avro span: our compiled program against Apache Avro C's generic
 * decoder on the same bytes, in the same run.
 *
 * "values": every value is decoded and touched, which is what Avro C does, too. "rows": decoded, attributes
 * looked up in the alias table, and stored as columns, which Avro C knows nothing of.
 *
 * Two shapes: "map", 8 plain fields and a map of 12 attributes, as in the reference measurement, and "flat",
 * the canonical fields, each nullable, under the names of schemas/span.avsc. Prints one line per case; the median of several rounds. --json: objects.
 */
#include "engine/base/memory.h"
#include "engine/span/avro_run.h"
#include "engine/span/avro_span.h"
#include "tests/span/avro_oracle.h"
#include "tests/span/avro_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RECORDS 64
#define ROUNDS  21

static const char writer[] =
    "{\"type\":\"record\",\"name\":\"LlmSpan\",\"fields\":["
    "{\"name\":\"trace_id\",\"type\":{\"type\":\"fixed\",\"name\":\"T\",\"size\":16}},"
    "{\"name\":\"span_id\",\"type\":{\"type\":\"fixed\",\"name\":\"S\",\"size\":8}},"
    "{\"name\":\"parent_span_id\",\"type\":[\"null\",\"bytes\"]},"
    "{\"name\":\"name\",\"type\":\"string\"},"
    "{\"name\":\"start_ns\",\"type\":\"long\"},{\"name\":\"end_ns\",\"type\":\"long\"},"
    "{\"name\":\"status\",\"type\":\"int\"},{\"name\":\"service\",\"type\":\"string\"},"
    "{\"name\":\"attributes\",\"type\":{\"type\":\"map\",\"values\":\"string\"}}]}";

static const char *const attributes[][2] = {
    {"gen_ai.operation.name", "chat"},
    {"gen_ai.provider.name", "openai"},
    {"gen_ai.request.model", "gpt-4o-mini"},
    {"gen_ai.response.model", "gpt-4o-mini-2024-07-18"},
    {"gen_ai.response.id", "chatcmpl-AbCdEfGhIjKl"},
    {"gen_ai.usage.input_tokens", "1203"},
    {"gen_ai.usage.output_tokens", "214"},
    {"gen_ai.response.finish_reasons", "stop"},
    {"gen_ai.conversation.id", "conv-0123456789"},
    {"server.address", "api.openai.com"},
    {"http.request.method", "POST"},
    {"deployment.region", "eu-central-1"},
};

static void write_record(struct buffer *out, uint64_t number)
{
    uint64_t ids[3] = {number + 1, number * 7 + 1, number + 99};
    buffer_append(out, ids, sizeof ids);
    buffer_put_zigzag(out, 1);
    buffer_put_zigzag(out, 8);
    buffer_append(out, ids, 8);
    avro_put_text(out, "chat gpt-4o-mini");
    buffer_put_zigzag(out, 1700000000000000000 + (int64_t)number);
    buffer_put_zigzag(out, 1700000001000000000 + (int64_t)number);
    buffer_put_zigzag(out, 1);
    avro_put_text(out, "checkout-assistant");
    buffer_put_zigzag(out, sizeof attributes / sizeof *attributes);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        avro_put_text(out, attributes[i][0]);
        avro_put_text(out, attributes[i][1]);
    }
    buffer_put_zigzag(out, 0);
}

/* Flat: name, type, value; empty: null. */
static const char *const fields[][3] = {
    {"trace_id", "string", "0102030405060708090a0b0c0d0e0f10"},
    {"span_id", "string", "1112131415161718"},
    {"name", "string", "chat gpt-4o-mini"},
    {"start_ns", "long", "1700000000000000000"},
    {"end_ns", "long", "1700000001000000000"},
    {"status", "long", "1"},
    {"service", "string", "checkout-assistant"},
    {"environment", "string", "production"},
    {"operation", "string", "chat"},
    {"provider", "string", "openai"},
    {"request_model", "string", "gpt-4o-mini"},
    {"response_model", "string", "gpt-4o-mini-2024-07-18"},
    {"response_id", "string", "chatcmpl-AbCdEfGhIjKl"},
    {"finish_reason", "string", "stop"},
    {"input_tokens", "long", "1203"},
    {"output_tokens", "long", "214"},
    {"cache_read_tokens", "long", "1024"},
    {"conversation_id", "string", "conv-0123456789"},
    {"user_id", "string", "user-4711"},
    {"intent", "string", "refund"},
    {"prompt_name", "string", "checkout"},
    {"prompt_version_given", "string", "v7"},
    {"reasoning_tokens", "long", ""},
    {"error_type", "string", ""},
};
#define FIELDS (sizeof fields / sizeof *fields)

static void write_flat_schema(struct buffer *out)
{
    buffer_append_text(out, "{\"type\":\"record\",\"name\":\"LlmSpan\",\"fields\":[");
    for (size_t i = 0; i < FIELDS; i++)
        buffer_printf(out, "%s{\"name\":\"%s\",\"type\":[\"null\",\"%s\"]}", i > 0 ? "," : "",
                      fields[i][0], fields[i][1]);
    buffer_append_text(out, "]}");
}

static void write_flat_record(struct buffer *out, uint64_t number)
{
    for (size_t i = 0; i < FIELDS; i++) {
        const char *value = fields[i][2];
        buffer_put_zigzag(out, value[0] != '\0');
        if (value[0] != '\0' && strcmp(fields[i][1], "long") == 0)
            buffer_put_zigzag(out, strtoll(value, NULL, 10) + (int64_t)(number & 1));
        else if (value[0] != '\0')
            avro_put_text(out, value);
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* ---- a target that touches every value ---- */

AVRO_INLINE void touch_leaf(void *into, const struct avro_op *op, const struct avro_constant *value)
{
    uint64_t *sum = into;
    if (op->type == AVRO_STRING || op->type == AVRO_BYTES || op->type == AVRO_FIXED)
        *sum += value->bytes.size + (uintptr_t)value->bytes.data;
    else
        *sum += (uint64_t)value->integer;
}

AVRO_INLINE void touch_key(void *into, const struct avro_op *op, struct bytes key)
{
    (void)op;
    *(uint64_t *)into += key.size + (uintptr_t)key.data;
}

AVRO_INLINE void touch_none(void *into, const struct avro_op *op)
{
    (void)into;
    (void)op;
}

static uint64_t touch_record(const struct avro_program *program, struct bytes record)
{
    static const struct avro_target target = {touch_leaf, touch_key, touch_none, touch_none};
    struct avro_fault fault;
    uint64_t sum = 0;
    if (!avro_run_record(program, record, &avro_limits_default, &target, &sum, &fault))
        abort();
    return sum;
}

struct cast {
    struct avro_program *program;
    uint64_t sum;
    struct avro_span_reader *reader;
    struct oracle *oracle;
    struct span_batch *batch;
    struct buffer records[RECORDS];
};

static void run_values(struct cast *cast, uint64_t spans)
{
    for (uint64_t i = 0; i < spans; i++)
        cast->sum += touch_record(cast->program, buffer_bytes(&cast->records[i % RECORDS]));
}

static void run_rows(struct cast *cast, uint64_t spans)
{
    struct avro_fault fault;
    uint32_t cut = 0;
    for (uint64_t i = 0; i < spans; i++) {
        if (span_batch_full(cast->batch))
            span_batch_reset(cast->batch);
        if (!avro_span_decode(cast->reader, buffer_bytes(&cast->records[i % RECORDS]),
                              (struct row_origin){0, 0}, &avro_limits_default, cast->batch, &cut,
                              &fault))
            abort();
    }
}

static void run_oracle(struct cast *cast, uint64_t spans)
{
    for (uint64_t i = 0; i < spans; i++)
        if (!oracle_read(cast->oracle, buffer_bytes(&cast->records[i % RECORDS])))
            abort();
}

/* Median nanoseconds per span of each, rounds alternating. */
static void measure(struct cast *cast, void (*run)(struct cast *, uint64_t), double ns[2],
                    double *allocated)
{
    static double rounds[2][ROUNDS];
    static const uint64_t spans[2] = {200000, 10000};
    uint64_t grown = 0;
    for (int round = -2; round < ROUNDS; round++) {
        for (int who = 0; who < 2; who++) {
            uint64_t bytes = memory_thread_allocated_bytes(), before = now_ns();
            (who == 0 ? run : run_oracle)(cast, spans[who]);
            if (round >= 0)
                rounds[who][round] = (double)(now_ns() - before) / (double)spans[who];
            if (round >= 0 && who == 0)
                grown += memory_thread_allocated_bytes() - bytes;
        }
    }
    for (int who = 0; who < 2; who++) {
        qsort(rounds[who], ROUNDS, sizeof **rounds, by_value);
        ns[who] = rounds[who][ROUNDS / 2];
    }
    *allocated = (double)grown / ((double)spans[0] * ROUNDS);
}

static void want_columns(struct span_batch *batch, bool all)
{
    static const enum span_column few[] = {
        SPAN_COLUMN_trace_id,  SPAN_COLUMN_span_id,        SPAN_COLUMN_end_ns,
        SPAN_COLUMN_status,    SPAN_COLUMN_service,        SPAN_COLUMN_role,
        SPAN_COLUMN_operation, SPAN_COLUMN_response_model, SPAN_COLUMN_finish_reason};
    for (size_t i = 0; i < sizeof few / sizeof *few; i++)
        span_columns_add(&batch->wanted, few[i]);
    for (unsigned column = 0; all && column < SPAN_COLUMN_COUNT; column++)
        span_columns_add(&batch->wanted, column);
}

static bool run_shape(const char *shape, struct bytes schema,
                      void (*write)(struct buffer *, uint64_t), bool json)
{
    struct error error;
    struct cast cast = {
        .reader = avro_span_reader_create(&schema, 1, &avro_schema_limits_default, &error),
        .oracle = oracle_create(schema, schema),
        .batch = span_batch_create(512)};
    double ns[2], allocated;
    struct avro_schema *parsed = avro_schema_parse(&schema, 1, &avro_schema_limits_default, &error);
    struct avro_compile_options options = avro_compile_options_default;
    options.loose = true; /* as for rows: null is not delivered */
    cast.program = parsed ? avro_compile(parsed, parsed, &options, &error) : NULL;
    if (cast.reader == NULL || cast.oracle == NULL || cast.program == NULL)
        return fprintf(stderr, "no reader: %s\n", error.message), false;
    for (unsigned i = 0; i < RECORDS; i++) {
        cast.records[i] = BUFFER_WITH_LIMIT(1 << 16);
        write(&cast.records[i], i);
    }
    static const char *const names[] = {"values", "rows, operators' columns", "rows, all columns"};
    for (int which = 0; which < 3; which++) {
        want_columns(cast.batch, which == 2);
        measure(&cast, which == 0 ? run_values : run_rows, ns, &allocated);
        static const char line[] =
            "avro: %-4s into %-24s, %zu bytes a span: %6.1f ns a span, Apache Avro C "
            "%6.1f ns: %.1f times; %.3f bytes allocated\n";
        static const char object[] =
            "{\"stage\":\"avro\",\"shape\":\"%s\",\"into\":\"%s\",\"bytes_per_span\":%zu,\"ns_per_"
            "span\":%.1f,"
            "\"avro_c_ns_per_span\":%.1f,\"ratio\":%.1f,\"allocated_bytes_per_span\":%.3f}\n";
        printf(json ? object : line, shape, names[which], cast.records[0].size, ns[0], ns[1],
               ns[1] / ns[0], allocated);
    }
    avro_schema_destroy(parsed);
    avro_program_destroy(cast.program);
    avro_span_reader_destroy(cast.reader);
    oracle_destroy(cast.oracle);
    span_batch_destroy(cast.batch);
    for (unsigned i = 0; i < RECORDS; i++)
        buffer_free(&cast.records[i]);
    return true;
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    struct buffer flat = BUFFER_WITH_LIMIT(1 << 16);
    write_flat_schema(&flat);
    bool good = run_shape("map", bytes_from_text(writer), write_record, json) &&
                run_shape("flat", buffer_bytes(&flat), write_flat_record, json);
    buffer_free(&flat);
    return good ? 0 : 1;
}
