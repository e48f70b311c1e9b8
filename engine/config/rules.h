/*
 * rules.h - config/rules.yaml as a rule set: every number bounded, every mistake with its place.
 *
 * The digest is taken of a canonical form, so that comments and layout do not change it, and any
 * value does. See config/rules.yaml for the format.
 */
#ifndef ENGINE_CONFIG_RULES_H
#define ENGINE_CONFIG_RULES_H

#include "engine/base/buffer.h"
#include "engine/flow/rule.h"

/* NULL with "file:line:column: …". Owner frees with rules_destroy. */
struct rule_set *rules_load(const char *path, struct error *error);
/* name is for messages. */
struct rule_set *rules_parse(const char *name, struct bytes text, struct error *error);
void rules_destroy(struct rule_set *rules);
/* The canonical form: one JSON array, fields in a fixed order, what is not given is null. */
void rules_write(const struct rule_set *rules, struct buffer *out);

#endif
