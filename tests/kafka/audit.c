/* audit.c - see audit.h. */
#define _GNU_SOURCE
#include "tests/kafka/audit.h"
#include "tests/kafka/port.h"
#include "tests/test.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void sleep_ms(long ms)
{
    struct timespec pause_time = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause_time, NULL);
}

struct audit *audit_start(struct bus *bus, const char *in, const char *out, int partitions,
                          int numbers)
{
    struct error error;
    struct audit *a = calloc(1, sizeof *a);
    assert_true(partitions <= AUDIT_PARTITIONS_MAX);
    *a = (struct audit){.bus = bus, .out = out, .partitions = partitions, .numbers = numbers};
    a->seen = calloc((size_t)partitions * (size_t)numbers, 1);
    port_topic(bus, in, partitions);
    port_topic(bus, out, partitions);
    for (int p = 0; p < partitions; p++) {
        port_fill(bus, in, p, numbers);
        a->readers[p] = bus_reader_open(bus, out, p, 0, -1, &error);
        if (a->readers[p] == NULL)
            fail_msg("%s", error.message);
    }
    return a;
}

static void note_line(struct audit *a, struct audit_line line)
{
    if (a->lines_count == a->lines_capacity) {
        a->lines_capacity = a->lines_capacity * 2 + 1024;
        a->lines = realloc(a->lines, a->lines_capacity * sizeof *a->lines);
    }
    a->lines[a->lines_count++] = line;
}

static void note_record(struct audit *a, const struct bus_record *record)
{
    char text[80];
    int partition;
    int number;
    struct audit_line line = {.count = -1};
    (void)snprintf(text, sizeof text, "%.*s", BYTES_FMT(record->value));
    if (sscanf(text, "T %lld %llu %d", &line.writer, &line.sequence, &line.count) == 3) {
        note_line(a, line);
        return;
    }
    assert_int_equal(
        sscanf(text, "%d %d %lld %llu", &partition, &number, &line.writer, &line.sequence), 4);
    assert_in_range(partition, 0, a->partitions - 1);
    assert_in_range(number, 0, a->numbers - 1);
    if (getenv("ASSAY_TEST_LOG") != NULL && number % 100 == 0)
        print_message("audit: %s at offset %lld\n", text, (long long)record->offset);
    note_line(a, line);
    uint8_t *seen = &a->seen[(size_t)partition * (size_t)a->numbers + (size_t)number];
    if (*seen > 0 && a->duplicates++ % 100 == 0)
        print_message("  duplicate: %s at %s/%d offset %lld\n", text, a->out,
                      record->source.partition, (long long)record->offset);
    if (*seen == 0)
        a->unique++;
    *seen = 1;
}

bool audit_follow(struct audit *a)
{
    struct error error;
    struct bus_record record;
    for (int p = 0; p < a->partitions; p++) {
        enum reader_event event;
        while ((event = reader_next(a->readers[p], 0, &record, &error)) == READER_RECORD)
            note_record(a, &record);
        if (event == READER_FAILED)
            fail_msg("%s", error.message);
    }
    return a->unique == a->partitions * a->numbers;
}

bool audit_wait(struct audit *a, int seconds)
{
    int64_t deadline_ns = clock_monotonic_ns() + (int64_t)seconds * 1000000000;
    while (!audit_follow(a)) {
        if (clock_monotonic_ns() > deadline_ns)
            return false;
        sleep_ms(20);
    }
    return true;
}

bool audit_saw(const struct audit *a, pid_t writer)
{
    for (size_t i = a->lines_count; i > 0; i--) {
        if (a->lines[i - 1].writer == writer)
            return true;
    }
    return false;
}

static int by_transaction(const void *left, const void *right)
{
    const struct audit_line *a = left;
    const struct audit_line *b = right;
    if (a->writer != b->writer)
        return a->writer < b->writer ? -1 : 1;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    return a->count - b->count; /* the closing record last */
}

/* Transactions whose records and closing record do not agree. */
static int count_torn(struct audit *a, int *transactions)
{
    int torn = 0;
    *transactions = 0;
    qsort(a->lines, a->lines_count, sizeof *a->lines, by_transaction);
    for (size_t i = 0; i < a->lines_count;) {
        size_t j = i;
        int copied = 0;
        int closing = 0;
        int said = -1;
        for (; j < a->lines_count && a->lines[j].writer == a->lines[i].writer &&
               a->lines[j].sequence == a->lines[i].sequence;
             j++) {
            if (a->lines[j].count < 0) {
                copied++;
            } else {
                closing++;
                said = a->lines[j].count;
            }
        }
        torn += closing != 1 || said != copied;
        (*transactions)++;
        i = j;
    }
    return torn;
}

