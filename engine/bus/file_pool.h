/*
 * file_pool.h - reading pieces of many files with few of them open: the second pass.
 *
 * At most FILE_POOL_SLOTS files are open, the least recently used one is closed. A slot keeps a
 * window of its file: reading on where it ended takes a block ahead, a jump only what was asked.
 */
#ifndef ENGINE_BUS_FILE_POOL_H
#define ENGINE_BUS_FILE_POOL_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"

#define FILE_POOL_SLOTS 64

struct file_pool_slot {
    uint32_t file;
    int fd; /* -1: the slot is free */
    uint64_t last_use;
    uint8_t *data; /* the window: size bytes from position `at` */
    size_t capacity;
    size_t size;
    uint64_t at;
};

struct file_pool {
    struct file_pool_slot slots[FILE_POOL_SLOTS];
    uint64_t uses;
};

void file_pool_init(struct file_pool *pool);
void file_pool_free(struct file_pool *pool);
/* Borrowed until the next call. False when the file ends before or cannot be read. kept_fd: read
 * this one, which stays open and may be anywhere (-1: open path). */
bool file_pool_read(struct file_pool *pool, uint32_t file, const char *path, int kept_fd,
                    uint64_t at, size_t size, struct bytes *out, struct error *error);

#endif
