/* rules.c - the tables: rooms and who may enter, homes of third-party headers, banned calls. */
#include "tests/tidy/rules.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const tidy_rule_names[TIDY_RULES] = {"include", "home",    "call",   "function",
                                                 "file",    "comment", "global", "path"};

/* The longest matching room counts. An entry names a folder (with its / at the end) or one file. */
struct room {
    const char *prefix;
    const char *may_include[9];
};

static const struct room rooms[] = {
    {"engine/base/", {"engine/base/"}},
    {"engine/bus/", {"engine/bus/", "engine/base/"}},
    {"engine/span/", {"engine/span/", "engine/base/", "schemas/"}},
    {"engine/state/", {"engine/state/", "engine/bus/ports.h", "engine/base/"}},
    {"engine/operator/", {"engine/operator/", "engine/span/", "engine/state/", "engine/base/"}},
    {"engine/flow/",
     {"engine/flow/", "engine/operator/", "engine/state/", "engine/span/", "engine/bus/",
      "engine/base/", "schemas/"}},
    {"engine/serve/", {"engine/serve/", "engine/flow/counters.h", "engine/bus/", "engine/base/"}},
    {"engine/demo/", {"engine/demo/", "engine/bus/", "engine/base/"}},
    {"engine/config/", {"engine/config/", "engine/flow/", "engine/base/"}},
    {"engine/command/", {"engine/", "schemas/"}},
    {"engine/main.c", {"engine/", "operators/"}},
    {"operators/", {"operators/", "engine/operator/", "engine/base/"}},
    {"operators/math/", {"operators/math/", "engine/base/"}},
    {"operators/annotate/",
     {"operators/annotate/", "operators/math/", "engine/operator/", "engine/span/", "engine/state/",
      "engine/base/", "schemas/"}},
    {"operators/detect/",
     {"operators/detect/", "operators/math/", "engine/operator/", "engine/span/", "engine/state/",
      "engine/base/", "schemas/"}},
    {"operators/track/",
     {"operators/track/", "operators/math/", "engine/operator/", "engine/span/", "engine/state/",
      "engine/base/", "schemas/"}},
    {"tests/", {""}},
    {"bench/", {""}},
};

/* header prefix -> the prefix of the one file (with its private companions) that may include it. */
static const struct {
    const char *header;
    const char *home;
} homes[] = {
    {"librdkafka/", "engine/bus/kafka_internal.h"}, {"yyjson.h", "engine/base/json."},
    {"openssl/", "engine/base/sha256.c"},           {"libfyaml.h", "engine/base/yaml.c"},
    {"jemalloc/", "engine/base/memory.c"},          {"sanitizer/", "engine/base/arena.c"},
    {"microhttpd.h", "engine/serve/http.c"},        {"cblas.h", "operators/math/features.c"},
    {"hs", "operators/annotate/patterns.c"},        {"avro.h", "engine/span/avro"},
    {"curl/", "engine/bus/schema_registry_http.c"},
};

static const char *const system_headers[] = {
    "assert.h",    "ctype.h",       "dirent.h", "errno.h",   "fcntl.h",     "float.h",
    "getopt.h",    "inttypes.h",    "limits.h", "locale.h",  "math.h",      "netdb.h",
    "poll.h",      "pthread.h",     "sched.h",  "signal.h",  "spawn.h",     "stdarg.h",
    "stdatomic.h", "stdbool.h",     "stddef.h", "stdint.h",  "stdio.h",     "stdlib.h",
    "stdalign.h",  "stdnoreturn.h", "string.h", "strings.h", "sys/",        "termios.h",
    "time.h",      "unistd.h",      "netinet/", "arpa/",     "immintrin.h", "nmmintrin.h",
    "semaphore.h",
};

static const char *const plugs[] = {
    "who",           "prompt",    "cost",     "latency", "format",        "json_schema",
    "json_field",    "patterns",  "language", "tools",   "retrieval",     "overlap",
    "failure_class", "sampler",   "shift",    "effect",  "embedding",     "kappa",
    "trace",         "session",   "feedback", "planner", "prompt_effect", "provider",
    "diagnose",      "reconcile",
};

