/* log_time.c - sources in a small sorted array; every step depends only on the record at hand. */
#include "engine/flow/log_time.h"

#include "engine/base/memory.h"

struct source {
    uint32_t topic;
    int32_t partition;
    int64_t log_time_ms; /* LOG_TIME_NONE: nothing read yet */
    int64_t progress_wall_ms; /* wall time at which the log time last moved, or it became active */
    bool active;
};

struct log_time {
    int64_t settle_ms, inactive_after_ms;
    int64_t now_ms;
    int64_t wall_ms;
    int64_t first_wall_ms;
    uint32_t sources_total;
    struct source *sources;
    uint32_t count, capacity;
};

struct log_time *log_time_create(int64_t settle_ms, int64_t inactive_after_ms)
{
    struct log_time *clock = memory_allocate(sizeof *clock);
    clock->settle_ms = settle_ms;
    clock->inactive_after_ms = inactive_after_ms;
    log_time_reset(clock);
    return clock;
}

void log_time_reset(struct log_time *clock)
{
    clock->now_ms = clock->wall_ms = clock->first_wall_ms = LOG_TIME_NONE;
    clock->count = 0;
    clock->sources_total = 0;
}

void log_time_destroy(struct log_time *clock)
{
    if (clock == NULL)
        return;
    memory_free(clock->sources);
    memory_free(clock);
}

static struct source *find_source(struct log_time *clock, const struct source_mark *mark)
{
    uint32_t at = 0;
    while (at < clock->count && (clock->sources[at].topic < mark->topic ||
                                 (clock->sources[at].topic == mark->topic && clock->sources[at].partition < mark->partition)))
        at++;
    if (at < clock->count && clock->sources[at].topic == mark->topic && clock->sources[at].partition == mark->partition)
        return &clock->sources[at];
    if (clock->count == SOURCES_MAX)
        return NULL;
    if (clock->count == clock->capacity) {
        clock->capacity = clock->capacity ? clock->capacity * 2 : 16;
        clock->sources = memory_resize(clock->sources, clock->capacity * sizeof *clock->sources);
    }
    memmove(clock->sources + at + 1, clock->sources + at, (clock->count - at) * sizeof *clock->sources);
    clock->sources[at] = (struct source){mark->topic, mark->partition, LOG_TIME_NONE, clock->wall_ms, false};
    clock->count++;
    return &clock->sources[at];
}

static void take_mark(struct log_time *clock, const struct source_mark *mark)
{
    struct source *source = find_source(clock, mark);
    if (source == NULL)
        return;
    bool moved = mark->log_time_ms > source->log_time_ms;
    if (moved)
        source->log_time_ms = mark->log_time_ms;
    if (moved || (mark->active && !source->active))
        source->progress_wall_ms = clock->wall_ms;
    source->active = mark->active;
}

static bool is_active(const struct log_time *clock, const struct source *source)
{
    return source->active && clock->wall_ms - source->progress_wall_ms <= clock->inactive_after_ms;
}

static bool started(const struct log_time *clock)
{
    return clock->now_ms != LOG_TIME_NONE || clock->count >= clock->sources_total ||
           clock->wall_ms - clock->first_wall_ms > clock->inactive_after_ms;
}

int64_t log_time_slowest(const struct log_time *clock)
{
    int64_t slowest = LOG_TIME_NONE;
    for (uint32_t i = 0; i < clock->count; i++) {
        const struct source *source = &clock->sources[i];
        if (is_active(clock, source) && source->log_time_ms != LOG_TIME_NONE &&
            (slowest == LOG_TIME_NONE || source->log_time_ms < slowest))
            slowest = source->log_time_ms;
    }
    return slowest;
}

/* An active source that has read nothing yet holds the clock until it reads or turns inactive. */
static bool held(const struct log_time *clock)
{
    for (uint32_t i = 0; i < clock->count; i++)
        if (is_active(clock, &clock->sources[i]) && clock->sources[i].log_time_ms == LOG_TIME_NONE)
            return true;
    return false;
}

int64_t log_time_advance(struct log_time *clock, const struct exchange_stamp *stamp)
{
    if (clock->wall_ms == LOG_TIME_NONE || stamp->wall_ms > clock->wall_ms)
        clock->wall_ms = stamp->wall_ms;
    if (clock->first_wall_ms == LOG_TIME_NONE)
        clock->first_wall_ms = clock->wall_ms;
    clock->sources_total = stamp->sources_total;
    for (uint32_t i = 0; i < stamp->marks_count; i++)
        take_mark(clock, &stamp->marks[i]);
    if (!started(clock) || held(clock))
        return clock->now_ms;
    int64_t slowest = log_time_slowest(clock);
    int64_t target = (slowest != LOG_TIME_NONE ? slowest : clock->wall_ms) - clock->settle_ms;
    if (clock->now_ms == LOG_TIME_NONE || target > clock->now_ms)
        clock->now_ms = target;
    return clock->now_ms;
}

int64_t log_time_now(const struct log_time *clock) { return clock->now_ms; }
int64_t log_time_wall(const struct log_time *clock) { return clock->wall_ms; }

void log_time_encode(const struct log_time *clock, struct buffer *out)
{
    buffer_put_u8(out, 1);
    buffer_put_u64(out, (uint64_t)clock->now_ms);
    buffer_put_u64(out, (uint64_t)clock->wall_ms);
    buffer_put_u64(out, (uint64_t)clock->first_wall_ms);
    buffer_put_varint(out, clock->sources_total);
    buffer_put_varint(out, clock->count);
    for (uint32_t i = 0; i < clock->count; i++) {
        const struct source *source = &clock->sources[i];
        buffer_put_varint(out, source->topic);
        buffer_put_varint(out, (uint32_t)source->partition);
        buffer_put_u64(out, (uint64_t)source->log_time_ms);
        buffer_put_u64(out, (uint64_t)source->progress_wall_ms);
        buffer_put_u8(out, source->active);
    }
}

bool log_time_decode(struct log_time *clock, struct bytes in)
{
    struct reader reader = reader_of(in);
    log_time_reset(clock);
    if (reader_u8(&reader) != 1)
        return false;
    int64_t now_ms = (int64_t)reader_u64(&reader);
    int64_t wall_ms = (int64_t)reader_u64(&reader);
    int64_t first_wall_ms = (int64_t)reader_u64(&reader);
    uint32_t total = (uint32_t)reader_varint(&reader);
    uint64_t count = reader_varint(&reader);
    for (uint64_t i = 0; i < count && !reader.failed && i < SOURCES_MAX; i++) {
        struct source_mark mark = {.topic = (uint32_t)reader_varint(&reader),
                                   .partition = (int32_t)reader_varint(&reader)};
        struct source *source = find_source(clock, &mark);
        source->log_time_ms = (int64_t)reader_u64(&reader);
        source->progress_wall_ms = (int64_t)reader_u64(&reader);
        source->active = reader_u8(&reader) != 0;
    }
    clock->now_ms = now_ms;
    clock->wall_ms = wall_ms;
    clock->first_wall_ms = first_wall_ms;
    clock->sources_total = total;
    return !reader.failed;
}
