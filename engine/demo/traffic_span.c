/* traffic_span.c - attribute names as OTel GenAI instrumentations write them today; everything backwards. */
#include "engine/demo/traffic_span.h"

#include <stdio.h>

#define SCHEMA_URL    "https://opentelemetry.io/schemas/1.37.0"
#define SCOPE_NAME    "opentelemetry.instrumentation.genai"
#define SCOPE_VERSION "1.3b0"

enum { FIELD_ATTRIBUTE = 9, SPAN_KIND_INTERNAL = 1, SPAN_KIND_CLIENT = 3, STATUS_ERROR = 2 };

static void put_text(struct otlp_writer *w, const char *key, const char *value)
{
    otlp_put_text_attribute(w, FIELD_ATTRIBUTE, key, bytes_from_text(value));
}

/* What the application adds to every span of a request. */
static void put_request(struct otlp_writer *w, const struct traffic_span *span)
{
    char conversation[24];
    int size = snprintf(conversation, sizeof conversation, "c-%llx",
                        (unsigned long long)span->conversation);
    put_text(w, "app.feature", world_apps[world_intents[span->intent].app].feature);
    put_text(w, "app.intent", world_intents[span->intent].name);
    otlp_put_text_attribute(w, FIELD_ATTRIBUTE, "gen_ai.conversation.id",
                            bytes_of(conversation, (size_t)size));
}

static void put_call(struct otlp_writer *w, const struct traffic_span *span,
                     const struct answers *answers, struct dice *dice)
{
    const struct world_app *app = &world_apps[world_intents[span->intent].app];
    bool cut = false;
    struct bytes output = answers_output(answers, span->intent, span->form, dice, &cut);
    struct bytes input = answers_input(answers, span->intent, dice);
    put_request(w, span);
    put_text(w, "gen_ai.prompt.version", span->prompt);
    put_text(w, "gen_ai.prompt.name", app->prompt_name);
    if (span->failed) {
        put_text(w, "error.type", "RateLimitError");
    } else {
        otlp_put_text_attribute(w, FIELD_ATTRIBUTE, "gen_ai.output.messages", output);
        otlp_put_integer_attribute(w, FIELD_ATTRIBUTE, "gen_ai.usage.output_tokens",
                                   span->output_tokens);
        otlp_put_integer_attribute(w, FIELD_ATTRIBUTE, "gen_ai.usage.input_tokens",
                                   span->input_tokens);
        otlp_put_list_attribute(w, FIELD_ATTRIBUTE, "gen_ai.response.finish_reasons",
                                cut ? BYTES_LITERAL("length") : BYTES_LITERAL("stop"));
        put_text(w, "gen_ai.response.model", app->model[span->model]);
    }
    otlp_put_text_attribute(w, FIELD_ATTRIBUTE, "gen_ai.input.messages", input);
    if (world_intents[span->intent].json)
        put_text(w, "gen_ai.output.type", "json");
    put_text(w, "gen_ai.request.model", app->model[span->model]);
    put_text(w, "gen_ai.provider.name", app->provider[span->model]);
    put_text(w, "gen_ai.operation.name", "chat");
}

static void put_attributes(struct otlp_writer *w, const struct traffic_span *span,
                           const struct answers *answers, struct dice *dice)
{
    if (span->kind == SPAN_CALL) {
        put_call(w, span, answers, dice);
        return;
    }
    put_request(w, span);
    if (span->kind == SPAN_AGENT) {
        put_text(w, "gen_ai.agent.name", "copilot");
        put_text(w, "gen_ai.operation.name", "invoke_agent");
    } else {
        put_text(w, "gen_ai.tool.name", "library_search");
        put_text(w, "gen_ai.operation.name", "execute_tool");
    }
}

