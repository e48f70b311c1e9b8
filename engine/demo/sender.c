/* sender.c - outputs are kept until they are committed, so that an aborted transaction can be repeated. */
#include "engine/demo/sender.h"

#include "engine/base/memory.h"

#define ATTEMPTS_MAX 20

struct sender {
    struct member *member;
    char *topic;
    struct bus_output *outputs;
    uint32_t count, capacity;
    int64_t newest_ms;
    uint64_t records;
};

struct sender *sender_open(struct bus *bus, const char *id, const char *topic, struct error *error)
{
    struct member_spec spec = {
        .transactional_id = id, .topics_written = &topic, .topics_written_count = 1};
    struct member *member = bus_member_open(bus, &spec, error);
    if (member == NULL)
        return NULL;
    struct sender *sender = memory_allocate(sizeof *sender);
    sender->member = member;
    sender->topic = memory_copy_text(topic);
    sender->newest_ms = INT64_MIN;
    return sender;
}

void sender_close(struct sender *sender)
{
    if (sender == NULL)
        return;
    member_close(sender->member);
    memory_free(sender->topic);
    memory_free(sender->outputs);
    memory_free(sender);
}

void sender_put(struct sender *sender, int32_t partition, int64_t timestamp_ms, struct bytes key,
                struct bytes value)
{
    if (sender->count == sender->capacity) {
        sender->capacity = sender->capacity ? sender->capacity * 2 : 64;
        sender->outputs =
            memory_resize(sender->outputs, sender->capacity * sizeof *sender->outputs);
    }
    sender->outputs[sender->count++] = (struct bus_output){.topic = sender->topic,
                                                           .partition = partition,
                                                           .timestamp_ms = timestamp_ms,
                                                           .key = key,
                                                           .value = value};
}

static enum commit_outcome send_all(struct sender *sender, struct error *error)
{
    if (!member_begin(sender->member, error))
        return COMMIT_FAILED;
    for (uint32_t i = 0; i < sender->count; i++)
        if (!member_produce(sender->member, &sender->outputs[i], error))
            return COMMIT_FAILED;
    return member_commit(sender->member, NULL, 0, error);
}

bool sender_commit(struct sender *sender, struct error *error)
{
    if (sender->count == 0)
        return true;
    enum commit_outcome outcome = COMMIT_ABORTED;
    for (int attempt = 0; attempt < ATTEMPTS_MAX && outcome == COMMIT_ABORTED; attempt++)
        outcome = send_all(sender, error);
    if (outcome == COMMIT_ABORTED)
        return error_set(error, ERROR_UNAVAILABLE,
                         "writing to %s: the transaction was aborted %d times", sender->topic,
                         ATTEMPTS_MAX);
    if (outcome != COMMIT_DONE)
        return error_prefix(error, "writing to %s", sender->topic);
    for (uint32_t i = 0; i < sender->count; i++)
        if (sender->outputs[i].timestamp_ms > sender->newest_ms)
            sender->newest_ms = sender->outputs[i].timestamp_ms;
    sender->records += sender->count;
    sender->count = 0;
    return true;
}

int64_t sender_newest_ms(const struct sender *sender) { return sender->newest_ms; }
uint64_t sender_records(const struct sender *sender) { return sender->records; }
