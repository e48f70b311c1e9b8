/* config_test.c - defaults, file, --set; indirection; refusals with their place; what is printed. */
#define _POSIX_C_SOURCE 200809L
#include "tests/test.h"

#include "engine/base/yaml.h"
#include "engine/config/config.h"

#include <unistd.h>

static const char *refuse_some(const char *key)
{
    return strcmp(key, "enable.auto.commit") == 0 ? "offsets are committed with the records they produced" : NULL;
}

static const char *write_file(const char *name, const char *text)
{
    static char path[4][400];
    static unsigned turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", test_scratch_folder(), name);
    FILE *file = fopen(out, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return out;
}

static struct config *load(const char *text, const char *const *overrides, struct error *error)
{
    struct config_request request = {.path = text ? write_file("a.yaml", text) : NULL, .overrides = overrides, .kafka_key_refused = refuse_some};
    return config_load(&request, error);
}

static struct config *load_good(const char *text, const char *const *overrides)
{
    struct error error = {0};
    struct config *config = load(text, overrides, &error);
    if (config == NULL)
        fail_msg("%s", error.message);
    return config;
}

/* message: what must follow the file's folder, or the whole message. */
static void refused(const char *text, const char *const *overrides, const char *message)
{
    struct error error = {0};
    struct config *config = load(text, overrides, &error);
    size_t folder = strlen(test_scratch_folder());
    const char *shown = strncmp(error.message, test_scratch_folder(), folder) == 0 ? error.message + folder + 1 : error.message;
    if (config != NULL || strcmp(shown, message) != 0)
        fail_msg("expected\n  %s\ngot\n  %s", message, config ? "a configuration" : shown);
}

/* ---- defaults, file, command line ---------------------------------------------------------------- */

static void defaults_stand_without_a_file(void **state)
{
    (void)state;
    struct config *config = load_good(NULL, NULL);
    assert_string_equal(config->app, "assay");
    assert_true(config->shards >= 1 && config->shards <= 64);
    assert_int_equal(config->delivery, DELIVERY_EXACTLY_ONCE);
    assert_int_equal(config->commit_interval_ms, 500);
    assert_string_equal(config->topic_spans, "otlp_spans");
    assert_string_equal(config->topic_alerts, "assay.alerts");
    assert_string_equal(config->topic_cells, "assay-cells-repartition");
    assert_string_equal(config->rules_file, "rules.yaml");
    assert_true(config->sampler_base == 0.01);
    assert_null(config->http_token);
    assert_string_equal(config_assignment(config), "range");
    assert_int_equal(config->kafka_common.count + config->kafka_consumer.count + config->kafka_producer.count, 0);
    config_destroy(config);
    config_destroy(NULL);
}

static void file_wins_over_defaults_and_set_over_both(void **state)
{
    (void)state;
    const char *const overrides[] = {"commit.interval=2s", "topics.dlq=dead", "kafka.fetch.max.bytes=1", "kafka.consumer.x=a=b", NULL};
    struct config *config = load_good("app: shop\n"
                                      "commit: {interval: 1s}\n"
                                      "limits.batch_rows: 128\n"
                                      "rules: {file: sub/r.yaml}\n"
                                      "kafka:\n"
                                      "  bootstrap.servers: a:1,b:2\n"
                                      "  bootstrap: {unknown: kept}\n"
                                      "  fetch.max.bytes: 7\n"
                                      "  consumer:\n"
                                      "    fetch.min.bytes: 3\n"
                                      "  producer: {compression.type: zstd}\n",
                                      overrides);
    assert_string_equal(config->app, "shop");
    assert_int_equal(config->commit_interval_ms, 2000);
    assert_int_equal(config->limits_batch_rows, 128);
    assert_string_equal(config->topic_alerts, "shop.alerts");
    assert_string_equal(config->topic_dlq, "dead");
    assert_string_equal(config->kafka_servers, "a:1,b:2");
    assert_int_equal(config->kafka_common.count, 2);
    assert_string_equal(config->kafka_common.rows[0].key, "bootstrap.unknown");
    assert_string_equal(config->kafka_common.rows[1].key, "fetch.max.bytes");
    assert_string_equal(config->kafka_common.rows[1].value, "1");
    assert_int_equal(config->kafka_consumer.count, 2);
    assert_string_equal(config->kafka_consumer.rows[0].key, "fetch.min.bytes");
    assert_string_equal(config->kafka_consumer.rows[1].value, "a=b");
    assert_string_equal(config->kafka_producer.rows[0].key, "compression.type");
    char expected[500];
    snprintf(expected, sizeof expected, "%s/sub/r.yaml", test_scratch_folder());
    assert_string_equal(config->rules_file, expected);
    config_destroy(config);
}

static void an_empty_file_is_all_defaults(void **state)
{
    (void)state;
    struct config *config = load_good("# nothing\n", NULL);
    assert_string_equal(config->app, "assay");
    config_destroy(config);
}

/* ---- refusals ------------------------------------------------------------------------------------ */

static void mistakes_are_refused_with_their_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"app: shop\ncomit:\n  interval: 1s\n", "a.yaml:3:3: unknown option \"comit.interval\"; did you mean \"commit.interval\"?"},
        {"interval: 1s\n", "a.yaml:1:1: unknown option \"interval\"; did you mean \"commit.interval\"?"},
        {"quite.something.else: 1s\n", "a.yaml:1:1: unknown option \"quite.something.else\"; --print-config lists all options"},
        {"commit: 1s\n", "a.yaml:1:1: \"commit\" is not an option but holds some, like commit.interval"},
        {"commit:\n  interval: 1\n", "a.yaml:2:13: commit.interval: \"1\" has no unit; write ms, s, m, h or d behind the number (allowed: 50ms to 1m)"},
        {"commit:\n  interval: 2m\n", "a.yaml:2:13: commit.interval: \"2m\" is too large (allowed: 50ms to 1m)"},
        {"delivery: maybe\n", "a.yaml:1:11: delivery: \"maybe\" is not one of the choices (allowed: exactly_once, at_least_once)"},
        {"app: [a, b]\n", "a.yaml:1:6: app: a list; write one value"},
        {"app:\n", "a.yaml:1:1: app: \"\" is too short (allowed: 1 to 60 characters)"},
        {"app: Shop\n", "a.yaml:1:6: app: \"Shop\" has other characters than a-z 0-9 . _ -"},
        {"instance: a b\n", "a.yaml:1:11: instance: \"a b\" has other characters than A-Z a-z 0-9 . _ -"},
        {"commit: {interval: 1s}\n\ncommit.interval: 2s\n", "a.yaml:3:1: \"commit.interval\" is here twice, first on line 1; remove one"},
        {"kafka: {x.y: 1}\nkafka.x.y: 2\n", "a.yaml:2:1: \"kafka.x.y\" is here twice, first on line 1; remove one"},
        {"app: a\napp: b\n", "a.yaml:2:1: \"app\" is here twice, first on line 1; remove one"},
        {"- a\n", "a.yaml:1:1: not a mapping; write \"option: value\" lines"},
        {"kafka:\n  consumer:\n    enable.auto.commit: true\n",
         "a.yaml:3:5: \"kafka.consumer.enable.auto.commit\" cannot be set: offsets are committed with the records they produced"},
        {"topics: {dlq: otlp_spans}\n", "a.yaml:1:15: topics.dlq: \"otlp_spans\" is the same topic as topics.spans; each needs its own"},
        {"topics: {dlq: a b}\n", "a.yaml:1:15: topics.dlq: \"a b\" is no topic name; use A-Z a-z 0-9 . _ -"},
        {"topics: {dlq: ..}\n", "a.yaml:1:15: topics.dlq: \"..\" is no topic name; use A-Z a-z 0-9 . _ -"},
        {"ahead.max: 1m\nsettle: 2m\n", "a.yaml:1:12: ahead.max: must be more than settle (120000 ms)"},
        {"kafka.transaction.timeout: 2s\ncommit.interval: 2s\n",
         "a.yaml:1:28: kafka.transaction.timeout: must be at least twice commit.interval (2000 ms)"},
        {"limits: {record_bytes: 64KiB}\n", "default: limits.string_bytes: must not be more than limits.record_bytes (65536 bytes)"},
        {"memory.limit: 128MiB\nshards: 8\n", "a.yaml:1:15: memory.limit: 134217728 bytes for 8 shards; each needs limits.record_bytes + "
                                               "limits.transaction_bytes (41943040 bytes) at least"},
        {"sampler: {base_probability: 5%}\n", "a.yaml:1:29: sampler.base_probability: 0.05 is above 0.02, the cap until a judge agrees with people; "
                                              "set sampler.trust: assumed to go ahead"},
        {"http.token: ${ASSAY_TEST_UNSET}\n", "a.yaml:1:13: http.token: the environment variable ASSAY_TEST_UNSET is not set; set it or write "
                                              "${ASSAY_TEST_UNSET:-otherwise}"},
        {"http.token: file:/nowhere/token\n", "a.yaml:1:13: http.token: file:/nowhere/token cannot be opened: No such file or directory"},
        {"registry.url: localhost:8081\n", "a.yaml:1:15: registry.url: must begin with http:// or https:// and name a host, as in http://localhost:8081"},
        {"registry.url: http://:1\n", "a.yaml:1:15: registry.url: must begin with http:// or https:// and name a host, as in http://localhost:8081"},
        {"registry.url: https://me:secret@host/x\n", "a.yaml:1:15: registry.url: must not hold credentials: they belong into registry.user and registry.password"},
        {"registry: {url: 'http://h', key: k.pem}\n", "default: registry.certificate: and registry.key are needed both, or neither"},
        {"registry.wait: 1h\n", "a.yaml:1:16: registry.wait: \"1h\" is too large (allowed: 0 to 10m)"},
        {"http.token: ${A\n", "a.yaml:1:13: http.token: ${ without its }; write $${ for the two characters themselves"},
        {"http.token: ${}\n", "a.yaml:1:13: http.token: ${} is not the name of a variable; write ${NAME} or ${NAME:-otherwise}"},
        {"\"\": x\n", "a.yaml:1:2: an empty name; write an option in front of the colon"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refused(rows[i][0], NULL, rows[i][1]);
    refused(NULL, (const char *const[]){"comit.interval=1s", NULL},
            "--set comit.interval: unknown option \"comit.interval\"; did you mean \"commit.interval\"?");
    refused(NULL, (const char *const[]){"commit.interval=1h", NULL}, "--set commit.interval: commit.interval: \"1h\" is too large (allowed: 50ms to 1m)");
    refused(NULL, (const char *const[]){"app", NULL}, "--set app: write name=value");
    refused(NULL, (const char *const[]){"app=UP", NULL}, "--set: app: \"UP\" has other characters than a-z 0-9 . _ -");
    struct error error = {0};
    assert_null(config_load(&(struct config_request){.path = "/nowhere/a.yaml"}, &error));
    assert_string_equal(error.message, "/nowhere/a.yaml: cannot be opened: No such file or directory");
    assert_null(config_load(&(struct config_request){.path = "/nowhere/a.yaml"}, NULL));
}

