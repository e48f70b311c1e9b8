/* otlp_build.c - protobuf writing, ascending, key before value; the schema knowledge that reordering needs. */
#include "tests/span/otlp_build.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/span/otlp_wire.h"

#define NESTED_LIMIT ((size_t)16 * 1024 * 1024)

void otlp_put_varint_field(struct buffer *out, uint32_t field, uint64_t value)
{
    buffer_put_varint(out, field << 3 | WIRE_VARINT);
    buffer_put_varint(out, value);
}

void otlp_put_fixed64_field(struct buffer *out, uint32_t field, uint64_t value)
{
    buffer_put_varint(out, field << 3 | WIRE_FIXED64);
    buffer_put_u64(out, value);
}

void otlp_put_message(struct buffer *out, uint32_t field, struct bytes body)
{
    buffer_put_varint(out, field << 3 | WIRE_BYTES);
    buffer_put_bytes(out, body);
}

void otlp_put_text_field(struct buffer *out, uint32_t field, const char *text)
{
    otlp_put_message(out, field, bytes_from_text(text));
}

void otlp_put_value(struct buffer *out, uint32_t field, const char *key, struct bytes any_value)
{
    struct buffer pair = BUFFER_WITH_LIMIT(NESTED_LIMIT);
    otlp_put_text_field(&pair, 1, key);
    otlp_put_message(&pair, 2, any_value);
    otlp_put_message(out, field, buffer_bytes(&pair));
    buffer_free(&pair);
}

void otlp_put_text(struct buffer *out, uint32_t field, const char *key, const char *value)
{
    struct buffer any = BUFFER_WITH_LIMIT(NESTED_LIMIT);
    otlp_put_text_field(&any, 1, value);
    otlp_put_value(out, field, key, buffer_bytes(&any));
    buffer_free(&any);
}

void otlp_put_integer(struct buffer *out, uint32_t field, const char *key, int64_t value)
{
    struct buffer any = BUFFER_WITH_LIMIT(NESTED_LIMIT);
    otlp_put_varint_field(&any, 3, (uint64_t)value);
    otlp_put_value(out, field, key, buffer_bytes(&any));
    buffer_free(&any);
}

void otlp_put_real(struct buffer *out, uint32_t field, const char *key, double value)
{
    struct buffer any = BUFFER_WITH_LIMIT(NESTED_LIMIT);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    otlp_put_fixed64_field(&any, 4, bits);
    otlp_put_value(out, field, key, buffer_bytes(&any));
    buffer_free(&any);
}

void otlp_put_boolean(struct buffer *out, uint32_t field, const char *key, bool value)
{
    struct buffer any = BUFFER_WITH_LIMIT(NESTED_LIMIT);
    otlp_put_varint_field(&any, 2, value);
    otlp_put_value(out, field, key, buffer_bytes(&any));
    buffer_free(&any);
}

void otlp_put_texts(struct buffer *out, uint32_t field, const char *key, const char *const *values)
{
    struct buffer array = BUFFER_WITH_LIMIT(NESTED_LIMIT), any = BUFFER_WITH_LIMIT(NESTED_LIMIT);
    for (; *values != NULL; values++) {
        struct buffer element = BUFFER_WITH_LIMIT(NESTED_LIMIT);
        otlp_put_text_field(&element, 1, *values);
        otlp_put_message(&array, 1, buffer_bytes(&element));
        buffer_free(&element);
    }
    otlp_put_message(&any, 5, buffer_bytes(&array));
    otlp_put_value(out, field, key, buffer_bytes(&any));
    buffer_free(&array);
    buffer_free(&any);
}

void otlp_put_span_core(struct buffer *span, uint64_t number, const char *name, uint64_t start_ns,
                        uint64_t end_ns)
{
    uint64_t trace_id[2] = {hash_mix64(number + 1), hash_mix64(~number)};
    uint64_t span_id = hash_mix64(number + 7) | 1;
    otlp_put_message(span, 1, bytes_of(trace_id, sizeof trace_id));
    otlp_put_message(span, 2, bytes_of(&span_id, sizeof span_id));
    otlp_put_text_field(span, 5, name);
    otlp_put_varint_field(span, 6, 3);
    otlp_put_fixed64_field(span, 7, start_ns);
    otlp_put_fixed64_field(span, 8, end_ns);
}

uint64_t otlp_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15ULL;
    return hash_mix64(*state);
}

/* ---- reordering --------------------------------------------------------------------------------------- */

enum message {
    REQUEST,
    RESOURCE_SPANS,
    RESOURCE,
    SCOPE_SPANS,
    SCOPE,
    SPAN,
    EVENT,
    LINK,
    STATUS,
    KEY_VALUE,
    LEAF
};

