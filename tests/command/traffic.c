/* traffic.c - see traffic.h. */
#include "tests/command/traffic.h"

#include "tests/span/otlp_build.h"

#include <stdio.h>

const char traffic_rules[] = "rules:\n"
                             "  - id: R094\n"
                             "    title: format failures\n"
                             "    metric: format\n"
                             "    watch:\n"
                             "      - {app: '*', env: '*'}\n"
                             "      - {app: '*', env: '*', intent: '*'}\n"
                             "    effect: {ratio: 2, window: 1h, min_count: 20}\n"
                             "    baseline: {window: 2h, min_count: 100}\n"
                             "    budget: 1 per 30d\n"
                             "    severity: page\n"
                             "    class: format\n"
                             "    first_action: check provider update, inspect template\n"
                             "    owner: application team\n"
                             "  - id: R090\n"
                             "    title: judge score drop\n"
                             "    metric: score.*\n"
                             "    watch:\n"
                             "      - {app: '*', env: '*', intent: '*', evaluator: '*', revision: '*'}\n"
                             "    effect: {relative: 5%, window: 7d, min_count: 20}\n"
                             "    baseline: {window: 7d, min_count: 50}\n"
                             "    budget: 1 per 30d\n"
                             "    severity: page\n"
                             "    class: quality\n"
                             "    first_action: pull traces\n"
                             "    owner: application team\n";

static double chance(struct traffic *t) { return (double)(otlp_random(&t->random) >> 11) / 9007199254740992.0; }

static void put_span(struct traffic *t, int64_t at_ms, struct buffer *scope)
{
    static const char *const answers[] = {
        "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"{\\\"a\\\":1}\"}]}]",
        "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"Sure, here you go\"}]}]",
    };
    struct buffer span = BUFFER_WITH_LIMIT(1 << 16);
    uint32_t intent = (uint32_t)(t->next_span % 2);
    uint64_t end_ns = (uint64_t)(at_ms - (int64_t)(chance(t) * 1000)) * 1000000;
    otlp_put_span_core(&span, t->next_span++, "chat model", end_ns - 400000000, end_ns);
    otlp_put_text(&span, 9, "gen_ai.operation.name", "chat");
    otlp_put_text(&span, 9, "gen_ai.request.model", "model-a");
    otlp_put_text(&span, 9, "intent", intent ? "refund" : "search");
    otlp_put_text(&span, 9, "gen_ai.output.type", "json");
    otlp_put_text(&span, 9, "gen_ai.output.messages", answers[chance(t) < t->fail_share[intent]]);
    otlp_put_message(scope, 2, buffer_bytes(&span));
    buffer_free(&span);
}

void traffic_record(struct traffic *t, int64_t at_ms, struct buffer *out)
{
    struct buffer scope = BUFFER_WITH_LIMIT(1 << 20), resource = BUFFER_WITH_LIMIT(1 << 16),
                  resource_spans = BUFFER_WITH_LIMIT(1 << 20);
    for (uint32_t i = 0; i < t->spans; i++)
        put_span(t, at_ms, &scope);
    otlp_put_text(&resource, 1, "service.name", "shop");
    otlp_put_text(&resource, 1, "deployment.environment.name", "prod");
    otlp_put_message(&resource_spans, 2, buffer_bytes(&scope));
    otlp_put_message(&resource_spans, 1, buffer_bytes(&resource));
    otlp_put_message(out, 1, buffer_bytes(&resource_spans));
    buffer_free(&scope);
    buffer_free(&resource);
    buffer_free(&resource_spans);
}
