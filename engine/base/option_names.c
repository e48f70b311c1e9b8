/* option_names.c - finding an option by its name, or the one that was probably meant. */
#include "engine/base/option.h"

#define NAME_MAX_COMPARED 64

const struct option *option_find(const struct option *table, struct bytes name)
{
    for (const struct option *option = table; option->name != NULL; option++)
        if (bytes_equal_text(name, option->name))
            return option;
    return NULL;
}

/* Edits (insert, delete, replace) from a to b; both at most NAME_MAX_COMPARED long. */
static unsigned edit_distance(struct bytes a, struct bytes b)
{
    unsigned row[NAME_MAX_COMPARED + 1];
    for (unsigned j = 0; j <= b.size; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.size; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.size; j++) {
            unsigned replaced = corner + (a.data[i - 1] != b.data[j - 1]);
            corner = row[j];
            unsigned kept = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = replaced < kept ? replaced : kept;
        }
    }
    return row[b.size];
}

/* Also near: the last part of a name alone, "interval" for "commit.interval". */
static unsigned name_distance(struct bytes given, struct bytes candidate)
{
    unsigned whole = edit_distance(given, candidate);
    size_t tail = candidate.size;
    while (tail > 0 && candidate.data[tail - 1] != '.')
        tail--;
    if (tail == 0)
        return whole;
    unsigned last = 1 + edit_distance(given, bytes_of(candidate.data + tail, candidate.size - tail));
    return last < whole ? last : whole;
}

const char *option_suggest(const struct option *table, struct bytes name)
{
    const char *best = NULL;
    unsigned best_distance = UINT32_MAX;
    if (name.size == 0 || name.size > NAME_MAX_COMPARED)
        return NULL;
    for (const struct option *option = table; option->name != NULL; option++) {
        struct bytes candidate = bytes_from_text(option->name);
        unsigned distance = candidate.size > NAME_MAX_COMPARED ? UINT32_MAX : name_distance(name, candidate);
        if (distance < best_distance) {
            best = option->name;
            best_distance = distance;
        }
    }
    return best_distance <= 1 + name.size / 4 ? best : NULL;
}
