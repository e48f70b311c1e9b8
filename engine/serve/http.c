/*
 * http.c - the one home of libmicrohttpd.
 *
 * The socket is opened here, so that a busy port is told apart from other trouble. Answers are built
 * whole in one buffer and copied out: the server's thread is the only one that touches it.
 */
#include "engine/serve/http.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define TIMEOUT_S 10
#define REQUEST_BYTES_MAX ((size_t)16 * 1024)
#define BACKLOG 64
#define JSON_TYPE "application/json"

struct http_server {
    struct http_options options;
    char *token; /* NULL: none is needed */
    bool loopback;
    unsigned port;
    struct MHD_Daemon *daemon;
    struct buffer body;
};

/* ---- address and socket --------------------------------------------------------------------------- */

struct address {
    char host[256];
    char port[8];
};

static bool parse_listen(const char *listen, struct address *out, struct error *error)
{
    const char *colon = strrchr(listen, ':');
    const char *host = listen;
    size_t size = colon ? (size_t)(colon - listen) : 0;
    if (size >= 2 && host[0] == '[' && host[size - 1] == ']') { /* [::1]:9464 */
        host++;
        size -= 2;
    }
    bool good = colon != NULL && size > 0 && size < sizeof out->host && strlen(colon + 1) > 0 && strlen(colon + 1) <= 5 &&
                strspn(colon + 1, "0123456789") == strlen(colon + 1) && strtol(colon + 1, NULL, 10) <= 65535 &&
                (listen[0] == '[' || memchr(host, ':', size) == NULL);
    if (!good)
        return error_set(error, ERROR_INPUT, "http.listen: \"%s\" is not like 127.0.0.1:9464, [::1]:9464 or off", listen);
    memcpy(out->host, host, size);
    out->host[size] = 0;
    memcpy(out->port, colon + 1, strlen(colon + 1) + 1);
    return true;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static unsigned bound_port(int file)
{
    struct sockaddr_storage bound = {0};
    struct sockaddr_in v4;
    socklen_t size = sizeof bound;
    CHECK(getsockname(file, (struct sockaddr *)&bound, &size) == 0);
    memcpy(&v4, &bound, sizeof v4); /* the port is at the same place in both families */
    return ntohs(v4.sin_port);
}

static int open_socket(const struct addrinfo *found)
{
    int on = 1;
    int file = socket(found->ai_family, SOCK_STREAM, 0);
    if (file < 0)
        return -1;
    bool good = setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && fcntl(file, F_SETFD, FD_CLOEXEC) == 0 &&
                fcntl(file, F_SETFL, O_NONBLOCK) == 0 && bind(file, found->ai_addr, found->ai_addrlen) == 0 && listen(file, BACKLOG) == 0;
    if (good)
        return file;
    int reason = errno;
    (void)close(file);
    errno = reason;
    return -1;
}

/* -1 with the error set. */
static int listen_on(struct http_server *server, struct error *error)
{
    const char *listen = server->options.listen;
    struct address address;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (!parse_listen(listen, &address, error))
        return -1;
    int status = getaddrinfo(address.host, address.port, &hints, &found);
    if (status != 0) {
        error_set(error, ERROR_INPUT, "http.listen: \"%s\": %s", listen, gai_strerror(status));
        return -1;
    }
    server->loopback = is_loopback(found->ai_addr);
    int file = -1;
    if (!server->loopback && server->token == NULL) {
        error_set(error, ERROR_INPUT, "http.listen: \"%s\" can be reached from other machines; set http.token, or listen on 127.0.0.1", listen);
    } else {
        file = open_socket(found);
        if (file < 0 && errno == EADDRINUSE)
            error_set(error, ERROR_INPUT, "http.listen: \"%s\" is in use, perhaps by another instance; choose another port, or off", listen);
        else if (file < 0)
            error_set(error, ERROR_INPUT, "http.listen: \"%s\": %s", listen, strerror(errno));
        else
            server->port = bound_port(file);
    }
    freeaddrinfo(found);
    return file;
}

/* ---- answering ------------------------------------------------------------------------------------ */

static enum MHD_Result send_answer(struct MHD_Connection *connection, unsigned status, const char *content_type, struct bytes body,
                                   const char *header, const char *value)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.size, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", content_type);
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (header != NULL)
        (void)MHD_add_response_header(response, header, value);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_error(struct MHD_Connection *connection, unsigned status, const char *message, const char *header, const char *value)
{
    char body[300];
    int size = snprintf(body, sizeof body, "{\"error\":\"%s\"}\n", message); /* messages are ours: no quotes in them */
    return send_answer(connection, status, JSON_TYPE, bytes_of(body, (size_t)size), header, value);
}

/* Takes as long whatever the difference is. */
static bool equal_secrets(const char *given, const char *secret)
{
    size_t given_size = strlen(given);
    size_t secret_size = strlen(secret);
    unsigned difference = given_size != secret_size;
    for (size_t i = 0; i < given_size; i++)
        difference |= (unsigned)(given[i] ^ secret[secret_size ? i % secret_size : 0]);
    return difference == 0;
}

static bool has_token(const struct http_server *server, struct MHD_Connection *connection)
{
    static const char scheme[] = "Bearer ";
    const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    return given != NULL && strncmp(given, scheme, strlen(scheme)) == 0 && equal_secrets(given + strlen(scheme), server->token);
}

/* Without a token, only names of this machine: a web page cannot reach us under a name of its own. */
static bool host_is_ours(struct MHD_Connection *connection)
{
    static const char *const ours[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    if (host == NULL)
        return true;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        size_t size = strlen(ours[i]);
        if (strncmp(host, ours[i], size) == 0 && (host[size] == 0 || host[size] == ':'))
            return true;
    }
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.:") == strlen(host);
}

static const struct http_route *find_route(const struct http_server *server, const char *path)
{
    for (unsigned i = 0; i < server->options.routes_count; i++)
        if (strcmp(server->options.routes[i].path, path) == 0)
            return &server->options.routes[i];
    return NULL;
}

static enum MHD_Result answer_route(struct http_server *server, struct MHD_Connection *connection, const struct http_route *route, bool trusted)
{
    buffer_clear(&server->body);
    unsigned status = route->answer(route->context, &server->body);
    if (server->body.failed)
        return send_error(connection, 500, "the answer is larger than its limit", NULL, NULL);
    if (!trusted)
        return send_answer(connection, status, JSON_TYPE, BYTES_LITERAL("{}\n"), NULL, NULL);
    return send_answer(connection, status, route->content_type, buffer_bytes(&server->body), NULL, NULL);
}

static bool announces_body(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return (length != NULL && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") != NULL;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
                              const char *upload, size_t *upload_size, void **request)
{
    static const char seen = 0; /* its address marks a request whose headers were looked at */
    struct http_server *server = context;
    (void)version;
    (void)upload;
    bool readable = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (*request == NULL) { /* headers only: refusing now ends the connection, going on keeps it */
        *request = (void *)(uintptr_t)&seen;
        if (!readable)
            return send_error(connection, 405, "only GET and HEAD", "Allow", "GET, HEAD");
        if (announces_body(connection))
            return send_error(connection, 413, "no request body is read here", NULL, NULL);
        return MHD_YES;
    }
    *upload_size = 0;
    if (server->token == NULL && !host_is_ours(connection))
        return send_error(connection, 403, "this name is not this machine's; set http.token to serve under other names", NULL, NULL);
    const struct http_route *route = find_route(server, path);
    bool trusted = server->token == NULL || has_token(server, connection);
    if (!trusted && (route == NULL || !route->open))
        return send_error(connection, 401, "send Authorization: Bearer and the token of http.token", "WWW-Authenticate", "Bearer");
    if (route == NULL)
        return send_error(connection, 404, "no such path", NULL, NULL);
    return answer_route(server, connection, route, trusted);
}

static void log_nothing(void *context, const char *format, va_list arguments)
{
    (void)context;
    (void)format;
    (void)arguments;
}

/* ---- life ----------------------------------------------------------------------------------------- */

static void destroy(struct http_server *server)
{
    buffer_free(&server->body);
    memory_free(server->token);
    memory_free(server);
}

bool http_start(const struct http_options *options, struct http_server **out, struct error *error)
{
    *out = NULL;
    if (strcmp(options->listen, "off") == 0)
        return true;
    struct http_server *server = memory_allocate(sizeof *server);
    server->options = *options;
    server->body = BUFFER_WITH_LIMIT(HTTP_BODY_BYTES_MAX);
    server->token = options->token && options->token[0] ? memory_copy_text(options->token) : NULL;
    int file = listen_on(server, error);
    if (file < 0) {
        destroy(server);
        return false;
    }
    server->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, server,
                                      MHD_OPTION_EXTERNAL_LOGGER, log_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, file,
                                      MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                      (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES_MAX,
                                      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (server->daemon == NULL) {
        error_set(error, ERROR_SYSTEM, "http.listen: the HTTP server does not start: %s", strerror(errno));
        (void)close(file);
        destroy(server);
        return false;
    }
    *out = server;
    return true;
}

void http_stop(struct http_server *server)
{
    if (server == NULL)
        return;
    MHD_stop_daemon(server->daemon); /* closes the socket */
    destroy(server);
}

unsigned http_port(const struct http_server *server) { return server->port; }
