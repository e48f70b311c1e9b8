/*
 * json.c - the one home of yyjson: reading into a fixed pool, and shortest numbers for the writer.
 *
 * A document is one pool: parsing starts it afresh, so the steady state allocates nothing and what
 * cannot fit is refused. yyjson reads without recursion; the nesting limit is checked on its values
 * before anyone sees them. Numbers too large for a double stay text ("raw") and are not refused:
 * they are valid JSON.
 */
#include "engine/base/json_internal.h"

#include "engine/base/check.h"
#include "engine/base/json_valid.h"
#include "engine/base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <yyjson.h>

#define POOL_BYTES_MIN ((size_t)1024)
#define DEPTH_CAP 1024u /* json_parse allows no more, whatever depth_max says */

struct json_document {
    yyjson_doc *parsed;
    size_t pool_bytes;
    _Alignas(16) uint8_t pool[];
};

struct json_document *json_create(size_t memory_bytes)
{
    if (memory_bytes < POOL_BYTES_MIN)
        memory_bytes = POOL_BYTES_MIN;
    CHECK(memory_bytes < SIZE_MAX / 2);
    struct json_document *document = memory_allocate(sizeof *document + memory_bytes);
    document->pool_bytes = memory_bytes;
    return document;
}

void json_destroy(struct json_document *document) { memory_free(document); }

/* Values lie in reading order and know where their container ends: depth without recursion. */
static bool depth_within(yyjson_doc *parsed, unsigned depth_max)
{
    const yyjson_val *ends[DEPTH_CAP];
    unsigned limit = depth_max < DEPTH_CAP ? depth_max : DEPTH_CAP;
    unsigned depth = 0;
    yyjson_val *value = yyjson_doc_get_root(parsed);
    const yyjson_val *end = value + yyjson_doc_get_val_count(parsed);
    for (; value < end; value++) {
        while (depth > 0 && ends[depth - 1] == value)
            depth--;
        if (!yyjson_is_ctn(value))
            continue;
        if (depth == limit)
            return false;
        ends[depth++] = unsafe_yyjson_get_next(value);
    }
    return true;
}

const struct json_value *json_parse(struct json_document *document, struct bytes text, unsigned depth_max,
                                    struct error *error)
{
    document->parsed = NULL;
    if (text.size == 0) {
        error_set(error, ERROR_INPUT, "byte 0: no JSON value, the text is empty");
        return NULL;
    }
    yyjson_alc pool;
    if (!yyjson_alc_pool_init(&pool, document->pool, document->pool_bytes)) {
        error_set(error, ERROR_LIMIT, "the JSON pool of %zu bytes is too small", document->pool_bytes);
        return NULL;
    }
    yyjson_read_err why = {0};
    /* Without INSITU the input is copied, never written, although the parameter is not const. */
    yyjson_doc *parsed = yyjson_read_opts((char *)(uintptr_t)text.data, text.size, YYJSON_READ_BIGNUM_AS_RAW, &pool, &why);
    if (parsed == NULL && why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
        error_set(error, ERROR_LIMIT, "the JSON text of %zu bytes needs more than the %zu bytes kept for its values",
                  text.size, document->pool_bytes);
        return NULL;
    }
    if (parsed == NULL) {
        error_set(error, ERROR_INPUT, "byte %zu: %s", why.pos, why.msg ? why.msg : "not JSON");
        return NULL;
    }
    if (!depth_within(parsed, depth_max)) {
        error_set(error, ERROR_LIMIT, "more than %u levels of arrays and objects", depth_max);
        return NULL;
    }
    document->parsed = parsed;
    return (const struct json_value *)yyjson_doc_get_root(parsed);
}

bool json_valid(struct json_document *document, struct bytes text)
{
    return json_check(text, document->pool, document->pool_bytes);
}

/* ---- looking at values ------------------------------------------------------------------------------ */

static yyjson_val *value_of(const struct json_value *value) { return (yyjson_val *)(uintptr_t)value; }

static const struct json_value *value_from(const yyjson_val *value) { return (const struct json_value *)value; }

const struct json_value *json_get(const struct json_value *object, const char *key)
{
    return value_from(yyjson_obj_get(value_of(object), key));
}

const struct json_value *json_at(const struct json_value *array, size_t index)
{
    return value_from(yyjson_arr_get(value_of(array), index));
}

size_t json_count(const struct json_value *value)
{
    return yyjson_is_ctn(value_of(value)) ? yyjson_get_len(value_of(value)) : 0;
}

bool json_is_object(const struct json_value *value) { return yyjson_is_obj(value_of(value)); }

bool json_is_array(const struct json_value *value) { return yyjson_is_arr(value_of(value)); }

bool json_is_text(const struct json_value *value) { return yyjson_is_str(value_of(value)); }

