/* content_test.c - messages of every shape in the canonical form; trees as JSON; times; the first tool asked for. */
#include "tests/test.h"

#include "engine/span/any_json.h"
#include "engine/span/content.h"
#include "engine/base/iso_time.h"
#include "tests/span/otlp_build.h"

#define LIMIT ((size_t)1 << 20)

static void every_shape_in_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *what, *content, *form; /* form NULL: unreadable */
    } cases[] = {
        {"OTel", "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"a\"}]}]",
         "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"a\"}]}]"},
        {"OpenAI chat", "{\"messages\":[{\"role\":\"developer\",\"content\":\"s\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"q\"},"
                        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]}],\"model\":\"m\"}",
         "[{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"content\":\"s\"}]},{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"q\"},"
         "{\"type\":\"blob\",\"mime_type\":\"image/png\",\"bytes\":4}]}]"},
        {"OpenAI response", "{\"id\":\"x\",\"choices\":[{\"finish_reason\":\"tool_calls\",\"message\":{\"role\":\"assistant\",\"content\":null,"
                            "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}",
         "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"}],\"finish_reason\":\"tool_calls\"}]"},
        {"OpenAI tool message", "[{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"rain\"}]",
         "[{\"role\":\"tool\",\"parts\":[{\"type\":\"tool_call_response\",\"id\":\"c\",\"response\":\"rain\"}]}]"},
        {"Anthropic", "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\"},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\","
                      "\"input\":{\"a\":1}}],\"stop_reason\":\"tool_use\"}",
         "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"h\"},{\"type\":\"tool_call\",\"id\":\"t\",\"name\":\"f\","
         "\"arguments\":{\"a\":1}}],\"finish_reason\":\"tool_calls\"}]"},
        {"Anthropic request", "{\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}",
         "[{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"content\":\"s\"}]},{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"q\"}]}]"},
        {"Bedrock", "[{\"text\":\"hi\"},{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\",\"input\":{}}}]",
         "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"},{\"type\":\"tool_call\",\"id\":\"t\",\"name\":\"f\",\"arguments\":{}}]}]"},
        {"Gemini", "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"text\":\"hi\"}]}]}",
         "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]"},
        {"LangChain", "{\"messages\":[[{\"lc\":1,\"type\":\"constructor\",\"kwargs\":{\"content\":\"q\",\"type\":\"human\"}}]]}",
         "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"q\"}]}]"},
        {"an address", "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x/y.png\"}}]}]",
         "[{\"role\":\"user\",\"parts\":[{\"type\":\"uri\",\"uri\":\"https://x/y.png\"}]}]"},
        {"plain text", "say \"hi\"", "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"say \\\"hi\\\"\"}]}]"},
        {"JSON text", "\"hi\"", "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]"},
        {"an answer that is JSON", "{\"total\":3}", "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"json\",\"content\":{\"total\":3}}]}]"},
        {"broken JSON is text", "{total", "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"{total\"}]}]"},
        {"nothing", "[]", "[]"},
        {"cut off", "[{\"role\":\"user\",\"parts\":[{\"type\":\"te", NULL},
    };
    struct json_document *document = json_create(LIMIT);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = BUFFER_WITH_LIMIT(LIMIT);
        struct json_writer writer = json_writer_on(&out);
        bool read = content_canonical(bytes_from_text(cases[i].content), "assistant", document, &writer);
        if (read != (cases[i].form != NULL) ||
            (read && !bytes_equal_text(buffer_bytes(&out), cases[i].form)))
            fail_msg("%s: %.*s", cases[i].what, BYTES_FMT(buffer_bytes(&out)));
        buffer_free(&out);
    }
    json_destroy(document);
}

static void the_first_tool_in_every_shape(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"tool_call\"},{\"type\":\"tool_call\",\"id\":\"1\",\"name\":\"f\","
         "\"arguments\":{\"name\":\"no\",\"id\":\"no\",\"type\":\"tool_call\"}}]}]", "f", "1"},
        {"{\"content\":null,\"tool_calls\":[{\"function\":{\"arguments\":\"{\\\"name\\\":1}\",\"name\":\"f\"},\"id\":\"1\"},{\"id\":\"2\",\"function\":{\"name\":\"g\"}}]}", "f", "1"},
        {"{\"id\":\"msg\",\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"f\",\"input\":{}}]}", "f", "1"},
        {"[{\"toolUse\":{\"toolUseId\":\"1\",\"name\":\"f\",\"input\":{\"name\":\"x\"}}}]", "f", "1"},
        {"{\"toolCalls\":[{\"toolCallId\":\"1\",\"toolName\":\"f\"}]}", "f", "1"},
        {"[{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":\"1\",\"name\":\"f\"}]", "f", "1"},
        {"[{\"role\":\"assistant\",\"name\":\"bob\",\"content\":\"no\"}]", NULL, NULL},
        {"[{\"tool_calls\":[]}]", NULL, NULL},
        {"[{\"parts\":[{\"type\":\"tool_call\",\"name\":\"f", NULL, NULL},
        {"plain", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tool_request got = content_tool_request(bytes_from_text(cases[i][0]));
        if (cases[i][1] == NULL ? bytes_present(got.name)
                                : !bytes_equal_text(got.name, cases[i][1]) || !bytes_equal_text(got.id, cases[i][2]))
            fail_msg("case %zu: '%.*s' '%.*s'", i, BYTES_FMT(got.name), BYTES_FMT(got.id));
    }
}

