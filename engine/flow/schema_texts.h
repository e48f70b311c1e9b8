/*
 * schema_texts.h - the schemas of what is written and answered, as they were when the program was built.
 */
#ifndef ENGINE_FLOW_SCHEMA_TEXTS_H
#define ENGINE_FLOW_SCHEMA_TEXTS_H

#include "engine/base/bytes.h"

enum schema_name { SCHEMA_REQUEST, SCHEMA_SCORE, SCHEMA_ALERT, SCHEMA_VERDICT };

/* Complete: none refers to another. Borrowed for ever. */
struct bytes schema_text(enum schema_name name);

#endif