/* ---- indirection and printing -------------------------------------------------------------------- */

static void values_come_from_environment_and_files(void **state)
{
    (void)state;
    char text[1000];
    setenv("ASSAY_TEST_NAME", "shop", 1);
    unsetenv("ASSAY_TEST_UNSET");
    snprintf(text, sizeof text,
             "app: ${ASSAY_TEST_NAME}-eu\n"
             "instance: ${ASSAY_TEST_UNSET:-one}\n"
             "http.token: file:%s\n"
             "registry: {url: 'https://registry:8081', token: '${ASSAY_TEST_NAME}', ca: ca.pem}\n"
             "topics.spans_schema: /etc/spans.avsc\n"
             "kafka: {a: '$${x} $ $$', b: '${ASSAY_TEST_NAME}${ASSAY_TEST_NAME}', sasl.password: '${ASSAY_TEST_NAME:-x}'}\n",
             write_file("token", "s3cret\n"));
    struct config *config = load_good(text, NULL);
    assert_string_equal(config->app, "shop-eu");
    assert_string_equal(config->instance, "one");
    assert_string_equal(config->http_token, "s3cret");
    assert_string_equal(config->registry_token, "shop");
    assert_true(config->registry_ca[0] == '/' && strstr(config->registry_ca, "/ca.pem") != NULL); /* beside the file */
    assert_string_equal(config->topic_spans_schema, "/etc/spans.avsc");
    assert_string_equal(config->topic_alerts, "shop-eu.alerts");
    assert_string_equal(config->kafka_common.rows[0].value, "${x} $ $$");
    assert_string_equal(config->kafka_common.rows[1].value, "shopshop");
    assert_string_equal(config->kafka_common.rows[2].value, "shop");
    config_destroy(config);
}

