/* http_test.c - a server on a free port, spoken to with raw sockets: paths, methods, tokens, nonsense. */
#define _POSIX_C_SOURCE 200809L
#include "tests/test.h"

#include "engine/serve/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static unsigned answer_text(void *context, struct buffer *body)
{
    buffer_append_text(body, context);
    return HTTP_OK;
}

static unsigned answer_unavailable(void *context, struct buffer *body)
{
    (void)context;
    buffer_append_text(body, "{\"ready\":false,\"why\":\"restoring\"}");
    return HTTP_UNAVAILABLE;
}

static unsigned answer_large(void *context, struct buffer *body)
{
    static const char piece[1024] = "a piece of a large answer";
    for (size_t size = 0; size < *(size_t *)context; size += sizeof piece)
        buffer_append(body, piece, sizeof piece);
    return HTTP_OK;
}

static size_t large = 3000000;
static size_t too_large = HTTP_BODY_BYTES_MAX + 1024;

static const struct http_route routes[] = {
    {"/metrics", "text/x-metrics", answer_text, "a 1\n", false},
    {"/livez", "application/json", answer_text, "{\"live\":true}", true},
    {"/readyz", "application/json", answer_unavailable, NULL, true},
    {"/large", "text/plain", answer_large, &large, false},
    {"/too-large", "text/plain", answer_large, &too_large, false},
};

static struct http_server *start(const char *listen, const char *token)
{
    struct http_options options = {listen, token, routes, sizeof routes / sizeof routes[0]};
    struct http_server *server = NULL;
    struct error error = {0};
    if (!http_start(&options, &server, &error))
        fail_msg("%s", error.message);
    return server;
}

static int connect_to(const struct http_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_port(server)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int file = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(file >= 0);
    assert_int_equal(connect(file, (struct sockaddr *)&address, sizeof address), 0);
    return file;
}

/* Sends bytes, reads until the server closes or is quiet for long; returns what came. */
static size_t talk_for(const struct http_server *server, const char *bytes, size_t size, char *out, size_t out_size, int quiet_ms)
{
    int file = connect_to(server);
    size_t used = 0;
    while (size > 0) {
        ssize_t sent = send(file, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            break; /* the server has heard enough */
        bytes += sent;
        size -= (size_t)sent;
    }
    shutdown(file, SHUT_WR);
    struct pollfd wait = {file, POLLIN, 0};
    while (used + 1 < out_size && poll(&wait, 1, quiet_ms) == 1) {
        ssize_t got = recv(file, out + used, out_size - used - 1, 0);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    out[used] = 0;
    close(file);
    return used;
}

static size_t talk(const struct http_server *server, const char *bytes, size_t size, char *out, size_t out_size)
{
    return talk_for(server, bytes, size, out, out_size, 5000);
}

static char answer[5 << 20];

static size_t answer_size;

static const char *ask(const struct http_server *server, const char *method, const char *path, const char *headers)
{
    char request[4000];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", method, path, headers);
    answer_size = talk(server, request, strlen(request), answer, sizeof answer);
    return answer;
}

static void starts_with(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0)
        fail_msg("expected \"%s\", got \"%.300s\"", start, text);
}

static void ends_with(const char *text, const char *end)
{
    if (strlen(text) < strlen(end) || strcmp(text + strlen(text) - strlen(end), end) != 0)
        fail_msg("expected the end \"%s\", got \"%.600s\"", end, text);
}

static void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in \"%.600s\"", part, text);
}

static void paths_and_methods(void **state)
{
    (void)state;
    struct http_server *server = start("127.0.0.1:0", NULL);
    starts_with(ask(server, "GET", "/metrics", ""), "HTTP/1.1 200 ");
    has(answer, "Content-Type: text/x-metrics\r\n");
    has(answer, "Cache-Control: no-store\r\n");
    ends_with(answer, "\r\n\r\na 1\n");
    starts_with(ask(server, "GET", "/metrics?x=1", ""), "HTTP/1.1 200 ");
    starts_with(ask(server, "GET", "/readyz", ""), "HTTP/1.1 503 ");
    ends_with(answer, "{\"ready\":false,\"why\":\"restoring\"}");
    starts_with(ask(server, "HEAD", "/metrics", ""), "HTTP/1.1 200 ");
    has(answer, "Content-Length: 4\r\n");
    ends_with(answer, "\r\n\r\n");
    starts_with(ask(server, "GET", "/", ""), "HTTP/1.1 404 ");
    starts_with(ask(server, "GET", "/metrics/", ""), "HTTP/1.1 404 ");
    starts_with(ask(server, "GET", "/../metrics", ""), "HTTP/1.1 404 ");
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        starts_with(ask(server, methods[i], "/metrics", ""), "HTTP/1.1 405 ");
        has(answer, "Allow: GET, HEAD\r\n");
    }
    starts_with(ask(server, "POST", "/metrics", "Content-Length: 5\r\n"), "HTTP/1.1 405 ");
    starts_with(ask(server, "GET", "/metrics", "Content-Length: 5\r\n"), "HTTP/1.1 413 ");
    starts_with(ask(server, "GET", "/metrics", "Transfer-Encoding: chunked\r\n"), "HTTP/1.1 413 ");
    http_stop(server);
}

