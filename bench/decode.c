/*
 * decode.c - nanoseconds and allocations per span of the OTLP decoder, on lean 1.4 KB spans with 22
 * attributes in the Collector's field order, 100 spans per record and 1; and MB/s of the same in JSON.
 *
 * Prints one line per case; the median of several rounds. --json prints objects instead.
 */
#include "bench/lean_json.h"
#include "bench/lean_span.h"
#include "engine/base/memory.h"
#include "engine/span/leaves.h"
#include "engine/span/otlp_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RECORDS 64
#define ROUNDS 21
#define SPANS_PER_ROUND 200000

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

static void make_record(struct buffer *out, uint64_t first, uint32_t spans, bool json)
{
    struct buffer proto = BUFFER_WITH_LIMIT(8 << 20);
    buffer_free(out);
    *out = BUFFER_WITH_LIMIT(8 << 20);
    lean_record(json ? &proto : out, first, spans, LEAN_START_NS);
    if (json)
        lean_json(buffer_bytes(&proto), out);
    buffer_free(&proto);
}

static struct result run_case(uint32_t spans_per_record, bool all, bool json)
{
    static struct buffer records[RECORDS];
    size_t bytes = 0;
    for (uint64_t i = 0; i < RECORDS; i++) {
        make_record(&records[i], i * spans_per_record, spans_per_record, json);
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
                result = json ? otlp_json_decode(&cursor, batch) : otlp_proto_decode(&cursor, batch);
                leaves_settle(batch, rows);
                spans += batch->rows - rows;
                if (result == DECODE_MORE || span_batch_full(batch))
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
    bool json = false;
    for (int i = 1; i < argc; i++)
        json = json || strcmp(argv[i], "--json") == 0;
    static const uint32_t sizes[] = {100, 1};
    for (int kind = 0; kind < 4; kind++) {
        bool all = kind % 2 != 0, text = kind >= 2;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct result result = run_case(sizes[i], all, text);
            const char *columns = all ? "all" : "operators'", *encoding = text ? "otlp_json" : "otlp_proto";
            printf(json ? "{\"stage\":\"decode\",\"encoding\":\"%s\",\"spans_per_record\":%u,\"columns\":\"%s\",\"bytes_per_span\":%.0f,"
                          "\"ns_per_span\":%.1f,\"allocated_bytes_per_span\":%.3f,\"mb_per_s\":%.0f}\n"
                        : "decode: %-10s %3u spans a record, %-10s columns, %.0f bytes a span: %6.1f ns a span, %.3f bytes allocated, %.0f MB/s\n",
                   encoding, sizes[i], columns, result.bytes_per_span, result.ns_per_span, result.allocated_per_span,
                   result.bytes_per_span / result.ns_per_span * 1000);
        }
    }
    return 0;
}
