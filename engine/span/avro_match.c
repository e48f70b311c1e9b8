/*
 * avro_match.c - which type of the reader takes which type of the writer: the resolution rules of the
 * Avro specification (1.11, "Schema Resolution"), and the looser ones for columns.
 *
 * Names are compared without namespaces, as the specification says; a full match is preferred.
 */
#include "engine/span/avro_compile_internal.h"

#include "engine/base/memory.h"

static bool promotes(enum avro_type from, enum avro_type to)
{
    switch (from) {
    case AVRO_INT:
        return to == AVRO_LONG || to == AVRO_FLOAT || to == AVRO_DOUBLE;
    case AVRO_LONG:
        return to == AVRO_FLOAT || to == AVRO_DOUBLE;
    case AVRO_FLOAT:
        return to == AVRO_DOUBLE;
    case AVRO_STRING:
        return to == AVRO_BYTES;
    case AVRO_BYTES:
        return to == AVRO_STRING;
    default:
        return false;
    }
}

static bool names_agree(const struct avro_node *writer, const struct avro_node *reader)
{
    return bytes_equal(avro_name_short(writer->name), avro_name_short(reader->name)) ||
           avro_aliases_have(reader->aliases, writer->name);
}

bool avro_match(struct avro_compiler *compiler, uint32_t writer, uint32_t reader)
{
    const struct avro_node *w = &compiler->writer->nodes[writer];
    const struct avro_node *r = &compiler->reader->nodes[reader];
    bool loose = compiler->options->loose;
    compiler->work++;
    if (w->type != r->type)
        return promotes(w->type, r->type) ||
               (loose && w->type == AVRO_FIXED && r->type == AVRO_BYTES) ||
               (loose && w->type == AVRO_ENUM && r->type == AVRO_STRING);
    if (!avro_type_is_named(w->type))
        return true;
    return (loose || names_agree(w, r)) && (w->type != AVRO_FIXED || w->size == r->size);
}

/* Better than merely possible: the same type, under the same full name. */
static bool same(struct avro_compiler *compiler, uint32_t writer, uint32_t reader)
{
    const struct avro_node *w = &compiler->writer->nodes[writer];
    const struct avro_node *r = &compiler->reader->nodes[reader];
    return w->type == r->type && avro_match(compiler, writer, reader) &&
           (!avro_type_is_named(w->type) || bytes_equal(w->name, r->name));
}

uint32_t avro_match_branch(struct avro_compiler *compiler, uint32_t writer, uint32_t reader_union)
{
    const struct avro_node *reader = &compiler->reader->nodes[reader_union];
    const struct avro_field *branches = &compiler->reader->fields[reader->first];
    for (uint32_t i = 0; i < reader->count; i++)
        if (same(compiler, writer, branches[i].node))
            return i;
    for (uint32_t i = 0; i < reader->count; i++)
        if (avro_match(compiler, writer, branches[i].node))
            return i;
    return AVRO_NONE;
}

static uint32_t field_named(struct avro_compiler *compiler, const struct avro_node *record,
                            struct bytes name)
{
    const struct avro_field *fields = &compiler->writer->fields[record->first];
    compiler->work += record->count;
    for (uint32_t i = 0; i < record->count; i++)
        if (bytes_equal(fields[i].name, name))
            return i;
    return AVRO_NONE;
}

void avro_match_fields(struct avro_compiler *compiler, const struct avro_node *writer,
                       const struct avro_node *reader, uint32_t *reader_of_writer)
{
    const struct avro_field *fields = &compiler->reader->fields[reader->first];
    for (uint32_t i = 0; i < writer->count; i++)
        reader_of_writer[i] = AVRO_NONE;
    /* Names first: an alias never takes a field that another of the reader's fields calls its own. */
    for (int by_alias = 0; by_alias <= 1; by_alias++) {
        for (uint32_t i = 0; i < reader->count && compiler->work < compiler->options->work_max;
             i++) {
            uint32_t at = field_named(compiler, writer, fields[i].name);
            size_t aliases = json_is_array(fields[i].aliases) ? json_count(fields[i].aliases) : 0;
            if (!by_alias && at != AVRO_NONE)
                reader_of_writer[at] = i;
            if (!by_alias || at != AVRO_NONE)
                continue;
            for (size_t a = 0; a < aliases; a++) {
                struct bytes alias = json_text(json_at(fields[i].aliases, a));
                at = bytes_present(alias) ? field_named(compiler, writer, alias) : AVRO_NONE;
                if (at == AVRO_NONE || reader_of_writer[at] != AVRO_NONE)
                    continue;
                reader_of_writer[at] = i;
                break;
            }
        }
    }
}
