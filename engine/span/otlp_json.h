/*
 * otlp_json.h - OTLP JSON traces (and logs) into rows: the same rows, limits and cursor as otlp_proto.h gives for
 * the same spans in protobuf.
 *
 * A record is walked once, forward. Each span is turned into its protobuf message (otlp_transcode.h) in
 * the batch's arena, where its strings stay, and goes through the one walker of spans: what a span
 * means is decided in one place. Accepted: ids in hex or base64, enums by number or name, 64-bit
 * integers as numbers or text, fields in any order and in snake_case, unknown fields, several objects
 * in one record (JSON lines), the old name instrumentationLibrarySpans.
 */
#ifndef ENGINE_SPAN_OTLP_JSON_H
#define ENGINE_SPAN_OTLP_JSON_H

#include "engine/span/otlp_proto.h"

/* As otlp_proto_decode, for a cursor started with otlp_cursor_start. DECODE_MORE: the batch has no more
 * rows, or its arena is half full; work the batch off and call again. A bad span costs itself; where
 * brackets or quotes are broken, what lies behind is lost. */
enum decode_result otlp_json_decode(struct otlp_cursor *cursor, struct span_batch *batch);

#endif
