/* json_internal.h - what json_write.c needs of json.c; nobody else includes it. */
#ifndef ENGINE_BASE_JSON_INTERNAL_H
#define ENGINE_BASE_JSON_INTERNAL_H

#include "engine/base/json.h"

#define JSON_REAL_BYTES 40

/* The shortest text that reads back as value, which must be finite; borrowed from out. */
struct bytes json_format_real(double value, char out[JSON_REAL_BYTES]);

#endif
