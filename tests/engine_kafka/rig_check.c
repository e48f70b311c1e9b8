/* rig_check.c - progress, recovery, and the comparison with the oracle; see rig.h. */
#include "tests/engine_kafka/mirror.h"
#include "tests/engine_kafka/positions.h"
#include "tests/engine_kafka/rig.h"
#include "tests/test.h"

#include "engine/base/memory.h"

#include <signal.h>

#define LOOK_MS 20
#define OPEN_LOOK_MS 350 /* longer than a transaction of the processes that live on */

static const struct flow_options *flow_of(const struct rig *rig) { return &rig->setup->flow; }

/* ---- open transactions ----------------------------------------------------------------------------------------- */

struct partitions {
    struct mirror_partition all[MIRROR_PARTITIONS_MAX];
    uint32_t count;
};

static void add_topic(struct partitions *list, const char *topic, uint32_t partitions)
{
    for (uint32_t p = 0; p < partitions; p++) {
        assert_true(list->count < MIRROR_PARTITIONS_MAX);
        list->all[list->count++] = (struct mirror_partition){.topic = topic, .partition = (int32_t)p};
    }
}

/* What transactions of the engine write to. */
static struct partitions outputs_of(const struct rig *rig)
{
    const struct topic_names *t = &flow_of(rig)->topics;
    struct partitions list = {.count = 0};
    add_topic(&list, t->cells, RIG_PARTS);
    add_topic(&list, t->digests, RIG_PARTS);
    add_topic(&list, t->changelog, 2 * RIG_PARTS);
    add_topic(&list, t->requests, RIG_PARTS);
    add_topic(&list, t->scores, RIG_PARTS);
    add_topic(&list, t->decisions, RIG_PARTS);
    add_topic(&list, t->dlq, 1);
    add_topic(&list, t->alerts, 1);
    add_topic(&list, t->rates, 1);
    return list;
}

struct ends {
    struct positions *positions;
    const struct partitions *list;
    bool committed;
    int64_t found[MIRROR_PARTITIONS_MAX];
};

static void find_end(void *context, uint32_t number)
{
    struct ends *e = context;
    const struct mirror_partition *p = &e->list->all[number];
    e->found[number] = positions_end(e->positions, p->topic, p->partition, e->committed);
}

static void count_one(void *context, uint32_t number)
{
    struct ends *e = context;
    const struct mirror_partition *p = &e->list->all[number];
    e->found[number] = positions_count(e->positions, p->topic, p->partition, e->committed);
}

/* A transaction is still open when records that were there at the kill are still held back later. */
void rig_kill(struct rig *rig, uint32_t engine)
{
    struct partitions list = outputs_of(rig);
    struct ends all = {rig->positions, &list, false, {0}}, committed = {rig->positions, &list, true, {0}};
    bool open = false;
    rig_signal(rig, engine, SIGKILL);
    assert_int_equal(rig_wait(rig, engine, 10000), RIG_KILLED);
    rig->card.kills++;
    mirror_each(list.count, find_end, &all);
    rig_nap(OPEN_LOOK_MS);
    mirror_each(list.count, find_end, &committed);
    for (uint32_t i = 0; i < list.count && !open; i++)
        open = committed.found[i] < all.found[i];
    rig->card.open_hit += open;
}

int64_t rig_aborted_records(struct rig *rig)
{
    struct partitions list = outputs_of(rig);
    struct ends all = {rig->positions, &list, false, {0}}, committed = {rig->positions, &list, true, {0}};
    int64_t count = 0;
    mirror_each(list.count, count_one, &all);
    mirror_each(list.count, count_one, &committed);
    for (uint32_t i = 0; i < list.count; i++)
        count += all.found[i] - committed.found[i];
    return count;
}

/* ---- recovery --------------------------------------------------------------------------------------------------- */

struct rig_mark rig_mark(struct rig *rig)
{
    struct rig_mark mark = {.at_ms = rig_now_ms()};
    while (!positions_committed(rig->positions, flow_of(rig)->inputs[0].name, RIG_PARTITIONS, mark.committed))
        rig_nap(LOOK_MS);
    return mark;
}

static bool moved_on(struct rig *rig, const struct rig_mark *mark, int timeout_ms)
{
    int64_t now[RIG_PARTITIONS], deadline_ms = rig_now_ms() + timeout_ms;
    for (;;) {
        uint32_t moved = 0;
        bool known = positions_committed(rig->positions, flow_of(rig)->inputs[0].name, RIG_PARTITIONS, now);
        for (int p = 0; known && p < RIG_PARTITIONS; p++)
            moved += now[p] > mark->committed[p];
        if (moved == RIG_PARTITIONS)
            return true;
        if (rig_now_ms() > deadline_ms)
            return false;
        rig_nap(LOOK_MS);
    }
}

