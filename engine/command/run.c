/*
 * run.c - `assay run`: shard threads, the HTTP server, signals. The main thread only waits.
 *
 * A shard that fails is replaced after a pause, as often as needed: what it had not committed is read
 * again. Only a twin with our identity ends the process.
 */
#include "engine/command/setup.h"

#include "engine/base/buffer.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/bus/kafka.h"
#include "engine/flow/shard.h"
#include "engine/flow/topics.h"
#include "engine/serve/http.h"
#include "engine/serve/shard_metrics.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 50
#define PAUSE_FIRST_MS 500
#define PAUSE_MAX_MS 30000
#define STALLED_AFTER_MS 120000
#define SHARDS_MAX 64

struct process;

struct worker {
    struct process *process;
    uint32_t number;
    pthread_t thread;
    pthread_mutex_t lock; /* guards shard against the HTTP thread */
    struct shard *shard;
    struct shard_status last; /* while there is no shard */
};

struct process {
    struct setup *setup;
    struct bus *bus;
    struct worker workers[SHARDS_MAX];
    uint32_t count;
    atomic_bool stop;
    atomic_bool fenced;
};

static const char help[] =
    "assay run -c FILE [--set NAME=VALUE …] [--print-config]\n\n"
    "Runs the engine: joins the consumer group, works until SIGTERM or SIGINT, then commits and leaves.\n"
    "A second signal ends it at once; nothing is lost, the open transaction is aborted by the next start.\n\n"
    "Exit codes: 0 stopped as asked, 2 configuration, 3 fenced by a twin or the cluster refused for good.\n";

/* ---- workers ------------------------------------------------------------------------------------------- */

static void pause_ms(const struct process *process, int64_t ms)
{
    for (int64_t waited = 0; waited < ms && !atomic_load(&process->stop); waited += 50) {
        struct timespec step = {.tv_nsec = 50000000};
        (void)nanosleep(&step, NULL);
    }
}

static void set_shard(struct worker *worker, struct shard *shard)
{
    (void)pthread_mutex_lock(&worker->lock);
    worker->shard = shard;
    (void)pthread_mutex_unlock(&worker->lock);
}

static void note_failure(struct worker *worker, const struct error *error)
{
    (void)pthread_mutex_lock(&worker->lock);
    worker->last.number = worker->number;
    worker->last.ready = false;
    (void)snprintf(worker->last.message, sizeof worker->last.message, "%.190s", error->message);
    (void)pthread_mutex_unlock(&worker->lock);
    log_line(LOG_ERROR, "shard", (int)worker->number, "%s", error->message);
}

/* Works until asked to stop (true) or until the shard fails. */
static bool work(struct worker *worker, struct shard *shard, struct error *error)
{
    while (!atomic_load(&worker->process->stop))
        if (shard_step(shard, POLL_MS, error) == SHARD_FAILED)
            return false;
    return true;
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct process *process = worker->process;
    int64_t wait_ms = PAUSE_FIRST_MS;
    while (!atomic_load(&process->stop)) {
        struct error error = {0};
        struct shard *shard = shard_create(&process->setup->flow, process->bus, &clock_system, worker->number, &error);
        if (shard != NULL) {
            set_shard(worker, shard);
            int64_t started_ns = clock_monotonic_ns();
            bool stopped = work(worker, shard, &error);
            set_shard(worker, NULL);
            if (stopped) {
                shard_destroy(shard);
                break;
            }
            shard_abandon(shard);
            if (clock_monotonic_ns() - started_ns > (int64_t)60 * 1000000000)
                wait_ms = PAUSE_FIRST_MS;
        }
        note_failure(worker, &error);
        if (error.code == ERROR_FENCED) {
            if (!atomic_exchange(&process->fenced, true)) /* a second signal would end it at once */
                (void)kill(getpid(), SIGTERM);
            break;
        }
        pause_ms(process, wait_ms);
        wait_ms = wait_ms * 2 < PAUSE_MAX_MS ? wait_ms * 2 : PAUSE_MAX_MS;
    }
    return NULL;
}

/* ---- HTTP ------------------------------------------------------------------------------------------------ */

static uint32_t read_statuses(struct process *process, struct shard_status *out)
{
    for (uint32_t i = 0; i < process->count; i++) {
        struct worker *worker = &process->workers[i];
        (void)pthread_mutex_lock(&worker->lock);
        if (worker->shard != NULL)
            shard_read_status(worker->shard, &worker->last);
        out[i] = worker->last;
        (void)pthread_mutex_unlock(&worker->lock);
    }
    return process->count;
}

static unsigned answer_live(void *context, struct buffer *body)
{
    struct shard_status statuses[SHARDS_MAX];
    uint32_t count = read_statuses(context, statuses);
    return shard_live_write(statuses, count, clock_system.now_ms(&clock_system), STALLED_AFTER_MS, body) ? HTTP_OK : HTTP_UNAVAILABLE;
}

static unsigned answer_ready(void *context, struct buffer *body)
{
    struct shard_status statuses[SHARDS_MAX];
    uint32_t count = read_statuses(context, statuses);
    return shard_ready_write(statuses, count, body) ? HTTP_OK : HTTP_UNAVAILABLE;
}

