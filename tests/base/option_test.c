/* option_test.c - every kind of bad value gives a message that says what is wrong and what is allowed. */
#include "tests/test.h"

#include "engine/base/option.h"

struct settings {
    int64_t count;
    double share;
    bool purge;
    int64_t interval;
    int64_t limit;
    char *app;
    char *token;
    int delivery;
    int64_t free_count;
};

static const char *const deliveries[] = {"exactly_once", "at_least_once", NULL};

static const struct option table[] = {
    {"count", OPTION_INTEGER, offsetof(struct settings, count), "8", 1, 1024, NULL, "how many"},
    {"sampler.share", OPTION_REAL, offsetof(struct settings, share), "1%", 0, 1, NULL, "what part"},
    {"exchange.purge", OPTION_BOOLEAN, offsetof(struct settings, purge), "on", 0, 0, NULL, "purge or keep"},
    {"commit.interval", OPTION_DURATION, offsetof(struct settings, interval), "500ms", 50, 60000, NULL, "how often"},
    {"memory.limit", OPTION_SIZE, offsetof(struct settings, limit), "8MiB", 1024, 1e12, NULL, "how large"},
    {"app", OPTION_TEXT, offsetof(struct settings, app), "assay", 1, 10, NULL, "a name"},
    {"http.token", OPTION_SECRET, offsetof(struct settings, token), NULL, 0, 0, NULL, "a secret"},
    {"delivery", OPTION_CHOICE, offsetof(struct settings, delivery), "exactly_once", 0, 0, deliveries, "a promise"},
    {"free", OPTION_INTEGER, offsetof(struct settings, free_count), "-5", 0, 0, NULL, "without bounds"},
    {NULL, OPTION_INTEGER, 0, NULL, 0, 0, NULL, NULL},
};

static void defaults_fill_every_field(void **state)
{
    (void)state;
    struct settings settings;
    memset(&settings, 0xff, sizeof settings);
    option_set_defaults(table, &settings);
    assert_int_equal(settings.count, 8);
    assert_true(settings.share == 0.01);
    assert_true(settings.purge);
    assert_int_equal(settings.interval, 500);
    assert_int_equal(settings.limit, 8 << 20);
    assert_string_equal(settings.app, "assay");
    assert_null(settings.token);
    assert_int_equal(settings.delivery, 0);
    assert_int_equal(settings.free_count, -5);
    option_free_all(table, &settings);
    assert_null(settings.app);
}

static void good_values_are_taken_and_printed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *given, *printed;
    } rows[] = {
        {"count", "1", "1"},
        {"count", "1024", "1024"},
        {"free", "-9223372036854775808", "-9223372036854775808"},
        {"sampler.share", "5%", "0.05"},
        {"sampler.share", "0.1", "0.1"},
        {"sampler.share", ".5", "0.5"},
        {"sampler.share", "1e-3", "0.001"},
        {"sampler.share", "100%", "1"},
        {"exchange.purge", "off", "false"},
        {"exchange.purge", "true", "true"},
        {"commit.interval", "500ms", "500ms"},
        {"commit.interval", "0.5s", "500ms"},
        {"commit.interval", "1m", "1m"},
        {"commit.interval", "90 ms", "90ms"},
        {"memory.limit", "1GiB", "1GiB"},
        {"memory.limit", "1.5KiB", "1536B"},
        {"memory.limit", "2048", "2KiB"},
        {"app", "ten-chars.", "ten-chars."},
        {"http.token", "s3cret", "***"},
        {"http.token", "", ""},
        {"delivery", "at_least_once", "at_least_once"},
    };
    struct settings settings;
    option_set_defaults(table, &settings);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct option *option = option_find(table, bytes_from_text(rows[i].name));
        struct error error = {0};
        if (!option_set(option, &settings, bytes_from_text(rows[i].given), &error))
            fail_msg("%s", error.message);
        char printed[100];
        assert_int_equal(option_print(option, &settings, printed, sizeof printed), strlen(rows[i].printed));
        assert_string_equal(printed, rows[i].printed);
        /* What is printed is read back as the same (but for secrets). */
        if (option->type != OPTION_SECRET)
            assert_true(option_set(option, &settings, bytes_from_text(printed), &error));
    }
    option_free_all(table, &settings);
}

