/*
 * topics.h - the topics of an application: which there must be, with how many partitions and which
 * settings; checked at start, created by `assay topics`.
 */
#ifndef ENGINE_FLOW_TOPICS_H
#define ENGINE_FLOW_TOPICS_H

#include "engine/flow/options.h"

#define TOPICS_MAX (INPUT_TOPICS_MAX + 12)

enum topic_role { TOPIC_INPUT, TOPIC_OUTPUT, TOPIC_OWN };

struct topic_need {
    struct topic_spec spec; /* partitions: exact for own topics, the number to create for others */
    enum topic_role role;
};

/* Every topic of these options; how many. input_partitions: for inputs that have to be created. */
uint32_t topics_needed(const struct flow_options *options, int32_t input_partitions, struct topic_need *out);
/* False with what is wrong and how to mend it: missing, another number of partitions (state would be
 * split differently), retention on the exchange (it would lose what nobody has folded yet). */
bool topics_check(struct bus *bus, const struct flow_options *options, struct error *error);
/* Creates what is missing. Existing topics stay as they are. */
bool topics_create(struct bus *bus, const struct flow_options *options, int32_t input_partitions, uint32_t *created, struct error *error);

#endif
