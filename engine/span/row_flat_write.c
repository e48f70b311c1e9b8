/*
 * row_flat_write.c - a list of flat items as JSON: messages in the canonical form {"role","parts",
 * "finish_reason"}, documents as objects of their fields.
 */
#include "engine/span/row_flat.h"

#include "engine/base/json.h"
#include "engine/span/any_json.h"

#define JSON_BYTES ((size_t)1 << 20)

struct list {
    struct row_sink *sink;
    struct json_writer out;
    const struct flat_item *items;
    uint32_t count;
};

static struct bytes text_of(struct list *list, const struct flat_item *item)
{
    struct bytes text = row_value_text(list->sink, &item->value);
    return bytes_present(text) ? text : BYTES_LITERAL("");
}

/* Trees as they are; text that is JSON itself (arguments, blocks of content) too. */
static void put_value(struct list *list, const struct any_value *value)
{
    struct row_scratch *scratch = row_sink_scratch(list->sink);
    if (value->kind == ANY_ARRAY || value->kind == ANY_MAP) {
        json_put_raw(&list->out, BYTES_LITERAL(""));
        if (!row_value_tree(list->sink, value, list->out.out))
            buffer_append_text(list->out.out, "null");
        return;
    }
    struct bytes text = row_value_text(list->sink, value);
    bool bracket = text.size > 1 && (text.data[0] == '{' || text.data[0] == '[');
    if (bracket && scratch->json == NULL)
        scratch->json = json_create(JSON_BYTES);
    if (bracket && json_valid(scratch->json, text))
        json_put_raw(&list->out, text);
    else
        json_put_text(&list->out, bytes_present(text) ? text : BYTES_LITERAL(""));
}

static void put_member(struct list *list, const char *key, const struct flat_item *item)
{
    json_key(&list->out, key);
    put_value(list, &item->value);
}

static void open_part(struct list *list, const char *type)
{
    json_open_object(&list->out);
    json_key(&list->out, "type");
    json_put_text(&list->out, bytes_from_text(type));
}

/* The item of this field within a run of one part; NULL: none. */
static const struct flat_item *field_of(const struct flat_item *run, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal_text(run[i].field, name))
            return &run[i];
    return NULL;
}

static void put_tool_call(struct list *list, const struct flat_item *run, uint32_t count)
{
    static const char *const fields[] = {"id", "name", "arguments"};
    if (count == 1 && run->field.size > 0 && bytes_equal_text(run->field, "tool_calls")) {
        open_part(list, "tool_calls"); /* a whole list in one attribute of an event */
        put_member(list, "tool_calls", run);
        json_close_object(&list->out);
        return;
    }
    open_part(list, "tool_call");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct flat_item *item = field_of(run, count, fields[i]);
        if (item != NULL)
            put_member(list, fields[i], item);
    }
    json_close_object(&list->out);
}

