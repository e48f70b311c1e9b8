/*
 * copier.c - a small honest member for crash tests: copies every record of one topic to another, in
 * numbered transactions, exactly once or the audit finds out.
 *
 *     kafka_copier SERVERS GROUP TRANSACTIONAL_ID IN OUT
 *
 * A copied record says "partition number writer sequence"; the last record of a transaction says
 * "T writer sequence count". COPIER_RECORDS, COPIER_INTERVAL_MS, COPIER_SESSION_MS,
 * COPIER_TRANSACTION_MS and COPIER_STRATEGY set its pace, COPIER_AT_LEAST_ONCE its promise. SIGTERM:
 * commits and leaves, 0. Fenced: 3, failed: 4.
 */
#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/bus/kafka.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PARTITIONS_MAX 64
#define VALUE_BYTES    64
#define BATCH_MAX      100
#define EXIT_FENCED    3
#define EXIT_BROKEN    4

struct copier {
    struct member *member;
    const char *out;
    bool owned[PARTITIONS_MAX];
    int64_t committed[PARTITIONS_MAX];
    int64_t next[PARTITIONS_MAX];
    char (*values)[VALUE_BYTES]; /* of the open transaction; borrowed by the member */
    int records;
    int records_max;
    bool open;
    int64_t opened_ns;
    int64_t interval_ns;
    uint64_t sequence;
    long long writer;
    struct error error;
};

static volatile sig_atomic_t stopping;
static void on_term(int number) { stopping = number; }

static int32_t setting(const char *name, int32_t usual)
{
    const char *text = getenv(name);
    return text ? (int32_t)strtol(text, NULL, 10) : usual;
}

/* With ASSAY_TEST_LOG: what happened at which offsets. */
static void trace(const struct copier *c, const char *what)
{
    char line[600];
    int size = 0;
    if (getenv("ASSAY_TEST_LOG") == NULL)
        return;
    for (int32_t p = 0; p < PARTITIONS_MAX && size < 500; p++) {
        if (c->owned[p])
            size += snprintf(line + size, sizeof line - (size_t)size, " %d:%lld-%lld", p,
                             (long long)c->committed[p], (long long)c->next[p]);
    }
    line[size] = '\0';
    fprintf(stderr, "copier %lld %llu: %s%s\n", c->writer, (unsigned long long)c->sequence, what,
            line);
}

static _Noreturn void end(struct copier *c, enum commit_outcome outcome)
{
    fprintf(stderr, "copier %lld ends: %s\n", c->writer, c->error.message);
    _Exit(outcome == COMMIT_FENCED || c->error.code == ERROR_FENCED ? EXIT_FENCED : EXIT_BROKEN);
}

static void begin(struct copier *c)
{
    if (c->open)
        return;
    if (!member_begin(c->member, &c->error))
        end(c, COMMIT_FAILED);
    c->open = true;
    c->records = 0;
    c->opened_ns = clock_monotonic_ns();
    c->sequence++;
}

static void produce(struct copier *c, int32_t partition)
{
    struct bus_output o = {
        .topic = c->out, .partition = partition, .value = bytes_from_text(c->values[c->records])};
    if (!member_produce(c->member, &o, &c->error))
        end(c, COMMIT_FAILED);
    c->records++;
}

static void copy(struct copier *c, const struct bus_record *r)
{
    begin(c);
    CHECK(c->records < c->records_max + BATCH_MAX);
    (void)snprintf(c->values[c->records], VALUE_BYTES, "%d %.*s %lld %llu", r->source.partition,
                   BYTES_FMT(r->value), c->writer, (unsigned long long)c->sequence);
    produce(c, r->source.partition);
    c->next[r->source.partition] = r->offset + 1;
}

static void go_back(struct copier *c, bool seek)
{
    struct bus_position back[PARTITIONS_MAX];
    uint32_t count = 0;
    for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
        if (!c->owned[p])
            continue;
        c->next[p] = c->committed[p];
        back[count++] = (struct bus_position){{0, p}, c->committed[p], ""};
    }
    if (seek && count > 0 && !member_seek(c->member, back, count, &c->error))
        end(c, COMMIT_FAILED);
}

static void commit(struct copier *c)
{
    struct bus_position positions[PARTITIONS_MAX];
    uint32_t count = 0;
    if (!c->open)
        return;
    (void)snprintf(c->values[c->records], VALUE_BYTES, "T %lld %llu %d", c->writer,
                   (unsigned long long)c->sequence, c->records);
    produce(c, 0);
    for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
        if (!c->owned[p])
            continue;
        positions[count] = (struct bus_position){{0, p}, c->next[p], ""};
        (void)snprintf(positions[count++].metadata, BUS_METADATA_MAX, "s=%llu w=%lld",
                       (unsigned long long)c->sequence, c->writer);
    }
    enum commit_outcome outcome = member_commit(c->member, positions, count, &c->error);
    c->open = false;
    trace(c, outcome == COMMIT_DONE ? "committed" : "not committed");
    if (outcome == COMMIT_DONE)
        memcpy(c->committed, c->next, sizeof c->committed);
    else if (outcome == COMMIT_ABORTED)
        go_back(c, true);
    else
        end(c, outcome);
}