static void connections_are_kept(void **state)
{
    (void)state;
    struct http_server *server = start("127.0.0.1:0", NULL);
    static const char twice[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    talk(server, twice, strlen(twice), answer, sizeof answer);
    has(answer, "{\"live\":true}HTTP/1.1 200 ");
    ends_with(answer, "a 1\n");
    http_stop(server);
}

static void large_answers_come_whole_or_not_at_all(void **state)
{
    (void)state;
    struct http_server *server = start("127.0.0.1:0", NULL);
    starts_with(ask(server, "GET", "/large", ""), "HTTP/1.1 200 ");
    has(answer, "Content-Length: 3000320\r\n");
    assert_int_equal(answer_size - (size_t)(strstr(answer, "\r\n\r\n") + 4 - answer), 3000320);
    starts_with(ask(server, "GET", "/too-large", ""), "HTTP/1.1 500 ");
    starts_with(ask(server, "GET", "/metrics", ""), "HTTP/1.1 200 ");
    http_stop(server);
}

static void a_token_is_asked_for(void **state)
{
    (void)state;
    struct http_server *server = start("0.0.0.0:0", "s3cret");
    starts_with(ask(server, "GET", "/metrics", ""), "HTTP/1.1 401 ");
    has(answer, "WWW-Authenticate: Bearer\r\n");
    static const char *const wrong[] = {"Bearer ",        "Bearer s3cre",   "Bearer s3crets3cret", "Bearer s3creT", "Basic s3cret",
                                        "bearer  s3cret", "Bearer s3crett", "s3cret"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char header[100];
        snprintf(header, sizeof header, "Authorization: %s\r\n", wrong[i]);
        starts_with(ask(server, "GET", "/metrics", header), "HTTP/1.1 401 ");
    }
    starts_with(ask(server, "GET", "/metrics", "Authorization: Bearer s3cret\r\n"), "HTTP/1.1 200 ");
    starts_with(ask(server, "GET", "/nothing", ""), "HTTP/1.1 401 "); /* tells nothing about what is there */
    starts_with(ask(server, "GET", "/nothing", "Authorization: Bearer s3cret\r\n"), "HTTP/1.1 404 ");
    starts_with(ask(server, "GET", "/readyz", ""), "HTTP/1.1 503 "); /* probes see the status only */
    ends_with(answer, "\r\n\r\n{}\n");
    starts_with(ask(server, "GET", "/readyz", "Authorization: Bearer s3cret\r\n"), "HTTP/1.1 503 ");
    has(answer, "restoring");
    http_stop(server);
}

static void other_names_are_refused_without_a_token(void **state)
{
    (void)state;
    struct http_server *server = start("127.0.0.1:0", NULL);
    static const struct {
        const char *host, *status;
    } rows[] = {{"localhost", "200"}, {"localhost:9464", "200"},         {"127.0.0.1:1", "200"}, {"127.1.2.3", "200"},
                {"[::1]:1", "200"},   {"localhost.evil.example", "403"}, {"evil.example", "403"}, {"127.0.0.1.evil.example", "403"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char request[300];
        char expected[50];
        snprintf(request, sizeof request, "GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", rows[i].host);
        snprintf(expected, sizeof expected, "HTTP/1.1 %s ", rows[i].status);
        talk(server, request, strlen(request), answer, sizeof answer);
        starts_with(answer, expected);
    }
    http_stop(server);
}

static void refuses_to_start(const char *listen, const char *token, const char *message)
{
    struct http_options options = {listen, token, routes, 1};
    struct http_server *server = NULL;
    struct error error = {0};
    bool started = http_start(&options, &server, &error);
    if (started || strstr(error.message, message) == NULL)
        fail_msg("%s: expected \"%s\", got \"%s\"", listen, message, started ? "a server" : error.message);
    assert_null(server);
}

static void start_up_errors_name_the_option(void **state)
{
    (void)state;
    struct http_server *off = (struct http_server *)&large;
    struct error error = {0};
    assert_true(http_start(&(struct http_options){"off", NULL, routes, 1}, &off, &error));
    assert_null(off);
    http_stop(NULL);
    refuses_to_start("0.0.0.0:0", NULL, "http.listen: \"0.0.0.0:0\" can be reached from other machines; set http.token, or listen on 127.0.0.1");
    refuses_to_start("0.0.0.0:0", "", "set http.token");
    refuses_to_start("9464", NULL, "http.listen: \"9464\" is not like 127.0.0.1:9464, [::1]:9464 or off");
    refuses_to_start(":9464", NULL, "is not like");
    refuses_to_start("127.0.0.1:", NULL, "is not like");
    refuses_to_start("127.0.0.1:http", NULL, "is not like");
    refuses_to_start("::1:9464", NULL, "is not like");
    refuses_to_start("127.0.0.1:99999", NULL, "http.listen: \"127.0.0.1:99999\"");
    refuses_to_start("no.such.name.invalid:1", "x", "http.listen: \"no.such.name.invalid:1\": ");
    struct http_server *server = start("127.0.0.1:0", NULL);
    char taken[40];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", http_port(server));
    refuses_to_start(taken, NULL, "is in use, perhaps by another instance; choose another port, or off");
    http_stop(server);
    server = start(taken, NULL); /* and is free again at once */
    starts_with(ask(server, "GET", "/metrics", ""), "HTTP/1.1 200 ");
    http_stop(server);
}

/* Nonsense gets an error or a closed connection, and the next request an answer. */
static void nonsense_does_no_harm(void **state)
{
    (void)state;
    struct http_server *server = start("127.0.0.1:0", NULL);
    static const char *const rows[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /metrics\r\n\r\n",
        "GET /metrics HTTP/9.9\r\n\r\n",
        "GET  /metrics  HTTP/1.1\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost\r\n\r\n",
        "GET /%00/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        talk_for(server, rows[i], strlen(rows[i]), answer, sizeof answer, 100);
    static char huge[200000];
    memset(huge, 'a', sizeof huge);
    memcpy(huge, "GET /", 5);
    talk_for(server, huge, sizeof huge, answer, sizeof answer, 100);
    memcpy(huge, "GET / HTTP/1.1\r\nX: ", 19);
    talk_for(server, huge, sizeof huge, answer, sizeof answer, 100);
    uint64_t random = test_seed(3);
    for (int round = 0; round < 300; round++) {
        char bytes[200];
        size_t size = 0;
        snprintf(bytes, sizeof bytes, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        size = strlen(bytes);
        for (int edit = 0; edit < 3; edit++) {
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            bytes[(random >> 33) % size] = (char)(random >> 20);
        }
        int file = connect_to(server);
        (void)send(file, bytes, size, MSG_NOSIGNAL);
        close(file);
    }
    starts_with(ask(server, "GET", "/metrics", ""), "HTTP/1.1 200 ");
    http_stop(server);
}

static void *ask_many(void *argument)
{
    const struct http_server *server = argument;
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char own[2000];
    intptr_t good = 0;
    for (int i = 0; i < 100; i++) {
        talk(server, request, strlen(request), own, sizeof own);
        good += strncmp(own, "HTTP/1.1 200 ", 13) == 0;
    }
    return (void *)good;
}

static void many_clients_are_served(void **state)
{
    (void)state;
    struct http_server *server = start("127.0.0.1:0", NULL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, ask_many, server);
    for (int i = 0; i < 4; i++) {
        void *good = NULL;
        pthread_join(threads[i], &good);
        assert_int_equal((intptr_t)good, 100);
    }
    http_stop(server);
}

static void idle_clients_do_not_hold_up_the_stop(void **state)
{
    (void)state;
    struct http_server *server = start("127.0.0.1:0", NULL);
    int files[80]; /* more than may be open at once */
    for (int i = 0; i < 80; i++)
        files[i] = connect_to(server);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    http_stop(server);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < 5);
    for (int i = 0; i < 80; i++)
        close(files[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_methods),
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(large_answers_come_whole_or_not_at_all),
        cmocka_unit_test(a_token_is_asked_for),
        cmocka_unit_test(other_names_are_refused_without_a_token),
        cmocka_unit_test(start_up_errors_name_the_option),
        cmocka_unit_test(nonsense_does_no_harm),
        cmocka_unit_test(many_clients_are_served),
        cmocka_unit_test(idle_clients_do_not_hold_up_the_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
