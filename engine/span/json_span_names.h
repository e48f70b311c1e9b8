/* json_span_names.h - what the keys of a plain JSON span mean. For json_span.c only. */
#ifndef ENGINE_SPAN_JSON_SPAN_NAMES_H
#define ENGINE_SPAN_JSON_SPAN_NAMES_H

#include "engine/base/bytes.h"

enum json_span_key {
    KEY_ATTRIBUTE, /* by its own name, or by the canonical name's */
    KEY_IGNORED,   /* derived from others when it was printed */
    KEY_TRACE_ID,
    KEY_SPAN_ID,
    KEY_PARENT_ID,
    KEY_NAME,
    KEY_KIND,
    KEY_STATUS,
    KEY_STATUS_CODE,
    KEY_STATUS_MESSAGE,
    KEY_START_NS,
    KEY_START_MS,
    KEY_START_ISO,
    KEY_END_NS,
    KEY_END_MS,
    KEY_END_ISO,
    KEY_DURATION_NS,
    KEY_DURATION_MS,
    KEY_SCOPE,
    KEY_GROUP,      /* an object whose members count as the span's own */
    KEY_ATTRIBUTES, /* an object of attributes */
    KEY_TTFT_NS,
    KEY_TTFT_MS,
};

struct json_span_name {
    const char *name;
    enum json_span_key key;
    const char *attribute; /* of a canonical name */
};

/* NULL: an attribute by its own name. */
const struct json_span_name *json_span_name_find(struct bytes key);
/* "2026-11-01T10:07:00.123456789Z", a space for the T, an offset like +02:00 or none (UTC): ns since 1970.
 * False: not that, or before 1970 or after 2261. */
bool json_span_time(struct bytes text, uint64_t *out_ns);

#endif
