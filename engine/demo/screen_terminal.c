/*
 * screen_terminal.c - the live screen: one frame is one write, every line is cut to the width and
 * cleared to its end, so nothing flickers and nothing wraps.
 */
#include "engine/demo/screen_internal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define SECOND_PAGE "\x1b[?1049h\x1b[?25l\x1b[2J"
#define FIRST_PAGE  "\x1b[?25h\x1b[?1049l"
#define HOME        "\x1b[H"
#define CLEAR_LINE  "\x1b[K"
#define CLEAR_BELOW "\x1b[J"
#define PLAIN       "\x1b[0m"
#define BOLD        "\x1b[1m"
#define DIM         "\x1b[2m"
#define RED         "\x1b[31m"
#define GREEN       "\x1b[32m"
#define YELLOW      "\x1b[33m"

#define ROWS_FALLBACK    24
#define COLUMNS_FALLBACK 80
#define ALERT_ROWS_MIN   4
#define POINT_EVERY_MS   (12 * WORLD_HOUR_MS)
#define BAR_CELLS        10

/* A frame in the making. */
struct canvas {
    struct buffer *out;
    int rows, columns;
    int row; /* lines finished so far */
};

static void write_all(struct bytes text)
{
    while (text.size > 0) {
        ssize_t written = write(STDOUT_FILENO, text.data, text.size);
        if (written <= 0)
            return; /* the terminal is gone: nobody looks any more */
        text = bytes_of(text.data + written, text.size - (size_t)written);
    }
}

void screen_terminal_start(void) { write_all(BYTES_LITERAL(SECOND_PAGE)); }

void screen_terminal_stop(struct screen *screen)
{
    write_all(BYTES_LITERAL(FIRST_PAGE));
    uint32_t first =
        screen->lines_count > SCREEN_LINES_KEPT ? screen->lines_count - SCREEN_LINES_KEPT : 0;
    for (uint32_t i = first; i < screen->lines_count; i++)
        screen_print_alert(&screen->lines[i % SCREEN_LINES_KEPT]);
}

static struct canvas canvas_of(struct buffer *out)
{
    struct winsize size = {0};
    struct canvas canvas = {.out = out, .rows = ROWS_FALLBACK, .columns = COLUMNS_FALLBACK};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        canvas.rows = size.ws_row;
        canvas.columns = size.ws_col;
    }
    return canvas;
}

/* One line of text (UTF-8), cut to the width; style is an escape sequence or "". */
static void put_line(struct canvas *canvas, const char *style, const char *text)
{
    if (canvas->row >= canvas->rows)
        return;
    if (canvas->row > 0)
        buffer_append_text(canvas->out, "\r\n");
    buffer_append_text(canvas->out, style);
    int columns = 0;
    size_t size = 0;
    for (; text[size] != '\0'; size++) {
        bool starts = ((unsigned char)text[size] & 0xC0) != 0x80;
        if (starts && columns++ == canvas->columns)
            break;
    }
    buffer_append(canvas->out, text, size);
    buffer_append_text(canvas->out, PLAIN CLEAR_LINE);
    canvas->row++;
}

/* ---- the head -------------------------------------------------------------------------------------------- */

static void put_progress(struct canvas *canvas, const struct screen_facts *facts)
{
    char when[40], bar[64], line[256];
    double part =
        (double)(facts->now_ms - facts->start_ms) / (double)(facts->end_ms - facts->start_ms);
    int cells = 30, done = (int)(part * cells + 0.5);
    for (int i = 0; i < cells; i++)
        bar[i] = i < done ? '=' : '.';
    bar[cells] = '\0';
    screen_print_time(facts->now_ms, true, when, sizeof when);
    (void)snprintf(line, sizeof line, " assay demo   %s UTC   day %d of %d  [%s]", when,
                   (int)((facts->now_ms - facts->start_ms) / WORLD_DAY_MS) + 1,
                   (int)((facts->end_ms - facts->start_ms) / WORLD_DAY_MS), bar);
    put_line(canvas, BOLD, line);
}

