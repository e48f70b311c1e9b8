/*
 * fault.c - deliberate deaths for crash tests. Counters are process-wide: the n-th pass of a point
 * is the n-th over all threads. Built to nothing without ASSAY_FAULT_POINTS.
 */
#include "engine/base/fault.h"

#ifdef ASSAY_FAULT_POINTS

#include "engine/base/hash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* tidy: allow global, because a point counts its passes over the whole process, in fault builds only. */
static atomic_uint_fast64_t passes;

static _Noreturn void die(const char *name)
{
    char line[160];
    int size = snprintf(line, sizeof line, "fault: dies at %s\n", name);
    if (size > 0)
        (void)!write(STDERR_FILENO, line, (size_t)size);
    (void)raise(SIGKILL);
    for (;;)
        (void)pause();
}

static void maybe_random(const char *name, const char *parameters)
{
    char *rest = NULL;
    uint64_t seed = strtoull(parameters, &rest, 10);
    double probability = *rest == ':' ? strtod(rest + 1, NULL) : 0;
    uint64_t draw = hash_mix64(seed * 0x9e3779b97f4a7c15ULL + atomic_fetch_add(&passes, 1) + 1);
    if ((double)(draw >> 11) * 0x1p-53 < probability)
        die(name);
}

/* In slices, so that time in which the process is stopped does not count. */
static void wait_awake(long ms)
{
    const struct timespec slice = {0, 10000000};
    for (long waited = 0; waited < ms; waited += 10)
        (void)nanosleep(&slice, NULL);
}

void fault_point(const char *name)
{
    const char *at = getenv("ASSAY_FAULT_AT");
    if (at == NULL)
        return;
    if (strncmp(at, "random:", 7) == 0) {
        maybe_random(name, at + 7);
        return;
    }
    size_t size = strlen(name);
    if (strncmp(at, name, size) != 0 || at[size] != ':')
        return;
    char *rest = NULL;
    uint64_t count = strtoull(at + size + 1, &rest, 10);
    if (atomic_fetch_add(&passes, 1) + 1 != count)
        return;
    if (strcmp(rest, ":stop") == 0) {
        (void)raise(SIGSTOP);
    } else if (strncmp(rest, ":sleep=", 7) == 0) {
        wait_awake(strtol(rest + 7, NULL, 10));
    } else if (strcmp(rest, ":hang") == 0) {
        for (;;)
            (void)pause();
    } else {
        die(name);
    }
}

bool fault_rule_off(const char *rule)
{
    const char *list = getenv("ASSAY_FAULT_RULES_OFF");
    size_t size = strlen(rule);
    while (list != NULL && *list != '\0') {
        if (strncmp(list, rule, size) == 0 && (list[size] == '\0' || list[size] == ','))
            return true;
        list = strchr(list, ',');
        list = list ? list + 1 : NULL;
    }
    return false;
}

#else

typedef int fault_is_not_built; /* an empty translation unit is not C */

#endif
