/*
 * yaml.c - the one home of libfyaml: its events become a tree of our own, within limits.
 *
 * The event parser is asked for one event at a time, so every limit is checked before anything grows.
 * An alias shares its anchor's children; what it would be when written out is counted, so a bomb is
 * refused although it would cost nothing here. Nothing recurses.
 */
#include "engine/base/yaml_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/table.h"
#include "engine/base/utf8.h"

#include <libfyaml.h>

#define TREE_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define DEPTH_MAX 32
#define NODES_MAX 100000u /* as if every alias were written out */
#define ANCHORS_MAX 256

struct level {
    struct yaml_node *node;
    struct yaml_node *first, *last; /* children so far */
    struct bytes anchor;
};

/* What building needs and the finished document does not. */
struct builder {
    struct yaml_document *document;
    struct error *error;
    struct level levels[DEPTH_MAX];
    unsigned depth;
    struct {
        struct bytes name;
        const struct yaml_node *node; /* NULL while it is still open */
    } anchors[ANCHORS_MAX];
    unsigned anchors_count;
    struct table keys; /* hash of (mapping, key) to nothing: has it been there? */
    const struct yaml_node **key_nodes;
    uint32_t key_nodes_count;
    uint32_t expanded;
    unsigned documents;
};

/* ---- positions and errors ------------------------------------------------------------------------ */

static bool refuse_at(const struct builder *builder, int line, int column, const char *what)
{
    return error_set(builder->error, ERROR_INPUT, "%s:%d:%d: %s", builder->document->name, line, column, what);
}

/* ---- building ------------------------------------------------------------------------------------ */

static struct yaml_node *new_node(struct builder *builder, enum yaml_kind kind, struct fy_event *event)
{
    struct yaml_node *node = arena_alloc(builder->document->arena, sizeof *node);
    if (node == NULL)
        return NULL;
    *node = (struct yaml_node){.document = builder->document, .kind = kind, .expanded = 1, .line = 1, .column = 1};
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark != NULL) {
        node->line = mark->line + 1;
        node->column = mark->column + 1;
    }
    return node;
}

/* Keys stand at even places of a mapping; they must be text and be there once. */
static bool check_key(struct builder *builder, const struct level *level, const struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR)
        return yaml_node_error(node, builder->error, "a list or mapping cannot be a key; write plain text before the colon");
    uint64_t hash = hash_bytes(node->text, (uint64_t)(uintptr_t)level->node);
    uint32_t cursor = 0;
    for (uint32_t n = table_first(&builder->keys, hash, &cursor); n != TABLE_NONE; n = table_next(&builder->keys, hash, &cursor)) {
        const struct yaml_node *other = builder->key_nodes[n];
        if (bytes_equal(other->text, node->text))
            return yaml_node_error(node, builder->error, "\"%.*s\" is here twice, first on line %d; remove one", BYTES_FMT(node->text),
                                   other->line);
    }
    builder->key_nodes[builder->key_nodes_count] = node;
    table_insert(&builder->keys, hash, builder->key_nodes_count++);
    return true;
}

static bool add_node(struct builder *builder, struct yaml_node *node)
{
    builder->expanded += node->expanded;
    if (builder->expanded > NODES_MAX)
        return yaml_node_error(node, builder->error, "more than %u values (aliases count as often as they are used); split the file",
                               NODES_MAX);
    if (builder->depth == 0) {
        builder->document->root = node;
        return true;
    }
    struct level *level = &builder->levels[builder->depth - 1];
    bool is_key = level->node->kind == YAML_MAPPING && level->node->children_count % 2 == 0;
    if (is_key && !check_key(builder, level, node))
        return false;
    if (level->last != NULL)
        level->last->next = node;
    else
        level->first = node;
    level->last = node;
    level->node->children_count++;
    return true;
}

static bool add_anchor(struct builder *builder, struct bytes name, const struct yaml_node *node)
{
    if (!bytes_present(name))
        return true;
    if (builder->anchors_count == ANCHORS_MAX)
        return yaml_node_error(node, builder->error, "more than %d anchors; write the values out", ANCHORS_MAX);
    builder->anchors[builder->anchors_count].name = name;
    builder->anchors[builder->anchors_count++].node = node;
    return true;
}

