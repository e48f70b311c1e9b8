/*
 * option.c - parsing, bounds and printing for option tables.
 *
 * A value is parsed into `struct parsed` first and stored only when every check passed, so a refused
 * value leaves the struct as it was. Bounds are printed in the option's own unit.
 */
#include "engine/base/option.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define NUMBER_TEXT_MAX 64

struct unit {
    const char *name;
    int64_t scale;
};

/* Largest first: printing takes the first that divides. */
static const struct unit duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit size_units[] = {
    {"TiB", 1LL << 40}, {"GiB", 1LL << 30}, {"MiB", 1LL << 20}, {"KiB", 1LL << 10}, {"B", 1}, {NULL, 0}};

struct parsed {
    int64_t whole; /* INTEGER, DURATION, SIZE, CHOICE, BOOLEAN */
    double real;   /* REAL */
};

static void *field_of(const struct option *option, void *into) { return (uint8_t *)into + option->offset; }

static const void *const_field_of(const struct option *option, const void *from)
{
    return (const uint8_t *)from + option->offset;
}

static bool is_text_type(const struct option *option)
{
    return option->type == OPTION_TEXT || option->type == OPTION_SECRET;
}

/* ---- printing ------------------------------------------------------------------------------------ */

static int print_with_unit(const struct unit *units, int64_t value, char *out, size_t size)
{
    if (value != 0)
        for (const struct unit *unit = units; unit->name != NULL; unit++)
            if (value % unit->scale == 0)
                return snprintf(out, size, "%" PRId64 "%s", value / unit->scale, unit->name);
    return snprintf(out, size, "0");
}

static int print_real(double value, char *out, size_t size)
{
    int used = 0;
    for (int digits = 15; digits <= 17; digits++) {
        used = snprintf(out, size, "%.*g", digits, value);
        char again[NUMBER_TEXT_MAX];
        (void)snprintf(again, sizeof again, "%.*g", digits, value);
        if (strtod(again, NULL) == value)
            break;
    }
    return used;
}

static int print_parsed(const struct option *option, const struct parsed *value, char *out, size_t size)
{
    switch (option->type) {
    case OPTION_REAL:
        return print_real(value->real, out, size);
    case OPTION_BOOLEAN:
        return snprintf(out, size, "%s", value->whole ? "true" : "false");
    case OPTION_DURATION:
        return print_with_unit(duration_units, value->whole, out, size);
    case OPTION_SIZE:
        return print_with_unit(size_units, value->whole, out, size);
    case OPTION_CHOICE:
        return snprintf(out, size, "%s", option->choices[value->whole]);
    default:
        return snprintf(out, size, "%" PRId64, value->whole);
    }
}

int option_print(const struct option *option, const void *from, char *out, size_t size)
{
    const void *field = const_field_of(option, from);
    struct parsed value = {0};
    char *text = NULL;
    int choice = 0;
    bool boolean = false;
    switch (option->type) {
    case OPTION_SECRET:
    case OPTION_TEXT:
        memcpy(&text, field, sizeof text);
        if (option->type == OPTION_SECRET && text != NULL && text[0] != 0)
            return snprintf(out, size, "***");
        return snprintf(out, size, "%s", text ? text : "");
    case OPTION_CHOICE:
        memcpy(&choice, field, sizeof choice);
        value.whole = choice;
        break;
    case OPTION_BOOLEAN:
        memcpy(&boolean, field, sizeof boolean);
        value.whole = boolean;
        break;
    case OPTION_REAL:
        memcpy(&value.real, field, sizeof value.real);
        break;
    default:
        memcpy(&value.whole, field, sizeof value.whole);
        break;
    }
    return print_parsed(option, &value, out, size);
}

/* ---- parsing ------------------------------------------------------------------------------------- */

