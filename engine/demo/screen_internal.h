/* screen_internal.h - what screen*.c share; nobody else includes it. */
#ifndef ENGINE_DEMO_SCREEN_INTERNAL_H
#define ENGINE_DEMO_SCREEN_INTERNAL_H

#include "engine/base/buffer.h"
#include "engine/demo/screen.h"

#include <stdio.h>

#define SCREEN_LINES_KEPT  64
#define SCREEN_FRAME_BYTES ((size_t)1 << 20)
#define SCREEN_SERIES_MAX  128
#define SCREEN_POINTS      24

/* An alert as a line. */
struct screen_line {
    enum referee_state state;
    int64_t at_ms;
    char text[REFEREE_TEXT_MAX];
};

/* The past of a series, newest last. */
struct screen_history {
    char name[164];
    float points[SCREEN_POINTS];
    uint32_t count;
};

struct screen {
    enum screen_mode mode;
    struct buffer frame;
    int64_t shown_ns, shown_day;
    uint64_t shown_spans; /* with shown_ns: the rate */
    double spans_per_second;
    struct screen_line lines[SCREEN_LINES_KEPT]; /* a ring */
    uint32_t lines_count;
    struct screen_history histories[SCREEN_SERIES_MAX];
    uint32_t histories_count;
    int64_t point_ms; /* when the last point was taken, simulated */
};

/* "1,234,567" */
void screen_print_count(uint64_t value, char *out, size_t size);
void screen_print_alert(const struct screen_line *line);

/* screen_terminal.c */
void screen_terminal_start(void);
void screen_terminal_stop(struct screen *screen);
void screen_terminal_draw(struct screen *screen, const struct screen_facts *facts,
                          const struct screen_series *series, uint32_t count);

#endif
