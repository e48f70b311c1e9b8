/*
 * row_sink.c - what a row wants, and values into its columns and slots.
 *
 * What cannot be a value of its column leaves the column absent; it never makes the span bad.
 */
#include "engine/span/row_sink.h"

#include "engine/span/row_scratch.h"

#include <math.h>

_Static_assert(offsetof(struct span_batch, retrieval_documents) ==
                   offsetof(struct span_batch, trace_id) + (SPAN_COLUMN_COUNT - 1) * sizeof(void *),
               "columns are consecutive pointers, and retrieval_documents is the last one");
_Static_assert(SLOTS_FROM + SLOT_COUNT <= 255, "aliases hold them in 8 bits");

static bool wants_any(const struct span_column_set *wanted, const enum span_column *columns)
{
    for (; *columns != SPAN_COLUMN_COUNT; columns++)
        if (span_columns_have(wanted, *columns))
            return true;
    return false;
}

static void complete_wanted(struct span_column_set *wanted)
{
#define NEEDS(column, needed)                                                                      \
    if (span_columns_have(wanted, SPAN_COLUMN_##column))                                           \
    span_columns_add(wanted, SPAN_COLUMN_##needed)
    NEEDS(score, trace_id);
    NEEDS(score, span_id);
    NEEDS(score, end_ns);
    NEEDS(leaf, role);
    NEEDS(operation, role);
    NEEDS(tool_name, role);
    NEEDS(tool_call_id, role);
    NEEDS(tool_arguments, role);
    NEEDS(tool_result, role);
    NEEDS(request_model, role);
    NEEDS(response_model, role);
    NEEDS(response_model, request_model);
    NEEDS(response_model, status);
    NEEDS(request_model, status);
    NEEDS(role, operation);
    NEEDS(role, name);
    NEEDS(role, trace_id);
    NEEDS(role, span_id);
    NEEDS(role, parent_span_id);
    NEEDS(role, response_id);
    NEEDS(error_type, status);
    NEEDS(ttft_ns, stream);
    NEEDS(ttft_ns, start_ns);
    NEEDS(ttft_ns, end_ns);
    NEEDS(input_tokens, cache_read_tokens);
    NEEDS(input_tokens, cache_write_tokens);
    NEEDS(finish_reason, output_messages);
    NEEDS(tool_name, output_messages);
    NEEDS(tool_call_id, output_messages);
#undef NEEDS
}

/* Slots by the columns they decide; a slot that nobody needs is not filled. */
static uint32_t slots_needed(const struct span_column_set *wanted)
{
    static const struct {
        enum row_slot slot;
        enum span_column columns[8];
    } needs[] = {
        {SLOT_NONE, {SPAN_COLUMN_role, SPAN_COLUMN_dialect, SPAN_COLUMN_COUNT}},
        {SLOT_KIND, {SPAN_COLUMN_role, SPAN_COLUMN_dialect, SPAN_COLUMN_COUNT}},
        {SLOT_MODEL, {SPAN_COLUMN_request_model, SPAN_COLUMN_response_model, SPAN_COLUMN_COUNT}},
        {SLOT_ENTITY, {SPAN_COLUMN_tool_name, SPAN_COLUMN_agent_name, SPAN_COLUMN_COUNT}},
        {SLOT_LEVEL, {SPAN_COLUMN_status, SPAN_COLUMN_COUNT}},
        {SLOT_FIRST_TOKEN, {SPAN_COLUMN_ttft_ns, SPAN_COLUMN_COUNT}},
        {SLOT_TOOL_CALLS, {SPAN_COLUMN_output_messages, SPAN_COLUMN_COUNT}},
    };
    uint32_t bits = 0;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        bits |= (uint32_t)wants_any(wanted, needs[i].columns) << needs[i].slot;
    for (uint32_t i = 0; i < dialect_json_rows_count; i++)
        bits |= (uint32_t)span_columns_have(wanted, dialect_json_rows[i].target.column)
                << dialect_json_rows[i].slot;
    return bits;
}

static uint32_t flats_needed(const struct span_column_set *wanted)
{
    return (uint32_t)span_columns_have(wanted, SPAN_COLUMN_input_messages) << FLAT_INPUT |
           (uint32_t)span_columns_have(wanted, SPAN_COLUMN_output_messages) << FLAT_OUTPUT |
           (uint32_t)span_columns_have(wanted, SPAN_COLUMN_retrieval_documents) << FLAT_DOCUMENTS |
           (uint32_t)span_columns_have(wanted, SPAN_COLUMN_score) << FLAT_EVALUATIONS |
           (uint32_t)span_columns_have(wanted, SPAN_COLUMN_score) << FLAT_SCORES;
}

void row_sink_open(struct row_sink *sink, struct span_batch *batch, uint32_t string_bytes_max,
                   uint32_t nesting_depth_max)
{
    static const enum span_column from_events[] = {
        SPAN_COLUMN_input_messages, SPAN_COLUMN_output_messages,     SPAN_COLUMN_ttft_ns,
        SPAN_COLUMN_finish_reason,  SPAN_COLUMN_retrieval_documents, SPAN_COLUMN_error_type,
        SPAN_COLUMN_tool_arguments, SPAN_COLUMN_tool_result,         SPAN_COLUMN_score,
        SPAN_COLUMN_COUNT,
    };
    complete_wanted(&batch->wanted);
    sink->batch = batch;
    sink->wanted = batch->wanted;
    sink->string_bytes_max = string_bytes_max;
    sink->nesting_depth_max = nesting_depth_max;
    sink->cut_strings = 0;
    sink->follows = row_sink_scratch(sink)->follows;
    sink->events_wanted = wants_any(&batch->wanted, from_events);
    bool made = batch->first_rank[SPAN_COLUMN_COUNT] != 0;
    if (made && batch->ranked.bits[0] == batch->wanted.bits[0] &&
        batch->ranked.bits[1] == batch->wanted.bits[1]) { /* records of one span should not pay for this */
        sink->slots_wanted = batch->slots_wanted;
        sink->flats_wanted = batch->flats_wanted;
        return;
    }
    uint32_t slots = slots_needed(&batch->wanted);
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
        batch->first_rank[column] =
            span_columns_have(&batch->wanted, column) ? RANK_NONE : RANK_NEVER;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        batch->first_rank[SLOTS_FROM + (int)slot] = (slots >> slot) & 1 ? RANK_NONE : RANK_NEVER;
    sink->slots_wanted = batch->slots_wanted = slots & ~(1u << SLOT_NONE);
    sink->flats_wanted = batch->flats_wanted = flats_needed(&batch->wanted);
    batch->ranked = batch->wanted;
}

struct row_scratch *row_sink_scratch(struct row_sink *sink)
{
    if (sink->batch->scratch == NULL)
        sink->batch->scratch = row_scratch_create();
    return sink->batch->scratch;
}

enum dialect row_sink_scope(struct row_sink *sink, struct bytes name)
{
    struct row_scratch *scratch = row_sink_scratch(sink);
    if (name.size == 0 || name.size > ROW_SCOPE_BYTES_MAX)
        return dialect_of_scope(name);
    if (!bytes_equal(name, bytes_of(scratch->scope_name, scratch->scope_size))) {
        memcpy(scratch->scope_name, name.data, name.size);
        scratch->scope_size = (uint8_t)name.size;
        scratch->scope_dialect = (uint8_t)dialect_of_scope(name);
    }
    return scratch->scope_dialect;
}

struct bytes row_sink_cut(struct row_sink *sink, struct bytes text)
{
    if (text.size <= sink->string_bytes_max)
        return text;
    sink->cut_strings++;
    text.size = sink->string_bytes_max;
    while (text.size > 0 && (text.data[text.size] & 0xc0) == 0x80)
        text.size--;
    return text;
}

/* ---- storing ------------------------------------------------------------------------------------------- */

void row_sink_store_real(struct row_sink *sink, const struct dialect_alias *alias, double real)
{
    if (!isfinite(real))
        return;
    double *column = row_sink_column(sink, alias->column);
    column[sink->row] = real;
    sink->rank[alias->column] = alias->span_rank;
}

void row_sink_store_made(struct row_sink *sink, unsigned column, uint8_t rank, struct bytes text)
{
    const struct dialect_alias made = {.column = (uint8_t)column, .span_rank = rank};
    if (rank >= sink->rank[column])
        row_sink_store_text(sink, &made, text);
}

static void store_slot(struct row_sink *sink, const struct dialect_alias *alias,
                       const struct any_value *value)
{
    unsigned slot = alias->column - SPAN_COLUMN_COUNT;
    struct bytes text = row_value_json(sink, value);
    if (text.size == 0)
        return;
    sink->slot[slot] = text;
    sink->slots |= 1u << slot;
    sink->rank[alias->column] = alias->span_rank;
    if (slot != SLOT_KIND)
        return;
    sink->kind_of = alias->dialect;
    if (alias->dialect != DIALECT_LOGFIRE) /* its library says so on everybody's spans */
        sink->mark = alias->dialect;
}

static void store_mark(struct row_sink *sink, const struct dialect_alias *alias)
{
    if (alias->dialect != DIALECT_HTTP || sink->mark == DIALECT_UNKNOWN)
        sink->mark = alias->dialect;
}

static struct bytes provider_of(struct row_sink *sink, struct bytes word)
{
    struct bytes provider = dialect_provider(word);
    bool capitals = false;
    for (size_t i = 0; i < provider.size; i++)
        capitals |= provider.data[i] >= 'A' && provider.data[i] <= 'Z';
    uint8_t *lower = capitals ? arena_alloc(sink->batch->arena, provider.size) : NULL;
    for (size_t i = 0; lower != NULL && i < provider.size; i++) {
        uint8_t c = provider.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
    }
    return lower != NULL ? bytes_of(lower, provider.size) : provider;
}

static void store_time(struct row_sink *sink, const struct dialect_alias *alias,
                       const struct any_value *value)
{
    int64_t ns = row_value_nanoseconds(value, alias->transform == TRANSFORM_MILLIS ? 1e6 : 1e9);
    if (ns != SPAN_I64_ABSENT)
        sink->ttft_of_server = alias->transform == TRANSFORM_SERVER;
    row_sink_store_integer(sink, alias, ns);
}

static void store_content(struct row_sink *sink, const struct dialect_alias *alias,
                          const struct any_value *value)
{
    if ((value->kind == ANY_ARRAY || value->kind == ANY_MAP) &&
        value->bytes.size > sink->string_bytes_max) { /* half a tree is no tree */
        sink->cut_strings++;
        return;
    }
    struct bytes text = row_value_json(sink, value);
    if ((sink->slots_wanted >> alias->json) & 1) {
        sink->slot[alias->json] = text;
        sink->slots |= (uint32_t)(text.size > 0) << alias->json;
    }
    if (alias->span_rank >= sink->rank[alias->column])
        row_sink_store_text(sink, alias, text);
}

void row_sink_store(struct row_sink *sink, const struct dialect_alias *alias,
                    const struct any_value *value)
{
    double real = (double)NAN;
    switch (alias->transform) {
    case TRANSFORM_TEXT:
        row_sink_store_text(sink, alias, row_value_text(sink, value));
        break;
    case TRANSFORM_QUOTED:
        row_sink_store_text(sink, alias, row_value_unquoted(row_value_text(sink, value)));
        break;
    case TRANSFORM_PROVIDER:
        row_sink_store_text(sink, alias, provider_of(sink, row_value_text(sink, value)));
        break;
    case TRANSFORM_TOKENS:
    case TRANSFORM_APART:
        row_sink_store_integer(sink, alias, row_value_count(value));
        break;
    case TRANSFORM_BOOLEAN:
        row_sink_store_integer(sink, alias, row_value_boolean(value));
        break;
    case TRANSFORM_SECONDS:
    case TRANSFORM_MILLIS:
    case TRANSFORM_SERVER:
        store_time(sink, alias, value);
        break;
    case TRANSFORM_PRICE:
        if (row_value_real(value, &real) && real > 0)
            row_sink_store_real(sink, alias, real);
        break;
    case TRANSFORM_FIRST:
        row_sink_store_text(sink, alias, row_value_first(sink, value));
        break;
    case TRANSFORM_CONTENT:
        store_content(sink, alias, value);
        break;
    case TRANSFORM_SLOT:
        store_slot(sink, alias, value);
        break;
    case TRANSFORM_MARK:
        store_mark(sink, alias);
        break;
    default:
        CHECK_HOT(!"a transform of spans");
        break;
    }
}
