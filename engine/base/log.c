/*
 * log.c - a line is built on the stack and leaves by one write, so lines of threads never mix.
 *
 * {"ts":"2026-01-02T03:04:05.678Z","level":"info","component":"shard","shard":3,"msg":"…"}
 */
#include "engine/base/log.h"

#include "engine/base/buffer.h"
#include "engine/base/json.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX 1600

/* tidy: allow global, because one threshold serves all threads; set before they start, then only read. */
static _Atomic int threshold = LOG_INFO;

void log_set_level(enum log_level level) { atomic_store_explicit(&threshold, (int)level, memory_order_relaxed); }

static int format_time(char *out, size_t size)
{
    struct timespec now = {0};
    struct tm utc = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    return snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                    utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(now.tv_nsec / 1000000));
}

static void write_line(const struct buffer *line)
{
    const uint8_t *at = line->data;
    size_t left = line->size;
    while (left > 0) { /* more than one turn only when stderr is a full pipe */
        ssize_t done = write(STDERR_FILENO, at, left);
        if (done <= 0)
            return;
        at += done;
        left -= (size_t)done;
    }
}

void log_line(enum log_level level, const char *component, int shard, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    if ((int)level < atomic_load_explicit(&threshold, memory_order_relaxed))
        return;
    char message[MESSAGE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    char when[64];
    (void)format_time(when, sizeof when);

    struct buffer line = BUFFER_WITH_LIMIT(MESSAGE_BYTES_MAX * 6 + 512);
    struct json_writer writer = json_writer_on(&line);
    json_open_object(&writer);
    json_key(&writer, "ts");
    json_put_text(&writer, bytes_from_text(when));
    json_key(&writer, "level");
    json_put_text(&writer, bytes_from_text(names[level]));
    json_key(&writer, "component");
    json_put_text(&writer, bytes_from_text(component));
    if (shard >= 0) {
        json_key(&writer, "shard");
        json_put_integer(&writer, shard);
    }
    json_key(&writer, "msg");
    json_put_text(&writer, bytes_from_text(message));
    json_close_object(&writer);
    buffer_put_u8(&line, '\n');
    write_line(&line);
    buffer_free(&line);
}
