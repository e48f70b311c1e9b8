/*
 * format.c - is the answer in the form that was asked for, how long is it, was it cut off?
 *
 * Calls, and answers that came apart from their call (rows of content). The answer is the assistant's text as it stands: nothing is stripped or repaired before
 * the check, because the program behind the call does not repair it either. Four outcomes: pass, fail,
 * no_content (nobody captured it, or nothing came) and unparsed (it is there but cannot be read).
 * A call that only asks for tools has no form to check.
 */
#include "engine/span/content.h"
#include "engine/span/dialect.h"
#include "engine/span/row_sink.h"
#include "operators/annotate/annotate.h"

#define PARSER_BYTES ((size_t)2 * 1024 * 1024)

enum { COUNT_PASS, COUNT_FAIL, COUNT_NO_CONTENT, COUNT_UNPARSED, COUNT_TRUNCATED };

static const char *const counter_names[] = {"pass",     "fail",      "no_content",
                                            "unparsed", "truncated", NULL};
_Static_assert((int)COUNT_PASS == (int)FLAG_PASS && (int)COUNT_FAIL == (int)FLAG_FAIL &&
                   (int)COUNT_NO_CONTENT == (int)FLAG_NO_CONTENT &&
                   (int)COUNT_UNPARSED == (int)FLAG_UNPARSED,
               "outcomes are counted by their bin");

static const enum span_column reads[] = {
    SPAN_COLUMN_role,        SPAN_COLUMN_output_messages,
    SPAN_COLUMN_output_type, SPAN_COLUMN_finish_reason,   SPAN_COLUMN_COUNT,
};
static const enum span_column writes[] = {
    SPAN_COLUMN_format_bin, SPAN_COLUMN_truncated_bin, SPAN_COLUMN_words,
    SPAN_COLUMN_words_bin,  SPAN_COLUMN_COUNT,
};

static const struct layout words_layout = {LAYOUT_LOG, LAYOUT_BINS_MAX, 0, 0};

static const struct metric_spec metrics[] = {
    {.name = "format",
     .layout = {LAYOUT_FLAG, FLAG_BINS, 0, 0},
     .levels = LEVELS_TRAFFIC,
     .epoch = EPOCH_MINUTE,
     .bin_column = SPAN_COLUMN_format_bin,
     .sum_column = SPAN_COLUMN_COUNT,
     .name_column = SPAN_COLUMN_COUNT,
     .content = METRIC_OF_CONTENT_ASKED},
    {.name = "truncated",
     .layout = {LAYOUT_FLAG, FLAG_BINS, 0, 0},
     .levels = LEVELS_TRAFFIC,
     .epoch = EPOCH_MINUTE,
     .bin_column = SPAN_COLUMN_truncated_bin,
     .sum_column = SPAN_COLUMN_COUNT,
     .name_column = SPAN_COLUMN_COUNT,
     .content = METRIC_OF_CONTENT},
    {.name = "words",
     .layout = {LAYOUT_LOG, LAYOUT_BINS_MAX, 0, 0},
     .levels = LEVELS_TRAFFIC,
     .epoch = EPOCH_MINUTE,
     .bin_column = SPAN_COLUMN_words_bin,
     .sum_column = SPAN_COLUMN_words,
     .name_column = SPAN_COLUMN_COUNT,
     .content = METRIC_OF_CONTENT},
};

enum expect { EXPECT_AUTO, EXPECT_JSON, EXPECT_ANY };
static const char *const expect_names[] = {"auto", "json", "any", NULL};

struct conf {
    int expect; /* enum expect */
    bool allow_fence;
};

static const struct option options[] = {
    {.name = "format.expect",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct conf, expect),
     .default_text = "auto",
     .choices = expect_names,
     .help = "auto: calls that asked for JSON (gen_ai.output.type) must answer JSON, others are "
             "not checked; "
             "json: every call must; any: any text will do"},
    {.name = "format.allow_fence",
     .type = OPTION_BOOLEAN,
     .offset = offsetof(struct conf, allow_fence),
     .default_text = "false",
     .help = "JSON inside one ``` fence passes"},
    {.name = NULL},
};

struct scratch {
    struct json_document *messages; /* what the answer is borrowed from */
    struct json_document *answer;
};

static void open_scratch(void *memory)
{
    struct scratch *scratch = memory;
    scratch->messages = json_create(PARSER_BYTES);
    scratch->answer = json_create(PARSER_BYTES);
}

static void close_scratch(void *memory)
{
    struct scratch *scratch = memory;
    json_destroy(scratch->messages);
    json_destroy(scratch->answer);
}

