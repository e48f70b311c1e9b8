/*
 * lines.h - a bag of text lines with amounts: the form in which expected and found are compared.
 */
#ifndef TESTS_SIMULATION_LINES_H
#define TESTS_SIMULATION_LINES_H

#include "engine/base/table.h"

#include <stdint.h>

struct line {
    char *text;
    int64_t amount;
};

struct lines {
    struct line *all;
    uint32_t count, capacity;
    struct table table;
};

/* Adds to the amount of the line. */
void lines_add(struct lines *lines, const char *text, int64_t amount);

/* Amounts: lost were expected and are not there, duplicated are there more often than expected, wrong
 * were never expected at all. */
struct lines_difference {
    uint64_t compared, lost, duplicated, wrong;
};
/* Adds to *out, and prints the first differences. */
void lines_subtract(const char *what, const struct lines *expected, const struct lines *found, struct lines_difference *out);
/* Fails the running test, naming the first differences, unless both hold the same. */
void lines_compare(const char *what, struct lines *expected, struct lines *found);
void lines_free(struct lines *lines);

#endif
