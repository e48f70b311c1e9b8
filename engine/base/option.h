/*
 * option.h - text to struct fields through one table with default, bounds and help.
 *
 * Every option of the program stands in such a table; documentation, --print-config and errors come
 * from it. Durations take ms, s, m, h, d ("500ms", "14d"), sizes take KiB, MiB, GiB, fractions take %.
 */
#ifndef ENGINE_BASE_OPTION_H
#define ENGINE_BASE_OPTION_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"

enum option_type {
    OPTION_INTEGER,  /* int64_t */
    OPTION_REAL,     /* double; "5%" = 0.05 */
    OPTION_BOOLEAN,  /* bool: true, false */
    OPTION_DURATION, /* int64_t milliseconds */
    OPTION_SIZE,     /* int64_t bytes */
    OPTION_TEXT,     /* char *, owned by the struct, freed by option_free_all */
    OPTION_SECRET,   /* like TEXT, masked in print-config */
    OPTION_CHOICE,   /* int: index into choices */
};

struct option {
    const char *name; /* dotted path in the file: "commit.interval" */
    enum option_type type;
    size_t offset;
    const char *default_text; /* parsed like the file's */
    double minimum, maximum;  /* bounds of the parsed value; both 0: unbounded */
    const char *const *choices; /* NULL-terminated, for CHOICE */
    const char *help;
};

/* Fills every field from its default. CHECKs on a bad table. */
void option_set_defaults(const struct option *table, void *into);
/* NULL when there is none. */
const struct option *option_find(const struct option *table, struct bytes name);
/* The error names the option, the value, the bounds or choices; the caller prefixes file:line:column. */
bool option_set(const struct option *option, void *into, struct bytes value, struct error *error);
/* Writes the value in the form option_set reads; secrets as "***". Returns the length as snprintf. */
int option_print(const struct option *option, const void *from, char *out, size_t size);
void option_free_all(const struct option *table, void *from);
/* The nearest name in the table, for "did you mean"; NULL when nothing is near. */
const char *option_suggest(const struct option *table, struct bytes name);

#endif
