/*
 * json.h - reading and writing JSON; the one home of yyjson.
 *
 * Reading is bounded by the caller's size limit and by a nesting limit; a document owns its memory
 * until json_reset. Writing appends to a buffer, in order, with escapes; numbers print shortest.
 */
#ifndef ENGINE_BASE_JSON_H
#define ENGINE_BASE_JSON_H

#include "engine/base/buffer.h"
#include "engine/base/error.h"

/* ---- reading: one reusable document per user, so that the steady state allocates nothing --------- */
struct json_document;
struct json_value; /* borrowed from its document */

struct json_document *json_create(size_t memory_bytes); /* room for parsed values, fixed */
void json_destroy(struct json_document *document);
/* NULL on bad JSON, trailing bytes, more than depth_max levels, or no room; error says where
 * ("byte 17: unexpected character"). Replaces what the document held. Strict RFC 8259. */
const struct json_value *json_parse(struct json_document *document, struct bytes text, unsigned depth_max, struct error *error);

const struct json_value *json_get(const struct json_value *object, const char *key); /* NULL-safe */
const struct json_value *json_at(const struct json_value *array, size_t index);      /* NULL-safe */
size_t json_count(const struct json_value *array_or_object);                         /* 0 on NULL */
bool json_is_object(const struct json_value *value);
bool json_is_array(const struct json_value *value);
bool json_is_text(const struct json_value *value);
bool json_is_number(const struct json_value *value);
bool json_is_true(const struct json_value *value);
bool json_is_null(const struct json_value *value);
struct bytes json_text(const struct json_value *value);                 /* absent unless a string */
bool json_integer(const struct json_value *value, int64_t *out);        /* integer or decimal string */
bool json_real(const struct json_value *value, double *out);            /* number or decimal string */

struct json_members { /* iterate: struct json_members m = json_members(v); while (json_next(&m, &key, &value)) … */
    const struct json_value *container;
    const void *at;
    size_t left;
};
struct json_members json_members(const struct json_value *object);
bool json_next(struct json_members *members, struct bytes *key, const struct json_value **value);

/* True iff text is one valid JSON value (RFC 8259) and nothing else. Needs no memory but the document's. */
bool json_valid(struct json_document *document, struct bytes text);

/* ---- writing -------------------------------------------------------------------------------------- */
struct json_writer {
    struct buffer *out;
    bool comma; /* the next item needs one */
};
static inline struct json_writer json_writer_on(struct buffer *out) { return (struct json_writer){out, false}; }
void json_open_object(struct json_writer *writer);
void json_close_object(struct json_writer *writer);
void json_open_array(struct json_writer *writer);
void json_close_array(struct json_writer *writer);
void json_key(struct json_writer *writer, const char *key);
void json_put_text(struct json_writer *writer, struct bytes text); /* invalid UTF-8 becomes U+FFFD; absent is null */
void json_put_integer(struct json_writer *writer, int64_t value);
void json_put_unsigned(struct json_writer *writer, uint64_t value);
void json_put_real(struct json_writer *writer, double value); /* not finite: null */
void json_put_boolean(struct json_writer *writer, bool value);
void json_put_null(struct json_writer *writer);
void json_put_hex(struct json_writer *writer, struct bytes id); /* bytes as lower-case hex text; absent is null */
void json_put_raw(struct json_writer *writer, struct bytes json); /* already JSON */
void json_put_value(struct json_writer *writer, const struct json_value *value); /* all of it; NULL is null. Allocates */

#endif
