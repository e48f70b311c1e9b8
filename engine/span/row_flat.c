/*
 * row_flat.c - messages that were written as one attribute per field, or as span events: read, put in
 * order, and handed on as the lists they are.
 *
 * Some dialects write "llm.input_messages.0.message.role" and so on, in any order and with holes where an
 * attribute limit dropped some. Bounded by ROW_FLATS_MAX items; beyond them the content counts as cut.
 */
#include "engine/span/row_flat.h"

bool row_flat_number(struct bytes *text, uint32_t most, uint32_t *number)
{
    uint32_t value = 0;
    size_t i = 0;
    for (; i < text->size && text->data[i] >= '0' && text->data[i] <= '9'; i++) {
        value = value * 10 + (uint32_t)(text->data[i] - '0');
        if (value > most)
            return false;
    }
    if (i == 0 || (i < text->size && text->data[i] != '.'))
        return false;
    size_t skip = i < text->size ? i + 1 : i;
    *text = bytes_of(text->data + skip, text->size - skip);
    *number = value;
    return true;
}

static bool strip(struct bytes *field, const char *prefix)
{
    size_t size = strlen(prefix);
    if (field->size < size || memcmp(field->data, prefix, size) != 0)
        return false;
    *field = bytes_of(field->data + size, field->size - size);
    return true;
}

/* The class of a message's field, the index inside it, and what is left of its name. */
static enum flat_class classify(struct bytes *field, uint32_t *inner)
{
    static const struct {
        const char *name;
        enum flat_class class;
    } plain[] = {
        {"role", FLAT_ROLE},          {"finish_reason", FLAT_FINISH},   {"tool_call_id", FLAT_CALL_ID},
        {"id", FLAT_CALL_ID},         {"content", FLAT_TEXT},           {"text", FLAT_TEXT},
        {"prompt.text", FLAT_TEXT},   {"completion.text", FLAT_TEXT},   {"message", FLAT_TEXT},
        {"tool_calls", FLAT_TOOL_CALL}, {"gen_ai.event.content", FLAT_TEXT},
    };
    *inner = 0;
    (void)strip(field, "message.");
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (bytes_equal_text(*field, plain[i].name))
            return plain[i].class;
    }
    if (strip(field, "function_call.") || strip(field, "function_call_"))
        return FLAT_FUNCTION_CALL;
    struct bytes rest = *field;
    if ((strip(&rest, "contents.") || strip(&rest, "content.")) && row_flat_number(&rest, 0xffff, inner)) {
        (void)strip(&rest, "message_content.");
        *field = rest;
        return FLAT_PART;
    }
    if (strip(&rest, "tool_calls.") && row_flat_number(&rest, 0xffff, inner)) {
        (void)strip(&rest, "tool_call.");
        (void)strip(&rest, "function.");
        *field = rest;
        return FLAT_TOOL_CALL;
    }
    return FLAT_FIELD;
}

void row_flat_add(struct row_sink *sink, unsigned list, uint32_t index, struct bytes field,
                  const struct any_value *value)
{
    struct row_scratch *scratch = row_sink_scratch(sink);
    if (sink->flats == 0)
        scratch->flats_count = 0; /* the last row's */
    uint32_t inner = 0;
    enum flat_class class = FLAT_FIELD;
    if (list == FLAT_DOCUMENTS)
        (void)strip(&field, "document.");
    else if (list == FLAT_INPUT || list == FLAT_OUTPUT || list == FLAT_EVENT_INPUT ||
             list == FLAT_EVENT_OUTPUT)
        class = classify(&field, &inner);
    struct flat_item *item = row_scratch_flat(scratch);
    if (item == NULL) {
        sink->cut_strings++;
        return;
    }
    item->order = (uint64_t)list << 60 | (uint64_t)index << 36 | (uint64_t)class << 32 |
                  (uint64_t)inner << 16 | sink->flats;
    item->field = field;
    item->value = *value;
    sink->flats++;
}

void row_sink_flat(struct row_sink *sink, struct bytes name, const struct any_value *value)
{
    struct bytes rest = BYTES_NONE;
    enum dialect_flat list = dialect_flat_of(name, &rest);
    uint32_t index;
    if (list == FLAT_NONE || !((sink->flats_wanted >> list) & 1))
        return;
    if (list == FLAT_SCORES)
        row_flat_add(sink, list, sink->flats, rest, value);
    else if (row_flat_number(&rest, 0xffffff, &index))
        row_flat_add(sink, list, index, rest, value);
}

