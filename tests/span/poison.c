/* poison.c - see poison.h. Each kind is made by one function; JSON is written as it would be sent. */
#include "tests/span/poison.h"

#include "engine/base/hash.h"
#include "tests/span/otlp_build.h"

const struct otlp_limits poison_limits = {.spans_per_record_max = 20,
                                          .attributes_per_span_max = 16,
                                          .string_bytes_max = 1024,
                                          .nesting_depth_max = 4};

#define LIMIT ((size_t)1 << 20)
#define DEEP  6

struct making {
    struct buffer *out;
    uint64_t number, end_ns;
    uint32_t spans; /* so far */
};

/* ---- protobuf ------------------------------------------------------------------------------------------------- */

/* A Span message; `more` is appended to it. */
static void put_proto_span(struct making *m, struct bytes more, struct buffer *scope)
{
    struct buffer span = BUFFER_WITH_LIMIT(LIMIT);
    otlp_put_span_core(&span, m->number * 64 + m->spans++, "chat", m->end_ns - 1000000, m->end_ns);
    buffer_append(&span, more.data, more.size);
    otlp_put_message(scope, 2, buffer_bytes(&span));
    buffer_free(&span);
}

static void put_proto_request(struct making *m, struct buffer *scope)
{
    struct buffer resource = BUFFER_WITH_LIMIT(LIMIT);
    otlp_put_message(&resource, 2, buffer_bytes(scope));
    otlp_put_message(m->out, 1, buffer_bytes(&resource));
    buffer_free(&resource);
    buffer_free(scope);
}

/* A good span, one with this in it, another good one. */
static void around_proto(struct making *m, struct bytes bad)
{
    struct buffer scope = BUFFER_WITH_LIMIT(LIMIT);
    put_proto_span(m, BYTES_LITERAL(""), &scope);
    put_proto_span(m, bad, &scope);
    put_proto_span(m, BYTES_LITERAL(""), &scope);
    put_proto_request(m, &scope);
}

static void malformed_proto(struct making *m)
{
    around_proto(m, BYTES_LITERAL("\x4a\x03\x0a\x07q"));
}
static void bad_id_proto(struct making *m)
{
    around_proto(m, BYTES_LITERAL("\x0a\x03"
                                  "abc"));
}

static void cut_proto(struct making *m)
{
    struct buffer whole = BUFFER_WITH_LIMIT(LIMIT);
    struct making inner = *m;
    inner.out = &whole;
    around_proto(&inner, BYTES_LITERAL(""));
    buffer_append(m->out, whole.data, whole.size - 5);
    buffer_free(&whole);
}

static void many_attributes_proto(struct making *m)
{
    struct buffer attributes = BUFFER_WITH_LIMIT(LIMIT);
    for (uint32_t i = 0; i <= poison_limits.attributes_per_span_max; i++)
        otlp_put_integer(&attributes, 9, "x", i);
    around_proto(m, buffer_bytes(&attributes));
    buffer_free(&attributes);
}

static void deep_proto(struct making *m)
{
    struct buffer value = BUFFER_WITH_LIMIT(LIMIT), outer = value, attribute = value;
    for (int i = 0; i < DEEP; i++) { /* an array of what there is, as a value */
        struct buffer array = BUFFER_WITH_LIMIT(LIMIT);
        otlp_put_message(&array, 1, buffer_bytes(&value));
        buffer_clear(&outer);
        otlp_put_message(&outer, 5, buffer_bytes(&array));
        buffer_clear(&value);
        buffer_append(&value, outer.data, outer.size);
        buffer_free(&array);
    }
    otlp_put_value(&attribute, 9, "gen_ai.output.messages", buffer_bytes(&value));
    around_proto(m, buffer_bytes(&attribute));
    buffer_free(&value);
    buffer_free(&outer);
    buffer_free(&attribute);
}

static void many_spans_proto(struct making *m)
{
    struct buffer scope = BUFFER_WITH_LIMIT(LIMIT);
    for (uint32_t i = 0; i < poison_limits.spans_per_record_max + 3; i++)
        put_proto_span(m, BYTES_LITERAL(""), &scope);
    put_proto_request(m, &scope);
}

