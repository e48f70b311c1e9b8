/* registry_server.c - see registry_server.h. */
#include "tests/bus/registry_server.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct registry_server {
    unsigned (*handler)(void *context, const struct registry_request *request, struct buffer *body);
    void *context;
    int listening;
    char url[64];
    atomic_bool stopping;
    atomic_uint requests;
    pthread_t thread;
};

static bool wait_readable(const struct registry_server *server, int file)
{
    struct pollfd waiting = {.fd = file, .events = POLLIN};
    while (!atomic_load(&server->stopping))
        if (poll(&waiting, 1, 20) > 0)
            return true;
    return false;
}

/* The whole request, NUL-terminated; the length of its head, 0 when it does not come. */
static size_t read_request(const struct registry_server *server, int file, struct buffer *request)
{
    for (;;) {
        char piece[4096];
        ssize_t size = wait_readable(server, file) ? recv(file, piece, sizeof piece, 0) : 0;
        if (size <= 0)
            return 0;
        buffer_append(request, piece, (size_t)size);
        CHECK(buffer_reserve(request, 1) != NULL);
        request->data[request->size] = 0;
        const char *text = (const char *)request->data;
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = strstr(text, "Content-Length: ");
        if (end == NULL)
            continue;
        size_t head = (size_t)(end - text) + 4;
        size_t body = length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
        if (request->size >= head + body)
            return head;
    }
}

static void answer(struct registry_server *server, int file, struct buffer *request, size_t head)
{
    char method[16], path[4096];
    struct buffer body = BUFFER_WITH_LIMIT((size_t)64 << 20),
                  out = BUFFER_WITH_LIMIT((size_t)64 << 20);
    if (sscanf((const char *)request->data, "%15s %4095s", method, path) != 2)
        return;
    request->data[head - 1] = 0;
    struct registry_request seen = {method, path, (const char *)request->data,
                                    bytes_of(request->data + head, request->size - head)};
    unsigned status = server->handler(server->context, &seen, &body);
    atomic_fetch_add(&server->requests, 1);
    if (status != 0) {
        buffer_printf(&out, "HTTP/1.1 %u X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                      status, body.size);
        buffer_append(&out, body.data, body.size);
    }
    for (size_t at = 0; at < out.size;) {
        ssize_t sent = send(file, out.data + at, out.size - at, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        at += (size_t)sent;
    }
    buffer_free(&body);
    buffer_free(&out);
}

static void *serve(void *context)
{
    struct registry_server *server = context;
    while (wait_readable(server, server->listening)) {
        int file = accept(server->listening, NULL, NULL);
        struct buffer request = BUFFER_WITH_LIMIT((size_t)1 << 20);
        size_t head = file >= 0 ? read_request(server, file, &request) : 0;
        if (head > 0)
            answer(server, file, &request, head);
        if (file >= 0)
            close(file);
        buffer_free(&request);
    }
    return NULL;
}

struct registry_server *registry_server_start(
    unsigned (*handler)(void *context, const struct registry_request *request, struct buffer *body),
    void *context)
{
    struct registry_server *server = memory_allocate(sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    server->handler = handler;
    server->context = context;
    server->listening = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(server->listening >= 0);
    CHECK(bind(server->listening, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(server->listening, 16) == 0);
    CHECK(getsockname(server->listening, (struct sockaddr *)&address, &size) == 0);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    CHECK(pthread_create(&server->thread, NULL, serve, server) == 0);
    return server;
}

void registry_server_stop(struct registry_server *server)
{
    atomic_store(&server->stopping, true);
    (void)pthread_join(server->thread, NULL);
    close(server->listening);
    memory_free(server);
}

const char *registry_server_url(const struct registry_server *server) { return server->url; }

unsigned registry_server_requests(struct registry_server *server)
{
    return atomic_load(&server->requests);
}
