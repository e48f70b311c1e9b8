/*
 * material.h - record values for the spans topic: made-up spans, real producers' records, poison.
 * A function of the seed and the order of calls. Values are borrowed until the next call.
 */
#ifndef TESTS_ENGINE_KAFKA_MATERIAL_H
#define TESTS_ENGINE_KAFKA_MATERIAL_H

#include "engine/base/bytes.h"

struct material;

enum poison { POISON_BYTES, POISON_EMPTY, POISON_TOMBSTONE };

struct material *material_create(uint64_t seed);
void material_destroy(struct material *material);
double material_chance(struct material *material); /* [0, 1) */
/* One to five spans of one application that ended about now_ms. */
struct bytes material_spans(struct material *material, int64_t now_ms, double fail_share, double late_share);
/* The next of the captured records, round and round. False: they are not there. */
bool material_captured(struct material *material, struct bytes *out);
/* Random or truncated bytes, which belong in the DLQ, or nothing at all, which does not. */
enum poison material_poison(struct material *material, struct bytes *out);
/* The next kind of tests/span/poison.h, round and round. */
struct bytes material_every_poison(struct material *material, int64_t now_ms);
/* Noise that no decoder takes for a record. */
struct bytes material_noise(struct material *material, size_t size);

#endif