static void nothing_else_of_the_environment_counts(void **state)
{
    (void)state;
    setenv("ASSAY_APP", "other", 1);
    setenv("APP", "other", 1);
    setenv("app", "other", 1);
    struct config *config = load_good(NULL, NULL);
    assert_string_equal(config->app, "assay");
    config_destroy(config);
}

static void printed(struct buffer *out, const char *line, bool is_there)
{
    if ((strstr((const char *)out->data, line) != NULL) != is_there)
        fail_msg("\"%s\" is%s in:\n%s", line, is_there ? " not" : "", (const char *)out->data);
}

static void printing_shows_origins_and_hides_secrets(void **state)
{
    (void)state;
    char text[1000];
    setenv("ASSAY_TEST_SECRET", "hunter2", 1);
    snprintf(text, sizeof text,
             "app: shop\n"
             "http: {token: hunter2}\n"
             "kafka: {sasl.password: hunter2, ssl.key.password: 'file:%s', ssl.key.location: /k, sasl.username: '${ASSAY_TEST_SECRET}'}\n",
             write_file("key", "hunter2"));
    struct config *config = load_good(text, (const char *const[]){"settle=1m", NULL});
    struct buffer out = BUFFER_WITH_LIMIT(1 << 20);
    config_print(config, &out);
    buffer_put_u8(&out, 0);
    printed(&out, "hunter2", false);
    printed(&out, "\napp: shop", false); /* the first line */
    assert_memory_equal(out.data, "app: shop   ", 12);
    printed(&out, "a.yaml:1:6\n", true);
    printed(&out, "\nsettle: 1m                                  # --set\n", true);
    printed(&out, "\ncommit.interval: 500ms                      # default\n", true);
    printed(&out, "\nhttp.token: \"***\" ", true);
    printed(&out, "\nkafka.sasl.password: \"***\" ", true);
    printed(&out, "\nkafka.ssl.key.password: file:/", true);
    printed(&out, "\nkafka.ssl.key.location: /k ", true);
    printed(&out, "\nkafka.sasl.username: \"${ASSAY_TEST_SECRET}\" ", true);
    /* It is YAML. */
    struct error error = {0};
    struct yaml_document *document = yaml_parse("printed", bytes_from_text((const char *)out.data), &error);
    assert_string_equal(error.message, "");
    assert_true(bytes_equal_text(yaml_node_text(yaml_node_get(yaml_root(document), "topics.cells")), "shop-cells-repartition"));
    yaml_destroy(document);
    buffer_free(&out);
    config_destroy(config);
}