static enum message child_of(enum message parent, uint32_t field)
{
    static const struct {
        enum message parent;
        uint32_t field;
        enum message child;
    } children[] = {
        {REQUEST, 1, RESOURCE_SPANS},
        {RESOURCE_SPANS, 1, RESOURCE},
        {RESOURCE_SPANS, 2, SCOPE_SPANS},
        {RESOURCE, 1, KEY_VALUE},
        {SCOPE_SPANS, 1, SCOPE},
        {SCOPE_SPANS, 2, SPAN},
        {SCOPE, 3, KEY_VALUE},
        {SPAN, 9, KEY_VALUE},
        {SPAN, 11, EVENT},
        {SPAN, 13, LINK},
        {SPAN, 15, STATUS},
        {EVENT, 3, KEY_VALUE},
        {LINK, 4, KEY_VALUE},
    };
    for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
        if (children[i].parent == parent && children[i].field == field)
            return children[i].child;
    }
    return LEAF;
}

struct field {
    uint32_t tag;
    struct bytes value; /* behind the tag; of a bytes field the body only */
};

#define FIELDS_MAX 4096

static bool split(struct bytes message, struct field *fields, size_t *count)
{
    const uint8_t *at = message.data;
    const uint8_t *end = at + message.size;
    *count = 0;
    while (at < end) {
        struct field *field = &fields[*count];
        if (*count == FIELDS_MAX || !wire_tag(&at, end, &field->tag))
            return false;
        const uint8_t *start = at;
        bool nested = (field->tag & 7) == WIRE_BYTES;
        if (nested ? !wire_bytes(&at, end, &field->value) : !wire_skip(&at, end, field->tag))
            return false;
        if (!nested)
            field->value = bytes_of(start, (size_t)(at - start));
        (*count)++;
    }
    return true;
}

static bool comes_before(uint32_t a, uint32_t b, enum otlp_order order)
{
    return order == ORDER_ASCENDING ? a >> 3 < b >> 3 : a >> 3 > b >> 3;
}

static void sort_fields(struct field *fields, size_t count, enum otlp_order order)
{
    for (size_t i = 1; i < count; i++) {
        struct field moved = fields[i];
        size_t place = i;
        for (; place > 0 && comes_before(moved.tag, fields[place - 1].tag, order); place--)
            fields[place] = fields[place - 1];
        fields[place] = moved;
    }
}

/* Shuffles which number stands where, then deals out the fields of each number in their old order. */
static void shuffle_fields(struct field *fields, size_t count, uint64_t *rng)
{
    struct field *old = memory_allocate_array(count + 1, sizeof *old);
    bool *used = memory_allocate_array(count + 1, sizeof *used);
    memcpy(old, fields, count * sizeof *old);
    for (size_t i = count; i > 1; i--) {
        size_t j = otlp_random(rng) % i;
        struct field other = fields[j];
        fields[j] = fields[i - 1];
        fields[i - 1] = other;
    }
    for (size_t i = 0; i < count; i++) {
        size_t next = 0;
        while (used[next] || old[next].tag >> 3 != fields[i].tag >> 3)
            next++;
        used[next] = true;
        fields[i] = old[next];
    }
    memory_free(old);
    memory_free(used);
}

/* As deep as the schema: request, resource_spans, scope_spans, span, event, key_value. */
static bool rewrite(enum message kind, struct bytes message, enum otlp_order order, uint64_t *rng,
                    struct buffer *out)
{
    struct field *fields = memory_allocate_array(FIELDS_MAX, sizeof *fields);
    size_t count;
    bool good = split(message, fields, &count);
    if (good && order == ORDER_RANDOM)
        shuffle_fields(fields, count, rng);
    else if (good)
        sort_fields(fields, count, order);
    for (size_t i = 0; good && i < count; i++) {
        buffer_put_varint(out, fields[i].tag);
        if ((fields[i].tag & 7) != WIRE_BYTES) {
            buffer_append(out, fields[i].value.data, fields[i].value.size);
            continue;
        }
        enum message child = child_of(kind, fields[i].tag >> 3);
        struct buffer body = BUFFER_WITH_LIMIT(NESTED_LIMIT);
        if (child == LEAF)
            buffer_append(&body, fields[i].value.data, fields[i].value.size);
        else
            good = rewrite(child, fields[i].value, order, rng, &body);
        buffer_put_bytes(out, buffer_bytes(&body));
        buffer_free(&body);
    }
    memory_free(fields);
    return good;
}

bool otlp_reorder(struct bytes record, enum otlp_order order, uint64_t *rng, struct buffer *out)
{
    return rewrite(REQUEST, record, order, rng, out) && !out->failed;
}
