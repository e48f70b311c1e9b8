/*
 * json_span_object.c - members of a plain span into fields and attributes of a Span message. Objects are
 * walked with a small stack; what lies deeper than it goes is an attribute's JSON text.
 */
#include "engine/span/json_span_object.h"

#include "engine/span/dialect.h"
#include "engine/span/json_span_names.h"
#include "engine/span/message_put.h"
#include "engine/span/otlp_schema.h"
#include "engine/span/otlp_wire.h"

#define DEPTH_MAX  8
#define NAME_BYTES 160 /* of an attribute, with the names of the objects around it */
#define TIME_NONE  UINT64_MAX

enum inside { INSIDE_SPAN, INSIDE_ATTRIBUTES, INSIDE_STATUS, INSIDE_SCOPE };

struct frame {
    enum inside inside;
    size_t prefix; /* of names in here */
};

struct id {
    uint8_t bytes[24];
    size_t size;
};

struct plain {
    struct json_span_object *object;
    struct buffer *out;
    struct frame frames[DEPTH_MAX];
    uint32_t depth;
    char name[NAME_BYTES]; /* of the frames: the prefix of their members */
    struct id trace_id, span_id, parent_id;
    struct walk_string span_name, status_message, scope;
    uint64_t start_ns, end_ns, duration_ns;
    int kind, status;
};

static const uint8_t *refuse(struct plain *p, const uint8_t *at, enum refusal code,
                             const char *reason)
{
    p->object->fault = at;
    p->object->code = code;
    p->object->reason = reason;
    return NULL;
}

static const uint8_t *wrong(struct plain *p, const uint8_t *at, const char *reason)
{
    return refuse(p, at, REFUSAL_MALFORMED, reason);
}

/* Why a text could not be put into the message. */
static const uint8_t *escape_or_room(struct plain *p, const uint8_t *at)
{
    return p->out->failed ? refuse(p, at, REFUSAL_TOO_LARGE, "a span of too many bytes")
                          : wrong(p, at, "an illegal escape");
}

/* ---- core fields ---------------------------------------------------------------------------------------------- */

/* Hex with or without 0x and dashes, or base64. One byte when it is none of them: refused where it matters. */
static void read_id(struct bytes text, size_t size, struct id *out)
{
    uint8_t compact[48];
    size_t used = 0, decoded = 0;
    *out = (struct id){.size = text.size == 0 ? 0 : 1};
    if (text.size > 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x')
        text = bytes_of(text.data + 2, text.size - 2);
    if (text.size > sizeof compact)
        return;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] != '-')
            compact[used++] = text.data[i];
    if (walk_hex(bytes_of(compact, used), out->bytes, size) ||
        (text.size <= 24 && walk_base64(text, out->bytes, &decoded) && decoded == size))
        out->size = size;
    else
        memset(out->bytes, 0, sizeof out->bytes);
}

static bool read_time(struct bytes text, enum json_span_key key, uint64_t *out)
{
    double real;
    if (key == KEY_START_ISO || key == KEY_END_ISO)
        return json_span_time(text, out);
    if (key == KEY_START_NS || key == KEY_END_NS || key == KEY_DURATION_NS)
        return walk_unsigned(text, out);
    if (!walk_real(text, &real) || !(real >= 0) || real > 9e12)
        return false;
    *out = (uint64_t)real * 1000000u + (uint64_t)((real - (double)(uint64_t)real) * 1e6 + 0.5);
    return true;
}

static const uint8_t *take_time(struct plain *p, const uint8_t *at, struct bytes text,
                                enum json_span_key key, uint64_t *out)
{
    if (read_time(text, key, out))
        return at;
    bool iso = key == KEY_START_ISO || key == KEY_END_ISO;
    return refuse(p, text.data, REFUSAL_BAD_VALUE,
                  iso ? "start_time and end_time are ISO 8601; for numbers use start_ns or start_ms"
                      : "a time or duration must be a number that is not negative");
}

