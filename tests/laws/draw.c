/* draw.c - pools of texts and numbers, and which columns take from which. */
#include "tests/laws/draw.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"
#define ANSWER(text)                                                                               \
    "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"" text "\"}]}]"

static const char *const texts[] = {"shop", "desk", "refund",       "order",
                                    "v1",   "v2",   "gpt-4o",       "unknown",
                                    "",     LONG,   "\xff\xfe\xc3", "a/b \"c\""};
static const char *const messages[] = {
    ANSWER("three words here"),
    ANSWER("{\\\"a\\\":1}"),
    ANSWER("```json\\n{}\\n```"),
    ANSWER(""),
    "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"name\":\"f\"}]}]",
    "[{\"role\":\"assistant\",\"content\":\"plain\"}]",
    "plain text",
    "{",
    "[]",
    "",
    "null",
    LONG,
};
static const char *const output_types[] = {"json", "text", "json_schema", "", "image"};
static const char *const finishes[] = {"stop",       "length",         "tool_calls",
                                       "max_tokens", "content_filter", ""};
static const char *const dimensions[] = {"relevance", "tone", "score", LONG};

static struct bytes pick(struct random_stream *random, const char *const *pool, size_t count)
{
    if (random_u64(random) % 8 == 0)
        return BYTES_NONE;
    return bytes_from_text(pool[random_u64(random) % count]);
}

#define PICK(pool) pick(random, pool, sizeof(pool) / sizeof *(pool))

static struct bytes draw_bytes(struct random_stream *random, enum span_column column,
                               uint8_t id[16])
{
    switch (column) {
    case SPAN_COLUMN_trace_id:
        return random_u64(random) % 12 ? bytes_of(id, 16) : BYTES_NONE;
    case SPAN_COLUMN_span_id:
    case SPAN_COLUMN_parent_span_id:
        return bytes_of(id + 4, 8);
    case SPAN_COLUMN_system_instructions:
    case SPAN_COLUMN_input_messages:
    case SPAN_COLUMN_output_messages:
        return PICK(messages);
    case SPAN_COLUMN_output_type:
        return PICK(output_types);
    case SPAN_COLUMN_finish_reason:
        return PICK(finishes);
    case SPAN_COLUMN_dimension:
        return PICK(dimensions);
    case SPAN_COLUMN_error_type:
        return random_u64(random) % 6 ? BYTES_NONE : BYTES_LITERAL("timeout");
    default:
        return PICK(texts);
    }
}

static int64_t draw_integer(struct random_stream *random, enum span_column column)
{
    static const int64_t odd[] = {SPAN_I64_ABSENT, SPAN_I64_ABSENT, 0,      -1,
                                  INT64_MAX,       INT64_MIN + 1,   1 << 20};
    bool plausible = random_u64(random) % 8 > 0;
    if (column == SPAN_COLUMN_end_ns || column == SPAN_COLUMN_start_ns)
        return plausible ? ((int64_t)1700000000 - (int64_t)(random_u64(random) % 400)) * 1000000000
                         : SPAN_I64_ABSENT;
    if (!plausible)
        return odd[random_u64(random) % (sizeof odd / sizeof *odd)];
    if (column == SPAN_COLUMN_role)
        return random_u64(random) % 2 ? ROLE_CALL
                                      : (int64_t)(random_u64(random) % (ROLE_CALL_ADDENDUM + 1));
    return (int64_t)(random_u64(random) % 3);
}

static double draw_real(struct random_stream *random)
{
    static const double odd[] = {0.0, -1.0, 6.0, 1e300, -1e300};
    uint64_t kind = random_u64(random) % 8;
    return kind == 0   ? __builtin_nan("")
           : kind == 1 ? odd[random_u64(random) % 5]
                       : 1.0 + 4.0 * random_uniform(random);
}

static void draw_cell(struct random_stream *random, struct drawn *drawn, enum span_column column,
                      uint32_t row)
{
    void *cells = span_batch_column(drawn->batch, column);
    switch (span_column_type(column)) {
    case SPAN_TYPE_bytes:
        ((struct bytes *)cells)[row] = draw_bytes(random, column, drawn->ids[row]);
        break;
    case SPAN_TYPE_i64:
        ((int64_t *)cells)[row] = draw_integer(random, column);
        break;
    case SPAN_TYPE_f64:
        ((double *)cells)[row] = draw_real(random);
        break;
    case SPAN_TYPE_bin:
        ((uint16_t *)cells)[row] =
            random_u64(random) % 4 ? (uint16_t)(random_u64(random) % 5) : SPAN_BIN_ABSENT;
        break;
    }
}

