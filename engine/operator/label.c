/* label.c - long label values cut to a prefix and a hash; equal texts give equal labels everywhere. */
#include "engine/operator/label.h"

#include "engine/base/hash.h"

#define PREFIX_BYTES 47
#define HASH_DIGITS  16

_Static_assert(PREFIX_BYTES + 1 + HASH_DIGITS == LABEL_BYTES_MAX,
               "prefix, '~' and hash fill a label");

void label_hex64(uint64_t value, char out[16])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++)
        out[i] = digits[(value >> (60 - 4 * i)) & 15];
}

struct bytes label_fit_long(struct bytes text, struct arena *arena)
{
    size_t prefix = PREFIX_BYTES;
    while (prefix > 0 && (text.data[prefix] & 0xc0) == 0x80)
        prefix--;
    char *label = arena_alloc(arena, LABEL_BYTES_MAX);
    if (label == NULL)
        return bytes_of(text.data, prefix);
    memcpy(label, text.data, prefix);
    label[prefix] = '~';
    label_hex64(hash_bytes(text, 0), label + prefix + 1);
    return bytes_of(label, prefix + 1 + HASH_DIGITS);
}
