/*
 * otlp_transcode.c - see otlp_transcode.h. A message's length stands before its body and is known behind
 * it: one byte is kept free, and a body of 128 bytes or more is moved up when it is closed.
 */
#include "engine/span/otlp_transcode.h"

#include "engine/span/json_walk.h"
#include "engine/span/otlp_wire.h"

/* An open message. */
struct frame {
    const struct otlp_message *message;
    const struct otlp_field *list; /* inside the array of this field; NULL: between members */
    uint8_t *body;                 /* its length goes right before */
    uint32_t nesting;              /* of lists and maps around what is in here */
};

static const uint8_t *refuse(struct transcode *to, const uint8_t *at, enum refusal code,
                             const char *reason)
{
    to->fault = at;
    to->code = code;
    to->reason = reason;
    return NULL;
}

static const uint8_t *wrong(struct transcode *to, const uint8_t *at, const char *reason)
{
    return refuse(to, at, REFUSAL_MALFORMED, reason);
}

static const uint8_t *no_room(struct transcode *to, const uint8_t *at)
{
    return refuse(to, at, REFUSAL_TOO_LARGE, "the span needs more room than its text");
}

/* ---- writing ----------------------------------------------------------------------------------------------- */

#define TAG_BYTES_MAX    2
#define VARINT_BYTES_MAX 10

static inline size_t room_left(const struct transcode *to) { return (size_t)(to->room - to->out); }