/* A decimal number at the front of text; *rest is what follows it. */
static bool parse_number(struct bytes text, double *number, const char **rest, char copy[NUMBER_TEXT_MAX])
{
    if (text.size == 0 || text.size >= NUMBER_TEXT_MAX || memchr(text.data, 0, text.size) != NULL)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    const char *digits = copy[0] == '-' ? copy + 1 : copy;
    if (strchr("0123456789.", digits[0]) == NULL || strpbrk(copy, "xXnN") == copy + 1)
        return false;
    char *end = NULL;
    *number = strtod(copy, &end);
    *rest = end;
    return end != copy && isfinite(*number);
}

static const char *parse_integer(struct bytes text, struct parsed *value)
{
    char copy[NUMBER_TEXT_MAX];
    double ignored = 0;
    const char *rest = NULL;
    if (!parse_number(text, &ignored, &rest, copy) || strspn(copy[0] == '-' ? copy + 1 : copy, "0123456789") + (copy[0] == '-') != text.size)
        return "is not a whole number; write digits only, like 1000";
    errno = 0;
    value->whole = strtoll(copy, NULL, 10);
    return errno == 0 ? NULL : "is too large for a whole number";
}

static const char *parse_real(struct bytes text, struct parsed *value)
{
    char copy[NUMBER_TEXT_MAX];
    const char *rest = NULL;
    if (!parse_number(text, &value->real, &rest, copy) || (rest[0] != 0 && strcmp(rest, "%") != 0))
        return "is not a number; write it like 0.05 or 5%";
    if (rest[0] == '%')
        value->real /= 100;
    return NULL;
}

static const char *parse_scaled(struct bytes text, const struct unit *units, struct parsed *value, const char *wrong,
                                const char *no_unit)
{
    char copy[NUMBER_TEXT_MAX];
    const char *rest = NULL;
    double number = 0;
    if (!parse_number(text, &number, &rest, copy) || number < 0)
        return wrong;
    int64_t scale = 0;
    while (*rest == ' ')
        rest++;
    for (const struct unit *unit = units; unit->name != NULL; unit++)
        if (strcmp(rest, unit->name) == 0)
            scale = unit->scale;
    if (rest[0] == 0 && (number == 0 || no_unit == NULL))
        scale = 1;
    if (scale == 0)
        return rest[0] == 0 ? no_unit : wrong;
    double scaled = number * (double)scale;
    if (scaled > 9e15)
        return "is too large";
    if (scaled != floor(scaled))
        return "is not a whole number of the smallest unit; use a finer unit";
    value->whole = (int64_t)scaled;
    return NULL;
}

static const char *parse_boolean(struct bytes text, struct parsed *value)
{
    bool on = bytes_equal_text(text, "true") || bytes_equal_text(text, "on");
    value->whole = on;
    if (on || bytes_equal_text(text, "false") || bytes_equal_text(text, "off"))
        return NULL;
    return "is neither true nor false";
}

static const char *parse_value(const struct option *option, struct bytes text, struct parsed *value)
{
    switch (option->type) {
    case OPTION_INTEGER:
        return parse_integer(text, value);
    case OPTION_REAL:
        return parse_real(text, value);
    case OPTION_BOOLEAN:
        return parse_boolean(text, value);
    case OPTION_DURATION:
        return parse_scaled(text, duration_units, value, "is not a duration; write a number and ms, s, m, h or d, like 500ms",
                            "has no unit; write ms, s, m, h or d behind the number");
    case OPTION_SIZE:
        return parse_scaled(text, size_units, value, "is not a size; write a number and KiB, MiB or GiB, like 8MiB", NULL);
    case OPTION_CHOICE:
        for (value->whole = 0; option->choices[value->whole] != NULL; value->whole++)
            if (bytes_equal_text(text, option->choices[value->whole]))
                return NULL;
        return "is not one of the choices";
    default:
        return text.size > 0 && memchr(text.data, 0, text.size) != NULL ? "contains a NUL byte" : NULL;
    }
}

/* ---- checks and messages ------------------------------------------------------------------------- */

