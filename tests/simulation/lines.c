/* lines.c - see lines.h. */
#include "tests/simulation/lines.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

static struct line *find(const struct lines *lines, const char *text)
{
    uint64_t hash = hash_bytes(bytes_from_text(text), 9);
    uint32_t cursor = 0;
    for (uint32_t n = table_first(&lines->table, hash, &cursor); n != TABLE_NONE; n = table_next(&lines->table, hash, &cursor))
        if (strcmp(lines->all[n].text, text) == 0)
            return &lines->all[n];
    return NULL;
}

void lines_add(struct lines *lines, const char *text, int64_t amount)
{
    struct line *line = find(lines, text);
    if (line == NULL) {
        if (lines->count == lines->capacity) {
            lines->capacity = lines->capacity ? lines->capacity * 2 : 64;
            lines->all = memory_resize(lines->all, lines->capacity * sizeof *lines->all);
        }
        line = &lines->all[lines->count];
        *line = (struct line){memory_copy_text(text), 0};
        table_insert(&lines->table, hash_bytes(bytes_from_text(text), 9), lines->count++);
    }
    line->amount += amount;
}

static void print_difference(const char *what, const char *text, int64_t expected, int64_t found, uint32_t *printed)
{
    if ((*printed)++ < 10)
        print_error("%s: %.400s: expected %lld, found %lld\n", what, text, (long long)expected, (long long)found);
}

void lines_subtract(const char *what, const struct lines *expected, const struct lines *found, struct lines_difference *out)
{
    uint32_t printed = 0;
    for (uint32_t i = 0; i < expected->count; i++) {
        const struct line *line = &expected->all[i], *other = find(found, line->text);
        int64_t amount = other != NULL ? other->amount : 0;
        out->compared++;
        if (amount == line->amount)
            continue;
        out->lost += amount < line->amount ? (uint64_t)(line->amount - amount) : 0;
        out->duplicated += amount > line->amount ? (uint64_t)(amount - line->amount) : 0;
        print_difference(what, line->text, line->amount, amount, &printed);
    }
    for (uint32_t i = 0; i < found->count; i++) {
        if (find(expected, found->all[i].text) != NULL)
            continue;
        out->wrong++;
        print_difference(what, found->all[i].text, 0, found->all[i].amount, &printed);
    }
}

void lines_compare(const char *what, struct lines *expected, struct lines *found)
{
    struct lines_difference d = {0};
    lines_subtract(what, expected, found, &d);
    if (d.lost + d.duplicated + d.wrong > 0)
        fail_msg("%s: of %llu lines %llu lost, %llu duplicated, %llu wrong", what, (unsigned long long)d.compared,
                 (unsigned long long)d.lost, (unsigned long long)d.duplicated, (unsigned long long)d.wrong);
}

void lines_free(struct lines *lines)
{
    for (uint32_t i = 0; i < lines->count; i++)
        memory_free(lines->all[i].text);
    memory_free(lines->all);
    table_free(&lines->table);
    *lines = (struct lines){0};
}
