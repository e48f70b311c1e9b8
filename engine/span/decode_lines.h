/*
 * decode_lines.h - records as canonical JSON lines, for `assay decode` and for tests.
 *
 * Spans of all records taken are held until `finish` (or until there are too many), so that what lies in
 * several records is told apart as in one: a library's own span and the one around it. Log records are
 * taken too: their messages are shown with the span they belong to (decode_join.h).
 */
#ifndef ENGINE_SPAN_DECODE_LINES_H
#define ENGINE_SPAN_DECODE_LINES_H

#include "engine/base/error.h"
#include "engine/span/encoding.h"

struct decode_report {
    uint64_t spans;
    uint64_t bad_spans;
    uint32_t bad_index;     /* of the first bad one: place among the spans of the record */
    size_t bad_offset;      /* byte of the record where it goes wrong */
    const char *bad_reason; /* NULL: nothing is bad */
    uint64_t cut_strings;
};

/* Takes whole lines; false to stop, with the error its own. */
typedef bool decode_flush(void *context, struct bytes lines, struct error *error);

struct decode_lines;
/* content: messages and tools are shown, not only their sizes. Owner frees with decode_lines_close. */
struct decode_lines *decode_lines_open(enum encoding encoding, bool content, decode_flush *flush,
                                       void *context);
void decode_lines_close(struct decode_lines *lines);
/* Who has schemas for Avro records; without one they are refused. Borrowed. */
void decode_lines_use_avro(struct decode_lines *lines, const struct avro_decoder *avro);
/* Decodes one record, which must stay where it is until `finish`. False with the error set when the bytes
 * are no encoding that is read, or flush said stop. Bad spans are no failure: see the report. */
bool decode_lines_take(struct decode_lines *lines, struct bytes record,
                       struct decode_report *report, struct error *error);
/* Hands over what is still held. False when flush said stop. */
bool decode_lines_finish(struct decode_lines *lines, struct error *error);

/* All of it for one record. */
bool decode_to_json(struct bytes record, enum encoding encoding, decode_flush *flush, void *context,
                    struct decode_report *report, struct error *error);

#endif
