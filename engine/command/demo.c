/*
 * demo.c - `assay demo`: five weeks of an invented company's traffic through the whole engine, with a
 * referee at the end.
 */
#include "engine/command/demo.h"

#include "engine/base/log.h"
#include "engine/command/demo_view.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SPANS_PER_DAY      34000
#define DAYS_DEFAULT       35
#define DAYS_DEFAULT_KAFKA 16
#define STEP_MS            (30 * WORLD_SECOND_MS)
#define SERIES_MAX         256
#define EXIT_INTERRUPTED   130

static const char help[] =
    "assay demo [--seed N] [--spans N] [--days N] [--until TIME] [--kafka HOST:PORT] [--json]\n\n"
    "Plays five weeks of an invented company: three applications, twelve intents, a Collector, a "
    "judge. The\n"
    "whole engine watches, in this process, on a Kafka-like log in memory and a simulated clock. "
    "Things go\n"
    "wrong by a script that only the simulator and a referee know; the referee reads the alerts "
    "and says\n"
    "whether everything was called out in time, whether anything was cried for nothing, and "
    "whether every\n"
    "span, request and verdict is accounted for.\n\n"
    "  --seed N           another story (1)\n"
    "  --spans N          about so many spans (34,000 for each day); with far fewer the engine is "
    "as sure, but\n"
    "                     later, because it sees less\n"
    "  --days N           1 to 90 (35; 16 with --kafka); incidents that do not fit are left out\n"
    "  --until TIME       when the story ends, as 2026-03-31T12:00:00Z (now, to the minute); the "
    "same seed and\n"
    "                     end give the same bytes with --json\n"
    "  --kafka HOST:PORT  the same traffic through a real broker, in topics of its own; larger "
    "steps of time\n"
    "  --json             each alert as one JSON line as it stands in the topic, then one summary "
    "line\n\n"
    "Exit codes: 0 all called out, no false alarm, sums agree; 1 not so; 2 arguments; 3 it could "
    "not run;\n"
    "130 interrupted.\n";

struct demo_arguments {
    struct stage_options stage;
    bool json, help;
};

/* ---- arguments --------------------------------------------------------------------------------------------- */

static bool read_number(const char *name, const char *text, uint64_t least, uint64_t most,
                        uint64_t *out, struct error *error)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < least ||
        value > most)
        return error_set(error, ERROR_INPUT, "%s %s: give a number from %llu to %llu", name, text,
                         (unsigned long long)least, (unsigned long long)most);
    *out = value;
    return true;
}

static bool take_value(const char *name, const char *value, struct stage_options *stage,
                       struct error *error)
{
    uint64_t number = 0;
    if (strcmp(name, "--seed") == 0)
        return read_number(name, value, 0, UINT64_MAX, &stage->seed, error);
    if (strcmp(name, "--spans") == 0)
        return read_number(name, value, 1000, 100000000, &stage->spans, error);
    if (strcmp(name, "--kafka") == 0) {
        stage->kafka = value;
        return true;
    }
    if (strcmp(name, "--until") == 0) {
        if (referee_read_time(bytes_from_text(value), &stage->end_ms) &&
            stage->end_ms > 100 * WORLD_DAY_MS)
            return true;
        return error_set(error, ERROR_INPUT,
                         "--until %s: give a time in UTC like 2026-03-31T12:00:00Z", value);
    }
    if (!read_number(name, value, 1, 90, &number, error))
        return false;
    stage->days = (uint32_t)number;
    return true;
}

static bool read_arguments(int argc, char **argv, struct demo_arguments *out, struct error *error)
{
    static const char *const valued[] = {"--seed", "--spans", "--days", "--until", "--kafka"};
    int64_t now_ms = clock_system.now_ms(&clock_system);
    *out = (struct demo_arguments){.stage = {.seed = 1,
                                             .step_ms = STEP_MS,
                                             .learning_step_ms = STEP_MS,
                                             .end_ms = now_ms - now_ms % WORLD_MINUTE_MS}};
    for (int i = 1; i < argc; i++) {
        bool has_value = false;
        for (size_t v = 0; v < sizeof valued / sizeof valued[0]; v++)
            has_value = has_value || strcmp(argv[i], valued[v]) == 0;
        if (strcmp(argv[i], "--json") == 0)
            out->json = true;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            out->help = true;
        else if (!has_value)
            return error_set(error, ERROR_INPUT, "unknown argument %s; see assay demo --help",
                             argv[i]);
        else if (i + 1 == argc)
            return error_set(error, ERROR_INPUT, "%s needs a value", argv[i]);
        else if (!take_value(argv[i], argv[i + 1], &out->stage, error))
            return false;
        else
            i++;
    }
    if (out->stage.days == 0)
        out->stage.days = out->stage.kafka != NULL ? DAYS_DEFAULT_KAFKA : DAYS_DEFAULT;
    if (out->stage.spans == 0)
        out->stage.spans = (uint64_t)out->stage.days * SPANS_PER_DAY;
    return true;
}

/* ---- the show ------------------------------------------------------------------------------------------------ */

