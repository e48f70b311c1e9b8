/*
 * json_span_names.c - the keys of plain JSON spans, and times in ISO 8601. A canonical name stands for the
 * attribute that ranks first for its column in schemas/dialects.def (a test holds the two together).
 */
#include "engine/span/json_span_names.h"

static const struct json_span_name names[] = {
    /* core */
    {"trace_id", KEY_TRACE_ID, NULL},
    {"traceId", KEY_TRACE_ID, NULL},
    {"span_id", KEY_SPAN_ID, NULL},
    {"spanId", KEY_SPAN_ID, NULL},
    {"parent_span_id", KEY_PARENT_ID, NULL},
    {"parentSpanId", KEY_PARENT_ID, NULL},
    {"parent_id", KEY_PARENT_ID, NULL},
    {"parentId", KEY_PARENT_ID, NULL},
    {"name", KEY_NAME, NULL},
    {"kind", KEY_KIND, NULL},
    {"span_kind", KEY_KIND, NULL},
    {"spanKind", KEY_KIND, NULL},
    {"status", KEY_STATUS, NULL},
    {"status_code", KEY_STATUS_CODE, NULL},
    {"statusCode", KEY_STATUS_CODE, NULL},
    {"status_message", KEY_STATUS_MESSAGE, NULL},
    {"statusMessage", KEY_STATUS_MESSAGE, NULL},
    {"start_ns", KEY_START_NS, NULL},
    {"start_time_unix_nano", KEY_START_NS, NULL},
    {"startTimeUnixNano", KEY_START_NS, NULL},
    {"start_ms", KEY_START_MS, NULL},
    {"startMs", KEY_START_MS, NULL},
    {"start_time", KEY_START_ISO, NULL},
    {"startTime", KEY_START_ISO, NULL},
    {"end_ns", KEY_END_NS, NULL},
    {"end_time_unix_nano", KEY_END_NS, NULL},
    {"endTimeUnixNano", KEY_END_NS, NULL},
    {"end_ms", KEY_END_MS, NULL},
    {"endMs", KEY_END_MS, NULL},
    {"end_time", KEY_END_ISO, NULL},
    {"endTime", KEY_END_ISO, NULL},
    {"duration_ns", KEY_DURATION_NS, NULL},
    {"durationNs", KEY_DURATION_NS, NULL},
    {"duration_ms", KEY_DURATION_MS, NULL},
    {"durationMs", KEY_DURATION_MS, NULL},
    {"scope", KEY_SCOPE, NULL},
    {"instrumentation_scope", KEY_SCOPE, NULL},
    {"instrumentationScope", KEY_SCOPE, NULL},
    {"context", KEY_GROUP, NULL},
    {"spanContext", KEY_GROUP, NULL},
    {"attributes", KEY_ATTRIBUTES, NULL},
    {"resource", KEY_ATTRIBUTES, NULL},
    {"resource_attributes", KEY_ATTRIBUTES, NULL},
    {"resourceAttributes", KEY_ATTRIBUTES, NULL},
    /* canonical names: the columns, and what `assay decode` calls them */
    {"service", KEY_ATTRIBUTE, "service.name"},
    {"environment", KEY_ATTRIBUTE, "assay.env"},
    {"app", KEY_ATTRIBUTE, "assay.app"},
    {"app_given", KEY_ATTRIBUTE, "assay.app"},
    {"feature", KEY_ATTRIBUTE, "assay.feature"},
    {"intent", KEY_ATTRIBUTE, "assay.intent"},
    {"operation", KEY_ATTRIBUTE, "gen_ai.operation.name"},
    {"provider", KEY_ATTRIBUTE, "gen_ai.provider.name"},
    {"model", KEY_ATTRIBUTE, "gen_ai.request.model"},
    {"request_model", KEY_ATTRIBUTE, "gen_ai.request.model"},
    {"response_model", KEY_ATTRIBUTE, "gen_ai.response.model"},
    {"response_id", KEY_ATTRIBUTE, "gen_ai.response.id"},
    {"stream", KEY_ATTRIBUTE, "gen_ai.request.stream"},
    {"finish_reason", KEY_ATTRIBUTE, "gen_ai.response.finish_reasons"},
    {"finish_reasons", KEY_ATTRIBUTE, "gen_ai.response.finish_reasons"},
    {"input_tokens", KEY_ATTRIBUTE, "gen_ai.usage.input_tokens"},
    {"output_tokens", KEY_ATTRIBUTE, "gen_ai.usage.output_tokens"},
    {"cached_tokens", KEY_ATTRIBUTE, "gen_ai.usage.cache_read.input_tokens"},
    {"cache_read_tokens", KEY_ATTRIBUTE, "gen_ai.usage.cache_read.input_tokens"},
    {"cache_write_tokens", KEY_ATTRIBUTE, "gen_ai.usage.cache_write.input_tokens"},
    {"reasoning_tokens", KEY_ATTRIBUTE, "gen_ai.usage.reasoning.output_tokens"},
    {"ttft_ns", KEY_TTFT_NS, NULL},
    {"ttft_ms", KEY_TTFT_MS, NULL},
    {"error_type", KEY_ATTRIBUTE, "error.type"},
    {"output_type", KEY_ATTRIBUTE, "gen_ai.output.type"},
    {"session", KEY_ATTRIBUTE, "gen_ai.conversation.id"},
    {"conversation_id", KEY_ATTRIBUTE, "gen_ai.conversation.id"},
    {"user", KEY_ATTRIBUTE, "user.id"},
    {"user_id", KEY_ATTRIBUTE, "user.id"},
    {"agent", KEY_ATTRIBUTE, "gen_ai.agent.name"},
    {"agent_name", KEY_ATTRIBUTE, "gen_ai.agent.name"},
    {"tool_name", KEY_ATTRIBUTE, "gen_ai.tool.name"},
    {"tool_call_id", KEY_ATTRIBUTE, "gen_ai.tool.call.id"},
    {"prompt_name", KEY_ATTRIBUTE, "assay.prompt.name"},
    {"prompt_version", KEY_ATTRIBUTE, "assay.prompt.version"},
    {"prompt_version_given", KEY_ATTRIBUTE, "assay.prompt.version"},
    {"prompt_hash", KEY_ATTRIBUTE, "assay.prompt.hash"},
    {"prompt_hash_given", KEY_ATTRIBUTE, "assay.prompt.hash"},
    {"system_instructions", KEY_ATTRIBUTE, "gen_ai.system_instructions"},
    {"input_messages", KEY_ATTRIBUTE, "gen_ai.input.messages"},
    {"output_messages", KEY_ATTRIBUTE, "gen_ai.output.messages"},
    /* printed by `assay decode`, made again from the others */
    {"finish", KEY_IGNORED, NULL},
    {"failed", KEY_IGNORED, NULL},
    {"role", KEY_IGNORED, NULL},
    {"leaf", KEY_IGNORED, NULL},
    {"dialect", KEY_IGNORED, NULL},
    {"content_bytes", KEY_IGNORED, NULL},
};