static struct bytes token_text(struct builder *builder, struct fy_token *token)
{
    size_t size = 0;
    const char *text = token ? fy_token_get_text(token, &size) : NULL;
    return text ? arena_copy(builder->document->arena, bytes_of(text, size)) : BYTES_NONE;
}

static bool out_of_room(struct builder *builder)
{
    return error_set(builder->error, ERROR_LIMIT, "%s: needs more than %zu MiB when read; split the file", builder->document->name,
                     TREE_BYTES_MAX >> 20);
}

/* Nothing behind "key:" or "-" has no place of its own, and libfyaml's versions invent different ones: it
 * stands where its key or neighbour stands. */
static void place_nothing(const struct builder *builder, struct yaml_node *node)
{
    if (builder->depth == 0)
        return;
    const struct level *level = &builder->levels[builder->depth - 1];
    const struct yaml_node *at = level->last != NULL ? level->last : level->node;
    node->line = at->line;
    node->column = at->column;
}

static bool add_scalar(struct builder *builder, struct fy_event *event)
{
    struct yaml_node *node = new_node(builder, YAML_SCALAR, event);
    if (node == NULL)
        return out_of_room(builder);
    node->text = token_text(builder, event->scalar.value);
    if (!bytes_present(node->text))
        node->text = BYTES_LITERAL("");
    if (node->text.size == 0 && fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN)
        place_nothing(builder, node);
    return add_node(builder, node) && add_anchor(builder, token_text(builder, event->scalar.anchor), node);
}

/* The newest anchor of that name counts; one that is still open would contain itself. */
static bool add_alias(struct builder *builder, struct fy_event *event)
{
    struct yaml_node *node = new_node(builder, YAML_SCALAR, event);
    if (node == NULL)
        return out_of_room(builder);
    struct bytes name = token_text(builder, event->alias.anchor);
    for (unsigned i = 0; i < builder->depth; i++)
        if (bytes_present(builder->levels[i].anchor) && bytes_equal(builder->levels[i].anchor, name))
            return yaml_node_error(node, builder->error, "*%.*s stands inside itself", BYTES_FMT(name));
    for (unsigned i = builder->anchors_count; i > 0; i--) {
        const struct yaml_node *target = builder->anchors[i - 1].node;
        if (!bytes_equal(builder->anchors[i - 1].name, name))
            continue;
        int line = node->line;
        int column = node->column;
        *node = *target;
        node->line = line;
        node->column = column;
        node->next = NULL;
        return add_node(builder, node);
    }
    return yaml_node_error(node, builder->error, "no anchor &%.*s before this place", BYTES_FMT(name));
}

static bool open_container(struct builder *builder, enum yaml_kind kind, struct fy_event *event, struct fy_token *anchor)
{
    struct yaml_node *node = new_node(builder, kind, event);
    if (node == NULL)
        return out_of_room(builder);
    if (builder->depth == DEPTH_MAX)
        return yaml_node_error(node, builder->error, "nested more than %d levels deep", DEPTH_MAX);
    if (!add_node(builder, node))
        return false;
    builder->levels[builder->depth++] = (struct level){.node = node, .anchor = token_text(builder, anchor)};
    return true;
}

static bool close_container(struct builder *builder)
{
    CHECK(builder->depth > 0);
    struct level *level = &builder->levels[--builder->depth];
    struct yaml_node *node = level->node;
    node->children = arena_alloc(builder->document->arena, (node->children_count + 1) * sizeof(struct yaml_node *));
    if (node->children == NULL)
        return out_of_room(builder);
    uint32_t at = 0;
    for (struct yaml_node *child = level->first; child != NULL; child = child->next) {
        node->children[at++] = child;
        node->expanded += child->expanded;
    }
    return add_anchor(builder, level->anchor, node);
}

static bool has_tag(const struct fy_event *event)
{
    return (event->type == FYET_SCALAR && event->scalar.tag != NULL) || (event->type == FYET_MAPPING_START && event->mapping_start.tag != NULL) ||
           (event->type == FYET_SEQUENCE_START && event->sequence_start.tag != NULL);
}