/* ---- order ---------------------------------------------------------------------------------------------- */

static void sift_down(struct flat_item *items, uint32_t root, uint32_t count)
{
    struct flat_item moved = items[root];
    for (;;) {
        uint32_t child = 2 * root + 1;
        if (child >= count)
            break;
        if (child + 1 < count && items[child].order < items[child + 1].order)
            child++;
        if (items[child].order <= moved.order)
            break;
        items[root] = items[child];
        root = child;
    }
    items[root] = moved;
}

/* Heap sort: no memory, no bad case. Mostly they come in order already. */
static void sort_items(struct flat_item *items, uint32_t count)
{
    bool sorted = true;
    for (uint32_t i = 1; sorted && i < count; i++)
        sorted = items[i - 1].order < items[i].order;
    if (sorted)
        return;
    for (uint32_t i = count / 2; i > 0; i--)
        sift_down(items, i - 1, count);
    for (uint32_t last = count - 1; last > 0; last--) {
        struct flat_item largest = items[0];
        items[0] = items[last];
        items[last] = largest;
        sift_down(items, 0, last);
    }
}

/* Where a list goes: on a tool's span, message events are its arguments and its result. */
static enum span_column column_of(unsigned list, enum span_role role)
{
    switch (list) {
    case FLAT_INPUT:
        return SPAN_COLUMN_input_messages;
    case FLAT_OUTPUT:
        return SPAN_COLUMN_output_messages;
    case FLAT_EVENT_INPUT:
        return role == ROLE_TOOL ? SPAN_COLUMN_tool_arguments : SPAN_COLUMN_input_messages;
    case FLAT_EVENT_OUTPUT:
        return role == ROLE_TOOL ? SPAN_COLUMN_tool_result : SPAN_COLUMN_output_messages;
    default:
        return SPAN_COLUMN_retrieval_documents;
    }
}

/* Content that another source has better may still lack the tool that was asked for. */
static void take_tool(struct row_sink *sink, const struct flat_item *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        enum flat_class class = flat_class(&items[i]);
        if (class != FLAT_TOOL_CALL && class != FLAT_FUNCTION_CALL)
            continue;
        if (bytes_equal_text(items[i].field, "name"))
            row_sink_store_made(sink, SPAN_COLUMN_tool_name, RANK_FROM_EVENT,
                                row_value_text(sink, &items[i].value));
        else if (bytes_equal_text(items[i].field, "id"))
            row_sink_store_made(sink, SPAN_COLUMN_tool_call_id, RANK_FROM_EVENT,
                                row_value_text(sink, &items[i].value));
        if (i + 1 == count || flat_inner(&items[i + 1]) != flat_inner(&items[i]))
            return; /* the first tool only */
    }
}

void row_flat_finish(struct row_sink *sink, enum span_role role)
{
    struct row_scratch *scratch = row_sink_scratch(sink);
    uint32_t count = scratch->flats_count;
    struct flat_item *items = scratch->flats;
    sort_items(items, count);
    for (uint32_t first = 0, next; first < count; first = next) {
        unsigned list = flat_list(&items[first]);
        for (next = first + 1; next < count && flat_list(&items[next]) == list;)
            next++;
        if (list == FLAT_EVALUATIONS || list == FLAT_SCORES || list == FLAT_EVENT_EVALUATION)
            continue; /* rows of their own */
        enum span_column column = column_of(list, role);
        uint8_t rank = list < FLAT_EVENT_INPUT ? RANK_FLAT : RANK_FROM_EVENT;
        if (rank < sink->rank[column]) {
            if (list == FLAT_OUTPUT && role == ROLE_CALL)
                take_tool(sink, &items[first], next - first);
            continue;
        }
        bool tool = column == SPAN_COLUMN_tool_arguments || column == SPAN_COLUMN_tool_result;
        struct bytes text = BYTES_NONE;
        for (uint32_t i = first; tool && i < next; i++)
            if (flat_class(&items[i]) == FLAT_TEXT)
                text = row_value_json(sink, &items[i].value);
        row_sink_store_made(sink, column, rank,
                            tool ? text : row_flat_write(sink, &items[first], next - first));
    }
}
