/* files.c - see files.h. */
#include "tests/schemas/files.h"

#include "engine/base/file.h"

#include <stdio.h>

const char *const schema_files[SCHEMA_FILES] = {"alert.avsc", "judge_request.avsc", "rate.avsc",
                                                "score.avsc", "span.avsc",          "verdict.avsc"};

bool schema_file_read(const char *name, struct buffer *out)
{
    char path[600];
    struct error error;
    snprintf(path, sizeof path, "%s/schemas/%s", ASSAY_SOURCE_DIR, name);
    *out = BUFFER_WITH_LIMIT((size_t)1 << 20);
    return file_read_all(path, out, &error);
}
