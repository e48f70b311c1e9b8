/*
 * avro_differential_test.c - our programs against Apache Avro C on random schemas, readers and values:
 * the same values, or both refuse. 10^4 pairs; 10^6 with ASSAY_FULL=1.
 */
#include "tests/test.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "tests/span/avro_oracle.h"
#include "tests/span/avro_random.h"
#include "tests/span/avro_text.h"

#define VALUES_PER_PAIR 10

struct counts {
    uint64_t values, same, refused_by_both, unable, altered_same;
};

static void show(const char *what, const struct buffer *writer, const struct buffer *reader,
                 const struct buffer *record)
{
    print_message("%s\nwriter %.*s\nreader %.*s\nrecord ", what, (int)writer->size, writer->data,
                  (int)reader->size, reader->data);
    for (size_t i = 0; i < record->size; i++)
        print_message("%02x", record->data[i]);
    print_message("\n");
}

/* Both read it to its end and say the same, or both refuse. */
static bool compare(struct oracle *oracle, const struct avro_program *program, struct bytes record,
                    struct counts *counts)
{
    static struct buffer ours = {.limit_bytes = 1 << 26}, theirs = {.limit_bytes = 1 << 26};
    struct avro_fault fault = {0};
    size_t left = 0;
    buffer_clear(&ours);
    buffer_clear(&theirs);
    bool we = avro_text(program, record, &ours, &fault);
    bool they = oracle_decode(oracle, record, &theirs, &left) && left == 0;
    if (!we && !they) {
        counts->refused_by_both++;
        return fault.reason != NULL && fault.offset <= record.size;
    }
    if (we && they && bytes_equal(buffer_bytes(&ours), buffer_bytes(&theirs))) {
        counts->same++;
        return true;
    }
    print_message("ours:   %s %.*s\ntheirs: %d %.*s\n", we ? "read" : fault.reason, (int)ours.size,
                  ours.data, they, (int)theirs.size, theirs.data);
    return false;
}

/* Where we accept altered bytes, all lengths in them are good, so Avro C may be asked. */
static bool compare_altered(struct random_schema *schema, struct oracle *oracle,
                            const struct avro_program *program, struct buffer *record,
                            struct counts *counts)
{
    static struct buffer ours = {.limit_bytes = 1 << 26}, theirs = {.limit_bytes = 1 << 26};
    struct avro_fault fault;
    size_t left, at = record->size > 0 ? random_below(&schema->rng, (unsigned)record->size) : 0;
    if (record->size == 0 || schema->has_map) /* a key twice is one entry of Avro C's map */
        return true;
    uint8_t kept = record->data[at];
    record->data[at] = (uint8_t)random_next(&schema->rng);
    buffer_clear(&ours);
    buffer_clear(&theirs);
    bool good = true;
    if (avro_text(program, buffer_bytes(record), &ours, &fault)) {
        good = oracle_decode(oracle, buffer_bytes(record), &theirs, &left) &&
               bytes_equal(buffer_bytes(&ours), buffer_bytes(&theirs));
        counts->altered_same++;
        if (!good)
            print_message("altered: ours %.*s\ntheirs %.*s\n", (int)ours.size, ours.data,
                          (int)theirs.size, theirs.data);
    }
    if (good)
        record->data[at] = kept;
    return good;
}

/* What an event delivers, in order; null and structure left out, as loose programs leave them out. */
static void sum_event(void *context, const struct avro_event *event)
{
    uint64_t *sum = context;
    uint64_t real;
    memcpy(&real, &event->real, sizeof real);
    if (event->kind == AVRO_EVENT_MARK ||
        (event->kind == AVRO_EVENT_VALUE && event->type == AVRO_NULL))
        return;
    *sum = hash_combine(*sum, hash_bytes(event->bytes, event->kind));
    *sum = hash_combine(*sum, hash_combine(real, (uint64_t)event->integer ^ event->type));
}