/* ---- sections ----------------------------------------------------------------------------------- */

struct format_conf {
    char *expect;
    bool allow_fence;
};

static void operators_bring_options_of_their_own(void **state)
{
    (void)state;
    static const struct option table[] = {
        {"expect", OPTION_TEXT, offsetof(struct format_conf, expect), "json", 1, 20, NULL, "What answers should be."},
        {"allow_fence", OPTION_BOOLEAN, offsetof(struct format_conf, allow_fence), "true", 0, 0, NULL, "Take ```json fences."},
        {NULL, OPTION_INTEGER, 0, NULL, 0, 0, NULL, NULL},
    };
    struct format_conf conf;
    option_set_defaults(table, &conf);
    const struct config_section sections[] = {{"format", table, &conf}, {"empty", NULL, NULL}};
    struct config_request request = {.path = write_file("a.yaml", "format: {allow_fence: false}\n"), .sections = sections, .sections_count = 2};
    struct error error = {0};
    struct config *config = config_load(&request, &error);
    assert_string_equal(error.message, "");
    assert_string_equal(conf.expect, "json");
    assert_false(conf.allow_fence);
    struct buffer out = BUFFER_WITH_LIMIT(1 << 20);
    config_print(config, &out);
    buffer_put_u8(&out, 0);
    printed(&out, "\nformat.allow_fence: false ", true);
    buffer_free(&out);
    config_destroy(config);
    request.path = write_file("a.yaml", "format: {expekt: text}\n");
    assert_null(config_load(&request, &error));
    assert_non_null(strstr(error.message, "a.yaml:1:10: unknown option \"format.expekt\"; did you mean \"format.expect\"?"));
    option_free_all(table, &conf);
}

static int remove_files(void **state)
{
    (void)state;
    static const char *const names[] = {"a.yaml", "token", "key"};
    char path[400];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", test_scratch_folder(), names[i]);
        unlink(path);
    }
    return rmdir(test_scratch_folder());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_stand_without_a_file),
        cmocka_unit_test(file_wins_over_defaults_and_set_over_both),
        cmocka_unit_test(an_empty_file_is_all_defaults),
        cmocka_unit_test(mistakes_are_refused_with_their_place),
        cmocka_unit_test(values_come_from_environment_and_files),
        cmocka_unit_test(nothing_else_of_the_environment_counts),
        cmocka_unit_test(printing_shows_origins_and_hides_secrets),
        cmocka_unit_test(operators_bring_options_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
