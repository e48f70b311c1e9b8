/*
 * sender.h - how the demo's applications and judge write: as an outside producer with transactions of
 * its own, on whatever bus it is given. It is no part of the engine and shares nothing with it.
 */
#ifndef ENGINE_DEMO_SENDER_H
#define ENGINE_DEMO_SENDER_H

#include "engine/bus/ports.h"

struct sender;

/* id: transactional id. NULL with the reason. */
struct sender *sender_open(struct bus *bus, const char *id, const char *topic, struct error *error);
void sender_close(struct sender *sender);
/* For the topic it was opened with; key and value are borrowed until sender_commit returns. */
void sender_put(struct sender *sender, int32_t partition, int64_t timestamp_ms, struct bytes key,
                struct bytes value);
/* Everything put since the last commit becomes visible at once; nothing put: nothing happens. A
 * transaction that the cluster aborted is sent again. */
bool sender_commit(struct sender *sender, struct error *error);
/* The largest timestamp that was committed; INT64_MIN: none. */
int64_t sender_newest_ms(const struct sender *sender);
uint64_t sender_records(const struct sender *sender);

#endif
