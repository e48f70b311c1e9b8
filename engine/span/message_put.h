/*
 * message_put.h - fields and attributes of an OTLP Span message, written for spans that come in another
 * form. Text comes as JSON has it and is unescaped on its way; functions with text are false for an
 * illegal escape, and when the buffer is full.
 */
#ifndef ENGINE_SPAN_MESSAGE_PUT_H
#define ENGINE_SPAN_MESSAGE_PUT_H

#include "engine/base/buffer.h"
#include "engine/span/json_walk.h"

void message_put_field(struct buffer *out, uint32_t number, struct bytes body);
bool message_put_text_field(struct buffer *out, uint32_t number, const struct walk_string *text);
bool message_put_status(struct buffer *out, int code, const struct walk_string *message);

/* Attributes: field 9. */
void message_put_integer(struct buffer *out, struct bytes key, uint64_t integer, bool boolean);
void message_put_real(struct buffer *out, struct bytes key, double real);
bool message_put_text(struct buffer *out, struct bytes key, const struct walk_string *text);
/* A text as it stands, escapes and all. */
void message_put_json(struct buffer *out, struct bytes key, struct bytes json);

#endif
