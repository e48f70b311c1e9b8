/* otlp_twin.c - see otlp_twin.h. Every helper writes the same thing to both sides. */
#include "tests/span/otlp_twin.h"

#include "engine/base/check.h"
#include "engine/span/dialect.h"
#include "tests/span/otlp_build.h"

#include <math.h>
#include <stdio.h>

#define LIMIT       ((size_t)16 << 20)
#define MEMBERS_MAX 40

static uint64_t dice(struct twin *t, uint64_t sides) { return otlp_random(&t->rng) % sides; }

/* ---- JSON in all its forms ------------------------------------------------------------------------------------- */

static void put_space(struct twin *t, struct buffer *json)
{
    static const char *const spaces[] = {"", "", "", "", "", " ", "\n", "\t \r\n"};
    buffer_append_text(json, spaces[dice(t, 8)]);
}

static uint32_t step_character(struct bytes text, size_t *at)
{
    uint8_t lead = text.data[*at];
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t c = size == 1 ? lead : lead & (0x7fu >> size);
    for (size_t i = 1; i < size; i++)
        c = c << 6 | (text.data[*at + i] & 0x3f);
    *at += size;
    return c;
}

static void put_json_text(struct twin *t, struct buffer *json, struct bytes text)
{
    buffer_put_u8(json, '"');
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        uint32_t c = step_character(text, &at);
        bool must = c < 0x20 || c == '"' || c == '\\';
        if (!must && dice(t, 16) != 0)
            buffer_append(json, text.data + start, at - start);
        else if (c == '"' || c == '\\' || c == '/')
            buffer_printf(json, "\\%c", (char)c);
        else if (c == '\n' && dice(t, 2))
            buffer_append_text(json, "\\n");
        else if (c > 0xffff)
            buffer_printf(json, "\\u%04x\\u%04X", 0xd800 + ((c - 0x10000) >> 10),
                          0xdc00 + ((c - 0x10000) & 0x3ff));
        else
            buffer_printf(json, "\\u%04x", c);
    }
    buffer_put_u8(json, '"');
}

/* An object's members, each with its key, joined in any order. */
struct members {
    struct buffer items[MEMBERS_MAX];
    size_t count;
};

static struct buffer *member(struct twin *t, struct members *m, const char *camel,
                             const char *snake)
{
    CHECK(m->count < MEMBERS_MAX);
    struct buffer *item = &m->items[m->count++];
    *item = BUFFER_WITH_LIMIT(LIMIT);
    buffer_printf(item, "\"%s\"", dice(t, 4) ? camel : snake);
    put_space(t, item);
    buffer_put_u8(item, ':');
    put_space(t, item);
    return item;
}

static void put_object(struct twin *t, struct buffer *json, struct members *m)
{
    if (dice(t, 8) == 0)
        buffer_append_text(member(t, m, "unknownThing", "x"),
                           "[1,{\"a\":[\"]}\\\"\"]},null,-2.5e3]");
    if (dice(t, 8) == 0)
        buffer_append_text(member(t, m, "droppedAttributesCount", "dropped_attributes_count"),
                           "null");
    buffer_put_u8(json, '{');
    for (size_t left = m->count; left > 0; left--) {
        size_t pick = dice(t, left);
        put_space(t, json);
        buffer_append(json, m->items[pick].data, m->items[pick].size);
        put_space(t, json);
        if (left > 1)
            buffer_put_u8(json, ',');
        buffer_free(&m->items[pick]);
        m->items[pick] = m->items[left - 1];
    }
    buffer_put_u8(json, '}');
}

static void put_json_integer(struct twin *t, struct buffer *json, int64_t value)
{
    const char *quote = dice(t, 2) ? "\"" : "";
    buffer_printf(json, "%s%lld%s", quote, (long long)value, quote);
}

