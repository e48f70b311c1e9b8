/*
 * kafka_watchdog.c - ends the process when a call into librdkafka does not return.
 *
 * Some versions wait for ever in transactional calls whose coordinator went away. A shard that hangs
 * holds back every read_committed reader behind its open transaction, and cannot be helped from
 * inside; a restarted one aborts the leftovers and goes on. Time is counted in ticks of this thread,
 * so a process that was stopped and continued is not taken for a hanging one.
 */
#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/bus/kafka_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK_MS 200

struct kafka_watchdog {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct kafka_watch *watches;
    bool stopping;
};

static _Noreturn void bite(const struct kafka_watch *watch)
{
    fprintf(stderr,
            "{\"level\":\"fatal\",\"component\":\"kafka\",\"msg\":\"%s: %s did not return within "
            "%lld ms; librdkafka %s "
            "hangs or the cluster does not answer. The process ends: restarting it is safe, open "
            "transactions are aborted then\"}\n",
            watch->owner, watch->what, (long long)watch->waited_ms, kafka_library_version());
    _Exit(KAFKA_EXIT_HANG);
}

static void tick(struct kafka_watchdog *watchdog)
{
    for (struct kafka_watch *w = watchdog->watches; w != NULL; w = w->next) {
        if (w->what == NULL || w->generation != w->seen) {
            w->seen = w->generation;
            w->waited_ms = 0;
            continue;
        }
        w->waited_ms += TICK_MS;
        if (w->waited_ms > w->limit_ms)
            bite(w);
    }
}

static void *run(void *argument)
{
    struct kafka_watchdog *watchdog = argument;
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_cond_timedwait(&watchdog->wake, &watchdog->lock, &until) != 0)
            tick(watchdog);
    }
    pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

struct kafka_watchdog *kafka_watchdog_start(void)
{
    struct kafka_watchdog *watchdog = memory_allocate(sizeof *watchdog);
    pthread_condattr_t monotonic;
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_mutex_init(&watchdog->lock, NULL) == 0);
    CHECK(pthread_cond_init(&watchdog->wake, &monotonic) == 0);
    CHECK(pthread_condattr_destroy(&monotonic) == 0);
    CHECK(pthread_create(&watchdog->thread, NULL, run, watchdog) == 0);
    return watchdog;
}

void kafka_watchdog_stop(struct kafka_watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stopping = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->lock);
    CHECK(pthread_join(watchdog->thread, NULL) == 0);
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    memory_free(watchdog);
}

void kafka_watch_add(struct kafka_watchdog *watchdog, struct kafka_watch *watch, const char *owner)
{
    *watch = (struct kafka_watch){.owner = owner};
    pthread_mutex_lock(&watchdog->lock);
    watch->next = watchdog->watches;
    watchdog->watches = watch;
    pthread_mutex_unlock(&watchdog->lock);
}

void kafka_watch_remove(struct kafka_watchdog *watchdog, struct kafka_watch *watch)
{
    pthread_mutex_lock(&watchdog->lock);
    struct kafka_watch **at = &watchdog->watches;
    while (*at != NULL && *at != watch)
        at = &(*at)->next;
    if (*at == watch)
        *at = watch->next;
    pthread_mutex_unlock(&watchdog->lock);
}

void kafka_watch_enter(struct kafka_watchdog *watchdog, struct kafka_watch *watch, const char *what,
                       int timeout_ms)
{
    pthread_mutex_lock(&watchdog->lock);
    watch->what = what;
    watch->generation++;
    watch->limit_ms = 3 * (int64_t)timeout_ms;
    pthread_mutex_unlock(&watchdog->lock);
}

void kafka_watch_leave(struct kafka_watchdog *watchdog, struct kafka_watch *watch)
{
    pthread_mutex_lock(&watchdog->lock);
    watch->what = NULL;
    pthread_mutex_unlock(&watchdog->lock);
}
