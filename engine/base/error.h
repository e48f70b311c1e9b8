/*
 * error.h - one small error type: a class for code, a message for people.
 *
 * A message names the thing (file:line:column, topic/partition/offset, option), what is wrong and
 * what to do. Functions that can fail return bool and fill the caller's struct error on false.
 */
#ifndef ENGINE_BASE_ERROR_H
#define ENGINE_BASE_ERROR_H

#include <stdbool.h>

enum error_code {
    ERROR_NONE = 0,
    ERROR_INPUT,       /* what came from outside is wrong: configuration, file, record */
    ERROR_LIMIT,       /* a stated limit would be exceeded */
    ERROR_UNAVAILABLE, /* outside is not there now; trying again may help */
    ERROR_FENCED,      /* another process has taken our identity */
    ERROR_SYSTEM,      /* the operating system or a library said no */
};

struct error {
    enum error_code code;
    char message[500];
};

/* Fills *error (which may be NULL) and returns false, so that callers can `return error_set(…)`. */
bool error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " in front of an error that is already set; returns false. */
bool error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
