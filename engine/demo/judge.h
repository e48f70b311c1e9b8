/*
 * judge.h - the demo's judge worker: reads judge requests like any worker would, and answers with
 * verdicts after seconds or minutes. It returns each echo as it came and looks into nothing else of
 * the engine's. A few requests are never answered, a few verdicts are sent twice.
 */
#ifndef ENGINE_DEMO_JUDGE_H
#define ENGINE_DEMO_JUDGE_H

#include "engine/bus/ports.h"
#include "engine/demo/quality.h"

struct judge_options {
    uint64_t seed;
    const char *requests, *verdicts; /* topics */
    int32_t requests_partitions;
    const char *writer_id; /* transactional id */
};

struct judge_counts {
    uint64_t requests;
    uint64_t verdicts;   /* records written, repeats included */
    uint64_t repeated;   /* verdicts written twice */
    uint64_t unanswered; /* requests that are given up */
    uint64_t waiting;    /* verdicts still to come */
    uint64_t unreadable; /* requests that are not what a worker can read */
};

struct judge;

struct judge *judge_open(const struct judge_options *options, const struct quality *quality,
                         struct bus *bus, struct error *error);
void judge_close(struct judge *judge);
/* Reads what was asked, writes and commits the verdicts that are due at now_ms. wait_ms: how long to wait
 * for a request that is on its way, 0 where nothing travels. */
bool judge_work(struct judge *judge, int64_t now_ms, int wait_ms, struct error *error);
int64_t judge_newest_ms(const struct judge *judge);
struct judge_counts judge_count(const struct judge *judge);

#endif
