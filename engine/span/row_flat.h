/* row_flat.h - inside the sink: items of a row that belong to lists (row_flat.c reads and orders them,
 * row_flat_write.c makes messages and documents of them). */
#ifndef ENGINE_SPAN_ROW_FLAT_H
#define ENGINE_SPAN_ROW_FLAT_H

#include "engine/span/row_scratch.h"
#include "engine/span/row_sink.h"

/* Lists of events, beside those of enum dialect_flat. */
enum { FLAT_EVENT_INPUT = 8, FLAT_EVENT_OUTPUT = 9, FLAT_EVENT_EVALUATION = 10 };

/* Classes of fields, in the order in which a message needs them. */
enum flat_class {
    FLAT_ROLE,
    FLAT_FINISH,
    FLAT_CALL_ID, /* of the call a tool's message answers */
    FLAT_TEXT,
    FLAT_PART,          /* contents.M.… */
    FLAT_FUNCTION_CALL, /* function_call.… */
    FLAT_TOOL_CALL,     /* tool_calls.M.… */
    FLAT_FIELD,         /* of documents; otherwise unknown */
};

/* order: list 4 bits, index 24, class 4, index inside 16, number of arrival 16 */
static inline unsigned flat_list(const struct flat_item *item)
{
    return (unsigned)(item->order >> 60);
}
static inline uint32_t flat_index(const struct flat_item *item)
{
    return (uint32_t)(item->order >> 36) & 0xffffff;
}
static inline enum flat_class flat_class(const struct flat_item *item)
{
    return (enum flat_class)(item->order >> 32 & 15);
}
static inline uint32_t flat_inner(const struct flat_item *item)
{
    return (uint32_t)(item->order >> 16) & 0xffff;
}

/* One more item: `field` is what follows the number. */
void row_flat_add(struct row_sink *sink, unsigned list, uint32_t index, struct bytes field,
                  const struct any_value *value);
/* The items of one list, in order, as a JSON array in the arena; absent when that is not possible. */
struct bytes row_flat_write(struct row_sink *sink, const struct flat_item *items, uint32_t count);
/* A number at the front; what follows its dot is left in *text. False: there is none, or it is too large. */
bool row_flat_number(struct bytes *text, uint32_t most, uint32_t *number);

#endif
