/*
 * kafka_bus.c - opens and closes the Kafka bus, and carries librdkafka's log out of it.
 *
 * Opening checks everything that can be checked without a cluster. The admin handle is of consumer
 * type, because asking a producer about a topic may create it.
 */
#include "engine/base/check.h"
#include "engine/base/fault.h"
#include "engine/base/memory.h"
#include "engine/bus/kafka_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LOG_WINDOW_NS    10000000000
#define LOG_WINDOW_LINES 20

/* ---- log ------------------------------------------------------------------------------------ */

static void emit(struct kafka_bus *bus, enum log_level level, const char *text)
{
    if (bus->options.log != NULL)
        bus->options.log(bus->options.log_context, level, text);
    else
        log_line(level, "kafka", -1, "%s", text);
}

static void log_limited(struct kafka_bus *bus, enum log_level level, const char *text)
{
    int64_t now_ns = clock_monotonic_ns();
    uint32_t suppressed = 0;
    pthread_mutex_lock(&bus->lock);
    if (now_ns - bus->log_window_start_ns > LOG_WINDOW_NS) {
        suppressed = bus->log_suppressed;
        bus->log_window_start_ns = now_ns;
        bus->log_window_lines = 0;
        bus->log_suppressed = 0;
    }
    bool drop = ++bus->log_window_lines > LOG_WINDOW_LINES;
    if (drop)
        bus->log_suppressed++;
    pthread_mutex_unlock(&bus->lock);
    if (suppressed > 0) {
        char note[64];
        (void)snprintf(note, sizeof note, "%u lines about Kafka were left out", suppressed);
        emit(bus, LOG_WARNING, note);
    }
    if (!drop)
        emit(bus, level, text);
}

void kafka_log(struct kafka_bus *bus, enum log_level level, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_limited(bus, level, text);
}

static void on_log(const rd_kafka_t *rk, int syslog_level, const char *facility, const char *text)
{
    struct kafka_client *client = rk ? rd_kafka_opaque(rk) : NULL;
    if (client == NULL || client->bus == NULL)
        return;
    enum log_level level = syslog_level <= 3   ? LOG_ERROR
                           : syslog_level <= 4 ? LOG_WARNING
                           : syslog_level <= 6 ? LOG_INFO
                                               : LOG_DEBUG;
    char line[600];
    (void)snprintf(line, sizeof line, "%s %s: %s", rd_kafka_name(rk), facility, text);
    log_limited(client->bus, level, line);
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    struct kafka_client *client = opaque;
    if (err == RD_KAFKA_RESP_ERR__TRANSPORT) /* the log has it already, with the broker */
        return;
    kafka_log(client->bus, LOG_WARNING, "%s: %s: %s", rd_kafka_name(rk),
              rd_kafka_err2name((rd_kafka_resp_err_t)err), reason);
}

/* A request may be on its way in a socket that closes: begin counts them. */
static int on_close_socket(int socket, void *opaque)
{
    struct kafka_client *client = opaque;
    if (client != NULL)
        atomic_fetch_add(&client->sockets_closed, 1);
    return close(socket);
}

rd_kafka_t *kafka_client_new(struct kafka_bus *bus, struct kafka_client *client,
                             rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *error)
{
    char text[300];
    client->bus = bus;
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_closesocket_cb(conf, on_close_socket);
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        error_set(error, ERROR_INPUT, "Kafka client settings: %s (librdkafka %s)", text,
                  kafka_library_version());
    }
    return rk;
}

bool kafka_error_transient(rd_kafka_resp_err_t err)
{
    switch ((int)err) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__RETRY:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
        return true;
    default:
        return false;
    }
}

bool kafka_pause_until(int64_t deadline_ns, int pause_ms)
{
    struct timespec pause = {0, pause_ms * 1000000};
    (void)nanosleep(&pause, NULL);
    return clock_monotonic_ns() < deadline_ns;
}

enum error_code kafka_error_code(rd_kafka_resp_err_t err)
{
    return kafka_error_transient(err) ? ERROR_UNAVAILABLE : ERROR_SYSTEM;
}

/* ---- open and close ------------------------------------------------------------------------- */

