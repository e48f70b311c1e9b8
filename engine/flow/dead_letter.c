/*
 * dead_letter.c - what cannot be read goes to the DLQ: the original key, headers and bytes (the first
 * 64 KB), and why, in headers __<app>.errors.*; the form always fits.
 */
#include "engine/flow/front_internal.h"

#include <stdarg.h>
#include <stdio.h>

#define DEAD_LETTER_BYTES_MAX ((size_t)64 * 1024)
#define OWN_HEADERS 9
#define TEXT_BYTES 512
#define HEADER_BYTES_MAX ((size_t)8 * 1024)

struct header_list {
    struct bus_header *headers;
    uint32_t count;
    const char *app;
    char names[OWN_HEADERS][96];
    char values[OWN_HEADERS][TEXT_BYTES];
};

/* Part of the outputs' contract. */
#define CODE_OF(name, code) [REFUSAL_##name] = code,
static const char *const codes[DEAD_REASONS] = {
    REFUSALS(CODE_OF)[DEAD_OVERSIZED] = "oversized",
    [DEAD_BAD_VERDICT] = "bad_verdict",
    [DEAD_SCHEMA_UNKNOWN] = "schema_unknown",
    [DEAD_SCHEMA_UNFIT] = "schema_unfit",
    [DEAD_SCHEMA_UNAVAILABLE] = "schema_unavailable"};

static void add(struct header_list *list, uint32_t slot, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add(struct header_list *list, uint32_t slot, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)snprintf(list->names[slot], sizeof list->names[slot], "__%s.errors.%s", list->app, name);
    (void)vsnprintf(list->values[slot], sizeof list->values[slot], format, arguments);
    va_end(arguments);
    list->headers[list->count++] =
        (struct bus_header){bytes_from_text(list->names[slot]), bytes_from_text(list->values[slot])};
}

static bool dead_letter_send(struct front *front, const struct bus_record *record, const struct dead_letter *letter,
                      struct error *error)
{
    struct bus_header headers[BUS_HEADERS_MAX];
    struct header_list list = {.headers = headers, .app = front->options->app};
    uint32_t original = member_headers(front->member, record, headers, BUS_HEADERS_MAX - OWN_HEADERS);
    size_t kept_bytes = 0;
    while (list.count < original) {
        kept_bytes += headers[list.count].name.size + headers[list.count].value.size;
        if (kept_bytes > HEADER_BYTES_MAX)
            break;
        list.count++;
    }
    add(&list, 0, "code", "%s", codes[letter->reason]);
    add(&list, 1, "message", "%s", letter->message ? letter->message : "");
    add(&list, 2, "topic", "%s", front->options->inputs[record->source.topic].name);
    add(&list, 3, "partition", "%d", record->source.partition);
    add(&list, 4, "offset", "%lld", (long long)record->offset);
    add(&list, 5, "stage", "%s", letter->stage == STAGE_DECODE ? "decode" : "verdict");
    add(&list, 6, "size", "%zu", record->value.size);
    if (letter->bad_byte >= 0)
        add(&list, 7, "byte", "%lld", (long long)letter->bad_byte);
    if (letter->bad_spans > 0)
        add(&list, 8, "bad_spans", "%u", letter->bad_spans);
    struct bytes value = record->value;
    if (value.size > DEAD_LETTER_BYTES_MAX)
        value.size = DEAD_LETTER_BYTES_MAX;
    struct bytes key = record->key;
    if (key.size > DEAD_LETTER_BYTES_MAX)
        key.size = DEAD_LETTER_BYTES_MAX;
    struct bus_output output = {.topic = front->options->topics.dlq, .partition = -1, .timestamp_ms = record->timestamp_ms,
                                .key = key, .value = value, .headers = headers, .headers_count = list.count};
    return outbox_send(front->outbox, &output, error);
}

bool front_bury(struct front *front, const struct record_facts *facts, const struct dead_letter *letter, struct error *error)
{
    if (facts->quiet)
        return true;
    front->counters.dead_letters++;
    front->counters.dead[letter->reason]++;
    return dead_letter_send(front, facts->record, letter, error);
}
