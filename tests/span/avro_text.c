/* avro_text.c - see avro_text.h. Records are put in order when they end. */
#include "tests/span/avro_text.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <math.h>
#include <stdio.h>

#define LEVELS_MAX 256
#define FIELDS_MAX 64

struct level {
    enum avro_mark mark;
    size_t start;
    uint32_t fields;
    uint32_t number[FIELDS_MAX];
    size_t field_start[FIELDS_MAX];
};

struct text {
    struct buffer *out;
    struct level *levels;
    uint32_t depth;
};

static void put_hex(struct buffer *out, char kind, struct bytes data)
{
    buffer_printf(out, "%c", kind);
    for (size_t i = 0; i < data.size; i++)
        buffer_printf(out, "%02x", data.data[i]);
}

static void put_value(struct buffer *out, const struct avro_event *event)
{
    static const char kinds[] = "ntilfdbsxe";
    char kind = kinds[event->type];
    switch (event->type) {
    case AVRO_NULL:
        buffer_append_text(out, "n");
        break;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        if (isnan(event->real))
            buffer_printf(out, "%cnan", kind);
        else
            buffer_printf(out, "%c%a", kind, event->real);
        break;
    case AVRO_BYTES:
    case AVRO_STRING:
    case AVRO_FIXED:
        put_hex(out, kind, event->bytes);
        break;
    default:
        buffer_printf(out, "%c%lld", kind, (long long)event->integer);
        break;
    }
}

static void sort_fields(struct text *text, struct level *level)
{
    struct buffer sorted = BUFFER_WITH_LIMIT((size_t)64 << 20);
    size_t end = text->out->size;
    for (uint32_t number = 0; number < FIELDS_MAX; number++)
        for (uint32_t i = 0; i < level->fields; i++) {
            size_t stop = i + 1 < level->fields ? level->field_start[i + 1] : end;
            if (level->number[i] != number)
                continue;
            buffer_append(&sorted, text->out->data + level->field_start[i],
                          stop - level->field_start[i]);
            buffer_append_text(&sorted, ",");
        }
    text->out->size = level->start;
    buffer_append(text->out, sorted.data, sorted.size);
    buffer_free(&sorted);
}

/* A value has ended: a comma behind it where it is one of many. */
static void comma(struct text *text)
{
    if (text->depth > 0 && text->levels[text->depth - 1].mark != AVRO_MARK_RECORD)
        buffer_append_text(text->out, ",");
}

static void take_mark(struct text *text, const struct avro_event *event)
{
    static const char open[] = {
        [AVRO_MARK_RECORD] = '{', [AVRO_MARK_ARRAY] = '[', [AVRO_MARK_MAP] = '('};
    struct level *level = text->depth > 0 ? &text->levels[text->depth - 1] : NULL;
    switch (event->mark) {
    case AVRO_MARK_FIELD:
        CHECK(level != NULL && level->fields < FIELDS_MAX && event->index < FIELDS_MAX);
        level->number[level->fields] = event->index;
        level->field_start[level->fields++] = text->out->size;
        break;
    case AVRO_MARK_BRANCH:
        buffer_printf(text->out, "u%u:", event->index);
        break;
    case AVRO_MARK_END:
        CHECK(level != NULL);
        if (level->mark == AVRO_MARK_RECORD)
            sort_fields(text, level);
        buffer_append_text(text->out, level->mark == AVRO_MARK_RECORD  ? "}"
                                      : level->mark == AVRO_MARK_ARRAY ? "]"
                                                                       : ")");
        text->depth--;
        comma(text);
        break;
    default:
        CHECK(text->depth < LEVELS_MAX);
        buffer_printf(text->out, "%c", open[event->mark]);
        text->levels[text->depth++] = (struct level){.mark = event->mark, .start = text->out->size};
        break;
    }
}

static void take(void *context, const struct avro_event *event)
{
    struct text *text = context;
    switch (event->kind) {
    case AVRO_EVENT_VALUE:
        put_value(text->out, event);
        comma(text);
        break;
    case AVRO_EVENT_KEY:
        put_hex(text->out, 'k', event->bytes);
        break;
    case AVRO_EVENT_MARK:
        take_mark(text, event);
        break;
    default:
        break;
    }
}

bool avro_text(const struct avro_program *program, struct bytes record, struct buffer *out,
               struct avro_fault *fault)
{
    struct text text = {.out = out,
                        .levels = memory_allocate_array(LEVELS_MAX, sizeof(struct level))};
    bool good = avro_events(program, record, &avro_limits_default, take, &text, fault);
    CHECK(!good || text.depth == 0);
    memory_free(text.levels);
    return good;
}

struct avro_program *avro_text_compile(struct bytes writer, struct bytes reader,
                                       struct error *error)
{
    struct avro_compile_options options = avro_compile_options_default;
    options.marks = true;
    struct avro_schema *w = avro_schema_parse(&writer, 1, &avro_schema_limits_default, error);
    struct avro_schema *r = avro_schema_parse(&reader, 1, &avro_schema_limits_default, error);
    struct avro_program *program = w && r ? avro_compile(w, r, &options, error) : NULL;
    avro_schema_destroy(w);
    avro_schema_destroy(r);
    return program;
}
