/*
 * lean_span.c - the span all speed figures are about: 1.4 KB, 22 attributes, the Collector's field order,
 * 3 applications, 12 intents, 2 models.
 */
#include "bench/lean_span.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "tests/span/otlp_build.h"

#include <stdio.h>
#include <stdlib.h>

static void put_attributes(struct buffer *span, uint64_t number)
{
    static const char *const finish[] = {"stop", NULL};
    char text[160];
    otlp_put_text(span, 9, "gen_ai.operation.name", "chat");
    otlp_put_text(span, 9, "gen_ai.provider.name", "openai");
    otlp_put_text(span, 9, "gen_ai.request.model", "gpt-4o-mini");
    otlp_put_text(span, 9, "gen_ai.response.model", number % 3 ? "gpt-4o-mini-2024-07-18" : "gpt-4o-2024-11-20");
    snprintf(text, sizeof text, "chatcmpl-%016llx", (unsigned long long)number * 7919);
    otlp_put_text(span, 9, "gen_ai.response.id", text);
    otlp_put_integer(span, 9, "gen_ai.request.max_tokens", 1024);
    otlp_put_real(span, 9, "gen_ai.request.temperature", 0.2);
    otlp_put_real(span, 9, "gen_ai.request.top_p", 0.95);
    otlp_put_boolean(span, 9, "gen_ai.request.stream", true);
    otlp_put_real(span, 9, "gen_ai.response.time_to_first_chunk", 0.25 + (double)(number % 100) / 1000);
    otlp_put_integer(span, 9, "gen_ai.usage.input_tokens", (int64_t)(1200 + number % 777));
    otlp_put_integer(span, 9, "gen_ai.usage.output_tokens", (int64_t)(100 + number % 333));
    otlp_put_integer(span, 9, "gen_ai.usage.cache_read.input_tokens", 512);
    otlp_put_texts(span, 9, "gen_ai.response.finish_reasons", finish);
    otlp_put_text(span, 9, "gen_ai.output.type", "json");
    snprintf(text, sizeof text, "conv-%08llx", (unsigned long long)(number / 5));
    otlp_put_text(span, 9, "gen_ai.conversation.id", text);
    snprintf(text, sizeof text, "user-%05llu", (unsigned long long)(number % 9999));
    otlp_put_text(span, 9, "user.id", text);
    snprintf(text, sizeof text, "intent_%02llu", (unsigned long long)(number % 12));
    otlp_put_text(span, 9, "app.intent", text);
    otlp_put_text(span, 9, "gen_ai.prompt.version", "support-agent@v7");
    otlp_put_text(span, 9, "gen_ai.prompt.hash", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    otlp_put_text(span, 9, "server.address", "api.openai.example.internal");
    otlp_put_integer(span, 9, "server.port", 443);
    /* what else a span carries: fills it to 1.4 KB */
    otlp_put_text_field(span, 3, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,ot=th:8;rv:6e6d1a75832a2f");
    struct buffer event = BUFFER_WITH_LIMIT(4096);
    otlp_put_fixed64_field(&event, 1, 1795227554174398990u);
    otlp_put_text_field(&event, 2, "gen_ai.client.inference.operation.details");
    /* text that does not repeat, so that the records compress about as real ones do (lz4 3 to 4 times) */
    char note[301];
    uint64_t random = number;
    for (size_t i = 0; i + 1 < sizeof note; i++) {
        random = hash_mix64(random + 0x9e3779b97f4a7c15u);
        note[i] = (char)('0' + random % 75);
    }
    note[sizeof note - 1] = '\0';
    otlp_put_text(&event, 3, "app.trace.note", note);
    otlp_put_message(span, 11, buffer_bytes(&event));
    buffer_free(&event);
}

void lean_record(struct buffer *out, uint64_t first, uint32_t spans, uint64_t start_ns)
{
    struct buffer resource = BUFFER_WITH_LIMIT(1 << 20), scope = resource, scope_spans = resource, both = resource,
                  request = resource, span = resource;
    static const char *const apps[] = {"checkout-assistant", "support-assistant", "search-assistant"};
    otlp_put_text(&resource, 1, "service.name", apps[first / spans % 3]);
    otlp_put_text(&resource, 1, "deployment.environment.name", "production");
    otlp_put_text(&resource, 1, "telemetry.sdk.language", "python");
    otlp_put_text_field(&scope, 1, "opentelemetry.instrumentation.genai.openai");
    otlp_put_text_field(&scope, 2, "1.3b0");
    otlp_put_message(&scope_spans, 1, buffer_bytes(&scope));
    for (uint32_t i = 0; i < spans; i++) {
        uint64_t start = start_ns + (first + i) * 1000;
        buffer_clear(&span);
        otlp_put_span_core(&span, first + i, "chat gpt-4o-mini", start, start + 900000000);
        put_attributes(&span, first + i);
        otlp_put_message(&scope_spans, 2, buffer_bytes(&span));
    }
    otlp_put_message(&both, 1, buffer_bytes(&resource));
    otlp_put_message(&both, 2, buffer_bytes(&scope_spans));
    otlp_put_message(&request, 1, buffer_bytes(&both));
    if (!otlp_reorder(buffer_bytes(&request), ORDER_DESCENDING, NULL, out))
        abort();
    struct buffer *all[] = {&resource, &scope, &scope_spans, &both, &request, &span};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buffer_free(all[i]);
}

static size_t place_of(const struct buffer *record, const void *bytes, size_t size, size_t from)
{
    for (size_t at = from; at + size <= record->size; at++)
        if (memcmp(record->data + at, bytes, size) == 0)
            return at;
    CHECK(!"the span is in its own record");
    return 0;
}

/* Ids as otlp_put_span_core makes them. */
static void make_ids(uint64_t number, uint64_t trace[2], uint64_t *span)
{
    trace[0] = hash_mix64(number + 1);
    trace[1] = hash_mix64(~number);
    *span = hash_mix64(number + 7) | 1;
}

void lean_template_make(struct lean_template *t, uint64_t first, uint32_t spans)
{
    t->record = BUFFER_WITH_LIMIT((size_t)16 << 20);
    t->spans = spans;
    lean_record(&t->record, first, spans, LEAN_START_NS);
    t->trace_at = memory_allocate_array(spans, sizeof *t->trace_at);
    t->span_at = memory_allocate_array(spans, sizeof *t->span_at);
    t->end_at = memory_allocate_array(spans, sizeof *t->end_at);
    for (uint32_t i = 0; i < spans; i++) {
        uint64_t trace[2], span, end_ns = LEAN_START_NS + (first + i) * 1000 + 900000000;
        make_ids(first + i, trace, &span);
        t->trace_at[i] = place_of(&t->record, trace, sizeof trace, 0);
        t->span_at[i] = place_of(&t->record, &span, sizeof span, 0);
        t->end_at[i] = place_of(&t->record, &end_ns, sizeof end_ns, 0);
    }
}

void lean_template_free(struct lean_template *t)
{
    buffer_free(&t->record);
    memory_free(t->trace_at);
    memory_free(t->span_at);
    memory_free(t->end_at);
}

uint8_t *lean_templates_pack(struct lean_template *templates, uint32_t count)
{
    size_t size = 0, at = 0;
    for (uint32_t i = 0; i < count; i++)
        size += templates[i].record.size;
    uint8_t *block = memory_allocate_raw(size);
    for (uint32_t i = 0; i < count; i++) {
        struct buffer *record = &templates[i].record;
        struct buffer packed = {.data = block + at, .size = record->size};
        memcpy(packed.data, record->data, record->size);
        at += record->size;
        buffer_free(record);
        *record = packed;
    }
    return block;
}

void lean_templates_free(struct lean_template *templates, uint32_t count, uint8_t *block)
{
    for (uint32_t i = 0; i < count; i++) {
        templates[i].record = (struct buffer){0};
        lean_template_free(&templates[i]);
    }
    memory_free(block);
}

void lean_template_stamp(struct lean_template *t, uint64_t first, uint64_t end_ns)
{
    for (uint32_t i = 0; i < t->spans; i++) {
        uint64_t trace[2], span;
        make_ids(first + i, trace, &span);
        memcpy(t->record.data + t->trace_at[i], trace, sizeof trace);
        memcpy(t->record.data + t->span_at[i], &span, sizeof span);
        memcpy(t->record.data + t->end_at[i], &end_ns, sizeof end_ns);
    }
}
