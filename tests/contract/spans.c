/* spans.c - see spans.h. */
#include "tests/contract/spans.h"
#include "tests/test.h"

#include "engine/base/buffer.h"
#include "tests/span/avro_write.h"

#define BATCH 100

static const char json_answer[] = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"{\\\"a\\\":1}\"}]}]";
static const char prose[] = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"Sure, here you go\"}]}]";

void spans_open(struct spans *spans, struct bus *bus, const char *topic, int32_t partitions)
{
    struct error error = {0};
    char name[100];
    const char *const written[] = {topic};
    snprintf(name, sizeof name, "%s-producer", topic);
    struct member_spec spec = {.group = name, .transactional_id = name, .topics_written = written, .topics_written_count = 1};
    *spans = (struct spans){.topic = topic, .partitions = partitions, .next = 1};
    spans->member = bus_member_open(bus, &spec, &error);
    if (spans->member == NULL)
        fail_msg("%s", error.message);
}

void spans_close(struct spans *spans) { member_close(spans->member); }

static void put_avro(const struct spans *s, const char *answer, struct buffer *out)
{
    uint8_t trace[16] = {1};
    char id[20];
    for (int i = 0; i < 8; i++)
        trace[15 - i] = (uint8_t)(s->next >> (8 * i));
    snprintf(id, sizeof id, "%016llx", (unsigned long long)s->next);
    if (!s->in_header) {
        buffer_put_u8(out, 0);
        for (int shift = 24; shift >= 0; shift -= 8)
            buffer_put_u8(out, (uint8_t)(s->schema_id >> shift));
    }
    if (s->tenant)
        avro_put_text(out, "tenant-1");
    buffer_append(out, trace, sizeof trace);
    avro_put_text(out, id);
    buffer_put_zigzag(out, s->now_ms);
    avro_put_text(out, "chat");
    avro_put_branch_text(out, 0, s->next % 2 ? "refund" : "order");
    avro_put_text(out, "json");
    avro_put_text(out, answer);
    buffer_put_zigzag(out, 2);
    avro_put_text(out, "service.name");
    avro_put_text(out, "shop");
    avro_put_text(out, "deployment.environment.name");
    avro_put_text(out, "prod");
    buffer_put_zigzag(out, 0);
}

static void put_json(const struct spans *s, const char *answer, struct buffer *out)
{
    buffer_printf(out,
                  "{\"trace_id\":\"0100000000000000%016llx\",\"span_id\":\"%016llx\",\"end_ns\":%lld,\"operation\":\"chat\","
                  "\"intent\":\"%s\",\"output_type\":\"json\",\"output_messages\":%s,\"service\":\"shop\",\"environment\":\"prod\"}",
                  (unsigned long long)s->next, (unsigned long long)s->next, (long long)s->now_ms * 1000000,
                  s->next % 2 ? "refund" : "order", answer);
}

void spans_send(struct spans *s, uint32_t count, int64_t step_ms, uint32_t fail_every, int32_t partition)
{
    static struct buffer values[BATCH];
    struct error error = {0};
    while (count > 0) {
        uint32_t some = count < BATCH ? count : BATCH;
        assert_true(member_begin(s->member, &error));
        for (uint32_t i = 0; i < some; i++) {
            bool fails = fail_every > 0 && s->next % fail_every == 0;
            const char *answer = fails ? prose : json_answer;
            s->prose += fails;
            uint8_t id[5] = {0, (uint8_t)(s->schema_id >> 24), (uint8_t)(s->schema_id >> 16), (uint8_t)(s->schema_id >> 8), (uint8_t)s->schema_id};
            struct bus_header header = {BYTES_LITERAL("__value_schema_id"), bytes_of(id, sizeof id)};
            values[i] = BUFFER_WITH_LIMIT(1 << 16);
            if (s->avro)
                put_avro(s, answer, &values[i]);
            else
                put_json(s, answer, &values[i]);
            struct bus_output output = {.topic = s->topic, .partition = partition >= 0 ? partition : (int32_t)(s->next % (uint64_t)s->partitions),
                                        .timestamp_ms = s->now_ms, .key = BYTES_NONE, .value = buffer_bytes(&values[i]),
                                        .headers = &header, .headers_count = s->avro && s->in_header};
            if (!member_produce(s->member, &output, &error))
                fail_msg("%s", error.message);
            s->next++;
            s->now_ms += step_ms;
        }
        assert_int_equal(member_commit(s->member, NULL, 0, &error), COMMIT_DONE);
        for (uint32_t i = 0; i < some; i++)
            buffer_free(&values[i]);
        count -= some;
    }
}

void spans_send_raw(struct spans *s, int32_t partition, struct bytes value, struct bytes header)
{
    struct error error = {0};
    struct bus_header schema = {BYTES_LITERAL("__value_schema_id"), header};
    struct bus_output output = {.topic = s->topic, .partition = partition, .timestamp_ms = s->now_ms, .key = BYTES_NONE, .value = value,
                                .headers = &schema, .headers_count = bytes_present(header)};
    assert_true(member_begin(s->member, &error));
    assert_true(member_produce(s->member, &output, &error));
    assert_int_equal(member_commit(s->member, NULL, 0, &error), COMMIT_DONE);
}
