/* file_pool.c - see file_pool.h. */
#define _POSIX_C_SOURCE 200809L
#include "engine/bus/file_pool.h"

#include "engine/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define AHEAD_BYTES ((size_t)128 * 1024)

void file_pool_init(struct file_pool *pool)
{
    *pool = (struct file_pool){0};
    for (int i = 0; i < FILE_POOL_SLOTS; i++)
        pool->slots[i].fd = -1;
}

static void slot_close(struct file_pool_slot *slot)
{
    if (slot->fd >= 0)
        (void)close(slot->fd);
    memory_free(slot->data);
    *slot = (struct file_pool_slot){.fd = -1};
}

void file_pool_free(struct file_pool *pool)
{
    for (int i = 0; i < FILE_POOL_SLOTS; i++)
        slot_close(&pool->slots[i]);
}

/* The slot that has the file, else the one to take for it. */
static struct file_pool_slot *slot_for(struct file_pool *pool, uint32_t file)
{
    struct file_pool_slot *oldest = &pool->slots[0];
    for (int i = 0; i < FILE_POOL_SLOTS; i++) {
        struct file_pool_slot *slot = &pool->slots[i];
        if (slot->fd >= 0 && slot->file == file)
            return slot;
        if (slot->last_use < oldest->last_use)
            oldest = slot;
    }
    return oldest;
}

static bool slot_open(struct file_pool_slot *slot, uint32_t file, const char *path, int kept_fd,
                      struct error *error)
{
    if (slot->fd >= 0 && slot->file == file)
        return true;
    slot_close(slot);
    slot->file = file;
    slot->fd = kept_fd >= 0 ? dup(kept_fd) : open(path, O_RDONLY | O_CLOEXEC);
    return slot->fd >= 0 ||
           error_set(error, ERROR_SYSTEM, "%s: cannot be opened again: %s", path, strerror(errno));
}

/* Fills the window from `at` with `wanted` bytes, or what there is. */
static bool slot_fill(struct file_pool_slot *slot, const char *path, uint64_t at, size_t wanted,
                      struct error *error)
{
    if (slot->capacity < wanted || slot->capacity > 8 * (wanted + AHEAD_BYTES)) {
        slot->data = memory_resize(slot->data, wanted);
        slot->capacity = wanted;
    }
    slot->at = at;
    slot->size = 0;
    while (slot->size < wanted) {
        ssize_t got =
            pread(slot->fd, slot->data + slot->size, wanted - slot->size, (off_t)(at + slot->size));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(error, ERROR_SYSTEM, "%s: cannot be read: %s", path, strerror(errno));
        if (got == 0)
            break;
        slot->size += (size_t)got;
    }
    return true;
}

bool file_pool_read(struct file_pool *pool, uint32_t file, const char *path, int kept_fd,
                    uint64_t at, size_t size, struct bytes *out, struct error *error)
{
    struct file_pool_slot *slot = slot_for(pool, file);
    if (!slot_open(slot, file, path, kept_fd, error))
        return false;
    slot->last_use = ++pool->uses;
    uint64_t end = slot->at + slot->size;
    bool inside = at >= slot->at && at + size <= end;
    bool reads_on = at >= slot->at && at <= end;
    size_t wanted = reads_on && size < AHEAD_BYTES ? AHEAD_BYTES : size;
    if (!inside && !slot_fill(slot, path, at, wanted, error))
        return false;
    if (slot->at + slot->size < at + size)
        return error_set(error, ERROR_INPUT,
                         "%s: has become shorter since the first pass: replay files that stay as "
                         "they are",
                         path);
    *out = bytes_of(size > 0 ? slot->data + (at - slot->at) : (const uint8_t *)"", size);
    return true;
}