static void put_json_id(struct twin *t, struct buffer *json, struct bytes id)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    buffer_put_u8(json, '"');
    bool base64 = dice(t, 3) == 0, upper = dice(t, 2);
    for (size_t i = 0; !base64 && i < id.size; i++)
        buffer_printf(json, upper ? "%02X" : "%02x", id.data[i]);
    for (size_t i = 0; base64 && i < id.size; i += 3) {
        uint32_t three = (uint32_t)id.data[i] << 16 |
                         (i + 1 < id.size ? (uint32_t)id.data[i + 1] << 8 : 0) |
                         (i + 2 < id.size ? id.data[i + 2] : 0u);
        for (size_t j = 0; j < 4; j++)
            buffer_put_u8(json,
                          (uint8_t)(i + j > id.size ? '=' : letters[three >> (18 - 6 * j) & 63]));
    }
    buffer_put_u8(json, '"');
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static struct bytes random_text(struct twin *t, uint8_t room[128])
{
    static const char *const words[] = {
        "true", "False",
        "12",   "0.5",
        "stop", "[\"length\"]",
        "chat", "[{\"role\":\"assistant\",\"finish_reason\":\"stop\"}]",
        "",     "-3"};
    if (dice(t, 3) == 0) {
        const char *word = words[dice(t, sizeof words / sizeof *words)];
        memcpy(room, word, strlen(word));
        return bytes_of(room, strlen(word));
    }
    static const char *const pieces[] = {"a",    "Z",    " ", "\"", "\\", "/",  "\n",
                                         "\x01", "\x7f", "é", "ß",  "€",  "漢", "\U0001F600",
                                         "{",    "]",    ":", ",",  "0",  "x"};
    size_t size = 0;
    for (uint64_t left = dice(t, 24); left > 0; left--) {
        const char *piece = pieces[dice(t, sizeof pieces / sizeof *pieces)];
        memcpy(room + size, piece, strlen(piece));
        size += strlen(piece);
    }
    return bytes_of(room, size);
}

static struct bytes random_key(struct twin *t, uint8_t room[128])
{
    if (dice(t, 4) == 0)
        return random_text(t, room);
    return bytes_from_text(dialect_aliases[dice(t, dialect_aliases_count)].name);
}

static void put_number_value(struct twin *t, struct buffer *proto, struct members *m)
{
    static const int64_t integers[] = {0,    1,         17,        -4,
                                       4096, INT64_MAX, INT64_MIN, 1700000000000000001};
    static const double reals[] = {0.0, 0.25, 1.5, -3.0, 1e300, 5e-324, 1234567.875, 0.1, 3.0};
    int64_t integer = integers[dice(t, sizeof integers / sizeof *integers)];
    double real = dice(t, 12) == 0 ? (double)NAN : reals[dice(t, sizeof reals / sizeof *reals)];
    uint64_t bits;
    switch (dice(t, 3)) {
    case 0:
        otlp_put_varint_field(proto, 3, (uint64_t)integer);
        put_json_integer(t, member(t, m, "intValue", "int_value"), integer);
        return;
    case 1:
        memcpy(&bits, &real, sizeof bits);
        otlp_put_fixed64_field(proto, 4, bits);
        buffer_printf(member(t, m, "doubleValue", "double_value"),
                      isnan(real) ? "\"NaN\"" : "%.17g", real);
        return;
    default:
        otlp_put_varint_field(proto, 2, integer & 1);
        buffer_append_text(member(t, m, "boolValue", "bool_value"), integer & 1 ? "true" : "false");
    }
}

static void put_pair(struct twin *t, struct buffer *proto, uint32_t field, struct buffer *json,
                     struct bytes key, int depth);

