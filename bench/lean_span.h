/* lean_span.h - records of lean spans for benches, the same wherever speed is quoted. */
#ifndef BENCH_LEAN_SPAN_H
#define BENCH_LEAN_SPAN_H

#include "engine/base/buffer.h"

#define LEAN_START_NS 1795227554174398990u

/* Appends one OTLP record of `spans` spans numbered from `first`; ids and labels follow the number. */
void lean_record(struct buffer *out, uint64_t first, uint32_t spans, uint64_t start_ns);

/* A record made once and given new numbers cheaply: for load, where making spans would be the limit. */
struct lean_template {
    struct buffer record;
    uint32_t spans;
    size_t *trace_at, *span_at, *end_at; /* byte offsets of each span's ids and end time */
};
void lean_template_make(struct lean_template *template, uint64_t first, uint32_t spans);
void lean_template_free(struct lean_template *template);
/* Moves the records side by side, as they lie where a client library has put them: with gaps between them, no
 * prefetching of the machine's runs from one into the next. The block belongs to lean_templates_free. */
uint8_t *lean_templates_pack(struct lean_template *templates, uint32_t count);
void lean_templates_free(struct lean_template *templates, uint32_t count, uint8_t *block);
/* New ids from `first` on, ends at end_ns; labels stay. */
void lean_template_stamp(struct lean_template *template, uint64_t first, uint64_t end_ns);

#endif
