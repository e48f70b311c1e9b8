/*
 * replay.c - `assay replay`: the engine on files, as fast as it goes and the same every time.
 *
 * One shard on an embedded log, stepped here. The clock stands still until it is set to the newest record
 * read; records are appended a commit interval at a time, so transactions fall where they would have
 * fallen live. At the end the clock moves on just far enough for open epochs to close, once.
 */
#include "engine/command/setup.h"

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/bus/embedded_log.h"
#include "engine/command/find_rules.h"
#include "engine/command/replay_input.h"
#include "engine/command/replay_report.h"
#include "engine/flow/topics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_RECORDS_MAX 4096
#define CHUNK_BYTES_MAX ((uint64_t)4 << 20)
#define LOG_BYTES_MAX ((uint64_t)24 << 20) /* kept of a partition that holds no state */
#define EPOCH_MS_MAX ((int64_t)3600000)
#define NAMED_MAX 20 /* bad records that are named one by one */

static const char help[] =
    "assay replay [-c FILE] [--set NAME=VALUE …] [--json] [--jobs 1] FILE…\n\n"
    "Runs the engine on files: .pb and .json hold one record, .jsonl one a line (- is standard input),\n"
    ".records are recorded topics. Records are taken in the order of (time, topic, partition, offset); the time\n"
    "of a plain one is its latest span end, and the clock is the newest record's. Every alert is a JSON line on\n"
    "standard output, as it happens. At the end open epochs close once, and a summary says how many series are\n"
    "watched, and what is missing where the evidence is not enough. With --json it is the last JSON line, whose\n"
    "`seconds` are of record time. Same files, same program: same bytes.\n\n"
    "Without -c the settings are the defaults and the rules those of config/rules.yaml, here or beside the\n"
    "program's source tree.\n\n"
    "Exit codes: 0 fine, 1 alerts are open at the end, or something could not be read (it is named),\n"
    "2 arguments or configuration, 3 the engine could not go on.\n";

struct replay {
    const struct command_arguments *arguments;
    struct flow_options flow;
    struct replay_input *input;
    struct file_totals totals;
    struct embedded_clock clock;
    struct bus *bus;
    struct shard *shard;
    struct bus_reader *alerts, *dead_letters;
    struct replay_progress progress;
    uint64_t fed;
    int64_t first_ms, last_ms; /* of what was fed */
    uint64_t bad_records;
};

/* ---- arguments ----------------------------------------------------------------------------------------------- */

/* Takes --jobs out of argv, so that the common reader sees the rest. */
static bool take_jobs(int *argc, char **argv, struct error *error)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--jobs") != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        if (i + 1 >= *argc || strcmp(argv[++i], "1") != 0)
            return error_set(error, ERROR_INPUT, "--jobs takes 1: records are replayed in one order, by one thread");
    }
    *argc = kept;
    return true;
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

/* State is in one piece here, so limits per exchange partition become limits of the whole. */
static void make_flow(struct replay *replay, const struct setup *setup)
{
    struct flow_options *flow = &replay->flow;
    *flow = setup->flow;
    uint64_t cells = (uint64_t)flow->back.cells_max * flow->exchange_partitions;
    flow->back.cells_max = cells < UINT32_MAX ? (uint32_t)cells : UINT32_MAX;
    flow->back.store_limit_bytes *= flow->exchange_partitions;
    flow->exchange_partitions = 1;
    flow->purge_exchange = true;
}

static bool limit_topics(struct replay *replay, struct error *error)
{
    const struct topic_names *topics = &replay->flow.topics;
    const char *const unkept[] = {topics->requests, topics->scores, topics->dlq};
    for (uint32_t i = 0; i < replay->flow.inputs_count; i++)
        if (!embedded_log_limit_topic(replay->bus, replay->flow.inputs[i].name, LOG_BYTES_MAX, error))
            return false;
    for (size_t i = 0; i < sizeof unkept / sizeof unkept[0]; i++)
        if (!embedded_log_limit_topic(replay->bus, unkept[i], LOG_BYTES_MAX, error))
            return false;
    return true;
}

static bool open_replay(struct replay *replay, struct error *error)
{
    embedded_clock_init(&replay->clock, replay->totals.first_ms > 0 ? replay->totals.first_ms : 0);
    struct embedded_log_options options = {.poll_in_append_order = true, .record_bytes_max = (uint32_t)128 << 20};
    replay->bus = embedded_log_open(&options);
    uint32_t created = 0;
    if (!topics_create(replay->bus, &replay->flow, replay_input_partitions(replay->input), &created, error) || !limit_topics(replay, error))
        return false;
    replay->shard = shard_create(&replay->flow, replay->bus, &replay->clock.clock, 0, error);
    if (replay->shard == NULL)
        return false;
    replay->alerts = bus_reader_open(replay->bus, replay->flow.topics.alerts, 0, 0, -1, error);
    if (replay->alerts == NULL)
        return false;
    replay->dead_letters = bus_reader_open(replay->bus, replay->flow.topics.dlq, 0, 0, -1, error);
    return replay->dead_letters != NULL;
}