static void answer_assign(struct copier *c, const struct member_batch *batch)
{
    struct bus_position starts[PARTITIONS_MAX] = {0};
    uint32_t count = batch->partitions_count;
    for (uint32_t i = 0; i < count; i++)
        starts[i].source = batch->partitions[i];
    if (!member_committed(c->member, starts, count, &c->error) ||
        !member_assign(c->member, starts, count, &c->error))
        end(c, COMMIT_FAILED);
    for (uint32_t i = 0; i < count; i++) {
        int32_t p = starts[i].source.partition;
        CHECK(p < PARTITIONS_MAX);
        c->owned[p] = true;
        c->committed[p] = c->next[p] = starts[i].offset;
    }
    trace(c, "assigned");
}

static void answer_gone(struct copier *c, const struct member_batch *batch, bool lost)
{
    trace(c, lost ? "lost" : "revoked");
    if (lost && c->open) {
        enum commit_outcome outcome = member_abort(c->member, &c->error);
        c->open = false;
        if (outcome != COMMIT_ABORTED)
            end(c, outcome);
        go_back(c, false);
    }
    commit(c);
    for (uint32_t i = 0; i < batch->partitions_count; i++)
        c->owned[batch->partitions[i].partition] = false;
    if (!member_unassign(c->member, batch->partitions, batch->partitions_count, &c->error))
        end(c, COMMIT_FAILED);
}

static void turn(struct copier *c)
{
    struct member_batch batch;
    switch (member_poll(c->member, 20, &batch, &c->error)) {
    case MEMBER_RECORDS:
        for (uint32_t i = 0; i < batch.count; i++)
            copy(c, &batch.records[i]);
        member_release(c->member, &batch);
        break;
    case MEMBER_ASSIGN:
        answer_assign(c, &batch);
        break;
    case MEMBER_REVOKE:
        answer_gone(c, &batch, false);
        break;
    case MEMBER_LOST:
        answer_gone(c, &batch, true);
        break;
    case MEMBER_FAILED:
        end(c, COMMIT_FAILED);
    case MEMBER_IDLE:
        break;
    }
    if (c->open &&
        (c->records >= c->records_max || clock_monotonic_ns() - c->opened_ns > c->interval_ns))
        commit(c);
}

static void log_text(void *context, enum log_level level, const char *text)
{
    if (getenv("ASSAY_TEST_LOG") != NULL)
        fprintf(stderr, "copier %s [%d] %s\n", (const char *)context, (int)level, text);
}

int main(int count, char **words)
{
    if (count != 6)
        return 2;
    struct copier *c = memory_allocate(sizeof *c);
    c->out = words[5];
    c->writer = getpid();
    c->records_max = setting("COPIER_RECORDS", 100);
    c->interval_ns = (int64_t)setting("COPIER_INTERVAL_MS", 100) * 1000000;
    c->values = memory_allocate_array((size_t)c->records_max + BATCH_MAX + 1, sizeof *c->values);
    struct kafka_options options = {
        .bootstrap_servers = words[1],
        .session_timeout_ms = setting("COPIER_SESSION_MS", 1000),
        .transaction_timeout_ms = setting("COPIER_TRANSACTION_MS", 6000),
        .assignment_strategy = getenv("COPIER_STRATEGY"),
        .at_least_once = getenv("COPIER_AT_LEAST_ONCE") != NULL,
        .batch_records_max = c->records_max < BATCH_MAX ? c->records_max : BATCH_MAX,
        .log = log_text,
        .log_context = words[3]};
    const char *const in[] = {words[4]};
    const char *const out[] = {words[5]};
    struct member_spec spec = {words[2], words[3], in, 1, out, 1};
    (void)signal(SIGTERM, on_term);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no copier outlives its test */
    struct bus *bus = kafka_bus_open(&options, &c->error);
    c->member = bus ? bus_member_open(bus, &spec, &c->error) : NULL;
    if (c->member == NULL) {
        fprintf(stderr, "copier: %s\n", c->error.message);
        return c->error.code == ERROR_FENCED ? EXIT_FENCED : EXIT_BROKEN;
    }
    while (!stopping)
        turn(c);
    commit(c);
    struct kafka_member_counts n;
    kafka_member_read_counts(c->member, &n);
    member_close(c->member);
    bus_close(bus);
    fprintf(stderr,
            "copier %lld: %llu transactions, %llu producers replaced, %llu outcomes resolved, %llu "
            "fences\n",
            c->writer, (unsigned long long)c->sequence, (unsigned long long)n.producers_replaced,
            (unsigned long long)n.outcomes_resolved, (unsigned long long)n.fenced);
    memory_free(c->values);
    memory_free(c);
    return 0;
}
