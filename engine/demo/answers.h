/*
 * answers.h - what people ask and models say, ready as message JSON: a pool per intent, filled once.
 */
#ifndef ENGINE_DEMO_ANSWERS_H
#define ENGINE_DEMO_ANSWERS_H

#include "engine/demo/dice.h"

enum answer_form {
    ANSWER_AS_ASKED, /* JSON where JSON was asked for, else a sentence */
    ANSWER_PROSE,    /* a sentence although JSON was asked for */
    ANSWER_BROKEN,   /* JSON in a fence, or cut off */
    ANSWER_FORMS
};

struct answers;

struct answers *answers_create(uint64_t seed);
void answers_destroy(struct answers *answers);
/* gen_ai.output.messages and gen_ai.input.messages; borrowed for as long as the pool lives. *cut: the
 * answer stops at the token limit. */
struct bytes answers_output(const struct answers *answers, uint32_t intent, enum answer_form form,
                            struct dice *dice, bool *cut);
struct bytes answers_input(const struct answers *answers, uint32_t intent, struct dice *dice);

#endif