/* A second look at everything, from the start: does a reader that came later see the same? */
static int count_again(struct audit *a)
{
    int records = 0;
    for (int p = 0; p < a->partitions; p++)
        records += (int)port_count(a->bus, a->out, p);
    return records;
}

int audit_close_counting(struct audit *a)
{
    struct error error;
    int transactions;
    for (int p = 0; p < a->partitions;
         p++) { /* to the very end, over everything that was left open */
        int64_t low;
        int64_t high;
        struct bus_record record;
        assert_true(bus_watermarks(a->bus, a->out, p, &low, &high, &error));
        for (int i = 0; i < 300 && reader_position(a->readers[p]) < high; i++) {
            while (reader_next(a->readers[p], 100, &record, &error) == READER_RECORD)
                note_record(a, &record);
        }
        assert_true(reader_position(a->readers[p]) >= high);
        reader_close(a->readers[p]);
    }
    int lost = a->partitions * a->numbers - a->unique;
    int torn = count_torn(a, &transactions);
    print_message("  %d records in %d transactions: lost %d, duplicated %d, torn %d\n", a->unique,
                  transactions, lost, a->duplicates, torn);
    int wrong = lost + a->duplicates + torn;
    if (wrong > 0)
        print_message("  seen while it ran: %zu records; read again from the start: %d\n",
                      a->lines_count, count_again(a));
    free(a->lines);
    free(a->seen);
    free(a);
    return wrong;
}

void audit_close(struct audit *a)
{
    if (audit_close_counting(a) != 0)
        fail_msg("%s", "records were lost, duplicated or torn");
}

int audit_markers_missing(struct bus *bus, const char *servers, const char *out, int partitions)
{
    int missing = 0;
    for (int p = 0; p < partitions; p++) {
        char command[300];
        char line[200];
        struct audit_line last = {0};
        struct error error;
        int64_t low;
        int64_t high;
        int64_t records = 0;
        int64_t transactions = 0;
        assert_true(bus_watermarks(bus, out, p, &low, &high, &error));
        (void)snprintf(
            command, sizeof command,
            "kcat -b %s -C -t %s -p %d -o beginning -e -q -X isolation.level=read_uncommitted",
            servers, out, p);
        FILE *records_of = popen(command, "r");
        assert_non_null(records_of);
        while (fgets(line, sizeof line, records_of) != NULL) {
            struct audit_line now = {0};
            int number;
            if (sscanf(line, "T %lld %llu", &now.writer, &now.sequence) != 2)
                (void)sscanf(line, "%d %d %lld %llu", &number, &number, &now.writer, &now.sequence);
            transactions += now.writer != last.writer || now.sequence != last.sequence;
            last = now;
            records++;
        }
        (void)pclose(records_of);
        if (high - records < transactions)
            missing += (int)(transactions - (high - records));
    }
    return missing;
}

/* ---- copiers -------------------------------------------------------------------------------- */

static bool names_same(const char *a, const char *b)
{
    size_t size = strcspn(a, "=");
    return strncmp(a, b, size + 1) == 0;
}

pid_t copier_start(const char *servers, const char *group, const char *id, const char *in,
                   const char *out, const char *const *environment)
{
    const char *arguments[] = {
        ASSAY_BINARY_DIR "/tests/kafka/kafka_copier", servers, group, id, in, out, NULL};
    const char *all[512];
    size_t count = 0;
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++)
        all[count++] = environment[i];
    size_t own = count;
    for (char **e = environ; *e != NULL && count < 511; e++) {
        bool replaced = false;
        for (size_t i = 0; i < own; i++)
            replaced = replaced || names_same(all[i], *e);
        if (!replaced)
            all[count++] = *e;
    }
    all[count] = NULL;
    pid_t pid = -1;
    int failed = posix_spawn(&pid, arguments[0], NULL, NULL, (char *const *)(uintptr_t)arguments,
                             (char *const *)(uintptr_t)all);
    if (failed)
        fail_msg("%s: %s", arguments[0], strerror(failed));
    return pid;
}

int copier_wait(pid_t pid, int seconds)
{
    int status;
    for (int i = 0; i <= seconds * 50; i++) {
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (seconds > 0)
            sleep_ms(20);
    }
    return -1;
}

int copier_stop(pid_t pid)
{
    (void)kill(pid, SIGTERM);
    int code = copier_wait(pid, 30);
    if (code < 0) {
        (void)kill(pid, SIGKILL);
        (void)copier_wait(pid, 5);
        fail_msg("%s", "a copier did not stop");
    }
    return code;
}
