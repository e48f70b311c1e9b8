/* clock.c - the system's clocks behind the clock port. */
#define _POSIX_C_SOURCE 200809L
#include "engine/bus/ports.h"

#include <time.h>

static int64_t read_clock_ns(clockid_t which)
{
    struct timespec now;
    (void)clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t system_now_ms(const struct clock *clock)
{
    (void)clock;
    return read_clock_ns(CLOCK_REALTIME) / 1000000;
}

const struct clock clock_system = {.now_ms = system_now_ms};

int64_t clock_monotonic_ns(void) { return read_clock_ns(CLOCK_MONOTONIC); }