static void close_replay(struct replay *replay)
{
    replay_progress_clear(&replay->progress);
    if (replay->alerts != NULL)
        reader_close(replay->alerts);
    if (replay->dead_letters != NULL)
        reader_close(replay->dead_letters);
    shard_abandon(replay->shard);
    if (replay->bus != NULL)
        bus_close(replay->bus);
    replay_input_close(replay->input);
}

/* ---- what comes out ------------------------------------------------------------------------------------------ */

static bool print_alerts(struct replay *replay, struct error *error)
{
    struct bus_record record;
    enum reader_event event;
    bool any = false;
    while ((event = reader_next(replay->alerts, 0, &record, error)) == READER_RECORD) {
        replay_progress_clear(&replay->progress);
        (void)fwrite(record.value.data, 1, record.value.size, stdout);
        (void)putchar('\n');
        any = true;
    }
    if (any && fflush(stdout) != 0)
        return error_set(error, ERROR_SYSTEM, "standard output is closed");
    return event != READER_FAILED;
}

static struct bytes header_of(const struct bus_header *headers, uint32_t count, const char *end)
{
    for (uint32_t i = count; i > 0; i--) { /* ours are behind the record's own */
        struct bytes name = headers[i - 1].name;
        size_t size = strlen(end);
        if (name.size > size && memcmp(name.data + name.size - size, end, size) == 0)
            return headers[i - 1].value;
    }
    return BYTES_NONE;
}

static int64_t number_of(struct bytes text)
{
    char digits[32] = "";
    (void)snprintf(digits, sizeof digits, "%.*s", BYTES_FMT(text));
    return strtoll(digits, NULL, 10);
}

static void name_dead_letter(struct replay *replay, const struct bus_header *headers, uint32_t count)
{
    struct error error = {.code = ERROR_INPUT};
    struct bytes topic = header_of(headers, count, ".errors.topic");
    int64_t partition = number_of(header_of(headers, count, ".errors.partition"));
    int64_t offset = number_of(header_of(headers, count, ".errors.offset"));
    char name[FILE_RECORDS_TOPIC_MAX + 1], place[400] = "";
    (void)snprintf(name, sizeof name, "%.*s", BYTES_FMT(topic));
    if (!file_source_find(replay_input_source(replay->input), name, (int32_t)partition, offset, place, sizeof place))
        (void)snprintf(place, sizeof place, "%s/%" PRId64 "/%" PRId64, name, partition, offset);
    struct bytes spans = header_of(headers, count, ".errors.bad_spans"), byte = header_of(headers, count, ".errors.byte");
    (void)error_set(&error, ERROR_INPUT, "%s: %.*s%s%.*s%s%.*s", place, BYTES_FMT(header_of(headers, count, ".errors.message")),
                    bytes_present(byte) ? ", byte " : "", BYTES_FMT(byte), bytes_present(spans) ? ", bad spans: " : "",
                    BYTES_FMT(spans));
    (void)command_fail(replay->arguments, &error, COMMAND_FAILED);
}

static bool name_dead_letters(struct replay *replay, struct error *error)
{
    struct bus_record record;
    enum reader_event event;
    while ((event = reader_next(replay->dead_letters, 0, &record, error)) == READER_RECORD) {
        if (++replay->bad_records > NAMED_MAX)
            continue;
        struct bus_header headers[BUS_HEADERS_MAX];
        replay_progress_clear(&replay->progress);
        name_dead_letter(replay, headers, reader_headers(replay->dead_letters, headers, BUS_HEADERS_MAX));
    }
    return event != READER_FAILED;
}

/* ---- going through ------------------------------------------------------------------------------------------- */

static bool work_until_idle(struct replay *replay, struct error *error)
{
    enum shard_turn turn;
    do {
        turn = shard_step(replay->shard, 0, error);
    } while (turn == SHARD_WORKED);
    return turn != SHARD_FAILED && print_alerts(replay, error) && name_dead_letters(replay, error);
}

/* What was read within one commit interval of record time; END: that was all. */
static enum file_event feed(struct replay *replay, int64_t until_ms, struct error *error)
{
    struct file_record record;
    enum file_event event = FILE_RECORD;
    uint64_t bytes = 0;
    for (int n = 0; n < CHUNK_RECORDS_MAX && bytes < CHUNK_BYTES_MAX; n++) {
        event = replay_input_next(replay->input, until_ms, &record, error);
        if (event != FILE_RECORD)
            break;
        struct bus_output output = {.topic = record.topic, .partition = record.partition, .timestamp_ms = record.timestamp_ms,
                                    .key = record.key, .value = record.value, .headers = record.headers,
                                    .headers_count = record.headers_count};
        if (!embedded_log_append_at(replay->bus, &output, record.offset, error))
            return FILE_FAILED;
        bytes += record.value.size;
        replay->last_ms = record.timestamp_ms > replay->last_ms ? record.timestamp_ms : replay->last_ms;
        replay->first_ms = replay->fed++ == 0 ? record.timestamp_ms : replay->first_ms;
    }
    if (replay->last_ms > replay->clock.clock.now_ms(&replay->clock.clock))
        embedded_clock_set(&replay->clock, replay->last_ms);
    return event;
}