struct ban {
    const char *call;
    const char *instead;
};

static const struct ban banned_everywhere[] = {
    {"gets", "fgets"},
    {"strcpy", "struct bytes or snprintf"},
    {"strcat", "struct buffer"},
    {"sprintf", "snprintf"},
    {"vsprintf", "vsnprintf"},
    {"strtok", "struct bytes"},
    {"alloca", "an arena"},
    {"tmpnam", "mkstemp"},
    {"mktemp", "mkstemp"},
    {"gmtime", "gmtime_r"},
    {"localtime", "localtime_r"},
    {"ctime", "strftime"},
    {"asctime", "strftime"},
    {"rand", "a seeded generator"},
    {"srand", "a seeded generator"},
};

static const struct ban banned_in_engine[] = {
    {"atoi", "a parser that refuses"},
    {"atol", "a parser that refuses"},
    {"atof", "a parser that refuses"},
    {"system", "nothing: the engine starts no programs"},
    {"popen", "nothing: the engine starts no programs"},
    {"malloc", "engine/base/memory.h"},
    {"calloc", "engine/base/memory.h"},
    {"realloc", "engine/base/memory.h"},
    {"free", "engine/base/memory.h"},
    {"strdup", "memory_copy_text"},
    {"strndup", "memory_copy_text"},
    {"strncpy", "snprintf"},
    {"setlocale", "nothing: numbers are in the C locale"},
};

