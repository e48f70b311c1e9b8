/*
 * audit.h - counts what copiers wrote: every input record once, every transaction whole.
 *
 * Input partitions hold the numbers 0, 1, … in order. The audit follows the output as a committed
 * reader does, so it also sees what a consumer would have seen in between.
 */
#ifndef TESTS_KAFKA_AUDIT_H
#define TESTS_KAFKA_AUDIT_H

#include "engine/bus/ports.h"

#include <sys/types.h>

#define AUDIT_PARTITIONS_MAX 16

struct audit_line {
    long long writer;
    unsigned long long sequence;
    int count; /* of a closing record; -1 for a copied one */
};

struct audit {
    struct bus *bus;
    const char *out;
    int partitions;
    int numbers; /* per input partition */
    struct bus_reader *readers[AUDIT_PARTITIONS_MAX];
    uint8_t *seen; /* [partition][number] */
    struct audit_line *lines;
    size_t lines_count;
    size_t lines_capacity;
    int unique;
    int duplicates;
};

/* Fills `in` (made here, as `out`) and opens the readers. */
struct audit *audit_start(struct bus *bus, const char *in, const char *out, int partitions,
                          int numbers);
/* Reads what is new; true when every number has come. */
bool audit_follow(struct audit *audit);
/* Follows until all have come, at most seconds. */
bool audit_wait(struct audit *audit, int seconds);
/* True when a copier of this pid has written something that was read. */
bool audit_saw(const struct audit *audit, pid_t writer);
/* After the last copier is gone: lost, duplicated and torn are 0, or the test fails. Prints the sums. */
void audit_close(struct audit *audit);
/* As audit_close, but returns lost + duplicated + torn instead of failing. */
int audit_close_counting(struct audit *audit);
/* Transactions on the output whose end marker the broker never wrote (asks kcat): whatever comes
 * next on the partition decides about their records. No client can cause or prevent that. */
int audit_markers_missing(struct bus *bus, const char *servers, const char *out, int partitions);

/* Starts a copier with "NAME=VALUE" lines added to its environment (NULL-terminated, or NULL). */
pid_t copier_start(const char *servers, const char *group, const char *id, const char *in,
                   const char *out, const char *const *environment);
/* Waits at most seconds; exit code, 128 + signal, or -1 when it still runs. */
int copier_wait(pid_t pid, int seconds);
/* SIGTERM and wait; kills and fails when it does not leave. */
int copier_stop(pid_t pid);

#endif
