/*
 * row_event.c - what span events (and log records that are events) add to a row.
 *
 * What is looked into is data (DIALECT_EVENT). Attributes of an event never outrank the span's own.
 */
#include "engine/span/row_flat.h"

#define EVENTS_MAX 0xfffff

static const struct any_value *role_value(enum dialect_event event, struct any_value *value)
{
    static const char *const roles[] = {[EVENT_SYSTEM] = "system",
                                        [EVENT_USER] = "user",
                                        [EVENT_ASSISTANT] = "assistant",
                                        [EVENT_TOOL] = "tool",
                                        [EVENT_CHOICE] = "assistant"};
    *value = (struct any_value){.kind = ANY_TEXT, .bytes = bytes_from_text(roles[event])};
    return value;
}

static unsigned list_of(enum dialect_event event)
{
    return event == EVENT_CHOICE ? FLAT_EVENT_OUTPUT : FLAT_EVENT_INPUT;
}

static bool is_message(enum dialect_event event)
{
    return event >= EVENT_SYSTEM && event <= EVENT_CHOICE;
}

static bool list_wanted(const struct row_sink *sink, enum dialect_event event)
{
    enum span_column column =
        event == EVENT_CHOICE ? SPAN_COLUMN_output_messages : SPAN_COLUMN_input_messages;
    return span_columns_have(&sink->wanted, column);
}

bool row_sink_event(struct row_sink *sink, struct bytes name, int64_t time_ns)
{
    enum dialect_event event = dialect_event_of(name);
    struct any_value role;
    sink->event = (uint8_t)event;
    if (event == EVENT_NONE || ++sink->event_number > EVENTS_MAX ||
        (event == EVENT_EVALUATION && !span_columns_have(&sink->wanted, SPAN_COLUMN_score)))
        return false;
    if (event == EVENT_FIRST_TOKEN && time_ns != SPAN_I64_ABSENT &&
        (sink->first_token_ns == SPAN_I64_ABSENT || time_ns < sink->first_token_ns))
        sink->first_token_ns = time_ns;
    if (is_message(event) && list_wanted(sink, event))
        row_flat_add(sink, list_of(event), sink->event_number, BYTES_LITERAL("role"),
                     role_value(event, &role));
    return true;
}

/* A rank within the band of events, in the order the span's own names have. */
static uint8_t lower_rank(const struct dialect_alias *alias)
{
    return (uint8_t)(RANK_NONE + 1 + alias->span_rank / 8);
}

/* The alias when its value is wanted from an event; NULL otherwise. */
static const struct dialect_alias *wanted_alias(const struct row_sink *sink, struct bytes name)
{
    const struct dialect_alias *alias = dialect_find(name.data, name.size);
    bool wanted = alias != NULL && alias->span_rank > 0 && alias->column < SPAN_COLUMN_COUNT &&
                  lower_rank(alias) >= sink->rank[alias->column];
    return wanted ? alias : NULL;
}

static void take_as_the_spans(struct row_sink *sink, struct bytes name, const struct any_value *value)
{
    const struct dialect_alias *alias = wanted_alias(sink, name);
    if (alias == NULL)
        return;
    struct dialect_alias lower = *alias;
    lower.span_rank = lower_rank(alias);
    lower.json = SLOT_NONE;
    row_sink_store(sink, &lower, value);
}

bool row_sink_event_wants(const struct row_sink *sink, struct bytes name)
{
    bool as_the_spans = sink->event == EVENT_ATTRIBUTES || sink->event == EVENT_FIRST_TOKEN;
    return !as_the_spans || wanted_alias(sink, name) != NULL;
}

static void take_finish(struct row_sink *sink, const struct any_value *value)
{
    const struct dialect_alias finish = {.column = SPAN_COLUMN_finish_reason,
                                         .transform = TRANSFORM_FIRST,
                                         .span_rank = RANK_FROM_EVENT};
    if (sink->rank[SPAN_COLUMN_finish_reason] < RANK_FROM_EVENT) /* of several choices the first */
        row_sink_store(sink, &finish, value);
}

static void take_message(struct row_sink *sink, struct bytes name, const struct any_value *value)
{
    static const char *const fields[] = {"content",    "message",       "id",
                                         "tool_calls", "finish_reason", "gen_ai.event.content"};
    enum dialect_event event = sink->event;
    if (event == EVENT_CHOICE && bytes_equal_text(name, "finish_reason"))
        take_finish(sink, value);
    for (size_t i = 0; list_wanted(sink, event) && i < sizeof fields / sizeof *fields; i++) {
        if (bytes_equal_text(name, fields[i])) {
            row_flat_add(sink, list_of(event), sink->event_number, name, value);
            return;
        }
    }
}

/* "db.query.result.score": the last part is the field. */
static void take_document(struct row_sink *sink, struct bytes name, const struct any_value *value)
{
    size_t start = name.size;
    while (start > 0 && name.data[start - 1] != '.')
        start--;
    if (span_columns_have(&sink->wanted, SPAN_COLUMN_retrieval_documents))
        row_flat_add(sink, FLAT_DOCUMENTS, sink->event_number,
                     bytes_of(name.data + start, name.size - start), value);
}

void row_sink_event_attribute(struct row_sink *sink, struct bytes name,
                              const struct any_value *value)
{
    enum dialect_event event = sink->event;
    if (event == EVENT_ATTRIBUTES || event == EVENT_FIRST_TOKEN)
        take_as_the_spans(sink, name, value);
    else if (event == EVENT_DOCUMENT)
        take_document(sink, name, value);
    else if (event == EVENT_EVALUATION)
        row_flat_add(sink, FLAT_EVENT_EVALUATION, sink->event_number, name, value);
    else if (is_message(event))
        take_message(sink, name, value);
}
