/* schema_texts.c - see schema_texts.h. */
#include "engine/flow/schema_texts.h"

#include "engine/flow/schema_texts_made.h"

struct bytes schema_text(enum schema_name name)
{
    switch (name) {
    case SCHEMA_REQUEST:
        return bytes_of(schema_judge_request_text, schema_judge_request_size);
    case SCHEMA_SCORE:
        return bytes_of(schema_score_text, schema_score_size);
    case SCHEMA_ALERT:
        return bytes_of(schema_alert_text, schema_alert_size);
    default:
        return bytes_of(schema_verdict_text, schema_verdict_size);
    }
}