/* The body of an AnyValue, and its object. */
static void put_any(struct twin *t, struct buffer *proto, struct buffer *json, int depth)
{
    uint8_t room[128];
    struct members m = {.count = 0};
    struct buffer inner = BUFFER_WITH_LIMIT(LIMIT), list = inner;
    uint64_t kind = dice(t, depth > 0 ? 10 : 8);
    if (kind < 4) {
        struct bytes text = random_text(t, room);
        otlp_put_message(proto, 1, text);
        put_json_text(t, member(t, &m, "stringValue", "string_value"), text);
    } else if (kind < 6) {
        put_number_value(t, proto, &m);
    } else if (kind == 6) {
        struct bytes blob = bytes_of(&t->rng, dice(t, 9));
        memcpy(room, blob.data, blob.size);
        otlp_put_message(proto, 7, bytes_of(room, blob.size));
        put_json_id(t, member(t, &m, "bytesValue", "bytes_value"), BYTES_NONE);
        struct buffer *text = &m.items[m.count - 1];
        text->size -= 2; /* always base64 here: hex would be read as such */
        static const char letters[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        buffer_put_u8(text, '"');
        for (size_t i = 0; i < blob.size; i += 3) {
            uint32_t three = (uint32_t)room[i] << 16 |
                             (i + 1 < blob.size ? (uint32_t)room[i + 1] << 8 : 0) |
                             (i + 2 < blob.size ? room[i + 2] : 0u);
            for (size_t j = 0; j < 4; j++)
                buffer_put_u8(
                    text, (uint8_t)(i + j > blob.size ? '=' : letters[three >> (18 - 6 * j) & 63]));
        }
        buffer_put_u8(text, '"');
    } else if (kind > 7) {
        buffer_put_u8(&list, '[');
        for (uint64_t i = 0, count = dice(t, 4); i < count; i++) {
            if (i > 0)
                buffer_put_u8(&list, ',');
            if (kind == 8) {
                struct buffer element = BUFFER_WITH_LIMIT(LIMIT);
                put_any(t, &element, &list, depth - 1);
                otlp_put_message(&inner, 1, buffer_bytes(&element));
                buffer_free(&element);
            } else {
                put_pair(t, &inner, 1, &list, random_key(t, room), depth - 1);
            }
        }
        buffer_put_u8(&list, ']');
        otlp_put_message(proto, kind == 8 ? 5 : 6, buffer_bytes(&inner));
        struct members values = {.count = 0};
        buffer_append(member(t, &values, "values", "values"), list.data, list.size);
        put_object(t,
                   kind == 8 ? member(t, &m, "arrayValue", "array_value")
                             : member(t, &m, "kvlistValue", "kvlist_value"),
                   &values);
    }
    put_object(t, json, &m);
    buffer_free(&inner);
    buffer_free(&list);
}

static void put_pair(struct twin *t, struct buffer *proto, uint32_t field, struct buffer *json,
                     struct bytes key, int depth)
{
    struct buffer pair = BUFFER_WITH_LIMIT(LIMIT), any = pair;
    struct members m = {.count = 0};
    otlp_put_message(&pair, 1, key);
    put_json_text(t, member(t, &m, "key", "key"), key);
    put_any(t, &any, member(t, &m, "value", "value"), depth);
    otlp_put_message(&pair, 2, buffer_bytes(&any));
    otlp_put_message(proto, field, buffer_bytes(&pair));
    put_object(t, json, &m);
    buffer_free(&pair);
    buffer_free(&any);
}

static void put_attributes(struct twin *t, struct buffer *proto, uint32_t field, struct members *m,
                           uint64_t count)
{
    uint8_t room[128];
    struct buffer *json = member(t, m, "attributes", "attributes");
    buffer_put_u8(json, '[');
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_put_u8(json, ',');
        put_pair(t, proto, field, json, random_key(t, room), 3);
    }
    buffer_put_u8(json, ']');
}

/* ---- leaves ------------------------------------------------------------------------------------------------------ */

static void put_id(struct twin *t, struct buffer *proto, uint32_t field, struct members *m,
                   const char *camel, const char *snake, size_t size)
{
    uint8_t id[16];
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)(dice(t, 255) + 1);
    otlp_put_message(proto, field, bytes_of(id, size));
    put_json_id(t, member(t, m, camel, snake), bytes_of(id, size));
}

static void put_time(struct twin *t, struct buffer *proto, uint32_t field, struct members *m,
                     const char *camel, const char *snake)
{
    uint64_t time = dice(t, 8) == 0 ? 0 : 1700000000000000000u + dice(t, 1000000000000u);
    otlp_put_fixed64_field(proto, field, time);
    put_json_integer(t, member(t, m, camel, snake), (int64_t)time);
}

static void put_enum(struct twin *t, struct buffer *json, uint64_t value, const char *const *names)
{
    if (dice(t, 2))
        buffer_printf(json, "%llu", (unsigned long long)value);
    else
        buffer_printf(json, "\"%s\"", names[value]);
}

