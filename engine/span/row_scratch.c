/* row_scratch.c - the growing arrays behind row_scratch.h. */
#include "engine/span/row_scratch.h"

#include "engine/base/memory.h"

#define FLATS_FIRST     128
#define TEXT_BYTES_MAX ((size_t)16 * 1024 * 1024)

struct row_scratch *row_scratch_create(void)
{
    struct row_scratch *scratch = memory_allocate(sizeof *scratch);
    scratch->text = scratch->list = BUFFER_WITH_LIMIT(TEXT_BYTES_MAX);
    return scratch;
}

void row_scratch_destroy(struct row_scratch *scratch)
{
    if (scratch == NULL)
        return;
    memory_free(scratch->flats);
    memory_free(scratch->leaf_slots);
    memory_free(scratch->leaf_spans);
    buffer_free(&scratch->text);
    buffer_free(&scratch->list);
    json_destroy(scratch->json);
    memory_free(scratch);
}

struct flat_item *row_scratch_flat(struct row_scratch *scratch)
{
    if (scratch->flats_count == ROW_FLATS_MAX)
        return NULL;
    if (scratch->flats_count == scratch->flats_capacity) {
        scratch->flats_capacity = scratch->flats_capacity > 0 ? 2 * scratch->flats_capacity : FLATS_FIRST;
        scratch->flats =
            memory_resize(scratch->flats, scratch->flats_capacity * sizeof *scratch->flats);
    }
    return &scratch->flats[scratch->flats_count++];
}