bool json_is_number(const struct json_value *value)
{
    return yyjson_is_num(value_of(value)) || yyjson_is_raw(value_of(value));
}

bool json_is_true(const struct json_value *value) { return yyjson_is_true(value_of(value)); }

bool json_is_null(const struct json_value *value) { return yyjson_is_null(value_of(value)); }

struct bytes json_text(const struct json_value *value)
{
    const char *text = yyjson_get_str(value_of(value));
    return text ? bytes_of(text, yyjson_get_len(value_of(value))) : BYTES_NONE;
}

/* "-?[0-9]+" within int64; nothing else. */
static bool integer_from_text(struct bytes text, int64_t *out)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at == text.size || text.size > 20)
        return false;
    uint64_t magnitude = 0;
    for (; at < text.size; at++) {
        unsigned digit = (unsigned)text.data[at] - '0';
        if (digit > 9 || magnitude > (UINT64_MAX - digit) / 10)
            return false;
        magnitude = magnitude * 10 + digit;
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool json_integer(const struct json_value *value, int64_t *out)
{
    yyjson_val *v = value_of(value);
    if (yyjson_is_str(v))
        return integer_from_text(json_text(value), out);
    if (yyjson_is_real(v)) { /* 5.0 and 1e3 are integers, too */
        double real = yyjson_get_real(v);
        if (real != floor(real) || fabs(real) > 9007199254740992.0)
            return false;
        *out = (int64_t)real;
        return true;
    }
    if (!yyjson_is_int(v) || (yyjson_is_uint(v) && yyjson_get_uint(v) > (uint64_t)INT64_MAX))
        return false;
    *out = yyjson_get_sint(v);
    return true;
}

/* Only what JSON calls a number: no hexadecimal, no "inf", no spaces. */
static bool real_from_text(const char *text, size_t size, double *out)
{
    if (size == 0 || strspn(text, "0123456789+-.eE") != size || strchr("0123456789-", text[0]) == NULL)
        return false;
    char *end = NULL;
    double real = strtod(text, &end);
    if (end != text + size || !isfinite(real))
        return false;
    *out = real;
    return true;
}

bool json_real(const struct json_value *value, double *out)
{
    yyjson_val *v = value_of(value);
    if (yyjson_is_str(v)) /* yyjson ends its strings with a NUL */
        return real_from_text(yyjson_get_str(v), yyjson_get_len(v), out);
    if (yyjson_is_raw(v))
        return real_from_text(yyjson_get_raw(v), yyjson_get_len(v), out);
    if (!yyjson_is_num(v))
        return false;
    *out = yyjson_get_num(v);
    return true;
}

struct json_members json_members(const struct json_value *object)
{
    if (!json_is_object(object))
        return (struct json_members){object, NULL, 0};
    return (struct json_members){object, unsafe_yyjson_get_first(value_of(object)), json_count(object)};
}

bool json_next(struct json_members *members, struct bytes *key, const struct json_value **value)
{
    if (members->left == 0)
        return false;
    yyjson_val *name = value_of(members->at);
    yyjson_val *held = name + 1;
    *key = json_text(members->at);
    *value = value_from(held);
    members->at = unsafe_yyjson_get_next(held);
    members->left--;
    return true;
}

struct bytes json_format_real(double value, char out[JSON_REAL_BYTES])
{
    _Alignas(16) uint8_t room[512];
    yyjson_alc pool;
    CHECK(yyjson_alc_pool_init(&pool, room, sizeof room));
    yyjson_val number = {.tag = (uint64_t)(YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL), .uni = {.f64 = value}};
    size_t size = 0;
    const char *text = yyjson_val_write_opts(&number, YYJSON_WRITE_NOFLAG, &pool, &size, NULL);
    CHECK(text != NULL && size < JSON_REAL_BYTES);
    memcpy(out, text, size);
    return bytes_of(out, size);
}

/* ---- writing values back ----------------------------------------------------------------------------- */

static void *write_allocate(void *unused, size_t size)
{
    (void)unused;
    return memory_allocate_raw(size);
}

static void *write_resize(void *unused, void *memory, size_t old_size, size_t size)
{
    (void)unused;
    (void)old_size;
    return memory_resize(memory, size);
}

static void write_free(void *unused, void *memory)
{
    (void)unused;
    memory_free(memory);
}

void json_put_value(struct json_writer *writer, const struct json_value *value)
{
    const yyjson_alc allocator = {write_allocate, write_resize, write_free, NULL};
    size_t size = 0;
    char *text = value == NULL ? NULL : yyjson_val_write_opts(value_of(value), 0, &allocator, &size, NULL);
    json_put_raw(writer, text != NULL ? bytes_of(text, size) : BYTES_LITERAL("null"));
    memory_free(text);
}
