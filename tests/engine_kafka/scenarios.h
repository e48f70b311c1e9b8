/*
 * scenarios.h - what is done to a running engine, by name. Each returns with the engines stopped and
 * the differences from the oracle on the rig's card; it fails the test for anything else.
 */
#ifndef TESTS_ENGINE_KAFKA_SCENARIOS_H
#define TESTS_ENGINE_KAFKA_SCENARIOS_H

#include "tests/engine_kafka/rig.h"

struct scenario {
    const char *name;
    struct rig *(*open)(struct rig_site *site);
    void (*run)(struct rig *rig);
};

extern const struct scenario scenarios[]; /* ends with name NULL */

/* Of poison_scenarios.c. */
struct rig *open_poison_burst(struct rig_site *site);
void poison_burst(struct rig *rig);
struct rig *open_every_poison(struct rig_site *site);
void every_poison(struct rig *rig);

/* traces.c: what several records of several topics say of one trace. */
struct rig *traces_open(struct rig_site *site);
void traces_run(struct rig *rig);

#endif
