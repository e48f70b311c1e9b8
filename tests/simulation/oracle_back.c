/*
 * oracle_back.c - alerts, decisions, rates and state: a fresh owner of each exchange partition folds the
 * committed log as far as the group is committed there, and must come to the same, byte for byte.
 *
 * What the fresh owners send goes to an embedded log of the oracle's own.
 */
#include "tests/simulation/oracle.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/bus/embedded_log.h"
#include "engine/flow/entities.h"
#include "engine/flow/front.h"
#include "engine/flow/pipeline.h"

#include <stdio.h>

#define OUTPUT_BYTES_MAX ((size_t)1 << 28)

struct replica {
    const struct oracle *oracle;
    struct member *member;
    struct outbox *outbox;
    struct back *back;
    struct entities *entities;
    struct measure *measure; /* what trackers measure; the front's oracle compares it */
    struct source_mark *marks;
};

static struct store *replica_store(struct replica *r)
{
    return r->back != NULL ? back_store(r->back) : entities_store(r->entities);
}

static void visit_fold(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    struct replica *r = context;
    struct bus_header headers[BUS_HEADERS_MAX];
    uint32_t count = reader_headers(reader, headers, BUS_HEADERS_MAX);
    struct exchange_stamp stamp;
    struct error error = {0};
    CHECK(exchange_read_headers(headers, count, &stamp, r->marks, &error));
    if (r->back != NULL)
        back_fold(r->back, &stamp, record->value);
    else
        entities_fold(r->entities, &stamp, record->value, record->offset);
    store_commit(replica_store(r));
    if (r->entities != NULL)
        entities_commit(r->entities);
    if (outbox_begun(r->outbox)) {
        CHECK(member_commit(r->member, NULL, 0, &error) == COMMIT_DONE);
        outbox_reset(r->outbox);
    }
}

/* ---- state ---------------------------------------------------------------------------------------------------- */

static void visit_changelog(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    (void)reader;
    struct store_key key;
    CHECK(store_key_decode(record->key, &key));
    store_load(context, &key, record->value);
}

/* One line per entry: its key, and a digest of its value. */
static void lines_of_store(struct lines *lines, const struct store *store, const char *what)
{
    uint32_t cursor = 0;
    struct store_key key;
    struct bytes value;
    while (store_walk(store, &cursor, &key, &value)) {
        uint8_t encoded[STORE_KEY_BYTES];
        char text[160];
        store_key_encode(&key, encoded);
        size_t at = (size_t)snprintf(text, sizeof text, "%s %c ", what, key.kind);
        for (size_t i = 0; i < sizeof encoded; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%02x", encoded[i]);
        (void)snprintf(text + at, sizeof text - at, " %zu %016llx", value.size, (unsigned long long)hash_bytes(value, 3));
        lines_add(lines, text, 1);
    }
}

static void check_partition(struct replica *r, uint32_t p, bool digests, struct lines_difference *out)
{
    const struct flow_options *o = r->oracle->options;
    uint32_t slot = p + (digests ? o->exchange_partitions : 0);
    struct metric_table *metrics = metric_table_create();
    struct lines expected = {0}, found = {0};
    char what[32];
    r->outbox = outbox_create(r->member, o->exchange_partitions, OUTPUT_BYTES_MAX);
    r->back = digests ? NULL : back_create(p, &o->back, metrics, o->rules, r->outbox);
    struct error error = {0};
    struct pipeline *pipeline = pipeline_create(o->annotators, o->annotators_count, &error);
    CHECK(pipeline != NULL);
    r->measure = front_open_measure(o, pipeline, metrics);
    r->entities = digests ? entities_create(p, o, metrics, r->measure, r->outbox) : NULL;
    if (r->oracle->folded[slot] > 0)
        oracle_visit(r->oracle->bus, digests ? o->topics.digests : o->topics.cells, p, r->oracle->folded[slot], visit_fold, r);
    struct store *restored = store_create(UINT64_MAX / 2);
    oracle_visit(r->oracle->bus, o->topics.changelog, slot, -1, visit_changelog, restored);
    (void)snprintf(what, sizeof what, "%s/%u", digests ? "entities" : "cells", p);
    lines_of_store(&expected, replica_store(r), what);
    lines_of_store(&found, restored, what);
    lines_subtract("state", &expected, &found, out);
    lines_free(&expected);
    lines_free(&found);
    store_destroy(restored);
    back_destroy(r->back);
    entities_destroy(r->entities);
    measure_destroy(r->measure);
    pipeline_destroy(pipeline);
    metric_table_destroy(metrics);
    outbox_destroy(r->outbox);
}

/* ---- outputs --------------------------------------------------------------------------------------------------- */

struct values {
    struct lines lines;
    const char *outside;
};

static void visit_value(void *context, const struct bus_record *record, struct bus_reader *reader)
{
    (void)reader;
    struct values *v = context;
    char *text = memory_allocate(record->value.size + 1);
    memcpy(text, record->value.data, record->value.size);
    if (v->outside == NULL || strstr(text, v->outside) == NULL)
        lines_add(&v->lines, text, 1);
    memory_free(text);
}

static void check_topic(const struct oracle *oracle, struct bus *own, const char *topic, uint32_t partitions, struct lines_difference *out)
{
    struct values expected = {0}, found = {.outside = oracle->outside};
    for (uint32_t p = 0; p < partitions; p++) {
        oracle_visit(own, topic, p, -1, visit_value, &expected);
        oracle_visit(oracle->bus, topic, p, -1, visit_value, &found);
    }
    lines_subtract(topic, &expected.lines, &found.lines, out);
    lines_free(&expected.lines);
    lines_free(&found.lines);
}

static void create_topic(struct bus *bus, const char *name, uint32_t partitions)
{
    struct error error = {0};
    struct topic_spec spec = {name, (int32_t)partitions, TOPIC_DELETE, -1};
    CHECK(bus_create(bus, &spec, &error));
}

void oracle_check_back(const struct oracle *oracle, struct lines_difference *out)
{
    const struct flow_options *o = oracle->options;
    struct bus *own = embedded_log_open(NULL);
    struct error error = {0};
    create_topic(own, o->topics.alerts, 1);
    create_topic(own, o->topics.rates, 1);
    create_topic(own, o->topics.decisions, o->exchange_partitions);
    const char *written[] = {o->topics.alerts, o->topics.rates, o->topics.decisions};
    struct member_spec spec = {.group = "oracle", .transactional_id = "oracle", .topics_written = written, .topics_written_count = 3};
    struct replica r = {.oracle = oracle, .member = bus_member_open(own, &spec, &error),
                        .marks = memory_allocate_array(SOURCES_MAX, sizeof *r.marks)};
    CHECK(r.member != NULL);
    for (uint32_t p = 0; p < o->exchange_partitions; p++)
        check_partition(&r, p, false, out);
    for (uint32_t p = 0; oracle->digests && p < o->exchange_partitions; p++)
        check_partition(&r, p, true, out);
    check_topic(oracle, own, o->topics.alerts, 1, out);
    if (oracle->digests) {
        check_topic(oracle, own, o->topics.rates, 1, out);
        check_topic(oracle, own, o->topics.decisions, o->exchange_partitions, out);
    }
    member_close(r.member);
    memory_free(r.marks);
    bus_close(own);
}
