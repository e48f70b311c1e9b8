/*
 * avro_schema.c - any bytes as an Avro schema: refused with a reason, or every program made of it stays
 * within itself: against itself, and as spans.
 */
#include "engine/base/check.h"
#include "engine/span/avro_span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_program(const struct avro_program *program)
{
    for (uint32_t i = 0; i < program->ops_count; i++) {
        const struct avro_op *op = &program->ops[i];
        CHECK(op->code <= AVRO_REFUSE);
        switch ((enum avro_code)op->code) {
        case AVRO_GIVE:
        case AVRO_GIVE_KEY:
        case AVRO_REFUSE:
            CHECK(op->a < program->constants_count);
            break;
        case AVRO_READ_ENUM:
            CHECK((uint64_t)op->a + op->b <= program->enums_count);
            break;
        case AVRO_BRANCH:
            CHECK((uint64_t)op->a + op->b <= program->targets_count);
            for (uint32_t k = 0; k < op->b; k++)
                CHECK(program->targets[op->a + k] > i &&
                      program->targets[op->a + k] < program->ops_count);
            break;
        case AVRO_JUMP:
        case AVRO_CALL:
            CHECK(op->a < program->ops_count);
            break;
        case AVRO_BLOCK:
        case AVRO_TEXT_MAP:
        case AVRO_SKIP_BLOCK:
            CHECK(op->a <= i && op->b == i - op->a + 1);
            break;
        default:
            break;
        }
    }
    CHECK(program->ops[program->ops_count - 1].code == AVRO_RETURN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct bytes text = bytes_of(data, size);
    struct avro_compile_options options = avro_compile_options_default;
    struct avro_schema *schema = avro_schema_parse(&text, 1, &avro_schema_limits_default, &error);
    if (schema == NULL) {
        CHECK(error.code != ERROR_NONE && error.message[0] != 0);
        return 0;
    }
    options.marks = size % 2 == 0;
    options.loose = size % 3 == 0;
    struct avro_program *program = avro_compile(schema, schema, &options, &error);
    if (program != NULL) {
        check_program(program);
        CHECK(options.loose || program->misfits == 0);
    }
    avro_program_destroy(program);
    avro_schema_destroy(schema);
    struct avro_span_reader *reader =
        avro_span_reader_create(&text, 1, &avro_schema_limits_default, &error);
    avro_span_reader_destroy(reader);
    return 0;
}
