/*
 * driver.c - replays a corpus through a fuzz target without a fuzzer, so that every finding stays a
 * test under every compiler and sanitizer.
 *
 * Each file is given whole, and every prefix of the first 4 KB of it; copies have their exact size,
 * so that reading past the end is seen.
 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_one(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return perror(path), -1;
    if (fseek(file, 0, SEEK_END) != 0)
        return perror(path), fclose(file), -1;
    long size = ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
    if (bytes == NULL)
        abort();
    size_t read = fread(bytes, 1, (size_t)size, file);
    fclose(file);
    size_t step = read > 1024 ? 7 : 1;
    for (size_t prefix = 0; prefix < read && prefix < 4096; prefix += step)
        run_one(bytes, prefix);
    run_one(bytes, read);
    free(bytes);
    return 0;
}

int main(int count, char **arguments)
{
    if (count != 2)
        return fprintf(stderr, "usage: %s CORPUS_FOLDER\n", arguments[0]), 2;
    DIR *folder = opendir(arguments[1]);
    if (folder == NULL)
        return perror(arguments[1]), 1;
    unsigned files = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", arguments[1], entry->d_name);
        if (replay_file(path) != 0)
            return closedir(folder), 1;
        files++;
    }
    closedir(folder);
    printf("replayed %u files and their prefixes\n", files);
    return files > 0 ? 0 : (fprintf(stderr, "%s holds no input: add a seed\n", arguments[1]), 1);
}
