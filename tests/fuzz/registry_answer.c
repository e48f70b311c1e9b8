/*
 * registry_answer.c - any bytes as an answer of a schema registry: taken or refused with a reason, for
 * each kind of answer; a schema that is taken lies in the document and may be parsed.
 */
#include "engine/base/check.h"
#include "engine/bus/schema_registry_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t touched;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes answer = bytes_of(data, size);
    struct json_document *document = registry_answer_document(size);
    static struct registry_schema schema;
    struct error error = {0};
    uint32_t id = 0;
    if (registry_answer_schema(document, answer, &schema, &error)) {
        CHECK(schema.text.size > 0 && schema.references_count <= REGISTRY_REFERENCES_MAX);
        touched = (uint8_t)(schema.text.data[0] ^ schema.text.data[schema.text.size - 1]);
        for (uint32_t i = 0; i < schema.references_count; i++) {
            size_t length = strlen(schema.references[i].subject);
            CHECK(length > 0 && length < REGISTRY_SUBJECT_MAX && schema.references[i].version > 0);
        }
    } else {
        CHECK(error.code != ERROR_NONE && error.message[0] != 0);
    }
    error = (struct error){0};
    CHECK(registry_answer_id(document, answer, &id, &error) || error.message[0] != 0);
    error = (struct error){0};
    CHECK(registry_answer_compatible(document, answer, &error) || error.message[0] != 0);
    registry_answer_refusal(document, size > 0 ? 400 + data[0] : 500, answer, &error);
    CHECK(error.message[0] != 0 && strlen(error.message) < sizeof error.message);
    json_destroy(document);
    return 0;
}
