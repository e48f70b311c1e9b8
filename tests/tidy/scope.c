/* scope.c - walks the file scope of a C file: function lengths, and variables that are not const. */
#include "tests/tidy/rules.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct statement {
    const char *start; /* first character that is not space */
    const char *equals;
    const char *paren; /* first ( before any = */
    const char *brace; /* first { that is not a function body */
    const char *after; /* just behind its } */
};

int tidy_allows(const char *original, unsigned line, const char *name)
{
    char marker[64];
    snprintf(marker, sizeof marker, "tidy: allow %s", name);
    for (unsigned at = 1; *original != '\0'; at++) {
        size_t length = strcspn(original, "\n");
        if (at + 1 == line || at == line) {
            const char *found = strstr(original, marker);
            if (found != NULL && found < original + length)
                return 1;
        }
        original += length + (original[length] == '\n');
    }
    return 0;
}

static const char *skip_space(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

static int is_empty(const char *from, const char *to) { return skip_space(from) >= to; }

/* A variable that can be written: not a type, prototype, assertion, typedef or const object. */
static int is_mutable_variable(const struct statement *s, const char *end)
{
    if (is_empty(s->start, end))
        return 0;
    if (tidy_has_word(s->start, s->brace != NULL ? s->brace : end, "typedef"))
        return 0;
    if (tidy_has_word(s->start, s->brace != NULL ? s->brace : end, "const"))
        return 0;
    if (tidy_has_word(s->start, end, "static_assert") ||
        tidy_has_word(s->start, end, "_Static_assert"))
        return 0;
    if (s->paren != NULL && *skip_space(s->paren + 1) != '*')
        return 0; /* a prototype */
    if (s->brace != NULL && s->equals == NULL)
        return !is_empty(s->after, end); /* struct x { … }; or struct { … } name; */
    if (s->equals == NULL && s->brace == NULL && !tidy_has_word(s->start, end, "static")) {
        int words = 0; /* struct x; is a forward declaration */
        for (const char *at = s->start; at < end; at++)
            words +=
                !isspace((unsigned char)*at) && (at == s->start || isspace((unsigned char)at[-1]));
        if (words == 2 && (strncmp(s->start, "struct", 6) == 0 ||
                           strncmp(s->start, "union", 5) == 0 || strncmp(s->start, "enum", 4) == 0))
            return 0;
    }
    return 1;
}

static void check_local_statics(const char *path, const char *original, const char *blanked,
                                const char *from, const char *to, struct tidy_findings *findings)
{
    for (const char *at = from; (at = strstr(at, "static")) != NULL && at < to; at += 6) {
        const char *end = at + strcspn(at, ";=");
        unsigned line = tidy_line_of(blanked, at);
        if (!tidy_has_word(at - 1, end, "static") || tidy_has_word(at, end, "const"))
            continue;
        if (!tidy_allows(original, line, "global"))
            tidy_report(findings, path, line, TIDY_GLOBAL,
                        "static variable in a function: a hidden global (or say why: tidy: allow "
                        "global, because …)");
    }
}

static const char *check_function(const char *path, const char *original, const char *blanked,
                                  const char *open, struct tidy_findings *findings)
{
    const char *close = tidy_skip_braces(open);
    unsigned first = tidy_line_of(blanked, open);
    unsigned lines = tidy_line_of(blanked, close) - first + 1;
    if (lines > TIDY_FUNCTION_LINES_MAX)
        tidy_report(findings, path, first, TIDY_FUNCTION, "function of %u lines; at most %d", lines,
                    TIDY_FUNCTION_LINES_MAX);
    check_local_statics(path, original, blanked, open, close, findings);
    return *close == '}' ? close + 1 : close;
}

void tidy_check_scope(const char *path, const char *original, const char *blanked,
                      struct tidy_findings *findings)
{
    struct statement s = {.start = skip_space(blanked)};
    int parens = 0;
    for (const char *at = s.start; *at != '\0';) {
        if (*at == '(') {
            if (parens++ == 0 && s.paren == NULL && s.equals == NULL)
                s.paren = at;
        } else if (*at == ')') {
            parens--;
        } else if (*at == '=' && parens == 0 && s.equals == NULL) {
            s.equals = at;
        } else if (*at == '{' && parens == 0 && s.equals == NULL && s.paren != NULL) {
            at = check_function(path, original, blanked, at, findings);
            s = (struct statement){.start = skip_space(at)};
            continue;
        } else if (*at == '{') {
            const char *close = tidy_skip_braces(at);
            if (s.brace == NULL) {
                s.brace = at;
                s.after = *close == '}' ? close + 1 : close;
            }
            at = *close == '}' ? close + 1 : close;
            continue;
        } else if (*at == ';' && parens == 0) {
            unsigned line = tidy_line_of(blanked, s.start);
            if (is_mutable_variable(&s, at) && !tidy_allows(original, line, "global"))
                tidy_report(findings, path, line, TIDY_GLOBAL,
                            "variable at file scope that is not const: give it to its owner (or "
                            "say why: tidy: allow global, because …)");
            s = (struct statement){.start = skip_space(at + 1)};
        }
        at++;
    }
}
