/*
 * registry_server.h - a small HTTP server on loopback that says what a test wants a registry to say.
 *
 * One thread, one request per connection. The handler runs in that thread.
 */
#ifndef TESTS_BUS_REGISTRY_SERVER_H
#define TESTS_BUS_REGISTRY_SERVER_H

#include "engine/base/buffer.h"

struct registry_request {
    const char *method, *path;
    const char *headers; /* as they came */
    struct bytes body;
};

struct registry_server;

/* The handler fills the body and gives the status; 0: close without an answer. */
struct registry_server *registry_server_start(
    unsigned (*handler)(void *context, const struct registry_request *request, struct buffer *body),
    void *context);
void registry_server_stop(struct registry_server *server);
/* "http://127.0.0.1:PORT" */
const char *registry_server_url(const struct registry_server *server);
unsigned registry_server_requests(struct registry_server *server);

#endif
