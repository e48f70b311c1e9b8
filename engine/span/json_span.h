/*
 * json_span.h - plain JSON spans into rows: one object, an array of objects, or objects one after another
 * (JSON lines), of whatever program writes to Kafka without OpenTelemetry.
 *
 * A span is an object. Its core fields, in snake_case or lowerCamelCase:
 *   trace_id, span_id, parent_span_id (or parent_id)   hex with or without 0x and dashes, or base64; they may
 *                                                       also stand in an object "context"
 *   name, kind, status (a word, or an object with code or status_code, message or description)
 *   start_ns, start_time_unix_nano, start_ms, start_time (ISO 8601); the same for end; duration_ns, duration_ms
 *   scope (a name, or an object with name), resource (an object, or one with attributes)
 *   attributes                                          an object of attributes by their names on spans
 * Every other key is an attribute: by a canonical name (schemas/span_columns.def, and the names `assay
 * decode` prints), or by any name of the alias table. Objects that are no attribute by themselves are
 * looked into: {"gen_ai":{"system":…}} is gen_ai.system. Arrays and objects that are one stay JSON text.
 */
#ifndef ENGINE_SPAN_JSON_SPAN_H
#define ENGINE_SPAN_JSON_SPAN_H

#include "engine/span/otlp_proto.h"

/* As otlp_json_decode: the same cursor, limits, rows and results. */
enum decode_result json_span_decode(struct otlp_cursor *cursor, struct span_batch *batch);

#endif