static bool is_space(uint8_t c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

static struct bytes trim(struct bytes text)
{
    while (text.size > 0 && is_space(text.data[0]))
        text = bytes_of(text.data + 1, text.size - 1);
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* ```json\n…\n``` without its fence; anything else unchanged. */
static struct bytes without_fence(struct bytes text)
{
    struct bytes inner = trim(text);
    if (inner.size < 6 || memcmp(inner.data, "```", 3) != 0 ||
        memcmp(inner.data + inner.size - 3, "```", 3) != 0)
        return text;
    const uint8_t *line = memchr(inner.data, '\n', inner.size);
    const uint8_t *close = inner.data + inner.size - 3;
    if (line == NULL || line >= close)
        return text;
    return bytes_of(line + 1, (size_t)(close - line - 1));
}

static bool asked_for_json(struct bytes output_type)
{
    return bytes_equal_text(output_type, "json") || bytes_equal_text(output_type, "json_object") ||
           bytes_equal_text(output_type, "json_schema");
}

/* SPAN_BIN_ABSENT: nothing was asked for, nothing is checked. */
static uint16_t outcome(const struct conf *conf, struct scratch *scratch, bool json_asked,
                        const struct answer *answer)
{
    if (conf->expect == EXPECT_AUTO && !json_asked)
        return SPAN_BIN_ABSENT;
    switch (answer->kind) {
    case ANSWER_NONE:
        return FLAG_NO_CONTENT;
    case ANSWER_UNPARSED:
        return FLAG_UNPARSED;
    case ANSWER_TOOLS:
        return SPAN_BIN_ABSENT;
    case ANSWER_TEXT:
        break;
    }
    if (conf->expect == EXPECT_ANY)
        return FLAG_PASS;
    struct bytes text = conf->allow_fence ? without_fence(answer->text) : answer->text;
    return json_valid(scratch->answer, text) ? FLAG_PASS : FLAG_FAIL;
}

static struct answer answer_of(struct scratch *scratch, const struct span_batch *batch,
                               uint32_t row)
{
    struct answer answer =
        content_answer(batch->output_messages[row], scratch->messages, batch->arena);
    if (answer.kind == ANSWER_NONE &&
        bytes_equal_text(dialect_finish(batch->finish_reason[row]), "tool_calls"))
        answer.kind = ANSWER_TOOLS;
    return answer;
}

static void count_words(struct span_batch *batch, uint32_t row, const struct answer *answer)
{
    if (answer->kind != ANSWER_TEXT)
        return;
    batch->words[row] = content_words(answer->text);
    batch->words_bin[row] = layout_bin(&words_layout, (double)batch->words[row]);
}

/* An answer without its span: what its format would be if JSON was asked for, which the span knows. */
static void check_content(const struct annotator_call *call, struct span_batch *batch, uint32_t row)
{
    struct bytes finish = batch->finish_reason[row];
    struct bytes asked = batch->output_type[row];
    struct answer answer = answer_of(call->scratch, batch, row);
    if (bytes_present(finish))
        batch->truncated_bin[row] = dialect_finish_truncated(finish) ? FLAG_FAIL : FLAG_PASS;
    if (answer.kind == ANSWER_NONE)
        return;
    batch->format_bin[row] = outcome(call->conf, call->scratch,
                                     !bytes_present(asked) || asked_for_json(asked), &answer);
    count_words(batch, row, &answer);
}

static void check_row(const struct annotator_call *call, struct span_batch *batch, uint32_t row)
{
    struct scratch *scratch = call->scratch;
    struct bytes finish = batch->finish_reason[row];
    bool truncated = dialect_finish_truncated(finish);
    batch->truncated_bin[row] = truncated               ? FLAG_FAIL
                                : bytes_present(finish) ? FLAG_PASS
                                                        : FLAG_NO_CONTENT;
    call->counters[COUNT_TRUNCATED] += truncated;
    struct answer answer = answer_of(scratch, batch, row);
    uint16_t bin = outcome(call->conf, scratch, asked_for_json(batch->output_type[row]), &answer);
    batch->format_bin[row] = bin;
    if (bin != SPAN_BIN_ABSENT)
        call->counters[bin]++;
    count_words(batch, row, &answer);
}

static void annotate(const struct annotator_call *call, struct span_batch *batch)
{
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (batch->kind[row] == ROW_SPAN && batch->role[row] == ROLE_CALL)
            check_row(call, batch, row);
        else if (batch->kind[row] == ROW_CONTENT)
            check_content(call, batch, row);
    }
}

const struct annotator_class annotator_format = {
    .name = "format",
    .summary = "JSON where JSON was asked for, answers cut off by the token limit, length in words",
    .reads = reads,
    .writes = writes,
    .metrics = metrics,
    .metrics_count = sizeof metrics / sizeof *metrics,
    .counter_names = counter_names,
    .options = options,
    .conf_bytes = sizeof(struct conf),
    .scratch_bytes = sizeof(struct scratch),
    .annotate = annotate,
    .open = open_scratch,
    .close = close_scratch,
};
