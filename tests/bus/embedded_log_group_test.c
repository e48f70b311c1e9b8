/*
 * embedded_log_group_test.c - rebalances: no partition owned twice, none lost, fencing of members
 * that the group has left behind. Each case runs eager and cooperative.
 */
#include "tests/bus/bed.h"

#define PARTITIONS 7

struct fixture {
    struct bus *bus;
    struct bed_member m[4];
    char dump[4096];
};

static int set_up(void **state, bool cooperative)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct embedded_log_options options = {.cooperative = cooperative};
    f->bus = bed_open(&options);
    bed_topic(f->bus, "in", PARTITIONS, TOPIC_DELETE);
    bed_topic(f->bus, "out", 1, TOPIC_DELETE);
    *state = f;
    return 0;
}

static int set_up_eager(void **state) { return set_up(state, false); }
static int set_up_cooperative(void **state) { return set_up(state, true); }

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof f->m / sizeof *f->m; i++)
        if (f->m[i].member != NULL)
            member_close(f->m[i].member);
    bus_close(f->bus);
    free(f);
    return 0;
}

static void leave(struct bed_member *m)
{
    member_close(m->member);
    *m = (struct bed_member){0};
}

/* How many members own each partition: must be one each once all is settled. */
static void assert_owned_once(const struct fixture *f, uint32_t owners_at_least)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        uint32_t owners = 0;
        for (size_t i = 0; i < sizeof f->m / sizeof *f->m; i++)
            for (uint32_t k = 0; k < f->m[i].owned_count; k++)
                owners += f->m[i].owned[k].source.partition == (int32_t)p;
        assert_in_range(owners, owners_at_least, 1);
    }
}

static void two_then_three_then_one_members_share_all_partitions(void **state)
{
    struct fixture *f = *state;
    bed_join(f->bus, &f->m[0], "g", "a");
    bed_join(f->bus, &f->m[1], "g", "b");
    bed_settle(f->m, 2);
    assert_owned_once(f, 1);
    assert_int_equal(f->m[0].owned_count, 4);
    assert_int_equal(f->m[1].owned_count, 3);
    bed_join(f->bus, &f->m[2], "g", "c");
    bed_settle(f->m, 3);
    assert_owned_once(f, 1);
    assert_int_equal(f->m[0].owned_count, 3);
    assert_int_equal(f->m[1].owned_count, 2);
    assert_int_equal(f->m[2].owned_count, 2);
    leave(&f->m[2]);
    bed_settle(f->m, 2);
    leave(&f->m[1]);
    bed_settle(f->m, 1);
    assert_owned_once(f, 1);
    assert_int_equal(f->m[0].owned_count, PARTITIONS);
    assert_int_equal(f->m[0].lost, 0);
}

static void at_no_poll_does_a_partition_have_two_owners(void **state)
{
    struct fixture *f = *state;
    struct member_batch batch;
    uint64_t random = 12345;
    for (int step = 0; step < 3000; step++) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        struct bed_member *m = &f->m[(random >> 33) % 4];
        uint32_t what = (uint32_t)(random >> 40) % 64;
        if (m->member == NULL)
            bed_join(f->bus, m, "g", NULL);
        else if (what == 0)
            leave(m);
        else if (what == 1)
            embedded_log_evict(m->member);
        else if (what == 2)
            embedded_log_rebalance(f->bus, "g");
        else if (bed_poll(m, &batch) == MEMBER_RECORDS)
            member_release(m->member, &batch);
        for (uint32_t i = 0; i < 4; i++) /* an evicted member does not know yet: let it find out */
            if (f->m[i].member != NULL && what == 1 && &f->m[i] == m && m->owned_count > 0)
                assert_int_equal(bed_poll(m, &batch), MEMBER_LOST);
        assert_owned_once(f, 0);
    }
    for (uint32_t i = 0; i < 4; i++)
        if (f->m[i].member == NULL)
            bed_join(f->bus, &f->m[i], "g", NULL);
    bed_settle(f->m, 4);
    assert_owned_once(f, 1);
}

static void an_evicted_member_cannot_commit_and_joins_again(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct member_batch batch;
    bed_join(f->bus, &f->m[0], "g", "a");
    bed_settle(f->m, 1);
    bed_append(f->bus, "in", 0, NULL, "x", 0);
    assert_int_equal(bed_poll(&f->m[0], &batch), MEMBER_RECORDS);
    f->m[0].owned[0].offset = 1;
    member_release(f->m[0].member, &batch);
    assert_true(member_begin(f->m[0].member, &why));
    bed_produce(&f->m[0], "out", 0, NULL, "never");
    embedded_log_evict(f->m[0].member);
    struct bus_position moved = {.source = {0, 0}, .offset = 1};
    assert_int_equal(member_commit(f->m[0].member, &moved, 1, &why), COMMIT_ABORTED);
    assert_int_equal(embedded_log_count(f->bus).commits_not_owner, 1);
    assert_int_equal(bed_poll(&f->m[0], &batch), MEMBER_LOST);
    assert_int_equal(f->m[0].owned_count, 0);
    bed_settle(f->m, 1);
    assert_owned_once(f, 1);
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "");
    struct bus_position position;
    BED_OK(embedded_log_position(f->bus, "g", "in", 0, &position, &why), why);
    assert_int_equal(position.offset, -1);
}

/* As in Kafka: only positions tie a transaction to the group, hence one for every owned partition. */
static void without_positions_a_commit_is_not_fenced_by_the_group(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    bed_join(f->bus, &f->m[0], "g", "a");
    bed_settle(f->m, 1);
    embedded_log_evict(f->m[0].member);
    assert_true(member_begin(f->m[0].member, &why));
    bed_produce(&f->m[0], "out", 0, NULL, "passes");
    assert_int_equal(member_commit(f->m[0].member, NULL, 0, &why), COMMIT_DONE);
    assert_string_equal(bed_dump(f->bus, "out", 0, f->dump, sizeof f->dump), "0=passes");
}