static void bad_values_say_what_is_wrong_and_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *given, *message;
    } rows[] = {
        {"count", "0", "count: \"0\" is too small (allowed: 1 to 1024)"},
        {"count", "-1", "count: \"-1\" is too small (allowed: 1 to 1024)"},
        {"count", "1025", "count: \"1025\" is too large (allowed: 1 to 1024)"},
        {"count", "99999999999999999999", "count: \"99999999999999999999\" is too large for a whole number (allowed: 1 to 1024)"},
        {"count", "8.0", "count: \"8.0\" is not a whole number; write digits only, like 1000 (allowed: 1 to 1024)"},
        {"count", "0x10", "count: \"0x10\" is not a whole number; write digits only, like 1000 (allowed: 1 to 1024)"},
        {"count", "", "count: \"\" is not a whole number; write digits only, like 1000 (allowed: 1 to 1024)"},
        {"count", "8 ", "count: \"8 \" is not a whole number; write digits only, like 1000 (allowed: 1 to 1024)"},
        {"free", "--5", "free: \"--5\" is not a whole number; write digits only, like 1000"},
        {"sampler.share", "101%", "sampler.share: \"101%\" is too large (allowed: 0 to 1)"},
        {"sampler.share", "nan", "sampler.share: \"nan\" is not a number; write it like 0.05 or 5% (allowed: 0 to 1)"},
        {"sampler.share", "inf", "sampler.share: \"inf\" is not a number; write it like 0.05 or 5% (allowed: 0 to 1)"},
        {"sampler.share", "1e999", "sampler.share: \"1e999\" is not a number; write it like 0.05 or 5% (allowed: 0 to 1)"},
        {"sampler.share", "5 %", "sampler.share: \"5 %\" is not a number; write it like 0.05 or 5% (allowed: 0 to 1)"},
        {"exchange.purge", "yes", "exchange.purge: \"yes\" is neither true nor false"},
        {"commit.interval", "500", "commit.interval: \"500\" has no unit; write ms, s, m, h or d behind the number (allowed: 50ms to 1m)"},
        {"commit.interval", "5ms", "commit.interval: \"5ms\" is too small (allowed: 50ms to 1m)"},
        {"commit.interval", "2h", "commit.interval: \"2h\" is too large (allowed: 50ms to 1m)"},
        {"commit.interval", "7 weeks", "commit.interval: \"7 weeks\" is not a duration; write a number and ms, s, m, h or d, like 500ms (allowed: 50ms to 1m)"},
        {"commit.interval", "-1s", "commit.interval: \"-1s\" is not a duration; write a number and ms, s, m, h or d, like 500ms (allowed: 50ms to 1m)"},
        {"commit.interval", "50.5ms", "commit.interval: \"50.5ms\" is not a whole number of the smallest unit; use a finer unit (allowed: 50ms to 1m)"},
        {"commit.interval", "1e300d", "commit.interval: \"1e300d\" is too large (allowed: 50ms to 1m)"},
        {"memory.limit", "8MB", "memory.limit: \"8MB\" is not a size; write a number and KiB, MiB or GiB, like 8MiB (allowed: 1KiB to 976562500KiB)"},
        {"app", "", "app: \"\" is too short (allowed: 1 to 10 characters)"},
        {"app", "eleven-long", "app: \"eleven-long\" is too long (allowed: 1 to 10 characters)"},
        {"delivery", "twice", "delivery: \"twice\" is not one of the choices (allowed: exactly_once, at_least_once)"},
    };
    struct settings settings;
    option_set_defaults(table, &settings);
    struct settings before = settings;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        assert_false(option_set(option_find(table, bytes_from_text(rows[i].name)), &settings, bytes_from_text(rows[i].given), &error));
        assert_string_equal(error.message, rows[i].message);
        assert_int_equal(error.code, ERROR_INPUT);
    }
    assert_memory_equal(&settings, &before, sizeof settings); /* a refused value changes nothing */
    struct error error = {0};
    assert_false(option_set(option_find(table, BYTES_LITERAL("http.token")), &settings, bytes_of("se\0cret", 7), &error));
    assert_string_equal(error.message, "http.token: \"***\" contains a NUL byte");
    char huge[3000];
    memset(huge, '9', sizeof huge);
    assert_false(option_set(option_find(table, BYTES_LITERAL("count")), &settings, bytes_of(huge, sizeof huge), &error));
    option_free_all(table, &settings);
}

static void names_are_found_and_suggested(void **state)
{
    (void)state;
    assert_null(option_find(table, BYTES_LITERAL("nothing")));
    assert_null(option_find(table, BYTES_LITERAL("")));
    assert_string_equal(option_find(table, BYTES_LITERAL("app"))->help, "a name");
    static const char *const rows[][2] = {
        {"comit.interval", "commit.interval"}, {"commit.intervall", "commit.interval"}, {"interval", "commit.interval"},
        {"delivry", "delivery"},               {"exchange_purge", "exchange.purge"},    {"limit", "memory.limit"},
        {"intervl", "commit.interval"},       {"expekt", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *near = option_suggest(table, bytes_from_text(rows[i][0]));
        assert_string_equal(near ? near : "nothing", rows[i][1] ? rows[i][1] : "nothing");
    }
    assert_null(option_suggest(table, BYTES_LITERAL("something.else.altogether")));
    assert_null(option_suggest(table, BYTES_LITERAL("")));
    char huge[3000];
    memset(huge, 'a', sizeof huge);
    assert_null(option_suggest(table, bytes_of(huge, sizeof huge)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_every_field),
        cmocka_unit_test(good_values_are_taken_and_printed),
        cmocka_unit_test(bad_values_say_what_is_wrong_and_allowed),
        cmocka_unit_test(names_are_found_and_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
