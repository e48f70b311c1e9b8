/*
 * schema_registry_answer.c - what a registry says, from JSON: nothing in it is believed before it is
 * looked at, and everything has a bound. Field names: Confluent's Schema Registry API.
 */
#include "engine/bus/schema_registry_internal.h"

#include <stdio.h>

#define NESTING_MAX 32
#define POOL_BYTES_PER_BYTE                                                                        \
    16 /* yyjson: a 16-byte value for as little as two bytes of text, and the text */
#define POOL_BYTES_SPARE    ((size_t)4096)
#define MESSAGE_BYTES_SHOWN 250

struct json_document *registry_answer_document(size_t answer_bytes)
{
    return json_create(answer_bytes * POOL_BYTES_PER_BYTE + POOL_BYTES_SPARE);
}

static const struct json_value *parse(struct json_document *document, struct bytes answer,
                                      struct error *error)
{
    const struct json_value *root = json_parse(document, answer, NESTING_MAX, error);
    if (root == NULL) {
        error_prefix(error, "the registry's answer is not JSON");
        return NULL;
    }
    if (!json_is_object(root)) {
        error_set(error, ERROR_INPUT, "the registry's answer is no JSON object");
        return NULL;
    }
    return root;
}

static bool take_reference(const struct json_value *item, struct registry_reference *out)
{
    struct bytes subject = json_text(json_get(item, "subject"));
    if (subject.size == 0 || subject.size >= sizeof out->subject ||
        memchr(subject.data, 0, subject.size) != NULL)
        return false;
    memcpy(out->subject, subject.data, subject.size);
    out->subject[subject.size] = '\0';
    return json_integer(json_get(item, "version"), &out->version) && out->version > 0;
}

bool registry_answer_schema(struct json_document *document, struct bytes answer,
                            struct registry_schema *out, struct error *error)
{
    const struct json_value *root = parse(document, answer, error);
    if (root == NULL)
        return false;
    struct bytes type = json_text(json_get(root, "schemaType"));
    if (bytes_present(type) && !bytes_equal_text(type, "AVRO"))
        return error_set(error, ERROR_INPUT, "it is a schema of type %.40s; only AVRO is read",
                         (const char *)type.data);
    out->text = json_text(json_get(root, "schema"));
    if (out->text.size == 0)
        return error_set(error, ERROR_INPUT, "the registry's answer has no \"schema\"");
    const struct json_value *rules = json_get(root, "ruleSet");
    if (json_count(json_get(rules, "domainRules")) > 0 ||
        json_count(json_get(rules, "encodingRules")) > 0)
        return error_set(
            error, ERROR_INPUT,
            "it has a ruleSet, so fields may be encrypted or changed; that is not read");
    const struct json_value *references = json_get(root, "references");
    if (json_count(references) > REGISTRY_REFERENCES_MAX)
        return error_set(error, ERROR_LIMIT,
                         "it refers to %zu other schemas; at most %d are followed",
                         json_count(references), REGISTRY_REFERENCES_MAX);
    out->references_count = 0;
    for (size_t i = 0; json_is_array(references) && i < json_count(references); i++)
        if (!take_reference(json_at(references, i), &out->references[out->references_count++]))
            return error_set(error, ERROR_INPUT, "reference %zu has no \"subject\" and \"version\"",
                             i);
    return true;
}

bool registry_answer_id(struct json_document *document, struct bytes answer, uint32_t *id,
                        struct error *error)
{
    int64_t number;
    const struct json_value *root = parse(document, answer, error);
    if (root == NULL)
        return false;
    if (!json_integer(json_get(root, "id"), &number) || number < 0 || number > UINT32_MAX)
        return error_set(error, ERROR_INPUT, "the registry's answer has no \"id\" of 32 bits");
    *id = (uint32_t)number;
    return true;
}

bool registry_answer_compatible(struct json_document *document, struct bytes answer,
                                struct error *error)
{
    const struct json_value *root = parse(document, answer, error);
    if (root == NULL)
        return false;
    if (json_is_true(json_get(root, "is_compatible")))
        return true;
    char reasons[MESSAGE_BYTES_SHOWN] = "it gives no reason";
    const struct json_value *messages = json_get(root, "messages");
    size_t size = 0;
    for (size_t i = 0;
         json_is_array(messages) && i < json_count(messages) && size + 1 < sizeof reasons; i++) {
        struct bytes text = json_text(json_at(messages, i));
        if (text.size == 0)
            continue;
        int written = snprintf(reasons + size, sizeof reasons - size, "%s%.200s",
                               size > 0 ? "; " : "", (const char *)text.data);
        size += written > 0 ? (size_t)written : 0;
    }
    return error_set(error, ERROR_INPUT, "not compatible with the version that is there: %s",
                     reasons);
}

void registry_answer_refusal(struct json_document *document, long status, struct bytes answer,
                             struct error *error)
{
    bool again = status >= 500 || status == 429 || status == 408;
    const struct json_value *root = json_parse(document, answer, NESTING_MAX, NULL);
    struct bytes message = json_text(json_get(root, "message"));
    int64_t code = 0;
    (void)json_integer(json_get(root, "error_code"), &code);
    error_set(error, again ? ERROR_UNAVAILABLE : ERROR_INPUT, "the registry says %ld%s%s%.250s",
              status,
              status == 401 || status == 403
                  ? ", check registry.user, registry.password or registry.token"
                  : "",
              message.size > 0 ? ": " : "", message.size > 0 ? (const char *)message.data : "");
    if (code != 0 && code != status)
        error_prefix(error, "error %lld", (long long)code);
}
