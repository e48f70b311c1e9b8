/*
 * program.h - the built program as a user meets it: run with arguments, what it printed, how it ended;
 * and a scratch folder with files of traffic for it.
 */
#ifndef TESTS_COMMAND_PROGRAM_H
#define TESTS_COMMAND_PROGRAM_H

#include "tests/test.h"

#include "engine/base/buffer.h"

/* What one run gave. Texts are NUL-terminated. */
struct program_run {
    int code; /* exit code; -1: killed by a signal */
    struct buffer out, err;
};

/* Skips the test (and returns false) when the program was not built. */
bool program_is_there(void);
/* Runs `assay` with these arguments, NULL-ended, in this folder (NULL: where the test runs). */
struct program_run program_run(const char *folder, const char *const *arguments);
#define PROGRAM_RUN(folder, ...) program_run((folder), (const char *const[]){__VA_ARGS__, NULL})
/* The same with a terminal for stderr. */
struct program_run program_run_on_terminal(const char *folder, const char *const *arguments);
void program_free(struct program_run *run);

const char *program_out(const struct program_run *run);
const char *program_err(const struct program_run *run);
/* How often a text occurs. */
uint32_t program_count(const char *text, const char *part);
/* Fails the test, showing everything that was printed. */
void program_expect(const struct program_run *run, int code, const char *in_out, const char *in_err);

/* The scratch folder of this program. */
const char *program_folder(void);
/* Writes a file into the scratch folder; its path in `path` (300 bytes). */
void program_file(const char *name, struct bytes content, char *path);
/* Empties and removes the scratch folder. */
void program_clean(void);

#endif
