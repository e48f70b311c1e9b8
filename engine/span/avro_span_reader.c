/*
 * avro_span_reader.c - a reader for one writer's schema: which field of schemas/span.avsc goes to which
 * column, and the program that does it.
 */
#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/span/avro_span_internal.h"
#include "engine/span/avro_span_schema.h"

#define RANK_FIELD 254 /* above every alias, below RANK_NEVER */

static enum dialect_transform transform_of(enum span_column column)
{
    switch (column) {
    case SPAN_COLUMN_stream:
        return TRANSFORM_BOOLEAN;
    case SPAN_COLUMN_finish_reason:
        return TRANSFORM_FIRST;
    case SPAN_COLUMN_system_instructions:
    case SPAN_COLUMN_input_messages:
    case SPAN_COLUMN_output_messages:
        return TRANSFORM_CONTENT;
    default:
        return span_column_type(column) == SPAN_TYPE_i64 ? TRANSFORM_TOKENS : TRANSFORM_TEXT;
    }
}

static enum avro_span_action action_of(enum span_column column)
{
    switch (column) {
    case SPAN_COLUMN_trace_id:
    case SPAN_COLUMN_span_id:
    case SPAN_COLUMN_parent_span_id:
        return ACTION_ID;
    case SPAN_COLUMN_start_ns:
    case SPAN_COLUMN_end_ns:
        return ACTION_TIME;
    case SPAN_COLUMN_status:
    case SPAN_COLUMN_span_kind:
        return ACTION_CODE;
    default:
        return transform_of(column) == TRANSFORM_TEXT ? ACTION_TEXT : ACTION_VALUE;
    }
}

static uint16_t slot_of(enum avro_span_action action, unsigned column)
{
    return (uint16_t)((unsigned)action << 8 | column);
}

/* The slot of a field of span.avsc. */
static uint16_t slot_of_field(struct bytes name)
{
    if (bytes_equal_text(name, "attributes"))
        return slot_of(ACTION_ATTRIBUTE, 0);
    if (bytes_equal_text(name, "resource_attributes"))
        return slot_of(ACTION_RESOURCE, 0);
    if (bytes_equal_text(name, "start_time"))
        return slot_of(ACTION_TIME, SPAN_COLUMN_COUNT + SPAN_COLUMN_start_ns);
    if (bytes_equal_text(name, "end_time"))
        return slot_of(ACTION_TIME, SPAN_COLUMN_COUNT + SPAN_COLUMN_end_ns);
    enum span_column column = span_column_find(name);
    CHECK(column < SPAN_COLUMN_COUNT); /* span.avsc is ours, and a test reads it */
    return slot_of(action_of(column), column);
}
_Static_assert(SPAN_COLUMN_COUNT + SPAN_COLUMN_end_ns < 256, "a slot has 8 bits for the column");

struct bytes avro_span_schema(void)
{
    return bytes_of(avro_span_schema_text, avro_span_schema_size);
}

static bool program_fills(const struct avro_program *program, enum span_column column)
{
    for (uint32_t i = 0; i < program->ops_count; i++)
        if (program->ops[i].code < AVRO_MARK &&
            program->ops[i].slot == slot_of(action_of(column), column))
            return true;
    return false;
}

static struct avro_program *compile(const struct avro_schema *writer,
                                    const struct avro_schema *span, struct error *error)
{
    const struct avro_node *root = &span->nodes[span->root];
    uint16_t slots[SPAN_COLUMN_COUNT + 4];
    CHECK(root->type == AVRO_RECORD && root->count <= sizeof slots / sizeof *slots);
    for (uint32_t i = 0; i < root->count; i++)
        slots[i] = slot_of_field(span->fields[root->first + i].name);
    struct avro_compile_options options = avro_compile_options_default;
    options.loose = true;
    options.slots = slots;
    struct avro_program *program = avro_compile(writer, span, &options, error);
    for (unsigned column = SPAN_COLUMN_trace_id; program != NULL && column <= SPAN_COLUMN_span_id;
         column++) {
        if (program_fills(program, column))
            continue;
        error_set(error, ERROR_INPUT,
                  "Avro schema: it has no %s that is bytes, fixed or string, so no spans can be "
                  "read with "
                  "it; see schemas/span.avsc for names that are understood",
                  span_column_name(column));
        avro_program_destroy(program);
        program = NULL;
    }
    return program;
}

struct avro_span_reader *avro_span_reader_create(const struct bytes *texts, uint32_t texts_count,
                                                 const struct avro_schema_limits *limits,
                                                 struct error *error)
{
    struct bytes own = avro_span_schema();
    struct avro_program *program = NULL;
    struct avro_schema *writer = avro_schema_parse(texts, texts_count, limits, error);
    if (writer == NULL)
        return NULL;
    struct avro_schema *span = avro_schema_parse(&own, 1, &avro_schema_limits_default, error);
    CHECK(span != NULL);
    program = compile(writer, span, error);
    avro_schema_destroy(span);
    avro_schema_destroy(writer);
    if (program == NULL)
        return NULL;
    struct avro_span_reader *reader = memory_allocate(sizeof *reader);
    reader->program = program;
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
        reader->fields[column] = (struct dialect_alias){
            .column = (uint8_t)column,
            .transform = (uint8_t)transform_of(column),
            .span_rank = RANK_FIELD,
            .generation = column == SPAN_COLUMN_operation ? GENERATION_NEW : GENERATION_NONE,
        };
    return reader;
}

void avro_span_reader_destroy(struct avro_span_reader *reader)
{
    if (reader == NULL)
        return;
    avro_program_destroy(reader->program);
    memory_free(reader);
}
