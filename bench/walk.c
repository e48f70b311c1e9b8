/*
 * walk.c - see walk.h. The best of the rounds beside the median: rounds are short and the machine is shared.
 */
#include "bench/walk.h"

#include "bench/lean_span.h"
#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/span/dialect.h"
#include "engine/span/leaves.h"
#include "engine/span/otlp_proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SPANS       6400 /* 9 MB: beyond the second cache, as what was just fetched is */
#define BATCH_ROWS  256
#define ROUNDS_MAX  64
#define LOOKUPS     200 /* of every name, per round */

static double thread_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* ---- the walk --------------------------------------------------------------------------------------------- */

static uint64_t walk_records(const struct lean_template *records, uint32_t count, struct span_batch *batch)
{
    uint64_t spans = 0;
    for (uint32_t r = 0; r < count; r++) {
        struct otlp_cursor cursor;
        otlp_cursor_start(&cursor, buffer_bytes(&records[r].record), r, &otlp_limits_default);
        for (enum decode_result result = DECODE_MORE; result == DECODE_MORE;) {
            uint32_t first = batch->rows;
            result = otlp_proto_decode(&cursor, batch);
            leaves_settle(batch, first);
            spans += batch->rows - first;
            if (result == DECODE_MORE || span_batch_full(batch))
                span_batch_reset(batch);
        }
        CHECK(cursor.bad_spans == 0);
    }
    return spans;
}

void walk_bench(const struct span_column_set *wanted, uint32_t spans_per_record, int rounds, bool json)
{
    uint32_t count = SPANS / spans_per_record;
    struct lean_template *records = memory_allocate_array(count, sizeof *records);
    for (uint32_t r = 0; r < count; r++)
        lean_template_make(&records[r], (uint64_t)r * spans_per_record, spans_per_record);
    uint8_t *block = lean_templates_pack(records, count);
    struct span_batch *batch = span_batch_create(BATCH_ROWS);
    batch->wanted = *wanted;
    double values[ROUNDS_MAX];
    uint64_t allocated = 0, total = 0;
    for (int round = -2; round < rounds; round++) {
        uint64_t before = memory_thread_allocated_bytes();
        double start = thread_ns();
        uint64_t spans = walk_records(records, count, batch);
        double ns = (thread_ns() - start) / (double)spans;
        if (round < 0)
            continue;
        values[round] = ns;
        allocated += memory_thread_allocated_bytes() - before;
        total += spans;
    }
    qsort(values, (size_t)rounds, sizeof *values, by_value);
    printf(json ? "{\"case\":\"OTLP walk, default columns\",\"spans_per_record\":%u,\"ns_per_span\":%.1f,\"best_ns\":%.1f,"
                  "\"allocated_bytes\":%.3f}\n"
                : "OTLP walk, default columns, %u a record: %.1f ns a span, at best %.1f; allocated %.3f B a span\n",
           spans_per_record, values[rounds / 2], values[0], (double)allocated / (double)total);
    span_batch_destroy(batch);
    lean_templates_free(records, count, block);
    memory_free(records);
}

/* ---- the alias table ----------------------------------------------------------------------------------------- */

struct name_list {
    struct bytes names[DIALECT_ALIASES_MAX];
    uint32_t count;
};

static void list_add(struct name_list *list, const char *name)
{
    CHECK(list->count < DIALECT_ALIASES_MAX);
    list->names[list->count++] = bytes_from_text(name);
}

/* In an order that has nothing to do with the table's. */
static void shuffle(struct name_list *list)
{
    for (uint32_t i = list->count; i > 1; i--) {
        uint32_t other = (uint32_t)(hash_mix64(i) % i);
        struct bytes name = list->names[i - 1];
        list->names[i - 1] = list->names[other];
        list->names[other] = name;
    }
}

static double lookup_ns(const struct name_list *list, uint32_t found_expected)
{
    double start = thread_ns();
    for (int again = 0; again < LOOKUPS; again++) {
        uint32_t found = 0;
        for (uint32_t i = 0; i < list->count; i++)
            found += dialect_find(list->names[i].data, list->names[i].size) != NULL;
        CHECK(found == found_expected);
    }
    return (thread_ns() - start) / LOOKUPS / list->count;
}

static void print_lookups(const char *what, struct name_list *list, uint32_t found, int rounds, bool json)
{
    double values[ROUNDS_MAX];
    shuffle(list);
    for (int round = 0; round < rounds; round++)
        values[round] = lookup_ns(list, found);
    qsort(values, (size_t)rounds, sizeof *values, by_value);
    printf(json ? "{\"case\":\"alias lookup, %s\",\"names\":%u,\"ns_per_attribute\":%.1f,\"best_ns\":%.1f}\n"
                : "alias lookup, %s: %u names, %.1f ns an attribute, at best %.1f\n",
           what, list->count, values[rounds / 2], values[0]);
}

void alias_bench(int rounds, bool json)
{
    static const char *const written[] = {
#define ATTRIBUTE_NAME(name) name,
#include "bench/attribute_names.def"
    };
    static struct name_list known, unknown, all;
    known.count = unknown.count = all.count = 0;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        struct bytes name = bytes_from_text(written[i]);
        list_add(&all, written[i]);
        list_add(dialect_find(name.data, name.size) != NULL ? &known : &unknown, written[i]);
    }
    uint32_t found = known.count;
    print_lookups("names in the table", &known, found, rounds, json);
    print_lookups("names that are not", &unknown, 0, rounds, json);
    print_lookups("names of all producers", &all, found, rounds, json);
}