/* Ctrl-C waits in the signal mask until the step is over: no handler, no global. */
static void hold_signals(sigset_t *held, sigset_t *before)
{
    (void)sigemptyset(held);
    (void)sigaddset(held, SIGINT);
    (void)sigaddset(held, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, held, before);
}

static bool signal_waits(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
}

static void take_signals(const sigset_t *held, const sigset_t *before)
{
    int number = 0;
    while (signal_waits())
        (void)sigwait(held, &number);
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void print_banner(const struct stage *stage)
{
    (void)fprintf(
        stderr,
        "assay demo: invented traffic and an invented judge, played through the real engine; "
        "seed %llu, %u days, about %llu spans.\n",
        (unsigned long long)stage->options.seed, stage->options.days,
        (unsigned long long)stage->options.spans);
    if (stage->options.kafka == NULL)
        (void)fprintf(stderr, "It runs on a log in memory with a simulated clock, in this one "
                              "process: it shows what is "
                              "said and when, not how fast or how safe Kafka makes it.\n");
    else
        (void)fprintf(stderr,
                      "It runs through the brokers at %s, in topics %s.*; the clock is simulated "
                      "and moves in steps of "
                      "%lld minutes for two weeks, then of one, so alerts may come a step later. "
                      "The topics stay.\n"
                      "Watch it: kcat -b %s -t %s\n",
                      stage->options.kafka, stage->flow.app,
                      (long long)(stage->options.learning_step_ms / WORLD_MINUTE_MS),
                      stage->options.kafka, stage->flow.topics.alerts);
}

static void hear(void *context, const struct referee_alert *alert) { screen_hear(context, alert); }

static double seconds_since(int64_t start_ns)
{
    return (double)(clock_monotonic_ns() - start_ns) / 1e9;
}

/* Plays to the end, or until somebody has seen enough. */
static bool play(struct stage *stage, struct screen *screen, int64_t start_ns, bool *interrupted,
                 struct error *error)
{
    static const int64_t check_every = 8;
    struct screen_series series[SERIES_MAX];
    for (int64_t turn = 0; !stage_done(stage) && !*interrupted; turn++) {
        if (!stage_step(stage, hear, screen, error))
            return false;
        if (turn % check_every != 0 && stage->options.kafka == NULL)
            continue;
        struct screen_facts facts = demo_view_facts(stage, seconds_since(start_ns));
        if (screen_due(screen, &facts))
            screen_show(screen, &facts, series, demo_view_series(stage, series, SERIES_MAX));
        *interrupted = signal_waits();
    }
    return *interrupted || stage_finish(stage, hear, screen, error);
}

static int conclude(struct stage *stage, enum screen_mode mode, int64_t start_ns)
{
    struct referee_engine engine = stage_engine(stage);
    struct judge_counts judged = judge_count(stage->judge);
    struct screen_facts facts = demo_view_facts(stage, seconds_since(start_ns));
    struct referee_result result;
    referee_judge(stage->referee, &engine, traffic_count(stage->traffic), &judged, &result);
    screen_summary(mode, &facts, &result);
    if (mode == SCREEN_JSON)
        (void)fprintf(stderr, "assay demo: %.1f s\n", facts.seconds);
    return result.missed + result.false_alarms == 0 && result.unreconciled == 0 ? COMMAND_OK
                                                                                : COMMAND_FAILED;
}

/* One that understands the usual escape sequences. */
static bool is_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && kind != NULL && strcmp(kind, "dumb") != 0;
}

static int run(struct stage *stage, const struct demo_arguments *arguments,
               const struct flow_options *base, struct error *error)
{
    int64_t start_ns = clock_monotonic_ns();
    sigset_t held, before;
    bool interrupted = false;
    enum screen_mode mode = arguments->json ? SCREEN_JSON
                            : is_terminal() ? SCREEN_TERMINAL
                                            : SCREEN_LINES;
    hold_signals(&held, &before);
    bool ok = stage_open(stage, &arguments->stage, base, error);
    if (ok) {
        print_banner(stage);
        struct screen *screen = screen_open(mode);
        ok = play(stage, screen, start_ns, &interrupted, error);
        screen_close(screen);
    }
    int code = !ok           ? COMMAND_FATAL
               : interrupted ? EXIT_INTERRUPTED
                             : conclude(stage, mode, start_ns);
    stage_close(stage);
    take_signals(&held, &before);
    return code;
}

int command_demo(int argc, char **argv, const struct command_operators *operators)
{
    struct demo_arguments arguments;
    struct demo_engine engine;
    struct stage stage = {0};
    struct error error = {0};
    if (!read_arguments(argc, argv, &arguments, &error))
        return command_fail(NULL, &error, COMMAND_USAGE);
    if (arguments.help) {
        (void)fputs(help, stdout);
        return COMMAND_OK;
    }
    log_set_level(LOG_WARNING); /* the demo speaks for itself */
    if (!demo_engine_open(&engine, operators, &error))
        return command_fail(NULL, &error, COMMAND_FATAL);
    int code = run(&stage, &arguments, &engine.flow, &error);
    demo_engine_close(&engine);
    return code == COMMAND_FATAL ? command_fail(NULL, &error, code) : code;
}