static void put_status(struct twin *t, struct buffer *proto, struct members *span)
{
    static const char *const names[] = {"STATUS_CODE_UNSET", "OK", "STATUS_CODE_ERROR"};
    uint8_t room[128];
    struct buffer status = BUFFER_WITH_LIMIT(LIMIT);
    struct members m = {.count = 0};
    uint64_t code = dice(t, 3);
    struct bytes message = random_text(t, room);
    otlp_put_message(&status, 2, message);
    otlp_put_varint_field(&status, 3, code);
    put_json_text(t, member(t, &m, "message", "message"), message);
    put_enum(t, member(t, &m, "code", "code"), code, names);
    otlp_put_message(proto, 15, buffer_bytes(&status));
    put_object(t, member(t, span, "status", "status"), &m);
    buffer_free(&status);
}

static void put_event(struct twin *t, struct buffer *proto, struct members *span)
{
    uint8_t room[128];
    struct buffer event = BUFFER_WITH_LIMIT(LIMIT), *json;
    struct members m = {.count = 0};
    struct bytes name = random_text(t, room);
    put_time(t, &event, 1, &m, "timeUnixNano", "time_unix_nano");
    otlp_put_message(&event, 2, name);
    put_json_text(t, member(t, &m, "name", "name"), name);
    put_attributes(t, &event, 3, &m, dice(t, 3));
    otlp_put_message(proto, 11, buffer_bytes(&event));
    json = member(t, span, "events", "events");
    buffer_put_u8(json, '[');
    put_object(t, json, &m);
    buffer_put_u8(json, ']');
    buffer_free(&event);
}

static void put_span(struct twin *t, struct buffer *proto, struct buffer *json)
{
    static const char *const kinds[] = {
        "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SERVER",
        "SPAN_KIND_CLIENT",      "PRODUCER",           "SPAN_KIND_CONSUMER"};
    uint8_t room[128];
    struct members m = {.count = 0};
    bool bad = dice(t, 12) == 0;
    struct bytes name = random_text(t, room);
    put_id(t, proto, 1, &m, "traceId", "trace_id", bad ? 15 : 16);
    put_id(t, proto, 2, &m, "spanId", "span_id", 8);
    if (dice(t, 2))
        put_id(t, proto, 4, &m, "parentSpanId", "parent_span_id", dice(t, 2) ? 8 : 0);
    otlp_put_message(proto, 5, name);
    put_json_text(t, member(t, &m, "name", "name"), name);
    uint64_t kind = dice(t, 6);
    otlp_put_varint_field(proto, 6, kind);
    put_enum(t, member(t, &m, "kind", "kind"), kind, kinds);
    put_time(t, proto, 7, &m, "startTimeUnixNano", "start_time_unix_nano");
    put_time(t, proto, 8, &m, "endTimeUnixNano", "end_time_unix_nano");
    put_attributes(t, proto, 9, &m, dice(t, 12));
    if (dice(t, 2))
        put_status(t, proto, &m);
    if (dice(t, 3) == 0)
        put_event(t, proto, &m);
    put_object(t, json, &m);
    t->bad_leaves += bad;
}

static void put_log(struct twin *t, struct buffer *proto, struct buffer *json)
{
    static const char *const names[] = {"gen_ai.system.message",
                                        "gen_ai.user.message",
                                        "gen_ai.tool.message",
                                        "gen_ai.choice",
                                        "gen_ai.client.inference.operation.details",
                                        "gen_ai.evaluation.result",
                                        "session.start"};
    struct members m = {.count = 0};
    struct buffer body = BUFFER_WITH_LIMIT(LIMIT);
    bool bad = dice(t, 12) == 0;
    const char *name = names[dice(t, sizeof names / sizeof *names)];
    put_time(t, proto, 1, &m, "timeUnixNano", "time_unix_nano");
    put_any(t, &body, member(t, &m, "body", "body"), 4);
    otlp_put_message(proto, 5, buffer_bytes(&body));
    put_attributes(t, proto, 6, &m, dice(t, 6));
    put_id(t, proto, 9, &m, "traceId", "trace_id", bad ? 15 : 16);
    put_id(t, proto, 10, &m, "spanId", "span_id", 8);
    put_time(t, proto, 11, &m, "observedTimeUnixNano", "observed_time_unix_nano");
    otlp_put_text_field(proto, 12, name);
    put_json_text(t, member(t, &m, "eventName", "event_name"), bytes_from_text(name));
    put_object(t, json, &m);
    buffer_free(&body);
}

/* ---- containers --------------------------------------------------------------------------------------------------- */

