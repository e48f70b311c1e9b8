/* file_crc32c.c - slicing by eight: table[k][b] is the effect of byte b with k bytes behind it. */
#include "engine/bus/file_crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* reflected */

void file_crc32c_init(struct file_crc32c *crc)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ POLYNOMIAL : value >> 1;
        crc->table[0][byte] = value;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int k = 1; k < 8; k++) {
            uint32_t value = crc->table[k - 1][byte];
            crc->table[k][byte] = value >> 8 ^ crc->table[0][value & 255];
        }
}

uint32_t file_crc32c_of(const struct file_crc32c *crc, uint32_t before, struct bytes b)
{
    const uint32_t(*table)[256] = crc->table;
    const uint8_t *at = b.data;
    size_t left = b.size;
    uint32_t value = ~before;
    for (; left >= 8; at += 8, left -= 8) {
        uint32_t low;
        uint32_t high;
        memcpy(&low, at, 4);
        memcpy(&high, at + 4, 4);
        low ^= value;
        value = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
                table[4][low >> 24] ^ table[3][high & 255] ^ table[2][high >> 8 & 255] ^
                table[1][high >> 16 & 255] ^ table[0][high >> 24];
    }
    for (; left > 0; at++, left--)
        value = value >> 8 ^ table[0][(value ^ *at) & 255];
    return ~value;
}