/* What is on the exchange is folded, and what comes of that is committed. */
static bool settle(struct replay *replay, struct error *error)
{
    for (int round = 0; round < 2; round++)
        if (!shard_commit_now(replay->shard, error) || !work_until_idle(replay, error))
            return false;
    return true;
}

static void show_progress(struct replay *replay)
{
    struct shard_status status;
    if (!replay->progress.on)
        return;
    struct file_progress progress = file_source_progress(replay_input_source(replay->input));
    shard_read_status(replay->shard, &status);
    replay_progress_show(&replay->progress, progress.bytes_done, progress.bytes_total, status.front.spans, replay->last_ms);
}

static bool go_through(struct replay *replay, struct error *error)
{
    int64_t time_ms = 0;
    if (!work_until_idle(replay, error)) /* the assignment */
        return false;
    while (file_source_peek(replay_input_source(replay->input), &time_ms)) {
        if (feed(replay, time_ms + replay->flow.commit_interval_ms, error) == FILE_FAILED || !work_until_idle(replay, error))
            return false;
        show_progress(replay);
    }
    if (!settle(replay, error))
        return false;
    /* No source is active any more, so the back's clock is this one less `settle`: open epochs close. Nothing
     * comes after that, so whoever waits for silence has seen at most this hour of it. */
    int64_t now_ms = replay->clock.clock.now_ms(&replay->clock.clock);
    embedded_clock_set(&replay->clock, now_ms + EPOCH_MS_MAX + replay->flow.back.settle_ms + replay->flow.back.inactive_after_ms + 1);
    if (!settle(replay, error))
        return false;
    struct shard_status status;
    shard_read_status(replay->shard, &status);
    return status.front.records == replay->fed ||
           error_set(error, ERROR_SYSTEM, "%" PRIu64 " of %" PRIu64 " records were taken in", status.front.records, replay->fed);
}

static int run_replay(struct replay *replay, struct error *error)
{
    int64_t started_ns = clock_monotonic_ns();
    replay_progress_start(&replay->progress);
    if (!open_replay(replay, error) || !go_through(replay, error))
        return COMMAND_FATAL;
    replay_progress_clear(&replay->progress);
    uint64_t bad = replay->bad_records + replay->totals.unread;
    struct replay_facts facts = {.shard = replay->shard, .partitions = replay->flow.exchange_partitions, .rules = replay->flow.rules,
                                 .records = replay->fed, .repeated = replay->totals.repeated, .bad_records = bad, .named_max = NAMED_MAX,
                                 .first_ms = replay->first_ms, .last_ms = replay->last_ms,
                                 .elapsed_seconds = (double)(clock_monotonic_ns() - started_ns) / 1e9};
    uint32_t open = replay_summary(&facts, replay->arguments->json);
    return open > 0 || bad > 0 ? COMMAND_FAILED : COMMAND_OK;
}

int command_replay(int argc, char **argv, const struct command_operators *operators)
{
    struct command_arguments arguments = {0};
    struct error error = {0};
    char rules[FIND_RULES_BYTES];
    if (!take_jobs(&argc, argv, &error) || !command_read_arguments(argc, argv, &arguments, &error))
        return command_fail(&arguments, &error, COMMAND_USAGE);
    if (arguments.help) {
        (void)fputs(help, stdout);
        return COMMAND_OK;
    }
    if (arguments.files_from >= argc) {
        (void)error_set(&error, ERROR_INPUT, "replay needs files; see assay replay --help");
        return command_fail(&arguments, &error, COMMAND_USAGE);
    }
    struct setup *setup = find_rules(&arguments, rules, &error) ? setup_load(&arguments, operators, &error) : NULL;
    if (setup == NULL)
        return command_fail(&arguments, &error, COMMAND_USAGE);
    if (!setup_open_schemas(setup, true, &error)) {
        setup_destroy(setup);
        return command_fail(&arguments, &error, COMMAND_USAGE);
    }
    log_set_level(setup->config->log_level == LOG_INFO ? LOG_WARNING : (enum log_level)setup->config->log_level);
    struct replay replay = {.arguments = &arguments};
    make_flow(&replay, setup);
    int code = COMMAND_USAGE;
    replay.input = replay_input_open(&arguments, &replay.flow, (const char *const *)(argv + arguments.files_from), (uint32_t)(argc - arguments.files_from), &error);
    if (replay.input != NULL) {
        replay.totals = file_source_totals(replay_input_source(replay.input));
        code = run_replay(&replay, &error);
    }
    close_replay(&replay);
    if (error.code != ERROR_NONE)
        (void)command_fail(&arguments, &error, code);
    setup_destroy(setup);
    return code;
}
