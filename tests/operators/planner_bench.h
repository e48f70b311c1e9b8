/*
 * planner_bench.h - a planner of one app, driven by hand: tell it counts, go on in time, look at what
 * it published.
 */
#ifndef TESTS_OPERATORS_PLANNER_BENCH_H
#define TESTS_OPERATORS_PLANNER_BENCH_H

#include "engine/base/json.h"
#include "operators/registry.h"

#define HOUR_MS ((int64_t)3600000)
#define DAY_ONE ((int64_t)472200) /* an hour */

/* A planner of one app, and the records of its newest planning. */
struct planner_bench {
    const struct tracker_class *class;
    struct registry *registry;
    void *state;
    struct buffer outputs;
    struct json_document *json;
    int64_t now_ms;
};

/* options: "name=value" texts, NULL at the end. */
struct planner_bench planner_open(const char *const *options);
void planner_close(struct planner_bench *b);
struct tracker_call planner_call(struct planner_bench *b);

/* Evidence of one hour. */
void planner_tell_env(struct planner_bench *b, int64_t hour, const char *env, const char *intent,
                      const char *prompt, const char *model, uint64_t calls);
void planner_tell(struct planner_bench *b, int64_t hour, const char *intent, const char *prompt,
                  uint64_t calls);
/* The same calls in each of the last 24 hours up to `hour`. */
void planner_tell_day(struct planner_bench *b, int64_t hour, const char *intent, const char *prompt,
                      uint64_t calls_a_day);
/* Goes on to this time; how many records the plannings on the way gave. */
uint32_t planner_go_to(struct planner_bench *b, int64_t now_ms);
/* A moment after the end of this hour, when its evidence comes. */
int64_t planner_end_of(int64_t hour);

struct published {
    double base, boost, forced;
    int64_t valid_from_ms, published_ms;
    char reason[400];
};

/* What the newest plannings published for a stratum of model "m"; false: nothing. */
bool planner_find(struct planner_bench *b, const char *intent, const char *prompt,
                  struct published *out);
/* Fails the test unless that is there, valid from a full minute at least 60 s ahead. reason NULL: any. */
void planner_assert_rate(struct planner_bench *b, const char *intent, const char *prompt,
                         double base, double boost, const char *reason);

#endif