static struct kafka_settings copy_settings(const struct kafka_settings *from)
{
    struct kafka_setting *rows = memory_allocate_array(from->count + 1, sizeof *rows);
    for (uint32_t i = 0; i < from->count; i++) {
        rows[i].key = memory_copy_text(from->rows[i].key);
        rows[i].value = memory_copy_text(from->rows[i].value);
    }
    return (struct kafka_settings){rows, from->count};
}

static void free_settings(struct kafka_settings *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        memory_free((void *)(uintptr_t)list->rows[i].key);
        memory_free((void *)(uintptr_t)list->rows[i].value);
    }
    memory_free((void *)(uintptr_t)list->rows);
}

static void free_options(struct kafka_options *options)
{
    memory_free((void *)(uintptr_t)options->bootstrap_servers);
    memory_free((void *)(uintptr_t)options->client_id);
    memory_free((void *)(uintptr_t)options->assignment_strategy);
    free_settings(&options->common);
    free_settings(&options->consumer);
    free_settings(&options->producer);
}

static void copy_options(struct kafka_options *to, const struct kafka_options *from)
{
    *to = *from;
    to->bootstrap_servers = memory_copy_text(from->bootstrap_servers);
    to->client_id = memory_copy_text(from->client_id);
    to->assignment_strategy = memory_copy_text(from->assignment_strategy);
    to->common = copy_settings(&from->common);
    to->consumer = copy_settings(&from->consumer);
    to->producer = copy_settings(&from->producer);
}

/* Every role's settings once, so that a bad one is named at start and not at the first rebalance. */
static bool check_settings(const struct kafka_options *options, struct error *error)
{
    static const enum kafka_role roles[] = {KAFKA_CONSUMER, KAFKA_PRODUCER, KAFKA_READER};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        rd_kafka_conf_t *conf = kafka_settings_build(options, roles[i], "check", "check", error);
        if (conf == NULL)
            return false;
        rd_kafka_conf_destroy(conf);
    }
    return true;
}

static void kafka_bus_close(struct bus *base)
{
    struct kafka_bus *bus = (struct kafka_bus *)base;
    for (uint32_t i = 0; i < bus->idle_count; i++) {
        rd_kafka_destroy(bus->idle[i].rk);
        memory_free(bus->idle[i].client);
    }
    if (bus->admin != NULL)
        rd_kafka_destroy(bus->admin);
    kafka_watchdog_stop(bus->watchdog);
    pthread_mutex_destroy(&bus->lock);
    free_options(&bus->options);
    memory_free(bus);
}

static const struct bus_ops kafka_bus_ops = {
    .member_open = kafka_member_open,
    .reader_open = kafka_reader_open,
    .describe = kafka_admin_describe,
    .create = kafka_admin_create,
    .watermarks = kafka_admin_watermarks,
    .purge = kafka_admin_purge,
    .close = kafka_bus_close,
};

struct bus *kafka_bus_open(const struct kafka_options *given, struct error *error)
{
    const char *refused =
        fault_rule_off("version") ? NULL : kafka_version_refused(rd_kafka_version());
    if (refused != NULL) {
        error_set(error, ERROR_SYSTEM, "librdkafka %s is loaded, which is refused: %s",
                  kafka_library_version(), refused);
        return NULL;
    }
    struct kafka_options options = *given;
    if (!kafka_settings_default(&options, error) || !kafka_settings_check_keys(&options, error) ||
        !check_settings(&options, error))
        return NULL;
    struct kafka_bus *bus = memory_allocate(sizeof *bus);
    bus->base.ops = &kafka_bus_ops;
    copy_options(&bus->options, &options);
    CHECK(pthread_mutex_init(&bus->lock, NULL) == 0);
    bus->watchdog = kafka_watchdog_start();
    rd_kafka_conf_t *conf = kafka_settings_build(&bus->options, KAFKA_ADMIN, NULL, NULL, error);
    if (conf != NULL)
        bus->admin = kafka_client_new(bus, &bus->admin_client, RD_KAFKA_CONSUMER, conf, error);
    if (bus->admin == NULL) {
        kafka_bus_close(&bus->base);
        return NULL;
    }
    return &bus->base;
}
