/* rig.c - topics, configuration and processes; see rig.h. */
#define _DEFAULT_SOURCE
#include "tests/engine_kafka/rig.h"
#include "tests/engine_kafka/positions.h"
#include "tests/test.h"

#include "engine/base/memory.h"
#include "engine/bus/kafka.h"
#include "engine/flow/topics.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GIANT_BYTES (12 << 20)

int64_t rig_now_ms(void) { return clock_monotonic_ns() / 1000000; }

void rig_nap(int64_t ms)
{
    struct timespec step = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&step, NULL);
}

/* ---- configuration ------------------------------------------------------------------------------------------ */

static const char rules_text[] =
    "rules:\n"
    "  - id: R090\n    title: judge score drop\n    metric: score.*\n"
    "    watch: [{app: \"*\", env: \"*\", intent: \"*\", evaluator: \"*\", revision: \"*\"}]\n"
    "    effect: {relative: 5%, window: 7d, min_count: 30}\n"
    "    baseline: {kind: trailing, window: 14d, min_count: 100}\n"
    "    budget: 1 per 30d\n    severity: page\n    class: quality\n    first_action: look\n    owner: team\n"
    "  - id: R094\n    title: format failures\n    metric: format\n"
    "    watch: [{app: \"*\", env: \"*\"}, {app: \"*\", env: \"*\", intent: \"*\"}]\n"
    "    effect: {ratio: 2, window: 1h, min_count: 20}\n"
    "    baseline: {kind: trailing, window: 2h, min_count: 100}\n"
    "    budget: 1 per 30d\n    severity: page\n    class: format\n    first_action: look\n    owner: team\n";

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        fail_msg("%s: %s", path, strerror(errno));
}

static void write_configuration(struct rig *rig, const struct rig_options *options)
{
    char text[4096];
    (void)snprintf(text, sizeof text,
                   "app: %s\ninstance: ${ASSAY_INSTANCE:-0}\nshards: %u\n"
                   "commit.interval: 100ms\nsettle: 1s\ninactive.after: %s\nhttp.listen: %s\n"
                   "topics.spans: %s.spans\nexchange: {partitions: %d, purge: false, punctuation: 200ms}\n"
                   "rules.file: rules.yaml\nsampler.trust: assumed\n"
                   "kafka: {bootstrap.servers: \"%s\", session.timeout: 2s, transaction.timeout: %s}\n%s",
                   rig->app, options->shards > 0 ? options->shards : 2,
                   options->inactive_after != NULL ? options->inactive_after : "1s",
                   options->http_listen != NULL ? options->http_listen : "off", rig->app, RIG_PARTS, rig->site->fixture.servers,
                   options->transaction_timeout != NULL ? options->transaction_timeout : "5s", options->settings != NULL ? options->settings : "sampler.base_probability: 20%\n");
    write_file(rig->folder, "assay.yaml", text);
    write_file(rig->folder, "rules.yaml", rules_text);
}

/* The engine's own view of that file: the oracle must know what the processes know. */
static bool check_registry(void *registry, struct error *error) { return registry_check(registry, error); }

static void load_setup(struct rig *rig)
{
    static struct annotator_instance annotators[REGISTRY_OPERATORS_MAX];
    static struct tracker_instance trackers[REGISTRY_OPERATORS_MAX];
    static struct config_section sections[2 * REGISTRY_OPERATORS_MAX];
    struct registry *r = rig->registry = registry_create();
    for (uint32_t i = 0; i < r->annotators_count; i++)
        annotators[i] = (struct annotator_instance){r->annotators[i].class, r->annotators[i].conf};
    for (uint32_t i = 0; i < r->trackers_count; i++)
        trackers[i] = (struct tracker_instance){r->trackers[i].class, r->trackers[i].conf};
    for (uint32_t i = 0; i < r->sections_count; i++)
        sections[i] = (struct config_section){r->sections[i].name, r->sections[i].options, r->sections[i].conf};
    struct command_operators operators = {
        .annotators = annotators, .annotators_count = r->annotators_count,
        .trackers = trackers, .trackers_count = r->trackers_count,
        .sure = registry_find_detector(BYTES_LITERAL("shift")), .big = registry_find_detector(BYTES_LITERAL("effect")),
        .sections = sections, .sections_count = r->sections_count, .check = check_registry, .registry = r,
    };
    char path[512];
    struct error error = {0};
    (void)snprintf(path, sizeof path, "%s/assay.yaml", rig->folder);
    struct command_arguments arguments = {.config_path = path};
    rig->setup = setup_load(&arguments, &operators, &error);
    if (rig->setup == NULL)
        fail_msg("%s", error.message);
}

static void quiet_log(void *context, enum log_level level, const char *text)
{
    (void)context;
    if (getenv("ASSAY_TEST_LOG") != NULL)
        (void)fprintf(stderr, "[%d] %s\n", (int)level, text);
}