const struct json_span_name *json_span_name_find(struct bytes key)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (key.size > 0 && names[i].name[0] == (char)key.data[0] &&
            bytes_equal_text(key, names[i].name))
            return &names[i];
    return NULL;
}

/* ---- times ------------------------------------------------------------------------------------------------- */

/* Exactly this many digits. */
static bool digits(const uint8_t **at, const uint8_t *end, int count, int64_t *out)
{
    *out = 0;
    if (end - *at < count)
        return false;
    for (int i = 0; i < count; i++) {
        unsigned digit = (unsigned)*(*at)++ - '0';
        if (digit > 9)
            return false;
        *out = *out * 10 + digit;
    }
    return true;
}

static bool character(const uint8_t **at, const uint8_t *end, const char *of)
{
    if (*at == end || **at == 0 || strchr(of, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

/* Days since 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* ".123" and so on, up to ns; further digits are passed over. */
static bool fraction(const uint8_t **at, const uint8_t *end, int64_t *out_ns)
{
    *out_ns = 0;
    if (!character(at, end, ".,"))
        return true;
    int64_t unit = 100000000;
    const uint8_t *start = *at;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
        *out_ns += (**at - '0') * unit;
    return *at > start;
}

/* "Z", "+02:00", "+0200", or nothing. */
static bool offset(const uint8_t **at, const uint8_t *end, int64_t *out_seconds)
{
    int64_t hours, minutes;
    *out_seconds = 0;
    if (*at == end || character(at, end, "Zz"))
        return true;
    bool west = **at == '-';
    if (!character(at, end, "+-") || !digits(at, end, 2, &hours))
        return false;
    (void)character(at, end, ":");
    if (!digits(at, end, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *out_seconds = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
    return true;
}

bool json_span_time(struct bytes text, uint64_t *out_ns)
{
    const uint8_t *at = text.data;
    const uint8_t *end = at + text.size;
    int64_t year, month, day, hour, minute, second = 0, ns, east;
    if (!digits(&at, end, 4, &year) || !character(&at, end, "-") || !digits(&at, end, 2, &month) ||
        !character(&at, end, "-") || !digits(&at, end, 2, &day) || !character(&at, end, "Tt ") ||
        !digits(&at, end, 2, &hour) || !character(&at, end, ":") || !digits(&at, end, 2, &minute))
        return false;
    if (character(&at, end, ":") && !digits(&at, end, 2, &second))
        return false;
    if (!fraction(&at, end, &ns) || !offset(&at, end, &east) || at != end)
        return false;
    if (year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 ||
        minute > 59 || second > 60)
        return false;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east;
    if (seconds < 0)
        return false;
    *out_ns = (uint64_t)seconds * 1000000000u + (uint64_t)ns;
    return true;
}