static void put_scope(struct twin *t, struct buffer *proto, struct buffer *json)
{
    struct buffer scope = BUFFER_WITH_LIMIT(LIMIT), leaf = scope, list = scope;
    struct members m = {.count = 0}, named = {.count = 0};
    if (dice(t, 4)) {
        uint8_t room[128];
        struct bytes name = dice(t, 2) ? bytes_from_text("opentelemetry.instrumentation.anthropic")
                                       : random_text(t, room);
        otlp_put_message(&scope, 1, name);
        put_json_text(t, member(t, &named, "name", "name"), name);
        put_attributes(t, &scope, 3, &named, dice(t, 2));
        otlp_put_message(proto, 1, buffer_bytes(&scope));
        put_object(t, member(t, &m, "scope", "scope"), &named);
    }
    buffer_put_u8(&list, '[');
    for (uint64_t i = 0, count = dice(t, 5); i < count; i++, t->leaves++) {
        buffer_clear(&leaf);
        if (i > 0)
            buffer_put_u8(&list, ',');
        put_space(t, &list);
        if (t->logs)
            put_log(t, &leaf, &list);
        else
            put_span(t, &leaf, &list);
        otlp_put_message(proto, 2, buffer_bytes(&leaf));
    }
    buffer_put_u8(&list, ']');
    struct buffer *leaves =
        t->logs ? member(t, &m, "logRecords", "log_records") : member(t, &m, "spans", "spans");
    buffer_append(leaves, list.data, list.size);
    put_object(t, json, &m);
    buffer_free(&scope);
    buffer_free(&leaf);
    buffer_free(&list);
}

static void put_resource(struct twin *t, struct buffer *proto, struct buffer *json)
{
    struct buffer inner = BUFFER_WITH_LIMIT(LIMIT), list = inner;
    struct members m = {.count = 0}, named = {.count = 0};
    if (dice(t, 6)) {
        put_attributes(t, &inner, 1, &named, dice(t, 6));
        otlp_put_message(proto, 1, buffer_bytes(&inner));
        put_object(t, member(t, &m, "resource", "resource"), &named);
    }
    buffer_put_u8(&list, '[');
    for (uint64_t i = 0, count = dice(t, 3); i < count; i++) {
        buffer_clear(&inner);
        if (i > 0)
            buffer_put_u8(&list, ',');
        put_scope(t, &inner, &list);
        otlp_put_message(proto, 2, buffer_bytes(&inner));
    }
    buffer_put_u8(&list, ']');
    struct buffer *scopes = t->logs ? member(t, &m, "scopeLogs", "scope_logs")
                                    : member(t, &m, "scopeSpans", "scope_spans");
    buffer_append(scopes, list.data, list.size);
    put_object(t, json, &m);
    buffer_free(&inner);
    buffer_free(&list);
}

void twin_open(struct twin *twin, uint64_t seed, bool logs)
{
    *twin = (struct twin){.rng = seed,
                          .logs = logs,
                          .proto = BUFFER_WITH_LIMIT(LIMIT),
                          .json = BUFFER_WITH_LIMIT(LIMIT)};
}

void twin_close(struct twin *twin)
{
    buffer_free(&twin->proto);
    buffer_free(&twin->json);
}

void twin_next(struct twin *t)
{
    struct buffer inner = BUFFER_WITH_LIMIT(LIMIT), list = inner;
    struct members m = {.count = 0};
    buffer_clear(&t->proto);
    buffer_clear(&t->json);
    t->leaves = t->bad_leaves = 0;
    buffer_put_u8(&list, '[');
    for (uint64_t i = 0, count = 1 + dice(t, 2); i < count; i++) {
        buffer_clear(&inner);
        if (i > 0)
            buffer_put_u8(&list, ',');
        put_resource(t, &inner, &list);
        otlp_put_message(&t->proto, 1, buffer_bytes(&inner));
    }
    buffer_put_u8(&list, ']');
    struct buffer *all = t->logs ? member(t, &m, "resourceLogs", "resource_logs")
                                 : member(t, &m, "resourceSpans", "resource_spans");
    buffer_append(all, list.data, list.size);
    put_object(t, &t->json, &m);
    buffer_free(&inner);
    buffer_free(&list);
    CHECK(!t->proto.failed && !t->json.failed);
}
