/* log_traffic.c - see log_traffic.h; field numbers are those of opentelemetry-proto. */
#include "tests/simulation/log_traffic.h"

#include "engine/base/hash.h"
#include "tests/span/otlp_build.h"

#define TEXT_BYTES_MAX ((size_t)1 << 16)

struct span_ids log_traffic_ids(uint64_t number)
{
    struct span_ids ids;
    uint64_t trace_id[2] = {hash_mix64(number + 1), hash_mix64(~number)}, span_id = hash_mix64(number + 7) | 1;
    memcpy(ids.trace_id, trace_id, sizeof ids.trace_id);
    memcpy(ids.span_id, &span_id, sizeof ids.span_id);
    return ids;
}

static void open_log(struct buffer *log, const struct span_ids *of, uint64_t time_ns, const char *event)
{
    otlp_put_fixed64_field(log, 1, time_ns);
    otlp_put_message(log, 9, bytes_of(of->trace_id, sizeof of->trace_id));
    otlp_put_message(log, 10, bytes_of(of->span_id, sizeof of->span_id));
    otlp_put_text_field(log, 12, event);
}

void log_traffic_answer(struct buffer *scope, const struct span_ids *of, uint64_t time_ns, const char *text, const char *finish)
{
    struct buffer log = BUFFER_WITH_LIMIT(TEXT_BYTES_MAX), message = log, message_value = log, body = log, body_value = log;
    open_log(&log, of, time_ns, "gen_ai.choice");
    otlp_put_text(&message, 1, "role", "assistant");
    otlp_put_text(&message, 1, "content", text);
    otlp_put_message(&message_value, 6, buffer_bytes(&message)); /* AnyValue.kvlist_value */
    if (finish != NULL)
        otlp_put_text(&body, 1, "finish_reason", finish);
    otlp_put_value(&body, 1, "message", buffer_bytes(&message_value));
    otlp_put_message(&body_value, 6, buffer_bytes(&body));
    otlp_put_message(&log, 5, buffer_bytes(&body_value));
    otlp_put_message(scope, 2, buffer_bytes(&log));
    struct buffer *const all[] = {&log, &message, &message_value, &body, &body_value};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buffer_free(all[i]);
}

void log_traffic_score(struct buffer *scope, const struct span_ids *of, uint64_t time_ns, const char *dimension, double score)
{
    struct buffer log = BUFFER_WITH_LIMIT(TEXT_BYTES_MAX);
    open_log(&log, of, time_ns, "gen_ai.evaluation.result");
    otlp_put_text(&log, 6, "gen_ai.evaluation.name", dimension);
    otlp_put_text(&log, 6, "gen_ai.evaluator.name", "reviewer");
    otlp_put_real(&log, 6, "gen_ai.evaluation.score.value", score);
    otlp_put_message(scope, 2, buffer_bytes(&log));
    buffer_free(&log);
}

void log_traffic_child(struct buffer *scope, const struct span_ids *of, uint64_t number, uint64_t start_ns, uint64_t end_ns,
                       struct bytes attributes)
{
    struct buffer span = BUFFER_WITH_LIMIT(TEXT_BYTES_MAX);
    uint64_t span_id = hash_mix64(number + 9) | 1;
    otlp_put_message(&span, 1, bytes_of(of->trace_id, sizeof of->trace_id));
    otlp_put_message(&span, 2, bytes_of(&span_id, sizeof span_id));
    otlp_put_message(&span, 4, bytes_of(of->span_id, sizeof of->span_id));
    otlp_put_text_field(&span, 5, "chat below");
    otlp_put_fixed64_field(&span, 7, start_ns);
    otlp_put_fixed64_field(&span, 8, end_ns);
    buffer_append(&span, attributes.data, attributes.size);
    otlp_put_message(scope, 2, buffer_bytes(&span));
    buffer_free(&span);
}

void log_traffic_request(struct buffer *out, const char *service, struct bytes scope)
{
    struct buffer resource = BUFFER_WITH_LIMIT(TEXT_BYTES_MAX), group = BUFFER_WITH_LIMIT((size_t)16 << 20);
    otlp_put_text(&resource, 1, "service.name", service);
    otlp_put_text(&resource, 1, "deployment.environment.name", "prod");
    otlp_put_message(&group, 1, buffer_bytes(&resource));
    otlp_put_message(&group, 2, scope);
    otlp_put_message(out, 1, buffer_bytes(&group));
    buffer_free(&resource);
    buffer_free(&group);
}