static void print_bounds(const struct option *option, char *out, size_t size)
{
    out[0] = 0;
    if (option->type == OPTION_CHOICE) {
        size_t used = (size_t)snprintf(out, size, " (allowed:");
        for (int i = 0; option->choices[i] != NULL && used < size; i++)
            used += (size_t)snprintf(out + used, size - used, "%s %s", i ? "," : "", option->choices[i]);
        if (used < size)
            (void)snprintf(out + used, size - used, ")");
        return;
    }
    if (option->type == OPTION_BOOLEAN || (option->minimum == 0 && option->maximum == 0))
        return;
    if (is_text_type(option)) {
        (void)snprintf(out, size, " (allowed: %.0f to %.0f characters)", option->minimum, option->maximum);
        return;
    }
    char low[NUMBER_TEXT_MAX];
    char high[NUMBER_TEXT_MAX];
    (void)print_parsed(option, &(struct parsed){(int64_t)option->minimum, option->minimum}, low, sizeof low);
    (void)print_parsed(option, &(struct parsed){(int64_t)option->maximum, option->maximum}, high, sizeof high);
    (void)snprintf(out, size, " (allowed: %s to %s)", low, high);
}

/* NULL when inside. */
static const char *check_bounds(const struct option *option, struct bytes text, const struct parsed *value)
{
    bool unbounded = option->minimum == 0 && option->maximum == 0;
    if (unbounded || option->type == OPTION_CHOICE || option->type == OPTION_BOOLEAN)
        return NULL;
    double measured = (double)value->whole;
    if (is_text_type(option))
        measured = (double)text.size;
    else if (option->type == OPTION_REAL)
        measured = value->real;
    if (measured >= option->minimum && measured <= option->maximum)
        return NULL;
    if (is_text_type(option))
        return measured < option->minimum ? "is too short" : "is too long";
    return measured < option->minimum ? "is too small" : "is too large";
}

static void store(const struct option *option, void *into, struct bytes text, const struct parsed *value)
{
    void *field = field_of(option, into);
    int choice = (int)value->whole;
    bool boolean = value->whole != 0;
    char *held = NULL;
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
        memcpy(&held, field, sizeof held);
        memory_free(held);
        held = NULL;
        if (bytes_present(text)) {
            held = memory_allocate(text.size + 1);
            memcpy(held, text.data, text.size);
        }
        memcpy(field, &held, sizeof held);
        break;
    case OPTION_CHOICE:
        memcpy(field, &choice, sizeof choice);
        break;
    case OPTION_BOOLEAN:
        memcpy(field, &boolean, sizeof boolean);
        break;
    case OPTION_REAL:
        memcpy(field, &value->real, sizeof value->real);
        break;
    default:
        memcpy(field, &value->whole, sizeof value->whole);
        break;
    }
}

bool option_set(const struct option *option, void *into, struct bytes text, struct error *error)
{
    struct parsed value = {0};
    const char *wrong = parse_value(option, text, &value);
    if (wrong == NULL)
        wrong = check_bounds(option, text, &value);
    if (wrong != NULL) {
        char bounds[160];
        print_bounds(option, bounds, sizeof bounds);
        struct bytes shown = option->type == OPTION_SECRET ? BYTES_LITERAL("***") : text;
        if (shown.size > 80)
            shown.size = 80;
        return error_set(error, ERROR_INPUT, "%s: \"%.*s\" %s%s", option->name, BYTES_FMT(shown), wrong, bounds);
    }
    store(option, into, text, &value);
    return true;
}

void option_set_defaults(const struct option *table, void *into)
{
    for (const struct option *option = table; option->name != NULL; option++) {
        struct error error = {0};
        if (is_text_type(option))
            memset(field_of(option, into), 0, sizeof(char *));
        if (option->default_text == NULL && is_text_type(option))
            continue;
        bool default_parses = option_set(option, into, bytes_from_text(option->default_text), &error);
        if (!default_parses)
            (void)fprintf(stderr, "bad default in an option table: %s\n", error.message);
        CHECK(default_parses);
    }
}

void option_free_all(const struct option *table, void *from)
{
    for (const struct option *option = table; option->name != NULL; option++)
        if (is_text_type(option))
            store(option, from, BYTES_NONE, &(struct parsed){0});
}
