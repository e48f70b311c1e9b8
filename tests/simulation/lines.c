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

static uint32_t report(const char *what, const char *problem, const struct lines *from, const struct lines *in)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < from->count; i++) {
        const struct line *other = find(in, from->all[i].text);
        if (other != NULL && other->amount == from->all[i].amount)
            continue;
        if (wrong++ < 5)
            print_error("%s: %s: %s: %lld here, %lld there\n", what, problem, from->all[i].text, (long long)from->all[i].amount,
                        other ? (long long)other->amount : 0);
    }
    return wrong;
}

void lines_compare(const char *what, struct lines *expected, struct lines *found)
{
    uint32_t wrong = report(what, "expected", expected, found) + report(what, "found", found, expected);
    if (wrong > 0)
        fail_msg("%s: %u of %u lines differ", what, wrong, expected->count);
}

void lines_free(struct lines *lines)
{
    for (uint32_t i = 0; i < lines->count; i++)
        memory_free(lines->all[i].text);
    memory_free(lines->all);
    table_free(&lines->table);
    *lines = (struct lines){0};
}