static void a_revoked_member_may_commit_until_it_answers_and_not_after(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct member_batch batch;
    bed_join(f->bus, &f->m[0], "g", "a");
    bed_settle(f->m, 1);
    bed_append(f->bus, "in", 6, NULL, "x", 0);
    assert_int_equal(bed_poll(&f->m[0], &batch), MEMBER_RECORDS);
    member_release(f->m[0].member, &batch);
    bed_join(f->bus, &f->m[1], "g", "b");
    assert_int_equal(bed_poll(&f->m[1], &batch), MEMBER_IDLE);
    assert_int_equal(member_poll(f->m[0].member, 0, &batch, &why), MEMBER_REVOKE);
    struct bus_position moved = {.source = {0, 6}, .offset = 1};
    assert_true(member_begin(f->m[0].member, &why));
    assert_int_equal(member_commit(f->m[0].member, &moved, 1, &why), COMMIT_DONE);
    BED_OK(member_unassign(f->m[0].member, batch.partitions, batch.partitions_count, &why), why);
    assert_true(member_begin(f->m[0].member, &why));
    assert_int_equal(member_commit(f->m[0].member, &moved, 1, &why), COMMIT_ABORTED);
    f->m[0].owned_count = 0;
    assert_int_equal(bed_poll(&f->m[1], &batch), MEMBER_ASSIGN);
    assert_int_equal(bed_owned(&f->m[1], (struct bus_partition){0, 6})->offset, 1);
    embedded_log_crash(f->m[0].member);
}

static void two_groups_do_not_see_each_other(void **state)
{
    struct fixture *f = *state;
    struct member_batch batch;
    bed_join(f->bus, &f->m[0], "g", "a");
    bed_join(f->bus, &f->m[1], "h", "b");
    bed_settle(f->m, 2);
    assert_int_equal(f->m[0].owned_count, PARTITIONS);
    assert_int_equal(f->m[1].owned_count, PARTITIONS);
    bed_append(f->bus, "in", 3, NULL, "x", 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bed_poll(&f->m[i], &batch), MEMBER_RECORDS);
        member_release(f->m[i].member, &batch);
    }
}

static void more_members_than_partitions_leave_some_idle(void **state)
{
    struct fixture *f = *state;
    struct bus *bus = bed_open(NULL);
    struct bed_member m[3];
    (void)f;
    bed_topic(bus, "in", 2, TOPIC_DELETE);
    bed_topic(bus, "out", 1, TOPIC_DELETE);
    for (int i = 0; i < 3; i++)
        bed_join(bus, &m[i], "g", NULL);
    bed_settle(m, 3);
    assert_int_equal(m[0].owned_count + m[1].owned_count, 2);
    assert_int_equal(m[2].owned_count, 0);
    assert_int_equal(m[2].assigned, 0);
    member_close(m[0].member);
    bed_settle(&m[1], 2);
    assert_int_equal(m[2].owned_count, 1);
    member_close(m[1].member);
    member_close(m[2].member);
    bus_close(bus);
}

static void committed_positions_move_with_the_partition(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};
    struct member_batch batch;
    bed_join(f->bus, &f->m[0], "g", "a");
    bed_settle(f->m, 1);
    for (int32_t p = 0; p < PARTITIONS; p++)
        bed_append(f->bus, "in", p, NULL, "x", 0);
    assert_int_equal(bed_poll(&f->m[0], &batch), MEMBER_RECORDS);
    assert_int_equal(batch.count, PARTITIONS);
    member_release(f->m[0].member, &batch);
    for (uint32_t i = 0; i < f->m[0].owned_count; i++) {
        f->m[0].owned[i].offset = 1;
        snprintf(f->m[0].owned[i].metadata, sizeof f->m[0].owned[i].metadata, "of %d",
                 (int)f->m[0].owned[i].source.partition);
    }
    assert_true(member_begin(f->m[0].member, &why));
    assert_int_equal(member_commit(f->m[0].member, f->m[0].owned, f->m[0].owned_count, &why),
                     COMMIT_DONE);
    bed_join(f->bus, &f->m[1], "g", "b");
    bed_settle(f->m, 2);
    assert_owned_once(f, 1);
    for (uint32_t i = 0; i < f->m[1].owned_count; i++) {
        char expected[20];
        snprintf(expected, sizeof expected, "of %d", (int)f->m[1].owned[i].source.partition);
        assert_int_equal(f->m[1].owned[i].offset, 1);
        assert_string_equal(f->m[1].owned[i].metadata, expected);
    }
    bed_settle(f->m, 2);
    assert_int_equal(bed_poll(&f->m[1], &batch), MEMBER_IDLE); /* nothing is read twice */
}

#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, set_up_eager, tear_down),                                \
        cmocka_unit_test_setup_teardown(name, set_up_cooperative, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(two_then_three_then_one_members_share_all_partitions),
        CASE(at_no_poll_does_a_partition_have_two_owners),
        CASE(an_evicted_member_cannot_commit_and_joins_again),
        CASE(without_positions_a_commit_is_not_fenced_by_the_group),
        CASE(a_revoked_member_may_commit_until_it_answers_and_not_after),
        CASE(two_groups_do_not_see_each_other),
        CASE(more_members_than_partitions_leave_some_idle),
        CASE(committed_positions_move_with_the_partition),
    };
    return cmocka_run_group_tests_name("embedded_log_group", tests, NULL, NULL);
}
