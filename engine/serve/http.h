/*
 * http.h - a small HTTP server for what the process shows: GET and HEAD on a fixed table of paths.
 *
 * One thread of its own. Bound to loopback unless told otherwise; off loopback a token is required.
 * Requests are bounded in size, time and number; none can make the engine wait.
 */
#ifndef ENGINE_SERVE_HTTP_H
#define ENGINE_SERVE_HTTP_H

#include "engine/base/buffer.h"
#include "engine/base/error.h"

#define HTTP_OK 200u
#define HTTP_UNAVAILABLE 503u
#define HTTP_BODY_BYTES_MAX ((size_t)64 << 20)

struct http_route {
    const char *path; /* exact: "/metrics" */
    const char *content_type;
    /* Fills the body, gives the status. Called from the server's thread, one call at a time. */
    unsigned (*answer)(void *context, struct buffer *body);
    void *context;
    bool open; /* answered without a token, but then without the body: for probes */
};

struct http_options {
    const char *listen; /* "host:port", "[::1]:port", port 0: any; "off" */
    const char *token;  /* NULL or empty: none */
    const struct http_route *routes; /* borrowed until http_stop */
    unsigned routes_count;
};

struct http_server;

/* *out is NULL when listen is "off". False: the error names the option to change. */
bool http_start(const struct http_options *options, struct http_server **out, struct error *error);
/* Waits for answers that are being written, closes, frees. NULL is allowed. */
void http_stop(struct http_server *server);
/* The port it listens on. */
unsigned http_port(const struct http_server *server);

#endif
