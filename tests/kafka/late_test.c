/*
 * late_test.c - requests that arrive late, or not, or whose answer does not: through a proxy.
 *
 * Each test also runs with its rule taken out (ASSAY_FULL=1), to show that it would notice.
 */
#include "tests/kafka/fixture.h"
#include "tests/kafka/port.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TRIES_MAX       20
#define RECORDS_PER_TRY 4

static struct kafka_fixture fixture;
static enum kafka_fixture_result fixture_state;

static int start(void **state)
{
    (void)state;
    static const char *const options[] = {"proxy=yes", NULL};
    fixture_state = kafka_fixture_start(&fixture, options);
    print_message("librdkafka %s\n", kafka_library_version());
    return fixture_state == KAFKA_FIXTURE_FAILED ? -1 : 0;
}

static int finish(void **state)
{
    (void)state;
    if (fixture_state == KAFKA_FIXTURE_READY)
        kafka_fixture_end(&fixture);
    return 0;
}

static void nap(long ms)
{
    struct timespec pause_time = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause_time, NULL);
}

/* ---- the proxy's control line, without the cost of a script ---------------------------------- */

static int proxy_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)(fixture.port + 6))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int line = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(line, (struct sockaddr *)&address, sizeof address), 0);
    return line;
}

static void proxy_say(int line, const char *command, char *answer, size_t size)
{
    char text[100];
    int length = snprintf(text, sizeof text, "%s\n", command);
    assert_int_equal(write(line, text, (size_t)length), length);
    size_t got = 0;
    while (got < size - 1 && (got == 0 || answer[got - 1] != '\n')) {
        ssize_t more = read(line, answer + got, size - 1 - got);
        assert_true(more > 0);
        got += (size_t)more;
    }
    answer[got] = '\0';
}

static void proxy_tell(const char *command)
{
    char answer[200];
    int line = proxy_connect();
    proxy_say(line, command, answer, sizeof answer);
    close(line);
}

/* Lets nothing new through from the moment the armed command strikes, for some time. */
struct shutter {
    pthread_t thread;
    long closed_ms;
};

static void *shut(void *argument)
{
    struct shutter *s = argument;
    char answer[200];
    int line = proxy_connect();
    for (int i = 0; i < 5000; i++) {
        proxy_say(line, "status", answer, sizeof answer);
        if (strstr(answer, "struck=1") != NULL)
            break;
        nap(1);
    }
    proxy_say(line, "refuse", answer, sizeof answer);
    nap(s->closed_ms);
    proxy_say(line, "pass", answer, sizeof answer);
    close(line);
    return NULL;
}

/* ---- a member with one partition whose position it moves at will ------------------------------ */

struct scene {
    struct bus *bus;
    struct member *member;
    const char *topic;
    int64_t offset;
    int transactions;
    char texts[TRIES_MAX * 16][24]; /* of the open transaction */
    int texts_count;
};

static void scene_open(struct scene *s, const char *topic, int32_t transaction_ms)
{
    struct error error;
    struct kafka_setting slow_reconnect[] = {{"reconnect.backoff.ms", "500"}};
    struct kafka_options options = port_options(fixture.servers);
    options.transaction_timeout_ms = transaction_ms;
    options.producer = (struct kafka_settings){slow_reconnect, 1};
    *s = (struct scene){.topic = topic, .bus = kafka_bus_open(&options, &error)};
    assert_non_null(s->bus);
    port_topic(s->bus, topic, 1);
    s->member = port_member(s->bus, topic, topic, topic);
    for (enum member_event event = MEMBER_IDLE; event != MEMBER_ASSIGN;) {
        struct member_batch batch;
        event = member_poll(s->member, 100, &batch, &error);
        port_answer(s->member, event, &batch);
    }
}

static void scene_close(struct scene *s)
{
    member_close(s->member);
    bus_close(s->bus);
}

/* Lets the library send, and forgets what is read. */
static void scene_serve(struct scene *s, long ms)
{
    struct error error;
    struct member_batch batch;
    int64_t end_ns = clock_monotonic_ns() + ms * 1000000;
    while (clock_monotonic_ns() < end_ns) {
        enum member_event event = member_poll(s->member, 20, &batch, &error);
        port_answer(s->member, event, &batch);
    }
}

static void scene_begin(struct scene *s)
{
    struct error error;
    s->texts_count = 0;
    if (!member_begin(s->member, &error))
        fail_msg("%s", error.message);
}