static void put_span(struct otlp_writer *w, const struct traffic_span *span,
                     const struct answers *answers, struct dice *dice)
{
    char name[64];
    const struct world_app *app = &world_apps[world_intents[span->intent].app];
    int size =
        span->kind == SPAN_CALL    ? snprintf(name, sizeof name, "chat %s", app->model[span->model])
        : span->kind == SPAN_AGENT ? snprintf(name, sizeof name, "invoke_agent copilot")
                                   : snprintf(name, sizeof name, "execute_tool library_search");
    uint8_t *open = otlp_open(w);
    otlp_put_bytes(w, 1, bytes_of(span->trace_id, sizeof span->trace_id));
    otlp_put_bytes(w, 2, bytes_of(&span->span_id, sizeof span->span_id));
    otlp_put_bytes(w, 4,
                   bytes_of(&span->parent_id, span->parent_id != 0 ? sizeof span->parent_id : 0));
    otlp_put_fixed32(w, 16, 0x100); /* flags stand here, not by their number */
    otlp_put_bytes(w, 5, bytes_of(name, (size_t)size));
    otlp_put_varint(w, 6, span->kind == SPAN_CALL ? SPAN_KIND_CLIENT : SPAN_KIND_INTERNAL);
    otlp_put_fixed64(w, 7, (uint64_t)span->start_ms * 1000000);
    otlp_put_fixed64(w, 8, (uint64_t)span->end_ms * 1000000);
    put_attributes(w, span, answers, dice);
    uint8_t *status = otlp_open(w);
    if (span->failed)
        otlp_put_varint(w, 3, STATUS_ERROR);
    otlp_close(w, 15, status);
    otlp_close(w, 2, open);
}

static void put_resource(struct otlp_writer *w, const struct world_app *app)
{
    uint8_t *open = otlp_open(w);
    otlp_put_text_attribute(w, 1, "service.name", bytes_from_text(app->name));
    otlp_put_text_attribute(w, 1, "deployment.environment.name", BYTES_LITERAL(WORLD_ENVIRONMENT));
    otlp_put_text_attribute(w, 1, "service.version", bytes_from_text(app->version));
    otlp_put_text_attribute(w, 1, "telemetry.sdk.version", BYTES_LITERAL("1.45.2"));
    otlp_put_text_attribute(w, 1, "telemetry.sdk.name", BYTES_LITERAL("opentelemetry"));
    otlp_put_text_attribute(w, 1, "telemetry.sdk.language", BYTES_LITERAL("python"));
    otlp_close(w, 1, open);
}

/* ResourceSpans of one app; nothing when it has none. */
static void put_app(struct otlp_writer *w, uint32_t app, const struct traffic_span *spans,
                    uint32_t count, const struct answers *answers, struct dice *dice)
{
    bool any = false;
    for (uint32_t i = 0; i < count && !any; i++)
        any = world_intents[spans[i].intent].app == app;
    if (!any)
        return;
    uint8_t *resource_spans = otlp_open(w);
    put_resource(w, &world_apps[app]);
    uint8_t *scope_spans = otlp_open(w);
    uint8_t *scope = otlp_open(w);
    otlp_put_bytes(w, 1, BYTES_LITERAL(SCOPE_NAME));
    otlp_put_bytes(w, 2, BYTES_LITERAL(SCOPE_VERSION));
    otlp_close(w, 1, scope);
    for (uint32_t i = count; i-- > 0;)
        if (world_intents[spans[i].intent].app == app)
            put_span(w, &spans[i], answers, dice);
    otlp_put_bytes(w, 3, BYTES_LITERAL(SCHEMA_URL));
    otlp_close(w, 2, scope_spans);
    otlp_close(w, 1, resource_spans);
}

struct bytes traffic_span_write(struct otlp_writer *writer, const struct traffic_span *spans,
                                uint32_t count, const struct answers *answers, struct dice *dice)
{
    uint8_t *open = otlp_open(writer);
    for (uint32_t app = WORLD_APPS; app-- > 0;)
        put_app(writer, app, spans, count, answers, dice);
    return otlp_finish(writer, open);
}
