/* avro_text.h - a record read by our own programs as text, its fields in the reader's order. */
#ifndef TESTS_SPAN_AVRO_TEXT_H
#define TESTS_SPAN_AVRO_TEXT_H

#include "engine/span/avro_event.h"

/* The program must have marks. */
bool avro_text(const struct avro_program *program, struct bytes record, struct buffer *out,
               struct avro_fault *fault);
/* Parses and compiles with marks; fails the program on schemas that cannot be read. NULL: an error. */
struct avro_program *avro_text_compile(struct bytes writer, struct bytes reader,
                                       struct error *error);

#endif