bool rig_recovered(struct rig *rig, const struct rig_mark *mark, int timeout_ms)
{
    if (!moved_on(rig, mark, timeout_ms))
        return false;
    uint32_t room = sizeof rig->card.recoveries_ms / sizeof rig->card.recoveries_ms[0];
    if (rig->card.recoveries_count < room)
        rig->card.recoveries_ms[rig->card.recoveries_count++] = rig_now_ms() - mark->at_ms;
    return true;
}

void rig_wait_progress(struct rig *rig, int timeout_ms)
{
    struct rig_mark mark = rig_mark(rig);
    if (!moved_on(rig, &mark, timeout_ms))
        fail_msg("%s: no progress on all partitions within %d ms; logs are in %s", rig->app, timeout_ms, rig->folder);
}

/* ---- reading the inputs back -------------------------------------------------------------------------------------- */

static void keep_record(struct rig *rig, uint32_t input, uint32_t partition, const struct bus_record *record)
{
    if (rig->records_count[input] == rig->records_capacity[input]) {
        rig->records_capacity[input] = rig->records_capacity[input] ? rig->records_capacity[input] * 2 : 1024;
        rig->records[input] = memory_resize(rig->records[input], rig->records_capacity[input] * sizeof *rig->records[input]);
    }
    struct oracle_record *r = &rig->records[input][rig->records_count[input]++];
    uint8_t *copy = NULL;
    if (record->value.size > 0) {
        copy = memory_allocate(record->value.size);
        memcpy(copy, record->value.data, record->value.size);
    }
    *r = (struct oracle_record){(int32_t)partition, record->offset, record->timestamp_ms, bytes_of(copy, record->value.size)};
    rig->last[input][partition] = record->offset;
}

static void visit_input(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    (void)reader;
    struct rig *rig = context;
    keep_record(rig, rig->reading / RIG_PARTITIONS, rig->reading % RIG_PARTITIONS, record);
}

static void read_inputs(struct rig *rig)
{
    struct error error = {0};
    struct partitions list = {.count = 0};
    for (uint32_t t = 0; t < flow_of(rig)->inputs_count; t++)
        add_topic(&list, flow_of(rig)->inputs[t].name, RIG_PARTITIONS);
    bool news = false;
    for (uint32_t i = 0; i < list.count; i++) {
        list.all[i].from = rig->read_to[i / RIG_PARTITIONS][i % RIG_PARTITIONS];
        news = news || positions_end(rig->positions, list.all[i].topic, list.all[i].partition, false) > list.all[i].from;
    }
    if (!news)
        return;
    struct bus *copy = mirror_copy(rig->bus, list.all, list.count, &error);
    if (copy == NULL)
        fail_msg("%s", error.message);
    for (rig->reading = 0; rig->reading < list.count; rig->reading++) {
        const struct mirror_partition *p = &list.all[rig->reading];
        oracle_visit(copy, p->topic, (uint32_t)p->partition, -1, visit_input, rig);
        rig->read_to[rig->reading / RIG_PARTITIONS][p->partition] = p->next;
    }
    bus_close(copy);
}

/* ---- settling ------------------------------------------------------------------------------------------------------- */

static bool inputs_committed(struct rig *rig)
{
    read_inputs(rig);
    for (uint32_t t = 0; t < flow_of(rig)->inputs_count; t++) {
        int64_t at[RIG_PARTITIONS];
        if (!positions_committed(rig->positions, flow_of(rig)->inputs[t].name, RIG_PARTITIONS, at))
            return false;
        for (int p = 0; p < RIG_PARTITIONS; p++)
            if (at[p] <= rig->last[t][p])
                return false;
    }
    return true;
}

static bool committed_up_to(struct rig *rig, const char *topic, const int64_t *ends)
{
    int64_t at[RIG_PARTS];
    if (!positions_committed(rig->positions, topic, RIG_PARTS, at))
        return false;
    for (int p = 0; p < RIG_PARTS; p++)
        if (at[p] < ends[p])
            return false;
    return true;
}

static void wait_folded(struct rig *rig, int64_t deadline_ms)
{
    const char *topics[] = {flow_of(rig)->topics.cells, flow_of(rig)->topics.digests};
    int64_t ends[2][RIG_PARTS];
    for (int t = 0; t < 2; t++)
        for (int p = 0; p < RIG_PARTS; p++)
            ends[t][p] = positions_end(rig->positions, topics[t], p, false);
    while (!committed_up_to(rig, topics[0], ends[0]) || !committed_up_to(rig, topics[1], ends[1])) {
        if (rig_now_ms() > deadline_ms)
            fail_msg("%s: the exchange is not folded in time; logs are in %s", rig->app, rig->folder);
        rig_nap(50);
    }
}