static void trees_become_json(void **state)
{
    (void)state;
    struct buffer pair = BUFFER_WITH_LIMIT(LIMIT), map = pair, list = pair, out = pair;
    otlp_put_text(&map, 1, "role", "user");
    otlp_put_integer(&map, 1, "n", -3);
    otlp_put_boolean(&map, 1, "b", true);
    otlp_put_real(&map, 1, "x", 0.5);
    otlp_put_value(&map, 1, "none", BYTES_LITERAL(""));
    otlp_put_value(&map, 1, "raw", BYTES_LITERAL("\x3a\x04pqrs"));
    otlp_put_message(&pair, 6, buffer_bytes(&map));
    otlp_put_message(&list, 1, buffer_bytes(&pair));
    otlp_put_message(&list, 1, BYTES_LITERAL("\x2a\x00"));
    otlp_put_message(&list, 1, BYTES_LITERAL("\x0a\x02q\""));
    struct any_value value = {.kind = ANY_ARRAY, .bytes = buffer_bytes(&list)};
    assert_int_equal(any_json_write(&value, 3, &out), REFUSAL_NONE);
    buffer_put_u8(&out, 0);
    assert_string_equal((char *)out.data, "[{\"role\":\"user\",\"n\":-3,\"b\":true,\"x\":0.5,\"none\":null,\"raw\":\"cHFycw==\"},[],\"q\\\"\"]");
    buffer_clear(&out);
    value.bytes = BYTES_LITERAL("\x0a\x7f");
    assert_int_equal(any_json_write(&value, 3, &out), REFUSAL_MALFORMED);
    buffer_free(&pair);
    buffer_free(&map);
    buffer_free(&list);
    buffer_free(&out);
}

/* As deep as is allowed, and one deeper. */
static void trees_have_a_depth_limit(void **state)
{
    (void)state;
    struct buffer inner = BUFFER_WITH_LIMIT(LIMIT), outer = inner, out = inner;
    for (int depth = 1; depth <= ANY_JSON_DEPTH_MAX + 1; depth++) {
        struct any_value value = {.kind = ANY_ARRAY, .bytes = buffer_bytes(&inner)};
        buffer_clear(&out);
        assert_int_equal(any_json_write(&value, UINT32_MAX, &out), depth <= ANY_JSON_DEPTH_MAX ? REFUSAL_NONE : REFUSAL_TOO_DEEP);
        buffer_clear(&outer);
        otlp_put_message(&outer, 5, buffer_bytes(&inner));
        buffer_clear(&inner);
        otlp_put_message(&inner, 1, buffer_bytes(&outer));
    }
    buffer_free(&inner);
    buffer_free(&outer);
    buffer_free(&out);
}

static void times_of_iso_8601(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-21T02:34:20.069701Z", INT64_C(1795228460069701000)},
        {"2026-11-21T03:34:20.069701+01:00", INT64_C(1795228460069701000)},
        {"2026-11-20 21:34:20-0500", INT64_C(1795228460000000000)},
        {"2024-02-29T12:00:00.123456789", INT64_C(1709208000123456789)},
        {"2000-03-01T00:00Z", INT64_C(951868800000000000)},
        {"2026-13-01T00:00:00Z", INT64_MIN}, {"2026-11-21", INT64_MIN}, {"now", INT64_MIN},
        {"2026-11-21T02:34:20Zx", INT64_MIN}, {"", INT64_MIN}, {"9999-01-01T00:00:00Z", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(iso_time_ns(bytes_from_text(cases[i].text)) == cases[i].ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_in_one_form), cmocka_unit_test(the_first_tool_in_every_shape),
        cmocka_unit_test(trees_become_json),       cmocka_unit_test(trees_have_a_depth_limit),
        cmocka_unit_test(times_of_iso_8601),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
