/*
 * demo_engine.c - defaults of the configuration and the rules that are shipped, as flow options.
 *
 * No file is read: the demo does the same wherever it is started.
 */
#include "engine/command/demo.h"

#include "engine/demo/shipped_rules.h"

static void fill_flow(const struct demo_engine *engine, const struct command_operators *operators,
                      struct flow_options *flow)
{
    const struct config *c = engine->config;
    *flow = (struct flow_options){
        .app = c->app,
        .instance = c->instance,
        .exchange_partitions = (uint32_t)c->exchange_partitions,
        .commit_interval_ms = c->commit_interval_ms,
        .punctuation_interval_ms = c->exchange_punctuation_ms,
        .ahead_max_ms = c->ahead_max_ms,
        .future_max_ms = c->future_max_ms,
        .dedupe_window_ms = c->dedupe_window_ms,
        .dedupe_ids_max = (uint32_t)c->dedupe_ids_max,
        .leaves_max = (uint32_t)c->limits_leaves,
        .batch_rows = (uint32_t)c->limits_batch_rows,
        .record_bytes_max = (size_t)c->limits_record_bytes,
        .transaction_bytes_max = (size_t)c->limits_transaction_bytes,
        .otlp = {.spans_per_record_max = (uint32_t)c->limits_spans_per_record,
                 .attributes_per_span_max = (uint32_t)c->limits_attributes_per_span,
                 .nesting_depth_max = (uint32_t)c->limits_nesting_depth,
                 .string_bytes_max = (uint32_t)c->limits_string_bytes},
        .rates_default = {c->sampler_base, c->sampler_base, c->sampler_forced},
        .purge_exchange = c->exchange_purge,
        .back = {.settle_ms = c->settle_ms,
                 .inactive_after_ms = c->inactive_after_ms,
                 .series_max = (uint32_t)c->series_max,
                 .cells_max = (uint32_t)c->state_cells_max,
                 .store_limit_bytes = (uint64_t)c->state_bytes_max,
                 .sure = operators->sure,
                 .big = operators->big},
        .rules = engine->rules,
        .annotators = operators->annotators,
        .annotators_count = operators->annotators_count,
        .trackers = operators->trackers,
        .trackers_count = operators->trackers_count,
    };
}

bool demo_engine_open(struct demo_engine *engine, const struct command_operators *operators,
                      struct error *error)
{
    static const char *const overrides[] = {NULL};
    struct config_request request = {.overrides = overrides,
                                     .sections = operators->sections,
                                     .sections_count = operators->sections_count};
    *engine = (struct demo_engine){0};
    engine->config = config_load(&request, error);
    if (engine->config != NULL &&
        (operators->check == NULL || operators->check(operators->registry, error)))
        engine->rules = rules_parse("config/rules.yaml (as shipped)",
                                    bytes_from_text(shipped_rules_text), error);
    if (engine->rules == NULL) {
        demo_engine_close(engine);
        return false;
    }
    fill_flow(engine, operators, &engine->flow);
    return true;
}

void demo_engine_close(struct demo_engine *engine)
{
    rules_destroy(engine->rules);
    config_destroy(engine->config);
    *engine = (struct demo_engine){0};
}
