/*
 * engine_kafka_test.c - the whole engine on a real broker, under kills: processes of the built program,
 * compared with a naive recomputation of everything they wrote.
 *
 *   engine_kafka_test [broker=VERSION] [librdkafka=VERSION] [full=yes] [SCENARIO…]
 *
 * Environment, which the first three arguments set: ASSAY_BINARY the program (built with fault points), ASSAY_KAFKA_VERSION the broker,
 * ASSAY_LIBRDKAFKA the engines' library (2.15.1; default: the system's), ASSAY_FULL=1 the long form,
 * ASSAY_RESULTS a file that gets one JSON line per scenario; with it, what it already shows as passed
 * is not run again.
 */
#include "tests/engine_kafka/scenarios.h"
#include "tests/test.h"

#include <unistd.h>

#define SCENARIOS_MAX 32

static struct rig_site site;
static enum kafka_fixture_result site_state;

/* ---- the card ----------------------------------------------------------------------------------------------- */

static int by_size(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void line_start(char *out, size_t size, const char *scenario)
{
    (void)snprintf(out, size, "{\"scenario\":\"%s\",\"broker\":\"%s\",\"librdkafka\":\"%s\",\"full\":%s,", scenario, site.broker,
                   site.library, test_is_full() ? "true" : "false");
}

static void report(const char *scenario, struct rig *rig, double seconds)
{
    struct rig_card *c = &rig->card;
    const struct lines_difference *d = &c->difference;
    char start[256], line[1024];
    const char *results = getenv("ASSAY_RESULTS");
    qsort(c->recoveries_ms, c->recoveries_count, sizeof c->recoveries_ms[0], by_size);
    int64_t median = c->recoveries_count ? c->recoveries_ms[c->recoveries_count / 2] : 0;
    int64_t max = c->recoveries_count ? c->recoveries_ms[c->recoveries_count - 1] : 0;
    line_start(start, sizeof start, scenario);
    (void)snprintf(line, sizeof line,
                   "%s\"kills\":%u,\"open_transactions_hit\":%u,\"lost\":%llu,\"duplicated\":%llu,\"wrong\":%llu,"
                   "\"recovery_ms_median\":%lld,\"recovery_ms_max\":%lld,\"seconds\":%.0f,\"records\":%u,\"requests\":%u,"
                   "\"dead_letters\":%u,\"alerts\":%u,\"hangs\":%u,\"compared\":%llu}",
                   start, c->kills, c->open_hit, (unsigned long long)d->lost, (unsigned long long)d->duplicated,
                   (unsigned long long)d->wrong, (long long)median, (long long)max, seconds, c->records, c->requests, c->letters,
                   c->alerts, c->hangs, (unsigned long long)d->compared);
    print_message("%s\n", line);
    FILE *file = results != NULL ? fopen(results, "a") : NULL;
    if (file == NULL)
        return;
    (void)fprintf(file, "%s\n", line);
    (void)fclose(file);
}

static bool passed_before(const char *scenario)
{
    const char *results = getenv("ASSAY_RESULTS");
    char start[256], line[2048];
    bool found = false;
    FILE *file = results != NULL && test_is_full() ? fopen(results, "r") : NULL;
    line_start(start, sizeof start, scenario);
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
        found = strncmp(line, start, strlen(start)) == 0 && strstr(line, "\"lost\":0,\"duplicated\":0,\"wrong\":0,") != NULL;
    if (file != NULL)
        (void)fclose(file);
    return found;
}

/* ---- one scenario ---------------------------------------------------------------------------------------------- */

static struct rig *rig;

static void run_scenario(void **state)
{
    const struct scenario *scenario = *state;
    int64_t start_ms = rig_now_ms();
    if (site_state == KAFKA_FIXTURE_UNAVAILABLE) {
        print_message("skipped: no java, mvn or network here\n");
        skip();
    }
    if (passed_before(scenario->name)) {
        print_message("skipped: %s has passed before, see ASSAY_RESULTS\n", scenario->name);
        skip();
    }
    rig = scenario->open(&site);
    scenario->run(rig);
    report(scenario->name, rig, (double)(rig_now_ms() - start_ms) / 1000);
    assert_int_equal(rig->card.difference.lost, 0);
    assert_int_equal(rig->card.difference.duplicated, 0);
    assert_int_equal(rig->card.difference.wrong, 0);
}

static int end_scenario(void **state)
{
    (void)state;
    if (rig != NULL)
        rig_close(rig);
    rig = NULL;
    return 0;
}

/* ---- the site ----------------------------------------------------------------------------------------------------- */

static bool find_library(void)
{
    const char *version = getenv("ASSAY_LIBRDKAFKA");
    char command[1024];
    if (version == NULL || *version == '\0') {
        (void)snprintf(site.library, sizeof site.library, "%s", kafka_library_version());
        return true;
    }
    (void)snprintf(site.library, sizeof site.library, "%s", version);
    (void)snprintf(command, sizeof command, ASSAY_SOURCE_DIR "/tests/kafka/librdkafka %s", version);
    FILE *out = popen(command, "r");
    bool found = out != NULL && fgets(site.library_folder, sizeof site.library_folder, out) != NULL;
    if (out != NULL)
        (void)pclose(out);
    site.library_folder[strcspn(site.library_folder, "\n")] = '\0';
    return found;
}

static int open_site(void **state)
{
    static const char *const options[] = {"message.max.bytes=12582912", NULL};
    (void)state;
    const char *version = getenv("ASSAY_KAFKA_VERSION");
    site.broker = version != NULL && *version != '\0' ? version : "4.4.0";
    if (getenv("ASSAY_BINARY") == NULL)
        (void)setenv("ASSAY_BINARY", ASSAY_BINARY_DIR "/assay", 1);
    (void)setenv("ASSAY_KAFKA_SECONDS", "7200", 0);
    site_state = find_library() ? kafka_fixture_start(&site.fixture, options) : KAFKA_FIXTURE_UNAVAILABLE;
    (void)snprintf(site.folder, sizeof site.folder, "%s", test_scratch_folder());
    print_message("broker %s, engines with librdkafka %s, logs in %s\n", site.broker, site.library, site.folder);
    return site_state == KAFKA_FIXTURE_FAILED ? -1 : 0;
}

static int close_site(void **state)
{
    (void)state;
    if (site_state == KAFKA_FIXTURE_READY)
        kafka_fixture_end(&site.fixture);
    return 0;
}

/* "broker=3.9.2" and such; false for the name of a scenario. */
static bool take_setting(const char *argument)
{
    static const char *const names[][2] = {{"broker=", "ASSAY_KAFKA_VERSION"}, {"librdkafka=", "ASSAY_LIBRDKAFKA"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(argument, names[i][0], strlen(names[i][0])) == 0)
            return setenv(names[i][1], argument + strlen(names[i][0]), 1) == 0;
    return strcmp(argument, "full=yes") == 0 && setenv("ASSAY_FULL", "1", 1) == 0;
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[SCENARIOS_MAX];
    size_t count = 0;
    const char *names[SCENARIOS_MAX];
    int names_count = 0;
    for (int i = 1; i < argc; i++)
        if (!take_setting(argv[i]) && names_count < SCENARIOS_MAX)
            names[names_count++] = argv[i];
    for (const struct scenario *s = scenarios; s->name != NULL && count < SCENARIOS_MAX; s++) {
        bool wanted = names_count == 0;
        for (int i = 0; i < names_count; i++)
            wanted = wanted || strcmp(names[i], s->name) == 0;
        if (wanted)
            tests[count++] = (struct CMUnitTest){s->name, run_scenario, NULL, end_scenario, (void *)(uintptr_t)s};
    }
    return _cmocka_run_group_tests("engine on Kafka", tests, count, open_site, close_site);
}
