/* lean_span.h - records of lean spans for benches, the same wherever speed is quoted. */
#ifndef BENCH_LEAN_SPAN_H
#define BENCH_LEAN_SPAN_H

#include "engine/base/buffer.h"

#define LEAN_START_NS 1795227554174398990u

/* Appends one OTLP record of `spans` spans numbered from `first`; ids and labels follow the number. */
void lean_record(struct buffer *out, uint64_t first, uint32_t spans, uint64_t start_ns);

#endif
