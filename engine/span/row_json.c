/*
 * row_json.c - values inside JSON text: usage objects, invocation parameters, whole responses.
 *
 * What to look for is data (DIALECT_JSON in schemas/dialects.def). A text is scanned only when a column
 * that it may fill is wanted and nothing better filled it. Text that was cut off is read up to the cut.
 */
#include "engine/span/json_scan.h"
#include "engine/span/row_sink.h"

#define PATH_DEPTH_MAX 4

struct place {
    bool array;
    uint32_t index;
    struct bytes key;
};

static bool means_it_here(const struct row_sink *sink, const struct dialect_json *row, unsigned slot,
                          enum span_role role)
{
    if (row->slot != slot || row->target.span_rank < sink->rank[row->target.column])
        return false;
    switch ((enum dialect_roles)row->roles) {
    case ROLES_CALLS:
        return role == ROLE_CALL || role == ROLE_EMBEDDINGS || role == ROLE_CALL_COPY;
    case ROLES_TOOLS:
        return role == ROLE_TOOL;
    case ROLES_ANY:
        break;
    }
    return true;
}

static bool same_step(const struct place *place, struct bytes step)
{
    if (!place->array)
        return bytes_equal(place->key, step);
    return step.size == 1 && step.data[0] >= '0' && step.data[0] == '0' + place->index;
}

static bool same_path(const struct place *places, unsigned depth, struct bytes path)
{
    const uint8_t *at = path.data;
    const uint8_t *end = at + path.size;
    for (unsigned i = 0; i < depth; i++) {
        const uint8_t *dot = memchr(at, '.', (size_t)(end - at));
        const uint8_t *step_end = dot != NULL ? dot : end;
        bool last = i == depth - 1;
        if (last != (dot == NULL) || !same_step(&places[i], bytes_of(at, (size_t)(step_end - at))))
            return false;
        at = step_end + 1;
    }
    return true;
}

static void take_value(struct row_sink *sink, const struct dialect_json *row, struct bytes text)
{
    const struct any_value value = {.kind = ANY_TEXT, .bytes = text, .whole = text};
    if (row->target.transform == TRANSFORM_APART)
        sink->apart = true;
    row_sink_store(sink, &row->target, &value);
}

static void look_into(struct row_sink *sink, unsigned slot, enum span_role role)
{
    struct json_scan scan;
    struct place places[PATH_DEPTH_MAX] = {{0}};
    if (!json_scan_start(sink->slot[slot], &scan))
        return;
    for (enum json_token token = json_scan_next(&scan); token != JSON_END; token = json_scan_next(&scan)) {
        unsigned depth = scan.depth;
        if (depth > PATH_DEPTH_MAX)
            continue;
        if (token == JSON_OPEN) {
            places[depth - 1] = (struct place){.array = scan.bracket == '['};
            continue;
        }
        if (depth == 0)
            break;
        if (token == JSON_KEY) {
            places[depth - 1].key = scan.text;
            continue;
        }
        bool said = token == JSON_TEXT || (token == JSON_PLAIN && !bytes_equal_text(scan.text, "null"));
        for (uint32_t i = 0; said && i < dialect_json_rows_count; i++) {
            const struct dialect_json *row = &dialect_json_rows[i];
            if (means_it_here(sink, row, slot, role) && same_path(places, depth, row->path))
                take_value(sink, row, scan.text);
        }
        places[depth - 1].index++;
    }
}

void row_json_look(struct row_sink *sink, enum span_role role)
{
    for (unsigned slot = SLOT_REQUEST; slot < SLOT_COUNT; slot++) {
        if (!((sink->slots >> slot) & 1))
            continue;
        bool needed = false;
        for (uint32_t i = 0; !needed && i < dialect_json_rows_count; i++)
            needed = means_it_here(sink, &dialect_json_rows[i], slot, role);
        if (needed)
            look_into(sink, slot, role);
    }
}