static inline uint8_t *put_varint(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

static inline uint8_t *put_tag(uint8_t *out, const struct otlp_field *field, enum wire_type type)
{
    return put_varint(out, (uint64_t)field->number << 3 | (uint64_t)type);
}

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

/* Puts the length before the body that ends at `out`; false: no room. */
static bool close_body(struct transcode *to, uint8_t *body)
{
    size_t size = (size_t)(to->out - body), extra = varint_size(size) - 1;
    if (extra > room_left(to))
        return false;
    if (extra > 0)
        memmove(body + extra, body, size);
    (void)put_varint(body - 1, size);
    to->out += extra;
    return true;
}

/* ---- scalars ------------------------------------------------------------------------------------------------ */

/* A text or number as its characters; keywords too. */
struct scalar {
    struct walk_string text;
    bool quoted;
};

static const uint8_t *read_scalar(struct transcode *to, const uint8_t *at, struct scalar *out)
{
    out->quoted = *at == '"';
    out->text.escaped = false;
    const uint8_t *next = out->quoted ? walk_string(at + 1, to->end, &out->text)
                                      : walk_word(at, to->end, &out->text.raw);
    return next != NULL ? next
                        : wrong(to, at, "neither text nor number, or a text without its end");
}

static const uint8_t *put_text(struct transcode *to, const uint8_t *at,
                               const struct otlp_field *field)
{
    struct walk_string text;
    if (*at != '"')
        return refuse(to, at, REFUSAL_BAD_VALUE, "a text is expected here");
    const uint8_t *next = walk_string(at + 1, to->end, &text);
    if (next == NULL)
        return wrong(to, at, "a text without its end, or with a control character");
    size_t size = text.raw.size;
    if (size + TAG_BYTES_MAX + VARINT_BYTES_MAX > room_left(to))
        return no_room(to, at);
    to->out = put_tag(to->out, field, WIRE_BYTES);
    if (!text.escaped) {
        size = size > to->text_bytes_max ? to->text_bytes_max + 1 : size;
        to->out = put_varint(to->out, size);
        memcpy(to->out, text.raw.data, size);
        to->out += size;
        return next;
    }
    uint8_t *body = to->out + 1;
    if (!walk_unescape(text.raw, body, &size))
        return wrong(to, at, "an illegal escape");
    to->out = body + (size > to->text_bytes_max ? to->text_bytes_max + 1 : size);
    return close_body(to, body) ? next : no_room(to, at);
}

/* Ids are hexadecimal in OTLP and base64 in plain proto3 JSON; their lengths tell them apart. What is
 * neither becomes one byte: the walker refuses it where it matters, and only there. */
static void put_id(struct transcode *to, struct bytes text, const struct otlp_field *field)
{
    uint8_t id[24] = {0};
    size_t size = field->type == OTLP_TRACE_ID ? 16 : 8, decoded = 0;
    if (text.size == 0)
        size = 0;
    else if (!walk_hex(text, id, size) &&
             (text.size > 24 || !walk_base64(text, id, &decoded) || decoded != size))
        size = 1;
    to->out = put_varint(put_tag(to->out, field, WIRE_BYTES), size);
    memcpy(to->out, id, size);
    to->out += size;
}

static const uint8_t *put_blob(struct transcode *to, const uint8_t *at, const uint8_t *next,
                               struct bytes text, const struct otlp_field *field)
{
    if (text.size + TAG_BYTES_MAX + VARINT_BYTES_MAX > room_left(to))
        return no_room(to, at);
    uint8_t *body = put_tag(to->out, field, WIRE_BYTES) + 1;
    size_t size;
    if (!walk_base64(text, body, &size))
        return refuse(to, at, REFUSAL_BAD_VALUE, "bytesValue is not base64");
    to->out = body + size;
    return close_body(to, body) ? next : no_room(to, at);
}

static bool boolean_of(struct bytes text, uint64_t *out)
{
    *out = bytes_equal_text(text, "true");
    return *out != 0 || bytes_equal_text(text, "false");
}

/* False: it cannot be read as one; nothing was written. */
static bool put_number(struct transcode *to, struct bytes text, const struct otlp_field *field)
{
    uint64_t bits = 0;
    int64_t integer = 0;
    double real;
    int value;
    switch ((enum otlp_field_type)field->type) {
    case OTLP_TIME:
        if (!walk_unsigned(text, &bits))
            return false;
        to->out = put_tag(to->out, field, WIRE_FIXED64);
        memcpy(to->out, &bits, sizeof bits);
        to->out += sizeof bits;
        return true;
    case OTLP_REAL:
        if (!walk_real(text, &real))
            return false;
        to->out = put_tag(to->out, field, WIRE_FIXED64);
        memcpy(to->out, &real, sizeof real);
        to->out += sizeof real;
        return true;
    case OTLP_FLAGS:
        if (!walk_unsigned(text, &bits) || bits > UINT32_MAX)
            return false;
        to->out = put_tag(to->out, field, WIRE_FIXED32);
        memcpy(to->out, &bits, sizeof(uint32_t));
        to->out += sizeof(uint32_t);
        return true;
    case OTLP_INTEGER:
        if (!walk_integer(text, &integer))
            return false;
        bits = (uint64_t)integer;
        break;
    case OTLP_BOOLEAN:
        if (!boolean_of(text, &bits))
            return false;
        break;
    default: /* enums */
        if ((value = otlp_enum_value((enum otlp_field_type)field->type, text)) < 0)
            return false;
        bits = (uint64_t)value;
        break;
    }
    to->out = put_varint(put_tag(to->out, field, WIRE_VARINT), bits);
    return true;
}

static const uint8_t *put_scalar(struct transcode *to, const uint8_t *at,
                                 const struct otlp_field *field)
{
    if (field->type == OTLP_TEXT)
        return put_text(to, at, field);
    struct scalar scalar;
    const uint8_t *next = read_scalar(to, at, &scalar);
    if (next == NULL)
        return NULL;
    if (room_left(to) < 32)
        return no_room(to, at);
    struct bytes text = scalar.text.raw;
    if (field->type == OTLP_BYTES)
        return put_blob(to, at, next, text, field);
    if (field->type == OTLP_TRACE_ID || field->type == OTLP_SPAN_ID)
        put_id(to, text, field);
    else if (!put_number(to, text, field) && field->type == OTLP_TIME)
        return refuse(to, at, REFUSAL_BAD_VALUE,
                      "a time must be nanoseconds since 1970, as digits or as text of digits");
    return next;
}

/* ---- structure ----------------------------------------------------------------------------------------------- */

struct stack {
    uint32_t depth; /* open messages */
    struct frame frames[TRANSCODE_DEPTH_MAX];
};

static const uint8_t *open_message(struct transcode *to, const uint8_t *at, struct stack *stack,
                                   const struct otlp_field *field)
{
    if (*at != '{')
        return refuse(to, at, REFUSAL_BAD_VALUE, "an object is expected here");
    const struct frame *around = &stack->frames[stack->depth - 1];
    uint32_t nesting = around->nesting + field->message->nests;
    if (stack->depth == TRANSCODE_DEPTH_MAX || nesting > to->nesting_depth_max)
        return refuse(to, at, REFUSAL_TOO_DEEP, "a value is nested deeper than nesting_depth_max");
    if (room_left(to) < TAG_BYTES_MAX + 1)
        return no_room(to, at);
    uint8_t *body = put_tag(to->out, field, WIRE_BYTES) + 1;
    to->out = body;
    stack->frames[stack->depth++] = (struct frame){field->message, NULL, body, nesting};
    return at + 1;
}

static bool is_null(const uint8_t *at, const uint8_t *end)
{
    return *at == 'n' && end - at >= 4 && memcmp(at, "null", 4) == 0;
}

/* One element of a list, or a member's value. Opens a message, or reads the whole value: *opened. */
static const uint8_t *take_value(struct transcode *to, const uint8_t *at, struct stack *stack,
                                 const struct otlp_field *field, bool *opened)
{
    *opened = false;
    if (is_null(at, to->end))
        return at + 4;
    if (field->type != OTLP_MESSAGE)
        return put_scalar(to, at, field);
    *opened = true;
    return open_message(to, at, stack, field);
}

/* From a key (or the closing bracket) to behind its value, or into it: *opened, a message or a list. */
static const uint8_t *take_member(struct transcode *to, const uint8_t *at, struct stack *stack,
                                  bool *opened)
{
    struct frame *frame = &stack->frames[stack->depth - 1];
    struct walk_string key;
    *opened = false;
    const uint8_t *value = walk_key(at, to->end, &key);
    if (value == NULL)
        return wrong(to, at, "a key in quotes and a colon are expected here");
    const struct otlp_field *field =
        key.raw.size > 0 ? otlp_field_find(frame->message, key.raw) : NULL;
    value = walk_space(value, to->end);
    if (value == to->end)
        return wrong(to, value, "the text ends inside");
    if (field == NULL) {
        const uint8_t *next = walk_skip(value, to->end);
        return next != NULL ? next : wrong(to, value, "a value without its end");
    }
    if (!field->repeated || *value == 'n')
        return take_value(to, value, stack, field, opened);
    if (*value != '[')
        return refuse(to, value, REFUSAL_BAD_VALUE, "an array is expected here");
    frame->list = field;
    *opened = true;
    return value + 1;
}

/* Behind a complete value: over a comma, or out of what ends here. At depth 0 everything is read. */
static const uint8_t *after_value(struct transcode *to, const uint8_t *at, struct stack *stack)
{
    while (stack->depth > 0) {
        struct frame *frame = &stack->frames[stack->depth - 1];
        at = walk_space(at, to->end);
        if (at == to->end)
            return wrong(to, at, "the text ends inside");
        if (*at == ',')
            return at + 1;
        if (*at != (frame->list != NULL ? ']' : '}'))
            return wrong(to, at, "a comma or a closing bracket is expected here");
        at++;
        if (frame->list != NULL) {
            frame->list = NULL;
            continue;
        }
        stack->depth--;
        if (frame->body != NULL && !close_body(to, frame->body))
            return no_room(to, at - 1);
    }
    return at;
}

const uint8_t *transcode_message(struct transcode *to, const uint8_t *at,
                                 const struct otlp_message *message)
{
    struct stack stack;
    stack.depth = 1;
    stack.frames[0] = (struct frame){message, NULL, NULL, 0};
    bool opened = true;
    at++;
    while (stack.depth > 0) {
        const struct frame *frame = &stack.frames[stack.depth - 1];
        at = walk_space(at, to->end);
        if (at == to->end)
            return wrong(to, at, "the text ends inside");
        bool closes = opened && *at == (frame->list != NULL ? ']' : '}');
        opened = false;
        if (!closes) {
            at = frame->list != NULL ? take_value(to, at, &stack, frame->list, &opened)
                                     : take_member(to, at, &stack, &opened);
            if (at == NULL)
                return NULL;
        }
        if (!opened && (at = after_value(to, at, &stack)) == NULL)
            return NULL;
    }
    return at;
}
