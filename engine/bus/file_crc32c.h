/*
 * file_crc32c.h - CRC-32C (Castagnoli), eight bytes at a time, the same on every machine.
 */
#ifndef ENGINE_BUS_FILE_CRC32C_H
#define ENGINE_BUS_FILE_CRC32C_H

#include "engine/base/bytes.h"

struct file_crc32c {
    uint32_t table[8][256];
};

void file_crc32c_init(struct file_crc32c *crc);
/* Of the bytes behind those that gave `before`; 0 to begin. */
uint32_t file_crc32c_of(const struct file_crc32c *crc, uint32_t before, struct bytes b);

#endif
