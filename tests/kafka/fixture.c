/* fixture.c - runs tests/kafka/broker as a child process. */
#define _DEFAULT_SOURCE
#include "tests/kafka/fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BROKER_SCRIPT    ASSAY_SOURCE_DIR "/tests/kafka/broker"
#define ARGUMENTS_MAX    32
#define EXIT_UNAVAILABLE 77

extern char **environ;

/* The exit code, or -1. out: the first line of standard output, or NULL. */
static int run_script(const char *const *arguments, char *out, size_t size)
{
    int pipe_ends[2] = {-1, -1};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = -1;
    if (out != NULL && pipe(pipe_ends) != 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    if (out != NULL) {
        posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
        posix_spawn_file_actions_addclose(&actions, pipe_ends[0]);
        posix_spawn_file_actions_addclose(&actions, pipe_ends[1]);
    }
    int failed =
        posix_spawn(&child, BROKER_SCRIPT, &actions, NULL, (char *const *)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (out != NULL) {
        close(pipe_ends[1]);
        size_t filled = 0; /* to its end: a line may come in pieces */
        for (ssize_t got = 1; !failed && got > 0 && filled < size - 1; filled += got > 0 ? (size_t)got : 0)
            got = read(pipe_ends[0], out + filled, size - 1 - filled);
        out[filled] = '\0';
        out[strcspn(out, "\n")] = '\0';
        close(pipe_ends[0]);
    }
    if (failed) {
        fprintf(stderr, "%s: %s\n", BROKER_SCRIPT, strerror(failed));
        return -1;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool wants_proxy(const char *const *options)
{
    for (; options != NULL && *options != NULL; options++)
        if (strcmp(*options, "proxy=yes") == 0)
            return true;
    return false;
}

enum kafka_fixture_result kafka_fixture_start(struct kafka_fixture *fixture,
                                              const char *const *options)
{
    const char *version = getenv("ASSAY_KAFKA_VERSION");
    const char *base = getenv("TMPDIR");
    const char *arguments[ARGUMENTS_MAX] = {BROKER_SCRIPT, "port"};
    char owner[32];
    char port[32];
    *fixture = (struct kafka_fixture){.port = 0};
    snprintf(fixture->folder, sizeof fixture->folder, "%s/assay-kafka-XXXXXX",
             base != NULL ? base : "/tmp");
    if (mkdtemp(fixture->folder) == NULL || run_script(arguments, port, sizeof port) != 0)
        return KAFKA_FIXTURE_FAILED;
    fixture->port = atoi(port);
    snprintf(owner, sizeof owner, "%ld", (long)getpid());
    setenv("ASSAY_KAFKA_OWNER", owner, 1);

    unsigned count = 1;
    arguments[count++] = "start";
    arguments[count++] = version != NULL && *version != '\0' ? version : "4.4.0";
    arguments[count++] = fixture->folder;
    arguments[count++] = port;
    for (const char *const *option = options; option != NULL && *option != NULL; option++)
        if (count < ARGUMENTS_MAX - 1)
            arguments[count++] = *option;
    arguments[count] = NULL;
    int code = run_script(arguments, NULL, 0);
    snprintf(fixture->servers, sizeof fixture->servers, "127.0.0.1:%d",
             fixture->port + (wants_proxy(options) ? 5 : 0));
    if (code == EXIT_UNAVAILABLE)
        return KAFKA_FIXTURE_UNAVAILABLE;
    return code == 0 ? KAFKA_FIXTURE_READY : KAFKA_FIXTURE_FAILED;
}

bool kafka_fixture_do(const struct kafka_fixture *fixture, const char *verb)
{
    const char *arguments[] = {BROKER_SCRIPT, verb, fixture->folder, NULL};
    return run_script(arguments, NULL, 0) == 0;
}

bool kafka_fixture_proxy(const struct kafka_fixture *fixture, const char *command)
{
    const char *arguments[] = {BROKER_SCRIPT, "proxy", fixture->folder, command, NULL};
    char answer[256];
    return run_script(arguments, answer, sizeof answer) == 0;
}

void kafka_fixture_end(struct kafka_fixture *fixture)
{
    const char *arguments[] = {BROKER_SCRIPT, "remove", fixture->folder, NULL};
    (void)run_script(arguments, NULL, 0);
}

int kafka_fixture_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int file = socket(AF_INET, SOCK_STREAM, 0);
    bool found = file >= 0 && bind(file, (struct sockaddr *)&address, sizeof address) == 0 &&
                 getsockname(file, (struct sockaddr *)&address, &size) == 0;
    if (file >= 0)
        close(file);
    return found ? ntohs(address.sin_port) : 0;
}
