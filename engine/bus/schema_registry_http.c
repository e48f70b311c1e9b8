/*
 * schema_registry_http.c - the one home of libcurl: one request at a time, bounded in time and size.
 *
 * Only http and https, no redirects (credentials would travel along), no signals. Messages name the
 * path, never the credentials that a URL may hold.
 */
#include "engine/bus/schema_registry_internal.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <curl/curl.h>

#define CONTENT_TYPE "application/vnd.schemaregistry.v1+json"

struct registry_http {
    CURL *curl;
    struct curl_slist *headers;
    char *url; /* without a slash at its end */
    size_t answer_bytes_max;
    const atomic_bool *stopping;
    struct buffer *answer; /* of the request that runs */
    struct buffer target;
};

static bool given(const char *text) { return text != NULL && *text != '\0'; }

static size_t take_bytes(char *data, size_t one, size_t size, void *context)
{
    struct registry_http *http = context;
    buffer_append(http->answer, data, one * size);
    return http->answer->failed ? 0 : one * size;
}

static int look_around(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct registry_http *http = context;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load_explicit(http->stopping, memory_order_relaxed) ? 1 : 0;
}

static bool set_text(CURL *curl, CURLoption option, const char *text)
{
    return !given(text) || curl_easy_setopt(curl, option, text) == CURLE_OK;
}

static bool set_security(CURL *curl, const struct schema_registry_options *options)
{
    bool good = set_text(curl, CURLOPT_CAINFO, options->ca_file) &&
                set_text(curl, CURLOPT_SSLCERT, options->certificate_file) &&
                set_text(curl, CURLOPT_SSLKEY, options->key_file);
    if (given(options->token))
        return good && curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) == CURLE_OK &&
               set_text(curl, CURLOPT_XOAUTH2_BEARER, options->token);
    if (given(options->user))
        return good && curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) == CURLE_OK &&
               set_text(curl, CURLOPT_USERNAME, options->user) &&
               set_text(curl, CURLOPT_PASSWORD, options->password ? options->password : "");
    return good;
}

static bool set_up(struct registry_http *http, const struct schema_registry_options *options)
{
    CURL *curl = http->curl;
    http->headers = curl_slist_append(NULL, "Accept: " CONTENT_TYPE ", application/json");
    http->headers = curl_slist_append(http->headers, "Content-Type: " CONTENT_TYPE);
    return http->headers != NULL && set_security(curl, options) &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)options->timeout_ms) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "assay/" ASSAY_VERSION) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, http) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_around) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http) == CURLE_OK;
}

struct registry_http *registry_http_open(const struct schema_registry_options *options,
                                         const atomic_bool *stopping, struct error *error)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(error, ERROR_SYSTEM, "schema registry: libcurl cannot be initialised");
        return NULL;
    }
    struct registry_http *http = memory_allocate(sizeof *http);
    http->curl = curl_easy_init();
    http->url = memory_copy_text(options->url);
    for (size_t size = strlen(http->url); size > 0 && http->url[size - 1] == '/';)
        http->url[--size] = '\0';
    http->answer_bytes_max = options->answer_bytes_max;
    http->stopping = stopping;
    http->target = BUFFER_WITH_LIMIT(strlen(options->url) + 8192);
    if (http->curl != NULL && set_up(http, options))
        return http;
    registry_http_close(http);
    error_set(error, ERROR_SYSTEM,
              "schema registry: libcurl refuses the options; is it built with TLS?");
    return NULL;
}

void registry_http_close(struct registry_http *http)
{
    if (http == NULL)
        return;
    if (http->curl != NULL)
        curl_easy_cleanup(http->curl);
    curl_slist_free_all(http->headers);
    buffer_free(&http->target);
    memory_free(http->url);
    memory_free(http);
    curl_global_cleanup();
}

void registry_http_put_segment(struct buffer *path, const char *text)
{
    for (const uint8_t *at = (const uint8_t *)text; *at != 0; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || strchr("-._~", *at) != NULL;
        if (plain)
            buffer_put_u8(path, *at);
        else
            buffer_printf(path, "%%%02X", *at);
    }
}

static bool may_help(CURLcode code)
{
    return code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL &&
           code != CURLE_SSL_CERTPROBLEM && code != CURLE_SSL_CACERT_BADFILE &&
           code != CURLE_PEER_FAILED_VERIFICATION;
}

bool registry_http_request(struct registry_http *http, const char *path, struct bytes body,
                           long *status, struct buffer *answer, struct error *error)
{
    *answer = BUFFER_WITH_LIMIT(http->answer_bytes_max);
    http->answer = answer;
    buffer_clear(&http->target);
    buffer_append_text(&http->target, http->url);
    buffer_append_text(&http->target, path);
    buffer_put_u8(&http->target, 0);
    if (http->target.failed)
        return error_set(error, ERROR_LIMIT, "schema registry: %.100s…: the path is too long",
                         path);
    CURL *curl = http->curl;
    CHECK(curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L) == CURLE_OK);
    if (bytes_present(body)) {
        CHECK(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size) ==
              CURLE_OK);
        CHECK(curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body.data) == CURLE_OK);
    }
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, (const char *)http->target.data);
    code = code == CURLE_OK ? curl_easy_perform(curl) : code;
    http->answer = NULL;
    if (answer->failed)
        return error_set(error, ERROR_LIMIT,
                         "schema registry: %s: the answer is larger than %zu bytes", path,
                         http->answer_bytes_max);
    if (code != CURLE_OK)
        return error_set(error, may_help(code) ? ERROR_UNAVAILABLE : ERROR_INPUT,
                         "schema registry: %s: %s; check registry.url and that it runs", path,
                         curl_easy_strerror(code));
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    return true;
}
