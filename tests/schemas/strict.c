/* strict.c - see strict.h. Recursive, as our own records are not deep. */
#include "tests/schemas/strict.h"

#include "engine/span/avro_json.h"

#include <stdio.h>

static bool complain(struct buffer *why, const char *what, struct bytes name)
{
    buffer_printf(why, "%.*s: %s; ", BYTES_FMT(name), what);
    return false;
}

static bool known(const struct avro_schema *schema, const struct avro_node *node, struct bytes name)
{
    for (uint32_t i = 0; i < node->count; i++)
        if (bytes_equal(schema->fields[node->first + i].name, name))
            return true;
    return false;
}

static bool record_fits(const struct avro_schema *schema, const struct avro_node *node, const struct json_value *value,
                        struct buffer *why)
{
    struct bytes name;
    const struct json_value *member;
    bool good = true;
    for (struct json_members m = json_members(value); json_next(&m, &name, &member);)
        if (!known(schema, node, name))
            good = complain(why, "is not in the schema", name);
    for (uint32_t i = 0; i < node->count; i++) {
        const struct avro_field *field = &schema->fields[node->first + i];
        member = json_get(value, (const char *)field->name.data);
        if (member == NULL && field->default_value == NULL)
            good = complain(why, "is missing and has no default", field->name);
        else if (member != NULL && !strict_fits_node(schema, field->node, member, why))
            good = complain(why, "does not fit", field->name);
    }
    return good;
}

bool strict_fits_node(const struct avro_schema *schema, uint32_t number, const struct json_value *value, struct buffer *why)
{
    const struct avro_node *node = &schema->nodes[number];
    const struct avro_field *fields = &schema->fields[node->first];
    struct bytes key;
    const struct json_value *item;
    if (node->type == AVRO_UNION) {
        for (uint32_t i = 0; i < node->count; i++)
            if (avro_json_could_be(value, &schema->nodes[fields[i].node]))
                return strict_fits_node(schema, fields[i].node, value, why);
        return complain(why, "fits no branch", BYTES_LITERAL("union"));
    }
    if (!avro_json_could_be(value, node))
        return complain(why, avro_type_name(node->type), BYTES_LITERAL("should be"));
    if (node->type == AVRO_RECORD)
        return record_fits(schema, node, value, why);
    bool good = true;
    for (size_t i = 0; node->type == AVRO_ARRAY && i < json_count(value); i++)
        good = strict_fits_node(schema, fields[0].node, json_at(value, i), why) && good;
    if (node->type == AVRO_MAP)
        for (struct json_members m = json_members(value); json_next(&m, &key, &item);)
            good = strict_fits_node(schema, fields[0].node, item, why) && good;
    return good;
}

bool strict_fits(const struct avro_schema *schema, const struct json_value *record, struct buffer *why)
{
    return strict_fits_node(schema, schema->root, record, why);
}

bool strict_documented(const struct json_value *schema, struct buffer *why)
{
    bool good = true;
    if (json_is_array(schema)) {
        for (size_t i = 0; i < json_count(schema); i++)
            good = strict_documented(json_at(schema, i), why) && good;
        return good;
    }
    if (!json_is_object(schema))
        return true;
    const struct json_value *fields = json_get(schema, "fields");
    if (fields != NULL && json_text(json_get(schema, "doc")).size == 0)
        good = complain(why, "record without doc", json_text(json_get(schema, "name")));
    for (size_t i = 0; i < json_count(fields); i++) {
        const struct json_value *field = json_at(fields, i);
        if (json_text(json_get(field, "doc")).size == 0)
            good = complain(why, "field without doc", json_text(json_get(field, "name")));
        good = strict_documented(json_get(field, "type"), why) && good;
    }
    good = strict_documented(json_get(schema, "items"), why) && good;
    return strict_documented(json_get(schema, "values"), why) && good;
}

static bool same_leaf(const struct json_value *a, const struct json_value *b)
{
    double x = 0, y = 0;
    if (json_is_text(a))
        return json_is_text(b) && bytes_equal(json_text(a), json_text(b));
    if (json_is_number(a))
        return json_is_number(b) && json_real(a, &x) && json_real(b, &y) && memcmp(&x, &y, sizeof x) == 0;
    return json_is_null(a) == json_is_null(b) && json_is_true(a) == json_is_true(b) && !json_is_number(b) && !json_is_text(b);
}

bool strict_same(const struct json_value *a, const struct json_value *b, struct buffer *why)
{
    struct bytes name;
    const struct json_value *member;
    bool good = true;
    if (json_is_object(a)) {
        for (struct json_members m = json_members(a); json_next(&m, &name, &member);) {
            char key[200];
            snprintf(key, sizeof key, "%.*s", BYTES_FMT(name));
            if (!strict_same(member, json_get(b, key), why))
                good = complain(why, "differs", name);
        }
        for (struct json_members m = json_members(b); json_next(&m, &name, &member);) {
            char key[200];
            snprintf(key, sizeof key, "%.*s", BYTES_FMT(name));
            if (json_get(a, key) == NULL && !json_is_null(member))
                good = complain(why, "came from nowhere", name);
        }
        return good && json_is_object(b);
    }
    if (json_is_array(a)) {
        for (size_t i = 0; i < json_count(a); i++)
            good = strict_same(json_at(a, i), json_at(b, i), why) && good;
        return good && json_is_array(b) && json_count(a) == json_count(b);
    }
    return b != NULL && same_leaf(a, b);
}
