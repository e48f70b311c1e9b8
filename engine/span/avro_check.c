/*
 * avro_check.c - compiles one schema against the other and looks for what does not fit.
 */
#include "engine/span/avro_check.h"

#include "engine/span/avro_program.h"

/* A value that is refused when it is met: a branch, an item, a symbol. */
static bool refuses_some(const struct avro_program *program, struct error *error)
{
    for (uint32_t i = 0; i < program->ops_count; i++)
        if (program->ops[i].code == AVRO_REFUSE) {
            struct bytes why = program->constants[program->ops[i].a].bytes;
            error_set(error, ERROR_INPUT, "%.190s", (const char *)why.data);
            return true;
        }
    for (uint32_t i = 0; i < program->enums_count; i++)
        if (program->enums[i].reader == UINT32_MAX) {
            error_set(error, ERROR_INPUT, "an enum has a symbol that is not the reader's");
            return true;
        }
    return false;
}

static bool check(struct bytes writer, struct bytes reader, bool always, struct error *error)
{
    struct avro_schema *w = avro_schema_parse(&writer, 1, &avro_schema_limits_default, error);
    struct avro_schema *r = avro_schema_parse(&reader, 1, &avro_schema_limits_default, error);
    struct avro_program *program =
        w != NULL && r != NULL ? avro_compile(w, r, &avro_compile_options_default, error) : NULL;
    bool fits = program != NULL && program->misfits == 0;
    if (program != NULL && !fits)
        error_set(error, ERROR_INPUT, "%s", program->first_misfit);
    if (fits && always)
        fits = !refuses_some(program, error);
    avro_program_destroy(program);
    avro_schema_destroy(r);
    avro_schema_destroy(w);
    return fits;
}

bool avro_check_reads(struct bytes writer, struct bytes reader, struct error *error)
{
    return check(writer, reader, false, error);
}

bool avro_check_always_reads(struct bytes writer, struct bytes reader, struct error *error)
{
    return check(writer, reader, true, error);
}
