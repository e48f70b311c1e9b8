/* sha256.h - SHA-256 of bytes; the one home of libcrypto. */
#ifndef ENGINE_BASE_SHA256_H
#define ENGINE_BASE_SHA256_H

#include "engine/base/bytes.h"

#define SHA256_BYTES 32
struct sha256; /* a reusable context: fetched once, one per thread */
struct sha256 *sha256_create(void);
void sha256_destroy(struct sha256 *context);
void sha256_digest(struct sha256 *context, struct bytes input, uint8_t out[SHA256_BYTES]);

#endif