/* In two pieces each, so that this file does not break its own rule. */
static const char *const foreign_paths[][2] = {{"/wo", "rk/"}, {"/fa", "rm/"}, {"/tmp/ba", "sh"}};
static const char *const registry_hosts[][2] = {
    {"deb.deb", "ian.org"},     {"security.deb", "ian.org"},
    {"repo1.ma", "ven.org"},    {"repo.maven.ap", "ache.org"},
    {"py", "pi.org"},           {"files.pythonho", "sted.org"},
    {"registry.npm", "js.org"}, {"crat", "es.io"},
    {"proxy.gol", "ang.org"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int is_product(const char *path)
{
    return starts_with(path, "engine/") || starts_with(path, "operators/");
}

void tidy_report(struct tidy_findings *findings, const char *path, unsigned line,
                 enum tidy_rule rule, const char *format, ...)
{
    if (findings->count == findings->capacity) {
        findings->capacity = findings->capacity ? 2 * findings->capacity : 64;
        findings->items = realloc(findings->items, findings->capacity * sizeof *findings->items);
        if (findings->items == NULL)
            abort();
    }
    struct tidy_finding *finding = &findings->items[findings->count++];
    va_list values;
    *finding = (struct tidy_finding){.line = line, .rule = rule};
    snprintf(finding->path, sizeof finding->path, "%s", path);
    va_start(values, format);
    vsnprintf(finding->text, sizeof finding->text, format, values);
    va_end(values);
}

/* ---- includes ------------------------------------------------------------------------------- */

static const struct room *room_of(const char *path)
{
    const struct room *best = NULL;
    for (size_t i = 0; i < COUNT(rooms); i++)
        if (starts_with(path, rooms[i].prefix) &&
            (best == NULL || strlen(rooms[i].prefix) > strlen(best->prefix)))
            best = &rooms[i];
    return best;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static int same_folder(const char *a, const char *b)
{
    return file_name(a) - a == file_name(b) - b && strncmp(a, b, (size_t)(file_name(a) - a)) == 0;
}

/* The operator a file belongs to: shift_state.h and shift.c are shift's; NULL: shared by its kind. */
static const char *plug_of(const char *path)
{
    const char *best = NULL;
    for (size_t i = 0; i < COUNT(plugs); i++)
        if (starts_with(file_name(path), plugs[i]) &&
            (best == NULL || strlen(plugs[i]) > strlen(best)))
            best = plugs[i];
    return best;
}

static void check_own_include(const char *path, unsigned line, const char *header,
                              struct tidy_findings *findings)
{
    const struct room *room = room_of(path);
    int allowed = 0;
    if (strchr(header, '/') == NULL) {
        tidy_report(findings, path, line, TIDY_INCLUDE, "\"%s\": include from the root of the tree",
                    header);
        return;
    }
    for (size_t i = 0; room != NULL && room->may_include[i] != NULL; i++)
        allowed |= starts_with(header, room->may_include[i]);
    if (!allowed)
        tidy_report(findings, path, line, TIDY_INCLUDE,
                    "%s may not include \"%s\": arrows run downwards only", path, header);
    if (header[strlen(header) - 1] == 'c')
        tidy_report(findings, path, line, TIDY_INCLUDE, "\"%s\": include headers, not sources",
                    header);
    if (strstr(header, "_internal.h") != NULL && !same_folder(path, header) && is_product(path))
        tidy_report(findings, path, line, TIDY_INCLUDE, "\"%s\" belongs to its own folder", header);
    if (allowed && starts_with(header, "operators/registry") && is_product(path) &&
        strcmp(path, "engine/main.c") != 0 && !starts_with(path, "operators/registry"))
        tidy_report(findings, path, line, TIDY_INCLUDE, "only engine/main.c sees the registry");
    int plug = starts_with(path, "operators/") && !starts_with(path, "operators/math/") &&
               strchr(path + strlen("operators/"), '/') != NULL;
    if (plug && same_folder(path, header) && plug_of(header) != NULL &&
        plug_of(path) != plug_of(header))
        tidy_report(findings, path, line, TIDY_INCLUDE,
                    "\"%s\": operators never include each other", header);
}

static void check_system_include(const char *path, unsigned line, const char *header,
                                 struct tidy_findings *findings)
{
    if (!is_product(path))
        return;
    for (size_t i = 0; i < COUNT(system_headers); i++)
        if (starts_with(header, system_headers[i]))
            return;
    for (size_t i = 0; i < COUNT(homes); i++)
        if (starts_with(header, homes[i].header)) {
            if (!starts_with(path, homes[i].home))
                tidy_report(findings, path, line, TIDY_HOME, "<%s> lives in %s alone", header,
                            homes[i].home);
            return;
        }
    tidy_report(findings, path, line, TIDY_HOME, "<%s> has no home: name one in tests/tidy/rules.c",
                header);
}

/* Behind "# include" on this line of code, or NULL. */
static const char *include_target(const char *line)
{
    line += strspn(line, " \t");
    if (*line++ != '#')
        return NULL;
    line += strspn(line, " \t");
    return starts_with(line, "include") ? line + strlen("include") : NULL;
}

/* code has its comments and literals blanked, so names are read from the original. */
static void check_includes(const char *path, const char *original, const char *code,
                           struct tidy_findings *findings)
{
    const char *at = code;
    for (unsigned line = 1; *at != '\0'; line++) {
        size_t length = strcspn(at, "\n");
        const char *target = include_target(at);
        char header[160];
        if (target != NULL) {
            const char *name = original + (target - code);
            name += strcspn(name, "\"<\n");
            if (sscanf(name, "\"%159[^\"\n]\"", header) == 1)
                check_own_include(path, line, header, findings);
            else if (sscanf(name, "<%159[^>\n]>", header) == 1)
                check_system_include(path, line, header, findings);
        }
        at += length + (at[length] == '\n');
    }
}

/* ---- calls ------------------------------------------------------------------------------------ */

static const char *ban_of(const char *path, const char *word, size_t length)
{
    for (size_t i = 0; i < COUNT(banned_everywhere); i++)
        if (strlen(banned_everywhere[i].call) == length &&
            strncmp(word, banned_everywhere[i].call, length) == 0)
            return banned_everywhere[i].instead;
    if (!is_product(path) || strcmp(path, "engine/base/memory.c") == 0)
        return NULL;
    for (size_t i = 0; i < COUNT(banned_in_engine); i++)
        if (strlen(banned_in_engine[i].call) == length &&
            strncmp(word, banned_in_engine[i].call, length) == 0)
            return banned_in_engine[i].instead;
    return NULL;
}

static int is_member(const char *text, const char *word)
{
    return word > text &&
           (word[-1] == '.' || (word - text > 1 && word[-1] == '>' && word[-2] == '-'));
}

static void check_calls(const char *path, const char *original, const char *code,
                        struct tidy_findings *findings)
{
    for (const char *at = code; *at != '\0';) {
        size_t length = 0;
        while (isalnum((unsigned char)at[length]) || at[length] == '_')
            length++;
        if (length == 0) {
            at++;
            continue;
        }
        const char *next = at + length + strspn(at + length, " ");
        const char *instead =
            *next == '(' && !is_member(code, at) ? ban_of(path, at, length) : NULL;
        unsigned line = instead != NULL ? tidy_line_of(code, at) : 0;
        if (instead != NULL && !tidy_allows(original, line, "call"))
            tidy_report(findings, path, line, TIDY_CALL, "%.*s is banned; use %s", (int)length, at,
                        instead);
        at += length;
    }
}

/* ---- the shape of a file --------------------------------------------------------------------- */

static void check_head(const char *path, const char *text, struct tidy_findings *findings)
{
    char guard[200];
    size_t length = 0;
    const char *end = strstr(text, "*/");
    if (!starts_with(text, "/*") || end == NULL || end - text < 24)
        tidy_report(findings, path, 1, TIDY_COMMENT,
                    "must start with a comment that says what the file is for");
    if (strcmp(path + strlen(path) - 2, ".h") != 0)
        return;
    for (; path[length] != '\0' && length < sizeof guard - 1; length++)
        guard[length] =
            isalnum((unsigned char)path[length]) ? (char)toupper((unsigned char)path[length]) : '_';
    guard[length] = '\0';
    if (!tidy_has_word(text, text + strlen(text), guard))
        tidy_report(findings, path, 1, TIDY_COMMENT, "include guard must be %s", guard);
}

static void check_length(const char *path, const char *text, struct tidy_findings *findings)
{
    unsigned lines = tidy_count_lines(text);
    if (is_product(path) && lines > TIDY_FILE_LINES_MAX)
        tidy_report(findings, path, lines, TIDY_FILE,
                    "%u lines; at most %d: more than one reason to change?", lines,
                    TIDY_FILE_LINES_MAX);
}

void tidy_check_source(const char *path, const char *text, struct tidy_findings *findings)
{
    size_t size = strlen(text) + 1;
    char *code = malloc(size);
    if (code == NULL)
        abort();
    memcpy(code, text, size);
    check_head(path, text, findings);
    check_length(path, text, findings);
    tidy_blank_comments(code);
    check_includes(path, text, code, findings);
    check_calls(path, text, code, findings);
    if (is_product(path) && strcmp(path, "engine/main.c") != 0) {
        tidy_blank_directives(code);
        tidy_check_scope(path, text, code, findings);
    }
    free(code);
}

static void check_words(const char *path, const char *text, const char *const words[][2],
                        size_t count, const char *what, struct tidy_findings *findings)
{
    for (size_t i = 0; i < count; i++) {
        char word[64];
        snprintf(word, sizeof word, "%s%s", words[i][0], words[i][1]);
        for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
            char before = at > text ? at[-1] : ' ';
            if (!isalnum((unsigned char)before) && before != '_' && before != '.')
                tidy_report(findings, path, tidy_line_of(text, at), TIDY_PATH, "%s %s", what, word);
        }
    }
}

void tidy_check_text(const char *path, const char *text, struct tidy_findings *findings)
{
    check_words(path, text, foreign_paths, COUNT(foreign_paths),
                "a path of one machine:", findings);
    check_words(path, text, registry_hosts, COUNT(registry_hosts), "a registry's host:", findings);
}