void rig_settle(struct rig *rig, int timeout_ms)
{
    int64_t deadline_ms = rig_now_ms() + timeout_ms;
    uint64_t answered = UINT64_MAX;
    rig->card.poison += (uint32_t)traffic_stop(rig->traffic);
    rig->traffic = NULL;
    for (int calm = 0; calm < 3;) { /* verdicts follow requests follow spans */
        bool done = inputs_committed(rig) && (rig->judge == NULL || (judge_idle(rig->judge) && judge_answered(rig->judge) == answered));
        answered = rig->judge != NULL ? judge_answered(rig->judge) : answered;
        calm = done ? calm + 1 : 0;
        if (rig_now_ms() > deadline_ms)
            fail_msg("%s: not everything is committed in time; logs are in %s", rig->app, rig->folder);
        rig_nap(60);
    }
    wait_folded(rig, deadline_ms);
}

/* ---- the oracle ------------------------------------------------------------------------------------------------------- */

static uint32_t count_records(const struct partitions *list, const char *topic)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++)
        count += strcmp(list->all[i].topic, topic) == 0 ? list->all[i].records : 0;
    return count;
}

void rig_folded(struct rig *rig, int64_t out[2 * RIG_PARTS])
{
    const struct topic_names *topics = &flow_of(rig)->topics;
    if (!positions_committed(rig->positions, topics->cells, RIG_PARTS, out) ||
        !positions_committed(rig->positions, topics->digests, RIG_PARTS, out + RIG_PARTS))
        fail_msg("%s: the committed positions cannot be read", rig->app);
}

void rig_check(struct rig *rig)
{
    int64_t folded[2 * RIG_PARTS];
    const struct flow_options *flow = flow_of(rig);
    for (uint32_t i = 0; i < RIG_ENGINES; i++)
        if (rig->engines[i].pid != 0)
            (void)rig_stop(rig, i, 15000);
    read_inputs(rig);
    rig_folded(rig, folded);
    struct error error = {0};
    struct partitions list = outputs_of(rig);
    struct bus *copy = mirror_copy(rig->bus, list.all, list.count, &error);
    if (copy == NULL)
        fail_msg("%s", error.message);
    struct oracle oracle = {.bus = copy, .options = flow, .folded = folded, .digests = true, .outside = RIG_OUTSIDE,
                            .inputs = {{rig->records[0], rig->records_count[0]}, {rig->records[1], rig->records_count[1]},
                                       {rig->records[2], rig->records_count[2]}}};
    struct rig_card *card = &rig->card;
    oracle_check_front(&oracle, &card->difference);
    oracle_check_back(&oracle, &card->difference);
    bus_close(copy);
    card->records = rig->records_count[0];
    card->requests = count_records(&list, flow->topics.requests);
    card->letters = count_records(&list, flow->topics.dlq);
    card->alerts = count_records(&list, flow->topics.alerts);
}

void rig_publish_rate(struct rig *rig, const char *app, uint32_t intent, double base, int64_t valid_from_ms)
{
    char value[512], key[64], id[64];
    struct error error = {0};
    const char *written[] = {flow_of(rig)->topics.rates};
    (void)snprintf(id, sizeof id, "%s-rates", rig->app);
    (void)snprintf(key, sizeof key, "%s/%u", app, intent);
    (void)snprintf(value, sizeof value,
                   "{\"app\":\"%s\",\"intent\":\"intent-%u\",\"prompt\":\"v1\",\"model\":\"%s\",\"base\":%g,\"boost\":%g,"
                   "\"forced\":1,\"valid_from_ms\":%lld," RIG_OUTSIDE "}",
                   app, intent, intent % 2 ? "model-a" : "model-b", base, base, (long long)valid_from_ms);
    struct member_spec spec = {.group = id, .transactional_id = id, .topics_written = written, .topics_written_count = 1};
    struct member *member = bus_member_open(rig->bus, &spec, &error);
    struct bus_output output = {.topic = written[0], .partition = 0, .key = bytes_from_text(key), .value = bytes_from_text(value)};
    if (member == NULL || !member_begin(member, &error) || !member_produce(member, &output, &error) ||
        member_commit(member, NULL, 0, &error) != COMMIT_DONE)
        fail_msg("%s", error.message);
    member_close(member);
}
