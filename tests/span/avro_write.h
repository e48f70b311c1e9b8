/* avro_write.h - Avro on the wire for tests and benches: the little that struct buffer does not say. */
#ifndef TESTS_SPAN_AVRO_WRITE_H
#define TESTS_SPAN_AVRO_WRITE_H

#include "engine/base/buffer.h"

static inline void avro_put_text(struct buffer *out, const char *text)
{
    buffer_put_zigzag(out, (int64_t)strlen(text));
    buffer_append_text(out, text);
}

/* A union's branch, then text. */
static inline void avro_put_branch_text(struct buffer *out, int64_t branch, const char *text)
{
    buffer_put_zigzag(out, branch);
    avro_put_text(out, text);
}

#endif
