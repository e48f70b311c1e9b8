/*
 * agenda.h - things to do at a time to come, taken out in the order of their times; what was added
 * first comes first on a tie. Items are flat and copied.
 */
#ifndef ENGINE_DEMO_AGENDA_H
#define ENGINE_DEMO_AGENDA_H

#include <stdbool.h>
#include <stdint.h>

struct agenda;

struct agenda *agenda_create(uint32_t item_bytes);
void agenda_destroy(struct agenda *agenda);
void agenda_add(struct agenda *agenda, int64_t at_ms, const void *item);
/* The earliest item that is due at now_ms, copied out and removed; at_ms may be NULL. False: none. */
bool agenda_take(struct agenda *agenda, int64_t now_ms, void *item, int64_t *at_ms);
uint32_t agenda_count(const struct agenda *agenda);

#endif