static void scene_produce(struct scene *s, char what, int number)
{
    struct error error;
    char *text = s->texts[s->texts_count++];
    (void)snprintf(text, sizeof s->texts[0], "%c %d", what, number);
    struct bus_output o = {.topic = s->topic, .partition = 0, .value = bytes_from_text(text)};
    assert_true(member_produce(s->member, &o, &error));
}

static enum commit_outcome scene_commit(struct scene *s, struct error *error)
{
    struct bus_position position = {{0, 0}, ++s->offset, ""};
    (void)snprintf(position.metadata, sizeof position.metadata, "s=%d", ++s->transactions);
    return member_commit(s->member, &position, 1, error);
}

/* How often "what number" is visible now. */
static void scene_count(struct scene *s, char what, int *counts, int tries)
{
    struct error error;
    struct bus_record record;
    int64_t low;
    int64_t high;
    memset(counts, 0, (size_t)tries * sizeof *counts);
    assert_true(bus_watermarks(s->bus, s->topic, 0, &low, &high, &error));
    struct bus_reader *r = bus_reader_open(s->bus, s->topic, 0, low, high, &error);
    assert_non_null(r);
    for (int idle = 0; idle < 300 && reader_position(r) < high;) {
        char kind;
        int number;
        char text[24];
        if (reader_next(r, 100, &record, &error) != READER_RECORD) {
            idle++;
            continue;
        }
        (void)snprintf(text, sizeof text, "%.*s", BYTES_FMT(record.value));
        assert_int_equal(sscanf(text, "%c %d", &kind, &number), 2);
        if (kind == what && number < tries)
            counts[number]++;
    }
    assert_true(reader_position(r) >= high);
    reader_close(r);
}

/* ---- the torn transaction --------------------------------------------------------------------- */

/* An EndTxn is held back, its connection breaks, the commit succeeds on another one; then the old
 * EndTxn arrives in the middle of the next transaction. Returns how many of those were torn. */
static int late_end_transactions(const char *topic, int tries)
{
    static struct scene s;
    struct error error = {0};
    int outcomes[TRIES_MAX];
    int counts[TRIES_MAX];
    int torn = 0;
    int done = 0;
    scene_open(&s, topic, 6000);
    for (; done < tries; done++) {
        scene_begin(&s);
        scene_produce(&s, 'A', done);
        scene_serve(&s, 60);
        proxy_tell("hold-request 26 0.5");
        if (scene_commit(&s, &error) != COMMIT_DONE) {
            print_message("  try %d: the first transaction is not committed: %s\n", done,
                          error.message);
            break;
        }
        scene_begin(&s);
        for (int i = 0; i < RECORDS_PER_TRY - 1; i++)
            scene_produce(&s, 'B', done);
        scene_serve(&s, 800); /* it arrives now */
        scene_produce(&s, 'B', done);
        outcomes[done] = (int)scene_commit(&s, &error);
        if (outcomes[done] == COMMIT_FAILED || outcomes[done] == COMMIT_FENCED)
            break;
    }
    scene_count(&s, 'B', counts, done);
    for (int i = 0; i < done; i++)
        torn += counts[i] != (outcomes[i] == COMMIT_DONE ? RECORDS_PER_TRY : 0);
    struct kafka_member_counts n;
    kafka_member_read_counts(s.member, &n);
    print_message("  %d tries, %d torn, %llu producers replaced\n", done, torn,
                  (unsigned long long)n.producers_replaced);
    scene_close(&s);
    return torn + (tries - done);
}

static void a_late_end_does_not_tear_the_next_transaction(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    assert_int_equal(late_end_transactions("late", test_is_full() ? TRIES_MAX : 5), 0);
    print_message("  without the rule:\n");
    setenv("ASSAY_FAULT_RULES_OFF", "closesocket", 1);
    int torn = late_end_transactions("late-off", 2);
    unsetenv("ASSAY_FAULT_RULES_OFF");
    assert_true(torn > 0);
}

/* ---- unknown outcomes ------------------------------------------------------------------------- */

/* The EndTxn or its answer is lost and nothing gets through until the commit has given up; tried
 * until that many outcomes were unknown, for the library may be quicker than the shutter. Returns
 * how often the outcome that was told is not what readers see. */