static void put_counts(struct canvas *canvas, const struct screen *screen,
                       const struct screen_facts *facts)
{
    char spans[32], rate[32], requests[32], verdicts[32], repeats[32], late[32], line[320];
    screen_print_count(facts->spans, spans, sizeof spans);
    screen_print_count((uint64_t)screen->spans_per_second, rate, sizeof rate);
    screen_print_count(facts->requests, requests, sizeof requests);
    screen_print_count(facts->verdicts, verdicts, sizeof verdicts);
    screen_print_count(facts->repeats, repeats, sizeof repeats);
    screen_print_count(facts->late_spans, late, sizeof late);
    (void)snprintf(line, sizeof line,
                   " %s spans (%s/s)   %s sent to the judge   %s answered   %s repeats   %s late",
                   spans, rate, requests, verdicts, repeats, late);
    put_line(canvas, "", line);
}

/* ---- series ------------------------------------------------------------------------------------------------ */

static struct screen_history *find_history(struct screen *screen,
                                           const struct screen_series *series)
{
    char name[sizeof screen->histories[0].name];
    (void)snprintf(name, sizeof name, "%s|%s", series->where, series->what);
    for (uint32_t i = 0; i < screen->histories_count; i++)
        if (strcmp(screen->histories[i].name, name) == 0)
            return &screen->histories[i];
    if (screen->histories_count == SCREEN_SERIES_MAX)
        return NULL;
    struct screen_history *history = &screen->histories[screen->histories_count++];
    memcpy(history->name, name, sizeof name);
    return history;
}

static void take_points(struct screen *screen, const struct screen_facts *facts,
                        const struct screen_series *series, uint32_t count)
{
    if (facts->now_ms - screen->point_ms < POINT_EVERY_MS)
        return;
    screen->point_ms = facts->now_ms;
    for (uint32_t i = 0; i < count; i++) {
        struct screen_history *history = find_history(screen, &series[i]);
        if (history == NULL || series[i].phase == SCREEN_LEARNING)
            continue;
        if (history->count == SCREEN_POINTS)
            memmove(history->points, history->points + 1,
                    (SCREEN_POINTS - 1) * sizeof history->points[0]);
        else
            history->count++;
        history->points[history->count - 1] = (float)series[i].now;
    }
}

/* The points as blocks between their own least and most; scores on a scale of at least half a point. */
static void print_points(const struct screen_history *history, bool rate, char *out, size_t size)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    float low = 1e9f, high = -1e9f;
    size_t at = 0;
    for (uint32_t i = 0; i < history->count; i++) {
        low = history->points[i] < low ? history->points[i] : low;
        high = history->points[i] > high ? history->points[i] : high;
    }
    float least = rate ? 0.05f : 0.5f;
    low = rate ? 0.0f : low;
    float range = high - low > least ? high - low : least;
    out[0] = '\0';
    for (uint32_t i = 0; i < history->count && at + 4 < size; i++) {
        int block = (int)((history->points[i] - low) / range * 7.0f + 0.5f);
        at += (size_t)snprintf(out + at, size - at, "%s",
                               blocks[block < 0   ? 0
                                      : block > 7 ? 7
                                                  : block]);
    }
}

static void put_series(struct canvas *canvas, struct screen *screen, const struct screen_series *s)
{
    char from[16] = "", now[16] = "", bar[BAR_CELLS + 1] = "", points[4 * SCREEN_POINTS + 1] = "",
         line[512];
    if (s->phase == SCREEN_LEARNING) {
        (void)snprintf(line, sizeof line, " %-36.36s %-16.16s   learning what is normal, day %d",
                       s->where, s->what, (int)s->learned_days + 1);
        put_line(canvas, DIM, line);
        return;
    }
    (void)snprintf(from, sizeof from, s->rate ? "%.2f %%" : "%.2f",
                   s->rate ? s->baseline * 100 : s->baseline);
    (void)snprintf(now, sizeof now, s->rate ? "%.2f %%" : "%.2f", s->rate ? s->now * 100 : s->now);
    int cells = s->phase == SCREEN_ALERTING ? BAR_CELLS : (int)(s->certainty * BAR_CELLS);
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < cells ? '#' : '.';
    const struct screen_history *history = find_history(screen, s);
    if (history != NULL)
        print_points(history, s->rate, points, sizeof points);
    const char *state = s->phase == SCREEN_ALERTING ? "ALERT"
                        : s->phase == SCREEN_THIN   ? "thin"
                                                    : "ok";
    (void)snprintf(line, sizeof line, " %-36.36s %-16.16s %8s %8s  %s  %-6s %s", s->where, s->what,
                   from, now, bar, state, points);
    put_line(canvas, s->phase == SCREEN_ALERTING ? RED : s->certainty > 0.7 ? YELLOW : "", line);
}

