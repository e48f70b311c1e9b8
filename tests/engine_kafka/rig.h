/*
 * rig.h - a whole Assay on a real broker: processes of the built program, traffic, a judge, and the
 * oracle that says what must have come out.
 *
 * One rig is one application with topics of its own; several scenarios share a broker one after
 * another. Everything is driven by the test's thread but traffic and judge, which have theirs.
 */
#ifndef TESTS_ENGINE_KAFKA_RIG_H
#define TESTS_ENGINE_KAFKA_RIG_H

#include "engine/bus/kafka.h"
#include "engine/command/setup.h"
#include "operators/registry.h"
#include "tests/engine_kafka/traffic.h"
#include "tests/kafka/fixture.h"
#include "tests/simulation/oracle.h"

#include <sys/types.h>

#define RIG_ENGINES     3
#define RIG_PARTITIONS  4 /* of each input topic */
#define RIG_INPUTS      3 /* spans, verdicts, and where a scenario says so logs */
#define RIG_PARTS       4 /* of the exchange */
#define RIG_KILLED      (128 + 9)
#define RIG_OUTSIDE     "\"reason\":\"outside\""

/* What all rigs of a run share. */
struct rig_site {
    struct kafka_fixture fixture;
    const char *broker;       /* "4.4.0" */
    char library_folder[512]; /* LD_LIBRARY_PATH of the engines; empty: the system's */
    char library[32];
    char folder[256]; /* configurations and logs */
};

/* What a scenario has to show. */
struct rig_card {
    uint32_t kills, open_hit, alerts, hangs;
    uint32_t recoveries_count;
    int64_t recoveries_ms[512];
    struct lines_difference difference;
    uint32_t records, requests, letters, poison;
};

struct engine {
    pid_t pid; /* 0: not running */
    char instance[16];
    char log[400];
    uint32_t lives;
    int exit_code; /* of the last life; 128 + signal */
};

struct rig {
    struct rig_site *site;
    struct bus *bus;
    char app[40];
    char folder[300];
    struct registry *registry;
    struct setup *setup;
    struct engine engines[RIG_ENGINES];
    struct traffic *traffic;
    struct judge *judge;
    struct positions *positions;
    /* read back from the input topics */
    struct oracle_record *records[RIG_INPUTS];
    uint32_t records_count[RIG_INPUTS], records_capacity[RIG_INPUTS];
    int64_t read_to[RIG_INPUTS][RIG_PARTITIONS], last[RIG_INPUTS][RIG_PARTITIONS];
    uint32_t reading; /* partition being read back */
    struct rig_card card;
    int64_t started_ns;
};

struct rig_options {
    const char *name;     /* of the scenario */
    const char *settings; /* more YAML for the engines, or NULL */
    const char *inactive_after;      /* NULL: 1s */
    const char *transaction_timeout; /* NULL: 5s */
    const char *http_listen;         /* NULL: off */
    uint32_t shards;
};

/* Topics, configuration, bus; no engine yet. Fails the test when that does not work. */
struct rig *rig_open(struct rig_site *site, const struct rig_options *options);
/* Ends what still runs, frees. */
void rig_close(struct rig *rig);

/* ---- processes --------------------------------------------------------------------------------------------- */

/* instance: NULL for a, b, c by number. fault: value of ASSAY_FAULT_AT, or NULL. */
void rig_start(struct rig *rig, uint32_t engine, const char *instance, const char *fault);
void rig_signal(struct rig *rig, uint32_t engine, int signal);
/* Waits for the end of a process: its exit code, 128 + signal, or -1 when it still runs. */
int rig_wait(struct rig *rig, uint32_t engine, int timeout_ms);
/* SIGKILL, and a look at whether a transaction of it was left open. */
void rig_kill(struct rig *rig, uint32_t engine);
/* SIGTERM; must exit with 0 in time. Returns how long it took. */
int64_t rig_stop(struct rig *rig, uint32_t engine, int timeout_ms);
/* What a supervisor does: a process that ended itself because a call into the library hung (KAFKA_EXIT_HANG)
 * is started again, and counted. */
void rig_supervise(struct rig *rig);
/* Whether a line of the process's log holds this text. */
bool rig_logged(const struct rig *rig, uint32_t engine, const char *text);

/* ---- progress ----------------------------------------------------------------------------------------------- */

int64_t rig_now_ms(void); /* monotonic */
void rig_nap(int64_t ms);
/* Where the group stands on the input topics, and how long until it moved on all partitions of the
 * spans topic; noted on the card. False: not within the time. */
struct rig_mark {
    int64_t at_ms;
    int64_t committed[RIG_PARTITIONS];
};
struct rig_mark rig_mark(struct rig *rig);
bool rig_recovered(struct rig *rig, const struct rig_mark *mark, int timeout_ms);
/* Until all partitions moved, without noting it. */
void rig_wait_progress(struct rig *rig, int timeout_ms);

/* Stops traffic; waits until all input is committed, all requests are answered, and what is on the
 * exchange is folded. Fails the test when that takes too long. */
void rig_settle(struct rig *rig, int timeout_ms);
/* The group's committed positions on the exchange, as the oracle wants them. */
void rig_folded(struct rig *rig, int64_t out[2 * RIG_PARTS]);
/* Stops the engines and compares everything with the oracle; the differences are on the card. */
void rig_check(struct rig *rig);
/* Records in the outputs of transactions that were not committed. */
int64_t rig_aborted_records(struct rig *rig);
/* A sampling rate for one stratum, valid from this time on. */
void rig_publish_rate(struct rig *rig, const char *app, uint32_t intent, double base, int64_t valid_from_ms);

#endif