static void no_spans_proto(struct making *m)
{
    buffer_append(m->out,
                  "\x12\x03"
                  "abc",
                  5);
}
static void text(struct making *m)
{
    buffer_append_text(m->out, "hello, is this the right topic?");
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static void put_json_span(struct making *m, const char *more)
{
    uint64_t number = m->number * 64 + m->spans++;
    buffer_printf(m->out,
                  "%s{\"traceId\":\"%016llx%016llx\",\"spanId\":\"%016llx\",\"name\":\"chat\","
                  "\"endTimeUnixNano\":\"%llu\"%s}",
                  m->spans > 1 ? "," : "", (unsigned long long)hash_mix64(number + 1),
                  (unsigned long long)hash_mix64(~number),
                  (unsigned long long)(hash_mix64(number + 7) | 1), (unsigned long long)m->end_ns,
                  more);
}

#define OTLP_OPEN  "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":["
#define OTLP_CLOSE "]}]}]}"

static void around_json(struct making *m, const char *open, const char *bad, const char *close)
{
    buffer_append_text(m->out, open);
    put_json_span(m, "");
    put_json_span(m, bad);
    put_json_span(m, "");
    buffer_append_text(m->out, close);
}

static void many_json(struct making *m, const char *open, const char *close)
{
    buffer_append_text(m->out, open);
    for (uint32_t i = 0; i < poison_limits.spans_per_record_max + 3; i++)
        put_json_span(m, "");
    buffer_append_text(m->out, close);
}

static void malformed_otlp_json(struct making *m)
{
    around_json(m, OTLP_OPEN, ",\"name\":\"\\q\"", OTLP_CLOSE);
}
static void cut_otlp_json(struct making *m) { around_json(m, OTLP_OPEN, "", "]}"); }
static void bad_id_otlp_json(struct making *m)
{
    around_json(m, OTLP_OPEN, ",\"spanId\":\"zz\"", OTLP_CLOSE);
}
static void bad_time_otlp_json(struct making *m)
{
    around_json(m, OTLP_OPEN, ",\"startTimeUnixNano\":\"now\"", OTLP_CLOSE);
}
static void many_spans_otlp_json(struct making *m) { many_json(m, OTLP_OPEN, OTLP_CLOSE); }
static void logs_json(struct making *m) { buffer_append_text(m->out, "{\"resourceLogs\":[]}"); }
static void malformed_json(struct making *m) { around_json(m, "[", ",\"x\" 1", "]"); }
static void cut_json(struct making *m) { around_json(m, "[", "", ""); }
static void bad_id_json(struct making *m) { around_json(m, "[", ",\"trace_id\":\"zz\"", "]"); }
static void bad_time_json(struct making *m) { around_json(m, "[", ",\"start_ms\":\"now\"", "]"); }
static void many_spans_json(struct making *m) { many_json(m, "[", "]"); }

static void deep_json(struct making *m)
{
    around_json(m, "[", ",\"attributes\":{\"gen_ai.output.messages\":[[[[[[]]]]]]}", "]");
}

static void many_attributes_otlp_json(struct making *m)
{
    struct buffer more = BUFFER_WITH_LIMIT(LIMIT);
    buffer_append_text(&more, ",\"attributes\":[{\"key\":\"x\"}");
    for (uint32_t i = 0; i < poison_limits.attributes_per_span_max; i++)
        buffer_append_text(&more, ",{\"key\":\"x\",\"value\":{\"intValue\":\"1\"}}");
    buffer_append(&more, "]", 2);
    around_json(m, OTLP_OPEN, (const char *)more.data, OTLP_CLOSE);
    buffer_free(&more);
}

static void deep_otlp_json(struct making *m)
{
    struct buffer more = BUFFER_WITH_LIMIT(LIMIT);
    buffer_append_text(&more, ",\"attributes\":[{\"key\":\"x\",\"value\":");
    for (int i = 0; i < DEEP; i++)
        buffer_append_text(&more, "{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":");
    buffer_append_text(&more, "{}");
    for (int i = 0; i < DEEP; i++)
        buffer_append_text(&more, "}]}}");
    buffer_append(&more, "}]", 3);
    around_json(m, OTLP_OPEN, (const char *)more.data, OTLP_CLOSE);
    buffer_free(&more);
}

/* The names of objects are repeated in the names of what is in them. */
static void large_json(struct making *m)
{
    struct buffer more = BUFFER_WITH_LIMIT(LIMIT);
    buffer_printf(&more, ",\"%0140d\":{\"a\":0", 0);
    for (int i = 0; i < 4000; i++)
        buffer_append_text(&more, ",\"a\":0");
    buffer_append(&more, "}", 2);
    around_json(m, "[", (const char *)more.data, "]");
    buffer_free(&more);
}

/* ---- what is around ----------------------------------------------------------------------------------------------- */

static void gzip(struct making *m) { buffer_append(m->out, "\x1f\x8b\x08\x00", 4); }
static void short_frame(struct making *m) { buffer_append(m->out, "\0\0\0", 3); }
static void glue_frame(struct making *m)
{
    buffer_append(m->out,
                  "\x03\0"
                  "0123456789abcdef"
                  "xy",
                  20);
}
static void avro_frame(struct making *m)
{
    buffer_append(m->out,
                  "\0\0\0\0\x09\x08"
                  "abcd",
                  10);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

#define MANY 20 /* as many as are allowed */
static const struct kind {
    struct poison_facts facts;
    void (*make)(struct making *m);
} kinds[] = {
    {{"bytes with no spans", "unrecognised", 0, 1}, no_spans_proto},
    {{"text", "unrecognised", 0, 1}, text},
    {{"log records, JSON", "wrong_signal", 0, 1}, logs_json},
    {{"gzip", "compressed", 0, 1}, gzip},
    {{"half a frame", "framing", 0, 1}, short_frame},
    {{"another registry's frame", "framing", 0, 1}, glue_frame},
    {{"Avro without its schema", "no_schema", 0, 1}, avro_frame},
    {{"a malformed attribute, protobuf", "malformed", 2, 1}, malformed_proto},
    {{"protobuf that was cut", "malformed", 2, 1}, cut_proto},
    {{"an illegal escape, OTLP JSON", "malformed", 2, 1}, malformed_otlp_json},
    {{"OTLP JSON that was cut", "malformed", 3, 1}, cut_otlp_json},
    {{"no colon, JSON", "malformed", 2, 1}, malformed_json},
    {{"JSON that was cut", "malformed", 3, 1}, cut_json},
    {{"an id of three bytes, protobuf", "bad_id", 2, 1}, bad_id_proto},
    {{"an id of no digits, OTLP JSON", "bad_id", 2, 1}, bad_id_otlp_json},
    {{"an id of no digits, JSON", "bad_id", 2, 1}, bad_id_json},
    {{"a time that is none, OTLP JSON", "bad_value", 2, 1}, bad_time_otlp_json},
    {{"a time that is none, JSON", "bad_value", 2, 1}, bad_time_json},
    {{"many spans, protobuf", "too_many_spans", MANY, 3}, many_spans_proto},
    {{"many spans, OTLP JSON", "too_many_spans", MANY, 3}, many_spans_otlp_json},
    {{"many spans, JSON", "too_many_spans", MANY, 3}, many_spans_json},
    {{"many attributes, protobuf", "too_many_attributes", 2, 1}, many_attributes_proto},
    {{"many attributes, OTLP JSON", "too_many_attributes", 2, 1}, many_attributes_otlp_json},
    {{"a deep value, protobuf", "too_deep", 2, 1}, deep_proto},
    {{"a deep value, OTLP JSON", "too_deep", 2, 1}, deep_otlp_json},
    {{"a deep value, JSON", "too_deep", 2, 1}, deep_json},
    {{"names that repeat, JSON", "too_large", 2, 1}, large_json},
};

uint32_t poison_kinds(void) { return sizeof kinds / sizeof *kinds; }

struct poison_facts poison_put(uint32_t kind, uint64_t number, uint64_t end_ns, struct buffer *out)
{
    struct making making = {.out = out, .number = number, .end_ns = end_ns};
    kinds[kind].make(&making);
    return kinds[kind].facts;
}
