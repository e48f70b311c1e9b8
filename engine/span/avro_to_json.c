/*
 * avro_to_json.c - events into JSON: a stack of what is open, with the reader's node of each, so that marks
 * find their names. Keys are written with their value, because a loose program may deliver none.
 */
#include "engine/span/avro_to_json.h"

#include "engine/span/avro_event.h"

#define LEVELS_MAX 64 /* of the reader's schema that are open at once */
#define NO_BRANCH  UINT32_MAX

struct level {
    const struct avro_node *node;
    uint32_t item;    /* node of what comes next in it */
    struct bytes key; /* of what comes next; absent in arrays */
};

struct translation {
    const struct avro_schema *schema;
    struct json_writer json;
    struct level levels[LEVELS_MAX];
    uint32_t depth;
    uint32_t branch; /* of the union that comes next */
};

/* The node of the value that begins now. */
static const struct avro_node *node_now(struct translation *t, enum avro_type type)
{
    uint32_t number = t->depth > 0 ? t->levels[t->depth - 1].item : t->schema->root;
    const struct avro_node *node = &t->schema->nodes[number];
    if (node->type != AVRO_UNION)
        return node;
    const struct avro_field *branches = &t->schema->fields[node->first];
    uint32_t branch = t->branch;
    for (uint32_t i = 0; branch == NO_BRANCH && i < node->count; i++)
        if (t->schema->nodes[branches[i].node].type == type)
            branch = i;
    t->branch = NO_BRANCH;
    return branch < node->count ? &t->schema->nodes[branches[branch].node] : node;
}

static void put_key(struct translation *t)
{
    struct level *level = t->depth > 0 ? &t->levels[t->depth - 1] : NULL;
    if (level == NULL || !bytes_present(level->key))
        return;
    json_put_text(&t->json, level->key);
    buffer_put_u8(t->json.out, ':');
    t->json.comma = false;
    level->key = BYTES_NONE;
}

/* Each byte as the character of that number. */
static void put_bytes(struct translation *t, struct bytes raw)
{
    struct buffer wide = BUFFER_WITH_LIMIT(t->json.out->limit_bytes);
    for (size_t i = 0; i < raw.size; i++) {
        if (raw.data[i] >= 0x80)
            buffer_put_u8(&wide, (uint8_t)(0xc0 | raw.data[i] >> 6));
        buffer_put_u8(&wide,
                      raw.data[i] >= 0x80 ? (uint8_t)(0x80 | (raw.data[i] & 0x3f)) : raw.data[i]);
    }
    json_put_text(&t->json, wide.size > 0 ? buffer_bytes(&wide) : BYTES_LITERAL(""));
    buffer_free(&wide);
}

static void put_value(struct translation *t, const struct avro_event *event)
{
    put_key(t);
    t->branch = NO_BRANCH;
    switch (event->type) {
    case AVRO_NULL:
        json_put_null(&t->json);
        break;
    case AVRO_BOOLEAN:
        json_put_boolean(&t->json, event->integer != 0);
        break;
    case AVRO_INT:
    case AVRO_LONG:
        json_put_integer(&t->json, event->integer);
        break;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        json_put_real(&t->json, event->real);
        break;
    case AVRO_BYTES:
    case AVRO_FIXED:
        put_bytes(t, event->bytes);
        break;
    default:
        json_put_text(&t->json, event->bytes);
        break;
    }
}

static void open_level(struct translation *t, enum avro_mark mark)
{
    enum avro_type type = mark == AVRO_MARK_RECORD ? AVRO_RECORD
                          : mark == AVRO_MARK_MAP  ? AVRO_MAP
                                                   : AVRO_ARRAY;
    const struct avro_node *node = node_now(t, type);
    put_key(t);
    if (type == AVRO_ARRAY)
        json_open_array(&t->json);
    else
        json_open_object(&t->json);
    t->levels[t->depth++] = (struct level){
        .node = node,
        .item = type == AVRO_RECORD ? 0 : t->schema->fields[node->first].node,
    };
}

static void take_mark(struct translation *t, const struct avro_event *event)
{
    struct level *level = t->depth > 0 ? &t->levels[t->depth - 1] : NULL;
    const struct avro_field *field;
    switch (event->mark) {
    case AVRO_MARK_FIELD:
        field = &t->schema->fields[level->node->first + event->index];
        level->key = field->name;
        level->item = field->node;
        t->branch = NO_BRANCH;
        break;
    case AVRO_MARK_BRANCH:
        t->branch = event->index;
        break;
    case AVRO_MARK_END:
        t->depth--;
        if (level->node->type == AVRO_ARRAY)
            json_close_array(&t->json);
        else
            json_close_object(&t->json);
        break;
    default:
        open_level(t, event->mark);
        break;
    }
}

static void take(void *context, const struct avro_event *event)
{
    struct translation *t = context;
    if (event->kind == AVRO_EVENT_VALUE)
        put_value(t, event);
    else if (event->kind == AVRO_EVENT_MARK)
        take_mark(t, event);
    else if (event->kind == AVRO_EVENT_KEY)
        t->levels[t->depth - 1].key = event->bytes;
}

bool avro_to_json(const struct avro_program *program, const struct avro_schema *reader,
                  struct bytes record, const struct avro_limits *limits, struct buffer *out,
                  struct avro_fault *fault)
{
    struct translation t = {.schema = reader, .json = json_writer_on(out), .branch = NO_BRANCH};
    struct avro_limits own = *limits;
    if (own.depth_max >= LEVELS_MAX)
        own.depth_max = LEVELS_MAX - 1;
    return avro_events(program, record, &own, take, &t, fault) && !out->failed;
}