/* A member with a scalar value; `next` is behind it. */
static const uint8_t *take_core(struct plain *p, enum json_span_key key, struct walk_string text,
                                const uint8_t *next)
{
    switch (key) {
    case KEY_TRACE_ID:
        read_id(text.raw, 16, &p->trace_id);
        return next;
    case KEY_SPAN_ID:
        read_id(text.raw, 8, &p->span_id);
        return next;
    case KEY_PARENT_ID:
        read_id(text.raw, 8, &p->parent_id);
        return next;
    case KEY_NAME:
        p->span_name = text;
        return next;
    case KEY_SCOPE:
        p->scope = text;
        return next;
    case KEY_STATUS_MESSAGE:
        p->status_message = text;
        return next;
    case KEY_KIND:
        p->kind = otlp_enum_value(OTLP_KIND, text.raw);
        return next;
    case KEY_STATUS:
    case KEY_STATUS_CODE:
        p->status = otlp_enum_value(OTLP_STATUS, text.raw);
        return next;
    case KEY_START_NS:
    case KEY_START_MS:
    case KEY_START_ISO:
        return take_time(p, next, text.raw, key, &p->start_ns);
    case KEY_END_NS:
    case KEY_END_MS:
    case KEY_END_ISO:
        return take_time(p, next, text.raw, key, &p->end_ns);
    case KEY_DURATION_NS:
    case KEY_DURATION_MS:
        return take_time(p, next, text.raw, key, &p->duration_ns);
    default:
        return next;
    }
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

/* "false", a number, or a word nobody knows, which is left out. */
static void put_word(struct buffer *out, struct bytes key, struct bytes word)
{
    int64_t integer;
    double real;
    if (bytes_equal_text(word, "true") || bytes_equal_text(word, "false"))
        message_put_integer(out, key, word.size == 4, true);
    else if (memchr(word.data, '.', word.size) == NULL && walk_integer(word, &integer))
        message_put_integer(out, key, (uint64_t)integer, false);
    else if (walk_real(word, &real))
        message_put_real(out, key, real);
}

static const uint8_t *take_attribute(struct plain *p, const uint8_t *value, struct bytes key)
{
    struct walk_string text;
    struct bytes word;
    const uint8_t *next;
    if (*value == '"') {
        next = walk_string(value + 1, p->object->end, &text);
        if (next != NULL && !message_put_text(p->out, key, &text))
            return escape_or_room(p, value);
    } else if (*value == '[' || *value == '{') {
        bool too_deep = false;
        next = walk_skip_within(value, p->object->end, p->object->nesting_depth_max, &too_deep);
        if (too_deep)
            return refuse(p, value, REFUSAL_TOO_DEEP,
                          "a value is nested deeper than nesting_depth_max");
        if (next != NULL)
            message_put_json(p->out, key, bytes_of(value, (size_t)(next - value)));
    } else {
        next = walk_word(value, p->object->end, &word);
        if (next != NULL)
            put_word(p->out, key, word);
    }
    return next != NULL ? next : wrong(p, value, "a value without its end");
}

/* Time to the first token has attributes in seconds only. */
static const uint8_t *take_ttft(struct plain *p, const uint8_t *value, double unit)
{
    struct bytes word;
    double real;
    const uint8_t *next = walk_word(value, p->object->end, &word);
    if (next == NULL)
        return refuse(p, value, REFUSAL_BAD_VALUE, "a number is expected here");
    if (walk_real(word, &real))
        message_put_real(p->out, BYTES_LITERAL("gen_ai.response.time_to_first_chunk"), real * unit);
    return next;
}

/* ---- structure --------------------------------------------------------------------------------------------------- */

static struct frame *top(struct plain *p) { return &p->frames[p->depth - 1]; }

/* Into the object at `value`. */
static const uint8_t *enter(struct plain *p, const uint8_t *value, enum inside inside,
                            size_t prefix, bool *opened)
{
    if (p->depth == DEPTH_MAX)
        return refuse(p, value, REFUSAL_TOO_DEEP, "objects are nested too deep");
    p->frames[p->depth++] = (struct frame){inside, prefix};
    *opened = true;
    return value + 1;
}

/* The table holds names of scopes, too. */
static bool is_attribute(struct bytes name)
{
    const struct dialect_alias *alias = dialect_find(name.data, name.size);
    return alias != NULL && alias->transform != TRANSFORM_SCOPE;
}

/* The attribute of this key among the members here: by its whole name, else by the canonical name. */
static struct bytes attribute_name(const struct plain *p, size_t name_size,
                                   const struct json_span_name *known)
{
    bool own = is_attribute(bytes_of(p->name, name_size));
    return !own && known != NULL && known->attribute != NULL ? bytes_from_text(known->attribute)
                                                             : bytes_of(p->name, name_size);
}

static const uint8_t *take_named(struct plain *p, const uint8_t *value, struct bytes key,
                                 const struct json_span_name *known, bool *opened)
{
    size_t prefix = top(p)->prefix, size = prefix + key.size;
    if (key.size == 0 || size + 1 >= NAME_BYTES) {
        const uint8_t *next = walk_skip(value, p->object->end);
        return next != NULL ? next : wrong(p, value, "a value without its end");
    }
    memcpy(p->name + prefix, key.data, key.size);
    struct bytes attribute = attribute_name(p, size, known);
    if (*value != '{' || is_attribute(attribute))
        return take_attribute(p, value, attribute);
    p->name[size] = '.';
    return enter(p, value, INSIDE_ATTRIBUTES, size + 1, opened);
}

static enum json_span_key key_inside(enum inside inside, struct bytes key,
                                     const struct json_span_name *known)
{
    enum json_span_key meaning = known != NULL ? known->key : KEY_ATTRIBUTE;
    switch (inside) {
    case INSIDE_SPAN:
        return meaning;
    case INSIDE_STATUS:
        if (meaning == KEY_STATUS_CODE || bytes_equal_text(key, "code"))
            return KEY_STATUS_CODE;
        return bytes_equal_text(key, "message") || bytes_equal_text(key, "description")
                   ? KEY_STATUS_MESSAGE
                   : KEY_IGNORED;
    case INSIDE_SCOPE:
        return meaning == KEY_NAME ? KEY_SCOPE : KEY_IGNORED;
    default:
        return meaning == KEY_ATTRIBUTES || meaning == KEY_TTFT_NS || meaning == KEY_TTFT_MS
                   ? meaning
                   : KEY_ATTRIBUTE;
    }
}

static const uint8_t *take_member(struct plain *p, const uint8_t *at, bool *opened)
{
    struct walk_string key, text = {.escaped = false};
    const uint8_t *end = p->object->end;
    const uint8_t *value = walk_key(at, end, &key);
    if (value == NULL || (value = walk_space(value, end)) == end)
        return wrong(p, at, "a key in quotes, a colon and a value are expected here");
    const struct json_span_name *known = json_span_name_find(key.raw);
    enum json_span_key meaning = key_inside(top(p)->inside, key.raw, known);
    bool object = *value == '{', container = object || *value == '[';
    if (end - value >= 4 && memcmp(value, "null", 4) == 0)
        return value + 4;
    if (meaning == KEY_ATTRIBUTE)
        return take_named(p, value, key.raw, known, opened);
    if (object && (meaning == KEY_ATTRIBUTES || meaning == KEY_GROUP))
        return enter(p, value, meaning == KEY_GROUP ? INSIDE_SPAN : INSIDE_ATTRIBUTES, 0, opened);
    if (object && (meaning == KEY_STATUS || meaning == KEY_SCOPE))
        return enter(p, value, meaning == KEY_SCOPE ? INSIDE_SCOPE : INSIDE_STATUS, 0, opened);
    if (!container && (meaning == KEY_TTFT_NS || meaning == KEY_TTFT_MS))
        return take_ttft(p, value, meaning == KEY_TTFT_NS ? 1e-9 : 1e-3);
    const uint8_t *next = container       ? walk_skip(value, end)
                          : *value == '"' ? walk_string(value + 1, end, &text)
                                          : walk_word(value, end, &text.raw);
    if (next == NULL)
        return wrong(p, value, "a value without its end");
    return container ? next : take_core(p, meaning, text, next);
}

static bool put_core(struct plain *p)
{
    struct buffer *out = p->out;
    if (p->end_ns == TIME_NONE && p->duration_ns != TIME_NONE && p->start_ns != TIME_NONE &&
        p->duration_ns <= UINT64_MAX - 1 - p->start_ns)
        p->end_ns = p->start_ns + p->duration_ns;
    message_put_field(out, 1, bytes_of(p->trace_id.bytes, p->trace_id.size));
    message_put_field(out, 2, bytes_of(p->span_id.bytes, p->span_id.size));
    message_put_field(out, 4, bytes_of(p->parent_id.bytes, p->parent_id.size));
    buffer_put_u8(out, WIRE_TAG(6, WIRE_VARINT));
    buffer_put_varint(out, p->kind > 0 ? (uint64_t)p->kind : 0);
    const uint64_t times[] = {p->start_ns, p->end_ns};
    for (uint8_t i = 0; i < 2; i++) {
        buffer_put_u8(out, (uint8_t)WIRE_TAG(7 + i, WIRE_FIXED64));
        buffer_put_u64(out, times[i] == TIME_NONE ? 0 : times[i]);
    }
    int status = p->status > 0 ? p->status : 0;
    if ((status > 0 || bytes_present(p->status_message.raw)) &&
        !message_put_status(out, status, &p->status_message))
        return false;
    return message_put_text_field(out, 5, &p->span_name) && !out->failed;
}

const uint8_t *json_span_object_read(struct json_span_object *object, const uint8_t *at)
{
    struct plain p = {.object = object,
                      .out = object->out,
                      .start_ns = TIME_NONE,
                      .end_ns = TIME_NONE,
                      .duration_ns = TIME_NONE};
    const uint8_t *start = at;
    bool opened = false;
    at = enter(&p, at, INSIDE_SPAN, 0, &opened);
    while (p.depth > 0) {
        at = walk_space(at, object->end);
        if (at == object->end)
            return wrong(&p, at, "the text ends inside");
        if (*at == '}') {
            p.depth--;
            opened = false;
            at++;
            continue;
        }
        if (!opened) {
            if (*at != ',')
                return wrong(&p, at, "a comma or a closing bracket is expected here");
            at = walk_space(at + 1, object->end);
        }
        opened = false;
        at = take_member(&p, at, &opened);
        if (at == NULL)
            return NULL;
    }
    if (!put_core(&p))
        return escape_or_room(&p, start);
    object->scope = p.scope;
    return at;
}
