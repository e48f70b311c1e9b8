/*
 * test.h - what every test program includes: cmocka in its required order, the real material, a
 * scratch folder.
 *
 * A test that needs the real material calls TEST_NEEDS_DATA, and is reported as skipped without it.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The folder with real material: $ASSAY_DATA, else ../shared/data beside the checkout; or NULL. */
static inline const char *test_data_folder(void)
{
    static char folder[1024];
    struct stat status;
    const char *named = getenv("ASSAY_DATA");
    if (named != NULL && *named != '\0')
        snprintf(folder, sizeof folder, "%s", named);
    else
        snprintf(folder, sizeof folder, "%s", ASSAY_SOURCE_DIR "/../shared/data");
    return stat(folder, &status) == 0 && S_ISDIR(status.st_mode) ? folder : NULL;
}

/* Path of a file of the real material in out; false when it is not there. */
static inline bool test_data_path(char *out, size_t size, const char *file)
{
    struct stat status;
    const char *folder = test_data_folder();
    if (folder == NULL)
        return false;
    int written = snprintf(out, size, "%s/%s", folder, file);
    return written > 0 && (size_t)written < size && stat(out, &status) == 0;
}

#define TEST_NEEDS_DATA(out, file)                                                                 \
    do {                                                                                           \
        if (!test_data_path((out), sizeof(out), (file))) {                                         \
            print_message("skipped: %s is not there; set ASSAY_DATA\n", (file));                   \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* True under ./run test --full. */
static inline bool test_is_full(void)
{
    const char *full = getenv("ASSAY_FULL");
    return full != NULL && strcmp(full, "1") == 0;
}

/* $ASSAY_SEED or the given default; printed, so that a failure can be repeated. */
static inline uint64_t test_seed(uint64_t otherwise)
{
    const char *text = getenv("ASSAY_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : otherwise;
    print_message("seed %llu (repeat with ASSAY_SEED)\n", (unsigned long long)seed);
    return seed;
}

/* A new empty folder under $TMPDIR or /tmp; the test removes it. Static storage, one per program. */
static inline const char *test_scratch_folder(void)
{
    static char folder[256];
    const char *base = getenv("TMPDIR");
    if (folder[0] == '\0') {
        snprintf(folder, sizeof folder, "%s/assay-test-XXXXXX", base != NULL ? base : "/tmp");
        if (mkdtemp(folder) == NULL)
            fail_msg("no scratch folder at %s", folder);
    }
    return folder;
}

#endif
