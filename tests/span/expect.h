/* expect.h - text of a column as tests expect it; include tests/test.h before. */
#ifndef TESTS_SPAN_EXPECT_H
#define TESTS_SPAN_EXPECT_H

#include "engine/base/bytes.h"

/* NULL: the text is absent, which is not the same as empty. */
static inline void expect_text(struct bytes got, const char *text)
{
    if (bytes_present(got) != (text != NULL) || (text != NULL && !bytes_equal_text(got, text)))
        fail_msg("\"%.*s\" is not \"%s\"", BYTES_FMT(got), text != NULL ? text : "(absent)");
}

#endif
