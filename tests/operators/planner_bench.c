/* planner_bench.c - see planner_bench.h. */
#include "tests/test.h"

#include "engine/base/memory.h"
#include "tests/operators/planner_bench.h"

struct tracker_call planner_call(struct planner_bench *b)
{
    return (struct tracker_call){.conf = b->registry->trackers[0].conf,
                                 .entity = BYTES_LITERAL("shop"),
                                 .now_ms = b->now_ms,
                                 .outputs = &b->outputs};
}

struct planner_bench planner_open(const char *const *options)
{
    struct planner_bench b = {.class = registry_trackers[0],
                              .registry = registry_create(),
                              .outputs = BUFFER_WITH_LIMIT(16 << 20),
                              .json = json_create(1 << 16),
                              .now_ms = DAY_ONE * HOUR_MS};
    for (; options != NULL && *options != NULL; options++) {
        struct error error = {0};
        const char *equals = strchr(*options, '=');
        if (!registry_set(b.registry, bytes_of(*options, (size_t)(equals - *options)),
                          bytes_from_text(equals + 1), &error))
            fail_msg("%s", error.message);
    }
    b.state = memory_allocate(b.class->state_bytes);
    struct tracker_call call = planner_call(&b);
    b.class->start(&call, b.state);
    return b;
}

void planner_close(struct planner_bench *b)
{
    registry_destroy(b->registry);
    memory_free(b->state);
    buffer_free(&b->outputs);
    json_destroy(b->json);
}

void planner_tell_env(struct planner_bench *b, int64_t hour, const char *env, const char *intent,
                      const char *prompt, const char *model, uint64_t calls)
{
    uint8_t room[512];
    struct buffer payload = {room, 0, sizeof room, sizeof room, false};
    evidence_write_population(&(struct evidence_population){.hour = hour,
                                                            .calls = calls,
                                                            .env = bytes_from_text(env),
                                                            .intent = bytes_from_text(intent),
                                                            .prompt = bytes_from_text(prompt),
                                                            .model = bytes_from_text(model)},
                              &payload);
    struct tracker_call call = planner_call(b);
    b->class->evidence_in(&call, b->state, buffer_bytes(&payload));
}

void planner_tell(struct planner_bench *b, int64_t hour, const char *intent, const char *prompt,
                  uint64_t calls)
{
    planner_tell_env(b, hour, "prod", intent, prompt, "m", calls);
}

void planner_tell_day(struct planner_bench *b, int64_t hour, const char *intent, const char *prompt,
                      uint64_t calls_a_day)
{
    for (int64_t h = hour - 23; h <= hour; h++)
        planner_tell(b, h, intent, prompt, calls_a_day / 24 + (h == hour ? calls_a_day % 24 : 0));
}

static uint32_t count_outputs(const struct planner_bench *b)
{
    struct reader reader = reader_of(buffer_bytes(&b->outputs));
    enum tracker_output kind;
    struct bytes key, value;
    uint32_t count = 0;
    while (tracker_next_output(&reader, &kind, &key, &value))
        count++;
    return count;
}

uint32_t planner_go_to(struct planner_bench *b, int64_t now_ms)
{
    buffer_clear(&b->outputs);
    while (b->class->deadline(b->state) <= now_ms) {
        int64_t deadline_ms = b->class->deadline(b->state);
        b->now_ms = deadline_ms > b->now_ms ? deadline_ms : b->now_ms;
        struct tracker_call call = planner_call(b);
        b->class->timer(&call, b->state);
        assert_true(b->class->valid(b->state, b->class->state_bytes));
    }
    b->now_ms = now_ms;
    return count_outputs(b);
}

int64_t planner_end_of(int64_t hour) { return (hour + 1) * HOUR_MS + 30000; }

bool planner_find(struct planner_bench *b, const char *intent, const char *prompt,
                  struct published *out)
{
    struct reader reader = reader_of(buffer_bytes(&b->outputs));
    enum tracker_output kind;
    struct bytes key, value;
    struct error error;
    while (tracker_next_output(&reader, &kind, &key, &value)) {
        const struct json_value *root = json_parse(b->json, value, 4, &error);
        assert_non_null(root);
        assert_int_equal(kind, OUTPUT_RATES);
        assert_true(bytes_equal_text(json_text(json_get(root, "app")), "shop"));
        if (!bytes_equal_text(json_text(json_get(root, "intent")), intent) ||
            !bytes_equal_text(json_text(json_get(root, "prompt")), prompt))
            continue;
        assert_true(json_real(json_get(root, "base"), &out->base) &&
                    json_real(json_get(root, "boost"), &out->boost));
        assert_true(json_real(json_get(root, "forced"), &out->forced));
        assert_true(json_integer(json_get(root, "valid_from_ms"), &out->valid_from_ms));
        assert_true(json_integer(json_get(root, "published_ms"), &out->published_ms));
        snprintf(out->reason, sizeof out->reason, "%.*s",
                 BYTES_FMT(json_text(json_get(root, "reason"))));
        return true;
    }
    return false;
}

void planner_assert_rate(struct planner_bench *b, const char *intent, const char *prompt,
                         double base, double boost, const char *reason)
{
    struct published p;
    if (!planner_find(b, intent, prompt, &p))
        fail_msg("nothing published for %s %s", intent, prompt);
    if (p.base != base || p.boost != boost || (reason != NULL && strcmp(p.reason, reason) != 0))
        fail_msg("%s %s: base %g boost %g, %s", intent, prompt, p.base, p.boost, p.reason);
    assert_true(p.forced == 1.0);
    assert_true(p.valid_from_ms >= p.published_ms + 60000 &&
                p.valid_from_ms < p.published_ms + 120000);
    assert_int_equal(p.valid_from_ms % 60000, 0);
}
