/*
 * dialect_generate.c - build-time program: schemas/dialects.def to a perfect-hash table in C.
 *
 * Prints dialect_table.c. Ends with a message when two names cannot be told apart, a name is too
 * long, an attribute stands twice, or two aliases of one column share a rank.
 */
#include "engine/span/dialect.h"

#include <stdio.h>
#include <stdlib.h>

struct named {
    const char *name;
    const char *column, *transform, *generation, *dialect;
    int rank, span_rank;
};

enum place { PLACE_SPAN = 1, PLACE_RESOURCE = 2, PLACE_BOTH = 3 };
#define RANK_AT(where, place, rank) ((place) & (where) ? (rank) : 0)

static const struct named names[] = {
#define DIALECT_ALIAS(attribute, column, transform, rank, place, generation)                       \
    {attribute,                                                                                    \
     "SPAN_COLUMN_" #column,                                                                       \
     "TRANSFORM_" #transform,                                                                      \
     "GENERATION_" #generation,                                                                    \
     "DIALECT_UNKNOWN",                                                                            \
     RANK_AT(PLACE_RESOURCE, PLACE_##place, rank),                                                 \
     RANK_AT(PLACE_SPAN, PLACE_##place, rank)},
#define DIALECT_MARK(attribute, dialect)                                                           \
    {attribute, "SPAN_COLUMN_COUNT", "TRANSFORM_MARK", "GENERATION_NONE", "DIALECT_" #dialect, 0,  \
     1},
#define DIALECT_SCOPE(prefix, dialect)                                                             \
    {prefix, "SPAN_COLUMN_COUNT", "TRANSFORM_SCOPE", "GENERATION_NONE", "DIALECT_" #dialect, 0, 0},
#include "schemas/dialects.def"
};

enum { NAMES = sizeof names / sizeof *names };
_Static_assert(NAMES <= 255, "slots hold 8-bit numbers");

enum { SLOTS = 1 << DIALECT_SLOT_BITS };

static int refuse(const char *why, const char *name)
{
    fprintf(stderr, "schemas/dialects.def: %s: \"%s\"\n", why, name);
    return EXIT_FAILURE;
}

static int check_names(void)
{
    for (int i = 0; i < NAMES; i++) {
        if (strlen(names[i].name) == 0 || strlen(names[i].name) > DIALECT_NAME_MAX)
            return refuse("the name is empty or longer than 55 bytes", names[i].name);
        for (int j = 0; j < i; j++) {
            if (strcmp(names[i].name, names[j].name) == 0)
                return refuse("the attribute stands twice", names[i].name);
            bool filled = strcmp(names[i].column, "SPAN_COLUMN_COUNT") != 0;
            if (filled && strcmp(names[i].column, names[j].column) == 0 &&
                names[i].rank + names[i].span_rank == names[j].rank + names[j].span_rank)
                return refuse("another alias of its column has the same rank", names[i].name);
        }
    }
    return EXIT_SUCCESS;
}

static bool fill_slots(uint64_t seed, uint8_t slots[SLOTS])
{
    memset(slots, 0, SLOTS);
    for (int i = 0; i < NAMES; i++) {
        uint32_t slot = dialect_hash((const uint8_t *)names[i].name, strlen(names[i].name), seed);
        if (slots[slot] != 0)
            return false;
        slots[slot] = (uint8_t)(i + 1);
    }
    return true;
}

static void print_table(uint64_t seed, const uint8_t slots[SLOTS])
{
    printf("/* Made by dialect_generate from schemas/dialects.def; do not edit. */\n"
           "#include \"engine/span/dialect.h\"\n\n"
           "const uint64_t dialect_hash_seed = 0x%016llxULL;\n"
           "const uint32_t dialect_aliases_count = %d;\n\n"
           "const struct dialect_alias dialect_aliases[] = {\n",
           (unsigned long long)seed, NAMES);
    for (int i = 0; i < NAMES; i++) {
        const struct named *n = &names[i];
        printf("    {\"%s\", %zu, %s, %s, %d, %d, %s, %s, 0},\n", n->name, strlen(n->name),
               n->column, n->transform, n->rank, n->span_rank, n->generation, n->dialect);
    }
    printf("};\n\nconst uint8_t dialect_slots[1u << DIALECT_SLOT_BITS] = {\n");
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i] != 0)
            printf("    [%u] = %u,\n", i, slots[i]);
    }
    printf("};\n");
}

int main(void)
{
    if (check_names() != EXIT_SUCCESS)
        return EXIT_FAILURE;
    uint8_t slots[SLOTS];
    for (int attempt = 0; attempt < 10 * 1000 * 1000; attempt++) {
        uint64_t seed = hash_mix64((uint64_t)attempt + 1) | 1;
        if (fill_slots(seed, slots)) {
            print_table(seed, slots);
            return EXIT_SUCCESS;
        }
    }
    return refuse("no perfect hash found, raise DIALECT_SLOT_BITS; the last name is",
                  names[NAMES - 1].name);
}
