/* bed.c - opening, sending, reading and asserting for the tests of the embedded log; see bed.h. */
#include "tests/bus/bed.h"

struct bus *bed_open(const struct embedded_log_options *options)
{
    struct bus *bus = embedded_log_open(options);
    assert_non_null(bus);
    return bus;
}

void bed_topic(struct bus *bus, const char *name, int32_t partitions, enum topic_cleanup cleanup)
{
    struct error why = {0};
    struct topic_spec spec = {
        .name = name, .partitions = partitions, .cleanup = cleanup, .retention_ms = -1};
    BED_OK(bus_create(bus, &spec, &why), why);
}

void bed_join(struct bus *bus, struct bed_member *m, const char *group,
              const char *transactional_id)
{
    static const char *const reads[] = {"in"};
    static const char *const writes[] = {"in", "out"};
    struct error why = {0};
    struct member_spec spec = {.group = group,
                               .transactional_id = transactional_id,
                               .topics_read = reads,
                               .topics_read_count = 1,
                               .topics_written = writes,
                               .topics_written_count = 2};
    *m = (struct bed_member){.member = bus_member_open(bus, &spec, &why)};
    BED_OK(m->member != NULL, why);
}

struct bus_position *bed_owned(struct bed_member *m, struct bus_partition source)
{
    for (uint32_t i = 0; i < m->owned_count; i++)
        if (m->owned[i].source.topic == source.topic &&
            m->owned[i].source.partition == source.partition)
            return &m->owned[i];
    return NULL;
}

static void take(struct bed_member *m, const struct member_batch *batch)
{
    struct error why = {0};
    struct bus_position *first = &m->owned[m->owned_count];
    for (uint32_t i = 0; i < batch->partitions_count; i++) {
        assert_null(bed_owned(m, batch->partitions[i]));
        assert_true(m->owned_count < BED_PARTITIONS_MAX);
        m->owned[m->owned_count++] = (struct bus_position){.source = batch->partitions[i]};
    }
    BED_OK(member_committed(m->member, first, batch->partitions_count, &why), why);
    BED_OK(member_assign(m->member, first, batch->partitions_count, &why), why);
    m->assigned++;
}

static void give_back(struct bed_member *m, const struct member_batch *batch)
{
    struct error why = {0};
    for (uint32_t i = 0; i < batch->partitions_count; i++) {
        struct bus_position *gone = bed_owned(m, batch->partitions[i]);
        assert_non_null(gone);
        *gone = m->owned[--m->owned_count];
    }
    BED_OK(member_unassign(m->member, batch->partitions, batch->partitions_count, &why), why);
}

enum member_event bed_poll(struct bed_member *m, struct member_batch *batch)
{
    struct error why = {0};
    enum member_event event = member_poll(m->member, 0, batch, &why);
    if (event == MEMBER_ASSIGN)
        take(m, batch);
    if (event == MEMBER_REVOKE || event == MEMBER_LOST)
        give_back(m, batch);
    m->revoked += event == MEMBER_REVOKE;
    m->lost += event == MEMBER_LOST;
    return event;
}

void bed_settle(struct bed_member *members, uint32_t count)
{
    int quiet = 0; /* a member joins at its first poll: what follows comes a round later */
    for (int round = 0; quiet < 2; round++) {
        assert_true(round < 1000);
        quiet++;
        for (uint32_t i = 0; i < count; i++) {
            struct member_batch batch;
            enum member_event event = bed_poll(&members[i], &batch);
            if (event == MEMBER_RECORDS)
                member_release(members[i].member, &batch);
            else if (event != MEMBER_IDLE)
                quiet = 0;
        }
    }
}

void bed_rewind(struct bed_member *m)
{
    struct error why = {0};
    BED_OK(member_committed(m->member, m->owned, m->owned_count, &why), why);
    BED_OK(member_seek(m->member, m->owned, m->owned_count, &why), why);
}

void bed_produce(struct bed_member *m, const char *topic, int32_t partition, const char *key,
                 const char *value)
{
    struct error why = {0};
    struct bus_output output = {.topic = topic,
                                .partition = partition,
                                .timestamp_ms = 1,
                                .key = bytes_from_text(key),
                                .value = bytes_from_text(value)};
    BED_OK(member_produce(m->member, &output, &why), why);
}

void bed_append(struct bus *bus, const char *topic, int32_t partition, const char *key,
                const char *value, int64_t timestamp_ms)
{
    struct error why = {0};
    struct bus_output output = {.topic = topic,
                                .partition = partition,
                                .timestamp_ms = timestamp_ms,
                                .key = bytes_from_text(key),
                                .value = bytes_from_text(value)};
    BED_OK(embedded_log_append(bus, &output, NULL, &why), why);
}

const char *bed_dump(struct bus *bus, const char *topic, int32_t partition, char *out, size_t size)
{
    struct error why = {0};
    struct bus_record record;
    size_t used = 0;
    struct bus_reader *reader = bus_reader_open(bus, topic, partition, -2, -1, &why);
    BED_OK(reader != NULL, why);
    out[0] = 0;
    while (reader_next(reader, 0, &record, &why) == READER_RECORD) {
        int wrote = snprintf(out + used, size - used, "%s%lld=%.*s", used ? " " : "",
                             (long long)record.offset, BYTES_FMT(record.value));
        assert_true(wrote > 0 && (size_t)wrote < size - used);
        used += (size_t)wrote;
    }
    reader_close(reader);
    return out;
}