/* Alerts first, then the most suspicious, then those that still learn; stable otherwise. */
static double urgency(const struct screen_series *s)
{
    if (s->phase == SCREEN_LEARNING)
        return -1.0;
    return s->phase == SCREEN_ALERTING ? 2.0 : s->certainty > 0.5 ? s->certainty : 0.0;
}

static void put_all_series(struct canvas *canvas, struct screen *screen,
                           const struct screen_series *series, uint32_t count, int rows)
{
    bool shown[SCREEN_SERIES_MAX] = {false};
    count = count < SCREEN_SERIES_MAX ? count : SCREEN_SERIES_MAX;
    for (int n = 0; n < rows && (uint32_t)n < count; n++) {
        uint32_t best = SCREEN_SERIES_MAX;
        for (uint32_t i = 0; i < count; i++)
            if (!shown[i] &&
                (best == SCREEN_SERIES_MAX || urgency(&series[i]) > urgency(&series[best])))
                best = i;
        shown[best] = true;
        put_series(canvas, screen, &series[best]);
    }
}

/* ---- the frame ---------------------------------------------------------------------------------------------- */

static void put_alerts(struct canvas *canvas, const struct screen *screen)
{
    static const char *const words[] = {"ALERT", "still", "over "};
    for (uint32_t n = 0;
         n < screen->lines_count && n < SCREEN_LINES_KEPT && canvas->row < canvas->rows - 1; n++) {
        const struct screen_line *line =
            &screen->lines[(screen->lines_count - 1 - n) % SCREEN_LINES_KEPT];
        char when[32], text[REFEREE_TEXT_MAX + 64];
        screen_print_time(line->at_ms, false, when, sizeof when);
        (void)snprintf(text, sizeof text, " %s  %s  %s", when, words[line->state], line->text);
        put_line(canvas, line->state == REFEREE_OPEN ? RED : GREEN, text);
    }
}

void screen_terminal_draw(struct screen *screen, const struct screen_facts *facts,
                          const struct screen_series *series, uint32_t count)
{
    int64_t now_ns = clock_monotonic_ns();
    if (screen->shown_ns != 0 && now_ns > screen->shown_ns) {
        double rate = (double)(facts->spans - screen->shown_spans) * 1e9 /
                      (double)(now_ns - screen->shown_ns);
        screen->spans_per_second += 0.2 * (rate - screen->spans_per_second);
    }
    screen->shown_spans = facts->spans;
    take_points(screen, facts, series, count);
    buffer_clear(&screen->frame);
    struct canvas canvas = canvas_of(&screen->frame);
    buffer_append_text(&screen->frame, HOME);
    put_progress(&canvas, facts);
    put_counts(&canvas, screen, facts);
    put_line(&canvas, "", "");
    int alerts =
        (int)screen->lines_count < ALERT_ROWS_MIN ? (int)screen->lines_count : ALERT_ROWS_MIN;
    int room = canvas.rows - canvas.row - alerts - 4;
    put_line(&canvas, DIM,
             " series                                                 baseline      now  evidence  "
             "  state");
    put_all_series(&canvas, screen, series, count, room);
    put_line(&canvas, "", "");
    put_line(&canvas, DIM, " alerts, newest first");
    put_alerts(&canvas, screen);
    buffer_append_text(&screen->frame, CLEAR_BELOW);
    write_all(buffer_bytes(&screen->frame));
}
