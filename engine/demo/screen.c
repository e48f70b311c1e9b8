/* screen.c - what all modes share, and the two that only print lines. */
#include "engine/demo/screen_internal.h"

#include "engine/base/memory.h"

#include <time.h>

#define REDRAW_NS 100000000

void screen_print_time(int64_t at_ms, bool whole, char *out, size_t size)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(out, size, whole ? "%a %d %b %Y %H:%M" : "%d %b %H:%M", &parts) == 0)
        (void)snprintf(out, size, "?");
}

void screen_print_count(uint64_t value, char *out, size_t size)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    size_t at = 0;
    for (int i = 0; i < count && at + 2 < size; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

struct screen *screen_open(enum screen_mode mode)
{
    struct screen *screen = memory_allocate(sizeof *screen);
    screen->mode = mode;
    screen->frame = BUFFER_WITH_LIMIT(SCREEN_FRAME_BYTES);
    if (mode == SCREEN_TERMINAL)
        screen_terminal_start();
    return screen;
}

void screen_close(struct screen *screen)
{
    if (screen == NULL)
        return;
    if (screen->mode == SCREEN_TERMINAL)
        screen_terminal_stop(screen);
    buffer_free(&screen->frame);
    memory_free(screen);
}

static void remember(struct screen *screen, const struct referee_alert *alert)
{
    struct screen_line *line = &screen->lines[screen->lines_count++ % SCREEN_LINES_KEPT];
    line->state = alert->state;
    line->at_ms = alert->at_ms;
    (void)snprintf(line->text, sizeof line->text, "%s", alert->text);
}

void screen_print_alert(const struct screen_line *line)
{
    static const char *const states[] = {"ALERT", "still", "over"};
    char when[32];
    screen_print_time(line->at_ms, false, when, sizeof when);
    (void)printf("%s  %-5s  %s\n", when, states[line->state], line->text);
}

void screen_hear(struct screen *screen, const struct referee_alert *alert)
{
    if (screen->mode == SCREEN_JSON) {
        (void)fwrite(alert->record.data, 1, alert->record.size, stdout);
        (void)fputc('\n', stdout);
        return;
    }
    if (alert->state == REFEREE_UPDATE)
        return;
    remember(screen, alert);
    if (screen->mode == SCREEN_LINES)
        screen_print_alert(&screen->lines[(screen->lines_count - 1) % SCREEN_LINES_KEPT]);
}

static int64_t day_of(const struct screen_facts *facts)
{
    return (facts->now_ms - facts->start_ms) / WORLD_DAY_MS;
}

bool screen_due(const struct screen *screen, const struct screen_facts *facts)
{
    if (screen->mode == SCREEN_TERMINAL)
        return clock_monotonic_ns() - screen->shown_ns >= REDRAW_NS;
    return screen->mode == SCREEN_LINES && day_of(facts) > screen->shown_day;
}

static void print_day(const struct screen_facts *facts, const struct screen_series *series,
                      uint32_t count)
{
    char when[32], spans[32], requests[32];
    uint32_t learning = 0;
    for (uint32_t i = 0; i < count; i++)
        learning += series[i].phase == SCREEN_LEARNING;
    screen_print_time(facts->now_ms, false, when, sizeof when);
    screen_print_count(facts->spans, spans, sizeof spans);
    screen_print_count(facts->requests, requests, sizeof requests);
    (void)printf("%s  day %2d of %d: %s spans, %s judged; %u series, %u of them still learning; %u "
                 "alert%s open\n",
                 when, (int)day_of(facts), (int)((facts->end_ms - facts->start_ms) / WORLD_DAY_MS),
                 spans, requests, count, learning, facts->alerts_open,
                 facts->alerts_open == 1 ? "" : "s");
    (void)fflush(stdout);
}

void screen_show(struct screen *screen, const struct screen_facts *facts,
                 const struct screen_series *series, uint32_t count)
{
    if (screen->mode == SCREEN_TERMINAL)
        screen_terminal_draw(screen, facts, series, count);
    else if (screen->mode == SCREEN_LINES)
        print_day(facts, series, count);
    screen->shown_ns = clock_monotonic_ns();
    screen->shown_day = day_of(facts);
}
