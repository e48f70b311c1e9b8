/* copier.c - see copier.h. */
#include "tests/bus/copier.h"

void copier_start(struct copier *copier, struct bus *bus, const char *transactional_id)
{
    copier->bus = bus;
    copier->transactional_id = transactional_id;
    copier->open = false;
    copier->pending_count = 0;
    bed_join(bus, &copier->m, "copiers", transactional_id);
}

void copier_stop(struct copier *copier)
{
    if (copier->m.member != NULL)
        member_close(copier->m.member);
    copier->m.member = NULL;
}

void copier_crash(struct copier *copier)
{
    embedded_log_crash(copier->m.member);
    copier_stop(copier);
    copier->crashes++;
    copier_start(copier, copier->bus, copier->transactional_id);
}

static void adopt(struct copier *copier, const struct bus_position *positions, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        copier->consumed[positions[i].source.partition] = strtoull(positions[i].metadata, NULL, 10);
}

static void roll_back(struct copier *copier)
{
    copier->rollbacks++;
    if (copier->m.owned_count == 0)
        return;
    bed_rewind(&copier->m);
    adopt(copier, copier->m.owned, copier->m.owned_count);
}

void copier_commit(struct copier *copier)
{
    struct error why = {0};
    if (!copier->open)
        return;
    for (uint32_t i = 0; i < copier->m.owned_count; i++) {
        struct bus_position *position = &copier->m.owned[i];
        snprintf(position->metadata, sizeof position->metadata, "%llu",
                 (unsigned long long)copier->consumed[position->source.partition]);
        if (position->offset < 0) /* nothing read yet: where it starts */
            position->offset = 0;
    }
    enum commit_outcome outcome =
        member_commit(copier->m.member, copier->m.owned, copier->m.owned_count, &why);
    copier->open = false;
    copier->pending_count = 0;
    copier->commits += outcome == COMMIT_DONE;
    if (outcome == COMMIT_ABORTED)
        roll_back(copier);
    else if (outcome == COMMIT_FAILED)
        copier_crash(copier);
    else
        assert_int_equal(outcome, COMMIT_DONE);
}

static void copy(struct copier *copier, const struct member_batch *batch)
{
    struct error why = {0};
    if (!copier->open)
        BED_OK(member_begin(copier->m.member, &why), why);
    copier->open = true;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct bus_record *record = &batch->records[i];
        assert_int_equal(record->value.size, sizeof(uint64_t));
        uint64_t *value = &copier->pending[copier->pending_count++];
        memcpy(value, record->value.data, sizeof *value);
        struct bus_output output = {.topic = "out",
                                    .partition = -1,
                                    .timestamp_ms = record->timestamp_ms,
                                    .key = bytes_of(value, sizeof *value),
                                    .value = bytes_of(value, sizeof *value)};
        BED_OK(member_produce(copier->m.member, &output, &why), why);
        struct bus_position *position = bed_owned(&copier->m, record->source);
        assert_non_null(position);
        assert_true(record->offset >= position->offset); /* never backwards without a seek */
        position->offset = record->offset + 1;
        copier->consumed[record->source.partition]++;
    }
}

static void abandon(struct copier *copier)
{
    struct error why = {0};
    if (copier->open)
        (void)member_abort(copier->m.member, &why);
    copier->open = false;
    copier->pending_count = 0;
}

/* Answers a revoke or a loss; a member that crashed while committing has nothing to answer. */
static void hand_over(struct copier *copier, enum member_event event, struct member_batch *batch)
{
    struct error why = {0};
    uint64_t crashes = copier->crashes;
    if (event == MEMBER_REVOKE)
        copier_commit(copier);
    else
        abandon(copier);
    if (copier->crashes != crashes)
        return;
    BED_OK(member_unassign(copier->m.member, batch->partitions, batch->partitions_count, &why),
           why);
    for (uint32_t i = 0; i < batch->partitions_count; i++) {
        struct bus_position *gone = bed_owned(&copier->m, batch->partitions[i]);
        assert_non_null(gone);
        *gone = copier->m.owned[--copier->m.owned_count];
    }
}

static void take_over(struct copier *copier, const struct member_batch *batch)
{
    struct error why = {0};
    struct bus_position *first = &copier->m.owned[copier->m.owned_count];
    for (uint32_t i = 0; i < batch->partitions_count; i++)
        copier->m.owned[copier->m.owned_count++] =
            (struct bus_position){.source = batch->partitions[i]};
    BED_OK(member_committed(copier->m.member, first, batch->partitions_count, &why), why);
    BED_OK(member_assign(copier->m.member, first, batch->partitions_count, &why), why);
    adopt(copier, first, batch->partitions_count);
}

bool copier_step(struct copier *copier, int timeout_ms)
{
    struct error why = {0};
    struct member_batch batch;
    enum member_event event = member_poll(copier->m.member, timeout_ms, &batch, &why);
    if (event == MEMBER_FAILED)
        fail_msg("%s", why.message);
    if (event == MEMBER_ASSIGN)
        take_over(copier, &batch);
    if (event == MEMBER_REVOKE || event == MEMBER_LOST)
        hand_over(copier, event, &batch);
    if (event == MEMBER_RECORDS) {
        copy(copier, &batch);
        member_release(copier->m.member, &batch);
    }
    if (copier->pending_count > COPIER_PENDING_MAX / 2)
        copier_commit(copier);
    return event != MEMBER_IDLE;
}