struct drawn *drawn_create(void)
{
    struct drawn *drawn = memory_allocate(sizeof *drawn);
    drawn->batch = span_batch_create(DRAW_ROWS_MAX);
    memset(&drawn->batch->wanted, 0xff, sizeof drawn->batch->wanted);
    return drawn;
}

void drawn_destroy(struct drawn *drawn)
{
    span_batch_destroy(drawn->batch);
    memory_free(drawn);
}

void draw_rows(struct drawn *drawn, uint32_t rows, uint64_t seed)
{
    static const enum row_kind kinds[] = {ROW_SPAN,    ROW_SPAN,    ROW_SPAN,
                                          ROW_SPAN,    ROW_VERDICT, ROW_VERDICT,
                                          ROW_CONTENT, ROW_LABEL,   ROW_FEEDBACK};
    struct random_stream random = random_seed(seed);
    CHECK(rows <= DRAW_ROWS_MAX);
    span_batch_reset(drawn->batch);
    for (uint32_t row = 0; row < rows; row++) {
        (void)span_batch_add(drawn->batch,
                             kinds[random_u64(&random) % (sizeof kinds / sizeof *kinds)],
                             (struct row_origin){row, 0});
        for (int i = 0; i < 16; i++)
            drawn->ids[row][i] = (uint8_t)random_u64(&random);
        for (enum span_column column = 0; column < SPAN_COLUMN_COUNT; column++)
            draw_cell(&random, drawn, column, row);
    }
}

void draw_column(struct drawn *drawn, enum span_column column, uint64_t seed)
{
    struct random_stream random = random_seed(seed);
    for (uint32_t row = 0; row < drawn->batch->rows; row++)
        draw_cell(&random, drawn, column, row);
}

void draw_clear_column(struct span_batch *batch, enum span_column column)
{
    void *cells = span_batch_column(batch, column);
    for (uint32_t row = 0; row < batch->rows; row++) {
        switch (span_column_type(column)) {
        case SPAN_TYPE_bytes:
            ((struct bytes *)cells)[row] = BYTES_NONE;
            break;
        case SPAN_TYPE_i64:
            ((int64_t *)cells)[row] = SPAN_I64_ABSENT;
            break;
        case SPAN_TYPE_f64:
            ((double *)cells)[row] = __builtin_nan("");
            break;
        case SPAN_TYPE_bin:
            ((uint16_t *)cells)[row] = SPAN_BIN_ABSENT;
            break;
        }
    }
}

size_t draw_cell_bytes(enum span_column column)
{
    static const size_t sizes[] = {[SPAN_TYPE_bytes] = sizeof(struct bytes),
                                   [SPAN_TYPE_i64] = sizeof(int64_t),
                                   [SPAN_TYPE_f64] = sizeof(double),
                                   [SPAN_TYPE_bin] = sizeof(uint16_t)};
    return sizes[span_column_type(column)];
}

static const uint8_t *cell_at(const struct span_batch *batch, enum span_column column, uint32_t row)
{
    return (const uint8_t *)span_batch_column(batch, column) + row * draw_cell_bytes(column);
}

void draw_copy_row(const struct span_batch *from, uint32_t row, struct span_batch *to)
{
    uint32_t at = span_batch_add(to, (enum row_kind)from->kind[row], from->origin[row]);
    for (enum span_column column = 0; column < SPAN_COLUMN_COUNT; column++)
        memcpy((uint8_t *)span_batch_column(to, column) + at * draw_cell_bytes(column),
               cell_at(from, column, row), draw_cell_bytes(column));
}

bool draw_same(const struct span_batch *a, uint32_t row_a, const struct span_batch *b,
               uint32_t row_b, enum span_column column)
{
    const uint8_t *one = cell_at(a, column, row_a), *other = cell_at(b, column, row_b);
    if (span_column_type(column) != SPAN_TYPE_bytes)
        return memcmp(one, other, draw_cell_bytes(column)) == 0;
    struct bytes x, y;
    memcpy(&x, one, sizeof x);
    memcpy(&y, other, sizeof y);
    return bytes_present(x) == bytes_present(y) && bytes_equal(x, y);
}