static int unknown_outcomes(const char *topic, const char *fault, int wanted)
{
    static struct scene s;
    struct error error = {0};
    int outcomes[TRIES_MAX];
    int counts[TRIES_MAX];
    int wrong = 0;
    int committed = 0;
    int tries = 0;
    struct kafka_member_counts n = {0};
    scene_open(&s, topic, 2000);
    for (int i = 0; i < TRIES_MAX && (int)n.outcomes_resolved < wanted; i++, tries++) {
        struct shutter shutter = {.closed_ms = 3000};
        scene_begin(&s);
        scene_produce(&s, 'A', i);
        scene_serve(&s, 60);
        proxy_tell(fault);
        assert_int_equal(pthread_create(&shutter.thread, NULL, shut, &shutter), 0);
        outcomes[i] = (int)scene_commit(&s, &error);
        assert_int_equal(pthread_join(shutter.thread, NULL), 0);
        if (outcomes[i] != COMMIT_DONE && outcomes[i] != COMMIT_ABORTED)
            fail_msg("outcome %d: %s", outcomes[i], error.message);
        committed += outcomes[i] == COMMIT_DONE;
        kafka_member_read_counts(s.member, &n);
    }
    scene_count(&s, 'A', counts, tries);
    for (int i = 0; i < tries; i++)
        wrong += counts[i] != (outcomes[i] == COMMIT_DONE);
    print_message("  %s: %d tries, %d committed, %llu resolved, %d wrong\n", fault, tries,
                  committed, (unsigned long long)n.outcomes_resolved, wrong);
    scene_close(&s);
    return wrong;
}

static void an_unknown_outcome_is_found_out(void **state)
{
    (void)state;
    PORT_NEEDS_BROKER(fixture_state);
    int wanted = test_is_full() ? 8 : 1;
    assert_int_equal(unknown_outcomes("lost-request", "drop-request 26", wanted), 0);
    assert_int_equal(unknown_outcomes("lost-answer", "drop-response 26", wanted), 0);
    if (test_is_full()) {
        print_message("  without the rule:\n");
        setenv("ASSAY_FAULT_RULES_OFF", "resolve", 1);
        int wrong = unknown_outcomes("lost-answer-off", "drop-response 26", 2);
        unsetenv("ASSAY_FAULT_RULES_OFF");
        assert_true(wrong > 0);
    }
}

/* ---- other requests, and cuts at any moment ---------------------------------------------------- */

static void lost_requests_of_every_kind(void **state)
{
    (void)state;
    static const char *const faults[] = {
        "drop-request 0",   "drop-response 0",     "hold-request 0 0.3",  "drop-request 24",
        "drop-response 24", "drop-request 25",     "drop-response 25",    "hold-request 25 0.3",
        "drop-request 28",  "drop-response 28",    "hold-request 28 0.3", "drop-request 26",
        "drop-response 26", "hold-request 24 0.3",
    };
    static struct scene s;
    struct error error = {0};
    int outcomes[TRIES_MAX];
    int counts[TRIES_MAX];
    PORT_NEEDS_BROKER(fixture_state);
    int tries = (int)(sizeof faults / sizeof faults[0]);
    scene_open(&s, "requests", 6000);
    for (int i = 0; i < tries; i++) {
        proxy_tell(faults[i]);
        scene_begin(&s);
        for (int n = 0; n < RECORDS_PER_TRY; n++)
            scene_produce(&s, 'A', i);
        scene_serve(&s, 100);
        outcomes[i] = (int)scene_commit(&s, &error);
        if (outcomes[i] != COMMIT_DONE && outcomes[i] != COMMIT_ABORTED)
            fail_msg("%s: outcome %d: %s", faults[i], outcomes[i], error.message);
        proxy_tell("pass");
    }
    scene_count(&s, 'A', counts, tries);
    for (int i = 0; i < tries; i++) {
        if (counts[i] != (outcomes[i] == COMMIT_DONE ? RECORDS_PER_TRY : 0))
            fail_msg("%s: outcome %d, %d records are visible", faults[i], outcomes[i], counts[i]);
    }
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_end_does_not_tear_the_next_transaction),
        cmocka_unit_test(an_unknown_outcome_is_found_out),
        cmocka_unit_test(lost_requests_of_every_kind),
    };
    cmocka_set_test_filter(getenv("ASSAY_TEST_ONLY"));
    return cmocka_run_group_tests(tests, start, finish);
}
