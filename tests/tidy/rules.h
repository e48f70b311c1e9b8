/*
 * rules.h - the tree's rules as checks on one file's text; tidy_test.c runs them over the tree and
 * over planted violations.
 *
 * A line that must break the rule "call" or "global" says why in a comment on it or right above:
 *     tidy: allow global, because …
 */
#ifndef TESTS_TIDY_RULES_H
#define TESTS_TIDY_RULES_H

#include <stddef.h>

enum tidy_rule {
    TIDY_INCLUDE,  /* who may include whom; from the root; no .c */
    TIDY_HOME,     /* each third-party header has one home file */
    TIDY_CALL,     /* banned functions */
    TIDY_FUNCTION, /* function length */
    TIDY_FILE,     /* file length */
    TIDY_COMMENT,  /* the first thing in a file says what it is for; include guards */
    TIDY_GLOBAL,   /* no mutable state outside main */
    TIDY_PATH,     /* no paths of one machine, no registry hosts */
    TIDY_RULES
};

#define TIDY_FUNCTION_LINES_MAX 70
#define TIDY_FILE_LINES_MAX     500
#define TIDY_FILE_LINES_WARN    350

struct tidy_finding {
    char path[200];
    unsigned line;
    enum tidy_rule rule;
    char text[200];
};

struct tidy_findings {
    struct tidy_finding *items;
    size_t count;
    size_t capacity;
};

extern const char *const tidy_rule_names[TIDY_RULES];

void tidy_report(struct tidy_findings *findings, const char *path, unsigned line,
                 enum tidy_rule rule, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Checks C text (.c, .h) that lives at path, relative to the root. */
void tidy_check_source(const char *path, const char *text, struct tidy_findings *findings);
/* Checks any text file. */
void tidy_check_text(const char *path, const char *text, struct tidy_findings *findings);

/* ---- scan.c: C text with parts blanked out; lines and columns stay where they are ----------- */

/* Comments, and what is inside string and character literals, become spaces. */
void tidy_blank_comments(char *text);
/* After tidy_blank_comments: preprocessor lines with their continuations become spaces. */
void tidy_blank_directives(char *text);
unsigned tidy_line_of(const char *text, const char *at);
unsigned tidy_count_lines(const char *text);
/* Non-zero when word stands in [from, to) as a whole word. */
int tidy_has_word(const char *from, const char *to, const char *word);
/* The matching } of the { at open, or the end of the text. */
const char *tidy_skip_braces(const char *open);

/* ---- scope.c: functions and file-scope variables ---------------------------------------------- */

void tidy_check_scope(const char *path, const char *original, const char *blanked,
                      struct tidy_findings *findings);
/* Non-zero when the line or the one above says "tidy: allow NAME". */
int tidy_allows(const char *original, unsigned line, const char *name);

#endif
