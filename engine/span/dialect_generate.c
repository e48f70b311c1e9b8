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
    const char *column, *transform, *generation, *dialect, *json;
    int rank, span_rank;
};

enum place { PLACE_SPAN = 1, PLACE_RESOURCE = 2, PLACE_BOTH = 3 };
#define RANK_AT(where, place, rank) ((place) & (where) ? (rank) : 0)

static const struct named names[] = {
#define DIALECT_ALIAS(attribute, column, transform, rank, place, generation, json)                 \
    {attribute,                                                                                    \
     "SPAN_COLUMN_" #column,                                                                       \
     "TRANSFORM_" #transform,                                                                      \
     "GENERATION_" #generation,                                                                    \
     "DIALECT_UNKNOWN",                                                                            \
     "SLOT_" #json,                                                                                \
     RANK_AT(PLACE_RESOURCE, PLACE_##place, rank),                                                 \
     RANK_AT(PLACE_SPAN, PLACE_##place, rank)},
#define SLOT_ROW(attribute, slot, dialect, rank)                                                   \
    {attribute,         "SLOTS_FROM + SLOT_" slot,                                                 \
     "TRANSFORM_SLOT",  "GENERATION_NONE",                                                         \
     "DIALECT_" dialect, "SLOT_NONE", 0, rank},
#define DIALECT_SLOT(attribute, slot, rank) SLOT_ROW(attribute, #slot, "UNKNOWN", rank)
#define DIALECT_KIND_OF(attribute, dialect, rank) SLOT_ROW(attribute, "KIND", #dialect, rank)
#define DIALECT_MARK(attribute, dialect)                                                           \
    {attribute,        "SPAN_COLUMN_COUNT", "TRANSFORM_MARK", "GENERATION_NONE",                   \
     "DIALECT_" #dialect, "SLOT_NONE", 0, 1},
#define DIALECT_SCOPE(prefix, dialect)                                                             \
    {prefix,           "SPAN_COLUMN_COUNT", "TRANSFORM_SCOPE", "GENERATION_NONE",                  \
     "DIALECT_" #dialect, "SLOT_NONE", 0, 0},
#include "schemas/dialects.def"
};

struct looked_into {
    const char *path, *column, *transform, *roles, *slot;
    int rank;
};

static const struct looked_into looked_into[] = {
#define DIALECT_JSON(slot, path, column, transform, rank, roles)                                   \
    {path, "SPAN_COLUMN_" #column, "TRANSFORM_" #transform, "ROLES_" #roles, "SLOT_" #slot, rank},
#include "schemas/dialects.def"
};

static const char *const flats[] = {
#define DIALECT_FLAT(prefix, list) prefix,
#include "schemas/dialects.def"
};

enum { NAMES = sizeof names / sizeof *names };

enum { SLOTS = 1 << DIALECT_SLOT_BITS };

static int refuse(const char *why, const char *name)
{
    fprintf(stderr, "schemas/dialects.def: %s: \"%s\"\n", why, name);
    return EXIT_FAILURE;
}

static int check_names(void)
{
    if (NAMES > DIALECT_ALIASES_MAX || strcmp(names[0].transform, "TRANSFORM_SCOPE") == 0)
        return refuse("more names than DIALECT_ALIASES_MAX, or no attribute is first", names[0].name);
    for (int i = 0; i < NAMES; i++) {
        if (strlen(names[i].name) == 0 || strlen(names[i].name) > DIALECT_NAME_MAX)
            return refuse("the name is empty or longer than 55 bytes", names[i].name);
        for (int j = 0; j < i; j++) {
            if (strcmp(names[i].name, names[j].name) == 0)
                return refuse("the attribute stands twice", names[i].name);
            bool ranked = strcmp(names[i].column, "SPAN_COLUMN_COUNT") != 0;
            if (ranked && strcmp(names[i].column, names[j].column) == 0 &&
                names[i].rank + names[i].span_rank == names[j].rank + names[j].span_rank)
                return refuse("another alias of its column has the same rank", names[i].name);
        }
    }
    return EXIT_SUCCESS;
}

static bool is_scope(int i) { return strcmp(names[i].transform, "TRANSFORM_SCOPE") == 0; }

/* Attributes and scopes have a table of slots each: they are never looked for together. */
static bool fill_slots(bool scopes, uint64_t seed, uint16_t slots[SLOTS])
{
    memset(slots, 0, SLOTS * sizeof *slots);
    for (int i = 0; i < NAMES; i++) {
        if (is_scope(i) != scopes)
            continue;
        uint32_t slot = dialect_hash((const uint8_t *)names[i].name, strlen(names[i].name), seed);
        if (slots[slot] != 0)
            return false;
        slots[slot] = (uint16_t)(i + 1);
    }
    return true;
}

/* What the column says about the span, whichever name filled it. */
static const char *more_bits(const struct named *n)
{
    if (strcmp(n->column, "SPAN_COLUMN_request_model") == 0)
        return " | GENERATION_MODEL";
    if (strcmp(n->column, "SPAN_COLUMN_input_tokens") == 0 ||
        strcmp(n->column, "SPAN_COLUMN_output_tokens") == 0 ||
        strcmp(n->column, "SLOTS_FROM + SLOT_USAGE") == 0)
        return " | GENERATION_TOKENS";
    return "";
}

static void print_json_rows(void)
{
    enum { ROWS = sizeof looked_into / sizeof *looked_into };
    printf("\nconst uint32_t dialect_json_rows_count = %d;\n"
           "const struct dialect_json dialect_json_rows[] = {\n",
           ROWS);
    for (int i = 0; i < ROWS; i++) {
        const struct looked_into *l = &looked_into[i];
        printf("    {{(const uint8_t *)\"%s\", %zu}, {.column = %s, .transform = %s, .span_rank = %d}, "
               "%s, %s},\n",
               l->path, strlen(l->path), l->column, l->transform, l->rank, l->slot, l->roles);
    }
    printf("};\n");
}

/* Prefixes by their first 8 bytes; several may share them. */
static bool print_flat_heads(void)
{
    for (int attempt = 1; attempt < 100000; attempt++) {
        uint64_t seed = hash_mix64((uint64_t)attempt) | 1, heads[64] = {0};
        bool apart = true;
        for (size_t i = 0; apart && i < sizeof flats / sizeof *flats; i++) {
            uint64_t head = bytes_load64((const uint8_t *)flats[i]);
            uint64_t *slot = &heads[(head * seed) >> 58];
            apart = *slot == 0 || *slot == head;
            *slot = head;
        }
        if (!apart)
            continue;
        printf("\nconst uint64_t dialect_flat_seed = 0x%016llxULL;\n"
               "const uint64_t dialect_flat_heads[64] = {\n",
               (unsigned long long)seed);
        for (int i = 0; i < 64; i++)
            printf("    0x%016llxULL,\n", (unsigned long long)heads[i]);
        printf("};\n");
        return true;
    }
    return false;
}

static void print_names(void)
{
    printf("/* Made by dialect_generate from schemas/dialects.def; do not edit. */\n"
           "#include \"engine/span/dialect.h\"\n\n"
           "const uint32_t dialect_aliases_count = %d;\n\n"
           "const struct dialect_alias dialect_aliases[] = {\n",
           NAMES);
    for (int i = 0; i < NAMES; i++) {
        const struct named *n = &names[i];
        printf("    {\"%s\", %zu, %s, %s, %d, %d, %s%s, %s, %s},\n", n->name, strlen(n->name),
               n->column, n->transform, n->rank, n->span_rank, n->generation, more_bits(n),
               n->dialect, n->json);
    }
    printf("};\n");
}

static bool print_slots(bool scopes)
{
    uint16_t slots[SLOTS];
    const char *what = scopes ? "dialect_scope" : "dialect";
    for (int attempt = 0; attempt < 10 * 1000 * 1000; attempt++) {
        uint64_t seed = hash_mix64((uint64_t)attempt + 1) | 1;
        if (!fill_slots(scopes, seed, slots))
            continue;
        printf("\nconst uint64_t %s_hash_seed = 0x%016llxULL;\n"
               "const uint16_t %s_slots[1u << DIALECT_SLOT_BITS] = {\n",
               what, (unsigned long long)seed, what);
        for (unsigned i = 0; i < SLOTS; i++) {
            if (slots[i] != 0)
                printf("    [%u] = %u,\n", i, slots[i]);
        }
        printf("};\n");
        return true;
    }
    return false;
}

int main(void)
{
    if (check_names() != EXIT_SUCCESS)
        return EXIT_FAILURE;
    print_names();
    for (int scopes = 0; scopes < 2; scopes++)
        if (!print_slots(scopes != 0))
            return refuse("no perfect hash found, raise DIALECT_SLOT_BITS; the last name is",
                          names[NAMES - 1].name);
    print_json_rows();
    return print_flat_heads() ? EXIT_SUCCESS : refuse("no hash for prefixes like", flats[0]);
}