struct rig *rig_open(struct rig_site *site, const struct rig_options *options)
{
    static unsigned number;
    struct rig *rig = memory_allocate(sizeof *rig);
    struct error error = {0};
    uint32_t created = 0;
    rig->site = site;
    rig->started_ns = clock_monotonic_ns();
    (void)snprintf(rig->app, sizeof rig->app, "%s%u", options->name, ++number);
    (void)snprintf(rig->folder, sizeof rig->folder, "%s/%s", site->folder, rig->app);
    if (mkdir(rig->folder, 0700) != 0)
        fail_msg("%s: %s", rig->folder, strerror(errno));
    write_configuration(rig, options);
    load_setup(rig);
    struct kafka_options kafka = {.bootstrap_servers = site->fixture.servers, .message_bytes_max = GIANT_BYTES, .log = quiet_log,
                                  .session_timeout_ms = 6000};
    rig->bus = kafka_bus_open(&kafka, &error);
    if (rig->bus == NULL || !topics_create(rig->bus, &rig->setup->flow, RIG_PARTITIONS, &created, &error))
        fail_msg("%s", error.message);
    rig->positions = positions_open(site->fixture.servers, rig->app);
    for (int t = 0; t < RIG_INPUTS; t++)
        for (int p = 0; p < RIG_PARTITIONS; p++)
            rig->last[t][p] = -1;
    return rig;
}

void rig_close(struct rig *rig)
{
    traffic_stop(rig->traffic);
    judge_stop(rig->judge);
    for (uint32_t i = 0; i < RIG_ENGINES; i++)
        if (rig->engines[i].pid != 0) {
            rig_signal(rig, i, SIGKILL);
            (void)rig_wait(rig, i, 10000);
        }
    positions_close(rig->positions);
    bus_close(rig->bus);
    setup_destroy(rig->setup);
    registry_destroy(rig->registry);
    for (int t = 0; t < RIG_INPUTS; t++) {
        for (uint32_t i = 0; i < rig->records_count[t]; i++)
            memory_free((void *)(uintptr_t)rig->records[t][i].value.data);
        memory_free(rig->records[t]);
    }
    memory_free(rig);
}

/* ---- processes ------------------------------------------------------------------------------------------------ */

static _Noreturn void become_engine(const struct rig *rig, const struct engine *e, const char *fault)
{
    char path[512];
    const char *binary = getenv("ASSAY_BINARY");
    int log = open(e->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)snprintf(path, sizeof path, "%s/assay.yaml", rig->folder);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the test */
    (void)setenv("ASSAY_INSTANCE", e->instance, 1);
    if (fault != NULL)
        (void)setenv("ASSAY_FAULT_AT", fault, 1);
    if (rig->site->library_folder[0] != '\0')
        (void)setenv("LD_LIBRARY_PATH", rig->site->library_folder, 1);
    (void)dup2(log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
    (void)execl(binary, "assay", "run", "-c", path, (char *)NULL);
    (void)dprintf(STDERR_FILENO, "%s: %s\n", binary, strerror(errno));
    _exit(127);
}

void rig_start(struct rig *rig, uint32_t engine, const char *instance, const char *fault)
{
    struct engine *e = &rig->engines[engine];
    assert_int_equal(e->pid, 0);
    if (instance != NULL)
        (void)snprintf(e->instance, sizeof e->instance, "%s", instance);
    else
        (void)snprintf(e->instance, sizeof e->instance, "%c", (char)('a' + engine));
    (void)snprintf(e->log, sizeof e->log, "%s/%u.log", rig->folder, engine);
    e->lives++;
    e->pid = fork();
    if (e->pid == 0)
        become_engine(rig, e, fault);
    assert_true(e->pid > 0);
}

void rig_signal(struct rig *rig, uint32_t engine, int signal)
{
    if (rig->engines[engine].pid != 0)
        (void)kill(rig->engines[engine].pid, signal);
}

int rig_wait(struct rig *rig, uint32_t engine, int timeout_ms)
{
    struct engine *e = &rig->engines[engine];
    int64_t deadline_ms = rig_now_ms() + timeout_ms;
    for (;;) {
        int status = 0;
        pid_t ended = waitpid(e->pid, &status, WNOHANG);
        if (ended == e->pid) {
            e->pid = 0;
            e->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            return e->exit_code;
        }
        if (rig_now_ms() >= deadline_ms)
            return -1;
        rig_nap(5);
    }
}

int64_t rig_stop(struct rig *rig, uint32_t engine, int timeout_ms)
{
    int64_t start_ms = rig_now_ms();
    rig_signal(rig, engine, SIGTERM);
    int code = rig_wait(rig, engine, timeout_ms);
    if (code != 0)
        fail_msg("engine %s was asked to stop: %d after %lld ms; see %s", rig->engines[engine].instance, code,
                 (long long)(rig_now_ms() - start_ms), rig->engines[engine].log);
    return rig_now_ms() - start_ms;
}

void rig_supervise(struct rig *rig)
{
    for (uint32_t i = 0; i < RIG_ENGINES; i++) {
        struct engine *e = &rig->engines[i];
        if (e->pid == 0 || rig_wait(rig, i, 0) != KAFKA_EXIT_HANG)
            continue;
        char instance[sizeof e->instance];
        (void)snprintf(instance, sizeof instance, "%s", e->instance);
        rig->card.hangs++;
        rig_start(rig, i, instance, NULL);
    }
}

bool rig_logged(const struct rig *rig, uint32_t engine, const char *text)
{
    char line[4096];
    FILE *file = fopen(rig->engines[engine].log, "r");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
        found = strstr(line, text) != NULL;
    if (file != NULL)
        (void)fclose(file);
    return found;
}
