/*
 * check.h - assertions for our own bugs, never for bad input.
 *
 * CHECK is on in every build: it guards boundaries and cold code. CHECK_HOT is for code that runs
 * per row and is compiled out of release builds. Both stop the process: the state is kept by Kafka.
 */
#ifndef ENGINE_BASE_CHECK_H
#define ENGINE_BASE_CHECK_H

#include <stdio.h>
#include <stdlib.h>

static inline _Noreturn void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "{\"level\":\"fatal\",\"msg\":\"internal check failed: %s\",\"at\":\"%s:%d\"}\n",
            condition, file, line);
    abort();
}

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

#ifdef ASSAY_CHECK_HOT
#define CHECK_HOT(condition) CHECK(condition)
#else
#define CHECK_HOT(condition) ((void)0)
#endif

#endif
