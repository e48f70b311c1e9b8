/* audit.c - see audit.h. */
#include "tests/bus/audit.h"

static struct bus_reader *follow(struct bus *bus, const char *topic, int32_t partition)
{
    struct error why = {0};
    struct bus_reader *reader = bus_reader_open(bus, topic, partition, 0, -1, &why);
    BED_OK(reader != NULL, why);
    return reader;
}

void audit_start(struct audit *audit, struct bus *bus, int32_t in_partitions,
                 int32_t out_partitions)
{
    *audit = (struct audit){
        .bus = bus, .in_partitions = in_partitions, .out_partitions = out_partitions};
    memset(audit->partition_of, -1, sizeof audit->partition_of);
    for (int32_t p = 0; p < in_partitions; p++)
        audit->in[p] = follow(bus, "in", p);
    for (int32_t p = 0; p < out_partitions; p++)
        audit->out[p] = follow(bus, "out", p);
}

void audit_stop(struct audit *audit)
{
    for (int32_t p = 0; p < audit->in_partitions; p++)
        reader_close(audit->in[p]);
    for (int32_t p = 0; p < audit->out_partitions; p++)
        reader_close(audit->out[p]);
}

static uint64_t number_of(const struct bus_record *record)
{
    uint64_t number = 0;
    assert_int_equal(record->value.size, sizeof number);
    memcpy(&number, record->value.data, sizeof number);
    assert_true(number < AUDIT_NUMBERS_MAX);
    return number;
}

static void read_in(struct audit *audit)
{
    struct error why = {0};
    struct bus_record record;
    for (int32_t p = 0; p < audit->in_partitions; p++)
        while (reader_next(audit->in[p], 0, &record, &why) == READER_RECORD) {
            uint64_t number = number_of(&record);
            assert_int_equal(audit->partition_of[number], -1);
            audit->partition_of[number] = p;
            audit->offset_of[number] = record.offset;
            audit->numbers++;
        }
}

static void read_out(struct audit *audit, uint64_t seed)
{
    struct error why = {0};
    struct bus_record record;
    for (int32_t p = 0; p < audit->out_partitions; p++)
        while (reader_next(audit->out[p], 0, &record, &why) == READER_RECORD) {
            uint64_t number = number_of(&record);
            if (audit->written[number])
                fail_msg("seed %llu: number %llu was copied twice", (unsigned long long)seed,
                         (unsigned long long)number);
            audit->written[number] = true;
            audit->copied++;
        }
}

void audit_check(struct audit *audit, uint64_t seed)
{
    struct error why = {0};
    struct bus_position committed[BED_PARTITIONS_MAX];
    uint64_t due[BED_PARTITIONS_MAX] = {0};
    read_in(audit);
    read_out(audit, seed);
    for (int32_t p = 0; p < audit->in_partitions; p++)
        BED_OK(embedded_log_position(audit->bus, "copiers", "in", p, &committed[p], &why), why);
    for (uint32_t n = 0; n < AUDIT_NUMBERS_MAX; n++) {
        int32_t p = audit->partition_of[n];
        bool is_due = p >= 0 && audit->offset_of[n] < committed[p].offset;
        if (is_due != audit->written[n])
            fail_msg("seed %llu: number %u at in/%d offset %lld: committed up to %lld, but %s",
                     (unsigned long long)seed, n, (int)p, (long long)audit->offset_of[n],
                     (long long)committed[p < 0 ? 0 : p].offset,
                     is_due ? "it was not copied" : "it was copied");
        if (is_due)
            due[p]++;
    }
    for (int32_t p = 0; p < audit->in_partitions; p++)
        assert_int_equal(strtoull(committed[p].metadata, NULL, 10), due[p]);
}
