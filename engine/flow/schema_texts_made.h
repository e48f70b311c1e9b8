/* schema_texts_made.h - arrays that the build makes of the schemas; for schema_texts.c. */
#ifndef ENGINE_FLOW_SCHEMA_TEXTS_MADE_H
#define ENGINE_FLOW_SCHEMA_TEXTS_MADE_H

#include <stddef.h>

extern const char schema_judge_request_text[], schema_score_text[], schema_alert_text[], schema_verdict_text[];
extern const size_t schema_judge_request_size, schema_score_size, schema_alert_size, schema_verdict_size;

#endif
