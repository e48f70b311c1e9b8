/*
 * port.h - what the tests of the Kafka port share: short ways to make topics, members and records.
 */
#ifndef TESTS_KAFKA_PORT_H
#define TESTS_KAFKA_PORT_H

#include "engine/bus/kafka.h"
#include "tests/kafka/fixture.h"

#include <stdbool.h>
#include <stdint.h>

#define PORT_NEEDS_BROKER(fixture_state)                                                           \
    do {                                                                                           \
        if ((fixture_state) != KAFKA_FIXTURE_READY) {                                              \
            print_message("skipped: no java, mvn or network here\n");                              \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* A group's set-up: a broker and a bus on it. 0 with *bus NULL where there can be no broker; -1: failed. */
int port_open(struct kafka_fixture *fixture, enum kafka_fixture_result *result, struct bus **bus);
/* Its end; with ASSAY_TEST_KEEP set the broker stays. */
void port_close(struct kafka_fixture *fixture, enum kafka_fixture_result result, struct bus *bus);
/* Short time-outs, log lines to stderr only with ASSAY_TEST_LOG set. */
struct kafka_options port_options(const char *servers);
void port_topic(struct bus *bus, const char *name, int32_t partitions);
/* A member that reads and writes one topic each; transactional.id = group. */
struct member *port_member(struct bus *bus, const char *group, const char *in, const char *out);
/* Answers ASSIGN with committed positions, REVOKE and LOST by letting go; releases records. */
void port_answer(struct member *m, enum member_event event, struct member_batch *batch);
/* Commits a transaction without positions; asserts that it is done. */
void port_commit_nothing(struct member *m);
/* count committed records "0", "1", … in one transaction. */
void port_fill(struct bus *bus, const char *topic, int32_t partition, int count);
/* Committed records of a partition, all of it. */
int64_t port_count(struct bus *bus, const char *topic, int32_t partition);

#endif
