/* lean_json.h - a protobuf request as OTLP JSON, for benches that read the same spans in both encodings. */
#ifndef BENCH_LEAN_JSON_H
#define BENCH_LEAN_JSON_H

#include "engine/base/buffer.h"

/* As the Collector writes it: camelCase, hex ids, 64-bit integers as text, no spaces. */
void lean_json(struct bytes request, struct buffer *out);

#endif