static unsigned answer_metrics(void *context, struct buffer *body)
{
    const struct process *process = context;
    struct shard_status statuses[SHARDS_MAX];
    uint32_t count = read_statuses(context, statuses);
    struct metrics_writer writer = metrics_writer_on(body);
    shard_metrics_write(statuses, count, clock_system.now_ms(&clock_system), &writer);
    process_metrics_write(ASSAY_VERSION, kafka_library_version(), &writer);
    if (process->setup->registry != NULL) {
        struct schema_registry_counters counters;
        schema_registry_count(process->setup->registry, &counters);
        registry_metrics_write(&counters, &writer);
    }
    metrics_end(&writer);
    return HTTP_OK;
}

/* ---- the process ------------------------------------------------------------------------------------------ */

static void start_workers(struct process *process)
{
    process->count = (uint32_t)process->setup->config->shards;
    CHECK(process->count <= SHARDS_MAX);
    for (uint32_t i = 0; i < process->count; i++) {
        struct worker *worker = &process->workers[i];
        worker->process = process;
        worker->number = worker->last.number = i;
        (void)snprintf(worker->last.message, sizeof worker->last.message, "starting");
        CHECK(pthread_mutex_init(&worker->lock, NULL) == 0);
        CHECK(pthread_create(&worker->thread, NULL, run_worker, worker) == 0);
    }
}

static void stop_workers(struct process *process)
{
    atomic_store(&process->stop, true);
    for (uint32_t i = 0; i < process->count; i++) {
        (void)pthread_join(process->workers[i].thread, NULL);
        (void)pthread_mutex_destroy(&process->workers[i].lock);
    }
}

static void *end_at_second_signal(void *argument)
{
    const sigset_t *signals = argument;
    int number = 0;
    (void)sigwait(signals, &number);
    _exit(COMMAND_FATAL);
}

static void wait_for_signal(const sigset_t *signals)
{
    int number = 0;
    do {
        (void)sigwait(signals, &number);
        if (number == SIGHUP)
            log_line(LOG_WARNING, "run", -1, "SIGHUP: rules and settings are read at start only; restart to change them");
    } while (number == SIGHUP);
    log_line(LOG_INFO, "run", -1, "signal %d: committing and leaving", number);
}

static sigset_t awaited_signals(void)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    return signals;
}

static int serve_until_signal(struct process *process, struct error *error)
{
    const struct http_route routes[] = {
        {"/livez", "application/json", answer_live, process, true},
        {"/readyz", "application/json", answer_ready, process, true},
        {"/metrics", METRICS_CONTENT_TYPE, answer_metrics, process, false},
    };
    struct http_options http = {process->setup->config->http_listen, process->setup->config->http_token, routes, 3};
    sigset_t signals = awaited_signals();
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct http_server *server = NULL;
    if (!http_start(&http, &server, error))
        return COMMAND_USAGE;
    start_workers(process);
    log_line(LOG_INFO, "run", -1, "application %s instance %s, %u shards, librdkafka %s", process->setup->flow.app,
             process->setup->flow.instance, process->count, kafka_library_version());
    wait_for_signal(&signals);
    pthread_t watcher;
    if (pthread_create(&watcher, NULL, end_at_second_signal, &signals) == 0)
        (void)pthread_detach(watcher);
    stop_workers(process);
    http_stop(server);
    return atomic_load(&process->fenced) ? COMMAND_FATAL : COMMAND_OK;
}

static int print_config(const struct setup *setup)
{
    struct buffer text = BUFFER_WITH_LIMIT((size_t)1 << 20);
    config_print(setup->config, &text);
    (void)printf("%.*s", (int)text.size, (const char *)text.data);
    buffer_free(&text);
    return COMMAND_OK;
}

static int run_process(struct setup *setup, struct error *error)
{
    struct process *process = memory_allocate(sizeof *process);
    int code = COMMAND_USAGE;
    const sigset_t signals = awaited_signals();
    process->setup = setup;
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); /* the bus has threads: one that took a signal would die of it */
    if (setup_open_schemas(setup, false, error))
        process->bus = setup_open_kafka(setup, error);
    (void)pthread_sigmask(SIG_UNBLOCK, &signals, NULL); /* until there is something to commit, a signal just ends us */
    if (process->bus != NULL) {
        if (topics_check(process->bus, &setup->flow, error)) {
            if (setup_settle_outputs(setup, true, error))
                code = serve_until_signal(process, error);
            else if (error->code == ERROR_UNAVAILABLE)
                code = COMMAND_FATAL;
        }
        bus_close(process->bus);
    }
    memory_free(process);
    return code;
}

int command_run(int argc, char **argv, const struct command_operators *operators)
{
    struct command_arguments arguments;
    struct error error = {0};
    if (!command_read_arguments(argc, argv, &arguments, &error))
        return command_fail(&arguments, &error, COMMAND_USAGE);
    if (arguments.help) {
        (void)fputs(help, stdout);
        return COMMAND_OK;
    }
    struct setup *setup = setup_load(&arguments, operators, &error);
    if (setup == NULL)
        return command_fail(&arguments, &error, COMMAND_USAGE);
    log_set_level((enum log_level)setup->config->log_level);
    int code = arguments.print_config ? print_config(setup) : run_process(setup, &error);
    if (error.code != ERROR_NONE && code != COMMAND_OK)
        (void)command_fail(&arguments, &error, code);
    setup_destroy(setup);
    return code;
}