static bool take_event(struct builder *builder, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    int line = mark ? mark->line + 1 : 1;
    int column = mark ? mark->column + 1 : 1;
    if (has_tag(event))
        return refuse_at(builder, line, column, "tags (!…) mean nothing here; remove it");
    switch (event->type) {
    case FYET_DOCUMENT_START:
        return ++builder->documents == 1 || refuse_at(builder, line, column, "a second document; keep one per file");
    case FYET_SCALAR:
        return add_scalar(builder, event);
    case FYET_ALIAS:
        return add_alias(builder, event);
    case FYET_MAPPING_START:
        return open_container(builder, YAML_MAPPING, event, event->mapping_start.anchor);
    case FYET_SEQUENCE_START:
        return open_container(builder, YAML_SEQUENCE, event, event->sequence_start.anchor);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return close_container(builder);
    default:
        return true;
    }
}

/* ---- running libfyaml ---------------------------------------------------------------------------- */

static void print_nothing(struct fy_diag *diag, void *user, const char *text, size_t size)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)size;
}

static struct fy_diag *create_diagnostics(void)
{
    struct fy_diag_cfg cfg;
    fy_diag_cfg_default(&cfg);
    cfg.fp = NULL;
    cfg.output_fn = print_nothing;
    struct fy_diag *diag = fy_diag_create(&cfg);
    CHECK(diag != NULL);
    fy_diag_set_collect_errors(diag, true);
    return diag;
}

static void report_syntax(struct builder *builder, struct fy_diag *diag)
{
    void *cursor = NULL;
    const struct fy_diag_error *first = fy_diag_errors_iterate(diag, &cursor);
    if (first == NULL || first->msg == NULL)
        refuse_at(builder, 1, 1, "not YAML");
    else
        refuse_at(builder, first->line > 0 ? first->line : 1, first->column > 0 ? first->column : 1, first->msg);
}

/* libfyaml would take two odd bytes for UTF-16: only plain UTF-8 text goes to it. */
static bool check_text(const struct builder *builder, struct bytes text)
{
    const uint8_t *end = text.data + text.size;
    const uint8_t *line_start = text.data;
    int line = 1;
    for (const uint8_t *at = text.data; at < end;) {
        bool valid = false;
        size_t length = utf8_step(at, end, &valid);
        if (!valid || *at == 0)
            return refuse_at(builder, line, (int)(at - line_start) + 1, "not UTF-8 text; save the file as UTF-8");
        if (*at == '\n') {
            line++;
            line_start = at + 1;
        }
        at += length;
    }
    return true;
}

static bool build(struct builder *builder, struct bytes text)
{
    if (!check_text(builder, text))
        return false;
    struct fy_diag *diag = create_diagnostics();
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    CHECK(parser != NULL);
    bool good = fy_parser_set_string(parser, (const char *)text.data, text.size) == 0;
    bool ended = false;
    while (good && !ended) {
        struct fy_event *event = fy_parser_parse(parser);
        if (event == NULL)
            break;
        ended = event->type == FYET_STREAM_END;
        good = take_event(builder, event);
        fy_parser_event_free(parser, event);
    }
    if (good && !ended) {
        report_syntax(builder, diag);
        good = false;
    }
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return good;
}

struct yaml_document *yaml_parse(const char *name, struct bytes text, struct error *error)
{
    if (text.size > YAML_FILE_BYTES_MAX) {
        error_set(error, ERROR_LIMIT, "%s: larger than %zu MiB; split the file", name, YAML_FILE_BYTES_MAX >> 20);
        return NULL;
    }
    struct yaml_document *document = memory_allocate(sizeof *document);
    document->arena = arena_create(TREE_BYTES_MAX);
    document->name = memory_copy_text(name);
    if (text.size == 0)
        return document;
    struct builder *builder = memory_allocate(sizeof *builder);
    builder->document = document;
    builder->error = error;
    builder->key_nodes = memory_allocate_array(NODES_MAX, sizeof *builder->key_nodes);
    bool good = build(builder, text);
    table_free(&builder->keys);
    memory_free(builder->key_nodes);
    memory_free(builder);
    if (good)
        return document;
    yaml_destroy(document);
    return NULL;
}