/* A program made for columns has operations of its own (MAYBE, TEXT_MAP): they deliver the same. */
static bool compare_loose(const struct avro_program *program, const struct avro_program *loose,
                          struct bytes record)
{
    uint64_t sums[2] = {0, 0};
    struct avro_fault faults[2] = {{0}};
    bool a = avro_events(program, record, &avro_limits_default, sum_event, &sums[0], &faults[0]);
    bool b = avro_events(loose, record, &avro_limits_default, sum_event, &sums[1], &faults[1]);
    return a == b && (!a || sums[0] == sums[1]);
}

static struct avro_program *compile_loose(struct bytes text)
{
    struct error error;
    struct avro_compile_options options = avro_compile_options_default;
    struct avro_schema *schema = avro_schema_parse(&text, 1, &avro_schema_limits_default, &error);
    options.loose = true;
    struct avro_program *program = schema ? avro_compile(schema, schema, &options, &error) : NULL;
    assert_non_null(program);
    avro_schema_destroy(schema);
    return program;
}

static void run_pair(struct random_schema *schema, bool resolve, struct counts *counts)
{
    struct buffer writer = BUFFER_WITH_LIMIT(1 << 20), reader = BUFFER_WITH_LIMIT(1 << 20);
    struct buffer record = BUFFER_WITH_LIMIT(1 << 24);
    struct error error;
    schema->careful = resolve;
    random_schema_make(schema);
    random_schema_print(schema, &writer);
    if (resolve)
        random_schema_print_reader(schema, &reader);
    else
        buffer_append(&reader, writer.data, writer.size);
    struct oracle *oracle = oracle_create(buffer_bytes(&writer), buffer_bytes(&reader));
    struct avro_program *program =
        avro_text_compile(buffer_bytes(&writer), buffer_bytes(&reader), &error);
    if (program == NULL)
        fail_msg("%s: %.*s", error.message, (int)writer.size, writer.data);
    struct avro_program *loose = resolve ? NULL : compile_loose(buffer_bytes(&writer));
    for (unsigned i = 0; oracle != NULL && i < VALUES_PER_PAIR; i++) {
        buffer_clear(&record);
        random_value(schema, &record);
        bool good = compare(oracle, program, buffer_bytes(&record), counts);
        size_t cut = record.size > 0 ? random_below(&schema->rng, (unsigned)record.size) : 0;
        if (good && record.size > 0)
            good = compare(oracle, program, bytes_of(record.data, cut), counts);
        if (!resolve) /* a skipped block whose size is wrong has no one meaning */
            good = good && compare_altered(schema, oracle, program, &record, counts);
        good = good && (resolve || (compare_loose(program, loose, buffer_bytes(&record)) &&
                                    compare_loose(program, loose, bytes_of(record.data, cut))));
        counts->values++;
        if (!good) {
            show("they differ", &writer, &reader, &record);
            fail();
        }
    }
    counts->unable += oracle == NULL ? VALUES_PER_PAIR : 0;
    if (oracle != NULL)
        oracle_destroy(oracle);
    avro_program_destroy(program);
    avro_program_destroy(loose);
    buffer_free(&writer);
    buffer_free(&reader);
    buffer_free(&record);
}

static void test_same_values_as_apache_avro_c(void **state)
{
    (void)state;
    struct random_schema *schema = memory_allocate(sizeof *schema);
    struct counts counts = {0};
    uint64_t wanted = test_is_full() ? 1000000 : 10000;
    schema->rng = test_seed(1);
    for (uint64_t i = 0; counts.values < wanted; i++)
        run_pair(schema, i % 2 == 1, &counts);
    print_message(
        "%llu schema/value pairs (and one cut and one altered of each): %llu the same, %llu "
        "refused by both, %llu altered ones the same; %llu more that Avro C cannot resolve\n",
        (unsigned long long)counts.values, (unsigned long long)counts.same,
        (unsigned long long)counts.refused_by_both, (unsigned long long)counts.altered_same,
        (unsigned long long)counts.unable);
    assert_true(counts.same >= counts.values);
    assert_true(counts.refused_by_both > counts.values / 4);
    assert_true(counts.unable < counts.values);
    memory_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_values_as_apache_avro_c)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