static void put_part(struct list *list, const struct flat_item *run, uint32_t count, bool calls_follow)
{
    static const struct {
        const char *field, *type, *key;
    } kinds[] = {
        {"text", "text", "content"},        {"content", "text", "content"},
        {"image.image.url", "uri", "uri"},  {"audio.audio.url", "uri", "uri"},
        {"thinking", "reasoning", "content"}, {"reasoning", "reasoning", "content"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct flat_item *item = field_of(run, count, kinds[i].field);
        if (item == NULL)
            continue;
        open_part(list, kinds[i].type);
        json_key(&list->out, kinds[i].key);
        json_put_text(&list->out, text_of(list, item));
        json_close_object(&list->out);
        return;
    }
    const struct flat_item *name = field_of(run, count, "tool_call.function.name");
    const struct flat_item *id = field_of(run, count, "tool_call.id");
    const struct flat_item *arguments = field_of(run, count, "tool_call.function.arguments");
    if (name == NULL || calls_follow) /* some write their calls as parts and again as calls */
        return;
    open_part(list, "tool_call");
    if (id != NULL)
        put_member(list, "id", id);
    put_member(list, "name", name);
    if (arguments != NULL)
        put_member(list, "arguments", arguments);
    json_close_object(&list->out);
}

/* Blocks or a whole message as JSON text, and not an answer that happens to be JSON. */
static bool is_blocks(struct bytes text)
{
    static const char *const starts[] = {"[{\"type\"",       "[{\"text\"",  "[{\"toolUse\"",
                                         "[{\"toolResult\"", "[{\"image\"", "{\"role\"",
                                         "{\"content\":"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t size = strlen(starts[i]);
        if (text.size > size && memcmp(text.data, starts[i], size) == 0)
            return true;
    }
    return false;
}

static void put_text(struct list *list, const struct flat_item *item, const struct flat_item *call_id)
{
    bool tree = item->value.kind == ANY_ARRAY || item->value.kind == ANY_MAP;
    open_part(list, call_id != NULL ? "tool_call_response" : "text");
    if (call_id != NULL)
        put_member(list, "id", call_id);
    if (call_id != NULL) {
        put_member(list, "response", item);
    } else if (tree || is_blocks(text_of(list, item))) {
        put_member(list, "content", item);
    } else {
        json_key(&list->out, "content");
        json_put_text(&list->out, text_of(list, item));
    }
    json_close_object(&list->out);
}

/* All items of one message. */
static void put_message(struct list *list, const struct flat_item *run, uint32_t count)
{
    const struct flat_item *call_id = NULL, *finish = NULL;
    bool calls = false, role = false;
    json_open_object(&list->out);
    for (uint32_t i = 0; i < count; i++) {
        enum flat_class class = flat_class(&run[i]);
        calls |= class == FLAT_TOOL_CALL;
        if (class == FLAT_CALL_ID)
            call_id = &run[i];
        else if (class == FLAT_FINISH)
            finish = &run[i];
        else if (class == FLAT_ROLE && !role) {
            role = true;
            json_key(&list->out, "role");
            json_put_text(&list->out, text_of(list, &run[i]));
        }
    }
    json_key(&list->out, "parts");
    json_open_array(&list->out);
    for (uint32_t i = 0, next; i < count; i = next) {
        enum flat_class class = flat_class(&run[i]);
        for (next = i + 1; next < count && flat_class(&run[next]) == class &&
                           flat_inner(&run[next]) == flat_inner(&run[i]) && class != FLAT_TEXT;)
            next++;
        if (class == FLAT_TEXT)
            put_text(list, &run[i], call_id);
        else if (class == FLAT_PART)
            put_part(list, &run[i], next - i, calls);
        else if (class == FLAT_TOOL_CALL || class == FLAT_FUNCTION_CALL)
            put_tool_call(list, &run[i], next - i);
    }
    json_close_array(&list->out);
    if (finish != NULL) {
        json_key(&list->out, "finish_reason");
        json_put_text(&list->out, text_of(list, finish));
    }
    json_close_object(&list->out);
}

static void put_document(struct list *list, const struct flat_item *run, uint32_t count)
{
    json_open_object(&list->out);
    for (uint32_t i = 0; i < count; i++) {
        char key[40];
        size_t size = run[i].field.size < sizeof key - 1 ? run[i].field.size : sizeof key - 1;
        memcpy(key, run[i].field.data, size);
        key[size] = '\0';
        json_key(&list->out, key);
        if (run[i].value.kind == ANY_INTEGER)
            json_put_integer(&list->out, run[i].value.integer);
        else if (run[i].value.kind == ANY_REAL)
            json_put_real(&list->out, run[i].value.real);
        else
            put_value(list, &run[i].value);
    }
    json_close_object(&list->out);
}

struct bytes row_flat_write(struct row_sink *sink, const struct flat_item *items, uint32_t count)
{
    struct buffer *text = &row_sink_scratch(sink)->list;
    buffer_clear(text);
    struct list list = {sink, json_writer_on(text), items, count};
    json_open_array(&list.out);
    for (uint32_t first = 0, next; first < count; first = next) {
        for (next = first + 1; next < count && flat_index(&items[next]) == flat_index(&items[first]);)
            next++;
        if (flat_list(&items[first]) == FLAT_DOCUMENTS)
            put_document(&list, &items[first], next - first);
        else
            put_message(&list, &items[first], next - first);
    }
    json_close_array(&list.out);
    struct bytes copy = text->failed ? BYTES_NONE : arena_copy(sink->batch->arena, buffer_bytes(text));
    sink->cut_strings += !bytes_present(copy);
    return copy;
}
