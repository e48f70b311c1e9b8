/*
 * avro_check.c - compiles one schema against the other and looks for what does not fit.
 */
#include "engine/span/avro_check.h"

#include "engine/span/avro_program.h"

bool avro_check_reads(struct bytes writer, struct bytes reader, struct error *error)
{
    struct avro_schema *w = avro_schema_parse(&writer, 1, &avro_schema_limits_default, error);
    struct avro_schema *r = avro_schema_parse(&reader, 1, &avro_schema_limits_default, error);
    struct avro_program *program =
        w != NULL && r != NULL ? avro_compile(w, r, &avro_compile_options_default, error) : NULL;
    bool fits = program != NULL && program->misfits == 0;
    if (program != NULL && !fits)
        error_set(error, ERROR_INPUT, "%s", program->first_misfit);
    avro_program_destroy(program);
    avro_schema_destroy(r);
    avro_schema_destroy(w);
    return fits;
}
