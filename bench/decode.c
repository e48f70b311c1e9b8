/*
 * decode.c - nanoseconds and allocations per span of the OTLP decoder, on lean 1.4 KB spans with 22
 * attributes in the Collector's field order, 100 spans per record and 1.
 *
 * Prints one line per case; the median of several rounds. --json prints objects instead.
 */
#include "engine/base/memory.h"
#include "engine/span/otlp_proto.h"
#include "tests/span/otlp_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RECORDS 64
#define ROUNDS 21
#define SPANS_PER_ROUND 200000

static void put_attributes(struct buffer *span, uint64_t number)
{
    static const char *const finish[] = {"stop", NULL};
    char text[160];
    otlp_put_text(span, 9, "gen_ai.operation.name", "chat");
    otlp_put_text(span, 9, "gen_ai.provider.name", "openai");
    otlp_put_text(span, 9, "gen_ai.request.model", "gpt-4o-mini");
    otlp_put_text(span, 9, "gen_ai.response.model", "gpt-4o-mini-2024-07-18");
    snprintf(text, sizeof text, "chatcmpl-%016llx", (unsigned long long)number * 7919);
    otlp_put_text(span, 9, "gen_ai.response.id", text);
    otlp_put_integer(span, 9, "gen_ai.request.max_tokens", 1024);
    otlp_put_real(span, 9, "gen_ai.request.temperature", 0.2);
    otlp_put_real(span, 9, "gen_ai.request.top_p", 0.95);
    otlp_put_boolean(span, 9, "gen_ai.request.stream", true);
    otlp_put_real(span, 9, "gen_ai.response.time_to_first_chunk", 0.25 + (double)(number % 100) / 1000);
    otlp_put_integer(span, 9, "gen_ai.usage.input_tokens", (int64_t)(1200 + number % 777));
    otlp_put_integer(span, 9, "gen_ai.usage.output_tokens", (int64_t)(100 + number % 333));
    otlp_put_integer(span, 9, "gen_ai.usage.cache_read.input_tokens", 512);
    otlp_put_texts(span, 9, "gen_ai.response.finish_reasons", finish);
    otlp_put_text(span, 9, "gen_ai.output.type", "json");
    snprintf(text, sizeof text, "conv-%08llx", (unsigned long long)(number / 5));
    otlp_put_text(span, 9, "gen_ai.conversation.id", text);
    snprintf(text, sizeof text, "user-%05llu", (unsigned long long)(number % 9999));
    otlp_put_text(span, 9, "user.id", text);
    otlp_put_text(span, 9, "app.intent", "refund_status");
    otlp_put_text(span, 9, "gen_ai.prompt.version", "support-agent@v7");
    otlp_put_text(span, 9, "gen_ai.prompt.hash", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    otlp_put_text(span, 9, "server.address", "api.openai.example.internal");
    otlp_put_integer(span, 9, "server.port", 443);
    /* what else a span carries: fills it to 1.4 KB */
    otlp_put_text_field(span, 3, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,ot=th:8;rv:6e6d1a75832a2f");
    struct buffer event = BUFFER_WITH_LIMIT(4096);
    otlp_put_fixed64_field(&event, 1, 1795227554174398990u);
    otlp_put_text_field(&event, 2, "gen_ai.client.inference.operation.details");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    otlp_put_text(&event, 3, "app.trace.note", text);
    otlp_put_message(span, 11, buffer_bytes(&event));
    buffer_free(&event);
}

static void put_record(struct buffer *out, uint64_t first, uint32_t spans)
{
    struct buffer resource = BUFFER_WITH_LIMIT(1 << 20), scope = resource, scope_spans = resource, both = resource,
                  request = resource, span = resource;
    otlp_put_text(&resource, 1, "service.name", "checkout-assistant");
    otlp_put_text(&resource, 1, "deployment.environment.name", "production");
    otlp_put_text(&resource, 1, "telemetry.sdk.language", "python");
    otlp_put_text_field(&scope, 1, "opentelemetry.instrumentation.genai.openai");
    otlp_put_text_field(&scope, 2, "1.3b0");
    otlp_put_message(&scope_spans, 1, buffer_bytes(&scope));
    for (uint32_t i = 0; i < spans; i++) {
        uint64_t start = 1795227554174398990u + (first + i) * 1000000;
        buffer_clear(&span);
        otlp_put_span_core(&span, first + i, "chat gpt-4o-mini", start, start + 900000000);
        put_attributes(&span, first + i);
        otlp_put_message(&scope_spans, 2, buffer_bytes(&span));
    }
    otlp_put_message(&both, 1, buffer_bytes(&resource));
    otlp_put_message(&both, 2, buffer_bytes(&scope_spans));
    otlp_put_message(&request, 1, buffer_bytes(&both));
    if (!otlp_reorder(buffer_bytes(&request), ORDER_DESCENDING, NULL, out))
        abort();
    struct buffer *all[] = {&resource, &scope, &scope_spans, &both, &request, &span};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buffer_free(all[i]);
}

/* What the operators of this version look at, and everything there is. */
static struct span_column_set wanted_columns(bool all)
{
    static const enum span_column few[] = {
        SPAN_COLUMN_trace_id,       SPAN_COLUMN_span_id,         SPAN_COLUMN_end_ns,
        SPAN_COLUMN_status,         SPAN_COLUMN_service,         SPAN_COLUMN_environment,
        SPAN_COLUMN_role,           SPAN_COLUMN_operation,       SPAN_COLUMN_request_model,
        SPAN_COLUMN_response_model, SPAN_COLUMN_finish_reason,   SPAN_COLUMN_error_type,
        SPAN_COLUMN_output_type,    SPAN_COLUMN_intent,          SPAN_COLUMN_prompt_version_given,
        SPAN_COLUMN_app_given,      SPAN_COLUMN_output_messages, SPAN_COLUMN_prompt_hash_given,
        SPAN_COLUMN_system_instructions,
    };
    struct span_column_set set = {{0, 0}};
    for (size_t i = 0; !all && i < sizeof few / sizeof *few; i++)
        span_columns_add(&set, few[i]);
    for (unsigned column = 0; all && column < SPAN_COLUMN_COUNT; column++)
        span_columns_add(&set, column);
    return set;
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

struct result {
    double ns_per_span, bytes_per_span, allocated_per_span;
};

static struct result run_case(uint32_t spans_per_record, bool all)
{
    static struct buffer records[RECORDS];
    size_t bytes = 0;
    for (uint64_t i = 0; i < RECORDS; i++) {
        buffer_free(&records[i]);
        records[i] = BUFFER_WITH_LIMIT(8 << 20);
        put_record(&records[i], i * spans_per_record, spans_per_record);
        bytes += records[i].size;
    }
    struct span_batch *batch = span_batch_create(512);
    batch->wanted = wanted_columns(all);
    double rounds[ROUNDS];
    uint64_t allocated = 0, total = 0;
    for (int round = -2; round < ROUNDS; round++) {
        uint64_t spans = 0, before_bytes = memory_thread_allocated_bytes(), before = now_ns();
        for (uint32_t r = 0; spans < SPANS_PER_ROUND; r = (r + 1) % RECORDS) {
            struct otlp_cursor cursor;
            otlp_cursor_start(&cursor, buffer_bytes(&records[r]), r, &otlp_limits_default);
            for (enum decode_result result = DECODE_MORE; result == DECODE_MORE;) {
                uint32_t rows = batch->rows;
                result = otlp_proto_decode(&cursor, batch);
                spans += batch->rows - rows;
                if (span_batch_full(batch))
                    span_batch_reset(batch);
            }
            if (cursor.bad_spans != 0)
                abort();
        }
        if (round < 0)
            continue;
        rounds[round] = (double)(now_ns() - before) / (double)spans;
        allocated += memory_thread_allocated_bytes() - before_bytes;
        total += spans;
    }
    span_batch_destroy(batch);
    qsort(rounds, ROUNDS, sizeof *rounds, by_value);
    return (struct result){rounds[getenv("BENCH_MIN") ? 0 : ROUNDS / 2], (double)bytes / RECORDS / spans_per_record,
                           (double)allocated / (double)total};
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    static const uint32_t sizes[] = {100, 1};
    for (int all = 0; all <= 1; all++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct result result = run_case(sizes[i], all);
            const char *columns = all ? "all" : "operators'";
            printf(json ? "{\"stage\":\"decode\",\"spans_per_record\":%u,\"columns\":\"%s\",\"bytes_per_span\":%.0f,"
                          "\"ns_per_span\":%.1f,\"allocated_bytes_per_span\":%.3f}\n"
                        : "decode: %3u spans a record, %-10s columns, %.0f bytes a span: %6.1f ns a span, %.3f bytes allocated\n",
                   sizes[i], columns, result.bytes_per_span, result.ns_per_span, result.allocated_per_span);
        }
    }
    return 0;
}
