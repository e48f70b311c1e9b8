/*
 * position_number.h - numbers in the metadata of committed offsets: "1 s=17 t=1700000000000 d=4711 w=a".
 */
#ifndef ENGINE_FLOW_POSITION_NUMBER_H
#define ENGINE_FLOW_POSITION_NUMBER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The number behind this name (with the space before it and "="); `missing` when there is none. */
static inline int64_t position_number(const char *metadata, const char *name, int64_t missing)
{
    const char *at = strstr(metadata, name);
    if (at == NULL)
        return missing;
    char *end = NULL;
    long long value = strtoll(at + strlen(name), &end, 10);
    return end == at + strlen(name) ? missing : value;
}

#endif
