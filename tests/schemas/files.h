/* files.h - the schemas of the repository and of released sets, as files. */
#ifndef TESTS_SCHEMAS_FILES_H
#define TESTS_SCHEMAS_FILES_H

#include "engine/base/buffer.h"

#define SCHEMA_FILES 6
/* "alert.avsc", …: every schema there is. */
extern const char *const schema_files[SCHEMA_FILES];

/* A file of schemas/ ("score.avsc", "released/1/score.avsc") into *out, which the owner frees. False: it is not there. */
bool schema_file_read(const char *name, struct buffer *out);

#endif
