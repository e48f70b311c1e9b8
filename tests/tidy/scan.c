/* scan.c - enough lexing of C to check rules: comments, literals, directives, braces, words. */
#include "tests/tidy/rules.h"

#include <ctype.h>
#include <string.h>

static void blank(char *at)
{
    if (*at != '\n')
        *at = ' ';
}

static char *blank_literal(char *at)
{
    char quote = *at++;
    while (*at != '\0' && *at != quote && *at != '\n') {
        if (*at == '\\' && at[1] != '\0')
            blank(at++);
        blank(at++);
    }
    return *at == quote ? at + 1 : at;
}

static char *blank_until(char *at, const char *end)
{
    char *stop = strstr(at + 2, end);
    if (stop == NULL)
        stop = at + strlen(at);
    else
        stop += *end == '\n' ? 0 : strlen(end);
    while (at < stop)
        blank(at++);
    return stop;
}

void tidy_blank_comments(char *text)
{
    for (char *at = text; *at != '\0';) {
        if (at[0] == '/' && at[1] == '*')
            at = blank_until(at, "*/");
        else if (at[0] == '/' && at[1] == '/')
            at = blank_until(at, "\n");
        else if (*at == '"' || *at == '\'')
            at = blank_literal(at);
        else
            at++;
    }
}

void tidy_blank_directives(char *text)
{
    for (char *line = text; *line != '\0';) {
        char *at = line + strspn(line, " \t");
        int directive = *at == '#';
        for (; *at != '\0' && *at != '\n'; at++) {
            if (!directive)
                continue;
            int continued = at[0] == '\\' && at[1] == '\n';
            blank(at);
            at += continued;
        }
        line = *at == '\n' ? at + 1 : at;
    }
}

unsigned tidy_line_of(const char *text, const char *at)
{
    unsigned line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

unsigned tidy_count_lines(const char *text)
{
    unsigned lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static int is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

int tidy_has_word(const char *from, const char *to, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = from; at + length <= to; at++)
        if (strncmp(at, word, length) == 0 && (at == from || !is_word(at[-1])) &&
            (at + length == to || !is_word(at[length])))
            return 1;
    return 0;
}

const char *tidy_skip_braces(const char *open)
{
    int depth = 0;
    for (; *open != '\0'; open++) {
        if (*open == '{')
            depth++;
        else if (*open == '}' && --depth == 0)
            return open;
    }
    return open;
}
