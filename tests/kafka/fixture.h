/*
 * fixture.h - a real broker for a test program: a thin C face of the script tests/kafka/broker.
 *
 * The broker lives in a scratch folder, ends with the test program whatever happens to it, and is the
 * version that $ASSAY_KAFKA_VERSION names (4.4.0). Use kafka_fixture_start in a group's set-up.
 */
#ifndef TESTS_KAFKA_FIXTURE_H
#define TESTS_KAFKA_FIXTURE_H

#include <stdbool.h>

struct kafka_fixture {
    char folder[256]; /* the broker's data, log and pid */
    char servers[32]; /* bootstrap.servers; the proxy's address when there is one */
    int port;         /* the broker's own; the proxy is on port + 5 */
};

enum kafka_fixture_result { KAFKA_FIXTURE_READY, KAFKA_FIXTURE_FAILED, KAFKA_FIXTURE_UNAVAILABLE };

/* options: "NAME=VALUE" lines of server.properties, "proxy=yes"; NULL-terminated, or NULL.
 * UNAVAILABLE: no java, mvn or network here; tests then call skip(). */
enum kafka_fixture_result kafka_fixture_start(struct kafka_fixture *fixture,
                                              const char *const *options);
/* verb: stop, kill, restart, pause, resume, status. */
bool kafka_fixture_do(const struct kafka_fixture *fixture, const char *verb);
/* A command of tests/kafka/proxy.py, "hold-request 26 2". */
bool kafka_fixture_proxy(const struct kafka_fixture *fixture, const char *command);
/* A port of the loopback interface that nobody had a moment ago. */
int kafka_fixture_free_port(void);
/* Stops the broker and removes its folder. */
void kafka_fixture_end(struct kafka_fixture *fixture);

#endif
