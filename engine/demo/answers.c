/* answers.c - templates of world.c with their digits drawn, wrapped as message JSON. */
#include "engine/demo/answers.h"

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/demo/world.h"

#define VARIANTS       16
#define TEXT_BYTES_MAX ((size_t)4096)

struct message {
    struct bytes json;
    bool cut;
};

struct answers {
    struct message outputs[WORLD_INTENTS][ANSWER_FORMS][VARIANTS];
    struct message inputs[WORLD_INTENTS][VARIANTS];
};

/* '#' becomes a digit, never a leading zero of a JSON number. */
static void draw_digits(const char *template, struct dice *dice, struct buffer *out)
{
    for (; *template != '\0'; template ++)
        buffer_put_u8(out, *template == '#' ? (uint8_t)('1' + dice_below(dice, 9))
                                            : (uint8_t) * template);
}

static struct bytes keep(const struct buffer *buffer)
{
    uint8_t *copy = memory_allocate_raw(buffer->size);
    memcpy(copy, buffer->data, buffer->size);
    return bytes_of(copy, buffer->size);
}

/* As OTel instrumentations write it: [{"role":…,"parts":[{"content":…,"type":"text"}],"finish_reason":…}]. */
static struct message make_message(const char *role, struct bytes text, const char *finish)
{
    struct buffer out = BUFFER_WITH_LIMIT(2 * TEXT_BYTES_MAX);
    struct json_writer json = json_writer_on(&out);
    json_open_array(&json);
    json_open_object(&json);
    json_key(&json, "role");
    json_put_text(&json, bytes_from_text(role));
    json_key(&json, "parts");
    json_open_array(&json);
    json_open_object(&json);
    json_key(&json, "content");
    json_put_text(&json, text);
    json_key(&json, "type");
    json_put_text(&json, BYTES_LITERAL("text"));
    json_close_object(&json);
    json_close_array(&json);
    if (finish != NULL) {
        json_key(&json, "finish_reason");
        json_put_text(&json, bytes_from_text(finish));
    }
    json_close_object(&json);
    json_close_array(&json);
    struct message message = {keep(&out), finish != NULL && strcmp(finish, "length") == 0};
    buffer_free(&out);
    return message;
}

static struct message make_output(const struct world_intent *intent, enum answer_form form,
                                  uint32_t variant, struct dice *dice)
{
    struct buffer text = BUFFER_WITH_LIMIT(TEXT_BYTES_MAX);
    bool fenced = form == ANSWER_BROKEN && variant % 2 == 0, cut = form == ANSWER_BROKEN && !fenced;
    buffer_append_text(&text, fenced ? "```json\n" : "");
    draw_digits(form == ANSWER_PROSE && intent->json ? intent->prose : intent->answer, dice, &text);
    buffer_append_text(&text, fenced ? "\n```" : "");
    if (cut)
        text.size = text.size * 2 / 3;
    struct message message =
        make_message("assistant", buffer_bytes(&text), cut ? "length" : "stop");
    buffer_free(&text);
    return message;
}

struct answers *answers_create(uint64_t seed)
{
    struct answers *answers = memory_allocate(sizeof *answers);
    struct dice dice = dice_fork(seed, 0x616e7377);
    for (uint32_t i = 0; i < WORLD_INTENTS; i++)
        for (uint32_t v = 0; v < VARIANTS; v++) {
            struct buffer question = BUFFER_WITH_LIMIT(TEXT_BYTES_MAX);
            draw_digits(world_intents[i].question, &dice, &question);
            answers->inputs[i][v] = make_message("user", buffer_bytes(&question), NULL);
            buffer_free(&question);
            for (int form = 0; form < ANSWER_FORMS; form++)
                answers->outputs[i][form][v] =
                    make_output(&world_intents[i], (enum answer_form)form, v, &dice);
        }
    return answers;
}

static void free_message(struct message *message)
{
    memory_free((void *)(uintptr_t)message->json.data);
}

void answers_destroy(struct answers *answers)
{
    if (answers == NULL)
        return;
    for (uint32_t i = 0; i < WORLD_INTENTS; i++)
        for (uint32_t v = 0; v < VARIANTS; v++) {
            free_message(&answers->inputs[i][v]);
            for (int form = 0; form < ANSWER_FORMS; form++)
                free_message(&answers->outputs[i][form][v]);
        }
    memory_free(answers);
}

struct bytes answers_output(const struct answers *answers, uint32_t intent, enum answer_form form,
                            struct dice *dice, bool *cut)
{
    const struct message *message = &answers->outputs[intent][form][dice_below(dice, VARIANTS)];
    *cut = message->cut;
    return message->json;
}

struct bytes answers_input(const struct answers *answers, uint32_t intent, struct dice *dice)
{
    return answers->inputs[intent][dice_below(dice, VARIANTS)].json;
}
